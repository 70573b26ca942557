//! An actor's process ends, hangs or is sent signals: what that costs others.

use std::cell::RefCell;
use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use thespian_conformance::processes::{
    LINGER, Process, ProcessScenario, Processes, admins, eventually, of_this_run, pid_of, zombies,
};
use thespian_core::{ActorAddress, ActorState, ActorStatus, ActorSystem, ExitCause, StatusReq};

use super::actors::{Deed, Doer, Flood, Notice, Notices, Parent, SOON, answers, ask};

pub(crate) const SCENARIOS: &[ProcessScenario] = &[
    ("deaths::exit_inside_a_handler_ends_that_actor", exit_inside_a_handler_ends_that_actor),
    ("deaths::an_abort_ends_that_actor", an_abort_ends_that_actor),
    ("deaths::a_stack_overflow_ends_that_actor", a_stack_overflow_ends_that_actor),
    ("deaths::an_actor_without_memory_ends_alone", an_actor_without_memory_ends_alone),
    (
        "deaths::a_killed_actor_is_told_of_once_and_takes_all_below",
        a_killed_actor_is_told_of_once_and_takes_all_below,
    ),
    ("deaths::a_handler_that_blocks_hides_and_stops_nothing", a_handler_that_blocks_hides_and_stops_nothing),
    ("deaths::nor_does_one_that_flushes_all_the_time", nor_does_one_that_flushes_all_the_time),
    ("deaths::a_status_tells_how_much_waits_in_bytes", a_status_tells_how_much_waits_in_bytes),
    (
        "deaths::signals_that_ask_for_an_exit_are_exit_requests",
        signals_that_ask_for_an_exit_are_exit_requests,
    ),
    (
        "deaths::signals_of_a_terminal_and_for_status_end_nothing",
        signals_of_a_terminal_and_for_status_end_nothing,
    ),
    ("deaths::a_killed_logger_is_replaced", a_killed_logger_is_replaced),
    ("deaths::a_process_shows_its_actors_type_and_address", a_process_shows_its_actors_type_and_address),
    (
        "deaths::a_program_that_an_actor_starts_has_none_of_its_descriptors",
        a_program_that_an_actor_starts_has_none_of_its_descriptors,
    ),
];

/// A system with a parent and two children of it.
pub(crate) struct Family {
    pub(crate) system: ActorSystem,
    pub(crate) parent: ActorAddress,
    pub(crate) child: ActorAddress,
    pub(crate) sibling: ActorAddress,
}

impl Family {
    pub(crate) fn new(ground: &Processes) -> Family {
        Family::of(ground.system())
    }

    pub(crate) fn of(system: ActorSystem) -> Family {
        let parent = system.create_actor::<Parent>().expect("created");
        let child = ask(&system, &parent, Deed::Beget);
        let sibling = ask(&system, &parent, Deed::Beget);
        assert!(answers(&system, &child) && answers(&system, &sibling));
        Family { system, parent, child, sibling }
    }

    pub(crate) fn tell(&self, actor: &ActorAddress, deed: Deed) {
        self.system.tell(actor, deed).expect("told");
    }

    pub(crate) fn process(&self, actor: &ActorAddress) -> Process {
        Process::of(pid_of(&self.system, actor).expect("it has a process"))
    }

    /// The parent hears of the child's end in time, and once, and nobody else comes to harm.
    fn child_ends(&self, began: Instant) -> ExitCause {
        let heard = || ask::<Vec<Notice>>(&self.system, &self.parent, Notices);
        assert!(eventually(SOON, || !heard().is_empty()), "the parent hears nothing");
        let took = began.elapsed();
        assert!(took < BUSY * LINGER, "it took {took:?}");
        assert!(answers(&self.system, &self.sibling));
        // The next one's end is told later: so all that was to be told of the first has been.
        self.tell(&self.sibling, Deed::Exit(0));
        assert!(eventually(SOON, || heard().len() > 1));
        let notices = heard();
        assert_eq!(notices.len(), 2, "{notices:?}");
        assert_eq!((notices[0].0, notices[1].0), (self.child, self.sibling));
        assert!(eventually(LINGER, || zombies().is_empty()), "not buried: {:?}", zombies());
        notices[0].1.clone()
    }

