//! aiokafka, for asyncio.

use super::{Client, Kind, python};

pub(super) const CLIENT: Client =
    Client { name: "aiokafka", quick: "first-steps", kind: Kind::Program(|cache| python::prepare(cache, "aiokafka")) };
