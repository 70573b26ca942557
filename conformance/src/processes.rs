//! The suite on bases whose actors are processes: every trial in a program of its own, of which nothing may be left.
//!
//! A trial is the test program started again, with two variables in its environment that name the trial and its run, and
//! a folder for whatever it writes. Everything that it starts inherits them. So the processes of a trial are known
//! whoever has started them and whoever is dead, and what still runs, or lies about, when the trial is over counts
//! against it. Sockets and shared memory go with the last process that has them open, so they need no count of their own,
//! but for those of the trial's own program, which are counted there.
//!
//! ```ignore
//! fn main() -> std::process::ExitCode {
//!     thespian_multiproc::Init::new().actors(thespian_conformance::actor_types()).run();
//!     Suite::new("multiprocTCPBase", |builder| builder.base(Multiproc::new(Tcp::default())))
//!         .conformance("fork")
//!         .run()
//! }
//! ```

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use thespian_core::{ActorAddress, ActorStatus, ActorSystem, Builder, Error, StatusReq};

use crate::ground::{SETTLE, Subject};
use crate::{SCENARIOS, play};

/// The startup methods that a base with processes has (guide section 9.4).
pub const METHODS: &[&str] = &["fork", "forkserver", "spawn"];

/// Names the trial that a program is to play.
const TRIAL: &str = "THESPIAN_TRIAL";

/// Names the run of a trial; all its processes have it.
const RUN: &str = "THESPIAN_TRIAL_RUN";

/// What a further program of a trial is told.
const ARGUMENT: &str = "THESPIAN_TRIAL_ARGUMENT";

/// Where the runtime writes its own log (guide section 4.13.3).
const INTERNALS: &str = "THESPLOG_FILE";

/// The folder of the run.
const FOLDER: &str = "THESPIAN_TRIAL_FOLDER";

/// How long a trial may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long something may be left of a system after its end.
pub const LINGER: Duration = Duration::from_secs(1);

/// How often a condition is looked at that nothing tells of.
const LOOK: Duration = Duration::from_millis(3);

/// The trials of a base.
pub struct Suite {
    base: &'static str,
    on: fn(Builder) -> Builder,
    trials: Vec<(String, Play)>,
    programs: Vec<(String, Play)>,
}

/// Plays a trial, in the program that was started for it.
type Play = Box<dyn FnOnce() + Send>;

