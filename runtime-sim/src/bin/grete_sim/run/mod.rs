//! `grete-sim run`: one script, or those of many seeds, and what went wrong in them.
//!
//! What goes to the standard output is a function of the arguments: the same in two processes and with any number of jobs,
//! unless `--time` ends it. How fast it went is told on the standard error.

mod artefacts;
mod many;
mod sum;

use crate::output::Done;
use crate::source::{self, Choice};
use core::time::Duration;
use grete_sim::checker::Violation;
use grete_sim::script::{self, Script};
use many::Many;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Instant;
use sum::Sum;

#[derive(clap::Args)]
#[group(id = "what", required = true, multiple = false)]
pub(crate) struct Which {
    /// A script to run.
    #[arg(long)]
    script: Option<PathBuf>,
    /// One seed.
    #[arg(long)]
    seed: Option<u64>,
    /// Seeds, from the first to the last but one: 0..1000; 0.. goes on until --time is over.
    #[arg(long, value_parser = seeds)]
    seeds: Option<(u64, u64)>,
}

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    choice: Choice,
    /// How many run at once.
    #[arg(long)]
    jobs: Option<usize>,
    /// Begins no further seed after so long: 60s, 5m.
    #[arg(long, value_parser = script::duration)]
    time: Option<Duration>,
    /// Goes on after a seed that fails, and tells all of them.
    #[arg(long)]
    keep_going: bool,
    /// Fails where a kind of fault changed nothing, or a rare state was never reached, in all runs together.
    #[arg(long)]
    require_coverage: bool,
    /// Where the script of the first failure goes, as it was and minimised, with its timeline.
    #[arg(long, value_name = "DIR")]
    artefacts: Option<PathBuf>,
}

fn seeds(text: &str) -> Result<(u64, u64), String> {
    let (first, end) = text.split_once("..").ok_or("seeds are given as 0..1000 or 0..")?;
    let number = |text: &str| text.parse::<u64>().map_err(|_| format!("{text} is no number"));
    let (first, end) = (number(first)?, if end.is_empty() { u64::MAX } else { number(end)? });
    if first < end { Ok((first, end)) } else { Err("there is no seed in that range".to_owned()) }
}

pub(crate) fn run(arguments: &Arguments) -> Done {
    if let Some(path) = &arguments.which.script {
        let script = arguments.choice.of_file(path)?;
        return run_one(arguments, &script, &path.display().to_string(), false);
    }
    if let Some(seed) = arguments.which.seed {
        return run_one(arguments, &arguments.choice.of_seed(seed), &seed.to_string(), true);
    }
    let Some((first, end)) = arguments.which.seeds else {
        return Err("what is to run: --script, --seed or --seeds".to_owned().into());
    };
    if end == u64::MAX && arguments.time.is_none() {
        return Err("seeds without an end need a --time".to_owned().into());
    }
    let jobs = arguments.jobs.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    let began = Instant::now();
    let many = Many {
        choice: &arguments.choice,
        seeds: first..end,
        until: arguments.time.map(|time| began + time),
        keeps_going: arguments.keep_going,
    };
    let found = many.run(jobs.max(1));
    tell_speed(&found.sum, began.elapsed());
    let mut out = io::stdout().lock();
    write!(out, "{}", found.sum)?;
    for (seed, why) in &found.failed {
        tell_failure(&mut out, arguments, &seed.to_string(), why, true)?;
    }
    let mut is_covered = true;
    for hole in found.sum.holes().take_while(|_| arguments.require_coverage) {
        is_covered = false;
        writeln!(out, "not covered: {hole}")?;
    }
    out.flush()?;
    let Some((seed, _)) = found.failed.first() else {
        return Ok(if is_covered { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    };
    if let Some(dir) = &arguments.artefacts {
        artefacts::write(dir, &arguments.choice, &arguments.choice.of_seed(*seed), &seed.to_string())?;
    }
    Ok(ExitCode::FAILURE)
}

fn run_one(arguments: &Arguments, script: &Arc<Script>, name: &str, of_seed: bool) -> Done {
    let began = Instant::now();
    let outcome = arguments.choice.execute(script)?;
    let mut sum = Sum::default();
    sum.add(&outcome);
    tell_speed(&sum, began.elapsed());
    let mut out = io::stdout().lock();
    write!(out, "{sum}")?;
    let Some(violation) = outcome.unexplained() else { return Ok(ExitCode::SUCCESS) };
    tell_failure(&mut out, arguments, name, &Failure::Broken(violation.clone()), of_seed)?;
    out.flush()?;
    if let Some(dir) = &arguments.artefacts {
        artefacts::write(dir, &arguments.choice, script, name)?;
    }
    Ok(ExitCode::FAILURE)
}

/// Why a seed fails.
#[derive(Clone, Debug)]
enum Failure {
    /// A promise was broken.
    Broken(Violation),
    /// Its script cannot be run.
    Unrunnable(String),
}

fn tell_failure(
    out: &mut impl Write,
    arguments: &Arguments,
    name: &str,
    why: &Failure,
    of_seed: bool,
) -> io::Result<()> {
    let what = if of_seed { "seed " } else { "" };
    let words = arguments.choice.words(of_seed);
    match why {
        Failure::Broken(violation) => {
            writeln!(out, "{what}{name} fails: {}", source::tell(violation))?;
            if let Some(promise) = source::promise(violation.checker) {
                writeln!(out, "  expected: {promise}")?;
            }
            writeln!(out, "  grete-sim replay {name}{words}")?;
            writeln!(out, "  grete-sim minimise {name}{words} -o failure.script")
        }
        Failure::Unrunnable(what) => writeln!(out, "{name} cannot be run: {what}"),
    }
}

fn tell_speed(sum: &Sum, passed: Duration) {
    let seconds = passed.as_secs_f64().max(1e-9);
    eprintln!(
        "{seconds:.1} s: {:.1} seeds/s, {:.0} operations/s, {:.0} x real time",
        sum.runs as f64 / seconds,
        sum.acknowledged as f64 / seconds,
        sum.simulated_seconds() / seconds
    );
}
