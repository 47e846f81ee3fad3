//! One file operation, through the C library, so that tools which interpose on it see what the broker does.

use super::files::OpenFiles;
use bytes::{Bytes, BytesMut};
use grete_core::effect::IoOp;
use grete_core::event::{IoError, IoErrorKind, IoOutput, IoResult};
use grete_core::ids::FilePosition;
use rustix::io::Errno;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt;

/// The parts that one system call takes (`IOV_MAX` on Linux).
const PARTS_PER_WRITE: usize = 1024;

/// Carries out `op`, now.
pub(super) fn carry_out(files: &mut OpenFiles, op: IoOp) -> IoResult {
    run(files, &op).map_err(|error| IoError { kind: kind(&error), message: describe(&op, &error).into() })
}

fn run(files: &mut OpenFiles, op: &IoOp) -> io::Result<IoOutput> {
    match op {
        IoOp::Create { file } => {
            let opened = OpenOptions::new().read(true).write(true).create_new(true).open(files.path(file))?;
            files.keep(file, opened);
        }
        IoOp::Write { file, position, parts } => write(files.get(file)?, *position, parts)?,
        IoOp::Sync { file } => files.get(file)?.sync_data()?,
        IoOp::Read { file, position, length } => {
            return read(files.get(file)?, *position, *length).map(IoOutput::Read);
        }
        IoOp::Truncate { file, length } => files.get(file)?.set_len(*length)?,
        IoOp::Remove { file } => {
            files.forget(file);
            fs::remove_file(files.path(file))?;
        }
        IoOp::Rename { from, to } => {
            files.forget(from);
            files.forget(to);
            fs::rename(files.path(from), files.path(to))?;
        }
        IoOp::MakeDir { dir } => fs::create_dir(files.path(dir))?,
        IoOp::RemoveDir { dir } => fs::remove_dir(files.path(dir))?,
        IoOp::SyncDir { dir } => File::open(files.path(dir))?.sync_all()?,
        IoOp::Space { dir } => {
            let space = rustix::fs::statvfs(files.path(dir))?;
            return Ok(IoOutput::Space {
                total_bytes: space.f_blocks.saturating_mul(space.f_frsize),
                usable_bytes: space.f_bavail.saturating_mul(space.f_frsize),
            });
        }
    }
    Ok(IoOutput::Done)
}

fn write(file: &File, position: FilePosition, parts: &[Bytes]) -> io::Result<()> {
    let mut position = position.0;
    for parts in parts.chunks(PARTS_PER_WRITE) {
        let mut slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
        let mut slices = &mut slices[..];
        IoSlice::advance_slices(&mut slices, 0);
        while !slices.is_empty() {
            let written = match rustix::io::pwritev(file, slices, position) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => written,
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            position += written as u64;
            IoSlice::advance_slices(&mut slices, written);
        }
    }
    Ok(())
}

fn read(file: &File, position: FilePosition, length: u32) -> io::Result<Bytes> {
    // Nothing is reserved beyond the end of the file, whatever was asked for.
    let left = file.metadata()?.len().saturating_sub(position.0);
    let length = u64::from(length).min(left) as usize;
    let mut buffer = BytesMut::zeroed(length);
    let mut filled = 0;
    while filled < length {
        match file.read_at(&mut buffer[filled..], position.0 + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    buffer.truncate(filled);
    Ok(buffer.freeze())
}

fn kind(error: &io::Error) -> IoErrorKind {
    match error.kind() {
        io::ErrorKind::NotFound => IoErrorKind::NotFound,
        io::ErrorKind::AlreadyExists => IoErrorKind::AlreadyExists,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => IoErrorKind::NoSpace,
        _ => IoErrorKind::Failed,
    }
}

fn describe(op: &IoOp, error: &io::Error) -> String {
    let what = match op {
        IoOp::Create { .. } => "create",
        IoOp::Write { .. } => "write",
        IoOp::Sync { .. } => "sync",
        IoOp::Read { .. } => "read",
        IoOp::Truncate { .. } => "truncate",
        IoOp::Remove { .. } | IoOp::RemoveDir { .. } => "remove",
        IoOp::Rename { .. } => "rename",
        IoOp::MakeDir { .. } => "make directory",
        IoOp::SyncDir { .. } => "sync directory",
        IoOp::Space { .. } => "ask for the space of",
    };
    format!("{what} {}: {error}", op.file().path)
}
