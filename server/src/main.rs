//! The program: all of it is in the library, so that whoever builds both compiles it once.

use std::process::ExitCode;

fn main() -> ExitCode {
    hotsplice::main()
}
