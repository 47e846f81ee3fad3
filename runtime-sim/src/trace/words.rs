//! Events and effects in words.

use crate::disk::Told;
use crate::world::client_of;
use grete_core::effect::Effect;
use grete_core::event::{Event, IoOutput};
use grete_core::ids::ConnectionId;
use std::fmt::Write as _;

/// A connection: of the auditor by its number, else which of which client of the script.
pub(super) fn tell_connection(connection: ConnectionId) -> String {
    match client_of(connection) {
        None => format!("c{connection}"),
        Some(client) => format!("c{}-{}", client.0 + 1, connection.0 & 0xffff_ffff),
    }
}

pub(crate) fn tell_event(event: &Event) -> String {
    let of = match event {
        Event::Opened { connection, .. }
        | Event::Announced { connection, .. }
        | Event::Arrived { connection }
        | Event::Frame { connection, .. }
        | Event::HungUp { connection }
        | Event::Ended { connection }
        | Event::Closed { connection }
        | Event::Sent { connection, .. } => tell_connection(*connection),
        Event::Io { .. } | Event::JobDone { .. } | Event::FromShard { .. } | Event::Shutdown => String::new(),
    };
    match event {
        Event::Opened { .. } => format!("opened   {of}"),
        Event::Announced { length, api_key, api_version, .. } => {
            format!("announced {of} {length} bytes, key {api_key} version {api_version}")
        }
        Event::Arrived { .. } => format!("arrived  {of}"),
        Event::Frame { frame, .. } => {
            let head: [u8; 8] = frame.get(..8).and_then(|head| head.try_into().ok()).unwrap_or_default();
            let [key, key_low, version, version_low, id @ ..] = head;
            let key = i16::from_be_bytes([key, key_low]);
            let version = i16::from_be_bytes([version, version_low]);
            let id = i32::from_be_bytes(id);
            format!("frame    {of} +{} key {key} version {version} correlation {id}", frame.len())
        }
        Event::HungUp { .. } => format!("hung up  {of}"),
        Event::Ended { .. } => format!("ended    {of}"),
        Event::Closed { .. } => format!("closed   {of}"),
        Event::Sent { length, .. } => format!("sent     {of} +{length}"),
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
    let of = match effect {
        Effect::Send { connection, .. }
        | Effect::Close { connection }
        | Effect::Cut { connection }
        | Effect::Admit { connection, .. }
        | Effect::Pause { connection }
        | Effect::Resume { connection } => tell_connection(*connection),
        Effect::Io { .. }
        | Effect::Job { .. }
        | Effect::ToShard { .. }
        | Effect::Notice(_)
        | Effect::Ready
        | Effect::Stopped
        | Effect::Failed { .. } => String::new(),
    };
    match effect {
        Effect::Send { parts, .. } => {
            format!("send     {of} +{}", parts.iter().map(bytes::Bytes::len).sum::<usize>())
        }
        Effect::Close { .. } => format!("close    {of}"),
        Effect::Cut { .. } => format!("cut      {of}"),
        Effect::Admit { bytes, .. } => format!("admit    {of} +{bytes}"),
        Effect::Pause { .. } => format!("pause    {of}"),
        Effect::Resume { .. } => format!("resume   {of}"),
        Effect::Io { io, op } => format!("io       {:?} {}: {}", io.owner, io.number, Told(op)),
        Effect::Job { job, .. } => format!("job      {job}"),
        Effect::ToShard { to, message } => format!("to       s{to} {message:?}"),
        Effect::Notice(notice) => format!("notice   {:?}: {}", notice.level, notice.text),
        Effect::Ready => "ready".to_owned(),
        Effect::Stopped => "stopped".to_owned(),
        Effect::Failed { reason } => format!("failed   {reason}"),
    }
}
