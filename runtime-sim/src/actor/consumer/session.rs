//! A consumer's fetch session (KIP-227): what the broker was told already, so that it is told only what has changed.
//!
//! 1. The first request of a session has epoch 0 and names everything; each later one has the next epoch, from the largest
//!    on to 1, and names what is new, what has moved, and what is wanted no more.
//! 2. Whatever goes wrong (an error, a connection lost) ends the session: the next request begins another and closes it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A partition, as a Fetch names it: by its topic's id as well, since a topic may come again under the same name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fetched {
    pub(super) topic: Arc<str>,
    pub(super) id: u128,
    pub(super) partition: i32,
}

/// From where a partition is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct From {
    pub(super) offset: i64,
    pub(super) leader_epoch: i32,
}

pub(super) type Wanted = BTreeMap<Fetched, From>;

/// A session, or none.
#[derive(Clone, Debug, Default)]
pub(super) struct Session {
    /// Whether the consumer wants any.
    enabled: bool,
    id: i32,
    epoch: i32,
    told: Wanted,
}

/// What a request says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Next<'a> {
    pub(super) id: i32,
    pub(super) epoch: i32,
    pub(super) named: Cow<'a, Wanted>,
    pub(super) forgotten: Vec<Fetched>,
}

impl Session {
    pub(super) fn new(enabled: bool) -> Self {
        Self { enabled, ..Self::default() }
    }

    /// What the next request says in order to fetch all of `wanted`.
    pub(super) fn next<'a>(&mut self, wanted: &'a Wanted) -> Next<'a> {
        if !self.enabled {
            return Next { id: 0, epoch: -1, named: Cow::Borrowed(wanted), forgotten: Vec::new() };
        }
        if self.epoch == 0 {
            self.told.clone_from(wanted);
            return Next { id: self.id, epoch: 0, named: Cow::Borrowed(wanted), forgotten: Vec::new() };
        }
        let is_news = |(at, from): &(&Fetched, &From)| self.told.get(*at) != Some(*from);
        let named: Wanted = wanted.iter().filter(is_news).map(|(at, from)| (at.clone(), *from)).collect();
        let forgotten: Vec<Fetched> = self.told.keys().filter(|at| !wanted.contains_key(*at)).cloned().collect();
        if !forgotten.is_empty() || !named.is_empty() {
            self.told.clone_from(wanted);
        }
        Next { id: self.id, epoch: self.epoch, named: Cow::Owned(named), forgotten }
    }

    /// An answer without an error of the whole. Whether it may be used: an answer in another session than the one that was
    /// asked in is none.
    pub(super) fn answered(&mut self, id: i32) -> bool {
        if !self.enabled {
            return true;
        }
        if self.epoch == 0 {
            (self.id, self.epoch) = if id == 0 { (0, 0) } else { (id, 1) };
            return true;
        }
        // 0: the broker has ended the session, and this is its last answer.
        let fits = id == 0 || id == self.id;
        match fits && id != 0 {
            true => self.epoch = if self.epoch == i32::MAX { 1 } else { self.epoch + 1 },
            false => self.restart(!fits),
        }
        fits
    }

    /// An answer with an error of the whole.
    pub(super) fn refused(&mut self, is_gone: bool) {
        self.restart(!is_gone);
    }

    /// No answer: nobody knows how far the broker came.
    pub(super) fn lost(&mut self) {
        self.restart(true);
    }

    /// The next request begins anew, and closes the session where the broker may still have it.
    fn restart(&mut self, close: bool) {
        *self = Self { enabled: self.enabled, id: if close { self.id } else { 0 }, epoch: 0, told: Wanted::new() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(offsets: &[(i32, i64)]) -> Wanted {
        let at = |partition| Fetched { topic: "t".into(), id: 7, partition };
        offsets.iter().map(|&(partition, offset)| (at(partition), From { offset, leader_epoch: 0 })).collect()
    }

    fn said(next: &Next<'_>) -> (i32, i32, Vec<i32>, Vec<i32>) {
        let named = next.named.keys().map(|at| at.partition).collect();
        (next.id, next.epoch, named, next.forgotten.iter().map(|at| at.partition).collect())
    }

    #[test]
    fn a_session_is_told_what_changes() {
        let mut session = Session::new(true);
        assert_eq!(said(&session.next(&wanted(&[(0, 0), (1, 5)]))), (0, 0, vec![0, 1], vec![]));
        assert!(session.answered(9));
        assert_eq!(said(&session.next(&wanted(&[(0, 0), (1, 6)]))), (9, 1, vec![1], vec![]));
        assert!(session.answered(9));
        assert_eq!(said(&session.next(&wanted(&[(1, 6), (2, 0)]))), (9, 2, vec![2], vec![0]));
        assert!(session.answered(9));
        assert_eq!(said(&session.next(&wanted(&[(1, 6), (2, 0)]))), (9, 3, vec![], vec![]));
    }

    #[test]
    fn what_goes_wrong_begins_anew() {
        let all = wanted(&[(0, 0), (1, 5)]);
        let in_use = || {
            let mut session = Session::new(true);
            session.next(&all);
            assert!(session.answered(9));
            session.next(&all);
            session
        };
        let mut gone = in_use();
        gone.refused(true);
        assert_eq!(said(&gone.next(&all)), (0, 0, vec![0, 1], vec![]), "what is gone is not closed");
        let mut wrong_epoch = in_use();
        wrong_epoch.refused(false);
        assert_eq!(said(&wrong_epoch.next(&all)), (9, 0, vec![0, 1], vec![]));
        let mut lost = in_use();
        lost.lost();
        assert_eq!(said(&lost.next(&all)), (9, 0, vec![0, 1], vec![]));
        let mut another = in_use();
        assert!(!another.answered(10), "an answer of another session");
        assert_eq!(said(&another.next(&all)).1, 0);
        let mut ended = in_use();
        assert!(ended.answered(0));
        assert_eq!(said(&ended.next(&all)), (0, 0, vec![0, 1], vec![]));
    }

    #[test]
    fn epochs_go_round_and_a_broker_may_have_no_room() {
        let all = wanted(&[(0, 0)]);
        let mut session = Session { enabled: true, id: 9, epoch: i32::MAX, told: all.clone() };
        assert_eq!(session.next(&all).epoch, i32::MAX);
        assert!(session.answered(9));
        assert_eq!(session.next(&all).epoch, 1);
        let mut full = Session::new(true);
        full.next(&all);
        assert!(full.answered(0));
        assert_eq!(said(&full.next(&all)), (0, 0, vec![0], vec![]), "it asks for one each time");
        let mut off = Session::new(false);
        assert_eq!(said(&off.next(&all)), (0, -1, vec![0], vec![]));
        assert!(off.answered(0));
        assert_eq!(off.next(&all).epoch, -1);
    }
}
