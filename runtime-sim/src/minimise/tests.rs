use super::*;
use crate::plan::{self, Profile};
use crate::script::{Act, ClientAct, End, Fault};

fn is_kill(act: &Act) -> bool {
    matches!(act, Act::Fault(Fault::End { how: End::Kill, .. }))
}

#[test]
fn what_does_not_fail_stays_as_it_is() {
    let script = plan::script(1, Profile::Chaos);
    assert_eq!(minimise(&script, |_| false), script);
}

#[test]
fn two_operations_around_a_kill_are_all_that_is_left() {
    // It fails where a batch goes to a partition before a kill, and a client lists topics after it.
    let fails = |script: &Script| {
        let kill = script.acts.iter().position(|(_, act)| is_kill(act));
        kill.is_some_and(|kill| {
            let (before, after) = script.acts.split_at(kill);
            before.iter().any(|(_, act)| matches!(act, Act::Client(_, ClientAct::Send { to, .. }) if to.partition == 1))
                && after.iter().any(|(_, act)| matches!(act, Act::Client(_, ClientAct::ListTopics)))
        })
    };
    let seed = (0..).find(|seed| fails(&plan::script(*seed, Profile::Chaos))).expect("some seed");
    let script = plan::script(seed, Profile::Chaos);
    let mut runs = 0;
    let shortest = minimise(&script, |script| {
        runs += 1;
        fails(script)
    });
    assert!(fails(&shortest));
    assert!(runs <= RUNS_MAX, "{runs}");
    assert_eq!(shortest.acts.len(), 3, "{shortest}");
    assert!(
        shortest.clients.len() <= 2 && shortest.topics.len() == 1 && shortest.topics[0].configs.is_empty(),
        "{shortest}"
    );
    assert!(shortest.nodes[0].properties.is_empty());
    assert_eq!((shortest.nodes[0].shards, shortest.nodes[0].dirs), (1, 1));
    assert!(shortest.heal_at <= WorldTime(1_000_000), "{shortest}");
    assert_eq!(shortest.to_string().parse(), Ok(shortest));
}

#[test]
fn what_fails_by_a_property_keeps_it_and_nothing_else() {
    let key = "log.segment.bytes";
    let script = plan::script(3, Profile::Disk);
    assert!(script.nodes[0].properties.contains_key(key));
    let shortest = minimise(&script, |script| script.nodes[0].properties.contains_key(key));
    assert_eq!(shortest.nodes[0].properties.len(), 1);
    assert!(shortest.acts.is_empty() && shortest.clients.is_empty());
}

#[test]
fn clients_that_stay_are_the_same_under_other_numbers() {
    let script = plan::script(4, Profile::Network);
    let name = script.clients.last().expect("a client").name.clone();
    let own = |script: &Script| {
        let by = |act: &Act| matches!(act, Act::Client(client, _) if script.clients[client.0].name == name);
        script.acts.iter().filter(|(_, act)| by(act)).count()
    };
    let acts = own(&script);
    let shortest = minimise(&script, |script| own(script) == acts);
    assert_eq!(shortest.clients.len(), 1);
    assert_eq!((&shortest.clients[0].name, shortest.acts.len()), (&name, acts));
}

#[test]
fn time_between_acts_goes_only_as_far_as_it_may() {
    // It fails where there are two seconds between two acts.
    let script = plan::script(5, Profile::Gentle);
    let gap = |script: &Script| {
        let times: Vec<u64> = script.acts.iter().map(|(time, _)| time.0).collect();
        times.last().zip(times.first()).is_some_and(|(last, first)| last - first >= 2_000_000)
    };
    let shortest = minimise(&script, gap);
    assert_eq!(shortest.acts.len(), 2);
    assert!(gap(&shortest) && shortest.heal_at < WorldTime(10_000_000), "{shortest}");
}

#[test]
fn what_was_tried_is_told_and_adds_up() {
    let script = plan::script(6, Profile::Chaos);
    let (mut runs, mut told) = (0, Vec::new());
    let fails = |script: &Script| {
        runs += 1;
        script.acts.iter().any(|(_, act)| is_kill(act))
    };
    let seeds = (6..).map(|seed| plan::script(seed, Profile::Chaos));
    let script = seeds.into_iter().find(|script| script.acts.iter().any(|(_, act)| is_kill(act))).unwrap_or(script);
    let shortest = minimise_told(&script, fails, |tried| told.push(*tried));
    assert_eq!(told.iter().map(|tried| tried.runs).sum::<usize>() + 1, runs);
    assert!(told.iter().all(|tried| tried.kept <= tried.runs));
    assert_eq!(told.last().map(|tried| tried.left), Some(Size::of(&shortest)));
    assert_eq!((Size::of(&shortest).faults, Size::of(&shortest).operations), (1, 0));
}

#[test]
fn nodes_that_stay_are_the_same_under_other_numbers() {
    let text = "node n0 shards 1 dirs 1\nnode n1 shards 1 dirs 1\nnode n2 shards 3 dirs 1\n\
                at 1s n1 kill restart-after 1s\nat 2s n2 kill restart-after 1s\n";
    let script: Script = text.parse().expect("a script");
    let shortest = minimise(&script, |script| {
        let kills = |node: usize| move |(_, act): &(WorldTime, Act)| matches!(act, Act::Fault(Fault::End { node: of, .. }) if of.0 == node);
        script.nodes.iter().position(|node| node.shards == 3).is_some_and(|node| script.acts.iter().any(kills(node)))
    });
    assert_eq!(shortest.nodes.len(), 2);
    assert_eq!(shortest.acts.len(), 1);
}
