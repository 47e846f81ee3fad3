//! The names in a directory tree, with the changes of names that no directory sync has made durable yet.
//!
//! Invariants:
//! 1. `current` is `durable` with all `pending` changes made in order.
//! 2. A change survives a power loss only together with all earlier changes of the same names: a name never shows a
//!    state that it did not have.
//! 3. A rename changes both names or none.
//! 4. What lies in a directory whose own name does not survive is gone.

use super::survival::{Losses, Survival};
use crate::draw::name;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Names a file or a directory whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Inode(pub(crate) u64);

/// The log directory itself.
pub(crate) const ROOT: Inode = Inode(0);

/// A place for a name: the directory and the name in it.
pub(crate) type Slot = (Inode, Arc<str>);

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) inode: Inode,
    pub(crate) is_dir: bool,
}

type Tree = BTreeMap<Slot, Entry>;

#[derive(Clone, Debug)]
struct Change {
    /// Addresses the draw about its survival.
    ordinal: u64,
    /// What the slots hold afterwards.
    slots: Vec<(Slot, Option<Entry>)>,
}

/// All names of a log directory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    current: Arc<Tree>,
    durable: Arc<Tree>,
    pending: Vec<Change>,
    /// How often each slot has changed since the last power loss.
    changes: BTreeMap<Slot, u64>,
}

impl Names {
    /// The slot that a path names, where the directories above it exist.
    pub(crate) fn slot(&self, path: &str) -> Option<Slot> {
        let (parent, last) = path.rsplit_once('/').unwrap_or(("", path));
        let parent = self.directory(parent)?;
        (!last.is_empty()).then(|| (parent, last.into()))
    }

    /// The directory at a path.
    pub(crate) fn directory(&self, path: &str) -> Option<Inode> {
        path.split('/').filter(|part| !part.is_empty()).try_fold(ROOT, |dir, part| {
            self.current.get(&(dir, part.into())).filter(|entry| entry.is_dir).map(|entry| entry.inode)
        })
    }

    pub(crate) fn get(&self, slot: &Slot) -> Option<Entry> {
        self.current.get(slot).copied()
    }

    pub(crate) fn is_empty(&self, dir: Inode) -> bool {
        self.current.range((dir, Arc::from(""))..).next().is_none_or(|((parent, _), _)| *parent != dir)
    }

    pub(crate) fn link(&mut self, slot: Slot, entry: Entry) {
        self.change(vec![(slot, Some(entry))]);
    }

    pub(crate) fn unlink(&mut self, slot: Slot) {
        self.change(vec![(slot, None)]);
    }

    pub(crate) fn rename(&mut self, from: Slot, to: Slot, entry: Entry) {
        if from != to {
            self.change(vec![(from, None), (to, Some(entry))]);
        }
    }

    fn change(&mut self, slots: Vec<(Slot, Option<Entry>)>) {
        let count = self.changes.entry(slots[0].0.clone()).or_default();
        *count += 1;
        let change = Change { ordinal: *count, slots };
        change.make(Arc::make_mut(&mut self.current));
        self.pending.push(change);
    }

    /// Makes the names in a directory durable, and whatever changes of other names they rest on.
    pub(crate) fn sync(&mut self, dir: Inode) {
        let mut needed: BTreeSet<Slot> = BTreeSet::new();
        let mut durable = vec![false; self.pending.len()];
        for (change, durable) in self.pending.iter().zip(&mut durable).rev() {
            *durable = change.slots.iter().any(|(slot, _)| slot.0 == dir || needed.contains(slot));
            if *durable {
                needed.extend(change.slots.iter().map(|(slot, _)| slot.clone()));
            }
        }
        let mut durable = durable.into_iter();
        let tree = Arc::make_mut(&mut self.durable);
        self.pending.retain(|change| {
            let done = durable.next().unwrap_or(false);
            if done {
                change.make(tree);
            }
            !done
        });
    }

    /// Makes all names durable.
    pub(crate) fn sync_all(&mut self) {
        self.durable = Arc::clone(&self.current);
        self.pending.clear();
    }

    pub(crate) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// The names after a power loss, all of them durable.
    pub(crate) fn after_power_loss(&self, survival: &Survival, losses: &mut Losses) -> Self {
        let mut tree = self.durable.as_ref().clone();
        let mut lost: BTreeSet<&Slot> = BTreeSet::new();
        for change in &self.pending {
            let slots = || change.slots.iter().map(|(slot, _)| slot);
            let (dir, text) = slots().next().map_or((0, 0), |(dir, text)| (dir.0, name(text)));
            if slots().all(|slot| !lost.contains(slot)) && survival.name(&[dir, text, change.ordinal]) {
                change.make(&mut tree);
                losses.names_kept += 1;
            } else {
                losses.names_lost += 1;
                lost.extend(slots());
            }
        }
        retain_reachable(&mut tree);
        let tree = Arc::new(tree);
        Self { current: Arc::clone(&tree), durable: tree, pending: Vec::new(), changes: BTreeMap::new() }
    }

