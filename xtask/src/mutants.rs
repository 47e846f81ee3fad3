//! `cargo xtask mutants`: small faults put into the code on purpose, to see whether a test notices them.
//!
//! What is mutated, and by which tests it is to be noticed, stands in [`PARTS`]. A part's tests come in rounds, the nearest
//! first, because they are the fastest: a later round is shown only what the rounds before it let pass. The mutants are every
//! n-th of all that `cargo mutants` knows, so that the same sample comes again while the code stays as it is; `--first` shifts it.
//!
//! The faults are put into a checkout of HEAD below the target directory, never into the tree that somebody works in.

use crate::shell::{cargo, root};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Code that is mutated, with the tests that answer for it.
struct Part {
    name: &'static str,
    /// The package that the code stands in.
    package: &'static str,
    files: &'static str,
    rounds: &'static [Round],
}

/// Tests that one run of cargo makes: those of a package, narrowed by an argument.
struct Round {
    package: &'static str,
    targets: &'static str,
}

const PROTOCOL: Round = Round { package: "grete-protocol", targets: "--tests" };
/// The broker in its small world: scenarios, faults of the disk, power loss.
const WORLD: Round = Round { package: "grete-sim", targets: "--tests" };
const CORE: Round = Round { package: "grete-core", targets: "--tests" };

const PARTS: [Part; 5] = [
    Part {
        name: "protocol/wire",
        package: "grete-wire",
        files: "protocol/wire/src/**",
        rounds: &[Round { package: "grete-wire", targets: "--tests" }, PROTOCOL],
    },
    Part {
        name: "protocol/compression",
        package: "grete-compression",
        files: "protocol/compression/src/**",
        rounds: &[Round { package: "grete-compression", targets: "--tests" }, PROTOCOL],
    },
    Part { name: "protocol", package: "grete-protocol", files: "protocol/src/**", rounds: &[PROTOCOL] },
    Part {
        name: "core/log",
        package: "grete-core",
        files: "core/src/log/**",
        rounds: &[Round { package: "grete-core", targets: "--lib" }, CORE, WORLD],
    },
    Part { name: "core/group", package: "grete-core", files: "core/src/group/**", rounds: &[CORE, WORLD] },
];

/// What has to be noticed, of those mutants that compile.
const CAUGHT_PERCENT_MIN: usize = 85;

/// A mutant that loops and takes memory is stopped here, before the machine is; in KiB.
const MEMORY_MAX_KIB: u64 = 10 << 20;

/// A test run that takes longer than this, and so many times as long as without a mutant, has met one that hangs.
const TIMEOUT_SECONDS_MIN: u64 = 40;
const TIMEOUT_FACTOR: u64 = 5;

/// Puts faults into the code, and counts those that the tests notice
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The parts; all where none is named
    parts: Vec<String>,
    /// About how many mutants of all parts together; every one where this is more than there are
    #[arg(long, default_value_t = 200)]
    sample: usize,
    /// Shifts the sample: it begins with this mutant
    #[arg(long, default_value_t = 0)]
    first: usize,
    /// Only mutants with this text in their names, or another that is given; no sample is taken of them
    #[arg(long)]
    only: Vec<String>,
    /// Names the mutants, and tries none
    #[arg(long)]
    list: bool,
}

/// What became of mutants, each by its name.
#[derive(Default)]
struct Outcome {
    caught: BTreeSet<Mutant>,
    missed: BTreeSet<Mutant>,
    /// Noticed too: a test did not end.
    timeout: BTreeSet<Mutant>,
    /// Those that do not compile, and count for nothing.
    unviable: BTreeSet<Mutant>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    let places = Places::prepare()?;
    let chosen = choose(&places, arguments)?;
    if arguments.list {
        chosen.iter().flat_map(|(_, mutants)| mutants).for_each(|mutant| println!("{}", mutant.name));
        return Ok(());
    }
    let mut outcomes = Vec::new();
    for (part, mutants) in &chosen {
        outcomes.push((*part, try_part(&places, part, mutants)?));
    }
    report(&outcomes)
}

