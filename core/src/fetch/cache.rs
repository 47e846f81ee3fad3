//! The fetch sessions of a shard: a bounded number of them (`max.incremental.fetch.session.cache.slots`), with a bounded number
//! of bytes. As in Kafka a session has each partition that its client names, those included that do not exist: they are what
//! a client can make up without end. For whom there is no room there is no session, and each of its requests is a full one.
//!
//! Invariants:
//! 1. There are never more sessions than slots, nor more bytes than the bound; `bytes` is what they are charged.
//! 2. A session in use is pushed out only by a larger one, and only once it is older than
//!    `min.incremental.fetch.session.eviction.ms`; one that was not used for as long, by any.
//! 3. The ids of a boot never come twice within a shard's live sessions.

use super::session::{FetchPartition, Session, SessionEpoch, SessionId, Wanted};
use crate::time::Instant;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

/// Why a request does not fit its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionError {
    /// There is no such session (any more): `FETCH_SESSION_ID_NOT_FOUND`.
    NotFound,
    /// A request was lost or repeated: `INVALID_FETCH_SESSION_EPOCH`.
    InvalidEpoch,
    /// The client changed from topic names to ids or back: `FETCH_SESSION_TOPIC_ID_ERROR`.
    TopicIdError,
}

/// The sessions of a shard.
#[derive(Clone, Debug)]
pub struct SessionCache {
    sessions: BTreeMap<SessionId, Session>,
    slots: usize,
    bytes_max: usize,
    bytes: usize,
    eviction_after: Duration,
}

impl SessionCache {
    /// A cache of `slots` sessions, of `bytes_max` together, that may be pushed out `eviction_after` their last use.
    #[must_use]
    pub fn new(slots: usize, bytes_max: usize, eviction_after: Duration) -> Self {
        Self { sessions: BTreeMap::new(), slots, bytes_max, bytes: 0, eviction_after }
    }

    /// Finds the session for an incremental request, checks its epoch and counts the request. What the request adds and drops
    /// is said by `change`; the partitions that are wanted then come back. A session that has none left is over (KIP-227), and
    /// one that outgrows its room is as good as pushed out.
    pub fn resume(
        &mut self,
        now: Instant,
        id: SessionId,
        epoch: SessionEpoch,
        by_id: bool,
        change: impl FnOnce(&mut Session),
    ) -> Result<Vec<(FetchPartition, Wanted)>, SessionError> {
        let session = self.sessions.get_mut(&id).ok_or(SessionError::NotFound)?;
        if session.epoch != epoch {
            return Err(SessionError::InvalidEpoch);
        }
        if session.by_id() != by_id {
            return Err(SessionError::TopicIdError);
        }
        session.used = now;
        session.epoch = epoch.next();
        self.bytes -= session.bytes();
        change(session);
        self.bytes += session.bytes();
        let wanted = session.wanted();
        let outgrown = self.bytes > self.bytes_max;
        if wanted.is_empty() || outgrown {
            self.take(id);
        }
        if outgrown { Err(SessionError::NotFound) } else { Ok(wanted) }
    }

    /// Keeps a new session where there is room or older ones give way; says whether it did.
    pub fn try_insert(&mut self, now: Instant, id: SessionId, session: Session) -> bool {
        if self.slots == 0 || session.bytes() > self.bytes_max || self.sessions.contains_key(&id) {
            return false;
        }
        let mut victims = BTreeSet::new();
        let mut bytes = self.bytes;
        while self.sessions.len() - victims.len() >= self.slots || bytes + session.bytes() > self.bytes_max {
            let Some(victim) = self.victim(now, session.len(), &victims) else { return false };
            bytes -= self.sessions.get(&victim).map_or(0, Session::bytes);
            victims.insert(victim);
        }
        for victim in victims {
            self.take(victim);
        }
        self.bytes += session.bytes();
        self.sessions.insert(id, session);
        true
    }

