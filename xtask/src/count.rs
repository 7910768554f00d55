//! How many tests passed, of whichever runner.

use anyhow::bail;

/// What tests that ran one after the other came to.
#[derive(Default)]
pub struct Count {
    pub passed: u64,
    pub failed: u64,
    pub skipped: u64,
}

impl Count {
    /// The last line of a test run, as a test runner prints it.
    pub fn finish(&self) -> anyhow::Result<()> {
        println!("\n{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped);
        if self.failed > 0 || self.passed == 0 {
            bail!("the tests failed");
        }
        Ok(())
    }

    /// `test result: ok. 3 passed; 0 failed; 1 ignored; …`, or Node's `# pass 3`.
    pub fn take(&mut self, line: &str) {
        if let Some(number) = line.strip_prefix("# pass ").and_then(|number| number.parse::<u64>().ok()) {
            self.passed += number;
        }
        if let Some(number) = line.strip_prefix("# fail ").and_then(|number| number.parse::<u64>().ok()) {
            self.failed += number;
        }
        let Some(rest) = line.strip_prefix("test result:") else { return };
        let mut number = 0;
        for word in rest.split([' ', ';', '.']) {
            match word {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.skipped += number,
                _ => number = word.parse().unwrap_or(number),
            }
        }
    }
}
