//! What a patch does not run by itself is offered at its line, and runs when it is chosen.

use hotsplice_tests::lsp::{Editor, uri};
use hotsplice_tests::program::Workspace;
use hotsplice_tests::pythons;
use serde_json::{Value, json};

const APP: &str = "\
import sys

def register(function):
    function.tag = 'old'
    return function

def build():
    return [1]

TABLE = build()
TWICE = TABLE * 2

@register
def view():
    pass

seen = []
seen.append(1)
print('ready', flush=True)
for line in sys.stdin:
    print(TABLE, TWICE, view.tag, seen, flush=True)
";

fn codes(diagnostics: &Value) -> Vec<(u64, String)> {
    let shown = diagnostics["diagnostics"].as_array().into_iter().flatten();
    shown
        .map(|one| {
            (
                one["range"]["start"]["line"].as_u64().unwrap_or_default(),
                one["code"].as_str().unwrap_or_default().to_owned(),
            )
        })
        .collect()
}

#[test]
fn computed_values_and_decorators_run_again_when_that_is_chosen() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        let path = workspace.write("app.py", APP);
        let mut program = workspace.run(python, &[&path.display().to_string()]);
        program.wait_line("ready");
        let mut editor = Editor::start(&workspace);
        editor.wait_sessions(1);
        editor.open(&path, APP);
        let edited = APP.replace("[1]", "[2]").replace("'old'", "'new'");
        editor.change(&path, &edited);
        editor.patch_file(&path);
        let wanted = [(9, "HS0403".to_owned()), (12, "HS0403".to_owned())];
        editor.wait_notification("textDocument/publishDiagnostics", |shown| codes(shown) == wanted);
        program.send("");
        assert_eq!(program.line(), "[1] [1, 1] old [1]");

        let shown = json!([{
            "range": { "start": { "line": 9, "character": 0 }, "end": { "line": 9, "character": 15 } },
            "code": "HS0403", "source": "hotsplice", "message": "…",
        }]);
        let offered = editor.request(
            "textDocument/codeAction",
            json!({
                "textDocument": { "uri": uri(&path) },
                "range": { "start": { "line": 9, "character": 2 }, "end": { "line": 9, "character": 2 } },
                "context": { "diagnostics": shown, "only": ["quickfix"] },
            }),
        );
        assert_eq!(offered[0]["title"], "Compute `TABLE` again in the process");
        assert_eq!(offered[0]["diagnostics"][0]["code"], "HS0403");
        let titles: Vec<&str> =
            offered.as_array().into_iter().flatten().filter_map(|fix| fix["title"].as_str()).collect();
        assert_eq!(titles[1..], ["Undo hot-patch", "Explain HS0403"], "only quick fixes: {offered}");

        editor.choose(&path, 9, "Compute `TABLE` again in the process");
        // What was said of the other line stays.
        editor.wait_notification("textDocument/publishDiagnostics", |shown| codes(shown) == wanted[1..]);
        program.send("");
        assert_eq!(program.line(), "[2] [2, 2] old [1]");
        editor.choose(&path, 12, "Run the decorators of `view` again in the process");
        editor.wait_notification("textDocument/publishDiagnostics", |shown| codes(shown).is_empty());
        program.send("");
        assert_eq!(program.line(), "[2] [2, 2] new [1]");

        // From the command line, by the line.
        workspace.write("app.py", &edited);
        workspace.call(&["patch", "app.py", "--again", "18"]).expect(0);
        program.send("");
        assert_eq!(program.line(), "[2] [2, 2] new [1, 1]");
        let refused = workspace.call(&["patch", "app.py", "--again", "7"]).expect(1);
        assert!(refused.text().contains("function without decorators"), "{}", refused.text());
    }
}

const FIELDS: &str = "\
import sys
from dataclasses import dataclass, field

@dataclass
class Options:
    size: int = 1
    name: str = 'a'

@dataclass
class Wide(Options):
    size: int = 1

@dataclass(frozen=True)
class Point:
    x: int = 0

