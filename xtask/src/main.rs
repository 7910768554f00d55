//! Every chore of the project, one file each. Nothing has to be set up first: what a chore needs it makes under `target/`.

mod attaching;
mod bench;
mod calls;
mod check;
mod count;
mod demo;
mod editors;
mod guards;
mod history;
mod identity;
mod large;
mod package;
mod peers;
mod programs;
mod saves;
mod shell;
mod site;
mod subject;
mod test;
mod tools;
mod torture;
mod zig;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's chores")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// The server and the agent, as they are tested
    Build,
    /// Format, lints, every test on every Python that is found
    Test,
    /// Format, lints and the rules of ARCHITECTURE.md
    Check,
    /// The editors' clients, in the real editors that are found
    Editors(editors::Arguments),
    /// A real Flask application, patched from an editor while it serves
    Demo,
    /// A project's real history, replayed into a live process and tried by its own tests
    History(history::Arguments),
    /// From edit to live: how long it takes, stage by stage
    Bench(bench::Arguments),
    /// Writes docs/what-works.md from the behaviour cases
    Docs,
    /// The documentation as a site, under target/
    Site,
    /// Slow stress tests, which rarely find anything
    Torture(torture::Arguments),
    /// The wheel with the server in it, and the extension for VS Code, under target/
    Package,
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().chore {
        Chore::Build => shell::build(),
        Chore::Test => test::run(),
        Chore::Check => check::run(),
        Chore::Editors(arguments) => editors::run(&arguments),
        Chore::Demo => demo::run(),
        Chore::History(arguments) => history::run(&arguments),
        Chore::Bench(arguments) => bench::run(&arguments),
        Chore::Docs => {
            let page = hotsplice_tests::repository().join("docs/what-works.md");
            Ok(std::fs::write(page, hotsplice_tests::what_works::page())?)
        }
        Chore::Site => site::run(),
        Chore::Torture(arguments) => torture::run(&arguments),
        Chore::Package => {
            let wheel = package::run()?;
            println!("{}", wheel.display());
            println!("{}", package::vscode(&wheel)?.display());
            Ok(())
        }
    }
}
