//! A deterministic world for the Grete broker: disks, connections, clocks, and what goes wrong with them.

pub mod disk;
pub mod draw;
