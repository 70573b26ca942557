//! `thespian logs`.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use thespian_core::{ActorSystem, Value};

use crate::args::{self, Target};
use crate::exit::{Code, Failure, Outcome};
use crate::output;
use crate::pause::pause;

/// The capability in which a system says where its log file is.
const LOG_FILE: &str = "Thespian Log File";

/// How often it is looked for more.
const LOOK: Duration = Duration::from_millis(200);

/// How much is read at once, in bytes.
const PIECE: usize = 64 * 1024;

pub(crate) fn run(target: &Target, options: &args::Logs) -> Outcome {
    let system = target.attach()?;
    let capabilities = system.capabilities()?;
    let path = capabilities.get(LOG_FILE).and_then(Value::as_str).map(PathBuf::from);
    if target.json {
        let code = if path.is_some() { Code::Fine } else { Code::Wrong };
        let log_file = path.map(|path| path.display().to_string());
        output::print_json(&Document { place: target.place(), log_file });
        return Ok(code);
    }
    let Some(path) = path else {
        let text = format!(
            "the system at {} has no log file: its log goes to the standard error output of the program that started it, or \
             to a handler of that program's; start it with Logging::new().to_file(LogFile::new(PATH)) to have one",
            target.place()
        );
        return Err(Failure::new(Code::Wrong, text));
    };
    show(&system, &path, options).map_err(|error| {
        let text = format!("the log file {} cannot be read: {error}", path.display());
        Failure::new(Code::Wrong, text)
    })?;
    Ok(Code::Fine)
}

/// Shows the last lines, and what comes until the system is down or nobody reads.
fn show(system: &ActorSystem, path: &Path, options: &args::Logs) -> io::Result<()> {
    let mut log = Log::open(path)?;
    log.go_to_last_lines(options.lines)?;
    loop {
        // In this order, so that the last words are shown.
        let is_last = options.no_follow || system.is_down();
        if !log.pass_on()? || is_last {
            return Ok(());
        }
        pause(LOOK);
        log.follow_rotation(path)?;
    }
}

#[derive(Serialize)]
struct Document {
    place: String,
    log_file: Option<String>,
}

/// The log file, read so far.
struct Log {
    file: File,
    inode: u64,
}

impl Log {
    fn open(path: &Path) -> io::Result<Log> {
        let file = File::open(path)?;
        let inode = file.metadata()?.ino();
        Ok(Log { file, inode })
    }

    /// Goes to where the last lines begin.
    fn go_to_last_lines(&mut self, lines: usize) -> io::Result<()> {
        let mut begin = self.file.seek(SeekFrom::End(0))?;
        let end = begin;
        let mut found = 0;
        let mut piece = vec![0; PIECE];
        while begin > 0 {
            let length = begin.min(PIECE as u64);
            self.file.seek(SeekFrom::Start(begin - length))?;
            let piece = &mut piece[..length as usize];
            self.file.read_exact(piece)?;
            for at in (0..piece.len()).rev().filter(|&at| piece[at] == b'\n') {
                let after = begin - length + at as u64 + 1;
                // The newline at the very end ends the last line.
                found += usize::from(after < end);
                if found == lines || lines == 0 {
                    return self.file.seek(SeekFrom::Start(if lines == 0 { end } else { after })).map(drop);
                }
            }
            begin -= length;
        }
        self.file.seek(SeekFrom::Start(if lines == 0 { end } else { 0 })).map(drop)
    }

    /// Prints what there is. Says whether somebody still reads.
    fn pass_on(&mut self) -> io::Result<bool> {
        let mut piece = vec![0; PIECE];
        loop {
            match self.file.read(&mut piece) {
                Ok(0) => return Ok(true),
                Ok(length) if output::pass(&piece[..length]) => {}
                Ok(_) => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Goes on with the new file, if the log has been renamed, after the rest of the old one; or at the beginning, if it has been
    /// cut. Between the two there may be no file for a moment.
    fn follow_rotation(&mut self, path: &Path) -> io::Result<()> {
        match Log::open(path) {
            Ok(new) if new.inode != self.inode => {
                self.pass_on()?;
                *self = new;
            }
            Ok(new) if new.file.metadata()?.len() < self.file.stream_position()? => *self = new,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A log of this text, at its last lines, and the rest of it.
    fn tail(name: &str, text: &str, lines: usize) -> String {
        let path = std::env::temp_dir().join(format!("thespian-cli-{}-{name}", std::process::id()));
        fs::write(&path, text).unwrap();
        let mut log = Log::open(&path).unwrap();
        fs::remove_file(&path).unwrap();
        log.go_to_last_lines(lines).unwrap();
        let mut rest = String::new();
        log.file.read_to_string(&mut rest).unwrap();
        rest
    }

    #[test]
    fn the_last_lines_are_found() {
        let long = format!("{}\nb\nc\n", "a".repeat(2 * PIECE));
        assert_eq!(tail("1", &long, 2), "b\nc\n");
        assert_eq!(tail("2", &long, 3), long);
        assert_eq!(tail("3", &long, 9), long);
        assert_eq!(tail("4", &long, 0), "");
        assert_eq!(tail("5", "", 3), "");
        assert_eq!(tail("6", "a\nb\nc", 2), "b\nc");
        assert_eq!(tail("7", "a\nb", 0), "");
    }
}
