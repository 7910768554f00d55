//! What files that were not patched had computed by calling code that is edited now.

use std::collections::BTreeMap;
use std::sync::Arc;

use hotsplice_channel::codes;
use hotsplice_channel::patch::{Edit, FilePatch, Outcome, Part, Verdict, What};

use super::callables::{callables, calling, count, note_callables};
use super::project::Project;

/// What these files had computed at their import by calling code that is edited now: said, not done again. `running` is the line of a
/// file's own statement that is being executed, if one is.
pub fn computed(
    project: &Project,
    paths: &[String],
    running: &BTreeMap<String, u32>,
    patched: &[Arc<FilePatch>],
) -> Vec<(String, Vec<Verdict>)> {
    let mut calls = callables(project, patched);
    // What leads on from there was followed before, unless some of the patch was dropped since.
    if let Some((own, through)) = &project.calls
        && *own == calls.called
    {
        calls = through.clone();
    }
    project.limit.start();
    let mut found: BTreeMap<usize, (String, Vec<Verdict>)> = BTreeMap::new();
    // What was known when a file was last looked at: with the same it answers the same.
    let mut looked_at: Vec<Option<usize>> = vec![None; paths.len()];
    // A file may use another one that comes later, and what calls edited code is edited code for those that call it.
    for _ in 0..paths.len() {
        let before = count(&calls);
        for (place, path) in paths.iter().enumerate() {
            let known = count(&calls);
            if looked_at[place].replace(known) == Some(known) {
                continue;
            }
            if project.limit.is_reached() {
                return found.into_values().collect();
            }
            let Some((live, change)) = calling(project, path, &calls) else { continue };
            note_callables(&mut calls, project, &live, &change);
            found.insert(place, (path.clone(), verdicts(path, running.get(path).copied(), &change)));
        }
        if count(&calls) == before {
            break;
        }
    }
    found.into_values().collect()
}

fn verdicts(path: &str, running: Option<u32>, change: &FilePatch) -> Vec<Verdict> {
    let verdict = |edit: &Edit| {
        let (code, message) = match edit.what {
            What::Statement | What::Block => (
                codes::STATEMENT_OFFERED,
                "what this statement calls is another one now; it is not run again by itself".to_owned(),
            ),
            _ => {
                let how = match edit.what {
                    What::Assignment => "computed by calling",
                    What::Import => "given by",
                    What::Function if edit.parts == [Part::Defaults] => "given defaults by calling",
                    What::Class if edit.parts == [Part::Bases] => "made by calling",
                    _ => "decorated by",
                };
                let name = &edit.definition;
                let message = format!("{name} was {how} code that is edited now; it stays as that code made it");
                (codes::VALUE_COMPUTED, message)
            }
        };
        Verdict {
            path: path.to_owned(),
            definition: edit.definition.clone(),
            kind: edit.kind,
            line: edit.line,
            end_line: edit.end_line,
            verdict: Outcome::Caveat,
            code: Some(code.to_owned()),
            message: Some(message),
        }
    };
    // A script's own loop calls what is live at each turn, and so does what the script has not come to.
    let is_to_come = |edit: &Edit| running.is_some_and(|line| edit.scope.is_empty() && edit.end_line >= line);
    change.edits.iter().filter(|edit| edit.offered && !is_to_come(edit)).map(verdict).collect()
}
