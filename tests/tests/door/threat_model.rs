//! `docs/security.md`, line by line.

use hotsplice_tests::{repository, text_of_test};

/// Every line of the table names what holds it.
#[test]
fn the_threat_model_is_tested_line_by_line() {
    let page = std::fs::read_to_string(repository().join("docs/security.md")).expect("docs/security.md");
    let tests = text_of_test("");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| who")).collect();
    assert!(rows.len() > 12, "{rows:#?}");
    for row in rows {
        let named = row.trim_end_matches(['|', ' ']).rsplit('|').next().unwrap_or_default();
        let names: Vec<&str> = named.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "no test holds: {row}");
        for name in names {
            assert!(tests.contains(&format!("fn {name}()")), "there is no test {name}: {row}");
        }
    }
}
