//! A call that is moved to other code gives what the rules say: the former code up to there, the new one from there on.

use hotsplice_tests::{pythons, script};

/// The share of calls that want of room may keep in the old code, in percent.
const WITHOUT_ROOM: usize = 10;

#[test]
fn random_functions_go_on_in_other_code() {
    pythons::two_at_a_time(pythons::all().iter().filter(|python| python.minor >= 11), |python| {
        for (allocator, count) in [("default", "600"), ("debug", "150")] {
            let text = script::run(python, "moves.py", &["0", count], allocator);
            let number = |what: &str| {
                let line = text.lines().find_map(|line| line.strip_prefix(what));
                line.and_then(|line| line.trim().parse::<usize>().ok()).unwrap_or(usize::MAX)
            };
            assert_eq!(number("done").to_string(), count, "Python {}: {text}", python.name());
            let share = number("without room").saturating_mul(100);
            assert!(share <= number("done") * WITHOUT_ROOM, "Python {}: {text}", python.name());
            let moved = |how: &str| text.lines().any(|line| line.ends_with(how));
            // What runs is told when it comes to a line from 3.12 on.
            assert!(
                (moved(" next") || python.minor == 11) && moved(" now"),
                "Python {}: nothing was moved: {text}",
                python.name()
            );
        }
    });
}
