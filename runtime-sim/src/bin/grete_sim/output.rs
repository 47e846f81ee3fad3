//! What the program says, and how it ends.

use std::io;
use std::process::ExitCode;

/// Why a command could not be carried out.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// Something is wrong with what was asked for.
    Wrong(String),
    /// What is said goes nowhere: as with `replay | head`.
    Output(io::Error),
}

/// How a command ends.
pub(crate) type Done = Result<ExitCode, Stopped>;

impl From<String> for Stopped {
    fn from(what: String) -> Self {
        Self::Wrong(what)
    }
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// The program's exit code: 0 where all is well, 1 where a promise was broken, 2 where nothing could be found out.
pub(crate) fn exit(done: Done) -> ExitCode {
    match done {
        Ok(code) => code,
        // Whoever read has seen enough.
        Err(Stopped::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(Stopped::Output(error)) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
        Err(Stopped::Wrong(what)) => {
            eprintln!("{what}");
            ExitCode::from(2)
        }
    }
}
