//! The lock on a log directory, which keeps a second broker out of it. Kafka's file and Kafka's kind of lock.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

/// Holds the lock until the process ends or this is dropped.
#[derive(Debug)]
pub struct DirLock {
    _file: File,
}

/// Why a log directory could not be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("another broker is using it (its .lock file is held)")]
    Held,
    /// Something else lies at its path.
    #[error("it is not a directory")]
    NotADirectory,
    /// The lock file could not be opened or locked.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl DirLock {
    /// Locks the log directory at `path`.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path.join(".lock"))?;
        lock(&file)?;
        Ok(Self { _file: file })
    }
}

fn lock(file: &File) -> Result<(), LockError> {
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(LockError::Held),
        Err(TryLockError::Error(error)) => return Err(error.into()),
    }
    // Kafka's JVM takes a record lock (fcntl) on the same file; each kind ignores the other, so take both.
    match rustix::fs::fcntl_lock(file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::ACCESS) => Err(LockError::Held),
        Err(error) => Err(io::Error::from(error).into()),
    }
}
