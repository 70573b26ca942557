//! What the host asks of the operating system: forking, titles, descriptors. Unsafe code is here, in one
//! lock (`actor/biased.rs`), and one call each in [`board`](crate::board) and [`handover`](crate::handover).
//!
//! Linux. Another system is supported by another version of this file.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::{ForkResult, Pid, getpid, getppid};

/// What became of a [`fork`].
pub(crate) enum Forked {
    /// This is the parent; the child has this pid.
    Parent(Pid),
    /// This is the child. Signals are blocked until [`unblock_signals`].
    Child,
}

/// How many threads this process has; 0 if that cannot be found out.
pub(crate) fn thread_count() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

/// Whether this process has one thread, as far as the kernel says so without being asked for a list: not to share a thread
/// group with others is what a process can ask for that does not, and nothing comes of it.
fn has_one_thread() -> bool {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_THREAD).is_ok()
}

/// Makes a copy of this process.
///
/// # Errors
///
/// What the system says; and an error of its own if the process has more than one thread, whose locks the copy would
/// inherit locked.
pub(crate) fn fork() -> io::Result<Forked> {
    // Where the question is not allowed, the threads are counted.
    let threads = if has_one_thread() { 1 } else { thread_count() };
    if threads > 1 {
        let text = format!("this process has {threads} threads, and only one with a single thread is forked");
        return Err(io::Error::other(text));
    }
    // A signal that came to the child before it has handlers of its own would be taken for the parent's.
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    // SAFETY: the process has one thread, as was just checked, so no lock is held by a thread that the child lacks, and
    // the child may go on like any other program.
    #[expect(unsafe_code, reason = "there is no safe fork")]
    let forked = unsafe { nix::unistd::fork() };
    match forked {
        Ok(ForkResult::Child) => Ok(Forked::Child),
        Ok(ForkResult::Parent { child }) => {
            before.thread_set_mask()?;
            Ok(Forked::Parent(child))
        }
        Err(error) => {
            before.thread_set_mask()?;
            Err(error.into())
        }
    }
}

/// Holds signals back until [`unblock_signals`].
pub(crate) fn block_signals() {
    // It cannot fail with a mask that the library made.
    let _ = SigSet::all().thread_block();
}

/// Lets signals through again in a forked child that is ready for them.
pub(crate) fn unblock_signals() {
    // It cannot fail with a mask that the library made.
    let _ = SigSet::all().thread_unblock();
}

/// Lets this process be killed when the thread that forked it ends, however that ends, and says whether the parent was
/// still the expected one.
pub(crate) fn die_with_parent(parent: Pid) -> bool {
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).is_ok() && getppid() == parent
}

/// Blocks of memory below this, in bytes, come out of memory that the process keeps.
#[cfg(target_env = "gnu")]
const OWN_MAPPING_FROM: i32 = 8 << 20;

/// So much free memory the process keeps at most, in bytes.
#[cfg(target_env = "gnu")]
const FREE_KEPT: i32 = 16 << 20;

/// Lets the allocator keep what large messages were in for the next ones. Otherwise each of a megabyte would be in fresh
/// memory, which the kernel has to find and clear page by page: several times the work of copying the message.
pub(crate) fn keep_freed_memory() {
    #[cfg(target_env = "gnu")]
    for (parameter, value) in
        [(nix::libc::M_MMAP_THRESHOLD, OWN_MAPPING_FROM), (nix::libc::M_TRIM_THRESHOLD, FREE_KEPT)]
    {
        // SAFETY: it sets a number in the allocator of the C library, under that one's lock. One that knows it not says so.
        #[expect(unsafe_code, reason = "there is no safe way to tune the allocator")]
        unsafe {
            nix::libc::mallopt(parameter, value);
        }
    }
}

/// Makes this process the parent of its descendants whose parents end.
pub(crate) fn adopt_orphans() {
    // An older kernel has no such thing; what its orphans then do is their own affair.
    let _ = nix::sys::prctl::set_child_subreaper(true);
}

