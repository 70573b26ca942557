//! The signals that a process of the host takes note of (decision D16).

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::signal::Signal;

use crate::sys;

/// The signals that came, to be taken one kind at a time. There is one of these in a process.
pub(crate) struct Signals {
    bell: EventFd,
    noted: &'static [Noted],
}

/// What some signals mean.
type Noted = (Note, &'static [Signal]);

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
        const NOTED: &[Noted] = &[
            (Note::Exit, &[Signal::SIGTERM, Signal::SIGQUIT, Signal::SIGABRT]),
            (Note::Status, &[Signal::SIGUSR1]),
        ];
        Signals::new(NOTED, &[Signal::SIGINT, Signal::SIGHUP])
    }

    /// For an admin: TERM, INT and QUIT shut its system down, and it takes note of its children's ends.
    pub(crate) fn of_admin() -> io::Result<Signals> {
        const NOTED: &[Noted] = &[
            (Note::Exit, &[Signal::SIGTERM, Signal::SIGQUIT, Signal::SIGINT]),
            (Note::Child, &[Signal::SIGCHLD]),
            (Note::Status, &[Signal::SIGUSR1]),
        ];
        Signals::new(NOTED, &[Signal::SIGHUP])
    }

    /// For a logger and a zygote, which end when the admin does.
    pub(crate) fn of_servant(note_children: bool) -> io::Result<Signals> {
        const NOTED: &[Noted] = &[(Note::Child, &[Signal::SIGCHLD])];
        let ignored = [Signal::SIGINT, Signal::SIGHUP, Signal::SIGTERM, Signal::SIGQUIT, Signal::SIGUSR1];
        Signals::new(if note_children { NOTED } else { &[] }, &ignored)
    }

    /// Those that are ignored have a handler too, which does nothing for them, so that programs that are started from here
    /// have them as usual.
    fn new(noted: &'static [Noted], ignored: &[Signal]) -> io::Result<Signals> {
        let bell = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        let noted_ones = noted.iter().flat_map(|(_, signals)| *signals);
        sys::handle_signals(noted_ones.copied(), ignored, bell.as_fd().as_raw_fd())?;
        Ok(Signals { bell, noted })
    }

    /// Can be read when a signal has come.
    pub(crate) fn descriptor(&self) -> RawFd {
        self.bell.as_fd().as_raw_fd()
    }

    /// The same, for `poll`.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    /// Waits until one comes, at most so long.
    pub(crate) fn wait(&self, limit: Duration) {
        let timeout = PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX);
        // Interrupted by the very signal, or by nothing: whoever waits looks again.
        let _ = poll(&mut [PollFd::new(self.as_fd(), PollFlags::POLLIN)], timeout);
    }

    /// What has come since this was last asked.
    pub(crate) fn take(&mut self) -> Vec<Note> {
        // The count first: a signal that comes after it is told of again.
        let _ = self.bell.read();
        let came = sys::came();
        let came = |signals: &[Signal]| signals.iter().any(|signal| came & sys::bit(*signal) != 0);
        self.noted.iter().filter(|(_, signals)| came(signals)).map(|(note, _)| *note).collect()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        sys::forget_signals();
    }
}
