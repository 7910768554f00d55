//! `hotsplice mcp`, asked by the client of the protocol's own SDK.

use std::io::Write;
use std::process::Stdio;

use hotsplice_tests::program::{Program, Workspace, wait_for};
use hotsplice_tests::pythons;
use rmcp::model::{CallToolRequestParams, CallToolResult};
use rmcp::service::RunningService;
use rmcp::{RoleClient, ServiceExt};
use serde_json::{Value, json};

const PROGRAM: &str = "import sys\n\nLIMIT = 5\n\ndef greet(name):\n    return 'hello ' + name\n\nprint('ready', flush=True)\nfor line in sys.stdin:\n    print(eval(line), flush=True)\n";

fn program(workspace: &Workspace) -> Program {
    let script = workspace.write("app.py", PROGRAM);
    let mut program = workspace.run(pythons::newest(), &[&script.display().to_string()]);
    program.wait_line("ready");
    workspace.sessions(1);
    program
}

/// The server and a client that has greeted it.
struct Agent {
    server: tokio::process::Child,
    client: RunningService<RoleClient, ()>,
}

impl Agent {
    async fn start(workspace: &Workspace) -> Self {
        let mut command = tokio::process::Command::from(workspace.hotsplice());
        command.arg("mcp").stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut server = command.spawn().expect("hotsplice starts");
        let streams = (server.stdout.take().expect("piped"), server.stdin.take().expect("piped"));
        let client = ().serve(streams).await.expect("the server greets");
        Self { server, client }
    }

    async fn call(&self, tool: &'static str, arguments: Value) -> CallToolResult {
        let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
        let request = CallToolRequestParams::new(tool).with_arguments(arguments);
        self.client.call_tool(request).await.expect("an answer")
    }

    /// The structured answer of a call that succeeds.
    async fn answer(&self, tool: &'static str, arguments: Value) -> Value {
        let result = self.call(tool, arguments).await;
        assert_ne!(result.is_error, Some(true), "{result:?}");
        result.structured_content.expect("structured")
    }

    /// What a call that fails says.
    async fn failure(&self, tool: &'static str, arguments: Value) -> (String, Option<Value>) {
        let result = self.call(tool, arguments).await;
        assert_eq!(result.is_error, Some(true), "{result:?}");
        let text = result.content.iter().filter_map(|block| Some(block.as_text()?.text.clone()));
        (text.collect::<Vec<_>>().join("\n"), result.structured_content)
    }

    /// Goes away, and gives the server's exit code.
    async fn hang_up(mut self) -> Option<i32> {
        drop(self.client);
        self.server.wait().await.expect("it ran").code()
    }
}

/// Whether a value has every property that the schema requires, of the type that it says.
fn fits(value: &Value, schema: &Value) -> bool {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let names = required.iter().filter_map(Value::as_str);
    schema["type"] == "object" && value.is_object() && names.into_iter().all(|name| value.get(name).is_some())
}

