//! The guardian: a process between the actor's and the command's, that leaves no process of the command behind.
//!
//! The actor's process forks the guardian, and the guardian forks the command:
//!
//! ```text
//! actor's process --- guardian --- command --- whatever it starts
//!        \______________/
//!     lifeline, status, pidfd
//! ```
//!
//! - The guardian is a *subreaper*: whatever the command starts, and however it detaches itself (a process group, a session,
//!   a double fork), the kernel makes it a child of the guardian when its own parents are gone. So the guardian can name
//!   every process there is to end, in turn, and knows from the kernel when there is none left.
//! - It ends them when the command has ended; when the command has been told to terminate and the grace is over; and when
//!   the actor is gone. It learns of that from the kernel, by the *lifeline* (a pipe whose other end the actor holds) and by
//!   a pidfd of the actor's process, so it does not matter what has killed the actor.
//! - It has a session of its own and all signals blocked, so what is sent to a group or from a terminal does not reach it.
//!   Should somebody kill it with force all the same, the kernel kills the command (its parent-death signal), and the rest
//!   goes to the next subreaper above: on the bases with processes the system's admin, which ends what it inherits.
//! - What it has to say goes into the status pipe, in [`Record`]s. That pipe's end says that all is over.
//!
//! # Why this is not unsound
//!
//! The guardian is a fork that never runs another program, of a process that may have had threads. So from the first line
//! to the last it does nothing but system calls: no allocation, no lock, no panic.

#![expect(
    unsafe_code,
    reason = "fork, and system calls that have no safe wrapper; each block says why it is sound"
)]

use std::ffi::c_int;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, Signal, kill, killpg, signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::stat::Mode;
use nix::unistd::{ForkResult, Pid, chdir, fork, getpgid, getpid, getppid, getsid, read, setsid, write};

/// What the actor writes into the lifeline to have the command terminated.
pub(crate) const TERMINATE: u8 = b'T';

/// How long the guardian waits for word of an ended process before it looks again. Word always comes, except of a process
/// whose parent cannot be killed because it belongs to another user.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// What the guardian holds of what connects it with the actor.
pub(crate) struct Cords {
    /// Ends when the actor lets go of the other end.
    pub(crate) lifeline: OwnedFd,
    /// Where the records go.
    pub(crate) status: OwnedFd,
    /// Readable when the actor's process is gone, if the kernel can do that.
    pub(crate) actor: Option<OwnedFd>,
}

/// How long a command is left alone.
#[derive(Clone, Copy)]
pub(crate) struct Patience {
    /// From its start, until it is told to terminate.
    pub(crate) timeout: Option<Duration>,
    /// From then on, until it is killed.
    pub(crate) grace: Duration,
}

/// Something that the guardian says: eight bytes in the status pipe, a kind and a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// The command's process.
    Started(i32),
    /// The command has been told to terminate because it was asked for.
    Terminated,
    /// The same, because its time was over.
    TimedOut,
    /// The command's process has ended: its wait status.
    Ended(i32),
    /// The guardian cannot do its work, for this error number, so there is no command.
    Helpless(i32),
}

impl Record {
    pub(crate) const SIZE: usize = 8;

    fn encode(self) -> [u8; Record::SIZE] {
        let (kind, value) = match self {
            Record::Started(pid) => (1_i32, pid),
            Record::Terminated => (2, 0),
            Record::TimedOut => (3, 0),
            Record::Ended(status) => (4, status),
            Record::Helpless(errno) => (5, errno),
        };
        let ([a, b, c, d], [e, f, g, h]) = (kind.to_ne_bytes(), value.to_ne_bytes());
        [a, b, c, d, e, f, g, h]
    }

    pub(crate) fn decode([a, b, c, d, e, f, g, h]: [u8; Record::SIZE]) -> Option<Record> {
        let value = i32::from_ne_bytes([e, f, g, h]);
        match i32::from_ne_bytes([a, b, c, d]) {
            1 => Some(Record::Started(value)),
            2 => Some(Record::Terminated),
            3 => Some(Record::TimedOut),
            4 => Some(Record::Ended(value)),
            5 => Some(Record::Helpless(value)),
            _ => None,
        }
    }
}

/// Puts a guardian between this process and the command: what is spawned is the guardian then.
///
/// The command's other ends of the cords have to be closed here once it is spawned, which dropping it does.
pub(crate) fn guard(command: &mut process::Command, cords: Cords, patience: Patience) {
    // SAFETY: the closure runs in the child of a fork, where other threads' locks may be held for ever. `begin` and what it
    // calls do nothing but system calls on values that are there already.
    unsafe { command.pre_exec(move || begin(&cords, patience)) };
}

