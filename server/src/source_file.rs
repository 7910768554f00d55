//! Reading Python source from disk: encodings as PEP 263 has them.

use std::borrow::Cow;
use std::fs;
use std::path::Path;

use encoding_rs::{Encoding, mem};

#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("{path}: {source}")]
    Io { path: String, source: std::io::Error },
    #[error("{path}: no regular file")]
    NoFile { path: String },
    #[error("{path}: not valid {encoding}")]
    Invalid { path: String, encoding: String },
    #[error("{path}: the encoding {encoding} is not known to Hotsplice; save the file as UTF-8")]
    UnknownEncoding { path: String, encoding: String },
}

/// The text of a file, without a byte order mark; line ends are left as they are. What is no regular file is not read: a pipe in
/// its place would be waited for.
pub fn read(path: &Path) -> Result<String, SourceError> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => Err(SourceError::NoFile { path: path.display().to_string() }),
        _ => read_stream(path),
    }
}

/// The text of a file that a process has loaded; nothing where there is no such file any more. What is there and can't be read is an
/// error: nobody can tell whether it is what is live.
pub fn read_if_there(path: &Path) -> Result<Option<String>, SourceError> {
    match read(path) {
        Ok(text) => Ok(Some(text)),
        Err(SourceError::NoFile { .. }) => Ok(None),
        Err(_) if !path.exists() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The same as [`read`] for what may be a pipe.
pub fn read_stream(path: &Path) -> Result<String, SourceError> {
    let shown = path.display().to_string();
    let bytes = fs::read(path).map_err(|source| SourceError::Io { path: shown.clone(), source })?;
    decode(&bytes, &shown)
}

fn decode(bytes: &[u8], path: &str) -> Result<String, SourceError> {
    let (bytes, marked) = match bytes.strip_prefix(b"\xEF\xBB\xBF") {
        Some(rest) => (rest, true),
        None => (bytes, false),
    };
    let encoding = if marked { None } else { cookie(bytes) };
    let unknown =
        || SourceError::UnknownEncoding { path: path.to_owned(), encoding: encoding.clone().unwrap_or_default() };
    let named = encoding.as_deref().unwrap_or("utf-8");
    let text = match named {
        "utf-8" | "utf8" | "utf-8-sig" | "u8" => String::from_utf8(bytes.to_vec()).ok(),
        "ascii" | "us-ascii" => bytes.is_ascii().then(|| mem::decode_latin1(bytes).into_owned()),
        // On the web this is another name of Windows' encoding.
        "latin-1" | "latin1" | "iso-8859-1" | "iso8859-1" | "l1" | "8859" => {
            Some(mem::decode_latin1(bytes).into_owned())
        }
        other => known(other)
            .ok_or_else(unknown)?
            .decode_without_bom_handling_and_without_replacement(bytes)
            .map(Cow::into_owned),
    };
    text.ok_or_else(|| SourceError::Invalid { path: path.to_owned(), encoding: named.to_ascii_uppercase() })
}

/// An encoding by the name that Python has for it.
fn known(name: &str) -> Option<&'static Encoding> {
    let label = match name {
        "latin-9" => "iso-8859-15",
        "cp936" => "gbk",
        "cp949" => "euc-kr",
        "cp932" => "shift_jis",
        "cp950" => "big5",
        other => other,
    };
    let label = label.strip_prefix("iso8859-").map_or_else(|| label.to_owned(), |number| format!("iso-8859-{number}"));
    // Python's own names have dashes where some labels of the web have none.
    [label.clone(), label.replace('-', "_")]
        .iter()
        .find_map(|label| Encoding::for_label_no_replacement(label.as_bytes()))
        .filter(|encoding| encoding.is_ascii_compatible())
}

/// `coding: name` in a comment on the first or second line.
fn cookie(bytes: &[u8]) -> Option<String> {
    for line in bytes.split(|&byte| byte == b'\n').take(2) {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_start_matches([' ', '\t', '\x0c']).trim_end();
        if !line.starts_with('#') {
            if line.is_empty() {
                continue;
            }
            return None;
        }
        if let Some(found) = line.find("coding") {
            let rest = &line[found + "coding".len()..];
            if let Some(rest) = rest.strip_prefix(':').or_else(|| rest.strip_prefix('=')) {
                let name: String = rest
                    .trim_start()
                    .chars()
                    .take_while(|letter| letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.'))
                    .collect();
                return Some(name.to_ascii_lowercase().replace('_', "-"));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings() {
        let read = |bytes: &[u8]| decode(bytes, "a.py").map_err(|error| error.to_string());
        assert_eq!(read("x = 'ä'\n".as_bytes()), Ok("x = 'ä'\n".to_owned()));
        assert_eq!(read(b"\xEF\xBB\xBFx = 1\r\n"), Ok("x = 1\r\n".to_owned()));
        assert_eq!(
            read(b"# -*- coding: latin-1 -*-\nx = '\xE4'\n"),
            Ok("# -*- coding: latin-1 -*-\nx = 'ä'\n".to_owned())
        );
        assert_eq!(
            read(b"#!/usr/bin/python\n# coding=cp1252\n'\x80'"),
            Ok("#!/usr/bin/python\n# coding=cp1252\n'€'".to_owned())
        );
        assert_eq!(read(b"# coding: koi8-r\n'\xC1'"), Ok("# coding: koi8-r\n'а'".to_owned()));
        assert_eq!(read(b"# coding: cp1251\n'\xE0'"), Ok("# coding: cp1251\n'а'".to_owned()));
        assert_eq!(read(b"# coding: euc_jp\n'\xA4\xA2'"), Ok("# coding: euc_jp\n'あ'".to_owned()));
        assert_eq!(read(b"# coding: iso8859-15\n'\xA4'"), Ok("# coding: iso8859-15\n'€'".to_owned()));
        assert_eq!(read(b"# coding: shift_jis\n'\x82\xA0'"), Ok("# coding: shift_jis\n'あ'".to_owned()));
        assert_eq!(read(b"# coding: big5\n'\xFF'"), Err("a.py: not valid BIG5".to_owned()));
        assert_eq!(read(b"x = '\xE4'\n"), Err("a.py: not valid UTF-8".to_owned()));
        for unknown in ["utf-16", "utf-7", "nothing"] {
            assert!(read(format!("# coding: {unknown}\n").as_bytes()).is_err_and(|error| error.contains("not known")));
        }
    }
}
