//! One end of an actor, and what is left after it.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::stat::Mode as Permissions;
use nix::unistd::{Pid, mkfifo};

use crate::cast::{self, Mode, PIPE, TOKEN, VOICES};

/// Longer than anything takes, also on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// What ends the actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Kill,
    KillGroup,
    Terminate,
    Abort,
    Exit,
    Drop,
    Request,
    AbortCommand,
    CommandEnds,
    KillGuardian,
    KillEarly,
    KillAdmin,
}

impl End {
    pub(crate) const ALL: [End; 12] = [
        End::Kill,
        End::KillGroup,
        End::Terminate,
        End::Abort,
        End::Exit,
        End::Drop,
        End::Request,
        End::AbortCommand,
        End::CommandEnds,
        End::KillGuardian,
        End::KillEarly,
        End::KillAdmin,
    ];
}

#[derive(Clone, Copy)]
pub(crate) struct Scene(pub(crate) Mode, pub(crate) End);

impl Scene {
    pub(crate) fn play(self) {
        let Scene(mode, end) = self;
        let place = Place::new();
        let mut voices = place.pipe();
        let mut actor = cast::actor(mode, end)
            .env(PIPE, &place.path)
            .env(TOKEN, &place.token)
            .env("XDG_STATE_HOME", &place.folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        if end == End::KillEarly {
            return place.kill_early(actor, voices);
        }
        hear(&mut voices, VOICES);
        if mode == Mode::Process {
            return place.end_in_a_system(end, actor, voices);
        }
        let mut lines = BufReader::new(actor.stdout.take().unwrap()).lines();
        let group = Pid::from_raw(i32::try_from(actor.id()).unwrap());
        match end {
            End::Kill => kill(group, Signal::SIGKILL).unwrap(),
            End::KillGroup => killpg(group, Signal::SIGKILL).unwrap(),
            End::Terminate => kill(group, Signal::SIGTERM).unwrap(),
            End::CommandEnds => drop(File::create(place.path.with_extension("end")).unwrap()),
            End::KillGuardian => {
                let command = lines.next().unwrap().unwrap();
                let guardian = parent_of(&command).expect("the command has a parent");
                kill(Pid::from_raw(guardian.parse().unwrap()), Signal::SIGKILL).unwrap();
                // The rest of its processes is nobody's on this base: here it is the test that ends them.
                place.wait_until_gone(&command);
                place.kill_all();
            }
            _ => {}
        }
        actor.stdin.take().unwrap().write_all(b"\n").ok();
        if matches!(end, End::Drop | End::Request | End::AbortCommand | End::CommandEnds) {
            // All is gone when the actor says so, not some time later.
            let last = lines.map(Result::unwrap).last();
            assert_eq!(last.as_deref(), Some("over"));
            assert_eq!(place.survivors(), [""; 0]);
        }
        actor.wait().unwrap();
        place.check(voices);
    }
}

/// What a scene has of the world: a pipe with a name.
struct Place {
    folder: PathBuf,
    path: PathBuf,
    token: String,
}

impl Place {
    fn new() -> Place {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let token = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("deaths-{token}"));
        fs::create_dir(&folder).unwrap();
        let path = folder.join("pipe");
        mkfifo(&path, Permissions::from_bits_truncate(0o600)).unwrap();
        Place { folder, path, token }
    }

    /// The reading end of the pipe, whose other end every process of the command holds.
    fn pipe(&self) -> File {
        let nonblocking = nix::fcntl::OFlag::O_NONBLOCK.bits();
        OpenOptions::new().read(true).custom_flags(nonblocking).open(&self.path).unwrap()
    }

    /// Ends the process of an actor of a system, whose other processes live on.
    fn end_in_a_system(&self, end: End, mut starter: Child, voices: File) {
        let mut lines = BufReader::new(starter.stdout.take().unwrap()).lines();
        let mut orders = starter.stdin.take().unwrap();
        let command = lines.next().unwrap().unwrap();
        // The command's parent is its guardian, and that one's the actor's process, and that one's the admin.
        let parents: Vec<Pid> = std::iter::successors(parent_of(&command), |process| parent_of(process))
            .take(3)
            .map(|process| Pid::from_raw(process.parse().unwrap()))
            .collect();
        let [_, actor, admin] = parents[..] else { panic!("the command has no such parents") };
        match end {
            End::Kill => kill(actor, Signal::SIGKILL).unwrap(),
            End::Terminate => kill(actor, Signal::SIGTERM).unwrap(),
            End::Abort => kill(actor, Signal::SIGABRT).unwrap(),
            End::KillAdmin => kill(admin, Signal::SIGKILL).unwrap(),
            _ => {}
        }
        orders.write_all(b"\n").unwrap();
        assert_eq!(lines.next().unwrap().unwrap(), "ended");
        if end != End::Drop {
            // The command is gone while the system lives on.
            self.check_voices(voices.try_clone().unwrap());
        }
        orders.write_all(b"\n").unwrap();
        assert_eq!(lines.next().unwrap().unwrap(), "over");
        starter.wait().unwrap();
        self.check(voices);
    }