/// Where the mutants are made and built.
struct Places {
    tree: PathBuf,
    build: PathBuf,
    out: PathBuf,
}

impl Places {
    /// Checks HEAD out. What is not committed is not looked at.
    fn prepare() -> Result<Self, String> {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
        let folder = target.join("mutants");
        let places = Self { tree: folder.join("tree"), build: folder.join("build"), out: folder.join("out") };
        let tree = places.tree.display().to_string();
        let head = output(Command::new("git").args(["rev-parse", "HEAD"]).current_dir(root()))?;
        if !places.tree.join(".git").exists() {
            output(Command::new("git").args(["worktree", "prune"]).current_dir(root()))?;
            output(Command::new("git").args(["worktree", "add", "--detach", &tree, head.trim()]).current_dir(root()))?;
        }
        // A run that was cut short has left its mutant behind.
        output(Command::new("git").args(["reset", "--quiet", "--hard", head.trim()]).current_dir(&places.tree))?;
        Ok(places)
    }

    fn mutants(&self, part: &Part) -> Command {
        let mut command = self.cargo();
        command.args(["mutants", "--colors=never", "--package", part.package, "--file", part.files]);
        command
    }

    /// Cargo, with what all its runs have in common.
    fn cargo(&self) -> Command {
        // The limit is the shell's: it holds for the tests that cargo starts.
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -v {MEMORY_MAX_KIB}; exec \"$@\""), "sh"]).arg(cargo());
        command.current_dir(&self.tree).stdin(Stdio::null());
        command.env("CARGO_TARGET_DIR", &self.build).env("CARGO_PROFILE_DEV_DEBUG", "0");
        // What fails here is no finding: it is neither made smaller nor kept.
        command.env("PROPTEST_RNG_SEED", crate::test::PROPTEST_SEED).env("PROPTEST_MAX_SHRINK_ITERS", "0");
        command.env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "true");
        command
    }
}

/// A mutant by the name that `cargo mutants --list` gives it, and by its place in that list of its part.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Mutant {
    name: String,
    place: usize,
    of: usize,
}

/// The sample: every n-th mutant of all parts, as if they stood in one list.
fn choose(places: &Places, arguments: &Arguments) -> Result<Vec<(&'static Part, Vec<Mutant>)>, String> {
    if let Some(unknown) = arguments.parts.iter().find(|name| PARTS.iter().all(|part| part.name != *name)) {
        return Err(format!("{unknown} is none of {}", PARTS.map(|part| part.name).join(", ")));
    }
    let mut all = Vec::new();
    for part in &PARTS {
        let names = output(places.mutants(part).arg("--list"))?;
        let of = names.lines().count();
        let mutants = names.lines().enumerate();
        all.extend(mutants.map(|(place, name)| (part, Mutant { name: name.to_owned(), place, of })));
    }
    if all.is_empty() {
        return Err("cargo mutants finds nothing to mutate".to_owned());
    }
    let every = (all.len() / arguments.sample.max(1)).max(1);
    let begin = arguments.first % every;
    eprintln!("{} mutants", all.len());
    let is_asked_for = |mutant: &Mutant| arguments.only.iter().any(|text| mutant.name.contains(text));
    let chosen: Vec<_> = match arguments.only.is_empty() {
        true => all.into_iter().skip(begin).step_by(every).collect(),
        false => all.into_iter().filter(|(_, mutant)| is_asked_for(mutant)).collect(),
    };
    let wanted = |part: &&Part| arguments.parts.is_empty() || arguments.parts.iter().any(|name| name == part.name);
    let of_part = |part: &'static Part| {
        let mutants = chosen.iter().filter(|(of, _)| of.name == part.name).map(|(_, mutant)| mutant.clone());
        (part, mutants.collect())
    };
    Ok(PARTS.iter().filter(wanted).map(of_part).collect())
}

