//! How a command ends when it does not end well.

/// The two ways to fail. They differ in the exit code, which is how a script tells "you called me wrongly" from
/// "what you asked me to check is not so".
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line was not understood; exit code 2.
    Usage(String),
    /// A check failed or a program could not be run; exit code 1.
    Check(String),
}

/// What every step of a command returns.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;
