//! `cargo xtask tidy`: the rules of the house that a machine can check.

mod dependencies;
mod layers;
mod text;
mod zoo;

use crate::shell::root;
use std::fs;
use std::path::{Path, PathBuf};

/// A source file of the project.
pub(crate) struct Source {
    /// Its path below the root, with `/`.
    path: String,
    text: String,
}

/// Checks everything; the breaches are printed, one a line.
pub(crate) fn run() -> Result<(), String> {
    let root = root();
    let mut sources = Vec::new();
    collect(&root, &root, &mut sources).map_err(|error| format!("cannot read the sources: {error}"))?;
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    let mut breaches = text::check(&sources);
    breaches.extend(layers::check(&sources));
    breaches.extend(zoo::check(&sources));
    breaches.extend(dependencies::check()?);
    for breach in &breaches {
        eprintln!("{breach}");
    }
    if breaches.is_empty() {
        println!("{} files are tidy", sources.len());
        Ok(())
    } else {
        Err(format!("{} breaches of the house's rules", breaches.len()))
    }
}

fn collect(root: &Path, dir: &Path, sources: &mut Vec<Source>) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path: PathBuf = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') && name != ".ci" || ["target", "grete-data", "corpus", "artifacts"].contains(&&*name) {
            continue;
        }
        if path.is_dir() {
            collect(root, &path, sources)?;
        } else if let Ok(text) = fs::read_to_string(&path) {
            let path = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            sources.push(Source { path, text });
        }
    }
    Ok(())
}