    fn killed_by(&self, deed: Deed) -> String {
        let began = Instant::now();
        self.tell(&self.child, deed);
        let cause = self.child_ends(began);
        self.system.shutdown().expect("down");
        let ExitCause::Killed(how) = cause else { panic!("{cause}") };
        how
    }
}

/// Times in the promises are for a machine that is idle; the tests' is not.
pub(crate) const BUSY: u32 = 3;

fn exit_inside_a_handler_ends_that_actor(ground: &Processes) {
    let how = Family::new(ground).killed_by(Deed::Exit(3));
    assert!(how.contains("code 3"), "{how}");
}

fn an_abort_ends_that_actor(ground: &Processes) {
    let how = Family::new(ground).killed_by(Deed::Abort);
    assert!(how.contains("SIGABRT") && !how.contains("memory"), "{how}");
}

fn a_stack_overflow_ends_that_actor(ground: &Processes) {
    let how = Family::new(ground).killed_by(Deed::Overflow);
    assert!(how.contains("SIGABRT") || how.contains("SIGSEGV"), "{how}");
}

fn an_actor_without_memory_ends_alone(ground: &Processes) {
    let how = Family::new(ground).killed_by(Deed::Exhaust);
    assert!(how.contains("SIGABRT") && how.contains("may have run out of memory"), "{how}");
}

fn a_killed_actor_is_told_of_once_and_takes_all_below(ground: &Processes) {
    let family = Family::new(ground);
    let mut below = vec![family.child];
    for _ in 0..3 {
        let next = ask(&family.system, below.last().expect("there is one"), Deed::Beget);
        assert!(answers(&family.system, &next));
        below.push(next);
    }
    let processes: Vec<Process> = below.iter().map(|actor| family.process(actor)).collect();
    let began = Instant::now();
    processes[0].signal(Signal::SIGKILL).expect("killed");
    assert!(eventually(BUSY * LINGER, || processes.iter().all(|process| !process.is_alive())));
    let ExitCause::Killed(how) = family.child_ends(began) else { panic!("it was killed") };
    assert!(how.contains("SIGKILL"), "{how}");
    for actor in &below {
        assert!(family.system.ask(actor, "there?", SOON).expect("sent").is_dead());
    }
    family.system.shutdown().expect("down");
}

/// A named pipe: who reads it blocks until somebody has written.
pub(crate) struct Gate {
    path: PathBuf,
    writer: RefCell<Option<File>>,
}

impl Gate {
    pub(crate) fn new(folder: &Path) -> Gate {
        let path = folder.join("gate");
        nix::unistd::mkfifo(&path, Mode::S_IRWXU).expect("a named pipe");
        Gate { path, writer: RefCell::new(None) }
    }

    pub(crate) fn deed(&self) -> Deed {
        Deed::Read(self.path.display().to_string())
    }

    /// Whether somebody reads it, and so is held up until the gate is opened.
    pub(crate) fn is_read(&self) -> bool {
        // Without a reader such an open fails.
        let mut options = File::options();
        let opened = options.write(true).custom_flags(nix::libc::O_NONBLOCK).open(&self.path);
        *self.writer.borrow_mut() = opened.ok();
        self.writer.borrow().is_some()
    }

    /// Lets whoever reads go on: there is nothing more to come.
    pub(crate) fn open(self) {
        if self.writer.into_inner().is_none() {
            drop(File::options().write(true).open(&self.path).expect("somebody reads it"));
        }
    }
}