/// What a forked child does first: forgets its parent's signal handlers, and closes every descriptor from 3 on but these.
pub(crate) fn keep_only(descriptors: &[RawFd]) {
    forget_signals();
    let mut kept: Vec<u32> = descriptors.iter().filter_map(|fd| u32::try_from(*fd).ok()).collect();
    kept.sort_unstable();
    let mut next = 3;
    for descriptor in kept {
        if descriptor > next {
            close_range(next, descriptor - 1);
        }
        next = next.max(descriptor + 1);
    }
    close_range(next, u32::MAX);
}

/// So many descriptors a process can have without its table of them growing.
const DESCRIPTORS: i32 = 1024;

/// Makes the table of this process's descriptors large, if the process has one thread.
///
/// Where threads share a table that grows, the kernel waits until none can be looking at the old one, which takes tens of
/// milliseconds each time that it doubles: a process that connects to five hundred others would stand still three times.
pub(crate) fn make_room_for_descriptors() {
    if !has_one_thread() {
        return;
    }
    let Ok(any) = nix::sys::eventfd::EventFd::new() else { return };
    // It is closed again at once, and the table stays. There is less room where less is allowed.
    if let Ok(last) = nix::fcntl::fcntl(&any, nix::fcntl::FcntlArg::F_DUPFD_CLOEXEC(DESCRIPTORS - 1)) {
        let _ = nix::unistd::close(last);
    }
}

fn close_range(first: u32, last: u32) {
    // SAFETY: the call closes descriptors that belong to no object of this process: a forked child uses none of its
    // parent's objects and drops none, because it never returns to the code that holds them, and a program that has just
    // begun has none yet.
    #[expect(unsafe_code, reason = "the library has no such call")]
    let _ = unsafe { nix::libc::close_range(first, last, 0) };
}

/// The longest title.
pub(crate) const TITLE: usize = 200;

/// The argument that marks a process that the host has started, and leaves room for its title.
pub(crate) fn title_room(mark: &str) -> String {
    format!("{mark:<TITLE$}")
}

/// Shows a title for this process, where `ps` shows its arguments, and the beginning of it as the thread's name.
///
/// In a process that was started without room for it only the name is shown.
pub(crate) fn set_title(title: &str) {
    let short: String = title.chars().filter(|c| *c != '\0').take(15).collect();
    if let Ok(name) = CString::new(short) {
        let _ = nix::sys::prctl::set_name(&name);
    }
    // The same in every process that is forked from here.
    static AREA: OnceLock<Option<(usize, usize)>> = OnceLock::new();
    let Some((start, end)) = *AREA.get_or_init(argument_area) else { return };
    let room = end - start;
    if room < TITLE / 2 {
        return;
    }
    let mut bytes = vec![0u8; room];
    let used = title.len().min(room - 1);
    bytes[..used].copy_from_slice(&title.as_bytes()[..used]);
    // SAFETY: the kernel says that the process's arguments lie in this range, which is writable memory of this process
    // for as long as it lives. Nothing holds a reference into it: the standard library copies arguments out each time
    // it is asked, and only one thread of this process exists or matters yet.
    #[expect(unsafe_code, reason = "the arguments are memory that the kernel points at")]
    unsafe {
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), start as *mut u8, room);
    }
}

/// Where the arguments of this process lie in its memory.
fn argument_area() -> Option<(usize, usize)> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is a name in parentheses and may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<usize>().ok();
    // Fields 48 and 49 of proc(5), of which two stand before what is counted here, and counted from 1.
    let (start, end) = (number(45)?, number(46)?);
    (start != 0 && start < end).then_some((start, end))
}

/// How a child ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// With this exit code.
    Code(i32),
    /// By this signal, while its memory was bounded to so many bytes, if it was.
    Signal(Signal, Option<u64>),
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Ended::Code(code) => write!(f, "its process exited with code {code}"),
            // Memory that has run out for the process itself is no reason for this one.
            Ended::Signal(Signal::SIGKILL, _) => {
                f.write_str("its process was ended by signal SIGKILL (kill -9)")
            }
            Ended::Signal(signal, None) => write!(f, "its process was ended by signal {}", signal.as_str()),
            Ended::Signal(signal, Some(limit)) => write!(
                f,
                "its process was ended by signal {}, and may have run out of memory, of which it was allowed {limit} bytes",
                signal.as_str()
            ),
        }
    }
}

