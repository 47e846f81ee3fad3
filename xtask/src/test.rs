//! `cargo xtask test`: every test that needs nothing but Rust and a C compiler.

use crate::shell::{cargo, run, run_with};
use std::time::Instant;

/// What proptest draws its cases from where nothing else is asked for: a change is judged by the cases that the change before
/// it passed. `.ci/nightly` tries others.
pub(crate) const PROPTEST_SEED: &str = "4";

/// Runs all tests: unit, scenario, property, simulation, and librdkafka against the real binary.
///
/// `PROPTEST_RNG_SEED` in the environment chooses other random cases.
pub(crate) fn all() -> Result<(), String> {
    let begun = Instant::now();
    let cargo = cargo();
    // The end-to-end tests start the binary that lies beside them.
    run(&cargo, &["build", "--quiet", "--package", "grete"])?;
    let seed = std::env::var("PROPTEST_RNG_SEED").unwrap_or_else(|_| PROPTEST_SEED.into());
    println!("random cases drawn from PROPTEST_RNG_SEED={seed}");
    run_with(&cargo, &["test", "--quiet", "--workspace"], &[("PROPTEST_RNG_SEED", &seed)])?;
    println!("all tests passed in {:.0?}", begun.elapsed());
    Ok(())
}
