//! What the run prints.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Args;
use super::compare::{self, KnownDifferences};
use super::recording::Recording;
use super::session::{Case, Served, Step};

/// Longer values are cut in the report.
const VALUE_LETTERS_MAX: usize = 600;

/// For `--show` and `--record`.
pub(super) fn keep_or_show(args: &Args, cases: &[Case], answers: Vec<Vec<Step>>, served: Served) -> Result<(), String> {
    let mut broken = 0;
    let mut recording = Recording::new(served);
    for (case, steps) in cases.iter().zip(answers) {
        let is_broken = steps.iter().any(|step| !step.answer["broken case"].is_null());
        broken += usize::from(is_broken);
        if args.show || is_broken {
            println!("{}", case.name);
            for step in &steps {
                println!("  {} {}", step.asked, step.request);
                println!("    {}", step.answer);
            }
        }
        recording.insert(case.name.clone(), steps);
    }
    if broken > 0 {
        return Err(format!("{broken} cases are broken"));
    }
    if let Some(file) = &args.record {
        let about = "The answers of Apache Kafka, masked: made by `cargo xtask wirediff --record`, not by hand.";
        std::fs::write(super::root().join(file), recording.write(about))
            .map_err(|error| format!("{}: {error}", file.display()))?;
        println!("written to {}", file.display());
    }
    Ok(())
}

/// Compares case by case, prints what is new and fails when there is something.
pub(super) fn compare_all(
    print: usize,
    cases: &[Case],
    expected: &[Vec<Step>],
    answers: &[Vec<Step>],
    known: &mut KnownDifferences,
    seconds: f64,
) -> Result<(), String> {
    let (mut alike, mut excused, mut failed) = (0, 0, 0);
    let mut by_place: BTreeMap<String, usize> = BTreeMap::new();
    for (index, case) in cases.iter().enumerate() {
        let (reference, subject) =
            (expected.get(index).map_or(&[][..], Vec::as_slice), answers.get(index).map_or(&[][..], Vec::as_slice));
        let all = compare::compare(reference, subject);
        let any = !all.is_empty();
        let mut new = Vec::new();
        for (step, differences) in all {
            let unknown: Vec<_> = differences
                .into_iter()
                .filter(|difference| !known.excuses(&case.name, &step.api, difference))
                .collect();
            if !unknown.is_empty() {
                new.push((step, unknown));
            }
        }
        match (any, new.is_empty()) {
            (false, _) => alike += 1,
            (true, true) => excused += 1,
            (true, false) => {
                failed += 1;
                for (step, differences) in &new {
                    for difference in differences {
                        *by_place.entry(format!("{} {}", step.api, difference.path)).or_default() += 1;
                    }
                }
                if failed <= print {
                    println!("{}", case.name);
                    new.iter().for_each(|(step, differences)| print_step(step, differences));
                }
            }
        }
    }
    let apis = |steps: &'_ [Step]| steps.iter().map(|step| step.api.clone()).collect::<BTreeSet<String>>();
    let ran: Vec<(&str, BTreeSet<String>)> =
        cases.iter().zip(answers).map(|(case, steps)| (case.name.as_str(), apis(steps))).collect();
    let ran = ran.iter().flat_map(|(case, apis)| apis.iter().map(|api| (*case, api.as_str()))).collect();
    let stale = known.stale(&ran);
    stale.iter().for_each(|entry| println!("stale: {entry}"));
    if !by_place.is_empty() {
        println!("new differences by place:");
        by_place.iter().for_each(|(place, count)| println!("  {count:5} {place}"));
    }
    println!(
        "{} cases in {seconds:.1} s: {alike} alike, {excused} with known differences only, {failed} with new differences; {} stale entries",
        cases.len(),
        stale.len()
    );
    if failed > 0 || !stale.is_empty() { Err("the answers differ".to_owned()) } else { Ok(()) }
}

fn print_step(step: &Step, differences: &[compare::Difference]) {
    println!("  {} {}", step.asked, short(&step.request));
    for difference in differences {
        println!(
            "    {}\n      kafka {}\n      grete {}",
            difference.path,
            short(&difference.reference),
            short(&difference.subject)
        );
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(VALUE_LETTERS_MAX) {
        Some((at, _)) => format!("{}... ({} letters)", &text[..at], text.len()),
        None => text,
    }
}
