//! What the inputs of the fuzz targets reach: each is run once on code that counts, and LLVM's tools sum up.
//!
//! The tools come with `rustup component add llvm-tools`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Folders whose lines are summed up; a file counts for the first that it lies below.
const ROOMS: [&str; 15] = [
    "protocol/wire/src",
    "protocol/generated",
    "protocol/compression/src",
    "protocol/src/records",
    "protocol/src",
    "core/src/log/recovery",
    "core/src/log/files",
    "core/src/log",
    "core/src/replica",
    "core/src/group",
    "core/src/fetch",
    "core/src/metadata",
    "core/src/api",
    "core/src/shard",
    "core/src",
];

/// Lines with code, and those of them that were run.
#[derive(Clone, Copy, Default)]
struct Lines {
    all: u64,
    reached: u64,
}

/// Runs the targets over their inputs and prints the lines that they reach, by room.
pub(super) fn report(targets: &[(&str, &[&str])], folder: &Path, target: &Path, binaries: &Path) -> Result<(), String> {
    let tools = tools()?;
    let counts = target.join("counts");
    let _ = std::fs::remove_dir_all(&counts);
    let mut counted = Vec::new();
    for (name, seeds) in targets {
        let mut command = Command::new(binaries.join(name));
        let kept = target.parent().unwrap_or(target).join("corpus").join(name);
        let inputs = seeds.iter().map(|seeds| folder.join("corpus").join(seeds));
        command.args(inputs.chain([kept]).filter(|path| path.is_dir())).args(["-runs=0", "-rss_limit_mb=0"]);
        let profile = counts.join(format!("{name}.profraw"));
        command.env("LLVM_PROFILE_FILE", &profile);
        output(&mut command)?;
        counted.push(profile);
    }
    let merged = counts.join("all.profdata");
    output(Command::new(tools.join("llvm-profdata")).args(["merge", "--sparse", "-o"]).arg(&merged).args(&counted))?;
    let mut command = Command::new(tools.join("llvm-cov"));
    command.args(["export", "--summary-only"]).arg(format!("--instr-profile={}", merged.display()));
    for (place, (name, _)) in targets.iter().enumerate() {
        command.args((place > 0).then_some("--object")).arg(binaries.join(name));
    }
    let root = folder.parent().unwrap_or(folder);
    let rooms = sum(&output(&mut command)?, root)?;
    for room in ROOMS {
        if let Some(lines) = rooms.get(room) {
            let percent = lines.reached as f64 * 100.0 / lines.all.max(1) as f64;
            println!("{room:<26} {percent:>5.1} % of {:>6} lines", lines.all);
        }
    }
    Ok(())
}

/// The lines by room, of what `llvm-cov export` says.
fn sum(export: &str, root: &Path) -> Result<BTreeMap<&'static str, Lines>, String> {
    let export: serde_json::Value = serde_json::from_str(export).map_err(|error| format!("llvm-cov: {error}"))?;
    let mut rooms: BTreeMap<&str, Lines> = BTreeMap::new();
    for file in export["data"][0]["files"].as_array().into_iter().flatten() {
        let path = Path::new(file["filename"].as_str().unwrap_or_default());
        let Ok(path) = path.strip_prefix(root) else { continue };
        let Some(room) = ROOMS.into_iter().find(|room| path.starts_with(room)) else { continue };
        let number = |what: &str| file["summary"]["lines"][what].as_u64().unwrap_or_default();
        let lines = rooms.entry(room).or_default();
        lines.all += number("count");
        lines.reached += number("covered");
    }
    Ok(rooms)
}

/// The folder of the LLVM tools that belong to the compiler.
fn tools() -> Result<PathBuf, String> {
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]))?;
    let tools = Path::new(sysroot.trim()).join("lib/rustlib").join(super::host()?).join("bin");
    if tools.join("llvm-cov").exists() {
        return Ok(tools);
    }
    Err("llvm-cov is missing: `rustup component add llvm-tools` brings it".to_owned())
}

fn output(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{command:?}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr)));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("{command:?}: {error}"))
}
