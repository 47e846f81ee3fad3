//! `cargo xtask test`: every test that needs nothing but Rust and a C compiler.

use crate::shell::{cargo, run};
use std::time::Instant;

/// Runs all tests: unit, scenario, property, simulation, and librdkafka against the real binary.
pub(crate) fn all() -> Result<(), String> {
    let begun = Instant::now();
    let cargo = cargo();
    // The end-to-end tests start the binary that lies beside them.
    run(&cargo, &["build", "--quiet", "--package", "grete"])?;
    run(&cargo, &["test", "--quiet", "--workspace"])?;
    println!("all tests passed in {:.0?}", begun.elapsed());
    Ok(())
}
