//! The signals that a process of the host takes note of (decision D16).

use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::libc::{SIGABRT, SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, c_int};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use parking_lot::Mutex;
use signal_hook::SigId;

/// The signals that came, to be taken one kind at a time.
pub(crate) struct Signals {
    reader: UnixStream,
    writer: UnixStream,
    noted: Vec<(Note, Arc<AtomicBool>)>,
}

/// The handlers of this process, for a fork to forget.
static REGISTERED: Mutex<Vec<SigId>> = Mutex::new(Vec::new());

/// Takes no more note of any signal: what a forked child does before it closes what it has from its parent, whose handlers
/// would write to descriptors that are then somebody else's.
pub(crate) fn forget_inherited() {
    for id in REGISTERED.lock().drain(..) {
        signal_hook::low_level::unregister(id);
    }
}

/// What a signal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// It is to end in order.
    Exit,
    /// It is to say how it is.
    Status,
    /// A child has ended.
    Child,
}

impl Signals {
    /// For an actor: TERM, QUIT and ABRT ask it to exit, USR1 for its status; INT and HUP are ignored.
    pub(crate) fn of_actor() -> io::Result<Signals> {
        let mut signals = Signals::new()?;
        signals.note(Note::Exit, &[SIGTERM, SIGQUIT, SIGABRT])?;
        signals.note(Note::Status, &[SIGUSR1])?;
        signals.ignore(&[SIGINT, SIGHUP])?;
        Ok(signals)
    }

    /// For an admin: TERM, INT and QUIT shut its system down, and it takes note of its children's ends.
    pub(crate) fn of_admin() -> io::Result<Signals> {
        let mut signals = Signals::new()?;
        signals.note(Note::Exit, &[SIGTERM, SIGQUIT, SIGINT])?;
        signals.note(Note::Child, &[SIGCHLD])?;
        signals.note(Note::Status, &[SIGUSR1])?;
        signals.ignore(&[SIGHUP])?;
        Ok(signals)
    }

    /// For a logger and a zygote, which end when the admin does.
    pub(crate) fn of_servant(note_children: bool) -> io::Result<Signals> {
        let mut signals = Signals::new()?;
        if note_children {
            signals.note(Note::Child, &[SIGCHLD])?;
        }
        signals.ignore(&[SIGINT, SIGHUP, SIGTERM, SIGQUIT, SIGUSR1])?;
        Ok(signals)
    }

    fn new() -> io::Result<Signals> {
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        Ok(Signals { reader, writer, noted: Vec::new() })
    }

    fn note(&mut self, note: Note, signals: &[c_int]) -> io::Result<()> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in signals {
            REGISTERED.lock().push(signal_hook::flag::register(*signal, flag.clone())?);
            REGISTERED
                .lock()
                .push(signal_hook::low_level::pipe::register(*signal, self.writer.try_clone()?)?);
        }
        self.noted.push((note, flag));
        Ok(())
    }

    /// Does nothing when they come. They are handled and not ignored, so that programs that are started from here have
    /// them as usual.
    fn ignore(&mut self, signals: &[c_int]) -> io::Result<()> {
        for signal in signals {
            let flag = Arc::new(AtomicBool::new(false));
            REGISTERED.lock().push(signal_hook::flag::register(*signal, flag)?);
        }
        Ok(())
    }

    /// Can be read when a signal has come.
    pub(crate) fn descriptor(&self) -> RawFd {
        self.reader.as_raw_fd()
    }

    /// The same, for `poll`.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }

    /// Waits until one comes, at most so long.
    pub(crate) fn wait(&self, limit: Duration) {
        let timeout = PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX);
        // Interrupted by the very signal, or by nothing: whoever waits looks again.
        let _ = poll(&mut [PollFd::new(self.as_fd(), PollFlags::POLLIN)], timeout);
    }

    /// What has come since this was last asked.
    pub(crate) fn take(&mut self) -> Vec<Note> {
        let mut buffer = [0; 64];
        while matches!(self.reader.read(&mut buffer), Ok(1..)) {}
        let came = self.noted.iter().filter(|(_, flag)| flag.swap(false, Ordering::SeqCst));
        came.map(|(note, _)| *note).collect()
    }
}