    /// The session to push out for one of `partitions` partitions, beside those that are pushed out already.
    fn victim(&self, now: Instant, partitions: usize, gone: &BTreeSet<SessionId>) -> Option<SessionId> {
        let left = || self.sessions.iter().filter(|(id, _)| !gone.contains(id));
        let (idle, least_used) = left().min_by_key(|(id, session)| (session.used, **id))?;
        if now.since(least_used.used) > self.eviction_after {
            return Some(*idle);
        }
        let old = |session: &Session| now.since(session.created) > self.eviction_after;
        let (smallest, session) = left().filter(|(_, session)| old(session)).min_by_key(|(id, s)| (s.len(), **id))?;
        (session.len() < partitions).then_some(*smallest)
    }

    /// The session `id`, where it is still there.
    pub fn get_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.sessions.get_mut(&id)
    }

    /// Takes the session out: it ends, or moves to the shard where its client is now.
    pub fn take(&mut self, id: SessionId) -> Option<Session> {
        let session = self.sessions.remove(&id)?;
        self.bytes -= session.bytes();
        Some(session)
    }

    /// The number of live sessions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there is no session.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Asserts the invariants of all sessions.
    pub fn check_invariants(&self) {
        assert!(self.sessions.len() <= self.slots, "no more sessions than slots");
        let bytes: usize = self.sessions.values().map(Session::bytes).sum();
        assert_eq!(self.bytes, bytes, "the cache is charged its sessions");
        assert!(self.bytes <= self.bytes_max, "no more bytes than there is room for");
        self.sessions.values().for_each(Session::check_invariants);
    }
}

#[cfg(test)]
mod tests {
    use super::super::session::{Told, TopicName};
    use super::*;
    use crate::ids::{Offset, PartitionIndex};

    const AT: Wanted = Wanted {
        fetch_offset: Offset(0),
        bytes_max: 1,
        current_leader_epoch: -1,
        last_fetched_epoch: -1,
        log_start_offset: Offset(-1),
    };

    fn partition(index: i32) -> FetchPartition {
        FetchPartition { topic: TopicName::Name("orders".into()), partition: PartitionIndex(index) }
    }

    fn session(now: u64, partitions: i32) -> Session {
        let mut session = Session::new(Instant(now), false);
        (0..partitions).for_each(|index| session.want(partition(index), AT));
        session
    }

    fn cache() -> SessionCache {
        SessionCache::new(2, 1 << 20, Duration::from_micros(100))
    }

    #[test]
    fn each_request_carries_the_next_epoch() {
        let mut cache = cache();
        assert!(cache.try_insert(Instant(0), SessionId(5), session(0, 1)));
        assert_eq!(
            cache.resume(Instant(1), SessionId(6), SessionEpoch(1), false, |_| ()).err(),
            Some(SessionError::NotFound)
        );
        assert!(cache.resume(Instant(1), SessionId(5), SessionEpoch(1), false, |_| ()).is_ok());
        assert_eq!(
            cache.resume(Instant(1), SessionId(5), SessionEpoch(1), false, |_| ()).err(),
            Some(SessionError::InvalidEpoch)
        );
        assert_eq!(
            cache.resume(Instant(1), SessionId(5), SessionEpoch(2), true, |_| ()).err(),
            Some(SessionError::TopicIdError)
        );
        assert_eq!(SessionEpoch(i32::MAX).next(), SessionEpoch(1));
        assert_eq!(SessionEpoch::FINAL.next(), SessionEpoch::FINAL);
    }

