//! One state, known at two positions of its log.

use super::AppendToken;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// A state that is the fold of records.
pub trait Replay: Clone {
    /// What is folded.
    type Record;

    /// Applies a record. Total: any record may follow any other, as compaction leaves them.
    fn replay(&mut self, record: &Self::Record);
}

/// The same fold at the end of what is appended and at the end of what is committed, and the records between the two.
///
/// The state is kept twice rather than once with a list of changes to undo: that `committed` never shows what is not
/// committed is then plain to see. Both share what is large, since states hold it behind `Arc` and `Bytes`.
#[derive(Clone, Debug)]
pub struct Views<S: Replay> {
    appended: S,
    committed: S,
    outstanding: VecDeque<(AppendToken, Vec<S::Record>)>,
    next: AppendToken,
}

impl<S: Replay> Views<S> {
    /// Both views at `state`, which is the fold of all that was loaded.
    pub fn new(state: S) -> Self {
        Self { appended: state.clone(), committed: state, outstanding: VecDeque::new(), next: AppendToken(0) }
    }

    /// What decisions are made on.
    pub const fn appended(&self) -> &S {
        &self.appended
    }

    /// What may be shown.
    pub const fn committed(&self) -> &S {
        &self.committed
    }

    /// The newest batch that is not committed.
    #[must_use]
    pub fn last_outstanding(&self) -> Option<AppendToken> {
        self.outstanding.back().map(|&(token, _)| token)
    }

    /// The number of batches that are not committed.
    #[must_use]
    pub fn outstanding_count(&self) -> usize {
        self.outstanding.len()
    }

    /// The name that the next batch will have.
    #[must_use]
    pub const fn next_token(&self) -> AppendToken {
        self.next
    }

    /// Takes `records` as appended, and names them.
    pub fn append(&mut self, records: Vec<S::Record>) -> AppendToken {
        let token = self.next;
        self.next = AppendToken(token.0 + 1);
        for record in &records {
            self.appended.replay(record);
        }
        self.outstanding.push_back((token, records));
        token
    }

    /// Forgets the newest batch, which the log has refused.
    pub fn roll_back(&mut self, token: AppendToken) {
        assert_eq!(
            self.last_outstanding(),
            Some(token),
            "a refusal is reported before anything is decided on the batch"
        );
        self.outstanding.pop_back();
        // Refusals are rare (the disk is full or gone): a new fold is simpler than to undo.
        self.appended = self.committed.clone();
        for (_, records) in &self.outstanding {
            for record in records {
                self.appended.replay(record);
            }
        }
    }

    /// Moves the committed view past the oldest outstanding batch where that is `token` or older; says which it was.
    pub fn commit_next(&mut self, token: AppendToken) -> Option<AppendToken> {
        let (oldest, records) = self.outstanding.pop_front_if(|(oldest, _)| *oldest <= token)?;
        for record in &records {
            self.committed.replay(record);
        }
        Some(oldest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    /// The list of all records.
    #[derive(Clone, Debug, Default, PartialEq)]
    struct List(Vec<u32>);

    impl Replay for List {
        type Record = u32;

        fn replay(&mut self, record: &u32) {
            self.0.push(*record);
        }
    }

    #[test]
    fn committed_follows_appended_batch_by_batch() {
        let mut views = Views::new(List(vec![1]));
        let first = views.append(vec![2, 3]);
        let second = views.append(vec![4]);
        assert_eq!(views.appended().0, [1, 2, 3, 4]);
        assert_eq!(views.committed().0, [1]);
        assert_eq!(views.commit_next(first), Some(first));
        assert_eq!(views.committed().0, [1, 2, 3]);
        assert_eq!(views.commit_next(first), None, "the second is newer");
        assert_eq!(views.last_outstanding(), Some(second));
        assert_eq!(views.commit_next(second), Some(second));
        assert_eq!(views.committed(), views.appended());
        assert_eq!(views.last_outstanding(), None);
    }

    #[test]
    fn a_refused_batch_leaves_no_trace_and_its_token_is_not_used_again() {
        let mut views = Views::new(List::default());
        let first = views.append(vec![1]);
        let refused = views.append(vec![2]);
        views.roll_back(refused);
        assert_eq!(views.appended().0, [1]);
        assert_eq!(views.last_outstanding(), Some(first));
        let third = views.append(vec![3]);
        assert!(third > refused);
        assert_eq!(views.appended().0, [1, 3]);
    }
}