/// A scenario that only processes can show.
pub type ProcessScenario = (&'static str, fn(&Processes));

impl Suite {
    /// No trials yet, of the base with this name, which the function puts into a builder.
    pub fn new(base: &'static str, on: fn(Builder) -> Builder) -> Suite {
        Suite { base, on, trials: Vec::new(), programs: Vec::new() }
    }

    /// All scenarios of the suite, with a startup method.
    pub fn conformance(mut self, method: &'static str) -> Suite {
        for scenario in SCENARIOS {
            let subject = self.subject(method);
            let name = format!("{method}::{}", scenario.name);
            self.trials.push((name, Box::new(move || play(scenario.name, &subject))));
        }
        self
    }

    /// Scenarios of its own, with a startup method.
    pub fn scenarios(mut self, method: &'static str, scenarios: &'static [ProcessScenario]) -> Suite {
        for (name, run) in scenarios {
            self = self.trial(method, name, run);
        }
        self
    }

    /// One scenario, with a startup method.
    pub fn trial(
        mut self,
        method: &'static str,
        name: &str,
        run: impl FnOnce(&Processes) + Send + 'static,
    ) -> Suite {
        let subject = self.subject(method);
        self.trials.push((format!("{method}::{name}"), Box::new(move || run(&subject))));
        self
    }

    /// What further programs of a trial do: they are no trials themselves, but started by [`Processes::program`].
    pub fn programs(mut self, method: &'static str, programs: &'static [ProcessScenario]) -> Suite {
        for (name, run) in programs {
            let subject = self.subject(method);
            self.programs.push((format!("{method}::{name}"), Box::new(move || run(&subject))));
        }
        self
    }

    fn subject(&self, method: &'static str) -> Processes {
        Processes { base: self.base, method, on: self.on, systems: Mutex::new(Vec::new()) }
    }

    /// Runs what the arguments choose; or, in a program that was started for it, plays one trial.
    pub fn run(self) -> ExitCode {
        if let Ok(chosen) = std::env::var(TRIAL) {
            let mut known = self.trials.into_iter().chain(self.programs);
            let (_, run) = known
                .find(|(name, _)| *name == chosen)
                .unwrap_or_else(|| panic!("no trial is called {chosen}"));
            return perform(run);
        }
        let arguments = Arguments::from_args();
        let trials = self.trials.into_iter().map(|(name, _)| {
            let trial = name.clone();
            Trial::test(name, move || supervise(&trial))
        });
        libtest_mimic::run(&arguments, trials.collect()).exit_code()
    }
}

/// Gives a system the startup method of the trial that this program plays: for those who build systems without asking
/// [`Processes::builder`].
pub fn with_method(builder: Builder) -> Builder {
    let trial = std::env::var(TRIAL).unwrap_or_default();
    // Behind the base, if the trials of a program are on several.
    let method = trial.split("::").take(2).find_map(|part| METHODS.iter().find(|method| part == **method));
    match method {
        Some(method) => builder.capability("Process Startup Method", *method),
        None => builder,
    }
}

/// Whether the trial that this program plays is played in this way, such as `fork`: what its name begins with.
pub fn is_trial_of(way: &str) -> bool {
    let trial = std::env::var(TRIAL).unwrap_or_default();
    trial.strip_prefix(way).is_some_and(|rest| rest.starts_with("::"))
}

/// Plays a trial in this program, which exists for that alone.
fn perform(run: Play) -> ExitCode {
    let before = own_descriptors();
    run();
    // A system may outlive the program that started it, and this one may be a further program of its trial.
    let left = || own_children().into_iter().filter(|child| !child.is_admin()).collect::<Vec<_>>();
    assert!(eventually(LINGER, || left().is_empty()), "left children: {:?}", left());
    let same = eventually(LINGER, || own_descriptors() == before);
    assert!(same, "left descriptors: {:?} and before {before:?}", own_descriptors());
    ExitCode::SUCCESS
}

/// Has a trial played by a program of its own, and looks at what that leaves.
fn supervise(trial: &str) -> Result<(), Failed> {
    let run = Run::new().map_err(|error| format!("no folder for the trial: {error}"))?;
    let outcome = run.play(trial).map_err(|error| format!("the trial cannot be started: {error}"))?;
    // What was killed is not dead at once.
    let clean = eventually(LINGER, || run.processes().is_empty());
    let left = run.end();
    let mut problems = Vec::new();
    match outcome {
        Some(status) if status.success() => {}
        Some(status) => problems.push(match status.signal() {
            Some(signal) => format!("the trial was ended by signal {signal}"),
            None => "the trial failed".into(),
        }),
        None => problems.push(format!("the trial was not over after {PATIENCE:?}")),
    }
    if !clean {
        let left: Vec<String> = left.iter().map(ToString::to_string).collect();
        problems.push(format!("processes were left {LINGER:?} after its end: {}", left.join("; ")));
    }
    problems.extend(run.strange_files().into_iter().map(|file| format!("it left {}", file.display())));
    let result = match problems.is_empty() {
        true => Ok(()),
        false => Err(format!("{}\n{}", problems.join("\n"), run.said()).into()),
    };
    run.remove();
    result
}

/// One run of a trial.
struct Run {
    id: String,
    folder: PathBuf,
}

impl Run {
    fn new() -> io::Result<Run> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let id = format!("{}-{count}", std::process::id());
        let folder = std::env::temp_dir().join(format!("thespian-trial-{id}"));
        for part in ["state", "temporary", "files"] {
            fs::create_dir_all(folder.join(part))?;
        }
        Ok(Run { id, folder })
    }

    /// How the trial's program ended; `None` if it was not in time.
    fn play(&self, trial: &str) -> io::Result<Option<ExitStatus>> {
        let output = File::create(self.output())?;
        let mut command = Command::new(std::env::current_exe()?);
        command.env(TRIAL, trial).env(RUN, &self.id).env(FOLDER, self.folder.join("files"));
        command.env("XDG_STATE_HOME", self.folder.join("state"));
        command.env("TMPDIR", self.folder.join("temporary"));
        command.env(INTERNALS, self.folder.join("internals.log"));
        command.env("RUST_BACKTRACE", "0");
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let mut child = command.spawn()?;
        let ended = eventually(PATIENCE, || matches!(child.try_wait(), Ok(Some(_)) | Err(_)));
        if !ended {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        child.wait().map(Some)
    }

    fn output(&self) -> PathBuf {
        self.folder.join("output")
    }

    fn processes(&self) -> Vec<Process> {
        of_run(&self.id)
    }

    /// Ends what is left, and says what that was.
    fn end(&self) -> Vec<Process> {
        let left = self.processes();
        // Whatever starts others does so before it is found, or is found in the next round.
        eventually(PATIENCE, || {
            let processes = self.processes();
            for process in &processes {
                let _ = process.signal(Signal::SIGKILL);
            }
            processes.is_empty()
        });
        left
    }

    /// Files where nothing of a trial may be.
    fn strange_files(&self) -> Vec<PathBuf> {
        let temporary = entries(&self.folder.join("temporary"));
        let shared = entries(Path::new("/dev/shm"));
        let ours = |file: &PathBuf| file.to_string_lossy().contains("thespian");
        temporary.into_iter().chain(shared.into_iter().filter(ours)).collect()
    }

    /// What the trial's processes wrote, to be shown when it failed.
    fn said(&self) -> String {
        let read = |path: PathBuf| {
            let text = fs::read(path).unwrap_or_default();
            let text = String::from_utf8_lossy(&text).into_owned();
            let lines: Vec<&str> = text.lines().collect();
            match lines.len().checked_sub(FIRST_LINES + LAST_LINES) {
                Some(more @ 1..) => {
                    let left_out = format!("... {more} lines ...");
                    let last = lines[lines.len() - LAST_LINES..].iter().copied();
                    let shown = lines[..FIRST_LINES].iter().copied().chain([&*left_out]).chain(last);
                    shown.collect::<Vec<_>>().join("\n")
                }
                _ => lines.join("\n"),
            }
        };
        let internals = read(self.folder.join("internals.log"));
        format!("{}\n--- internals log ---\n{internals}", read(self.output()))
    }

    fn remove(self) {
        // It is in the system's folder for such things, which somebody else tidies too.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// How much of what a failed trial wrote is shown: how it began, as with a seed, and how it ended.
const FIRST_LINES: usize = 10;
const LAST_LINES: usize = 80;

/// A base with processes, with one of the startup methods.
pub struct Processes {
    base: &'static str,
    method: &'static str,
    on: fn(Builder) -> Builder,
    systems: Mutex<Vec<ActorSystem>>,
}

impl Processes {
    /// A builder for a system on the base.
    pub fn builder(&self) -> Builder {
        self.on(ActorSystem::builder().unregistered())
    }

    /// A system with everything as it comes.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn system(&self) -> ActorSystem {
        self.builder().start().expect("the system starts")
    }

    /// The name of the base.
    pub fn base(&self) -> &'static str {
        self.base
    }

    /// The startup method.
    pub fn method(&self) -> &'static str {
        self.method
    }

    /// The folder where a scenario may leave files.
    ///
    /// # Panics
    ///
    /// Outside a trial.
    pub fn folder(&self) -> PathBuf {
        folder()
    }

    /// The file of the runtime's own log.
    ///
    /// # Panics
    ///
    /// Outside a trial.
    pub fn internals_log(&self) -> PathBuf {
        std::env::var_os(INTERNALS).expect("this is a trial").into()
    }

    /// Starts this test program again as another program of the same trial, which does what this name stands for among the
    /// suite's [programs](Suite::programs), and is told this.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    pub fn program(&self, name: &str, argument: &str) -> Child {
        let program = std::env::current_exe().expect("it runs");
        let mut command = Command::new(program);
        command.env(TRIAL, format!("{}::{name}", self.method)).env(ARGUMENT, argument);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts")
    }

    /// What this program was told by the one that started it; empty in a trial's own.
    pub fn argument(&self) -> String {
        std::env::var(ARGUMENT).unwrap_or_default()
    }

    fn on(&self, builder: Builder) -> Builder {
        (self.on)(builder).capability("Process Startup Method", self.method)
    }
}

