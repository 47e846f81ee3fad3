//! Clients in Go: commands of the module `tests/interop/go`.

use super::program::{Start, debian, sources, step};
use std::path::Path;
use std::process::Command;

/// Builds the command of a client. Go itself knows what has changed.
pub(super) fn prepare(cache: &Path, client: &str) -> Result<Start, String> {
    debian("go", "golang")?;
    let module = sources().join("go");
    let binary = cache.join(client);
    let mut build = Command::new("go");
    step(build.args(["build", "-o"]).arg(&binary).arg(format!("./{client}")).current_dir(&module))?;
    Ok(Start::new(&module, [binary]))
}
