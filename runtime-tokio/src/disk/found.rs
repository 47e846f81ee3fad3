//! What lies in a log directory when the node starts.

use grete_core::event::{FoundDir, FoundEntry, IoError, IoErrorKind};
use grete_core::ids::LogDirIndex;
use std::fs;
use std::io;
use std::path::Path;

/// The depth of files below a log directory: `topic-0/file`.
const DEPTH_MAX: usize = 2;

/// Lists the log directory at `path`, making it where it is missing.
#[must_use]
pub fn find(dir: LogDirIndex, path: &Path) -> FoundDir {
    let entries = fs::create_dir_all(path).and_then(|()| {
        let mut entries = Vec::new();
        list(path, "", DEPTH_MAX, &mut entries)?;
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(entries)
    });
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    FoundDir {
        dir,
        path: path.display().to_string(),
        entries: entries.map_err(|error| IoError {
            kind: IoErrorKind::Failed,
            message: format!("{}: {error}", path.display()).into(),
        }),
    }
}

fn list(root: &Path, below: &str, depth: usize, entries: &mut Vec<FoundEntry>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(below))? {
        let entry = entry?;
        // A name that is not UTF-8 is none of ours.
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        let metadata = fs::metadata(root.join(&path))?;
        let length = metadata.is_file().then_some(metadata.len());
        entries.push(FoundEntry { path: path.as_str().into(), length });
        if metadata.is_dir() && depth > 1 {
            list(root, &path, depth - 1, entries)?;
        }
    }
    Ok(())
}