fn status(system: &ActorSystem, actor: &ActorAddress) -> ActorStatus {
    ask(system, actor, StatusReq)
}

fn a_handler_that_blocks_hides_and_stops_nothing(ground: &Processes) {
    let family = Family::new(ground);
    let (system, child) = (&family.system, &family.child);
    let grandchild: ActorAddress = ask(system, child, Deed::Beget);
    assert!(answers(system, &grandchild));
    let gate = Gate::new(&ground.folder());
    family.tell(child, gate.deed());

    // The status is answered meanwhile, and says so.
    assert!(eventually(SOON, || status(system, child).state == ActorState::Busy));
    let busy = status(system, child);
    assert!(busy.busy_since.is_some_and(|since| since < busy.uptime), "{busy}");
    assert_eq!(busy.children, [grandchild]);

    // Others are not affected, its own child among them, and its end is noted.
    assert!(answers(system, &family.sibling) && answers(system, &grandchild));
    family.process(&grandchild).signal(Signal::SIGKILL).expect("killed");
    assert!(eventually(SOON, || status(system, child).children.is_empty()));

    // Who sends to it without end is held back. (Not for good: who is paused for long gets some messages all the same.)
    const COUNT: u64 = 5_000;
    let sender = system.create_actor::<Parent>().expect("created");
    system.tell(&sender, Flood { target: *child, count: COUNT }).expect("told");
    assert!(eventually(SOON, || status(system, &sender).queues.outgoing >= 950));
    assert!(eventually(SOON, || status(system, &sender).state == ActorState::Paused));
    assert_eq!(status(system, child).busy_since, busy.busy_since);

    gate.open();
    assert!(eventually(SOON, || ask::<u64>(system, child, Deed::Count) == COUNT));
    system.shutdown().expect("down");
}

/// It uses the core so often that there may be no moment for the keeper to have it.
fn nor_does_one_that_flushes_all_the_time(ground: &Processes) {
    let family = Family::new(ground);
    let (system, child) = (&family.system, &family.child);
    let grandchild: ActorAddress = ask(system, child, Deed::Beget);
    assert!(answers(system, &grandchild));
    let end = ground.folder().join("end");
    family.tell(child, Deed::FlushUntil(end.display().to_string()));

    assert!(eventually(SOON, || status(system, child).state == ActorState::Busy));
    assert_eq!(status(system, child).children, [grandchild]);
    family.process(&grandchild).signal(Signal::SIGKILL).expect("killed");
    assert!(eventually(SOON, || status(system, child).children.is_empty()));

    File::create(end).expect("a file");
    assert!(answers(system, child));
    family.system.shutdown().expect("down");
}

fn a_status_tells_how_much_waits_in_bytes(ground: &Processes) {
    let family = Family::new(ground);
    let (system, child) = (&family.system, &family.child);
    let gate = Gate::new(&ground.folder());
    family.tell(child, gate.deed());
    assert!(eventually(SOON, || gate.is_read()));
    for _ in 0..5 {
        system.tell(child, "x".repeat(50_000)).expect("told");
    }
    assert!(eventually(SOON, || status(system, child).queues.user == 5));
    // A little more than the texts themselves.
    let sizes = 250_000..251_000;
    let waits = status(system, child).queues;
    assert!(sizes.contains(&waits.user_bytes), "{waits:?}");
    assert_eq!((waits.outgoing, waits.outgoing_bytes), (0, 0), "{waits:?}");
    // They wait there, and are outgoing here: nobody has handled them.
    let whole = system.status().expect("up");
    assert!(sizes.contains(&whole.outgoing_bytes), "{whole}");

    // The same between actors.
    let sender = system.create_actor::<Parent>().expect("created");
    system.tell(&sender, Flood { target: *child, count: 100 }).expect("told");
    assert!(eventually(SOON, || status(system, &sender).queues.outgoing == 100));
    let sent = status(system, &sender).queues;
    assert!((100..2_000).contains(&sent.outgoing_bytes), "{sent:?}");
    assert!(eventually(SOON, || {
        let whole = system.status().expect("up");
        whole.outgoing >= 106 && whole.outgoing_bytes > 250_000 + sent.outgoing_bytes
    }));

    gate.open();
    let nothing = || {
        let whole = system.status().expect("up");
        (whole.outgoing_bytes, status(system, child).queues.user_bytes) == (0, 0)
    };
    assert!(eventually(SOON, nothing), "{}", system.status().expect("up"));
    system.shutdown().expect("down");
}