impl Subject for Processes {
    fn base(&self) -> &'static str {
        self.base
    }

    fn start(&self, builder: Builder) -> Result<ActorSystem, Error> {
        let system = self.on(builder).start()?;
        self.systems.lock().expect("nobody panics with it").push(system.clone());
        Ok(system)
    }

    fn pass(&self, _: &ActorSystem, time: Duration) {
        pass(time);
    }

    /// What is under way between processes on one machine wakes somebody at once, so nothing is when all sleep. What this
    /// program's keeper has yet to do waits for its tick, which comes first.
    fn settle(&self, _: &ActorSystem) {
        pass(SETTLE);
        let processes = of_this_run();
        let here = Process::of(std::process::id());
        // A handler that runs on and on would keep this for ever.
        eventually(LINGER, || processes.iter().chain([&here]).all(Process::is_asleep));
    }

    fn kill(&self, actor: &ActorAddress) {
        let systems = self.systems.lock().expect("nobody panics with it");
        let pid = systems.iter().find_map(|system| pid_of(system, actor)).expect("it has a process");
        Process::of(pid).kill();
    }

    fn finish(&self) {
        self.systems.lock().expect("nobody panics with it").clear();
        assert!(eventually(LINGER, || of_this_run().is_empty()), "left: {:?}", of_this_run());
    }
}

