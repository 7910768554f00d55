//! A held call is tried again, from further up too, returns a value or raises.

use hotsplice_tests::holding::{LONG, able, held, holds};
use hotsplice_tests::program::{Workspace, wait_for};
use hotsplice_tests::pythons::{self};
use hotsplice_tests::wire::Wire;
use serde_json::{Value, json};

use super::{TRAIN, guarded};

#[test]
fn a_held_call_is_mended_and_tried_again_from_the_command_line() {
    for python in able() {
        let workspace = Workspace::new();
        let mut program = guarded(&workspace, python, TRAIN);
        let hold = held(&workspace);
        assert_eq!(hold["function"], "evaluate");
        assert_eq!(hold["error"], "ZeroDivisionError: division by zero");
        assert_eq!(hold["line"], 6);
        assert_eq!(hold["variables"]["total"], "44");
        // What is refused leaves it held.
        workspace.write("train.py", "def evaluate(:\n");
        workspace.call(&["retry"]).expect(1);
        assert_eq!(holds(&workspace).len(), 1);
        workspace.write("train.py", &TRAIN.replace("total / len(items)", "total / (len(items) or 1)"));
        let told = workspace.call(&["retry"]).expect(0).text();
        // The call that is held is the one that takes the new code.
        assert!(told.contains("HS0309: 1 call that has failed and is held takes the new code"), "{told}");
        assert!(!told.contains("HS0306"), "{told}");
        program.wait_line("result 44.0");
        assert_eq!(program.wait(), Some(0));
    }
}

#[test]
fn a_call_further_up_begins_again() {
    let workspace = Workspace::new();
    let mut program = guarded(&workspace, pythons::newest(), TRAIN);
    let hold = held(&workspace);
    let frames = hold["frames"].as_array().expect("calls");
    let names: Vec<_> = frames.iter().filter_map(|frame| frame["function"].as_str()).collect();
    assert_eq!(names, ["evaluate", "main"]);
    assert_eq!((&frames[0]["guarded"], &frames[1]["line"]), (&json!(true), &json!(12)));
    assert!(workspace.call(&["holds"]).expect(0).text().contains("\n    1 main ("));
    assert!(workspace.call(&["retry", "--frame", "2"]).expect(2).errors().contains("HS0023"));
    workspace.write("train.py", &TRAIN.replace("evaluate(total, 0)", "evaluate(total, 4)"));
    let told = workspace.call(&["retry", "--frame", "1"]).expect(0).text();
    assert!(told.contains("HS0309: 1 call that has failed and is held takes the new code"), "{told}");
    assert!(!told.contains("HS0306") && told.contains("evaluate is tried again from main"), "{told}");
    program.wait_line("result 11.0");
    assert_eq!(program.wait(), Some(0));
}

/// One that suspends, and one that gives its argument another value: where the arguments are not kept the reason is reported.
#[test]
fn a_call_further_up_that_has_not_kept_its_arguments_begins_again_where_it_is_guarded() {
    let text = "\
import asyncio
def divide(x):
    return 1 / x
def rebinding(x):
    x -= 5
    return divide(x)
async def later(x):
    await asyncio.sleep(0)
    return rebinding(x)
async def main():
    print('gives', await later(5), flush=True)
asyncio.run(main())
";
    for python in able() {
        let workspace = Workspace::new();
        let script = workspace.write("train.py", text).display().to_string();
        let mut program = workspace.run(python, &["--guard", "train.divide", "--hold-for", LONG, &script]);
        let refused = |hold: &Value| -> Vec<String> {
            let frames = hold["frames"].as_array().cloned().unwrap_or_default();
            frames.iter().map(|frame| frame["refused"].as_str().unwrap_or_default().chars().take(6).collect()).collect()
        };
        // What is above a task does not get its exception.
        assert_eq!(refused(&held(&workspace)), ["", "HS0623", "HS0622", "HS0622"]);
        let told = workspace.call(&["retry", "--no-patch", "--frame", "1"]).expect(2).errors();
        assert!(told.contains("HS0623: rebinding can't begin again") && told.contains("hotsplice guard"), "{told}");
        workspace.call(&["return", "2"]).expect(0);
        program.wait_line("gives 2");

        for (frame, mended) in [("1", "x -= 4"), ("2", "x -= 4"), ("3", "x -= 4")] {
            workspace.write("train.py", text);
            let mut program = guarded(&workspace, python, text);
            assert_eq!(refused(&held(&workspace)), ["", "", "", ""]);
            workspace.write("train.py", &text.replace("x -= 5", mended));
            workspace.call(&["retry", "--frame", frame]).expect(0);
            program.wait_line("gives 1.0");
            assert_eq!(program.wait(), Some(0));
        }
    }
}