    #[test]
    fn a_full_cache_gives_way_to_the_larger_only_after_its_time() {
        let mut cache = cache();
        assert!(cache.try_insert(Instant(0), SessionId(1), session(0, 3)));
        assert!(cache.try_insert(Instant(0), SessionId(2), session(0, 2)));
        assert!(!cache.try_insert(Instant(100), SessionId(3), session(100, 9)), "none is old enough");
        for id in [1, 2] {
            assert!(cache.resume(Instant(150), SessionId(id), SessionEpoch(1), false, |_| ()).is_ok());
        }
        assert!(!cache.try_insert(Instant(160), SessionId(3), session(160, 2)), "not larger than the smallest");
        assert!(cache.try_insert(Instant(160), SessionId(3), session(160, 3)));
        assert!(cache.get_mut(SessionId(2)).is_none(), "the smallest gave way");
        assert!(cache.try_insert(Instant(251), SessionId(4), session(251, 1)), "one that nobody used gives way to any");
        assert!(cache.get_mut(SessionId(1)).is_none());
        cache.check_invariants();
    }

    #[test]
    fn sessions_are_bounded_by_their_bytes() {
        let each = session(0, 1).bytes();
        let mut cache = SessionCache::new(100, 6 * each, Duration::from_micros(100));
        assert!(!cache.try_insert(Instant(0), SessionId(1), session(0, 7)), "it has no room at all");
        assert!(cache.try_insert(Instant(0), SessionId(1), session(0, 6)));
        assert!(!cache.try_insert(Instant(50), SessionId(2), session(50, 1)), "there is no room beside it");
        assert!(cache.try_insert(Instant(101), SessionId(2), session(101, 2)), "nobody has used the one that is there");
        assert!(cache.try_insert(Instant(110), SessionId(3), session(110, 2)));
        assert!(cache.try_insert(Instant(120), SessionId(4), session(120, 2)));
        for id in 2..5 {
            assert!(cache.resume(Instant(205), SessionId(id), SessionEpoch(1), false, |_| ()).is_ok());
        }
        assert!(!cache.try_insert(Instant(205), SessionId(5), session(205, 3)), "one that is old is not enough");
        assert_eq!(cache.len(), 3, "so that it stays");
        assert!(cache.try_insert(Instant(215), SessionId(5), session(215, 3)), "two are");
        assert_eq!((cache.get_mut(SessionId(2)).is_none(), cache.get_mut(SessionId(3)).is_none()), (true, true));
        cache.check_invariants();

        // It has room for one partition more, and not for two.
        let grow = |index: i32| move |session: &mut Session| session.want(partition(index), AT);
        let wanted = cache.resume(Instant(220), SessionId(4), SessionEpoch(2), false, grow(7)).map(|all| all.len());
        assert_eq!(wanted, Ok(3));
        let wanted = cache.resume(Instant(220), SessionId(4), SessionEpoch(3), false, grow(7)).map(|all| all.len());
        assert_eq!(wanted, Ok(3), "it was there");
        let wanted = cache.resume(Instant(220), SessionId(4), SessionEpoch(4), false, grow(8)).err();
        assert_eq!((wanted, cache.len()), (Some(SessionError::NotFound), 1), "the client begins anew");
        let forget = |session: &mut Session| (0..3).for_each(|index| session.forget(&partition(index)));
        assert_eq!(cache.resume(Instant(220), SessionId(5), SessionEpoch(1), false, forget), Ok(Vec::new()));
        assert!(cache.is_empty(), "a session that wants nothing more is over");
        cache.check_invariants();
    }

    #[test]
    fn only_news_is_told_and_who_had_records_goes_last() {
        let mut session = session(0, 3);
        let told = Told { high_watermark: Offset(4), log_start_offset: Offset(0) };
        assert!(session.tell(&partition(0), true, false, told), "records are news");
        assert!(session.tell(&partition(1), false, false, told), "a first high watermark is news");
        assert!(!session.tell(&partition(1), false, false, told));
        assert!(session.tell(&partition(1), false, true, told), "an error is news");
        assert!(session.tell(&partition(1), false, false, told), "and so is what follows it");
        let order: Vec<i32> = session.wanted().iter().map(|(at, _)| at.partition.0).collect();
        assert_eq!(order, [1, 2, 0]);
        session.forget(&partition(2));
        session.check_invariants();
        assert_eq!(session.len(), 2);
    }
}
