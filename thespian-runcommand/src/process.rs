//! A command that runs, seen from its actor.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{self, Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::pipe2;

use crate::guardian::{Cords, Patience, Record, TERMINATE, guard, own_pidfd};
use crate::{Command, Ending, UNKNOWN};

/// How much is read at once: what a pipe holds.
const PIECE: usize = 64 << 10;

/// How much of each stream is read at most before the actor looks after its messages again. Pieces.
const PIECES_PER_READ: u32 = 4;

/// How much of each stream is read at most once every process of the command has ended: more than a pipe can hold, and
/// still an end, should somebody else write into it. Pieces.
const PIECES_AT_THE_END: u32 = 1024;

/// How long a dropped command is waited for. It is being killed, so this is only reached by what the kernel cannot end.
const LAST_WAIT: Duration = Duration::from_secs(5);

/// One of a command's two streams of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Output,
    Error,
}

/// A command that runs.
///
/// Dropping it kills it with everything that it has started, and waits for that.
pub(crate) struct Process {
    guardian: Child,
    lifeline: Option<OwnedFd>,
    /// `None` when the guardian has ended.
    status: Option<File>,
    /// `None` when it has come to its end.
    output: Option<File>,
    error: Option<File>,
    pid: Option<i32>,
    /// Why it was told to terminate.
    told: Option<Ending>,
    wait_status: Option<i32>,
    buffer: Vec<u8>,
}

/// Why the system could not start a command.
#[derive(Debug)]
pub(crate) struct StartFailure {
    pub(crate) errno: i32,
    pub(crate) text: String,
}

impl Process {
    /// Starts the command.
    ///
    /// # Errors
    ///
    /// The system's error, of the program or of what it takes to start any.
    pub(crate) fn start(command: &Command, grace: Duration) -> Result<Process, StartFailure> {
        let (status, status_of_guardian) = pipe()?;
        let (lifeline_of_guardian, lifeline) = pipe()?;
        let mut status = File::from(status);
        unblock(&status)?;
        let mut program = program(command)?;
        program.stdout(Stdio::piped()).stderr(Stdio::piped());
        let actor = own_pidfd().map(above_streams).transpose()?;
        let cords = Cords { lifeline: lifeline_of_guardian, status: status_of_guardian, actor };
        guard(&mut program, cords, Patience { timeout: command.timeout, grace });
        let spawned = program.spawn();
        // With it go this process's copies of the guardian's ends.
        drop(program);
        let mut guardian = spawned.map_err(|error| StartFailure::of_spawn(error, &mut status))?;
        let output = guardian.stdout.take().map(|stream| File::from(OwnedFd::from(stream)));
        let error = guardian.stderr.take().map(|stream| File::from(OwnedFd::from(stream)));
        for stream in output.iter().chain(&error) {
            unblock(stream)?;
        }
        let mut process = Process {
            guardian,
            lifeline: Some(lifeline),
            status: Some(status),
            output,
            error,
            pid: None,
            told: None,
            wait_status: None,
            buffer: vec![0; PIECE],
        };
        process.hear();
        Ok(process)
    }

    /// The id of the command's process. There is none if the guardian was killed before it could make one.
    pub(crate) fn pid(&self) -> Option<i32> {
        self.pid
    }

    /// What is to be watched: any of them can be read when there is something to [read](Process::read).
    pub(crate) fn descriptors(&self) -> Vec<i32> {
        self.open().map(AsRawFd::as_raw_fd).collect()
    }