#[tokio::test]
async fn an_agent_patches_foresees_and_undoes() {
    let workspace = Workspace::new();
    let mut program = program(&workspace);
    let agent = Agent::start(&workspace).await;
    let tools = agent.client.list_all_tools().await.expect("a list");
    let schema = |tool: &str| {
        let found = tools.iter().find(|it| it.name == tool).unwrap_or_else(|| panic!("no tool {tool}"));
        Value::Object((**found.output_schema.as_ref().expect("a schema")).clone())
    };

    let sessions = agent.answer("sessions", json!({})).await;
    assert!(fits(&sessions, &schema("sessions")), "{sessions}");
    assert_eq!(sessions["sessions"][0]["pid"], program.child.id());
    assert_eq!(agent.answer("diff", json!({})).await["differences"], json!([]));

    workspace.write("app.py", &PROGRAM.replace("'hello '", "'welcome '"));
    let diff = agent.answer("diff", json!({})).await;
    let text = diff["differences"][0]["unified_diff"].as_str().expect("a text");
    assert!(text.contains("-    return 'hello ' + name\n+    return 'welcome ' + name\n"), "{text}");

    let foreseen = agent.answer("patch", json!({ "files": ["app.py"], "dry_run": true })).await;
    assert!(foreseen["summary"][0].as_str().is_some_and(|line| line.ends_with("would apply 1 edit")), "{foreseen}");
    assert_eq!(program.ask("greet('you')"), "hello you");

    let patched = agent.answer("patch", json!({})).await;
    assert!(fits(&patched, &schema("patch")), "{patched}");
    assert_eq!(patched["results"][0]["committed"], true);
    assert_eq!(patched["results"][0]["edits"][0]["verdict"], "applied");
    assert_eq!(program.ask("greet('you')"), "welcome you");
    let status = agent.answer("status", json!({ "pid": program.child.id() })).await;
    assert_eq!(status["sessions"][0]["patched"][0]["definition"], "greet");
    let nothing = agent.answer("patch", json!({})).await;
    assert!(nothing["summary"][0].as_str().is_some_and(|line| line.starts_with("nothing to change")), "{nothing}");

    // One function of a text that is nowhere on disk.
    let text = PROGRAM.replace("'hello '", "'goodbye '").replace("LIMIT = 5", "LIMIT = 6");
    agent.answer("patch", json!({ "files": ["app.py"], "function": "greet", "text": text })).await;
    assert_eq!(program.ask("(greet('you'), LIMIT)"), "('goodbye you', 5)");
    agent.answer("undo", json!({})).await;
    agent.answer("undo", json!({ "files": ["app.py"], "function": "greet" })).await;
    assert_eq!(program.ask("greet('you')"), "hello you");
    let (nothing, _) = agent.failure("undo", json!({})).await;
    assert!(nothing.starts_with("HS0013: nothing is left to undo"), "{nothing}");

    let explained = agent.answer("explain", json!({ "code": "hs0103" })).await;
    assert!(explained["text"].as_str().is_some_and(|text| text.starts_with("# HS0103: ")), "{explained}");
    assert_eq!(agent.hang_up().await, Some(0));
    assert_eq!(program.wait(), Some(0));
}

#[tokio::test]
async fn an_agent_reads_what_the_program_printed_and_raised_since() {
    for python in [&pythons::all()[0], pythons::newest()] {
        let workspace = Workspace::new();
        let text = PROGRAM.replace("import sys", "import sys, io, contextlib").replace(
            "print(eval(line), flush=True)",
            "\n    try:\n        print(eval(line), flush=True)\n    except Exception as error:\n        print(repr(error), flush=True)",
        );
        let script = workspace.write("app.py", &text);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("ready");
        workspace.sessions(1);
        let agent = Agent::start(&workspace).await;
        let before = agent.answer("output", json!({})).await;
        assert_eq!(before["sessions"][0]["printed"], json!([]), "{before}");
        assert_eq!(program.ask("'before the patch'"), "before the patch");
        workspace.write("app.py", &text.replace("'hello ' + name", "'welcome ' + name.strip()"));
        agent.answer("patch", json!({})).await;
        assert_eq!(program.ask("greet('you')"), "welcome you");
        assert!(program.ask("greet(7)").starts_with("AttributeError"));
        assert_eq!(program.ask("sys.stderr.write('to the terminal')"), "15");
        // Its own streams are no business of whoever watches.
        let own = "contextlib.redirect_stdout(io.StringIO()).__enter__().write('own')";
        program.send(own);
        program.send("sys.__stdout__.write('none of it\\n')");
        assert_eq!(program.line(), "none of it");
        let output = agent.answer("output", json!({ "pid": program.child.id() })).await;
        let session = &output["sessions"][0];
        let printed = |stream: &str| -> String {
            let all = session["printed"].as_array().expect("a list").iter().filter(|it| it["stream"] == stream);
            all.filter_map(|it| it["text"].as_str()).collect()
        };
        assert!(printed("stdout").starts_with("welcome you\nAttributeError("), "{output}");
        assert!(!printed("stdout").contains("own") && printed("stderr") == "to the terminal", "{output}");
        assert!(session["patched_at"].is_number() && session["missing"] == json!([]), "{output}");
        match python.minor {
            ..12 => assert_eq!(session["raised"], Value::Null),
            _ => {
                let raised = &session["raised"][0];
                assert_eq!((&raised["exception"], &raised["line"]), (&json!("AttributeError"), &json!(6)), "{output}");
                assert_eq!(session["raised"].as_array().map(Vec::len), Some(1), "{output}");
                assert_eq!(raised["definition"], "greet");
            }
        }
        let all = agent.answer("output", json!({ "all": true })).await;
        let first = all["sessions"][0]["printed"][0]["text"].as_str().expect("a text");
        assert!(first.starts_with("before the patch\nwelcome you\n"), "{all}");
        assert_eq!(agent.hang_up().await, Some(0));
        assert_eq!(program.wait(), Some(0));
    }
}