/// The next child of this process that has ended.
pub(crate) fn reap() -> Option<(Pid, Ended)> {
    loop {
        // Not at once, for as long as it can be looked at.
        let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        let ended = match waitid(Id::All, look) {
            Ok(WaitStatus::Signaled(pid, ..)) => (pid, crate::memory::limit_of(pid)),
            Ok(WaitStatus::Exited(pid, _)) => (pid, None),
            Err(Errno::EINTR) => continue,
            _ => return None,
        };
        let (pid, limit) = ended;
        match waitpid(pid, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) => return Some((pid, Ended::Code(code))),
            Ok(WaitStatus::Signaled(pid, signal, _)) => return Some((pid, Ended::Signal(signal, limit))),
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return None,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return None,
        }
    }
}

/// Waits until this child of this process has ended, or somebody else has asked how it did.
pub(crate) fn await_end(child: Pid) {
    while let Err(Errno::EINTR) = waitpid(child, None) {}
}

/// A descriptor that can be read when this process's parent has ended, however it does.
///
/// It is tied to the process: a parent-death signal would come when the thread ends that started this process.
///
/// # Errors
///
/// What the system says (`ENOSYS` before Linux 5.3), and that the parent is another process by now than the one with this
/// pid: it has ended already.
pub(crate) fn parent(pid: Pid) -> io::Result<OwnedFd> {
    // SAFETY: the call takes a number and flags, of which there are none, and touches no memory.
    #[expect(unsafe_code, reason = "the library has no such call")]
    let opened = unsafe { nix::libc::syscall(nix::libc::SYS_pidfd_open, pid.as_raw(), 0) };
    let descriptor = RawFd::try_from(Errno::result(opened)?).map_err(io::Error::other)?;
    // SAFETY: the kernel has just made this descriptor for this process, and nobody else knows of it.
    #[expect(unsafe_code, reason = "the call hands it out as a number")]
    let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor) };
    // A pid may be used again, but not while its process is the parent of this one.
    if getppid() != pid {
        return Err(io::Error::other("it has ended already"));
    }
    Ok(descriptor)
}

/// Ends a child of this process that has not been reaped, so that the pid is certainly still its own.
pub(crate) fn kill_child(pid: Pid) {
    // It may have ended by itself and wait to be reaped.
    let _ = kill(pid, Signal::SIGKILL);
}

/// The children of this process, those that it adopted among them.
pub(crate) fn children() -> Vec<Pid> {
    let path = format!("/proc/self/task/{}/children", getpid());
    let list = std::fs::read_to_string(path).unwrap_or_default();
    list.split_whitespace().filter_map(|pid| pid.parse().ok()).map(Pid::from_raw).collect()
}

/// A pair of connected streams between two processes, closed on exec.
pub(crate) fn stream_pair() -> io::Result<(std::os::unix::net::UnixStream, std::os::unix::net::UnixStream)> {
    std::os::unix::net::UnixStream::pair()
}

/// The work of a thread, and what it works on.
struct Work<T: 'static> {
    on: &'static T,
    run: fn(&'static T),
}