/// The folder of this trial where files may be left.
///
/// # Panics
///
/// Outside a trial.
pub fn folder() -> PathBuf {
    std::env::var_os(FOLDER).expect("this is a trial").into()
}

/// The process of an actor, as its status has it.
pub fn pid_of(system: &ActorSystem, actor: &ActorAddress) -> Option<u32> {
    let status: ActorStatus = system.request(actor, StatusReq, Duration::from_secs(20)).ok()?;
    status.pid
}

/// Kills the process of an actor, as `kill -9` does.
///
/// # Panics
///
/// If it has none.
pub fn kill_actor(system: &ActorSystem, actor: &ActorAddress) {
    Process::of(pid_of(system, actor).expect("it has a process")).kill();
}

/// A process, as the system shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Its parent's number.
    pub parent: u32,
    /// What it is called: its arguments.
    pub title: String,
    /// When it began, in the system's ticks: numbers are used again.
    pub began: u64,
    /// Its state, `Z` where it has ended and nobody has asked how.
    pub state: char,
}

impl Process {
    /// The process with this number, which may be gone.
    pub fn of(pid: u32) -> Process {
        let read = |what: &str| fs::read(format!("/proc/{pid}/{what}")).unwrap_or_default();
        let title = read("cmdline")
            .split(|byte| *byte == 0)
            .map(String::from_utf8_lossy)
            .collect::<Vec<_>>()
            .join(" ");
        let stat = read("stat");
        let fields = fields(&stat);
        let field = |number: usize| fields.get(number - 3).map_or("", |field| field);
        let state = state(&stat);
        let (parent, began) = (field(4).parse().unwrap_or(0), field(22).parse().unwrap_or(0));
        Process { pid, parent, title: title.trim_end().into(), began, state }
    }

    /// Whether it runs, or could.
    pub fn is_alive(&self) -> bool {
        let now = Process::of(self.pid);
        now.began == self.began && !matches!(now.state, 'X' | 'Z')
    }

    /// Whether none of its threads runs, or waits for a processor, but the one that asks.
    pub fn is_asleep(&self) -> bool {
        let asks = nix::unistd::gettid().to_string();
        let tasks = entries(Path::new(&format!("/proc/{}/task", self.pid)));
        let others = tasks.into_iter().filter(|task| !task.ends_with(&asks));
        let states = others.map(|task| state(&fs::read(task.join("stat")).unwrap_or_default()));
        states.into_iter().all(|state| !matches!(state, 'R' | 'D'))
    }

