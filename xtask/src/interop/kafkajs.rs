//! KafkaJS, in Node.

use super::program::{Start, debian, sources, step};
use super::{Client, Kind};
use std::path::Path;
use std::process::Command;

pub(super) const CLIENT: Client = Client { name: "kafkajs", quick: "first-steps", kind: Kind::Program(prepare) };

fn prepare(cache: &Path) -> Result<Start, String> {
    debian("npm", "npm")?;
    let (folder, installed) = (sources().join("kafkajs"), cache.join("kafkajs"));
    std::fs::create_dir_all(&installed).map_err(|error| format!("{}: {error}", installed.display()))?;
    let text = |path: &Path| std::fs::read_to_string(path);
    let (wanted, there) = (folder.join("package.json"), installed.join("package.json"));
    let wanted_text = text(&wanted).map_err(|error| format!("{}: {error}", wanted.display()))?;
    let is_complete = installed.join("complete").exists();
    if !is_complete || text(&there).ok().as_ref() != Some(&wanted_text) {
        std::fs::write(&there, wanted_text).map_err(|error| format!("{}: {error}", there.display()))?;
        let mut npm = Command::new("npm");
        step(
            npm.args(["install", "--silent", "--no-audit", "--no-fund", "--no-package-lock"]).current_dir(&installed),
        )?;
        std::fs::write(installed.join("complete"), "").map_err(|error| error.to_string())?;
    }
    // Node looks for packages beside the program, and then where this says.
    let start = Start::new(&folder, ["node", "cases.js"]);
    Ok(start.with("NODE_PATH", installed.join("node_modules")).with("KAFKAJS_NO_PARTITIONER_WARNING", "1"))
}