/// Tries mutants with the tests of a part, round by round.
fn try_part(places: &Places, part: &Part, mutants: &[Mutant]) -> Result<Outcome, String> {
    let mut outcome = Outcome { missed: mutants.iter().cloned().collect(), ..Outcome::default() };
    for round in part.rounds {
        if outcome.missed.is_empty() {
            break;
        }
        println!("{}: {} mutants, {} {}", part.name, outcome.missed.len(), round.package, round.targets);
        let timeout_seconds = try_unmutated(places, round)?;
        for mutant in core::mem::take(&mut outcome.missed) {
            let what = try_mutant(places, part, round, &mutant, timeout_seconds)?;
            println!("{what} {}", mutant.name);
            match what {
                "caught" => outcome.caught.insert(mutant),
                "timeout" => outcome.timeout.insert(mutant),
                "unviable" => outcome.unviable.insert(mutant),
                _ => outcome.missed.insert(mutant),
            };
        }
    }
    Ok(outcome)
}

/// Runs the tests on the code as it is; gives how many seconds they may take on a mutant.
fn try_unmutated(places: &Places, round: &Round) -> Result<u64, String> {
    let tests = |more: &str| {
        let mut command = places.cargo();
        command.args(["test", "--quiet", "--package", round.package, round.targets]).args(more.split_whitespace());
        command
    };
    output(&mut tests("--no-run"))?;
    let begun = Instant::now();
    output(&mut tests(""))?;
    Ok(TIMEOUT_SECONDS_MIN.max(TIMEOUT_FACTOR * begun.elapsed().as_secs()))
}

/// Tries one mutant; gives `caught`, `missed`, `timeout` or `unviable`.
///
/// Each is a run of its own, by its place in the list: `cargo mutants` 27.1 adds mutants that delete a field to every choice
/// that is made by names.
fn try_mutant(
    places: &Places,
    part: &Part,
    round: &Round,
    mutant: &Mutant,
    timeout_seconds: u64,
) -> Result<&'static str, String> {
    let mut command = places.mutants(part);
    command.args(["--in-place", "--no-shuffle", "--baseline=skip", "--sharding=slice"]);
    command.arg(format!("--shard={}/{}", mutant.place, mutant.of)).arg(format!("--timeout={timeout_seconds}"));
    command.args(["--test-package", round.package]).arg(format!("--cargo-arg={}", round.targets));
    command.arg("--output").arg(&places.out);
    let output = command.output().map_err(|error| format!("cargo mutants does not start: {error}"))?;
    for what in ["caught", "missed", "timeout", "unviable"] {
        let path = places.out.join("mutants.out").join(format!("{what}.txt"));
        let names = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        if names.lines().any(|name| name == mutant.name) {
            return Ok(what);
        }
    }
    Err(format!("{} was not tried: {}", mutant.name, String::from_utf8_lossy(&output.stderr)))
}

fn report(outcomes: &[(&Part, Outcome)]) -> Result<(), String> {
    println!("{:<22}{:>8}{:>8}{:>8}{:>10}", "", "caught", "hung", "missed", "unviable");
    let (mut noticed, mut viable) = (0, 0);
    for (part, outcome) in outcomes {
        let (caught, hung, missed) = (outcome.caught.len(), outcome.timeout.len(), outcome.missed.len());
        println!("{:<22}{caught:>8}{hung:>8}{missed:>8}{:>10}", part.name, outcome.unviable.len());
        noticed += caught + hung;
        viable += caught + hung + missed;
    }
    outcomes.iter().flat_map(|(_, outcome)| &outcome.missed).for_each(|mutant| println!("missed: {}", mutant.name));
    let percent = noticed * 100 / viable.max(1);
    println!("{noticed} of {viable} noticed, {percent} %");
    if percent < CAUGHT_PERCENT_MIN {
        return Err(format!("fewer than {CAUGHT_PERCENT_MIN} % of the mutants were noticed"));
    }
    Ok(())
}

fn output(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{command:?}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr)));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("{command:?}: {error}"))
}
