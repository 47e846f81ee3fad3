//! What goes into the rolling hash of a run: all of an event or effect that two equal runs must agree on.

use crate::disk::OpKind;
use bytes::Bytes;
use grete_core::effect::{Effect, IoOp};
use grete_core::event::{Event, IoOutput};
use grete_core::ids::IoId;
use xxhash_rust::xxh3::xxh3_64;

/// Numbers and bytes that are hashed together: hashing them in one go is much faster than one by one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Digest(Vec<u8>);

impl Digest {
    /// Begins with the hash of what came before.
    pub(crate) fn begin(&mut self, hash: u64) {
        self.0.clear();
        self.number(hash);
    }

    pub(crate) fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn io(&mut self, io: IoId) {
        self.number(io.owner as u64);
        self.number(io.number);
    }

    fn parts(&mut self, parts: &[Bytes]) {
        self.number(parts.iter().map(|part| part.len() as u64).sum());
        parts.iter().for_each(|part| self.0.extend_from_slice(part));
    }

    pub(crate) fn finish(&self) -> u64 {
        xxh3_64(&self.0)
    }

    pub(crate) fn event(&mut self, event: &Event) {
        match event {
            Event::Opened { connection, listener, .. } => {
                self.number(1);
                self.number(connection.0);
                self.number(u64::from(listener.0));
            }
            Event::Announced { connection, length, api_key, api_version } => {
                self.number(2);
                self.number(connection.0);
                self.number(*length as u64);
                self.number(*api_key as u64);
                self.number(*api_version as u64);
            }
            Event::Arrived { connection } => {
                self.number(10);
                self.number(connection.0);
            }
            Event::Frame { connection, frame } => {
                self.number(3);
                self.number(connection.0);
                self.bytes(frame);
            }
            Event::Closed { connection } => {
                self.number(4);
                self.number(connection.0);
            }
            Event::HungUp { connection } => {
                self.number(11);
                self.number(connection.0);
            }
            Event::Ended { connection } => {
                self.number(12);
                self.number(connection.0);
            }
            Event::Sent { connection, length } => {
                self.number(5);
                self.number(connection.0);
                self.number(*length as u64);
            }
            Event::Io { io, result } => {
                self.number(6);
                self.io(*io);
                match result {
                    Ok(IoOutput::Done) => self.number(0),
                    Ok(IoOutput::Read(bytes)) => self.bytes(bytes),
                    Ok(IoOutput::Space { usable_bytes, .. }) => self.number(*usable_bytes),
                    Err(error) => self.number(1 + error.kind as u64),
                }
            }
            Event::JobDone { job, .. } => {
                self.number(7);
                self.number(job.0);
            }
            Event::FromShard { from, .. } => {
                self.number(8);
                self.number(u64::from(from.0));
            }
            Event::Shutdown => self.number(9),
        }
    }

    pub(crate) fn effect(&mut self, effect: &Effect) {
        match effect {
            Effect::Send { connection, parts } => {
                self.number(101);
                self.number(connection.0);
                self.parts(parts);
            }
            Effect::Close { connection } => {
                self.number(102);
                self.number(connection.0);
            }
            Effect::Cut { connection } => {
                self.number(113);
                self.number(connection.0);
            }
            Effect::Admit { connection, bytes } => {
                self.number(103);
                self.number(connection.0);
                self.number(*bytes as u64);
            }
            Effect::Pause { connection } => {
                self.number(104);
                self.number(connection.0);
            }
            Effect::Resume { connection } => {
                self.number(105);
                self.number(connection.0);
            }
            Effect::Io { io, op } => {
                self.number(106);
                self.io(*io);
                self.op(op);
            }
            Effect::Job { job, .. } => {
                self.number(107);
                self.number(job.0);
            }
            Effect::ToShard { to, .. } => {
                self.number(108);
                self.number(u64::from(to.0));
            }
            Effect::Notice(notice) => {
                self.number(109);
                self.bytes(notice.text.as_bytes());
            }
            Effect::Ready => self.number(110),
            Effect::Stopped => self.number(111),
            Effect::Failed { reason } => {
                self.number(112);
                self.bytes(reason.as_bytes());
            }
        }
    }

    fn op(&mut self, op: &IoOp) {
        self.number(OpKind::of(op) as u64);
        self.number(u64::from(op.file().dir.0));
        self.bytes(op.file().path.as_bytes());
        match op {
            IoOp::Write { position, parts, .. } => {
                self.number(position.0);
                self.parts(parts);
            }
            IoOp::Read { position, length, .. } => {
                self.number(position.0);
                self.number(u64::from(*length));
            }
            IoOp::Truncate { length, .. } => self.number(*length),
            IoOp::Rename { to, .. } => self.bytes(to.path.as_bytes()),
            IoOp::Create { .. }
            | IoOp::Sync { .. }
            | IoOp::Remove { .. }
            | IoOp::MakeDir { .. }
            | IoOp::RemoveDir { .. }
            | IoOp::SyncDir { .. }
            | IoOp::Space { .. } => {}
        }
    }
}
