//! One list of items, asked of several shards in pieces and put together again in its own order.

use crate::ids::ShardId;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// The results of a list of items, some of them still to come.
#[derive(Clone, Debug)]
pub(crate) struct Scatter<R> {
    results: Vec<Option<R>>,
    /// The items that each part of the request stands for, and whether it has taken effect.
    parts: BTreeMap<u32, Part>,
    /// Whether it was said that all of it has taken effect.
    told: bool,
}

#[derive(Clone, Debug, Default)]
struct Part {
    items: Vec<usize>,
    applied: bool,
}

impl<R> Scatter<R> {
    /// A list without items.
    pub(crate) fn new() -> Self {
        Self::with_capacity(0)
    }

    /// A list without items that will have so many.
    pub(crate) fn with_capacity(items: usize) -> Self {
        Self { results: Vec::with_capacity(items), parts: BTreeMap::new(), told: false }
    }

    /// Adds an item that has its result already.
    pub(crate) fn push_done(&mut self, result: R) {
        self.results.push(Some(result));
    }

    /// Adds an item that a shard is to be asked for; says which it is.
    pub(crate) fn push_open(&mut self) -> usize {
        self.results.push(None);
        self.results.len() - 1
    }

    /// Notes that `part` asks for these items, in this order.
    pub(crate) fn asked(&mut self, part: u32, items: Vec<usize>) {
        self.parts.insert(part, Part { items, applied: false });
    }

    /// Notes that what `part` asked for has taken effect.
    pub(crate) fn applied(&mut self, part: u32) {
        if let Some(part) = self.parts.get_mut(&part) {
            part.applied = true;
        }
    }

    /// Whether all has taken effect by now, which is said once. A part that has its results has: it may be answered without
    /// having said so before, where nothing of it waits for the disk.
    pub(crate) fn has_come_to_effect(&mut self) -> bool {
        !self.told && {
            self.told = self.parts.values().all(|part| part.applied);
            self.told
        }
    }

    /// Takes the results of `part`, in the order in which it asked for them.
    pub(crate) fn fill(&mut self, part: u32, results: Vec<R>) {
        let items = self.parts.remove(&part).unwrap_or_default().items;
        assert_eq!(items.len(), results.len(), "a shard answers each item that it was asked");
        for (item, result) in items.into_iter().zip(results) {
            self.results[item] = Some(result);
        }
    }

    /// Whether every item has its result.
    pub(crate) fn is_complete(&self) -> bool {
        self.parts.is_empty()
    }

    /// All results, in the order of the items.
    pub(crate) fn into_results(self) -> Vec<R> {
        assert!(self.is_complete(), "all parts have answered");
        self.results.into_iter().flatten().collect()
    }
}

/// The items of a shard that room is made for before they are there, at most.
const ROOM_AT_ONCE: usize = 64;

/// What a shard is asked for: items, and the place of each in the whole list.
type Share<T> = (ShardId, (Vec<usize>, Vec<T>));

/// Items sorted by the shard that is to be asked for them, each with its place in the whole list. There are few shards.
#[derive(Clone, Debug)]
pub(crate) struct ByShard<T> {
    shards: Vec<Share<T>>,
    /// How many items room is made for at once.
    items: usize,
}

impl<T> ByShard<T> {
    /// No items yet, of this many.
    pub(crate) const fn of(items: usize) -> Self {
        let items = if items < ROOM_AT_ONCE { items } else { ROOM_AT_ONCE };
        Self { shards: Vec::new(), items }
    }

    /// Adds an item for `shard`.
    pub(crate) fn push(&mut self, shard: ShardId, place: usize, item: T) {
        let Self { shards, items } = self;
        let at = shards.binary_search_by_key(&shard, |(of, _)| *of).unwrap_or_else(|at| {
            shards.insert(at, (shard, (Vec::with_capacity(*items), Vec::with_capacity(*items))));
            at
        });
        let (_, (places, items)) = &mut shards[at];
        places.push(place);
        items.push(item);
    }
}

impl<T> IntoIterator for ByShard<T> {
    type Item = Share<T>;
    type IntoIter = alloc::vec::IntoIter<Share<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.shards.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_has_taken_effect_when_each_part_has_or_is_answered() {
        // By part, in the order in which they come: whether it is answered, or else has taken effect.
        for (order, expected) in [
            (&[(0, false), (1, false), (0, true), (1, true)][..], [false, true, false, false]),
            (&[(0, false), (1, true), (0, true)], [false, true, false, false]),
            (&[(1, true), (0, false), (0, true)], [false, true, false, false]),
        ] {
            let mut scatter = Scatter::new();
            for part in 0..2 {
                let item = scatter.push_open();
                scatter.asked(part, alloc::vec![item]);
            }
            for ((part, answered), expected) in order.iter().zip(expected) {
                if *answered {
                    scatter.fill(*part, alloc::vec![()])
                } else {
                    scatter.applied(*part)
                }
                let says = !scatter.is_complete() && scatter.has_come_to_effect();
                assert_eq!(says, expected, "{order:?} at {part}");
            }
            assert!(scatter.is_complete());
        }
    }

    #[test]
    fn results_come_back_in_the_order_of_the_items() {
        let mut scatter = Scatter::new();
        let mut by_shard = ByShard::of(3);
        for (item, shard) in [(10, 1), (11, 0), (12, 1)] {
            by_shard.push(ShardId(shard), scatter.push_open(), item);
        }
        scatter.push_done(-1);
        let mut asked = Vec::new();
        for (part, (_, (places, items))) in by_shard.into_iter().enumerate() {
            scatter.asked(part as u32, places);
            asked.push((part as u32, items));
        }
        for (part, items) in asked.into_iter().rev() {
            assert!(!scatter.is_complete());
            scatter.fill(part, items);
        }
        assert_eq!(scatter.into_results(), [10, 11, 12, -1]);
    }
}
