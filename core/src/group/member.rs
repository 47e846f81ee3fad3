//! A member of a group, and the members of a group taken together.
//!
//! Invariants ([`Roster::check_invariants`]):
//! 1. There is a leader exactly where there are members, and it is one of them.
//! 2. An instance id belongs to at most one member, the newest incarnation.
//! 3. `supported` counts, for each protocol, the members that support it; `bytes_held` is what they hold together.

use super::names::{InstanceId, MemberId, ProtocolName};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;

/// A member as its last JoinGroup described it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The instance id of a static member.
    pub instance: Option<InstanceId>,
    /// The name that its client gave itself.
    pub client_id: Arc<str>,
    /// The address of its client.
    pub client_host: Arc<str>,
    /// How long a rebalance waits for it to rejoin.
    pub rebalance_timeout_ms: i32,
    /// How long it may stay silent.
    pub session_timeout_ms: i32,
    /// The strategies it supports with its metadata for each, the one it likes best first; no name twice.
    pub protocols: Vec<(ProtocolName, Bytes)>,
    /// What the leader assigned to it in the last generation that was stored; empty before.
    pub assignment: Bytes,
}

impl Member {
    /// The member's metadata for `protocol`; empty where it does not support it.
    #[must_use]
    pub fn metadata(&self, protocol: &ProtocolName) -> Bytes {
        let of_protocol = self.protocols.iter().find(|(name, _)| name == protocol);
        of_protocol.map(|(_, metadata)| metadata.clone()).unwrap_or_default()
    }

    /// What it holds of memory that clients chose, in bytes.
    #[must_use]
    pub fn bytes_held(&self) -> usize {
        let protocols = self.protocols.iter().map(|(name, metadata)| name.len() + metadata.len());
        let names = self.client_id.len() + self.instance.as_ref().map_or(0, |id| id.len());
        protocols.sum::<usize>() + self.assignment.len() + names
    }
}

/// The members of a group, and who leads them.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    members: BTreeMap<MemberId, Member>,
    leader: Option<MemberId>,
    instances: BTreeMap<InstanceId, MemberId>,
    supported: BTreeMap<ProtocolName, usize>,
    bytes_held: usize,
}

