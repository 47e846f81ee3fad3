//! Connections: bytes in as frames, answers out, without a copy of what is bulky.

mod connection;
mod frames;

pub use connection::{Connection, Inbox};
