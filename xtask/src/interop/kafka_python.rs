//! kafka-python, all Python.

use super::{Client, Kind, python};

pub(super) const CLIENT: Client = Client {
    name: "kafka-python",
    quick: "first-steps",
    kind: Kind::Program(|cache| python::prepare(cache, "kafka-python")),
};
