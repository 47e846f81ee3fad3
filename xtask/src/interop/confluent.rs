//! confluent-kafka: librdkafka from Python.

use super::{Client, Kind, python};

pub(super) const CLIENT: Client = Client {
    name: "confluent-kafka",
    quick: "first-steps",
    kind: Kind::Program(|cache| python::prepare(cache, "confluent-kafka")),
};
