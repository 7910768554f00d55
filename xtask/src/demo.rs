//! A real Flask application under `hotsplice run`, and an editor that patches it while it serves.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use hotsplice_tests::lsp::Editor;
use hotsplice_tests::program::{Program, Workspace, wait_for};

use crate::{package, shell, tools};

const APPLICATION: &str = r#"from flask import Flask

app = Flask(__name__)
visits = 0


@app.route("/")
def index():
    global visits
    visits += 1
    return f"Hello, visitor {visits}!"
"#;

pub fn run() -> anyhow::Result<()> {
    println!("Building the wheel and an environment with Flask …");
    let wheel = package::run()?;
    let environment = tools::environment("demo", &["flask"])?;
    let mut install = Command::new(environment.join("bin/python"));
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--force-reinstall", "--no-deps"]);
    install.arg(&wheel);
    shell::run_quietly(install)?;

    let workspace = Workspace::with_program(environment.join("bin/hotsplice"));
    let view = workspace.write("shop.py", APPLICATION);
    let port = free_port()?;
    let mut command = workspace.hotsplice();
    command.args(["run", "-m", "flask", "--app", "shop", "run", "--port", &port.to_string()]);
    println!("\n$ {}", shell::show(&command));
    let server = Program::start(command);
    let first = wait_for("the first page", || get(port).ok());
    let pid = workspace.sessions(1)[0].pid;
    println!("  GET /  →  {first}        (process {pid})");
    println!("  GET /  →  {}", get(port)?);

    let mut editor = Editor::start(&workspace);
    editor.wait_sessions(1);
    editor.open(&view, APPLICATION);
    println!("\nIn the editor, without saving: Hello → Welcome back");
    let line = APPLICATION.lines().position(|line| line.contains("Hello")).context("the view")? as u32;
    let edited = APPLICATION.replace("Hello", "Welcome back");
    editor.change(&view, &edited);
    let titles: Vec<String> = editor.actions(&view, line).into_iter().map(|(title, _)| title).collect();
    println!("Code actions: {}", titles.join(" · "));
    let started = Instant::now();
    let answer = editor.choose(&view, line, "Hot-patch function `index`");
    let took = started.elapsed();
    ensure!(answer[0]["committed"] == true, "not committed: {answer:#}");
    let page = get(port)?;
    println!("  GET /  →  {page}   ({:.1} ms from the choice to live)", took.as_secs_f64() * 1000.0);
    let timings = answer[0]["timings"].as_object().context("timings")?;
    let stages: Vec<String> = timings.iter().map(|(stage, time)| format!("{stage} {time}")).collect();
    println!("Stages in µs: {}", stages.join(", "));

    ensure!(page == "Welcome back, visitor 3!", "the page says {page:?}");
    ensure!(workspace.sessions(1)[0].pid == pid, "the process is another one");
    println!("The new text, the same process {pid}, and the counter went on.");
    drop(editor);
    drop(server);
    Ok(())
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// The body of the page.
fn get(port: u16) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    write!(stream, "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.contains(" 200 ") => Ok(body.to_owned()),
        _ => bail!("no page: {answer}"),
    }
}
