//! What is patched when times are measured.

/// A module of so many lines; the edit changes one function in its middle.
pub fn text(lines: usize, edit: usize) -> String {
    let functions = lines / 5;
    (0..functions)
        .map(|number| {
            let value = if number == functions / 2 { edit } else { 0 };
            format!("def function_{number}(argument):\n    \"\"\"A function.\"\"\"\n    result = argument + {value}\n    return result\n\n")
        })
        .collect()
}
