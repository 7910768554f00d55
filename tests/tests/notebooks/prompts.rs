//! What is typed at real prompts.

use hotsplice_tests::program::{Called, Workspace};
use hotsplice_tests::{pythons, repository};
use serde_json::json;

const PROMPT: [&str; 6] = [
    "def greet(name='you'):\n    return 'hello ' + name\n",
    "class View:\n    def get(self):\n        return greet()\n",
    "view, held = View(), greet",
    "def greet(name='all'):\n    return 'welcome ' + name\n",
    "class View:\n    def get(self):\n        return greet().upper()\n",
    "print(view.get(), type(view) is View, held is greet, flush=True)",
];

#[test]
fn what_is_defined_again_at_the_prompt_is_patched_in_place() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        let mut prompt = workspace.run(python, &[]);
        PROMPT.iter().for_each(|input| prompt.send(input));
        assert_eq!(prompt.line(), "WELCOME ALL True True");
        prompt.send("def fails():\n    raise KeyError(1)\n");
        prompt.send("fails()");
        prompt.send("'it goes on'");
        assert_eq!(prompt.line(), "'it goes on'");
        assert_eq!(prompt.wait(), Some(0));
        let errors = prompt.stderr();
        assert!(errors.contains("    raise KeyError(1)\n") && errors.contains("Type \"help\""), "{errors}");
        assert!(!errors.contains("hotsplice"), "{errors}");
    }
}

/// CPython 3.13 and later have a prompt of their own for terminals; before that it is `readline`'s.
#[test]
fn the_prompt_of_a_terminal_is_that_of_its_python() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        let steps = json!([
            [">>> ", "def greet(): return 'hello'\n"],
            [">>> ", "held = greet"],
            [">>> ", "def greet(): return 'wel' + 'come'\n"],
            [">>> ", "print(held(), held is greet, 'pyre' + 'pl', '_pyrepl.console' in __import__('sys').modules)"],
            // What is typed while it prints would stand in between.
            ["welcome True pyrepl ", null],
            [">>> ", "exit()"],
        ]);
        let hotsplice = workspace.hotsplice();
        let mut command = std::process::Command::new(&python.path);
        command.envs(hotsplice.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("NO_COLOR", "1").env("TERM", "xterm").env_remove("PYTHON_BASIC_REPL").env("HOME", workspace.path());
        command.current_dir(workspace.path()).arg(repository().join("tests/terminal.py")).arg(steps.to_string());
        command.arg(hotsplice.get_program()).args(["run", "--python"]).arg(&python.path);
        let shown = Called(command.output().expect("the interpreter starts")).expect(0).text();
        let has_own = python.minor >= 13;
        assert!(shown.contains(if has_own { "pyrepl True" } else { "pyrepl False" }), "{}: {shown}", python.name());
    }
}