/// Starts a thread that may go on until the process ends, with a stack of so many bytes.
///
/// One of the standard library allocates as it begins, whereupon the C library sets up a part of the heap for it, and it gets
/// a stack for signals too: half of what such a thread costs that does nothing but wait.
///
/// # Errors
///
/// What the system says.
pub(crate) fn start_thread<T: Sync>(stack: usize, on: &'static T, run: fn(&'static T)) -> io::Result<()> {
    extern "C" fn begin<T: Sync + 'static>(work: *mut nix::libc::c_void) -> *mut nix::libc::c_void {
        // SAFETY: it is the value that was made for this thread below, and it is never freed.
        #[expect(unsafe_code, reason = "the C library hands over a pointer")]
        let work = unsafe { &*work.cast::<Work<T>>() };
        // A panic has told of itself by now, and ends what this thread does.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| (work.run)(work.on)));
        std::ptr::null_mut()
    }
    let work: *mut Work<T> = Box::leak(Box::new(Work { on, run }));
    let mut attributes = std::mem::MaybeUninit::uninit();
    let mut thread = std::mem::MaybeUninit::uninit();
    // SAFETY: the attributes are initialized before they are used and destroyed once. What the thread gets lives for ever,
    // and may be shared with it: the function is one for references to it, and `T` is `Sync`.
    #[expect(unsafe_code, reason = "the standard library starts costlier ones only")]
    let failed = unsafe {
        use nix::libc::*;
        pthread_attr_init(attributes.as_mut_ptr());
        pthread_attr_setstacksize(attributes.as_mut_ptr(), stack);
        pthread_attr_setdetachstate(attributes.as_mut_ptr(), PTHREAD_CREATE_DETACHED);
        let failed = pthread_create(thread.as_mut_ptr(), attributes.as_ptr(), begin::<T>, work.cast());
        pthread_attr_destroy(attributes.as_mut_ptr());
        failed
    };
    if failed == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(failed)) }
}

/// Lets this process use [`barrier`]. Whether the kernel allows it. Quick as long as the process has one thread.
pub(crate) fn register_barrier() -> bool {
    membarrier(nix::libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)
}

/// Has every thread of this process execute a full memory barrier before this returns, those that run as well as those that do
/// not. Whether it did: the kernel may lack the memory to.
pub(crate) fn barrier() -> bool {
    membarrier(nix::libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED)
}

fn membarrier(command: i32) -> bool {
    // SAFETY: the call takes three numbers and touches no memory.
    #[expect(unsafe_code, reason = "the library has no such call")]
    let outcome = unsafe { nix::libc::syscall(nix::libc::SYS_membarrier, command, 0, 0) };
    outcome == 0
}

/// Ends this process at once: nothing that it has registered for its end is run, which may be its parent's.
pub(crate) fn exit(code: i32) -> ! {
    // SAFETY: it ends the process and touches no memory.
    #[expect(unsafe_code, reason = "the standard library ends a process in order only")]
    unsafe {
        nix::libc::_exit(code)
    }
}

/// The variable by which the loader is told to find every function of every library before the program begins. An admin is
/// started so, because otherwise each process that it forks finds those anew that it calls first.
pub(crate) const BIND_NOW: &str = "LD_BIND_NOW";

/// The value by which it is known whose it is.
pub(crate) const BIND_NOW_OURS: &str = "thespian";

/// Removes that variable, if it is ours: programs that actors start are not to have it.
pub(crate) fn forget_bind_now() {
    if std::env::var_os(BIND_NOW).is_some_and(|value| value == BIND_NOW_OURS) {
        // SAFETY: this is the first line of a program that has one thread, so nobody reads the environment meanwhile.
        #[expect(unsafe_code, reason = "threads could read the environment")]
        unsafe {
            std::env::remove_var(BIND_NOW);
        }
    }
}

/// Has the C library look for what unwinds stacks, which it does when the first thread of a process is started: so it is
/// there already in every process that is forked from this one.
pub(crate) fn find_unwinder() {
    #[cfg(target_env = "gnu")]
    {
        let mut frames = [std::ptr::null_mut(); 1];
        // SAFETY: there is room for as many frames as are asked for.
        #[expect(unsafe_code, reason = "there is no safe way to have it looked for")]
        unsafe {
            nix::libc::backtrace(frames.as_mut_ptr(), 1);
        }
    }
}

/// The signals that came: a bit for each.
static CAME: AtomicU64 = AtomicU64::new(0);

/// What is written to when one comes, if it is not negative.
static BELL: AtomicI32 = AtomicI32::new(-1);

/// The signals that are noted, and those that are handled, which are more: a bit for each.
static NOTED: AtomicU64 = AtomicU64::new(0);
static HANDLED: AtomicU64 = AtomicU64::new(0);

/// The bit of a signal.
pub(crate) fn bit(signal: Signal) -> u64 {
    1 << signal as u32
}

