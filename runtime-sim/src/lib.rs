//! A deterministic world for the Grete broker: disks, connections, clocks, and what goes wrong with them.
//!
//! A [`World`](world::World) runs shards of the core (or anything else that keeps their contract, a
//! [`Machine`](machine::Machine)) on simulated [disks](disk), connections and [clocks](clock). It is a plain library: one
//! thread, no async, no files, no time but its own. A run is a function of its seed and of what the caller does, and
//! keeps a rolling hash by which two runs can be compared.
//!
//! ```text
//! draw     every decision is a hash of the seed and of what it is about
//! disk     page cache and durable state; what a power loss leaves; faults
//! net      connections: framing, splitting, delay, breaking
//! clock    monotonic and wall clocks of a node
//! machine  what the world runs
//! node     shards, disks and clocks of one node
//! world    the event loop, and everything that can be done to it
//! drive    letting a world go on, step by step
//! broker   the core's shards as machines
//! client   a client by another implementation of the protocol
//! model    what was acknowledged, and what must hold of a broker that has booted again
//! workload what clients do in a run, written down in the model
//! script   the plan of a run, as data and as text
//! plan     scripts made from seeds
//! actor    clients that behave as real client libraries do
//! history  what clients did and what came of it
//! checker  what must hold of a history: one file for each question
//! run      the execution of a script: clients, faults, rest and what came of it
//! minimise scripts that fail made shorter
//! power    power loss at every effect
//! mutant   brokers that are wrong on purpose, for the checks to find
//! zoo      bugs that are put into the broker, for the checkers to find
//! trace    the story of a run: one line for each event, and facts that can be drawn
//! edn      histories in the form that jepsen.tests.kafka reads
//! timeline a run as a page for a browser
//! ```

pub mod actor;
pub mod broker;
pub mod checker;
pub mod client;
pub mod clock;
mod digest;
pub mod disk;
pub mod draw;
pub mod drive;
pub mod edn;
pub mod history;
pub mod machine;
pub mod minimise;
pub mod model;
pub mod mutant;
mod net;
pub mod node;
pub mod plan;
pub mod power;
pub mod run;
pub mod script;
pub mod timeline;
pub mod trace;
pub mod workload;
pub mod world;
pub mod zoo;

pub use net::{NetworkProfile, SEND_WINDOW_BYTES};