fn signals_that_ask_for_an_exit_are_exit_requests(ground: &Processes) {
    let system = ground.system();
    let parent = system.create_actor::<Parent>().expect("created");
    for (count, signal) in [Signal::SIGTERM, Signal::SIGQUIT, Signal::SIGABRT].into_iter().enumerate() {
        let child: ActorAddress = ask(&system, &parent, Deed::Beget);
        let below: ActorAddress = ask(&system, &child, Deed::Beget);
        assert!(answers(&system, &below));
        Process::of(pid_of(&system, &child).expect("it has one")).signal(signal).expect("sent");
        let heard = || ask::<Vec<Notice>>(&system, &parent, Notices);
        assert!(eventually(SOON, || heard().len() > count), "{signal}");
        assert_eq!(heard()[count..], [Notice(child, ExitCause::Requested)], "{signal}");
        assert!(system.ask(&below, "there?", SOON).expect("sent").is_dead());
    }
    system.shutdown().expect("down");
}

fn signals_of_a_terminal_and_for_status_end_nothing(ground: &Processes) {
    let family = Family::new(ground);
    for signal in [Signal::SIGINT, Signal::SIGHUP, Signal::SIGUSR1] {
        family.process(&family.child).signal(signal).expect("sent");
        assert!(answers(&family.system, &family.child), "{signal}");
    }
    let noted = || {
        let text = std::fs::read_to_string(ground.internals_log()).unwrap_or_default();
        text.contains(&family.child.to_string())
    };
    assert!(eventually(SOON, noted), "its status is not in the internals log");
    assert!(ask::<Vec<Notice>>(&family.system, &family.parent, Notices).is_empty());
    family.system.shutdown().expect("down");
}

fn a_killed_logger_is_replaced(ground: &Processes) {
    let family = Family::new(ground);
    let loggers = || of_this_run().into_iter().filter(|process| process.title == "thespian logger");
    for _ in 0..2 {
        assert!(eventually(LINGER, || loggers().count() == 1));
        let logger = loggers().next().expect("there is one");
        logger.signal(Signal::SIGKILL).expect("killed");
        assert!(eventually(LINGER, || loggers().any(|other| other.pid != logger.pid)));
        assert!(answers(&family.system, &family.child));
    }
    assert!(ask::<Vec<Notice>>(&family.system, &family.parent, Notices).is_empty());
    family.system.shutdown().expect("down");
}

fn a_process_shows_its_actors_type_and_address(ground: &Processes) {
    let system = ground.system();
    let actor = system.create_actor::<Doer>().expect("created");
    let title = Process::of(pid_of(&system, &actor).expect("it has one")).title;
    assert!(title.contains("Doer") && title.contains(&actor.to_string()), "{title}");
    let admin = &admins()[0].title;
    assert!(admin.contains(ground.base()), "{admin}");
    system.shutdown().expect("down");
}

fn a_program_that_an_actor_starts_has_none_of_its_descriptors(ground: &Processes) {
    let family = Family::new(ground);
    // It has connections to others, by then.
    let shown: String = ask(&family.system, &family.child, Deed::ListDescriptors);
    // The fourth is the folder that the program reads.
    assert_eq!(shown.split_whitespace().collect::<Vec<_>>(), ["0", "1", "2", "3"]);
    family.system.shutdown().expect("down");
}
