//! The Python original: an environment of its own with the package from PyPI, made once below the target folder.

use std::ffi::OsString;
use std::fs;
use std::io::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::plan::PYTHON;
use crate::programs::{self, Program};
use crate::runner;

/// What is installed.
const PACKAGE: &str = "thespian==4.0.1";

/// The program that measures it, and the name of its module.
const PROGRAM: &str = include_str!("../../../processes/python/original.py");
const MODULE: &str = "original";

/// Written when the environment is complete.
const COMPLETE: &str = "complete";

/// Makes the environment, unless it is there, and returns the program in it.
pub(crate) fn prepare() -> Result<Program, String> {
    let target = programs::folder()?;
    let folder = target.parent().unwrap_or(&target).join(PACKAGE.replace("==", "-"));
    let python = folder.join("bin").join("python");
    if !folder.join(COMPLETE).is_file() {
        install(&folder, &python)?;
    }
    write(&folder.join(format!("{MODULE}.py")), PROGRAM)?;
    // Not as a script: the processes of actors import their types from a module that has a name.
    let start = format!("import {MODULE}; {MODULE}.main()");
    let words: Vec<OsString> = vec![python.into(), "-c".into(), start.into()];
    Program::open(PYTHON, words, vec![("PYTHONPATH", folder.into())])
}

fn install(folder: &PathBuf, python: &Path) -> Result<(), String> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(folder, &error)),
        _ => {}
    }
    runner::finish(Command::new("python3").args(["-m", "venv"]).arg(folder))
        .map_err(|reason| format!("`python3 -m venv` made no environment: {reason}"))?;
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE]);
    runner::finish(&mut pip).map_err(|reason| format!("pip did not install {PACKAGE}: {reason}"))?;
    write(&folder.join(COMPLETE), "")
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    fs::write(file, text).map_err(|error| failed(file, &error))
}

fn failed(path: &Path, error: &Error) -> String {
    format!("{}: {error}", path.display())
}