    /// Kills the actor at a moment that differs from round to round, while its command is being started.
    fn kill_early(&self, mut actor: Child, voices: File) {
        let moment =
            Duration::from_micros(u64::from(self.folder.as_os_str().len() as u32 + actor.id()) % 97 * 100);
        let begun = Instant::now();
        while begun.elapsed() < moment {
            std::thread::yield_now();
        }
        actor.kill().unwrap();
        actor.wait().unwrap();
        self.check(voices);
    }

    /// Waits until nobody is left, first of those that hold the pipe, then of all.
    fn check(&self, voices: File) {
        self.check_voices(voices);
        self.eventually(|| self.survivors().is_empty());
    }

    fn check_voices(&self, mut voices: File) {
        let until = Instant::now() + SOON;
        while let Some(word) = next(&mut voices, until) {
            assert_eq!(word, b'!');
        }
    }

    fn wait_until_gone(&self, process: &str) {
        self.eventually(|| {
            !self.survivors().iter().any(|survivor| survivor.starts_with(&format!("{process} ")))
        });
    }

    fn eventually(&self, holds: impl Fn() -> bool) {
        let until = Instant::now() + SOON;
        while !holds() {
            assert!(Instant::now() < until, "still there: {:?}", self.survivors());
            std::thread::yield_now();
        }
    }

    /// The processes that this scene has started and that have not ended: their ids and what they are.
    fn survivors(&self) -> Vec<String> {
        let mark = format!("{TOKEN}={}\0", self.token).into_bytes();
        let of_this = |process: &String| {
            fs::read(format!("/proc/{process}/environ"))
                .is_ok_and(|environ| environ.windows(mark.len()).any(|part| part == mark))
        };
        let processes = fs::read_dir("/proc").unwrap();
        let names = processes.filter_map(|entry| entry.unwrap().file_name().into_string().ok());
        let ours = names.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())).filter(of_this);
        ours.map(|process| format!("{process} {}", comm(&process))).collect()
    }

    fn kill_all(&self) {
        // Only a subreaper can catch the runner for sure; without its pipe it ends by itself.
        fs::remove_file(&self.path).unwrap();
        // Not the actor, whose end is another matter.
        let is_actor = |survivor: &str| survivor.ends_with(" actor");
        self.eventually(|| {
            for survivor in self.survivors().iter().filter(|survivor| !is_actor(survivor)) {
                let pid = survivor.split(' ').next().unwrap().parse().unwrap();
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
            self.survivors().iter().all(|survivor| is_actor(survivor))
        });
    }
}

/// Also when the test fails: what it has started ends with it.
impl Drop for Place {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.folder).unwrap();
        let until = Instant::now() + SOON;
        while std::thread::panicking() && Instant::now() < until {
            let survivors = self.survivors();
            if survivors.is_empty() {
                break;
            }
            for survivor in survivors {
                let pid = survivor.split(' ').next().unwrap().parse().unwrap();
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
    }
}

/// The role that a process plays.
fn comm(process: &str) -> String {
    let environ = fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
    let mut variables = environ.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    let role = variables.find_map(|variable| variable.strip_prefix("THESPIAN_ROLE=").map(str::to_string));
    role.unwrap_or_default()
}

fn parent_of(process: &str) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit(')').next()?.split_whitespace().nth(1).map(str::to_string)
}

/// Waits until so many have said that they are there.
fn hear(voices: &mut File, count: usize) {
    let until = Instant::now() + SOON;
    // Nobody has opened the pipe at first, which looks like its end.
    let mut heard = 0;
    while heard < count {
        assert!(Instant::now() < until, "{heard} of {count} are there");
        match next(voices, until) {
            Some(_) => heard += 1,
            None => std::thread::yield_now(),
        }
    }
}

/// The next word on the pipe; none when nobody holds it.
fn next(voices: &mut File, until: Instant) -> Option<u8> {
    loop {
        let mut word = [0];
        match voices.read(&mut word) {
            Ok(1) => return Some(word[0]),
            Ok(_) => return None,
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
        }
        let left = until.saturating_duration_since(Instant::now());
        assert!(!left.is_zero(), "somebody still holds the pipe");
        let mut fds = [PollFd::new(voices.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::try_from(left).unwrap()).unwrap();
    }
}