    /// Waits until there is something to read, or until that point in time. Says whether there is.
    pub(crate) fn wait(&self, until: Option<Instant>) -> bool {
        loop {
            let mut fds: Vec<PollFd<'_>> =
                self.open().map(|file| PollFd::new(file.as_fd(), PollFlags::POLLIN)).collect();
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            let timeout = left.map_or(PollTimeout::NONE, |left| {
                // Rounded up, so that one does not ask again before the time is over.
                PollTimeout::try_from(left + Duration::from_micros(999)).unwrap_or(PollTimeout::MAX)
            });
            match poll(&mut fds, timeout) {
                Ok(0) if left.is_some_and(|left| left.is_zero()) => return false,
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) => return true,
                // There is nothing that poll could not do here; to read is the better answer to whatever that was.
                Err(_) => return true,
            }
        }
    }

    /// Gives what the command has written to `take`. Does not wait, and does not give more than the actor has the time for.
    pub(crate) fn read(&mut self, mut take: impl FnMut(Stream, &[u8])) {
        // First this: what is there when all have ended is all there will be.
        self.hear();
        let pieces = if self.is_over() { PIECES_AT_THE_END } else { PIECES_PER_READ };
        for (stream, file) in [(Stream::Output, &mut self.output), (Stream::Error, &mut self.error)] {
            for _ in 0..pieces {
                let Some(open) = file else { break };
                match open.read(&mut self.buffer) {
                    Ok(count @ 1..) => take(stream, &self.buffer[..count]),
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Ok(_) | Err(_) => *file = None,
                }
            }
        }
    }

    /// Whether every process of the command has ended. What it has written can be there to read all the same.
    pub(crate) fn is_over(&self) -> bool {
        self.status.is_none()
    }

    /// Tells the command to end. It is ended by force after the grace.
    pub(crate) fn terminate(&self) {
        if let Some(lifeline) = &self.lifeline {
            // A guardian that is gone has nobody left to tell.
            let _ = nix::unistd::write(lifeline, &[TERMINATE]);
        }
    }

    /// The exit code, and what the end was. A command that is not [over](Process::is_over) is killed.
    pub(crate) fn conclude(mut self) -> (i32, Ending) {
        self.let_go();
        let Some(status) = self.wait_status.map(ExitStatus::from_raw) else { return (UNKNOWN, Ending::Lost) };
        let code = status.code().or(status.signal().map(|signal| -signal)).unwrap_or(UNKNOWN);
        (code, self.told.take().unwrap_or(Ending::Exited))
    }

    fn open(&self) -> impl Iterator<Item = &File> {
        [&self.status, &self.output, &self.error].into_iter().flatten()
    }

    /// Takes note of what the guardian says.
    fn hear(&mut self) {
        while let Some(status) = &mut self.status {
            match hear(status) {
                Ok(Some(Record::Started(pid))) => self.pid = Some(pid),
                Ok(Some(Record::Terminated)) => self.told = Some(Ending::Aborted),
                Ok(Some(Record::TimedOut)) => self.told = Some(Ending::TimedOut),
                Ok(Some(Record::Ended(status))) => self.wait_status = Some(status),
                Ok(Some(Record::Helpless(_))) => {}
                Ok(None) => return,
                Err(_) => self.status = None,
            }
        }
    }

    /// Ends what there is to end, and the guardian with it.
    fn let_go(&mut self) {
        self.lifeline = None;
        (self.output, self.error) = (None, None);
        let until = Instant::now() + LAST_WAIT;
        while !self.is_over() && self.wait(Some(until)) {
            self.hear();
        }
        if self.is_over() {
            // It fails where the actor's process ignores its children, and then there is nothing to wait for.
            let _ = self.guardian.wait();
        } else {
            log::error!("a process of command {:?} cannot be ended, and is left to its guardian", self.pid);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.lifeline.is_some() {
            self.let_go();
        }
    }
}

impl StartFailure {
    fn of_spawn(error: io::Error, status: &mut File) -> StartFailure {
        let failure = StartFailure::from(error);
        match hear(status) {
            Ok(Some(Record::Helpless(_))) => {
                let StartFailure { errno, text } = failure;
                let why = "no process can look after the command, which takes Linux 5.9 and /proc/thread-self/children";
                StartFailure { errno, text: format!("{text}: {why}") }
            }
            _ => failure,
        }
    }
}

impl From<io::Error> for StartFailure {
    fn from(error: io::Error) -> StartFailure {
        let errno = error.raw_os_error().unwrap_or(Errno::EINVAL as i32);
        StartFailure { errno, text: error.to_string() }
    }
}

/// What the guardian has said: `None` if nothing yet.
///
/// # Errors
///
/// When it will say nothing more.
fn hear(status: &mut File) -> io::Result<Option<Record>> {
    let mut record = [0; Record::SIZE];
    loop {
        // A record is written at once, and there are only whole ones in the pipe.
        return match status.read(&mut record) {
            Ok(Record::SIZE) => Ok(Record::decode(record)),
            Ok(_) => Err(ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        };
    }
}

fn program(command: &Command) -> io::Result<process::Command> {
    let mut program = if command.use_shell {
        let mut shell = process::Command::new("/bin/sh");
        shell.args(["-c", &command.exe, "sh"]);
        shell
    } else {
        process::Command::new(&command.exe)
    };
    program.args(&command.args);
    if let Some(env) = &command.env {
        program.env_clear().envs(env);
    }
    program.stdin(match &command.input_src {
        Some(input) => input_file(&input.0)?.into(),
        None => Stdio::null(),
    });
    Ok(program)
}

/// A file in memory with the input: it needs nobody to feed the command while its output is read.
fn input_file(input: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create(c"thespian-input", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(input)?;
    file.rewind()?;
    Ok(file)
}

fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC)?;
    Ok((above_streams(reader)?, above_streams(writer)?))
}

/// The same descriptor with another number, if it has one that is a stream's: the command's streams take those places. A
/// process that has closed its own gets such numbers.
fn above_streams(fd: OwnedFd) -> io::Result<OwnedFd> {
    if fd.as_raw_fd() > 2 { Ok(fd) } else { fd.try_clone() }
}

fn unblock(file: &File) -> io::Result<()> {
    fcntl(file, FcntlArg::F_SETFL(OFlag::O_RDONLY | OFlag::O_NONBLOCK))?;
    Ok(())
}