/// An exception that is caught on its way would never come there.
#[test]
fn only_calls_that_the_exception_comes_to_begin_again() {
    let text = "\
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'site-packages'))
import library
def divide(x):
    return 1 / x
def handler(x):
    return divide(x)
class Gone:
    def __del__(self): handler(0)
def main():
    print(library.served(handler, 0))
    Gone()
    print('end', flush=True)
main()
";
    let workspace = Workspace::new();
    let library = "def served(handler, x):\n    try: return handler(x)\n    except Exception: return 'failed'\n";
    workspace.write("site-packages/library.py", library);
    let mut program = guarded(&workspace, pythons::newest(), text);
    let names = |hold: &Value| -> Vec<String> {
        let frames = hold["frames"].as_array().cloned().unwrap_or_default();
        frames.iter().filter_map(|frame| frame["function"].as_str().map(str::to_owned)).collect()
    };
    assert_eq!(names(&held(&workspace)), ["divide", "handler"]);
    workspace.call(&["raise"]).expect(0);
    program.wait_line("failed");
    assert_eq!(names(&held(&workspace)), ["divide", "handler", "Gone.__del__"]);
    workspace.write("train.py", &text.replace("handler(0)", "handler(1)"));
    workspace.call(&["retry", "--frame", "2"]).expect(0);
    program.wait_line("end");
    assert_eq!(program.wait(), Some(0));
}

#[test]
fn a_held_call_returns_a_value_or_raises() {
    let workspace = Workspace::new();
    let mut program = guarded(&workspace, pythons::newest(), TRAIN);
    let hold = held(&workspace);
    let name = hold["hold"].as_str().expect("a name");
    assert!(workspace.call(&["return", "totl"]).expect(2).errors().contains("HS0024"));
    assert!(workspace.call(&["raise", "99"]).expect(2).errors().contains("HS0023"));
    workspace.call(&["return", "[total for _ in items] or -n - 1", "--hold", name]).expect(0);
    program.wait_line("result -1");
    assert_eq!(program.wait(), Some(0));

    let mut program = guarded(&workspace, pythons::newest(), TRAIN);
    held(&workspace);
    workspace.call(&["raise"]).expect(0);
    // `main` is guarded, too: what was decided is not asked again.
    assert_eq!(program.wait(), Some(1));
    assert!(program.stderr().contains("ZeroDivisionError"));
    assert!(workspace.call(&["raise"]).expect(2).errors().contains("HS0005"));
}

#[test]
fn an_expression_that_does_not_end_leaves_the_call_held() {
    for python in able() {
        let workspace = Workspace::new();
        let mut program = guarded(&workspace, python, TRAIN);
        held(&workspace);
        let mut wire = Wire::connect(&workspace.sessions(1)[0]);
        wire.hello(hotsplice_channel::PROTOCOL).expect("an answer");
        let endless = "[0 for _ in iter(int, 1) if False]";
        let asked = json!({ "hold": 1, "answer": "return", "expression": endless, "time_limit_ms": 200 });
        wire.request(2, "hold/answer", &asked).expect("it is read");
        let answer = wait_for("the answer", || wire.receive().filter(|message| message["id"] == 2));
        assert_eq!(answer["error"]["data"]["code"], "HS0024", "{answer}");
        assert_eq!(holds(&workspace).len(), 1);
        workspace.call(&["return", "'after it'"]).expect(0);
        program.wait_line("result after it");
    }
}
