//! `grete-sim diff`: the same script in two builds, and the first thing in which they differ.
//!
//! Both write the replay of the script, this one and the other; the replays are compared line by line as they come.

use crate::output::{Done, Stopped};
use crate::source::Choice;
use grete_sim::script::Script;
use std::collections::VecDeque;
use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};
use std::sync::Arc;

/// The lines that are shown of what came before.
const BEFORE: usize = 8;
/// The lines that are shown of each after it.
const AFTER: usize = 8;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The script: a file, or a seed.
    script: String,
    #[command(flatten)]
    choice: Choice,
    /// The program of the other build.
    #[arg(long, value_name = "PROGRAM")]
    with: PathBuf,
    /// Compares what happens to this node (n0) or client only; may be given several times.
    #[arg(long, value_name = "NODE|CLIENT")]
    only: Vec<String>,
}

pub(crate) fn diff(arguments: &Arguments) -> Done {
    // Both get the same text: another build may make another script of a seed.
    let script = arguments.choice.of_name(&arguments.script)?;
    let path = env::temp_dir().join(format!("grete-sim-diff-{}.script", std::process::id()));
    let compared = compare(arguments, &script, &path);
    // What is left in a directory for temporary files does no harm.
    let _ = fs::remove_file(&path);
    compared
}

fn compare(arguments: &Arguments, script: &Arc<Script>, path: &Path) -> Done {
    fs::write(path, script.to_string())?;
    let this = env::current_exe()?;
    let (mut one, mut other) = (Replay::of(&this, arguments, path)?, Replay::of(&arguments.with, arguments, path)?);
    let mut out = io::stdout().lock();
    let mut before = VecDeque::new();
    let mut lines = 0_u64;
    loop {
        match (one.next()?, other.next()?) {
            (None, None) => {
                one.end(&this)?;
                other.end(&arguments.with)?;
                writeln!(out, "no difference in {lines} lines")?;
                return Ok(ExitCode::SUCCESS);
            }
            (Some(line), Some(same)) if line == same => {
                lines += 1;
                before.push_back(line);
                if before.len() > BEFORE {
                    before.pop_front();
                }
            }
            (line, differs) => {
                writeln!(
                    out,
                    "the first difference, after {lines} lines (- {}, + {})",
                    this.display(),
                    arguments.with.display()
                )?;
                before.iter().try_for_each(|line| writeln!(out, "  {line}"))?;
                one.show(&mut out, '-', line)?;
                other.show(&mut out, '+', differs)?;
                return Ok(ExitCode::FAILURE);
            }
        }
    }
}

/// A replay by a program, as it comes.
struct Replay {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Replay {
    fn of(program: &Path, arguments: &Arguments, script: &Path) -> Result<Self, Stopped> {
        let words = arguments.choice.words(false);
        let mut command = Command::new(program);
        command.arg("replay").arg(script).args(words.split_whitespace());
        for name in &arguments.only {
            command.arg("--only").arg(name);
        }
        let started = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut child = started.map_err(|error| format!("{}: {error}", program.display()))?;
        let out = child.stdout.take().ok_or_else(|| "a replay without output".to_owned())?;
        Ok(Self { child, lines: BufReader::new(out).lines() })
    }

    fn next(&mut self) -> io::Result<Option<String>> {
        self.lines.next().transpose()
    }

    fn show(&mut self, out: &mut impl Write, sign: char, first: Option<String>) -> io::Result<()> {
        let Some(first) = first else { return writeln!(out, "{sign} (nothing more)") };
        writeln!(out, "{sign} {first}")?;
        for _ in 1..AFTER {
            let Some(line) = self.next()? else { break };
            writeln!(out, "{sign} {line}")?;
        }
        Ok(())
    }

    /// A replay that was not written says nothing about differences.
    fn end(mut self, program: &Path) -> Result<(), Stopped> {
        match self.child.wait()?.code() {
            Some(0 | 1) => Ok(()),
            code => Err(format!("{} ended with {code:?}", program.display()).into()),
        }
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        // It may have more to say that nobody reads.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