#[tokio::test]
async fn what_is_refused_is_an_error_with_reasons() {
    let workspace = Workspace::new();
    let mut program = program(&workspace);
    let agent = Agent::start(&workspace).await;
    let broken = PROGRAM.replace("'hello '", "'welcome '").replace("LIMIT = 5", "LIMIT = absent");
    workspace.write("app.py", &broken);
    let (text, structured) = agent.failure("patch", json!({})).await;
    let answer = structured.expect("structured");
    assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON"), answer);
    assert_eq!(answer["results"][0]["committed"], false, "{answer}");
    let edits = answer["results"][0]["edits"].as_array().expect("edits");
    let limit = edits.iter().find(|edit| edit["definition"] == "LIMIT").expect("an edit of it");
    assert_eq!((&limit["verdict"], &limit["code"]), (&json!("refused"), &json!("HS0103")));
    let advice = answer["advice"].as_array().expect("advice");
    assert!(advice.iter().any(|it| it["code"] == "HS0103" && it["what_to_do"].is_string()), "{answer}");
    assert_eq!(program.ask("greet('you')"), "hello you");
    let (text, structured) = agent.failure("patch", json!({ "files": ["app.py"], "rest": true })).await;
    assert_eq!(structured.expect("structured")["results"][0]["committed"], true, "{text}");
    assert_eq!(program.ask("(greet('you'), LIMIT)"), "('welcome you', 5)");

    // What would be refused is an answer.
    workspace.write("app.py", "def greet(:\n");
    let foreseen = agent.answer("patch", json!({ "dry_run": true })).await;
    assert_eq!(foreseen["results"][0]["edits"][0]["code"], "HS0101", "{foreseen}");

    for (tool, arguments, said) in [
        ("patch", json!({ "files": ["absent.py"] }), "HS0011: "),
        ("patch", json!({ "files": ["app.py"], "pid": 1 }), "HS0005: process 1 is not registered"),
        ("patch", json!({ "function": "greet" }), "HS0003: "),
        ("patch", json!({ "files": ["app.py"], "function": "greet" }), "HS0101"),
        ("patch", json!({ "file": "app.py" }), "unknown field `file`"),
        ("patch", json!({ "files": "app.py" }), "invalid type: string"),
        ("undo", json!({ "function": "greet" }), "HS0003: "),
        ("diff", json!({ "session": "7-7" }), "HS0005: there is no session 7-7"),
        ("explain", json!({ "code": "HS9999" }), "there is no code HS9999"),
        ("explain", json!({}), "missing field `code`"),
    ] {
        let (text, _) = agent.failure(tool, arguments).await;
        assert!(text.contains(said), "{tool}: {text}");
    }
    assert!(agent.client.call_tool(CallToolRequestParams::new("absent")).await.is_err());
    assert_eq!(program.wait(), Some(0));
    let none = agent.answer("sessions", json!({})).await;
    assert!(none["note"].as_str().is_some_and(|note| note.contains("hotsplice run")), "{none}");
    assert_eq!(agent.hang_up().await, Some(0));
}

