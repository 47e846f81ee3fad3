//! Installing and running the programs of clients.

use super::report::{Report, Said, read};
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long one case of a program may take.
const CASE_MAX: Duration = Duration::from_secs(120);
/// How much of what a program said is shown where it fails, in lines.
const TOLD_LINES_MAX: usize = 30;

/// How a program is started: the address and the cases are added.
pub(super) struct Start {
    command: Vec<OsString>,
    directory: PathBuf,
    environment: Vec<(&'static str, OsString)>,
}

impl Start {
    /// A program in a directory.
    pub(super) fn new<A: Into<OsString>>(directory: &Path, command: impl IntoIterator<Item = A>) -> Self {
        let command = command.into_iter().map(Into::into).collect();
        Self { command, directory: directory.to_path_buf(), environment: Vec::new() }
    }

    /// With a variable of its environment.
    pub(super) fn with(mut self, variable: &'static str, value: impl Into<OsString>) -> Self {
        self.environment.push((variable, value.into()));
        self
    }

    /// Runs it to its end, and reports what it says of its cases.
    pub(super) fn run(&self, client: &str, address: &str, cases: &[String], report: &mut Report) {
        let before = report.count();
        let ended = self.run_cases(client, address, cases, report);
        if let Err(why) = ended {
            report.failed(client, "its program", 0.0, &why);
        } else if report.count() == before {
            report.failed(client, "its program", 0.0, "it has run no case");
        }
    }

    fn run_cases(&self, client: &str, address: &str, cases: &[String], report: &mut Report) -> Result<(), String> {
        let (program, rest) = self.command.split_first().ok_or("there is no program")?;
        let mut command = Command::new(program);
        command.args(rest).arg(address).args(cases).current_dir(&self.directory);
        command.envs(self.environment.iter().map(|(variable, value)| (variable, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().map_err(|error| format!("{}: {error}", program.to_string_lossy()))?;
        let (lines, said) = channel();
        let streams: [Option<Box<dyn Read + Send>>; 2] = [
            process.stdout.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>),
            process.stderr.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>),
        ];
        for stream in streams.into_iter().flatten() {
            let lines = lines.clone();
            std::thread::spawn(move || {
                BufReader::new(stream).lines().map_while(Result::ok).try_for_each(|line| lines.send(line))
            });
        }
        drop(lines);
        let mut told = Vec::new();
        let mut failed = false;
        let mut begun = Instant::now();
        loop {
            match said.recv_timeout(CASE_MAX.saturating_sub(begun.elapsed())) {
                Ok(line) => match read(&line) {
                    Some(Said::Passed { case, seconds }) => {
                        report.passed(client, case, seconds);
                        told.clear();
                        begun = Instant::now();
                    }
                    Some(Said::Failed { case, seconds, why }) => {
                        report.failed(client, case, seconds, why);
                        show(&told);
                        told.clear();
                        failed = true;
                        begun = Instant::now();
                    }
                    None => told.push(line),
                },
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    let _ = process.kill();
                    let _ = process.wait();
                    show(&told);
                    return Err(format!("no case has ended within {} s", CASE_MAX.as_secs()));
                }
            }
        }
        let status = process.wait().map_err(|error| error.to_string())?;
        if status.success() || failed {
            return Ok(());
        }
        show(&told);
        Err(format!("it ended with {status}"))
    }
}

fn show(lines: &[String]) {
    let from = lines.len().saturating_sub(TOLD_LINES_MAX);
    lines.iter().skip(from).for_each(|line| println!("    {line}"));
}

/// Where the programs are in the project.
pub(super) fn sources() -> PathBuf {
    crate::shell::root().join("tests/interop")
}

/// Runs a step of an installation to its end; what it says is told only where it fails.
pub(super) fn step(command: &mut Command) -> Result<(), String> {
    let line = format!("{command:?}");
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{line}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let lines: Vec<String> = String::from_utf8_lossy(&said).lines().map(String::from).collect();
    let from = lines.len().saturating_sub(TOLD_LINES_MAX);
    Err(format!("{line} ended with {}:\n{}", output.status, lines.get(from..).unwrap_or_default().join("\n")))
}

/// Installs a Debian package where a program is not there.
pub(super) fn debian(program: &str, package: &str) -> Result<(), String> {
    let is_there = Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
    if is_there.is_ok_and(|output| output.status.success()) { Ok(()) } else { debian_package(package) }
}

/// Installs a Debian package, one at a time.
pub(super) fn debian_package(package: &str) -> Result<(), String> {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock();
    let apt =
        |arguments: &[&str]| step(Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"));
    apt(&["update", "-qq"])?;
    apt(&["install", "-y", "-qq", package])
}
