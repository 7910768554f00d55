//! `hotsplice env`: what to set so that a Python that somebody else starts (a debugger, a service) can be patched.

use std::process::ExitCode;

use clap::Args;
use hotsplice_channel::codes;
use serde_json::{Map, Value};

use super::{Failure, output, run};

#[derive(Args)]
#[command(
    after_help = "Examples:\n  eval \"$(hotsplice env)\"        every Python started from this shell can be patched\n  hotsplice env --json           for programs that start others"
)]
pub struct Arguments {
    /// Print a JSON object
    #[arg(long)]
    pub json: bool,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let mut variables = Map::new();
    for (name, value) in run::environment(&run::agent_folder(None)?)? {
        let value = value.into_string().map_err(|value| {
            Failure::new(codes::BAD_MESSAGE, format!("{name} is not valid UTF-8: {}", value.to_string_lossy()))
        })?;
        variables.insert(name.to_owned(), Value::String(value));
    }
    if arguments.json {
        output::print_json(&Value::Object(variables));
    } else {
        for (name, value) in &variables {
            // What is in single quotes means itself to every shell, but for the quote.
            let quoted = value.as_str().unwrap_or_default().replace('\'', "'\\''");
            output::line(&format!("export {name}='{quoted}'"));
        }
    }
    Ok(ExitCode::SUCCESS)
}
