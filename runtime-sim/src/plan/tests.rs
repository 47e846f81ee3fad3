use super::*;
use crate::script::{ClientAct, ClientKind, End, Fault};
use std::collections::BTreeSet;

fn faults(script: &Script) -> Vec<(WorldTime, &Fault)> {
    let fault = |(time, act): &'_ (WorldTime, Act)| match act {
        Act::Fault(_) => Some(*time),
        Act::Client(..) => None,
    };
    let times: Vec<WorldTime> = script.acts.iter().filter_map(fault).collect();
    let acts = script.acts.iter().filter_map(|(_, act)| match act {
        Act::Fault(fault) => Some(fault),
        Act::Client(..) => None,
    });
    times.into_iter().zip(acts).collect()
}

#[test]
fn each_script_is_as_large_as_it_must_be_and_reads_as_it_was_written() {
    for profile in Profile::ALL {
        for seed in 0..60 {
            let script = script(seed, profile);
            assert_eq!(script.to_string().parse(), Ok(script.clone()), "{profile:?} {seed}");
            assert!((2..=5).contains(&script.topics.len()) && (3..=10).contains(&script.clients.len()));
            assert!((1..=4).contains(&script.nodes[0].shards) && (1..=3).contains(&script.nodes[0].dirs));
            let asked = script.acts.len() - faults(&script).len();
            assert!((1_200..=2_300).contains(&asked), "{profile:?} {seed}: {asked}");
            assert!(script.heal_at >= WorldTime(60_000_000));
            assert!(script.acts.iter().all(|(time, _)| *time < script.heal_at));
        }
    }
}

#[test]
fn all_but_the_gentle_have_faults_and_a_crash() {
    for profile in Profile::ALL {
        for seed in 0..200 {
            let script = script(seed, profile);
            let faults = faults(&script);
            let ends = |how: &End| matches!(how, End::Kill | End::PowerLoss(_));
            let crash = faults.iter().any(|(_, fault)| matches!(fault, Fault::End { how, .. } if ends(how)));
            match profile {
                Profile::Gentle => assert!(faults.is_empty()),
                _ => assert!(faults.len() >= FAULTS_MIN && crash, "{profile:?} {seed}: {faults:?}"),
            }
        }
    }
}

#[test]
fn few_seeds_have_a_fault_that_takes_what_was_acknowledged() {
    let takes = |fault: &Fault| match fault {
        Fault::Disk { what: crate::disk::Fault::Ignored, .. } => true,
        Fault::Disk { what: crate::disk::Fault::Rot, path, .. } => !path.ends_with("index"),
        _ => false,
    };
    let some = (0..600).filter(|seed| faults(&script(*seed, Profile::Chaos)).iter().any(|(_, fault)| takes(fault)));
    let some = some.count();
    assert!((15..60).contains(&some), "{some} of 600");
    for profile in [Profile::Gentle, Profile::Network, Profile::Clients] {
        assert!((0..200).all(|seed| !faults(&script(seed, profile)).iter().any(|(_, fault)| takes(fault))));
    }
}

/// The kind of fault, by the first word of it that is none of a name or number.
fn kind(script: &Script, fault: &Fault) -> String {
    let told = script.told(&Act::Fault(fault.clone())).to_string();
    let words = told.split_whitespace().filter(|word| !word.ends_with(|letter: char| letter.is_ascii_digit()));
    let known = |word: &&str| !word.contains(',') && !word.contains("__") && !word.contains('.');
    words.filter(known).take(2).collect::<Vec<_>>().join(" ")
}

#[test]
fn seeds_differ_in_what_they_are_made_of() {
    let mixtures: BTreeSet<Vec<String>> = (0..40)
        .map(|seed| {
            let script = script(seed, Profile::Chaos);
            let kinds: BTreeSet<String> = faults(&script).iter().map(|(_, fault)| kind(&script, fault)).collect();
            kinds.into_iter().collect()
        })
        .collect();
    assert_eq!(mixtures.len(), 40);
    let all: BTreeSet<String> = mixtures.into_iter().flatten().collect();
    for expected in ["stop restart-after", "kill restart-after", "kill-at sync", "pause", "net all", "net reset"] {
        assert!(all.iter().any(|kind| kind.starts_with(expected)), "{expected} in {all:?}");
    }
}

#[test]
fn what_one_client_does_does_not_depend_on_the_others() {
    // The profiles have different numbers of consumers and other acts, and the same draws for the same questions.
    let sends = |profile: Profile| -> Vec<ClientAct> {
        let script = script(5, profile);
        assert!(matches!(script.clients[0].kind, ClientKind::Producer(_)));
        let own = script.acts.iter().filter_map(|(_, act)| match act {
            Act::Client(client, act @ ClientAct::Send { .. }) if client.0 == 0 => Some(act.clone()),
            _ => None,
        });
        own.take(100).collect()
    };
    // In the order of their times, which move where there are more of them: compared as sets.
    let told = |acts: Vec<ClientAct>| acts.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    assert_eq!(told(sends(Profile::Network)), told(sends(Profile::Chaos)));
    let (network, chaos) = (script(5, Profile::Network), script(5, Profile::Chaos));
    let shared = |script: &Script| {
        let told = faults(script).into_iter().filter(|(_, fault)| matches!(fault, Fault::Network { .. }));
        told.map(|(time, fault)| (time, script.told(&Act::Fault(fault.clone())).to_string())).collect::<Vec<_>>()
    };
    let (network, chaos) = (shared(&network), shared(&chaos));
    assert!(!chaos.is_empty());
    assert!(chaos.iter().all(|fault| network.contains(fault)), "the disks take nothing from the network");
}