    /// All inodes that a name may still stand for, now or after a power loss.
    pub(crate) fn referenced(&self) -> BTreeSet<Inode> {
        let pending = self.pending.iter().flat_map(|change| &change.slots).filter_map(|(_, entry)| *entry);
        let named = self.current.values().chain(self.durable.values()).copied();
        named.chain(pending).map(|entry| entry.inode).collect()
    }

    /// All paths, ordered as strings.
    pub(crate) fn paths(&self) -> BTreeMap<String, Entry> {
        let mut paths = BTreeMap::new();
        let mut dirs = vec![(String::new(), ROOT)];
        while let Some((prefix, dir)) = dirs.pop() {
            let entries = self.current.range((dir, Arc::from(""))..).take_while(|((parent, _), _)| *parent == dir);
            for ((_, text), entry) in entries {
                let path = if prefix.is_empty() { text.to_string() } else { format!("{prefix}/{text}") };
                if entry.is_dir {
                    dirs.push((path.clone(), entry.inode));
                }
                paths.insert(path, *entry);
            }
        }
        paths
    }
}

impl Change {
    fn make(&self, tree: &mut Tree) {
        for (slot, entry) in &self.slots {
            match entry {
                Some(entry) => tree.insert(slot.clone(), *entry),
                None => tree.remove(slot),
            };
        }
    }
}

/// Invariant 4.
fn retain_reachable(tree: &mut Tree) {
    let mut reached = BTreeSet::from([ROOT]);
    loop {
        let more: Vec<Inode> = tree
            .iter()
            .filter(|((parent, _), entry)| entry.is_dir && reached.contains(parent) && !reached.contains(&entry.inode))
            .map(|(_, entry)| entry.inode)
            .collect();
        if more.is_empty() {
            break;
        }
        reached.extend(more);
    }
    tree.retain(|(parent, _), _| reached.contains(parent));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::survival::Profile;
    use crate::draw::WorldSeed;

    fn file(inode: u64) -> Entry {
        Entry { inode: Inode(inode), is_dir: false }
    }

    fn dir(inode: u64) -> Entry {
        Entry { inode: Inode(inode), is_dir: true }
    }

    fn survivors(names: &Names) -> BTreeSet<Vec<String>> {
        let profiles = (0..100).map(|seed| (seed, Profile::Drawn { per_million: 500_000 }));
        profiles
            .chain([(0, Profile::Nothing), (0, Profile::Everything)])
            .map(|(seed, profile)| {
                let left = names.after_power_loss(&Survival { seed: WorldSeed(seed), profile }, &mut Losses::default());
                left.paths().into_iter().map(|(path, entry)| format!("{path}={}", entry.inode.0)).collect()
            })
            .collect()
    }

    fn expect(lists: &[&[&str]]) -> BTreeSet<Vec<String>> {
        lists.iter().map(|list| list.iter().map(|&text| text.to_owned()).collect()).collect()
    }

    #[test]
    fn a_rename_is_never_half() {
        let mut names = Names::default();
        names.link(names.slot("old").unwrap(), file(1));
        names.link(names.slot("new").unwrap(), file(2));
        names.sync(ROOT);
        names.rename(names.slot("old").unwrap(), names.slot("new").unwrap(), file(1));
        assert_eq!(survivors(&names), expect(&[&["new=1"], &["new=2", "old=1"]]));
    }

    #[test]
    fn different_names_survive_apart_and_one_name_in_order() {
        let mut names = Names::default();
        names.link(names.slot("a").unwrap(), file(1));
        names.link(names.slot("b").unwrap(), file(2));
        names.unlink(names.slot("a").unwrap());
        names.link(names.slot("a").unwrap(), file(3));
        let expected: [&[&str]; 6] = [&[], &["a=1"], &["a=3"], &["b=2"], &["a=1", "b=2"], &["a=3", "b=2"]];
        assert_eq!(survivors(&names), expect(&expected));
    }

    #[test]
    fn a_directory_takes_what_is_in_it_along() {
        let mut names = Names::default();
        names.link(names.slot("topic-0").unwrap(), dir(1));
        names.link(names.slot("topic-0/log").unwrap(), file(2));
        names.sync(Inode(1));
        // The inner name is durable, the directory's own is not.
        assert_eq!(survivors(&names), expect(&[&[], &["topic-0=1", "topic-0/log=2"]]));
        names.sync(ROOT);
        assert_eq!(survivors(&names), expect(&[&["topic-0=1", "topic-0/log=2"]]));
    }

    #[test]
    fn a_sync_takes_along_what_it_rests_on() {
        let mut names = Names::default();
        names.link(names.slot("d").unwrap(), dir(1));
        names.sync(ROOT);
        names.link(names.slot("tmp").unwrap(), file(2));
        names.link(names.slot("other").unwrap(), file(3));
        names.rename(names.slot("tmp").unwrap(), names.slot("d/file").unwrap(), file(2));
        names.sync(Inode(1));
        assert_eq!(survivors(&names), expect(&[&["d=1", "d/file=2"], &["d=1", "d/file=2", "other=3"]]));
    }
}