#[tokio::test]
async fn a_process_that_a_reloader_ends_is_an_error_that_names_it() {
    let workspace = Workspace::new();
    let quiet =
        "X = 1\nif __name__ == '__main__':\n    import sys\n    print('ready', flush=True)\n    sys.stdin.read()\n";
    workspace.write("app.py", quiet);
    let text = "import subprocess, sys\nsubprocess.run([sys.executable, 'app.py'])\nprint('ended', flush=True)\nsys.stdin.read()\n";
    let supervisor = workspace.write("supervisor.py", text).display().to_string();
    let mut program = workspace.run(pythons::newest(), &[&supervisor, "--reload"]);
    program.wait_line("ready");
    workspace.sessions(2);
    let agent = Agent::start(&workspace).await;
    workspace.write("app.py", &quiet.replace("X = 1", "import os, signal\nX = os.kill(os.getpid(), signal.SIGKILL)"));
    let (text, _) = agent.failure("patch", json!({ "files": ["app.py"] })).await;
    for part in ["HS0002", "supervisor.py --reload", "run it without `--reload`"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    program.wait_line("ended");
    assert_eq!(agent.hang_up().await, Some(0));
}

#[tokio::test]
async fn an_agent_mends_a_call_that_is_held() {
    let workspace = Workspace::new();
    let script = workspace.write("app.py", PROGRAM).display().to_string();
    let arguments = ["--guard", "app.greet", "--hold-for", "300", &script];
    let mut program = workspace.run(pythons::all().iter().rfind(|python| python.minor >= 12).expect("one"), &arguments);
    program.wait_line("ready");
    workspace.sessions(1);
    let agent = Agent::start(&workspace).await;
    let none = agent.answer("holds", json!({})).await;
    assert!(none["note"].as_str().is_some_and(|note| note.contains("hotsplice guard")), "{none}");
    assert!(agent.failure("retry", json!({})).await.0.contains("HS0023"));

    program.send("greet(7)");
    wait_for("the hold", || workspace.call(&["holds", "--json"]).json().get(0).cloned());
    let held = agent.answer("holds", json!({})).await["holds"][0].clone();
    assert_eq!(
        (&held["function"], &held["line"], &held["variables"]["name"]),
        (&json!("greet"), &json!(6), &json!("7"))
    );
    assert_eq!(held["frames"][0]["function"], "greet");
    assert!(agent.failure("return", json!({ "expression": "nam" })).await.0.contains("HS0024"));
    let looked = agent.answer("debug", json!({ "command": "p name * 2" })).await;
    assert!(looked["output"].as_str().is_some_and(|output| output.starts_with("14\n")), "{looked}");
    assert_eq!(agent.answer("debug", json!({ "command": "q" })).await["state"], "ended");
    assert!(agent.failure("retry", json!({ "frame": 9 })).await.0.contains("HS0023"));
    workspace.write("app.py", &PROGRAM.replace("+ name", "+ str(name)").replace("LIMIT = 5", "LIMIT = 1 / 0"));
    agent.failure("retry", json!({})).await;
    workspace.write("app.py", &PROGRAM.replace("+ name", "+ str(name)"));
    let answered = agent.answer("retry", json!({ "hold": held["hold"] })).await;
    assert_eq!(
        (&answered["function"], &answered["patched"]["results"][0]["committed"]),
        (&json!("greet"), &json!(true))
    );
    program.wait_line("hello 7");

    program.send("greet(*[])");
    wait_for("nothing but the end", || program.child.try_wait().ok().flatten());
    agent.hang_up().await;
}

/// Lines as they come, beside any client.
#[test]
fn what_is_no_message_harms_nothing() {
    let workspace = Workspace::new();
    let mut command = workspace.hotsplice();
    command.arg("mcp");
    let mut server = Program::start(command);
    server.send("{ this is no message");
    let greeting = json!({
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": { "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "test", "version": "0" } },
    });
    server.send(&greeting.to_string());
    let greeted: Value = serde_json::from_str(&server.line()).expect("JSON");
    assert_eq!(greeted["result"]["serverInfo"]["name"], "hotsplice", "{greeted}");
    server.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string());
    for line in ["", "[]", "{}", "no message", "{\"jsonrpc\": \"2.0\", \"id\": 7, \"method\": \"no/such\"}"] {
        server.send(line);
    }
    server.send(&json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" }).to_string());
    wait_for("the list of tools", || {
        let answer: Value = serde_json::from_str(&server.line()).expect("JSON");
        (answer["id"] == 2)
            .then(|| assert_eq!(answer["result"]["tools"].as_array().map(Vec::len), Some(12), "{answer}"))
    });
    assert_eq!(server.wait(), Some(0), "{}", server.stderr());
}

