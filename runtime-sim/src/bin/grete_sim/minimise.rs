//! `grete-sim minimise`: a script that fails, and as little of it as still fails in the same way.

use crate::output::{Done, Stopped};
use crate::source::{self, Choice};
use core::time::Duration;
use grete_sim::minimise::{Size, Tried, minimise_told};
use grete_sim::script::{self, Script};
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The script that fails: a file, or a seed.
    script: String,
    /// Where the shortest goes; to the standard output where it is not said.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How long to go on looking for a shorter one.
    #[arg(long, default_value = "60s", value_parser = script::duration)]
    time: Duration,
    #[command(flatten)]
    choice: Choice,
}

pub(crate) fn minimise(arguments: &Arguments) -> Done {
    let script = arguments.choice.of_name(&arguments.script)?;
    let shortest = shorten(&arguments.choice, &script, arguments.time, &mut io::stderr().lock())?;
    match &arguments.output {
        Some(path) => fs::write(path, shortest.to_string())?,
        None => write!(io::stdout().lock(), "{shortest}")?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The shortest script found within a time that fails as `script` does: by the same checker and, where that is an assertion,
/// by the same one.
///
/// # Errors
/// Where it does not fail, or cannot be run.
pub(crate) fn shorten(
    choice: &Choice,
    script: &Arc<Script>,
    within: Duration,
    out: &mut impl Write,
) -> Result<Script, Stopped> {
    let began = Instant::now();
    let verdict = choice.execute(script)?.verdict;
    let expected = verdict.ok_or_else(|| "it does not fail: there is nothing to make shorter".to_owned())?;
    writeln!(out, "{}", source::tell(&expected))?;
    writeln!(out, "{:<22} {}", "it has", Size::of(script))?;
    let fails = |script: &Script| {
        let until_then = began.elapsed() < within;
        let outcome = until_then.then(|| choice.execute(&Arc::new(script.clone())).ok()).flatten();
        let verdict = outcome.and_then(|outcome| outcome.verdict);
        verdict.is_some_and(|found| source::kind_of_failure(&found) == source::kind_of_failure(&expected))
    };
    let mut told = Ok(());
    let shortest = minimise_told(script, fails, |Tried { what, runs, kept, left }| {
        let line = writeln!(out, "{what:<22} {left} ({kept} of {runs} runs failed as well)");
        told = std::mem::replace(&mut told, Ok(())).and(line);
    });
    told?;
    let passed = began.elapsed();
    let end = if passed < within { "nothing more can be left out" } else { "out of time" };
    writeln!(out, "{end}, after {:.1} s", passed.as_secs_f64())?;
    Ok(shortest)
}
