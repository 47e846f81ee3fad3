//! Generated files on disk: formatting, comparing, replacing.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{HEADER, Sources};

/// Formats all sources with the workspace's rustfmt, in a scratch folder below `target`.
pub(crate) fn format(root: &Path, sources: &Sources) -> Result<Sources> {
    let scratch = root.join("target/codegen");
    if scratch.exists() {
        fs::remove_dir_all(&scratch)?;
    }
    replace(&scratch, sources)?;
    // Every file is named, so rustfmt must not follow `mod` items as well.
    let status = Command::new("rustfmt")
        .args(["--edition", "2024", "--config-path"])
        .arg(root.join("rustfmt.toml"))
        .args(sources.keys().map(|path| scratch.join(path)))
        .status()
        .context("rustfmt does not start")?;
    ensure!(status.success(), "rustfmt refuses the generated code below {}", scratch.display());
    let mut formatted = Sources::new();
    for path in sources.keys() {
        formatted.insert(path.clone(), fs::read_to_string(scratch.join(path))?);
    }
    Ok(formatted)
}

/// The files that are missing, different, or generated once and not wanted any more.
pub(crate) fn differences(target: &Path, sources: &Sources) -> Result<Vec<PathBuf>> {
    let mut stale: BTreeSet<PathBuf> =
        generated(target)?.into_iter().filter(|path| !sources.contains_key(path)).collect();
    for (path, text) in sources {
        if fs::read_to_string(target.join(path)).ok().as_ref() != Some(text) {
            stale.insert(path.clone());
        }
    }
    Ok(stale.into_iter().collect())
}

/// Makes the generated files below `target` be `sources`; returns how many it had to touch.
pub(crate) fn write(target: &Path, sources: &Sources) -> Result<usize> {
    let stale = differences(target, sources)?;
    for path in &stale {
        match sources.get(path) {
            Some(text) => write_file(&target.join(path), text)?,
            None => fs::remove_file(target.join(path))?,
        }
    }
    Ok(stale.len())
}

fn replace(target: &Path, sources: &Sources) -> Result<()> {
    sources.iter().try_for_each(|(path, text)| write_file(&target.join(path), text))
}

fn write_file(path: &Path, text: &str) -> Result<()> {
    fs::create_dir_all(path.parent().context("a file without a folder")?)?;
    fs::write(path, text).with_context(|| path.display().to_string())
}

/// The files below `target` that carry the header, relative to it.
fn generated(target: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![target.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if fs::read_to_string(&path).is_ok_and(|text| text.starts_with(HEADER)) {
                found.push(path.strip_prefix(target)?.to_path_buf());
            }
        }
    }
    Ok(found)
}
