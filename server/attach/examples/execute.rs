//! `execute PID STATEMENT`: has a Python process execute a statement.

fn main() {
    let mut words = std::env::args().skip(1);
    let (Some(pid), Some(statement)) = (words.next().and_then(|pid| pid.parse().ok()), words.next()) else {
        eprintln!("usage: execute PID STATEMENT");
        std::process::exit(2);
    };
    if let Err(error) = hotsplice_attach::execute(pid, &statement) {
        eprintln!("process {pid}: {error}");
        std::process::exit(1);
    }
}