/// A descriptor that becomes readable when this process is gone; `None` if the kernel has none.
pub(crate) fn own_pidfd() -> Option<OwnedFd> {
    // SAFETY: the call takes two numbers, and touches no memory.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, libc::getpid(), 0) };
    let fd = c_int::try_from(fd).ok().filter(|fd| *fd >= 0)?;
    // SAFETY: the kernel has just made it, for us.
    Some(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// In the child that is to become the guardian: forks the command, and returns in that.
fn begin(cords: &Cords, patience: Patience) -> io::Result<()> {
    // First, so that what is sent to the actor's group does not kill the guardian in its cradle.
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), None)?;
    let guardian = match Guardian::new(cords) {
        Ok(guardian) => guardian,
        Err(errno) => {
            say(&cords.status, Record::Helpless(errno as i32));
            return Err(errno.into());
        }
    };
    let own = getpid();
    // SAFETY: this process has one thread, because it was forked just now. The child goes on to run the command, the parent
    // never returns from `watch`.
    match unsafe { fork()? } {
        ForkResult::Child => become_command(own),
        ForkResult::Parent { child } => guardian.watch(child, patience),
    }
}

/// In the command's process, before the program runs.
fn become_command(guardian: Pid) -> io::Result<()> {
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    if getppid() != guardian {
        // It was killed before the line above.
        exit();
    }
    setsid()?;
    // Whatever the actor's process has open is none of the command's business. A kernel before Linux 5.11 does not know this,
    // and leaves open what was not opened to be closed.
    let _ = close_range(3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC);
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?;
    Ok(())
}

/// What the guardian's process works with.
struct Guardian<'a> {
    cords: &'a Cords,
    /// The kernel's list of this process's children.
    children: OwnedFd,
    /// Readable when a child has ended.
    signals: SignalFd,
    /// The session that the actor is in.
    session: Pid,
}

