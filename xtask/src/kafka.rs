//! Apache Kafka from Maven: its broker and its tools.
//!
//! The jars go to `${XDG_CACHE_HOME:-~/.cache}/grete`, once for each version in `tests/kafka/pom.xml`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::wirediff::root;

/// The class of Kafka's broker; the others are tools.
pub(crate) const BROKER: &str = "kafka.Kafka";

/// A class of Kafka's, ready to be given arguments. `libraries` is where [`install`] has the jars.
pub(crate) fn java(libraries: &Path, class: &str) -> Command {
    let options: &[&str] = match class {
        BROKER => &["-Xmx768m", "-Dlevel=INFO"],
        // Tools live for seconds: what compiles fast is faster.
        _ => &["-Xmx256m", "-XX:TieredStopAtLevel=1"],
    };
    let logging = root().join("tests/kafka/log4j2.yaml");
    let mut java = Command::new("java");
    java.args(options).arg(format!("-Dlog4j2.configurationFile={}", logging.display()));
    java.arg("-cp").arg(libraries.join("*")).arg(class);
    java
}

/// The directory of Kafka's jars; fetches them with Maven when they are not there.
pub(crate) fn install() -> Result<PathBuf, String> {
    let pom = root().join("tests/kafka/pom.xml");
    let text = std::fs::read_to_string(&pom).map_err(|error| format!("{}: {error}", pom.display()))?;
    let version = text
        .split("<kafka.version>")
        .nth(1)
        .and_then(|rest| rest.split('<').next())
        .ok_or("no kafka.version in the pom")?;
    let libraries = cache()?.join(format!("kafka-{version}"));
    if libraries.join("complete").exists() {
        return Ok(libraries);
    }
    let output = Command::new("mvn")
        .args(["-q", "-B", "-f"])
        .arg(&pom)
        .arg("dependency:copy-dependencies")
        .arg(format!("-DoutputDirectory={}", libraries.display()))
        .output()
        .map_err(|error| format!("mvn: {error}"))?;
    if !output.status.success() {
        return Err(format!("Maven could not fetch Apache Kafka: {}", String::from_utf8_lossy(&output.stdout)));
    }
    let complete = libraries.join("complete");
    std::fs::write(&complete, "").map_err(|error| format!("{}: {error}", complete.display()))?;
    Ok(libraries)
}

/// Where what is fetched is kept between runs.
pub(crate) fn cache() -> Result<PathBuf, String> {
    match (std::env::var_os("XDG_CACHE_HOME"), std::env::var_os("HOME")) {
        (Some(cache), _) => Ok(PathBuf::from(cache).join("grete")),
        (None, Some(home)) => Ok(PathBuf::from(home).join(".cache/grete")),
        (None, None) => Err("neither XDG_CACHE_HOME nor HOME is set".to_owned()),
    }
}
