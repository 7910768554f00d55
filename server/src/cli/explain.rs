//! `hotsplice explain`: what a code means, and what to do.

use std::process::ExitCode;

use clap::Args;

use super::{Failure, output};
use crate::explanations;

#[derive(Args)]
pub struct Arguments {
    /// As a verdict shows it: HS0103
    code: String,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let text = explanations::of(&arguments.code).ok_or_else(|| explanations::unknown(&arguments.code))?;
    output::line(text.trim_end());
    Ok(ExitCode::SUCCESS)
}