/// What it has asked for is brought to its end.
#[test]
fn a_client_that_hangs_up_in_the_middle_of_a_patch_harms_nothing() {
    let workspace = Workspace::new();
    let text = PROGRAM.replace("import sys\n", "import os, sys, time\n").replace(
        "\nLIMIT = 5\n",
        "\ndef wait():\n    open('begun', 'w').close()\n    while not os.path.exists('on'):\n        time.sleep(0.01)\n    return 7\n\nLIMIT = 5\n",
    );
    let script = workspace.write("app.py", &text);
    let mut program = workspace.run(pythons::newest(), &[&script.display().to_string()]);
    program.wait_line("ready");
    workspace.sessions(1);
    let mut command = workspace.hotsplice();
    command.arg("mcp").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut server = command.spawn().expect("hotsplice starts");
    let mut input = server.stdin.take().expect("piped");
    let edited = text.replace("LIMIT = 5", "LIMIT = wait()").replace("'hello '", "'welcome '");
    let call = json!({ "name": "patch", "arguments": { "files": ["app.py"], "text": edited, "run_statements": true } });
    for message in [
        json!({
            "jsonrpc": "2.0", "id": 1, "method": "initialize",
            "params": { "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "test", "version": "0" } },
        }),
        json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }),
        json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call }),
    ] {
        writeln!(input, "{message}").expect("it reads");
    }
    wait_for("the patch to be evaluated", || workspace.path().join("begun").exists().then_some(()));
    drop(input);
    drop(server.stdout.take());
    workspace.write("on", "");
    let ended = wait_for("the server's end", || server.try_wait().expect("a child"));
    assert!(ended.code().is_some(), "{ended}");
    let seen = wait_for("the patch to be over", || {
        let status = workspace.call(&["status", "--json"]).expect(0).json();
        let seen = program.ask("(greet('you'), LIMIT)");
        (status[0]["patched"] != json!([]) || seen.contains("hello")).then_some(seen)
    });
    // Whole, or not at all.
    assert!(["('welcome you', 7)", "('hello you', 5)"].contains(&seen.as_str()), "{seen}");
    workspace.write("app.py", &text.replace("'hello '", "'good day '"));
    workspace.call(&["patch", "app.py"]).expect(0);
    assert_eq!(program.ask("greet('you')"), "good day you");
    assert_eq!(program.wait(), Some(0));
}

#[test]
fn a_client_that_never_greets_leaves_no_server() {
    let workspace = Workspace::new();
    let mut command = workspace.hotsplice();
    let mut server = command.arg("mcp").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("hotsplice starts");
    server.stdin.take().expect("piped").write_all(b"{\"jsonrpc\":").expect("written");
    assert!(server.wait().expect("it ran").code().is_some());
}
