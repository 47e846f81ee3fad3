//! Loses the power of a broker many times, and checks what is left.
//!
//! ```text
//! power_loss [--cases N] [--seed S] [--threads N]   draws scripts and tries that many power losses
//! power_loss --script-seed S                         replays the script of a seed, at every point, and makes it shorter
//! power_loss --script FILE                           replays a script
//! ```
//! Ends with 1 where a case has failed, and says how to see it again.

use grete_sim::draw::{Stream, WorldSeed};
use grete_sim::power::Report;
use grete_sim::power::script::{Script, Trial, minimise, run};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;
use std::{env, fs, thread};

const CASES: u64 = 100_000;
/// How a script of many is tried: some of its points, so that many scripts are.
const SAMPLED: Trial =
    Trial { points_per_million: 250_000, cases_per_point: 1, recovery_per_million: 8_000, trace: false };
/// How one script is tried: each point with each profile.
const THOROUGH: Trial =
    Trial { points_per_million: 1_000_000, cases_per_point: 8, recovery_per_million: 2_000, trace: true };

struct Options {
    cases: u64,
    seed: u64,
    threads: usize,
    script: Option<Script>,
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(options) => options,
        Err(what) => {
            eprintln!(
                "{what}\nusage: power_loss [--cases N] [--seed S] [--threads N] | --script-seed S | --script FILE"
            );
            return ExitCode::from(2);
        }
    };
    // What fails is told at the end, with its story.
    std::panic::set_hook(Box::new(|_| ()));
    match &options.script {
        Some(script) => replay(script),
        None => try_many(&options),
    }
}

fn options() -> Result<Options, String> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut options = Options { cases: CASES, seed: 1, threads, script: None };
    let mut words = env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("{word} is nothing without a value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("{word} {value}: that is no number"));
        match word.as_str() {
            "--cases" => options.cases = number()?,
            "--seed" => options.seed = number()?,
            "--threads" => options.threads = number()?.max(1) as usize,
            "--script-seed" => options.script = Some(Script::draw(number()?)),
            "--script" => {
                let text = fs::read_to_string(&value).map_err(|error| format!("{value}: {error}"))?;
                options.script = Some(text.parse().map_err(|error| format!("{value}: {error}"))?);
            }
            _ => return Err(format!("{word} is no option")),
        }
    }
    Ok(options)
}

fn try_many(options: &Options) -> ExitCode {
    let begun = Instant::now();
    let next = AtomicU64::new(0);
    let whole = Mutex::new((Report::default(), Vec::new(), 0_u64));
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let seed = WorldSeed(options.seed).draw(Stream::Workload, &[number]).0;
            let report = run(&Script::draw(seed), SAMPLED);
            let mut whole = whole.lock().unwrap_or_else(PoisonError::into_inner);
            if !report.failures.is_empty() {
                whole.1.push(seed);
            }
            whole.0.add(report);
            whole.2 += 1;
            if whole.0.cases >= options.cases || whole.1.len() >= 5 {
                return;
            }
        }
    };
    thread::scope(|scope| (0..options.threads).for_each(|_| drop(scope.spawn(work))));
    let (report, failing, scripts) = whole.into_inner().unwrap_or_else(PoisonError::into_inner);
    let seconds = begun.elapsed().as_secs_f64();
    println!("{scripts} scripts, {} points, seed {}", report.points, options.seed);
    tell(&report);
    println!("{seconds:.1} s, {:.0} cases a minute", report.cases as f64 * 60.0 / seconds);
    for (seed, failure) in failing.iter().zip(&report.failures) {
        println!("\nFAILED: {}\nsee it again: power_loss --script-seed {seed}", failure.what);
    }
    if failing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn replay(script: &Script) -> ExitCode {
    println!("{script}");
    let report = run(script, THOROUGH);
    tell(&report);
    if report.failures.is_empty() {
        return ExitCode::SUCCESS;
    }
    if let Some((shortest, failure)) = minimise(script, THOROUGH) {
        println!("\nFAILED: {failure}\nthe shortest script that fails so:\n\n{shortest}\n{}", failure.what);
    }
    ExitCode::FAILURE
}

/// What was tried and hit.
fn tell(report: &Report) {
    println!(
        "{} cases, {} of them in a recovery, {} with another number of shards; {} failed",
        report.cases,
        report.recovery_cases,
        report.reshardings,
        report.failures.len()
    );
    let losses = report.losses;
    println!(
        "sectors {} lost, {} kept; files {} torn, {} reordered, {} of another length; names {} lost, {} kept",
        losses.sectors_lost,
        losses.sectors_kept,
        losses.files_torn,
        losses.files_reordered,
        losses.lengths_lost,
        losses.names_lost,
        losses.names_kept
    );
    println!("profiles {:?}; torn tails cut {}; directories put aside {}", report.profiles, report.cuts, report.strays);
    let kinds: Vec<String> = report.running.iter().map(|(kind, count)| format!("{kind:?} {count}")).collect();
    println!("running when the power went: {}", kinds.join(", "));
}
