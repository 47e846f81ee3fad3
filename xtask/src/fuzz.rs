//! `cargo xtask fuzz`: libFuzzer on everything that bytes from outside reach.
//!
//! The targets are binaries of the crate `fuzz/`, built by the stable compiler: what libFuzzer needs is the coverage that
//! LLVM's own pass puts in. Inputs to begin with lie in `fuzz/corpus/`; what a run finds worth keeping goes below the
//! target directory, and what makes a target fail to `fuzz/artifacts/`, where the next run of it begins.

mod coverage;

use crate::shell::{cargo, root};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Every target, with the folders of inputs that it begins with.
const TARGETS: [(&str, &[&str]); 6] = [
    ("frames", &["frames"]),
    ("agreement", &["frames"]),
    ("batches", &["batches"]),
    ("connection", &["connection"]),
    ("recovery", &["recovery"]),
    ("settings", &["settings"]),
];

/// What cargo-fuzz asks the compiler for, but for its sanitizers: the project's code has no unsafe part to watch.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing";

/// What a target may hold at once, in MiB; one input may take this many seconds.
const MEMORY_MAX_MIB: u32 = 2048;
const INPUT_MAX_SECONDS: u32 = 20;

/// Fuzzes everything that bytes from outside reach
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The targets; all where none is named
    targets: Vec<String>,
    /// How long all of them take together
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Writes the inputs that the fuzzers begin with anew, and fuzzes nothing
    #[arg(long)]
    seeds: bool,
    /// Tells how many lines of each room all inputs that there are reach, and fuzzes nothing
    #[arg(long)]
    coverage: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    let folder = root().join("fuzz");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from).join("fuzz");
    if arguments.seeds {
        return seeds(&folder, &target);
    }
    let find = |name: &String| {
        let known = || TARGETS.map(|(name, _)| name).join(", ");
        TARGETS.into_iter().find(|(target, _)| target == name).ok_or_else(|| format!("{name} is none of {}", known()))
    };
    let chosen = match arguments.targets.is_empty() {
        true => TARGETS.to_vec(),
        false => arguments.targets.iter().map(find).collect::<Result<Vec<_>, _>>()?,
    };
    if arguments.coverage {
        let target = target.join("coverage");
        let binaries = build(&folder, &target, &format!("{COVERAGE} -Cinstrument-coverage"))?;
        return coverage::report(&chosen, &folder, &target, &binaries);
    }
    let binaries = build(&folder, &target, COVERAGE)?;
    let seconds = (arguments.seconds / chosen.len() as u64).max(1);
    let mut failed = Vec::new();
    for (name, seeds) in chosen {
        let begun = Instant::now();
        let outcome = fuzz(&folder, &target, &binaries.join(name), name, seeds, seconds);
        let elapsed = begun.elapsed().as_secs_f64();
        match outcome {
            Ok(told) => println!("{name:<12} ok     {elapsed:>6.1} s  {told}"),
            Err(why) => {
                println!("{name:<12} failed {elapsed:>6.1} s  {why}");
                failed.push(name);
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("fuzzing failed: {}", failed.join(", "))) }
}

/// Builds all targets with coverage; gives the folder of the binaries.
fn build(folder: &Path, target: &Path, flags: &str) -> Result<PathBuf, String> {
    // Named, so that what builds the code (build scripts, macros) is built without coverage.
    let host = host()?;
    let mut command = Command::new(cargo());
    command.args(["build", "--quiet", "--release", "--target", &host]).arg("--target-dir").arg(target);
    for (name, _) in TARGETS {
        command.args(["--bin", name]);
    }
    command.current_dir(folder).env("RUSTFLAGS", flags).env_remove("CARGO_TARGET_DIR");
    finish(command, "the build of the fuzz targets")?;
    Ok(target.join(host).join("release"))
}

/// The platform that this runs on, as the compiler names it.
fn host() -> Result<String, String> {
    let output = Command::new("rustc").arg("-vV").output().map_err(|error| format!("rustc: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(String::from).ok_or_else(|| "rustc does not say what it runs on".to_owned())
}

fn fuzz(
    folder: &Path,
    target: &Path,
    binary: &Path,
    name: &str,
    seeds: &[&str],
    seconds: u64,
) -> Result<String, String> {
    let (kept, artifacts) = (target.join("corpus").join(name), folder.join("artifacts").join(name));
    for path in [&kept, &artifacts] {
        std::fs::create_dir_all(path).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    let mut command = Command::new(binary);
    // The first folder is where new inputs are written.
    command.arg(&kept).args(seeds.iter().map(|seeds| folder.join("corpus").join(seeds)));
    command.arg(format!("-artifact_prefix={}/", artifacts.display()));
    command.arg(format!("-max_total_time={seconds}"));
    command.arg(format!("-rss_limit_mb={MEMORY_MAX_MIB}")).arg(format!("-timeout={INPUT_MAX_SECONDS}"));
    // Long inputs soon: a short one is seldom a script of many steps.
    command.args(["-len_control=10", "-print_final_stats=1"]).stdin(Stdio::null());
    let output = command.output().map_err(|error| format!("{}: {error}", binary.display()))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let last = said.lines().rev().find(|line| line.contains("cov:")).unwrap_or_default().trim();
    if output.status.success() {
        return Ok(last.trim_start_matches(|c| c != '\t').trim().to_owned());
    }
    let from = said.lines().position(|line| line.contains("panicked at") || line.contains("ERROR: libFuzzer"));
    let told: Vec<&str> = said.lines().skip(from.unwrap_or_default()).take(40).collect();
    let kept = said.lines().find(|line| line.contains("Test unit written to")).unwrap_or("no input was kept");
    Err(format!("{kept}; {} runs it alone\n{}", binary.display(), told.join("\n")))
}

/// Writes the inputs that are made from the message definitions.
fn seeds(folder: &Path, target: &Path) -> Result<(), String> {
    let mut command = Command::new(cargo());
    command.args(["run", "--quiet", "--bin", "seeds", "--target-dir"]).arg(target.join("seeds"));
    command.args(["--", "corpus"]).current_dir(folder);
    finish(command, "writing the seeds")
}

fn finish(mut command: Command, what: &str) -> Result<(), String> {
    match command.stdin(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{what} failed: {status}")),
        Err(error) => Err(format!("{what} does not start: {error}")),
    }
}
