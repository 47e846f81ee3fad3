//! Which assignment strategy a generation uses: the members vote.

use super::member::Roster;
use super::names::ProtocolName;
use alloc::collections::BTreeMap;

/// The strategy for the next generation: each member votes for the first of its own that all members support, and the
/// one with the most votes wins; of several with as many, the first by name. There is none only where there are no
/// members, since nobody is let in who shares none with the others.
#[must_use]
pub fn select(roster: &Roster) -> Option<ProtocolName> {
    let mut votes = BTreeMap::new();
    for (_, member) in roster.iter() {
        let vote = member.protocols.iter().map(|(name, _)| name).find(|name| supported_by_all(roster, name));
        if let Some(name) = vote {
            *votes.entry(name).or_insert(0) += 1;
        }
    }
    // `max_by_key` takes the last of equals: reversed, that is the first by name.
    votes.into_iter().rev().max_by_key(|&(_, count)| count).map(|(name, _)| name.clone())
}

/// Whether a client with these strategies can be a member beside those that are there.
pub fn shares_one<'a>(roster: &Roster, mut protocols: impl Iterator<Item = &'a str>) -> bool {
    protocols.any(|name| supported_by_all(roster, name))
}

fn supported_by_all(roster: &Roster, protocol: &str) -> bool {
    roster.supported().get(protocol).copied().unwrap_or(0) == roster.len()
}

#[cfg(test)]
mod tests {
    use super::super::member::Member;
    use super::*;
    use bytes::Bytes;

    fn roster(members: &[&[&str]]) -> Roster {
        let mut roster = Roster::default();
        for (index, protocols) in members.iter().enumerate() {
            let member = Member {
                instance: None,
                client_id: "c".into(),
                client_host: "/::1".into(),
                rebalance_timeout_ms: 1,
                session_timeout_ms: 1,
                protocols: protocols.iter().map(|&name| (name.into(), Bytes::new())).collect(),
                assignment: Bytes::new(),
            };
            roster.add(alloc::format!("m{index}").into(), member);
        }
        roster
    }

    fn selected(members: &[&[&str]]) -> Option<ProtocolName> {
        select(&roster(members))
    }

    #[test]
    fn the_most_votes_among_what_all_support_win() {
        assert_eq!(selected(&[]), None);
        assert_eq!(selected(&[&["range"]]), Some("range".into()));
        assert_eq!(selected(&[&["sticky", "range"], &["range", "sticky"], &["range", "sticky"]]), Some("range".into()));
        assert_eq!(
            selected(&[&["x", "range"], &["x", "range"], &["range"]]),
            Some("range".into()),
            "not all support x"
        );
        assert_eq!(selected(&[&["b", "a"], &["a", "b"]]), Some("a".into()), "the first by name of a tie");
        assert_eq!(selected(&[&["b", "a"], &["b", "a"], &["a", "b"]]), Some("b".into()));
    }

    #[test]
    fn who_shares_none_with_all_is_told_apart() {
        let roster = roster(&[&["range", "x"], &["range"]]);
        assert!(shares_one(&roster, ["range", "z"].into_iter()));
        assert!(!shares_one(&roster, ["x"].into_iter()));
        assert!(!shares_one(&roster, [].into_iter()));
    }
}
