//! `hotsplice explain`: what a code means, and what to do.

use std::process::ExitCode;

use clap::Args;
use hotsplice_channel::codes;

use super::{Failure, output};
use crate::explanations;

#[derive(Args)]
pub struct Arguments {
    /// As a verdict shows it: HS0103
    code: String,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let text = explanations::of(&arguments.code).ok_or_else(|| {
        let known = codes::ALL.first().zip(codes::ALL.last()).map(|(first, last)| (first.code, last.code));
        let (first, last) = known.unwrap_or_default();
        Failure::new(codes::BAD_MESSAGE, format!("there is no code {}; they go from {first} to {last}", arguments.code))
    })?;
    output::line(text.trim_end());
    Ok(ExitCode::SUCCESS)
}
