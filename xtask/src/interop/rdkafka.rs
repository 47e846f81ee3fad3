//! librdkafka from Rust: its cases are the end-to-end tests of `tests/`, which start brokers of their own.

use super::program::{Start, step};
use super::{Client, Kind};
use crate::shell::{cargo, root};
use std::path::Path;
use std::process::Command;

pub(super) const CLIENT: Client = Client {
    name: "rdkafka",
    quick: "a_group_goes_on_from_its_commits_after_a_stop_in_order",
    kind: Kind::Program(prepare),
};

fn prepare(_cache: &Path) -> Result<Start, String> {
    step(Command::new(cargo()).args(["build", "--quiet", "--package", "grete"]).current_dir(root()))?;
    step(Command::new(cargo()).args(["build", "--quiet", "--package", "grete-tests", "--tests"]).current_dir(root()))?;
    Ok(Start::new(&root(), ["sh".into(), root().join("tests/interop/rdkafka/cases.sh")]))
}
