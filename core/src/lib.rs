#![no_std]
#![forbid(unsafe_code)]
//! A Kafka broker as a deterministic state machine without IO.
//!
//! A node is a set of [shards](shard). A runtime hands each of them [events](event::Event) and carries out the
//! [effects](effect::Effect) that come back; nothing else passes between the two. The same seed, configuration, files and
//! events give the same effects, byte for byte.
//!
//! # The contract between the core and any runtime
//! - **R1** Operations on one file or directory run one after the other in the order emitted. Nothing orders operations
//!   on different files: what depends on another file is emitted after that one's completion. A new or renamed name is
//!   durable only after its directory's [`SyncDir`](effect::IoOp::SyncDir).
//! - **R2** Sends on one connection, and messages from one shard to another, keep their order.
//! - **R3** Every IO, send, job and admission gets exactly one completion. [`Closed`](event::Event::Closed) completes all
//!   that was under way on its connection, and is the last event that names it;
//!   [`Ended`](event::Event::Ended) completes an admission.
//! - **R4** A send that cannot deliver all of its bytes closes the connection.
//!
//! Everything else may be delayed and reordered, and the simulator does so.
//!
//! # Invariants, stated as absences
//! - **C1** No clock, randomness, thread, file, socket, environment or hash order is read here: time comes with each
//!   step, randomness is a hash of the boot seed ([`rng`]).
//! - **C2** Lower modules never import upper ones, in the order that stands in `xtask/src/tidy/layers.rs` and that
//!   `cargo xtask tidy` checks. The log does not know replicas, groups do not know the log, nothing imports the shard.
//! - **C3** Bytes from outside never panic and never reserve memory that they do not back.
//! - **C4** The state has no interior mutability and is `Clone`: a simulator may branch a world.

extern crate alloc;

pub mod api;
pub mod budget;
pub mod config;
pub mod controller;
pub mod coordinator;
pub mod effect;
pub mod event;
pub mod fetch;
pub mod group;
pub mod ids;
pub mod limits;
pub mod log;
pub mod metadata;
pub mod node;
pub mod quorum;
pub mod replica;
pub mod rng;
pub mod shard;
pub mod time;
pub mod timer;
pub mod validation;
