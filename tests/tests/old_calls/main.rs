//! A call that began before a patch goes on in the world that it began in, until it has ended.

mod callers;
mod names;
mod program;
mod several_patches;

use serde_json::Value;

fn committed(answer: &Value) -> Vec<bool> {
    match answer {
        Value::Array(items) => items.iter().filter_map(|item| item["committed"].as_bool()).collect(),
        Value::Object(fields) => fields.values().flat_map(committed).collect(),
        _ => Vec::new(),
    }
}

const PROMPT: &str =
    "import sys, m\nprint('ready', flush=True)\nfor line in sys.stdin:\n    print(repr(eval(line)), flush=True)\n";
