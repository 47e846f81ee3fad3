//! `grete-sim run`: one script, or those of many seeds, and what went wrong in them.

use crate::source;
use core::time::Duration;
use grete_core::shard::Shard;
use grete_sim::plan::Profile;
use grete_sim::run::{Counters, KINDS, Outcome, execute};
use grete_sim::script::Script;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

/// How often progress is told.
const TOLD_EVERY: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A script to run.
    #[arg(long, conflicts_with_all = ["seed", "seeds"])]
    script: Option<PathBuf>,
    /// One seed.
    #[arg(long)]
    seed: Option<u64>,
    /// Seeds, from the first to the last but one: 0..1000.
    #[arg(long, value_parser = seeds, conflicts_with = "seed")]
    seeds: Option<(u64, u64)>,
    /// What goes wrong: gentle, network, disk, chaos, clients.
    #[arg(long, default_value = "chaos", value_parser = source::profile)]
    profile: Profile,
    /// How many run at once.
    #[arg(long)]
    jobs: Option<usize>,
}

fn seeds(text: &str) -> Result<(u64, u64), String> {
    let (first, end) = text.split_once("..").ok_or("seeds are given as 0..1000")?;
    let number = |text: &str| text.parse::<u64>().map_err(|_| format!("{text} is no number"));
    let (first, end) = (number(first)?, number(end)?);
    if first < end { Ok((first, end)) } else { Err("there is no seed in that range".to_owned()) }
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    if let Some(path) = &arguments.script {
        return run_one(&source::of_file(path)?);
    }
    if let Some(seed) = arguments.seed {
        return run_one(&source::of_seed(seed, arguments.profile));
    }
    let (first, end) = arguments.seeds.ok_or("what is to run: --script, --seed or --seeds")?;
    let jobs = arguments.jobs.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    run_many(first, end, arguments.profile, jobs.max(1))
}

fn run_script(script: &Arc<Script>) -> Result<Outcome, String> {
    let finished = execute::<Shard>(script, |config| config, source::CHECKERS);
    finished.map(|finished| finished.outcome).map_err(|error| error.to_string())
}

fn run_one(script: &Arc<Script>) -> Result<ExitCode, String> {
    let began = Instant::now();
    let outcome = run_script(script)?;
    let mut sum = Sum::default();
    sum.add(&outcome);
    sum.tell(began.elapsed());
    println!("hash {:016x}", outcome.hash);
    match &outcome.verdict {
        None => Ok(ExitCode::SUCCESS),
        Some(violation) => {
            println!("{}", source::tell(violation));
            Ok(ExitCode::FAILURE)
        }
    }
}

/// What came of many runs.
#[derive(Default)]
struct Sum {
    runs: u64,
    acknowledged: u64,
    effects: u64,
    micros: u64,
    counters: Counters,
}

impl Sum {
    fn add(&mut self, outcome: &Outcome) {
        self.runs += 1;
        self.acknowledged += outcome.acknowledged as u64;
        self.effects += outcome.effects;
        self.micros += outcome.time.0;
        self.counters.add(&outcome.counters);
    }

    fn tell(&self, passed: Duration) {
        let seconds = passed.as_secs_f64().max(1e-9);
        let simulated = self.micros as f64 / 1e6;
        println!(
            "{} runs, {} operations acknowledged, {simulated:.0} s simulated in {seconds:.1} s: {:.0} x real time",
            self.runs,
            self.acknowledged,
            simulated / seconds,
        );
        for kind in KINDS {
            let count = self.counters.of(kind.name);
            if count.begun > 0 {
                println!("  {:<16} {:>8} begun {:>8} changed an outcome", kind.name, count.begun, count.changed);
            }
        }
    }
}

/// What threads that run seeds share.
struct Shared {
    next: AtomicU64,
    has_failed: AtomicBool,
    sum: Mutex<Sum>,
    failed: Mutex<BTreeMap<u64, String>>,
}

fn run_many(first: u64, end: u64, profile: Profile, jobs: usize) -> Result<ExitCode, String> {
    let began = Instant::now();
    let shared = Shared {
        next: AtomicU64::new(first),
        has_failed: AtomicBool::new(false),
        sum: Mutex::default(),
        failed: Mutex::default(),
    };
    let told = Mutex::new(began);
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                // Seeds are taken in their order: all below the first that fails are run, whatever the number of threads.
                while !shared.has_failed.load(Ordering::Acquire) {
                    let seed = shared.next.fetch_add(1, Ordering::AcqRel);
                    if seed >= end {
                        return;
                    }
                    run_seed(&shared, seed, profile);
                    let mut last = told.lock().unwrap_or_else(PoisonError::into_inner);
                    if last.elapsed() > TOLD_EVERY {
                        *last = Instant::now();
                        eprintln!("seed {seed} of {first}..{end}, {:.0} s", began.elapsed().as_secs_f64());
                    }
                }
            });
        }
    });
    shared.sum.into_inner().unwrap_or_else(PoisonError::into_inner).tell(began.elapsed());
    let failed = shared.failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    let Some((seed, why)) = failed.first_key_value() else { return Ok(ExitCode::SUCCESS) };
    println!("seed {seed} fails: {why}");
    println!("  grete-sim replay {seed} --profile {}", profile.name());
    Ok(ExitCode::FAILURE)
}

fn run_seed(shared: &Shared, seed: u64, profile: Profile) {
    let outcome = run_script(&source::of_seed(seed, profile));
    let failed = match &outcome {
        Ok(outcome) => outcome.verdict.as_ref().map(source::tell),
        Err(what) => Some(what.clone()),
    };
    if let Ok(outcome) = &outcome {
        shared.sum.lock().unwrap_or_else(PoisonError::into_inner).add(outcome);
    }
    if let Some(why) = failed {
        shared.failed.lock().unwrap_or_else(PoisonError::into_inner).insert(seed, why);
        shared.has_failed.store(true, Ordering::Release);
    }
}
