//! **Producers of logs.** Proves that what a broker knows of the producers of a log is what the log says of them: epoch and
//! last sequence number of each that has a record there. Whether a retry is one is decided by nothing else, so that this
//! finds before any client repeats itself what would make a duplicate of it (P1).
//!
//! Time: the log is folded as it is read; one look-up for each producer.
//!
//! A producer without records may be known, and for a day it has to be: no run is as long.
//!
//! Finds: recovery that does not take up what it scans (28), a start without what was recorded, producers that expire by
//! somebody else's time (38).

use super::sent::violation;
use super::{Checker, Seen, Violation};

const NAME: &str = "producers";

/// See the module.
pub const PRODUCERS: Checker =
    Checker { name: NAME, promise: "what is known of producers is what their logs say", check };

fn check(seen: &Seen<'_>) -> Option<Violation> {
    seen.rest.logs.iter().find_map(|(at, log)| {
        let (id, said) = log.folded.iter().find(|(id, said)| log.producers.get(id) != Some(said))?;
        let known = log.producers.get(id).map_or("nothing".to_owned(), |known| format!("{known:?}"));
        Some(violation(NAME, at, None, &[], format!("the log says {said:?} of producer {id}, and {known} is known")))
    })
}

#[cfg(test)]
mod tests {
    use super::super::Known;
    use super::super::story::Story;
    use super::*;

    #[test]
    fn what_is_known_is_what_the_log_says() {
        let mut story = Story::default();
        story.log("a/0", 0, &[1]);
        let log = story.rest.logs.get_mut(&Story::at("a/0")).expect("it is there");
        log.producers.insert(7, Known { epoch: 0, sequence: 3 });
        story.passes(&PRODUCERS);
        let log = story.rest.logs.get_mut(&Story::at("a/0")).expect("it is there");
        log.folded.insert(7, Known { epoch: 0, sequence: 3 });
        story.passes(&PRODUCERS);
        let log = story.rest.logs.get_mut(&Story::at("a/0")).expect("it is there");
        log.folded.insert(7, Known { epoch: 0, sequence: 4 });
        story.fails(&PRODUCERS, &[]);
        let log = story.rest.logs.get_mut(&Story::at("a/0")).expect("it is there");
        log.producers.clear();
        story.fails(&PRODUCERS, &[]);
    }
}
