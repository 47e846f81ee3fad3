//! The lines that cases are reported by: by programs on their standard output, and by this task to whoever runs it.
//!
//! A program prints `ok TAB case TAB seconds` or `failed TAB case TAB seconds TAB why`, the reason in one line. All else
//! that it prints is shown only where a case fails.

use std::time::Duration;

/// Counts what came of the cases, and prints a line for each.
#[derive(Default)]
pub(super) struct Report {
    passed: usize,
    failed: usize,
}

/// What a program has said of a case.
pub(super) enum Said<'a> {
    Passed { case: &'a str, seconds: f64 },
    Failed { case: &'a str, seconds: f64, why: &'a str },
}

/// Reads a line of a program; `None` where it is none of a report.
pub(super) fn read(line: &str) -> Option<Said<'_>> {
    let mut fields = line.splitn(4, '\t');
    let (verdict, case, seconds) = (fields.next()?, fields.next()?, fields.next()?.trim().parse().ok()?);
    match verdict {
        "ok" => Some(Said::Passed { case, seconds }),
        "failed" => Some(Said::Failed { case, seconds, why: fields.next().unwrap_or_default() }),
        _ => None,
    }
}

impl Report {
    pub(super) fn passed(&mut self, client: &str, case: &str, seconds: f64) {
        self.passed += 1;
        println!("{client:<16} {case:<28} ok     {seconds:>6.2} s");
    }

    pub(super) fn failed(&mut self, client: &str, case: &str, seconds: f64, why: &str) {
        self.failed += 1;
        println!("{client:<16} {case:<28} failed {seconds:>6.2} s  {why}");
    }

    /// The cases so far.
    pub(super) fn count(&self) -> usize {
        self.passed + self.failed
    }

    /// The last line, and whether all is well. That nothing was run is not well.
    pub(super) fn finish(self, elapsed: Duration) -> Result<(), String> {
        println!("{} passed, {} failed in {elapsed:.0?}", self.passed, self.failed);
        match (self.passed, self.failed) {
            (0, 0) => Err("there is no such case".to_owned()),
            (_, 0) => Ok(()),
            (_, failed) => Err(format!("{failed} cases of interoperation failed")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_told_from_what_else_is_printed() {
        assert!(matches!(read("ok\tgroups\t1.50"), Some(Said::Passed { case: "groups", seconds: 1.5 })));
        assert!(matches!(read("failed\tgroups\t2\tno\tend"), Some(Said::Failed { why: "no\tend", .. })));
        assert!(read("okay").is_none() && read("ok\tgroups").is_none() && read("ok\tgroups\tsoon").is_none());
    }

    #[test]
    fn to_run_nothing_is_a_failure() {
        assert!(Report::default().finish(Duration::ZERO).is_err());
        assert!(Report { passed: 1, failed: 0 }.finish(Duration::ZERO).is_ok());
        assert!(Report { passed: 1, failed: 1 }.finish(Duration::ZERO).is_err());
    }
}
