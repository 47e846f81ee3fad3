//! Memory as credit: a count of bytes that may be held, taken and given back by name.
//!
//! Invariants:
//! 1. `held` is the sum of what was taken and not yet given back.
//! 2. Nothing is given back by `Drop`: whoever takes credit names where it is returned.
//! 3. What goes beyond the budget is seen as `excess`; whoever lets it says why, and what bounds it.

/// A budget of bytes.
#[derive(Clone, Debug)]
pub struct Budget {
    bytes_max: usize,
    held: usize,
}

impl Budget {
    /// A budget of `bytes_max` bytes, none of them held.
    #[must_use]
    pub const fn new(bytes_max: usize) -> Self {
        Self { bytes_max, held: 0 }
    }

    /// Takes `bytes` in any case: for what is in memory already, or has its leave from elsewhere.
    pub fn take(&mut self, bytes: usize) {
        self.held = self.held.saturating_add(bytes);
    }

    /// Takes all that is `wanted` where nothing else is held, so that what one client alone is answered hangs on no budget;
    /// else a quarter of what is free, at least `bytes_min`, so that whoever comes first leaves something for those behind;
    /// nothing where more is held already than the budget has. Says how much.
    #[must_use]
    pub fn grant(&mut self, wanted: usize, bytes_min: usize) -> usize {
        if self.excess() > 0 {
            return 0;
        }
        let quarter = ((self.bytes_max - self.held) / 4).max(bytes_min);
        let granted = if self.held == 0 { wanted } else { quarter.min(wanted) };
        self.take(granted);
        granted
    }

    /// Gives back `bytes` that were taken.
    pub fn give_back(&mut self, bytes: usize) {
        assert!(self.held >= bytes, "only what was taken is given back");
        self.held -= bytes;
    }

    /// The bytes that are held.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.held
    }

    /// The bytes that may still be taken within the budget.
    #[must_use]
    pub const fn free(&self) -> usize {
        self.bytes_max.saturating_sub(self.held)
    }

    /// The bytes that may be held within the budget.
    #[must_use]
    pub const fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// The bytes by which more is held than the budget has.
    #[must_use]
    pub const fn excess(&self) -> usize {
        self.held.saturating_sub(self.bytes_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_free_no_more() {
        let mut budget = Budget::new(10);
        budget.take(7);
        assert_eq!((budget.free(), budget.excess()), (3, 0));
        budget.take(7);
        assert_eq!((budget.free(), budget.excess(), budget.held()), (0, 4, 14));
        budget.give_back(14);
        assert_eq!((budget.free(), budget.bytes_max()), (10, 10));
    }

    #[test]
    fn each_grant_leaves_room_for_the_next() {
        let mut budget = Budget::new(64);
        assert_eq!(budget.grant(24, 4), 24, "alone, all that is wanted");
        assert_eq!(budget.grant(100, 4), 10);
        assert_eq!(budget.grant(5, 4), 5, "no more than is wanted");
        let mut granted = 39;
        while budget.excess() == 0 {
            granted += budget.grant(100, 4);
        }
        assert_eq!(granted, budget.held());
        assert!(budget.excess() < 4, "the last one went over the bound by less than the least grant");
        assert_eq!(budget.grant(100, 4), 0);
    }
}
