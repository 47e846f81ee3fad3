//! The story of a run as text: one line for each thing that happened, aligned, with a legend.
//!
//! A run that is looked at is run again with its trace on; a run that only counts pays nothing for it.

use crate::clock::WorldTime;
use crate::disk::Told;
use grete_core::effect::Effect;
use grete_core::event::{Event, IoOutput};
use std::fmt::Write as _;

/// What the columns of a trace mean.
pub const LEGEND: &str = "\
# time    microseconds since the beginning of the run
# where   n = node, s = shard, w = the world itself
# dir     > an event goes into a step, < an effect comes out of it, = a file operation has run, ! the world acts
# what    the event, effect, operation or act";

/// The lines of a trace.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    lines: Vec<String>,
}

impl Trace {
    /// The whole text, with its legend.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::from(LEGEND);
        for line in &self.lines {
            text.push('\n');
            text.push_str(line);
        }
        text.push('\n');
        text
    }

    /// The last `count` lines.
    #[must_use]
    pub fn tail(&self, count: usize) -> &[String] {
        &self.lines[self.lines.len().saturating_sub(count)..]
    }

    pub(crate) fn line(&mut self, at: WorldTime, place: &str, sign: char, what: &str) {
        self.lines.push(format!("{:>12} {place:<6} {sign} {what}", at.0));
    }
}

pub(crate) fn tell_event(event: &Event) -> String {
    match event {
        Event::Opened { connection, .. } => format!("opened   c{connection}"),
        Event::Announced { connection, length, api_key, api_version } => {
            format!("announced c{connection} {length} bytes, key {api_key} version {api_version}")
        }
        Event::Arrived { connection } => format!("arrived  c{connection}"),
        Event::Frame { connection, frame } => {
            let head: [u8; 8] = frame.get(..8).and_then(|head| head.try_into().ok()).unwrap_or_default();
            let [key, key_low, version, version_low, id @ ..] = head;
            let key = i16::from_be_bytes([key, key_low]);
            let version = i16::from_be_bytes([version, version_low]);
            let id = i32::from_be_bytes(id);
            format!("frame    c{connection} +{} key {key} version {version} correlation {id}", frame.len())
        }
        Event::Closed { connection } => format!("closed   c{connection}"),
        Event::Sent { connection, length } => format!("sent     c{connection} +{length}"),
        Event::Io { io, result } => {
            let mut text = format!("io       {:?} {}: ", io.owner, io.number);
            match result {
                Ok(IoOutput::Done) => text.push_str("done"),
                Ok(IoOutput::Read(bytes)) => drop(write!(text, "read +{}", bytes.len())),
                Ok(IoOutput::Space { usable_bytes, .. }) => drop(write!(text, "{usable_bytes} bytes usable")),
                Err(error) => text.push_str(&error.message),
            }
            text
        }
        Event::JobDone { job, .. } => format!("job done {job}"),
        Event::FromShard { from, message } => format!("from     s{from} {message:?}"),
        Event::Shutdown => "shutdown".to_owned(),
    }
}

pub(crate) fn tell_effect(effect: &Effect) -> String {
    match effect {
        Effect::Send { connection, parts } => {
            format!("send     c{connection} +{}", parts.iter().map(bytes::Bytes::len).sum::<usize>())
        }
        Effect::Close { connection } => format!("close    c{connection}"),
        Effect::Cut { connection } => format!("cut      c{connection}"),
        Effect::Admit { connection, bytes } => format!("admit    c{connection} +{bytes}"),
        Effect::Pause { connection } => format!("pause    c{connection}"),
        Effect::Resume { connection } => format!("resume   c{connection}"),
        Effect::Io { io, op } => format!("io       {:?} {}: {}", io.owner, io.number, Told(op)),
        Effect::Job { job, work } => format!("job      {job}: {work:?}"),
        Effect::ToShard { to, message } => format!("to       s{to} {message:?}"),
        Effect::Notice(notice) => format!("notice   {:?}: {}", notice.level, notice.text),
        Effect::Ready => "ready".to_owned(),
        Effect::Stopped => "stopped".to_owned(),
        Effect::Failed { reason } => format!("failed   {reason}"),
    }
}
