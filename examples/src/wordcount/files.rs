//! What there is to count.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A file, or the standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Its path; `-` for the standard input.
    pub path: PathBuf,
    /// Its size in bytes, where it is known before it is read.
    pub size: Option<u64>,
}

impl Input {
    /// Whether this is the standard input.
    fn is_stdin(&self) -> bool {
        self.path == Path::new("-")
    }

    /// Opens it for reading.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn open(&self) -> io::Result<Box<dyn Read>> {
        Ok(if self.is_stdin() { Box::new(io::stdin().lock()) } else { Box::new(File::open(&self.path)?) })
    }
}

/// Something that was not counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which file or folder.
    pub path: PathBuf,
    /// Why.
    pub cause: String,
}

impl Problem {
    /// A problem with a path.
    pub fn new(path: impl Into<PathBuf>, cause: impl fmt::Display) -> Problem {
        Problem { path: path.into(), cause: cause.to_string() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.cause)
    }
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// What can be counted, in order.
    pub inputs: Vec<Input>,
    /// What cannot.
    pub problems: Vec<Problem>,
}

impl Found {
    /// The inputs that these paths name: files as given, folders with all regular files below them in the order of their
    /// names, and `-` for the standard input.
    ///
    /// A folder's links are followed to files, and not to folders, so that no loop of links is ever walked. Its pipes
    /// and devices are left out, because reading them might never end; given by name, they are read.
    pub fn new(paths: &[PathBuf]) -> Found {
        let mut found = Found::default();
        for path in paths {
            if path == Path::new("-") {
                found.inputs.push(Input { path: path.clone(), size: None });
                continue;
            }
            match fs::metadata(path) {
                Ok(metadata) if metadata.is_dir() => found.walk(path),
                Ok(metadata) => found.add(path.clone(), &metadata),
                Err(error) => found.problems.push(Problem::new(path, error)),
            }
        }
        found
    }

    /// The sizes of all inputs, in bytes, if they are known.
    pub fn bytes(&self) -> Option<u64> {
        self.inputs.iter().map(|input| input.size).sum()
    }

    fn walk(&mut self, folder: &Path) {
        let entries = fs::read_dir(folder)
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<PathBuf>>>());
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(error) => return self.problems.push(Problem::new(folder, error)),
        };
        entries.sort();
        for path in entries {
            match fs::metadata(&path) {
                Ok(metadata) if metadata.is_file() => self.add(path, &metadata),
                Ok(metadata) if metadata.is_dir() && !path.is_symlink() => self.walk(&path),
                Ok(_) => {}
                Err(error) => self.problems.push(Problem::new(path, error)),
            }
        }
    }

    fn add(&mut self, path: PathBuf, metadata: &fs::Metadata) {
        self.inputs.push(Input { path, size: metadata.is_file().then_some(metadata.len()) });
    }
}
