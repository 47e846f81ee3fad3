//! The tokio runtime of the Grete broker: sockets, files, threads and clocks around the core's state machine.
//!
//! It decides nothing about Kafka. It hands the core's shards what happens, and carries out what they ask for.

pub mod accept;
pub mod admission;
pub mod broker;
pub mod clock;
pub mod disk;
pub mod guard;
pub mod jobs;
pub mod memory;
pub mod net;
pub mod settings;
pub mod shard;
pub mod signals;