impl Roster {
    /// The number of members.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The member with an id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Member> {
        self.members.get(id)
    }

    /// Whether there is a member with an id.
    #[must_use]
    pub fn contains(&self, id: &str) -> bool {
        self.members.contains_key(id)
    }

    /// All members, by id.
    pub fn iter(&self) -> impl Iterator<Item = (&MemberId, &Member)> {
        self.members.iter()
    }

    /// The ids of all members, in order.
    pub fn ids(&self) -> impl Iterator<Item = &MemberId> {
        self.members.keys()
    }

    /// The member that makes the assignment.
    #[must_use]
    pub const fn leader(&self) -> Option<&MemberId> {
        self.leader.as_ref()
    }

    /// Whether the member with this id makes the assignment.
    #[must_use]
    pub fn is_leader(&self, id: &str) -> bool {
        self.leader.as_deref() == Some(id)
    }

    /// The current incarnation of a static member.
    #[must_use]
    pub fn of_instance(&self, instance: &str) -> Option<&MemberId> {
        self.instances.get(instance)
    }

    /// For each protocol that anyone supports, how many do.
    #[must_use]
    pub const fn supported(&self) -> &BTreeMap<ProtocolName, usize> {
        &self.supported
    }

    /// The longest that a rebalance waits for anyone.
    #[must_use]
    pub fn rebalance_timeout_ms(&self) -> i32 {
        self.members.values().map(|member| member.rebalance_timeout_ms).max().unwrap_or(0).max(0)
    }

    /// What the members hold of memory that clients chose, in bytes.
    #[must_use]
    pub const fn bytes_held(&self) -> usize {
        self.bytes_held
    }

    /// Adds a member that was not there; the first one leads.
    pub fn add(&mut self, id: MemberId, member: Member) {
        assert!(!self.contains(&id), "a member is added once");
        if let Some(instance) = &member.instance {
            let other = self.instances.insert(instance.clone(), id.clone());
            assert!(other.is_none(), "an instance has one member");
        }
        self.count(&member, true);
        self.leader.get_or_insert_with(|| id.clone());
        self.members.insert(id, member);
    }

    /// Removes a member; where it led, the first of the others leads.
    pub fn remove(&mut self, id: &str) -> Option<Member> {
        let member = self.members.remove(id)?;
        self.count(&member, false);
        if let Some(instance) = &member.instance {
            self.instances.remove(instance);
        }
        if self.is_leader(id) {
            self.leader = self.members.keys().next().cloned();
        }
        Some(member)
    }

    /// Changes a member in place; neither its id nor its instance id.
    pub fn update(&mut self, id: &str, change: impl FnOnce(&mut Member)) {
        let Some((id, mut member)) = self.members.remove_entry(id) else { return };
        self.count(&member, false);
        let instance = member.instance.clone();
        change(&mut member);
        assert_eq!(member.instance, instance, "a member keeps its instance id");
        self.count(&member, true);
        self.members.insert(id, member);
    }

    /// Gives the member `old` another id: a new incarnation of the same instance, which leads where the old one did.
    pub fn rename(&mut self, old: &str, new: MemberId) {
        let member = self.members.remove(old).expect("who is renamed is a member");
        if let Some(instance) = &member.instance {
            self.instances.insert(instance.clone(), new.clone());
        }
        if self.is_leader(old) {
            self.leader = Some(new.clone());
        }
        let other = self.members.insert(new, member);
        assert!(other.is_none(), "a new incarnation has a new id");
    }

    /// Makes a member the leader.
    pub fn lead(&mut self, id: MemberId) {
        assert!(self.contains(&id), "the leader is a member");
        self.leader = Some(id);
    }

    fn count(&mut self, member: &Member, up: bool) {
        let bytes = member.bytes_held();
        self.bytes_held = if up { self.bytes_held + bytes } else { self.bytes_held - bytes };
        for (name, _) in &member.protocols {
            let count = self.supported.entry(name.clone()).or_insert(0);
            *count = if up { *count + 1 } else { *count - 1 };
            if *count == 0 {
                self.supported.remove(name);
            }
        }
    }

    /// Asserts the invariants of this module over all members.
    pub fn check_invariants(&self) {
        match &self.leader {
            Some(leader) => assert!(self.contains(leader), "the leader is a member"),
            None => assert!(self.is_empty(), "members have a leader"),
        }
        for (instance, id) in &self.instances {
            let member = self.get(id).expect("an instance is a member");
            assert_eq!(member.instance.as_ref(), Some(instance), "an instance is the member that has its id");
        }
        let statics = self.members.values().filter(|member| member.instance.is_some()).count();
        assert_eq!(statics, self.instances.len(), "each static member is found by its instance id");
        let mut supported = BTreeMap::new();
        for (name, _) in self.members.values().flat_map(|member| &member.protocols) {
            *supported.entry(name.clone()).or_insert(0) += 1;
        }
        assert_eq!(supported, self.supported, "the counts are those of the members");
        let bytes_held: usize = self.members.values().map(Member::bytes_held).sum();
        assert_eq!(bytes_held, self.bytes_held, "what is held is what the members hold");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn member(instance: Option<&str>, protocols: &[&str]) -> Member {
        Member {
            instance: instance.map(InstanceId::from),
            client_id: "c".into(),
            client_host: "/127.0.0.1".into(),
            rebalance_timeout_ms: 60_000,
            session_timeout_ms: 10_000,
            protocols: protocols.iter().map(|&name| (name.into(), Bytes::from_static(b"m"))).collect(),
            assignment: Bytes::new(),
        }
    }

    #[test]
    fn the_first_leads_and_then_whoever_is_left() {
        let mut roster = Roster::default();
        roster.add("b".into(), member(None, &["range"]));
        roster.add("c".into(), member(None, &["range", "sticky"]));
        roster.add("a".into(), member(None, &["sticky"]));
        roster.check_invariants();
        assert!(roster.is_leader("b"));
        roster.remove("c");
        assert!(roster.is_leader("b"), "a follower's leaving changes nothing");
        roster.remove("b");
        assert!(roster.is_leader("a"));
        assert_eq!(roster.supported().get("range"), None);
        roster.remove("a");
        assert_eq!(roster.leader(), None);
        roster.check_invariants();
    }

    #[test]
    fn a_new_incarnation_takes_over_instance_and_leadership() {
        let mut roster = Roster::default();
        roster.add("a-1".into(), member(Some("a"), &["range"]));
        roster.add("b".into(), member(None, &["range"]));
        roster.rename("a-1", "a-2".into());
        roster.check_invariants();
        assert!(roster.is_leader("a-2"));
        assert_eq!(roster.of_instance("a"), Some(&"a-2".into()));
        assert!(!roster.contains("a-1"));
        roster.update("a-2", |member| member.protocols = vec![("sticky".into(), Bytes::new())]);
        roster.check_invariants();
        assert_eq!(roster.supported().get("sticky"), Some(&1));
        roster.remove("a-2");
        assert_eq!(roster.of_instance("a"), None);
        roster.check_invariants();
    }
}
