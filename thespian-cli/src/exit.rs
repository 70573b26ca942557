//! How the program ends: the exit codes that the crate's documentation promises.

use std::process::ExitCode;

use thespian_core::{AttachProblem, Error};

/// How a command ended.
pub(crate) type Outcome = Result<Code, Failure>;

/// An exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// All is well.
    Fine = 0,
    /// The system is there, and something is wrong.
    Wrong = 1,
    /// The command line, or a variable, is wrong.
    Usage = 2,
    /// Nobody is there.
    Nobody = 3,
    /// What is there cannot be joined.
    CannotJoin = 4,
    /// Time ran out.
    TimedOut = 5,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> ExitCode {
        ExitCode::from(code as u8)
    }
}

/// Why a command could not be carried out, in a text that says what to do.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    pub(crate) text: String,
}

impl Failure {
    pub(crate) fn new(code: Code, text: impl Into<String>) -> Failure {
        Failure { code, text: text.into() }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let code = match &error {
            Error::AttachFailure { problem: AttachProblem::Nobody, .. } => Code::Nobody,
            Error::AttachFailure {
                problem: AttachProblem::Silent { .. } | AttachProblem::Unwelcoming { .. },
                ..
            } => Code::TimedOut,
            Error::AttachFailure { .. } | Error::StartupFailure { .. } => Code::CannotJoin,
            Error::RequestTimeout { .. } => Code::TimedOut,
            Error::InvalidSetting { .. } => Code::Usage,
            _ => Code::Wrong,
        };
        let text = match code {
            Code::Nobody => format!("{error}; --port or {} say which", crate::args::PORT_VARIABLE),
            _ => error.to_string(),
        };
        Failure { code, text }
    }
}
