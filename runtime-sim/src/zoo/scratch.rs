//! A copy of the sources to put a bug into and to build.
//!
//! All bugs are built in the same place, so that only what a patch touches, and what rests on it, is compiled again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The profile of Cargo in which patched brokers are built: quick to build, and quick enough to run.
const PROFILE: &str = "zoo";

/// A copy of the sources, and what is built of it.
#[derive(Clone, Debug)]
pub struct Scratch {
    source: PathBuf,
    target: PathBuf,
}

impl Scratch {
    /// Copies the sources that git knows of `root`, with what has changed in them, to `place`. A file that is there already
    /// and has the same content is left alone, so that it is not built again.
    ///
    /// # Errors
    /// What cannot be read or written.
    pub fn prepare(root: &Path, place: &Path) -> Result<Self, String> {
        let scratch = Self { source: place.join("source"), target: place.join("target") };
        let listed = run(Command::new("git").current_dir(root).args([
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "-z",
        ]))?;
        for path in listed.split('\0').filter(|path| !path.is_empty()) {
            // What is deleted and not committed is listed, too.
            let Ok(content) = fs::read(root.join(path)) else { continue };
            let copy = scratch.source.join(path);
            if fs::read(&copy).is_ok_and(|known| known == content) {
                continue;
            }
            let parent = copy.parent().unwrap_or(&scratch.source);
            let written = fs::create_dir_all(parent).and_then(|()| fs::write(&copy, content));
            written.map_err(|error| format!("{}: {error}", copy.display()))?;
        }
        Ok(scratch)
    }

    /// Puts a bug in, builds `grete-sim` with it, and takes the bug out again. Gives the program, which stays until the next
    /// one is built.
    ///
    /// # Errors
    /// What git or the compiler say.
    pub fn build(&self, patch: &Path) -> Result<PathBuf, String> {
        let patch = fs::canonicalize(patch).map_err(|error| format!("{}: {error}", patch.display()))?;
        self.apply(&patch, false)?;
        let built = self.compile();
        self.apply(&patch, true)?;
        built
    }

    fn apply(&self, patch: &Path, back: bool) -> Result<(), String> {
        let mut git = Command::new("git");
        // The copy may lie inside of a repository, whose paths a patch is not about.
        git.current_dir(&self.source).env("GIT_CEILING_DIRECTORIES", self.source.parent().unwrap_or(&self.source));
        git.arg("apply").args(back.then_some("--reverse")).arg(patch);
        run(&mut git).map(drop)
    }

    fn compile(&self) -> Result<PathBuf, String> {
        let mut cargo = Command::new("cargo");
        cargo.current_dir(&self.source).env("CARGO_TARGET_DIR", &self.target);
        cargo.args(["build", "--quiet", "--profile", PROFILE, "--package", "grete-sim", "--bin", "grete-sim"]);
        run(&mut cargo)?;
        Ok(self.target.join(PROFILE).join("grete-sim"))
    }
}

fn run(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let done =
        command.stdin(Stdio::null()).output().map_err(|error| format!("{program} cannot be started: {error}"))?;
    match done.status.success() {
        true => Ok(String::from_utf8_lossy(&done.stdout).into_owned()),
        false => Err(format!("{program} fails: {}", String::from_utf8_lossy(&done.stderr))),
    }
}