    /// Whether it is the admin of a system that runs: one that has ended has no title.
    fn is_admin(&self) -> bool {
        self.title.starts_with("thespian admin")
    }

    /// How much memory it has in use, in KiB.
    pub fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
    }

    fn kill(&self) {
        self.signal(Signal::SIGKILL).expect("it can be killed");
    }

    /// Sends it a signal.
    ///
    /// # Errors
    ///
    /// When there is no such process.
    pub fn signal(&self, signal: Signal) -> nix::Result<()> {
        if Process::of(self.pid).began != self.began {
            return Err(nix::errno::Errno::ESRCH);
        }
        kill(Pid::from_raw(self.pid as i32), signal)
    }
}

/// The fields of a process, or of a thread, from the third on.
fn fields(stat: &[u8]) -> Vec<String> {
    let stat = String::from_utf8_lossy(stat);
    // The second field is a name between parentheses, which may hold anything.
    let after = stat.rsplit_once(") ").map_or("", |(_, after)| after);
    after.split(' ').map(String::from).collect()
}

/// Its state; `X` if it is gone.
fn state(stat: &[u8]) -> char {
    fields(stat).first().and_then(|state| state.chars().next()).unwrap_or('X')
}

impl std::fmt::Display for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} (state {}, child of {})", self.pid, self.title, self.state, self.parent)
    }
}

/// The other processes of this trial.
pub fn of_this_run() -> Vec<Process> {
    let run = std::env::var(RUN).expect("this is a trial");
    let own = std::process::id();
    of_run(&run).into_iter().filter(|process| process.pid != own).collect()
}

/// The admins of this trial's systems. What one has just forked has its title until it takes one of its own.
pub fn admins() -> Vec<Process> {
    let titled: Vec<Process> = of_this_run().into_iter().filter(Process::is_admin).collect();
    let is_forked = |process: &Process| titled.iter().any(|admin| admin.pid == process.parent);
    titled.iter().filter(|process| !is_forked(process)).cloned().collect()
}

fn of_run(run: &str) -> Vec<Process> {
    let mark = format!("{RUN}={run}");
    let has_mark = |pid: &u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
    };
    pids().filter(has_mark).map(Process::of).filter(|process| process.state != 'X').collect()
}

/// The processes of this trial's actors.
pub fn actors() -> Vec<Process> {
    of_this_run().into_iter().filter(|process| process.title.starts_with("thespian actor")).collect()
}

/// Processes that have ended, and whose parents, this program and the other processes of this trial, have not asked how.
pub fn zombies() -> Vec<Process> {
    let own = std::process::id();
    let parents: Vec<u32> = of_this_run().into_iter().map(|process| process.pid).chain([own]).collect();
    let ended = |process: &Process| process.state == 'Z' && parents.contains(&process.parent);
    pids().map(Process::of).filter(ended).collect()
}

fn own_children() -> Vec<Process> {
    let own = std::process::id();
    pids().map(Process::of).filter(|process| process.parent == own).collect()
}

fn pids() -> impl Iterator<Item = u32> {
    let entries = entries(Path::new("/proc")).into_iter();
    entries.filter_map(|entry| entry.file_name()?.to_str()?.parse().ok())
}

fn own_descriptors() -> Vec<String> {
    let target = |entry: PathBuf| fs::read_link(&entry).map(|target| target.display().to_string());
    // The folder that is read is among them.
    let open = entries(Path::new("/proc/self/fd")).into_iter().filter_map(|entry| target(entry).ok());
    open.filter(|target| !target.ends_with("/fd")).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

/// Lets time pass: by itself, where actors have processes of their own.
pub fn pass(time: Duration) {
    std::thread::sleep(time);
}

/// Waits for something of which nobody tells. Says whether it came to be in time.
pub fn eventually(time: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let until = Instant::now() + time;
    loop {
        if holds() {
            return true;
        }
        if Instant::now() >= until {
            return false;
        }
        std::thread::sleep(LOOK);
    }
}

/// Notes something for whoever reads why a trial failed.
pub fn note(text: &str) {
    // Where nobody reads it nothing is lost.
    let _ = writeln!(io::stderr(), "{text}");
}
