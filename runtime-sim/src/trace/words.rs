//! Events and effects in words.

use crate::disk::Told;
use grete_core::effect::Effect;
use grete_core::event::{Event, IoOutput};
use std::fmt::Write as _;

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
        Effect::Job { job, .. } => format!("job      {job}"),
        Effect::ToShard { to, message } => format!("to       s{to} {message:?}"),
        Effect::Notice(notice) => format!("notice   {:?}: {}", notice.level, notice.text),
        Effect::Ready => "ready".to_owned(),
        Effect::Stopped => "stopped".to_owned(),
        Effect::Failed { reason } => format!("failed   {reason}"),
    }
}
