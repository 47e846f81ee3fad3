//! What a broker on its own cannot help: a promise that is broken after it is excused, by name, and counted.
//!
//! A single node has what its disk holds and nothing else. Where the disk says that something is durable and it is not, or
//! changes it later, what was acknowledged is gone, whatever the broker does; it may say so, and must not fail in any other
//! way. So an assertion that does not hold is never excused.

use super::INVARIANT;
use super::counters::Counters;
use crate::checker::Violation;

/// What excuses a violation: a kind of fault, where it changed an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Excuse {
    /// The kind of fault.
    pub fault: &'static str,
    /// The excuse.
    pub name: &'static str,
}

/// All excuses.
pub const EXCUSES: &[Excuse] = &[
    Excuse { fault: "disk-ignores", name: "a disk said that something was durable, and it was not" },
    Excuse { fault: "disk-rot-records", name: "a bit of stored records turned" },
];

/// What excuses a violation, if anything.
pub(super) fn of(violation: &Violation, counters: &Counters) -> Option<&'static str> {
    let excuse = EXCUSES.iter().find(|excuse| counters.of(excuse.fault).changed > 0);
    excuse.filter(|_| violation.checker != INVARIANT).map(|excuse| excuse.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_disk_that_lied_excuses_and_never_an_assertion() {
        let violation = |checker| Violation { ..super::super::violation(checker) };
        let mut counters = Counters::default();
        counters.change("kill", true);
        assert_eq!(of(&violation("lost-writes"), &counters), None);
        counters.begin("disk-ignores");
        assert_eq!(of(&violation("lost-writes"), &counters), None, "it has changed nothing");
        counters.change("disk-ignores", true);
        assert!(of(&violation("lost-writes"), &counters).is_some());
        assert_eq!(of(&violation(INVARIANT), &counters), None);
    }
}