options, other, wide, point = Options(), Options(7), Wide(), Point()
print('ready', flush=True)
for line in sys.stdin:
    print(options, other, wide, point, Options(), flush=True)
";

#[test]
fn objects_take_the_new_default_of_a_field_when_that_is_chosen() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        let path = workspace.write("app.py", FIELDS);
        let mut program = workspace.run(python, &[&path.display().to_string()]);
        program.wait_line("ready");
        let mut editor = Editor::start(&workspace);
        editor.wait_sessions(1);
        editor.open(&path, FIELDS);
        let edited = FIELDS.replacen("size: int = 1", "size: int = 2", 1).replace("x: int = 0", "x: int = 5");
        editor.change(&path, &edited);
        editor.patch_file(&path);
        let wanted = [(5, "HS0410".to_owned()), (14, "HS0410".to_owned())];
        editor.wait_notification("textDocument/publishDiagnostics", |shown| codes(shown) == wanted);
        program.send("");
        assert_eq!(
            program.line(),
            "Options(size=1, name='a') Options(size=7, name='a') Wide(size=1, name='a') Point(x=0) Options(size=2, name='a')"
        );
        editor.choose(&path, 5, "Give existing objects the new default");
        editor.wait_notification("textDocument/publishDiagnostics", |shown| !codes(shown).contains(&wanted[0]));
        program.send("");
        assert_eq!(
            program.line(),
            "Options(size=2, name='a') Options(size=7, name='a') Wide(size=1, name='a') Point(x=0) Options(size=2, name='a')"
        );

        // From the command line, by the line of the field.
        workspace.write("app.py", &edited);
        let taken = workspace.call(&["patch", "app.py", "--again", "15"]).expect(0);
        assert!(taken.text().contains("HS0411"), "{}", taken.text());
        program.send("");
        assert!(program.line().contains("Point(x=5)"));
    }
}

#[test]
fn a_kept_value_is_given_up_when_that_is_chosen() {
    let workspace = Workspace::new();
    let subject = workspace.write("subject.py", "LIMIT = 1\ndef limit():\n    return LIMIT\n");
    let path = workspace.write(
        "app.py",
        "import sys\nimport subject\nsubject.LIMIT = 5\nprint('ready', flush=True)\nfor line in sys.stdin:\n    print(subject.limit(), flush=True)\n",
    );
    let mut program = workspace.run(pythons::newest(), &[&path.display().to_string()]);
    program.wait_line("ready");
    let mut editor = Editor::start(&workspace);
    editor.wait_sessions(1);
    editor.open(&subject, "LIMIT = 1\ndef limit():\n    return LIMIT\n");
    editor.change(&subject, "LIMIT = 2\ndef limit():\n    return LIMIT\n");
    let told = editor.patch_file(&subject);
    assert_eq!(told[0]["edits"][0]["code"], "HS0402", "{told}");
    program.send("");
    assert_eq!(program.line(), "5");
    // It may be what the user wants: then there is no more to say.
    editor.choose(&subject, 0, "Keep the process's value of `LIMIT`");
    editor.wait_notification("textDocument/publishDiagnostics", |shown| codes(shown).is_empty());
    program.send("");
    assert_eq!(program.line(), "5");
    editor.change(&subject, "LIMIT = 3\ndef limit():\n    return LIMIT\n");
    editor.patch_file(&subject);
    editor.change(&subject, "LIMIT = 2\ndef limit():\n    return LIMIT\n");
    editor.patch_file(&subject);
    editor.choose(&subject, 0, "Give `LIMIT` the value of the text");
    program.send("");
    assert_eq!(program.line(), "2");
}

/// Each class looks at another helper that is edited: of its decorator, its base's hook, its metaclass, its descriptor.
const LOOKED_AT: &str = "\
import sys

def label(text):
    return 'old ' + text

def named(cls):
    cls.title = label(cls.__name__)
    return cls

class Base:
    def __init_subclass__(cls):
        cls.below = label('base')

class Meta(type):
    def __init__(cls, *arguments):
        cls.meta = label('meta')

class Field:
    def __set_name__(self, owner, name):
        self.name = label(name)

