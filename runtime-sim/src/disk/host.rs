//! A simulated disk from a real directory and back: to begin a run with what a real broker left, and to look at what a
//! run left with Kafka's tools. Not for use within a run.

use super::content::Content;
use super::file::FileData;
use super::names::Entry;
use super::{Disk, DiskProfile};
use crate::draw::WorldSeed;
use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

impl Disk {
    /// A disk that holds, durably, what the directory `path` holds.
    ///
    /// # Errors
    /// Where the directory cannot be read, or a name in it is not UTF-8.
    pub fn load(seed: WorldSeed, profile: DiskProfile, path: &Path) -> io::Result<Self> {
        let mut disk = Self::new(seed, profile);
        disk.load_below(path, "")?;
        disk.names.sync_all();
        Ok(disk)
    }

    /// Adds a durable file, as a start for tests. The directories above it are made.
    pub fn put(&mut self, path: &str, bytes: &[u8]) {
        for (at, _) in path.match_indices('/') {
            // It may be there already.
            drop(self.make(&path[..at], true));
        }
        drop(self.make(path, false));
        let mut content = Content::default();
        content.write(0, bytes);
        self.allocated_bytes += content.allocated_bytes();
        if let Ok(file) = self.file_mut(path) {
            *file = FileData::durable(content);
        }
        self.names.sync_all();
    }

    fn load_below(&mut self, host: &Path, prefix: &str) -> io::Result<()> {
        let mut entries = fs::read_dir(host)?.collect::<io::Result<Vec<_>>>()?;
        // The order of a real directory is nobody's promise.
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name();
            let name = name.to_str().ok_or_else(|| io::Error::other("a name that is not UTF-8"))?;
            let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
            if entry.file_type()?.is_dir() {
                let made = self.make(&path, true);
                made.map_err(|error| io::Error::other(error.message.to_string()))?;
                self.load_below(&entry.path(), &path)?;
            } else {
                self.put(&path, &fs::read(entry.path())?);
            }
        }
        Ok(())
    }

    /// Writes all files and directories, as readers see them, below the real directory `path`.
    ///
    /// # Errors
    /// Where the directory cannot be written to.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)?;
        // Ordered by path: a directory comes before what lies in it.
        for (name, entry) in self.names.paths() {
            let Entry { inode, is_dir } = entry;
            let target = path.join(&name);
            if is_dir {
                fs::create_dir_all(target)?;
            } else {
                let content = self.files[&inode].current();
                fs::write(&target, content.read(0, content.length()))?;
            }
        }
        Ok(())
    }

    /// Whether everything on the disk is durable.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        !self.names.has_pending() && self.files.values().all(|file: &Arc<FileData>| file.is_clean())
    }
}