/// Takes note of a signal. It is called in the midst of anything.
extern "C" fn note(signal: nix::libc::c_int) {
    let bit = 1_u64 << signal;
    if NOTED.load(Ordering::SeqCst) & bit == 0 {
        return;
    }
    CAME.fetch_or(bit, Ordering::SeqCst);
    let bell = BELL.load(Ordering::SeqCst);
    if bell >= 0 {
        let errno = Errno::last_raw();
        let one = 1_u64;
        // SAFETY: eight bytes are read of a value of eight bytes. The descriptor is open, and a counter that never blocks.
        #[expect(unsafe_code, reason = "nothing else may be called in a signal handler")]
        unsafe {
            nix::libc::write(bell, (&raw const one).cast(), size_of::<u64>());
        }
        Errno::set_raw(errno);
    }
}

/// From now on these signals are noted, which [`came`] tells, those do nothing, and what had been handled otherwise is as usual
/// again. When one is noted this counter is added to, which has to stay open until [`forget_signals`].
///
/// # Errors
///
/// What the system says.
pub(crate) fn handle_signals(
    noted: impl Iterator<Item = Signal>,
    ignored: &[Signal],
    bell: RawFd,
) -> io::Result<()> {
    let noted = noted.fold(0, |noted, signal| noted | bit(signal));
    let wanted = ignored.iter().fold(noted, |wanted, signal| wanted | bit(*signal));
    BELL.store(bell, Ordering::SeqCst);
    NOTED.store(noted, Ordering::SeqCst);
    let handled = HANDLED.swap(wanted, Ordering::SeqCst);
    for signal in Signal::iterator().filter(|signal| (wanted ^ handled) & bit(*signal) != 0) {
        let handler = if wanted & bit(signal) != 0 { SigHandler::Handler(note) } else { SigHandler::SigDfl };
        let action = SigAction::new(handler, SaFlags::SA_RESTART, SigSet::empty());
        // SAFETY: the handler writes to atomics and to a descriptor, keeps `errno`, and does nothing else.
        #[expect(unsafe_code, reason = "what a signal handler may do is for whoever writes it to know")]
        unsafe { nix::sys::signal::sigaction(signal, &action) }?;
    }
    Ok(())
}

/// What a forked child does before it closes what it has from its parent: nothing is written to any of that any more, and what
/// came to the parent is forgotten.
pub(crate) fn forget_signals() {
    BELL.store(-1, Ordering::SeqCst);
    CAME.store(0, Ordering::SeqCst);
}

/// The noted signals that came since this was last asked: a bit for each.
pub(crate) fn came() -> u64 {
    CAME.swap(0, Ordering::SeqCst)
}

/// Lets this be called when the program ends in order: when its `main` returns, or somebody exits.
pub(crate) fn at_exit(act: extern "C" fn()) {
    // SAFETY: the function lives as long as the program, which is never unloaded, and unwinds into nobody, as its kind says.
    #[expect(unsafe_code, reason = "the library has no such call")]
    // It fails only without memory for a list of more than 32 such functions.
    let _ = unsafe { nix::libc::atexit(act) };
}

/// Takes standard input, which the host has put something else behind, and leaves nothing there.
pub(crate) fn take_stdin() -> io::Result<OwnedFd> {
    let taken = nix::unistd::dup(io::stdin())?;
    nix::fcntl::fcntl(&taken, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC))?;
    let null = std::fs::File::open("/dev/null")?;
    nix::unistd::dup2_stdin(&null)?;
    Ok(taken)
}

/// Lets what this process prints go nowhere.
pub(crate) fn print_nowhere() {
    if let Ok(null) = std::fs::File::options().write(true).open("/dev/null") {
        let _ = nix::unistd::dup2_stdout(&null);
        let _ = nix::unistd::dup2_stderr(&null);
    }
}

/// Whether a descriptor is a Unix stream socket.
pub(crate) fn is_unix_stream(descriptor: &impl std::os::fd::AsFd) -> bool {
    use nix::sys::socket::{SockType, getsockname, getsockopt, sockopt};
    let stream = getsockopt(&descriptor.as_fd(), sockopt::SockType) == Ok(SockType::Stream);
    stream && getsockname::<nix::sys::socket::UnixAddr>(descriptor.as_fd().as_raw_fd()).is_ok()
}
