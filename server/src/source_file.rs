//! Reading Python source from disk: encodings as PEP 263 has them.

use std::fs;
use std::path::Path;

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
    let invalid = |encoding: &str| SourceError::Invalid { path: path.to_owned(), encoding: encoding.to_owned() };
    match encoding.as_deref().unwrap_or("utf-8") {
        "utf-8" | "utf8" | "utf-8-sig" | "u8" => String::from_utf8(bytes.to_vec()).map_err(|_| invalid("UTF-8")),
        "ascii" | "us-ascii" if bytes.is_ascii() => Ok(bytes.iter().copied().map(char::from).collect()),
        "ascii" | "us-ascii" => Err(invalid("ASCII")),
        "latin-1" | "latin1" | "iso-8859-1" | "iso8859-1" | "l1" | "8859" => {
            Ok(bytes.iter().copied().map(char::from).collect())
        }
        "iso-8859-15" | "iso8859-15" | "latin-9" => Ok(bytes.iter().copied().map(latin_9).collect()),
        "cp1252" | "windows-1252" => {
            bytes.iter().copied().map(windows_1252).collect::<Option<String>>().ok_or_else(|| invalid("cp1252"))
        }
        other => Err(SourceError::UnknownEncoding { path: path.to_owned(), encoding: other.to_owned() }),
    }
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

fn latin_9(byte: u8) -> char {
    match byte {
        0xA4 => '€',
        0xA6 => 'Š',
        0xA8 => 'š',
        0xB4 => 'Ž',
        0xB8 => 'ž',
        0xBC => 'Œ',
        0xBD => 'œ',
        0xBE => 'Ÿ',
        other => char::from(other),
    }
}

fn windows_1252(byte: u8) -> Option<char> {
    const HIGH: [Option<char>; 32] = [
        Some('€'),
        None,
        Some('‚'),
        Some('ƒ'),
        Some('„'),
        Some('…'),
        Some('†'),
        Some('‡'),
        Some('ˆ'),
        Some('‰'),
        Some('Š'),
        Some('‹'),
        Some('Œ'),
        None,
        Some('Ž'),
        None,
        None,
        Some('‘'),
        Some('’'),
        Some('“'),
        Some('”'),
        Some('•'),
        Some('–'),
        Some('—'),
        Some('˜'),
        Some('™'),
        Some('š'),
        Some('›'),
        Some('œ'),
        None,
        Some('ž'),
        Some('Ÿ'),
    ];
    match byte {
        0x80..=0x9F => HIGH[usize::from(byte - 0x80)],
        other => Some(char::from(other)),
    }
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
        assert_eq!(read(b"x = '\xE4'\n"), Err("a.py: not valid UTF-8".to_owned()));
        assert!(read(b"# coding: koi8-r\n").is_err());
    }
}
