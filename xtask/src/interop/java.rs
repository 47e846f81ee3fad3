//! The Java client, of the version in `tests/kafka/pom.xml`.

use super::program::{Start, debian, sources, step};
use super::{Client, Kind};
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

pub(super) const CLIENT: Client = Client { name: "java", quick: "first-steps", kind: Kind::Program(prepare) };

fn prepare(cache: &Path) -> Result<Start, String> {
    debian("javac", "default-jdk-headless")?;
    let libraries = super::tools::install(cache)?.join("*");
    let (folder, classes) = (sources().join("java"), cache.join("java"));
    let files = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let files = files.flatten().map(|entry| entry.path());
    let sources: Vec<_> = files.filter(|path| path.extension().is_some_and(|extension| extension == "java")).collect();
    let mut javac = Command::new("javac");
    step(javac.arg("-cp").arg(&libraries).arg("-d").arg(&classes).args(sources))?;
    let path = [classes.as_os_str(), OsString::from(":").as_os_str(), libraries.as_os_str()].concat_os();
    let logging = folder.join("log4j2.yaml");
    let quiet = [OsString::from("-Dlog4j2.configurationFile="), logging.into_os_string()];
    Ok(Start::new(&folder, ["java".into(), quiet.concat_os(), "-cp".into(), path, "Cases".into()]))
}

/// Joining of paths that need not be UTF-8.
trait ConcatOs {
    fn concat_os(&self) -> OsString;
}

impl<T: AsRef<std::ffi::OsStr>> ConcatOs for [T] {
    fn concat_os(&self) -> OsString {
        let mut whole = OsString::new();
        self.iter().for_each(|part| whole.push(part));
        whole
    }
}