impl Guardian<'_> {
    /// Everything that can go wrong, before there is a command.
    fn new(cords: &Cords) -> Result<Guardian<'_>, Errno> {
        // SAFETY: no handler is installed, one is removed: an actor's process that ignores its children would have the kernel
        // throw away the command's wait status.
        unsafe { signal(Signal::SIGCHLD, SigHandler::SigDfl)? };
        prctl::set_child_subreaper(true)?;
        // Closes nothing: a kernel before Linux 5.9 does not know the call, and says so here.
        close_range(libc::c_uint::MAX, libc::c_uint::MAX, 0)?;
        let mut word = SigSet::empty();
        word.add(Signal::SIGCHLD);
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        Ok(Guardian {
            cords,
            children: open(c"/proc/thread-self/children", flags, Mode::empty())?,
            signals: SignalFd::with_flags(&word, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?,
            session: getsid(None)?,
        })
    }

    /// For the rest of this process's life.
    fn watch(&self, command: Pid, patience: Patience) -> ! {
        let _exit = ExitInsteadOfUnwinding;
        let started = Instant::now();
        let _ = setsid();
        let _ = prctl::set_name(c"thespian-guard");
        // The actor may be in a folder that somebody wants to unmount.
        let _ = chdir(c"/");
        // Before the error pipe of the spawn is closed, so that whoever spawned finds it when that returns.
        self.say(Record::Started(command.as_raw()));
        self.close_everything_else();
        let mut charge = Charge { command, ended: false, end: None };
        self.wait(&mut charge, started, patience);
        self.sweep(&mut charge);
        exit()
    }

    /// Other commands' lifelines, for one, which would not end with the actor; and this command's streams, which would not
    /// end with the command.
    fn close_everything_else(&self) {
        let Cords { lifeline, status, actor } = self.cords;
        let actor = actor.as_ref().unwrap_or(lifeline);
        let mut kept =
            [lifeline.as_fd(), status.as_fd(), actor.as_fd(), self.children.as_fd(), self.signals.as_fd()]
                .map(|fd| fd.as_raw_fd().unsigned_abs());
        kept.sort_unstable();
        let mut next = 0;
        for fd in kept {
            if fd > next {
                let _ = close_range(next, fd - 1, 0);
            }
            next = fd + 1;
        }
        let _ = close_range(next, libc::c_uint::MAX, 0);
    }

    /// Waits until whatever is left of the command is to be ended by force.
    fn wait(&self, charge: &mut Charge, started: Instant, patience: Patience) {
        let limit = patience.timeout.and_then(|timeout| started.checked_add(timeout));
        loop {
            if self.reap(charge) == Reaped::Last {
                return;
            }
            let now = Instant::now();
            let due = match charge.end {
                None if charge.ended => return,
                None => limit,
                end => end,
            };
            match (due, charge.end) {
                (Some(due), Some(_)) if due <= now => return,
                (Some(due), None) if due <= now => {
                    self.terminate(charge, now, patience.grace, Record::TimedOut);
                    continue;
                }
                _ => {}
            }
            match self.listen(due.map(|due| due.saturating_duration_since(now))) {
                Word::ActorGone => return,
                Word::ToTerminate if charge.end.is_none() => {
                    // The command may have ended meanwhile; until that is known its id is its own.
                    self.terminate(charge, Instant::now(), patience.grace, Record::Terminated);
                }
                Word::ToTerminate | Word::Other => {}
            }
        }
    }

    /// Tells the command and those in its group to end, and notes when they are to have done so. It has not been reaped, so
    /// the id is its own, and so is the group.
    fn terminate(&self, charge: &mut Charge, now: Instant, grace: Duration, record: Record) {
        self.say(record);
        // Too far away to be counted is never.
        charge.end = now.checked_add(grace);
        if killpg(charge.command, Signal::SIGTERM).is_err() {
            // It has not got as far as to have a group.
            let _ = kill(charge.command, Signal::SIGTERM);
        }
        // One that is stopped would not notice.
        let _ = killpg(charge.command, Signal::SIGCONT);
    }

    /// Waits for word from the kernel or the actor, or until so much time has passed.
    fn listen(&self, time: Option<Duration>) -> Word {
        let Cords { lifeline, actor, .. } = self.cords;
        let readable = |fd| PollFd::new(fd, PollFlags::POLLIN);
        let mut fds = [
            readable(self.signals.as_fd()),
            readable(lifeline.as_fd()),
            readable(actor.as_ref().unwrap_or(lifeline).as_fd()),
        ];
        if !poll(&mut fds, milliseconds(time)).is_ok_and(|count| count > 0) {
            return Word::Other;
        }
        let [signals, said, gone] = fds.map(|fd| fd.any().unwrap_or(false));
        if signals {
            self.forget_signals();
        }
        if gone && actor.is_some() {
            return Word::ActorGone;
        }
        if !said {
            return Word::Other;
        }
        let mut word = [0];
        match read(lifeline, &mut word) {
            Ok(1) if word == [TERMINATE] => Word::ToTerminate,
            Ok(1) | Err(Errno::EINTR) => Word::Other,
            Ok(_) | Err(_) => Word::ActorGone,
        }
    }

    /// Ends every process below this one, also those that come into being meanwhile, and returns when there is none.
    ///
    /// A process whose parent ends is a child of this one before word comes of that end. So whatever is below an ended
    /// process is seen by the next round, and nothing gets away but by becoming another user's.
    fn sweep(&self, charge: &mut Charge) {
        loop {
            self.kill_children();
            match self.reap(charge) {
                Reaped::Last => return,
                Reaped::Some => {}
                Reaped::None => {
                    let _ = poll(
                        &mut [PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)],
                        milliseconds(Some(LOOK_AGAIN)),
                    );
                    self.forget_signals();
                }
            }
        }
    }

    fn kill_children(&self) {
        let mut numbers = Numbers::default();
        let mut buffer = [0; 4096];
        let mut at = 0;
        loop {
            // SAFETY: the buffer is as long as it is said to be, and nobody else has it.
            let count = unsafe {
                libc::pread(self.children.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), at)
            };
            let Ok(length @ 1..) = usize::try_from(count) else { break };
            at += count as libc::off_t;
            for pid in buffer.iter().take(length).filter_map(|byte| numbers.next(*byte)) {
                self.kill_child(Pid::from_raw(pid));
            }
        }
        if let Some(pid) = numbers.next(b' ') {
            self.kill_child(Pid::from_raw(pid));
        }
    }

    /// Kills a child, and the process group it is in: one that replaces itself by a fork of itself again and again is gone
    /// whenever its id has been read, but the kernel lets nobody fork out of a group that is being killed.
    fn kill_child(&self, child: Pid) {
        // It is a child and has not been reaped, so the id is its own.
        let _ = kill(child, Signal::SIGKILL);
        // Once it is in a session that is not the actor's, its group has nobody in it that is not of the command: only a
        // process of that session can join.
        if getsid(Some(child)).is_ok_and(|session| session != self.session)
            && let Ok(group) = getpgid(Some(child))
        {
            let _ = killpg(group, Signal::SIGKILL);
        }
    }

    /// Takes note of the children that have ended.
    fn reap(&self, charge: &mut Charge) -> Reaped {
        let mut reaped = Reaped::None;
        loop {
            let mut status = 0;
            // SAFETY: the status is ours to be written to. (The wrapper has no name for some signals, and gives an error then.)
            match unsafe { libc::waitpid(-1, &mut status, libc::WNOHANG) } {
                0 => return reaped,
                pid if pid > 0 => {
                    reaped = Reaped::Some;
                    if !charge.ended && pid == charge.command.as_raw() {
                        charge.ended = true;
                        self.say(Record::Ended(status));
                    }
                }
                _ if Errno::last() == Errno::EINTR => {}
                _ => return Reaped::Last,
            }
        }
    }

    /// They have done their part when they have woken somebody.
    fn forget_signals(&self) {
        while let Ok(Some(_)) = self.signals.read_signal() {}
    }

    fn say(&self, record: Record) {
        say(&self.cords.status, record);
    }
}