@named
class Decorated:
    hits = []

class Below(Base):
    hits = []

class Made(metaclass=Meta):
    hits = []

class Row:
    hits = []
    age = Field()

held = [Decorated(), Below(), Made(), Row()]
for one in held:
    one.hits.append(1)
print('ready', flush=True)
for line in sys.stdin:
    same = [type(one) is new for one, new in zip(held, [Decorated, Below, Made, Row])]
    print(held[0].title, held[1].below, type(held[2]).meta, held[3].age.name, same, [one.hits for one in held], sep=', ', flush=True)
";

#[test]
fn a_class_is_built_again_at_its_line_and_its_objects_go_on() {
    for python in [pythons::newest(), &pythons::all()[0]] {
        let workspace = Workspace::new();
        let path = workspace.write("app.py", LOOKED_AT);
        let mut program = workspace.run(python, &[&path.display().to_string()]);
        program.wait_line("ready");
        let edited = LOOKED_AT.replace("'old '", "'new '");
        let line_of =
            |wanted: &str| LOOKED_AT.lines().position(|line| line.starts_with(wanted)).expect("a line") as u32;
        workspace.write("app.py", &edited);
        workspace.call(&["patch", "app.py"]).expect(0);
        let same = "[True, True, True, True], [[1], [1], [1], [1]]";
        program.send("");
        assert_eq!(program.line(), format!("old Decorated, old base, old meta, old age, {same}"));

        // From the command line, by any line of its head.
        for (class, now) in [
            ("@named", "new Decorated, old base, old meta, old age"),
            ("class Below", "new Decorated, new base, old meta, old age"),
            ("class Made", "new Decorated, new base, new meta, old age"),
        ] {
            let again = (line_of(class) + 1).to_string();
            let called = workspace.call(&["patch", "app.py", "--again", &again]).expect(0);
            program.send("");
            assert_eq!(program.line(), format!("{now}, {same}"), "{}", called.text());
        }
        // In an editor, where it is called what it is.
        let mut editor = Editor::start(&workspace);
        editor.open(&path, &edited);
        editor.wait_sessions(1);
        let row = line_of("class Row");
        editor
            .command("hotsplice.runAgain", json!([{ "uri": uri(&path), "position": { "line": row, "character": 0 } }]));
        program.send("");
        assert_eq!(program.line(), format!("new Decorated, new base, new meta, new age, {same}"));
    }
}

#[test]
fn an_editor_offers_to_build_a_class_again() {
    let workspace = Workspace::new();
    let path = workspace.write("app.py", LOOKED_AT);
    let mut program = workspace.run(pythons::newest(), &[&path.display().to_string()]);
    program.wait_line("ready");
    let mut editor = Editor::start(&workspace);
    editor.open(&path, LOOKED_AT);
    editor.wait_sessions(1);
    editor.change(&path, &LOOKED_AT.replace("'old '", "'new '"));
    editor.patch_file(&path);
    let shown = editor.wait_notification("textDocument/publishDiagnostics", |shown| !codes(shown).is_empty());
    let classes: Vec<(u64, String)> = codes(&shown).into_iter().filter(|(_, code)| code == "HS0403").collect();
    for (line, class) in
        [("@named", "Decorated"), ("class Below", "Below"), ("class Made", "Made"), ("class Row", "Row")]
    {
        let line = LOOKED_AT.lines().position(|text| text.starts_with(line)).expect("a line") as u32;
        let said = classes.iter().find(|(at, _)| (line..line + 2).contains(&(*at as u32)));
        let at = said.unwrap_or_else(|| panic!("{class}: {shown}")).0 as u32;
        editor.choose(&path, at, &format!("Build class `{class}` again in the process"));
        editor.wait_notification("textDocument/publishDiagnostics", |shown| {
            codes(shown).iter().all(|(known, _)| *known != u64::from(at))
        });
    }
    program.send("");
    let same = "[True, True, True, True], [[1], [1], [1], [1]]";
    assert_eq!(program.line(), format!("new Decorated, new base, new meta, new age, {same}"));
}
