//! Power losses in drawn scripts, and in those that have found something.
//!
//! `cargo run --release -p grete-sim --bin power_loss` tries as many as you like.

use grete_sim::draw::{Stream, WorldSeed};
use grete_sim::power::Report;
use grete_sim::power::script::{Script, Trial, run};
use std::{fs, thread};

const SCRIPTS: u64 = 24;

#[test]
fn drawn_scripts_lose_nothing_that_was_acknowledged() {
    let trial = Trial { points_per_million: 100_000, cases_per_point: 1, recovery_per_million: 8_000, trace: false };
    let half = |first: u64| {
        let mut report = Report::default();
        for number in (first..SCRIPTS).step_by(2) {
            let seed = WorldSeed(20_261_124).draw(Stream::Workload, &[number]).0;
            let one = run(&Script::draw(seed), trial);
            if let Some(failure) = one.failures.first() {
                panic!("{}\nsee it again: power_loss --script-seed {seed}", failure.what);
            }
            report.add(one);
        }
        report
    };
    let report = thread::scope(|scope| {
        let other = scope.spawn(|| half(1));
        let mut report = half(0);
        report.add(other.join().expect("the other half passes"));
        report
    });
    println!("{} cases, {:?}", report.cases, report.losses);
    assert!(report.cases > 1_000, "a run that tries little proves little: {}", report.cases);
    let losses = report.losses;
    for (what, count) in [
        ("sectors lost", losses.sectors_lost),
        ("sectors kept", losses.sectors_kept),
        ("files torn", losses.files_torn),
        ("lengths lost", losses.lengths_lost),
        ("names lost", losses.names_lost),
        ("names kept", losses.names_kept),
        ("torn tails cut", report.cuts),
        ("cases in a recovery", report.recovery_cases),
        ("other numbers of shards", report.reshardings),
    ] {
        assert!(count > 0, "a fault that never happens tests nothing: {what}");
    }
}

/// Each script in `regressions/power/` failed once.
#[test]
fn scripts_that_have_found_something_pass() {
    let trial = Trial { points_per_million: 1_000_000, cases_per_point: 8, recovery_per_million: 1_000, trace: true };
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/regressions/power");
    let mut paths: Vec<_> =
        fs::read_dir(folder).expect("there are some").map(|entry| entry.expect("it can be read").path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    for path in paths {
        let text = fs::read_to_string(&path).expect("it can be read");
        let script: Script = text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let report = run(&script, trial);
        if let Some(failure) = report.failures.first() {
            panic!("{}: {failure}", path.display());
        }
    }
}