/// The command, as far as it is the guardian's concern.
struct Charge {
    command: Pid,
    /// Whether it has ended. Its id may be another process's from then on.
    ended: bool,
    /// When what is left of it is ended by force, once it has been told to terminate.
    end: Option<Instant>,
}

/// What a guardian is told.
enum Word {
    ToTerminate,
    ActorGone,
    /// Nothing, or that it should look after its children.
    Other,
}

#[derive(PartialEq, Eq)]
enum Reaped {
    /// No child has ended.
    None,
    /// Some have.
    Some,
    /// There is none any more.
    Last,
}

/// Reads numbers with a byte between them.
#[derive(Default)]
struct Numbers {
    number: Option<i32>,
}

impl Numbers {
    /// The number that ends with this byte.
    fn next(&mut self, byte: u8) -> Option<i32> {
        if byte.is_ascii_digit() {
            let number = self.number.unwrap_or(0);
            self.number = Some(number.saturating_mul(10).saturating_add(i32::from(byte - b'0')));
            return None;
        }
        self.number.take()
    }
}

/// A panic, where there should be none, must not unwind into what the fork has copied.
struct ExitInsteadOfUnwinding;

impl Drop for ExitInsteadOfUnwinding {
    fn drop(&mut self) {
        exit();
    }
}

fn say(status: &OwnedFd, record: Record) {
    // Whoever does not listen any more does not need to know.
    let _ = write(status, &record.encode());
}

fn close_range(first: libc::c_uint, last: libc::c_uint, flags: libc::c_uint) -> Result<(), Errno> {
    // SAFETY: the call takes three numbers. What it closes is named no more in this process, but by the end of it.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, flags) };
    if result == 0 { Ok(()) } else { Err(Errno::last()) }
}

/// Ends this process, and runs nothing of what it would usually run at its end: that is the actor's process's.
fn exit() -> ! {
    // SAFETY: it takes a number and does not return.
    unsafe { libc::_exit(0) }
}

/// Rounded up, so that one is not early and asks again.
fn milliseconds(time: Option<Duration>) -> PollTimeout {
    let Some(time) = time else { return PollTimeout::NONE };
    let milliseconds = time.as_nanos().div_ceil(1_000_000);
    i32::try_from(milliseconds)
        .ok()
        .and_then(|time| PollTimeout::try_from(time).ok())
        .unwrap_or(PollTimeout::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_as_they_were_written() {
        for record in [
            Record::Started(4711),
            Record::Terminated,
            Record::TimedOut,
            Record::Ended(-1),
            Record::Helpless(i32::MAX),
        ] {
            assert_eq!(Record::decode(record.encode()), Some(record));
        }
        assert_eq!(Record::decode([9; Record::SIZE]), None);
    }

    #[test]
    fn numbers_are_read_across_pieces() {
        let mut numbers = Numbers::default();
        let mut read =
            |text: &[u8]| -> Vec<i32> { text.iter().filter_map(|byte| numbers.next(*byte)).collect() };
        assert_eq!(read(b"12 345 67"), [12, 345]);
        assert_eq!(read(b"8 \n 9"), [678]);
        assert_eq!(read(b" "), [9]);
        assert_eq!(read(b"99999999999999 "), [i32::MAX]);
    }

    #[test]
    fn times_are_rounded_up() {
        assert_eq!(milliseconds(None), PollTimeout::NONE);
        assert_eq!(milliseconds(Some(Duration::ZERO)), PollTimeout::ZERO);
        assert_eq!(milliseconds(Some(Duration::from_nanos(1))), PollTimeout::from(1_u8));
        assert_eq!(milliseconds(Some(Duration::MAX)), PollTimeout::MAX);
    }
}
