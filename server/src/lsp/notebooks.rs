//! Notebooks: which are wanted of the editor, and what of a cell is Python.

use tower_lsp::ls_types::{NotebookCellSelector, NotebookDocumentSyncOptions, NotebookSelector, TextDocumentItem};

pub fn wanted() -> NotebookDocumentSyncOptions {
    let python = NotebookCellSelector { language: LANGUAGE.to_owned() };
    let selector = NotebookSelector::ByCells { notebook: None, cells: vec![python] };
    NotebookDocumentSyncOptions { notebook_selector: vec![selector], save: Some(false) }
}

const LANGUAGE: &str = "python";

pub fn is_python(cell: &TextDocumentItem) -> bool {
    cell.language_id == LANGUAGE
}

/// The text with what IPython takes for itself made comments, each byte at its place: as the kernel knows it.
pub fn python(shown: &str) -> String {
    let first = shown.lines().map(str::trim_start).find(|line| !line.is_empty());
    // The magic says what becomes of the rest.
    let all = first.is_some_and(|line| line.starts_with("%%"));
    let mut text = String::with_capacity(shown.len());
    let mut inside = Inside::default();
    for line in shown.split_inclusive('\n') {
        match line.chars().next() {
            Some(start)
                if start.is_ascii()
                    && start != '\n'
                    && start != '\r'
                    && (all || is_magic(line))
                    && !inside.is_any() =>
            {
                text.push('#');
                text.push_str(&line[1..]);
            }
            _ => {
                text.push_str(line);
                inside.read(line);
            }
        }
    }
    text
}

/// What a line begins inside of: there it is no magic.
#[derive(Default)]
struct Inside {
    /// The quotes that end the string.
    string: Option<&'static str>,
    brackets: usize,
    continued: bool,
}

impl Inside {
    fn is_any(&self) -> bool {
        self.string.is_some() || self.brackets > 0 || self.continued
    }

    fn read(&mut self, line: &str) {
        let mut rest = line;
        self.continued = false;
        while let Some(character) = rest.chars().next() {
            let mut length = character.len_utf8();
            match self.string {
                _ if character == '\\' => {
                    self.continued = rest[1..].trim_end().is_empty() && self.string.is_none();
                    length += rest[1..].chars().next().map_or(0, char::len_utf8);
                }
                Some(quotes) if rest.starts_with(quotes) => {
                    (self.string, length) = (None, quotes.len());
                }
                // Only three quotes go on in the next line.
                Some(quotes) if character == '\n' && quotes.len() == 1 => self.string = None,
                Some(_) => {}
                None if character == '#' => return,
                None => {
                    let opening = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quotes| rest.starts_with(quotes));
                    if let Some(quotes) = opening {
                        (self.string, length) = (Some(quotes), quotes.len());
                    } else if "([{".contains(character) {
                        self.brackets += 1;
                    } else if ")]}".contains(character) {
                        self.brackets = self.brackets.saturating_sub(1);
                    }
                }
            }
            rest = &rest[length..];
        }
    }
}

/// `%matplotlib inline`, `!ls`, `?print`, `print?`, `files = !ls`, `time = %timeit f()`
fn is_magic(line: &str) -> bool {
    let line = line.trim_end();
    let begins = |text: &str| text.starts_with(['!', '%', '?']);
    let is_name = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "_., ".contains(c));
    let is_assigned = line.split_once('=').is_some_and(|(name, value)| {
        let value = value.trim_start();
        is_name(name.trim()) && (value.starts_with('!') || value.starts_with('%')) && !value.starts_with("!=")
    });
    begins(line) || is_assigned || (line.ends_with('?') && is_name(line.trim_end_matches('?')))
}

#[cfg(test)]
mod tests {
    use super::python;

    #[test]
    fn magics_are_comments_at_their_places() {
        let cell = "%load_ext x\nfiles = !ls\nprint?\na = b % c\nif a != 1:\n    x = 1\nd == '?'\n";
        assert_eq!(python(cell), "#load_ext x\n#iles = !ls\n#rint?\na = b % c\nif a != 1:\n    x = 1\nd == '?'\n");
        let strings = "a = '''\n%x\n'''\n!ls it's\nb = (1\n% 2)\nc = 5 \\\n% 3\n'%' # (\n%y\n";
        assert_eq!(python(strings), strings.replace("!ls", "#ls").replace("\n%y", "\n#y"));
        assert_eq!(python("\n%%time\ndef f(): pass\n"), "\n#%time\n#ef f(): pass\n");
    }
}
