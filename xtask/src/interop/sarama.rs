//! sarama, in Go.

use super::{Client, Kind, go};

pub(super) const CLIENT: Client =
    Client { name: "sarama", quick: "first-steps", kind: Kind::Program(|cache| go::prepare(cache, "sarama")) };
