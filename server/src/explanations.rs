//! What every code means, from the page of verdicts that the users read.

use hotsplice_channel::codes;

use crate::failure::Failure;

const PAGE: &str = include_str!("../../docs/verdicts.md");

/// The code's section of the page, in Markdown. Nothing for what is no code.
pub fn of(code: &str) -> Option<String> {
    let known = codes::find(&code.to_uppercase())?;
    let (_, section) = PAGE.split_once(&format!("\n## {}:", known.code))?;
    let section = section.split("\n## ").next().unwrap_or(section);
    Some(format!("# {}:{}\n", known.code, section.trim_end()))
}

/// What a person or an agent can do about it.
pub fn what_to_do(code: &str) -> Option<String> {
    let section = of(code)?;
    let (_, advice) = section.split_once("\nWhat to do: ")?;
    Some(advice.trim_end().to_owned())
}

/// That there is no such code, and which there are.
pub fn unknown(code: &str) -> Failure {
    let known = codes::ALL.first().zip(codes::ALL.last()).map(|(first, last)| (first.code, last.code));
    let (first, last) = known.unwrap_or_default();
    Failure::new(codes::BAD_MESSAGE, format!("there is no code {code}; they go from {first} to {last}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_explained() {
        for code in codes::ALL {
            let text = of(code.code).unwrap_or_else(|| panic!("{} has no section", code.code));
            assert!(text.starts_with(&format!("# {}: {}\n", code.code, code.title)), "{text}");
            assert!(what_to_do(code.code).is_some_and(|advice| !advice.is_empty()), "{text}");
        }
        assert_eq!(of("HS9999"), None);
        assert_eq!(of("hs0103"), of("HS0103"));
    }
}
