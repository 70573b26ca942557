//! The measured programs: where they are, and what they can do.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::runner;

/// A program that is there.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) package: String,
    /// The words of the command line before the workload.
    words: Vec<OsString>,
    variables: Vec<(&'static str, OsString)>,
    workloads: Vec<String>,
}

impl Program {
    /// Asks what is called with these words, in that environment, for its workloads.
    pub(crate) fn open(
        package: &str,
        words: Vec<OsString>,
        variables: Vec<(&'static str, OsString)>,
    ) -> Result<Program, String> {
        let mut program = Program { package: package.to_owned(), words, variables, workloads: Vec::new() };
        let list = runner::finish(program.command().arg("--list"))?;
        program.workloads = list.lines().map(str::to_owned).collect();
        Ok(program)
    }

    pub(crate) fn knows(&self, workload: &str) -> bool {
        self.workloads.iter().any(|name| name == workload)
    }

    /// The beginning of its command lines.
    pub(crate) fn command(&self) -> Command {
        let mut words = self.words.iter();
        let mut command = Command::new(words.next().map_or_else(OsString::new, OsString::clone));
        command.args(words).envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// The folder with the driver and the programs.
pub(crate) fn folder() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| format!("the driver's own folder: {error}"))?;
    Ok(own.parent().unwrap_or(Path::new(".")).to_owned())
}

/// Finds a program in the driver's own folder, unless it is known not to have been built: what is there under its name
/// is old.
pub(crate) fn find(package: &str, not_built: &[(String, String)]) -> Result<Program, String> {
    if let Some((_, reason)) = not_built.iter().find(|(name, _)| name == package) {
        return Err(reason.clone());
    }
    let path = folder()?.join(format!("{package}{}", std::env::consts::EXE_SUFFIX));
    if !path.is_file() {
        return Err("it was not built; `cargo xtask bench` does that".into());
    }
    Program::open(package, vec![path.into()], Vec::new())
}

/// The programs that are there, and those that are not, with the reasons.
pub(crate) fn find_all(
    packages: &[&str],
    not_built: &[(String, String)],
) -> (Vec<Program>, Vec<(String, String)>) {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for package in packages {
        match find(package, not_built) {
            Ok(program) => found.push(program),
            Err(reason) => missing.push(((*package).to_owned(), reason)),
        }
    }
    (found, missing)
}
