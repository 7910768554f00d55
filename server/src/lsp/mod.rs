use crate::cli::Failure;
use std::process::ExitCode;
pub fn serve() -> Result<ExitCode, Failure> {
    Ok(ExitCode::SUCCESS)
}
