//! `grete-sim zoo`: each bug of the zoo is built and looked for.

use crate::source;
use core::time::Duration;
use grete_sim::plan::Profile;
use grete_sim::zoo::report::{self, Found, Hunted};
use grete_sim::zoo::scratch::Scratch;
use grete_sim::zoo::{Bug, bugs_in, hunt};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Instant;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only the bugs whose names contain this.
    #[arg(long)]
    only: Option<String>,
    /// The seeds that are run at most until a bug is found; with 0 the bugs are built and not looked for.
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// The seeds that are run after that, for other checkers to fire.
    #[arg(long, default_value_t = 20)]
    more: u64,
    /// The seeds that are run without anything that goes wrong.
    #[arg(long, default_value_t = 1_000)]
    calm: u64,
    /// The seconds that are spent on a bug at most, and again without faults.
    #[arg(long, default_value_t = 600)]
    time: u64,
    /// What goes wrong.
    #[arg(long, default_value = "chaos", value_parser = source::profile)]
    profile: Profile,
    /// The sources: the root of the repository.
    #[arg(long, default_value = ".")]
    root: PathBuf,
    /// Where a copy of them is built; below `target` where it is not said.
    #[arg(long)]
    scratch: Option<PathBuf>,
    /// Writes a page with a table.
    #[arg(short, long)]
    output: Option<PathBuf>,
    /// Writes a document with the table.
    #[arg(long)]
    markdown: Option<PathBuf>,
}

pub(crate) fn zoo(arguments: &Arguments) -> Result<ExitCode, String> {
    let only = arguments.only.as_deref().unwrap_or_default();
    let bugs = bugs_in(&arguments.root.join("runtime-sim/bugs"))?;
    let bugs: Vec<Bug> = bugs.into_iter().filter(|bug| bug.name.contains(only)).collect();
    if bugs.is_empty() {
        return Err(format!("no bug of the zoo is named like {only}"));
    }
    let place = arguments.scratch.clone().unwrap_or_else(|| arguments.root.join("target/zoo"));
    fs::create_dir_all(&place).map_err(|error| format!("{}: {error}", place.display()))?;
    let place = fs::canonicalize(&place).map_err(|error| format!("{}: {error}", place.display()))?;
    let scratch = Scratch::prepare(&arguments.root, &place)?;
    let mut all = Vec::new();
    for bug in bugs {
        let began = Instant::now();
        let program = scratch.build(&bug.patch).map_err(|error| format!("{}: {error}", bug.name))?;
        let build = began.elapsed();
        let hunted = look_for(&program, arguments, arguments.seeds, false)?;
        let calm = look_for(&program, arguments, arguments.calm.min(arguments.seeds), true)?;
        let found = Found { bug, build, hunted, calm };
        println!("{}", report::line(&found));
        all.push(found);
        write(&all, arguments)?;
    }
    let missed = arguments.seeds > 0 && all.iter().any(|found| found.hunted.first.is_none());
    Ok(if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn write(all: &[Found], arguments: &Arguments) -> Result<(), String> {
    let profile = arguments.profile.name();
    let write =
        |path: &Path, text: String| fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()));
    arguments.output.as_deref().map_or(Ok(()), |path| write(path, report::html(all, profile)))?;
    arguments.markdown.as_deref().map_or(Ok(()), |path| write(path, report::markdown(all, profile)))
}

/// A program that ends when it is no longer needed.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended; either way nobody waits for more of it.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Has a program run seeds, until one shows the bug and some more have been run.
fn look_for(program: &Path, arguments: &Arguments, seeds: u64, calm: bool) -> Result<Hunted, String> {
    let mut hunted = Hunted::default();
    if seeds == 0 {
        return Ok(hunted);
    }
    let mut command = Command::new(program);
    let asked = (seeds + arguments.more).to_string();
    command.args(["hunt", "--profile", arguments.profile.name(), "--seeds", &asked]).args(calm.then_some("--calm"));
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let began = Instant::now();
    let mut child = command.spawn().map_err(|error| format!("{}: {error}", program.display()))?;
    let output = child.stdout.take().ok_or("a program that was started has an output")?;
    let running = Running(child);
    let (tell, told) = mpsc::channel();
    let reader = thread::spawn(move || {
        let lines = BufReader::new(output).lines();
        lines.map_while(Result::ok).take_while(|line| tell.send(line.clone()).is_ok()).count()
    });
    let until = began + Duration::from_secs(arguments.time);
    let mut last = seeds;
    loop {
        match told.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                let (seed, fired) =
                    hunt::read_line(&line).ok_or_else(|| format!("this is no line of a hunt: {line}"))?;
                let was_found = hunted.first.is_some();
                if !fired.is_empty() {
                    let script = hunt::script(seed, arguments.profile, calm);
                    hunted.note(seed, hunt::news(&script, fired)?);
                }
                if !was_found {
                    hunted.seeds += 1;
                    hunted.time = began.elapsed();
                }
                if !was_found && hunted.first.is_some() {
                    last = seed + 1 + arguments.more;
                }
                if seed + 1 >= last {
                    break;
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                hunted.remark = Some(format!("{} s were over", arguments.time));
                break;
            }
            Err(RecvTimeoutError::Disconnected) => {
                hunted.remark = Some("the program ended".to_owned());
                break;
            }
        }
    }
    drop(running);
    drop(told);
    reader.join().map_err(|_| "the reader of a program has failed")?;
    Ok(hunted)
}
