//! The `grete` broker.

fn main() {}
