//! What every code means, from the page of verdicts that the users read.

use hotsplice_channel::codes;

const PAGE: &str = include_str!("../../docs/verdicts.md");

/// The code's section of the page, in Markdown. Nothing for what is no code.
pub fn of(code: &str) -> Option<String> {
    let known = codes::find(&code.to_uppercase())?;
    let (_, section) = PAGE.split_once(&format!("\n## {}:", known.code))?;
    let section = section.split("\n## ").next().unwrap_or(section);
    Some(format!("# {}:{}\n", known.code, section.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_explained() {
        for code in codes::ALL {
            let text = of(code.code).unwrap_or_else(|| panic!("{} has no section", code.code));
            assert!(text.starts_with(&format!("# {}: {}\n", code.code, code.title)), "{text}");
            assert!(text.contains("\nWhat to do:"), "{text}");
        }
        assert_eq!(of("HS9999"), None);
        assert_eq!(of("hs0103"), of("HS0103"));
    }
}
