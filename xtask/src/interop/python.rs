//! Clients in Python, each in a virtual environment of its own with the packages of its `requirements.txt`.

use super::program::{Start, debian, debian_package, sources, step};
use std::path::Path;
use std::process::Command;

/// Makes the environment anew where the requirements have changed.
pub(super) fn prepare(cache: &Path, client: &str) -> Result<Start, String> {
    let folder = sources().join(client);
    let requirements = folder.join("requirements.txt");
    let wanted = std::fs::read_to_string(&requirements).map_err(|error| format!("{client}: {error}"))?;
    let environment = cache.join(client);
    let installed = environment.join("requirements.txt");
    if std::fs::read_to_string(&installed).ok().as_ref() != Some(&wanted) {
        debian("python3", "python3")?;
        // On Debian the module that makes environments is a package of its own.
        let has_venv = Command::new("python3").args(["-c", "import venv, ensurepip"]).output();
        if !has_venv.is_ok_and(|output| output.status.success()) {
            debian_package("python3-venv")?;
        }
        step(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
        let pip = environment.join("bin/pip");
        step(Command::new(pip).args(["install", "--quiet", "--requirement"]).arg(&requirements))?;
        std::fs::write(&installed, wanted).map_err(|error| format!("{}: {error}", installed.display()))?;
    }
    let python = environment.join("bin/python");
    let start = Start::new(&folder, [python.into_os_string(), "cases.py".into()]);
    // The harness is shared, and the project's folders stay as they are.
    Ok(start.with("PYTHONPATH", sources().join("python")).with("PYTHONDONTWRITEBYTECODE", "1"))
}
