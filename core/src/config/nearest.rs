//! What somebody may have meant who wrote a name that is not known.

use alloc::vec::Vec;

/// The name that takes the fewest letters to insert, leave out or replace; `None` where that is more than a third of them.
pub(super) fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let (distance, nearest) = names.map(|known| (distance(name, known), known)).min()?;
    (distance <= name.chars().count().max(3) / 3).then_some(nearest)
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (at, letter) in a.chars().enumerate() {
        let mut left = at + 1;
        let mut next = Vec::with_capacity(row.len());
        next.push(left);
        for (pair, other) in row.windows(2).zip(&b) {
            left = (left + 1).min(pair[1] + 1).min(pair[0] + usize::from(letter != *other));
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_is_the_one_with_the_fewest_changes() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        let names = ["log.dir", "log.dirs", "node.id"];
        assert_eq!(nearest("log.dri", names.into_iter()), Some("log.dir"));
        assert_eq!(nearest("nodeid", names.into_iter()), Some("node.id"));
        assert_eq!(nearest("completely.other", names.into_iter()), None);
    }
}
