//! Connections in a story that announce requests and send little or nothing of them, by the name that the story gives them.
//!
//! What is left of them is told for all of a name together, and how long other clients wait in steps of a quarter second.

use crate::runner::Command;
use bytes::Bytes;
use core::time::Duration;
use grete_core::ids::ConnectionId;
use grete_core::shard::Shard;
use grete_sim::drive::Drive;
use grete_sim::node::NodeIndex;
use grete_sim::world::World;
use std::collections::BTreeMap;

/// How long what was sent takes to be there.
const PROMPT: Duration = Duration::from_millis(5);
/// What is sent at once at most.
const PIECE_BYTES: usize = 64 * 1024;

/// All such connections.
#[derive(Default)]
pub(crate) struct Floods {
    floods: BTreeMap<String, Vec<ConnectionId>>,
}

impl Floods {
    pub(crate) fn run(&mut self, command: &Command, world: &mut World<Shard>, node: NodeIndex) -> Option<String> {
        match command.name() {
            // announce NAME [count=N] [key=N] [version=N] length=N [send=N]
            "announce" => {
                let key: i16 = command.value("key", 0);
                let version: i16 = command.value("version", 9);
                let length: i32 = command.value("length", 0);
                let head = [&length.to_be_bytes()[..], &key.to_be_bytes(), &version.to_be_bytes()].concat();
                let flood = self.floods.entry(command.word(1).to_owned()).or_default();
                for _ in 0..command.value("count", 1) {
                    let connection = world.connect(node);
                    world.send(connection, head.clone());
                    flood.push(connection);
                }
                self.send(command.word(1), command.value("send", 0), world);
                Some(String::new())
            }
            // send NAME bytes=N
            "send" => {
                self.send(command.word(1), command.value("bytes", 0), world);
                Some(String::new())
            }
            // trickle NAME bytes=N every-ms=N for-ms=N
            "trickle" => {
                let every: u64 = command.value("every-ms", 1);
                for _ in 0..command.value("for-ms", 0_u64) / every {
                    self.send(command.word(1), command.value("bytes", 0), world);
                    world.run_for(Duration::from_millis(every).saturating_sub(PROMPT));
                }
                Some(String::new())
            }
            // pause ms=N: the node's process stands still.
            "pause" => {
                world.pause(node, Duration::from_millis(command.value("ms", 0)));
                Some(String::new())
            }
            "left" => {
                let flood = self.floods.get(command.word(1)).map_or(&[][..], Vec::as_slice);
                let open = flood.iter().filter(|connection| !world.is_closed(**connection)).count();
                Some(format!("{open} of {} are open", flood.len()))
            }
            "end" => {
                for connection in self.floods.remove(command.word(1)).unwrap_or_default() {
                    world.close(connection);
                }
                world.run_for(PROMPT);
                world.check_invariants();
                Some(String::new())
            }
            _ => None,
        }
    }

    fn send(&self, name: &str, bytes: usize, world: &mut World<Shard>) {
        let piece = Bytes::from(vec![0; PIECE_BYTES]);
        let mut left = bytes;
        while left > 0 {
            let now = left.min(PIECE_BYTES);
            for connection in self.floods.get(name).into_iter().flatten() {
                world.send(*connection, piece.slice(..now));
            }
            left -= now;
        }
        world.run_for(PROMPT);
    }
}
