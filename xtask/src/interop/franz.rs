//! franz-go, in Go.

use super::{Client, Kind, go};

pub(super) const CLIENT: Client =
    Client { name: "franz-go", quick: "first-steps", kind: Kind::Program(|cache| go::prepare(cache, "franz-go")) };
