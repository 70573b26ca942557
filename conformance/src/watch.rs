//! Watched descriptors (guide sections 4.8, 5.2.1, 5.17.2 and 7.3, decision D23).

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thespian_core::{
    Actor, ActorAddress, ActorExitRequest, ActorStatus, AnyMessage, Context, Failure, Flow, Handled,
    IntoMessage, Message,
    PoisonMessage, Private, StatusReq, Value, WakeupMessage, WatchMessage, actor,
};

use crate::actors::{Step, What};
use crate::ground::{Ground, SOON, Stage};
use crate::table::Ability;

/// What a watcher does in one handler call, in this order. Its descriptors have numbers, from 0 on as they were opened.
#[derive(Clone, Debug, Serialize, Deserialize, Message)]
struct Deeds(Vec<Deed>);

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Deed {
    /// Opens a pair of sockets, one end of which can be watched.
    Pair,
    /// Opens a file.
    File,
    /// Opens a socket where anybody can connect, and answers its port.
    Listen,
    /// Connects there, and answers that port.
    Connect(u16),
    /// Makes this one readable.
    Write(usize),
    /// Closes the other end of this one.
    End(usize),
    /// Closes this one.
    Close(usize),
    /// Has a thread wait until the first can be read, then close the second, and then make the third readable.
    CloseBehind(usize, usize, usize),
    /// From now on watches these: when this call returns, and after later ones if it renews.
    Watch(Vec<usize>),
    /// Also watches descriptors with these numbers, whatever they are.
    WatchNumbers(Vec<i32>),
    /// From now on gives the watch again whatever comes, but for what it has no handler for.
    Renew,
    /// From now on reads what can be read.
    Drain,
    /// Sends itself numbers from now on, one after the other.
    Chatter,
    /// Wakes up at once.
    Wakeup,
    /// Does this when it is asked to exit.
    OnExit(Vec<Deed>),
    /// Fails.
    Fail,
}

/// Tells whoever gave the last orders that these can be read, as who told the watcher so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
struct Ready {
    /// The greatest number stands for one that is not open.
    which: Vec<usize>,
    by: ActorAddress,
}

/// A descriptor to watch.
struct Source {
    watched: Option<File>,
    /// It keeps it when it is closed.
    number: i32,
    other_end: Option<File>,
}

impl Source {
    fn new(watched: impl Into<OwnedFd>, other_end: Option<File>) -> Source {
        let watched = File::from(watched.into());
        Source { number: watched.as_raw_fd(), watched: Some(watched), other_end }
    }

    fn pair() -> Result<Source, Failure> {
        let (watched, other_end) = UnixStream::pair()?;
        Ok(Source::new(watched, Some(File::from(OwnedFd::from(other_end)))))
    }
}

/// Watches descriptors. Has no handler for texts.
#[derive(Default)]
struct Watcher {
    sources: Vec<Source>,
    watched: Vec<i32>,
    asker: Option<ActorAddress>,
    renews: bool,
    drains: bool,
    on_exit: Vec<Deed>,
}

#[actor]
impl Watcher {
    fn deeds(&mut self, deeds: &Deeds, ctx: &mut Context<'_>) -> Handled {
        self.asker = Some(ctx.sender());
        self.perform(&deeds.0, ctx)
    }

    fn ready(&mut self, watch: &WatchMessage, ctx: &mut Context<'_>) -> Handled {
        let which: Vec<usize> = watch.ready.iter().map(|number| self.source(*number)).collect();
        if self.drains {
            for source in &which {
                let mut watched = self.sources[*source].watched.as_ref().ok_or_else(not_here)?;
                let _ = watched.read(&mut [0; 64])?;
            }
        }
        self.tell(Ready { which, by: ctx.sender() }, ctx);
        self.next_watch()
    }

    /// One that it sent itself is followed by the next; any other is answered.
    fn number(&mut self, number: &u64, ctx: &mut Context<'_>) -> Handled {
        ctx.send(&ctx.sender(), *number);
        self.next_watch()
    }

    fn wake(&mut self, _: &WakeupMessage, ctx: &mut Context<'_>) -> Handled {
        self.tell("awake", ctx);
        self.next_watch()
    }

    fn exit(&mut self, _: &ActorExitRequest, ctx: &mut Context<'_>) -> Handled {
        let deeds = std::mem::take(&mut self.on_exit);
        self.perform(&deeds, ctx)
    }

    /// The open source with this descriptor.
    #[helper]
    fn source(&self, number: i32) -> usize {
        let is_it = |source: &Source| source.watched.is_some() && source.number == number;
        self.sources.iter().position(is_it).unwrap_or(usize::MAX)
    }

    #[helper]
    fn tell(&self, message: impl IntoMessage, ctx: &mut Context<'_>) {
        if let Some(asker) = &self.asker {
            ctx.send(asker, message);
        }
    }

    #[helper]
    fn next_watch(&self) -> Handled {
        Ok(if self.renews { Flow::watch(self.watched.clone()) } else { Flow::Done })
    }

    #[helper]
    fn perform(&mut self, deeds: &[Deed], ctx: &mut Context<'_>) -> Handled {
        let mut watches = self.renews;
        for deed in deeds {
            self.do_this(deed, ctx)?;
            watches |= matches!(deed, Deed::Watch(_) | Deed::WatchNumbers(_) | Deed::Renew);
        }
        Ok(if watches { Flow::watch(self.watched.clone()) } else { Flow::Done })
    }

    #[helper]
    fn do_this(&mut self, deed: &Deed, ctx: &mut Context<'_>) -> Result<(), Failure> {
        match deed {
            Deed::Pair => self.sources.push(Source::pair()?),
            Deed::File => self.sources.push(Source::new(File::open("/proc/self/exe")?, None)),
            Deed::Listen => {
                let listener = TcpListener::bind(("127.0.0.1", 0))?;
                self.tell(listener.local_addr()?.port(), ctx);
                self.sources.push(Source::new(listener, None));
            }
            Deed::Connect(port) => {
                self.sources.push(Source::new(TcpStream::connect(("127.0.0.1", *port))?, None));
                self.tell(*port, ctx);
            }
            Deed::Write(which) => {
                let mut end = self.sources[*which].other_end.as_ref().ok_or_else(not_here)?;
                end.write_all(b"!")?;
            }
            Deed::End(which) => drop(self.sources[*which].other_end.take()),
            Deed::Close(which) => drop(self.sources[*which].watched.take()),
            Deed::CloseBehind(first, second, third) => {
                let mut awaited = self.sources[*first].watched.take().ok_or_else(not_here)?;
                let closed = self.sources[*second].watched.take();
                let mut written = self.sources[*third].other_end.take().ok_or_else(not_here)?;
                std::thread::spawn(move || {
                    let _ = awaited.read(&mut [0]);
                    drop(closed);
                    let _ = written.write_all(b"!");
                });
            }
            Deed::Watch(which) => {
                self.watched = which.iter().map(|which| self.sources[*which].number).collect();
            }
            Deed::WatchNumbers(numbers) => self.watched.extend(numbers),
            Deed::Renew => self.renews = true,
            Deed::Drain => self.drains = true,
            Deed::Chatter => ctx.send(&ctx.my_address(), 0_u64),
            Deed::Wakeup => ctx.wakeup_after(Duration::ZERO),
            Deed::OnExit(deeds) => self.on_exit.clone_from(deeds),
            Deed::Fail => return Err(Failure::new("told to fail")),
        }
        Ok(())
    }
}

fn not_here() -> Failure {
    Failure::new("this end of the descriptor is not here")
}

/// The same with a handler for whatever has none.
#[derive(Default)]
struct CarefulWatcher {
    watcher: Watcher,
}

#[actor(extends = watcher)]
impl CarefulWatcher {
    #[unrecognized]
    fn anything_else(&mut self, _: &AnyMessage, _: &mut Context<'_>) -> Handled {
        self.watcher.next_watch()
    }
}

/// A watcher, and whoever gives it orders.
struct Client<'a> {
    stage: &'a Stage<'a>,
    private: Private,
    watcher: ActorAddress,
}

impl<'a> Client<'a> {
    fn new(stage: &'a Stage<'a>) -> Client<'a> {
        Client::of::<Watcher>(stage)
    }

    fn of<A: Actor<Start = ()>>(stage: &'a Stage<'a>) -> Client<'a> {
        Client { stage, private: stage.private().expect("an endpoint"), watcher: stage.actor::<A>() }
    }

    fn order(&self, deeds: impl Into<Vec<Deed>>) {
        self.private.tell(&self.watcher, Deeds(deeds.into())).expect("the order is sent");
    }

    /// The next message to this client, which is to be of this type.
    fn take<M: Message>(&self) -> M {
        self.private.listen(SOON).expect("the system is up").take().expect("a message of this type")
    }

    /// What the watcher is told that it can read.
    fn ready(&self) -> Vec<usize> {
        self.take::<Ready>().which
    }

    fn number(&self, number: u64) -> u64 {
        self.private.tell(&self.watcher, number).expect("the number is sent");
        self.take()
    }

    /// Nothing comes, not even later.
    fn nothing(&self) {
        self.stage.settle();
        let answer = self.private.listen(0).expect("the system is up");
        assert!(answer.is_timed_out(), "{answer:?}");
    }

    /// Has the watcher listen, as its descriptor 0, and returns where.
    fn listening(&self) -> u16 {
        self.order([Deed::Listen]);
        self.take()
    }

    /// Waits until the watcher has handled so many messages, without a handler call of it.
    fn await_handled(&self, count: u64) {
        self.stage.eventually("the messages are handled", || {
            let status: ActorStatus = self.stage.request(&self.watcher, StatusReq, SOON).expect("a status");
            status.counters.handled >= count
        });
    }
}

/// Makes a socket readable that listens there, without a handler call of its owner.
fn connect(stage: &Stage<'_>, port: u16) {
    let other = Client::new(stage);
    other.order([Deed::Connect(port)]);
    assert_eq!(other.take::<u16>(), port);
}

pub(crate) fn the_capability_says_whether_descriptors_are_watched(ground: &Ground<'_>) {
    let stage = ground.system();
    let is_supported = ground.can(Ability::Watch);
    let capabilities = stage.capabilities().expect("up");
    assert_eq!(capabilities.get("Thespian Watch Supported"), Some(&Value::from(is_supported)));
    let client = Client::new(&stage);
    client.order([Deed::Pair, Deed::Write(0), Deed::Watch(vec![0])]);
    if is_supported {
        assert_eq!(client.ready(), [0]);
    }
    client.nothing();
}

pub(crate) fn a_readable_descriptor_brings_one_message(ground: &Ground<'_>) {
    let stage = ground.system();
    let client = Client::new(&stage);
    let port = client.listening();
    client.order([Deed::Watch(vec![0])]);
    client.nothing();
    connect(&stage, port);
    assert_eq!(client.ready(), [0]);
    // It can still be read, but is not watched any more.
    client.nothing();
}

pub(crate) fn what_is_readable_already_is_told_at_once(ground: &Ground<'_>) {
    let stage = ground.system();
    let client = Client::new(&stage);
    client.order([Deed::Pair, Deed::Write(0), Deed::Watch(vec![0]), Deed::Renew]);
    // As long as nobody reads it, each watch brings a message.
    for _ in 0..3 {
        assert_eq!(client.ready(), [0]);
    }
}

pub(crate) fn of_several_descriptors_the_readable_ones_are_told(ground: &Ground<'_>) {
    let stage = ground.system();
    let client = Client::new(&stage);
    let pairs = std::iter::repeat_n(Deed::Pair, 100).collect::<Vec<_>>();
    client.order(pairs);
    let mut expected = vec![3, 50, 99];
    let mut deeds = vec![Deed::Drain, Deed::Renew, Deed::Watch((0..100).collect())];
    deeds.extend(expected.iter().map(|which| Deed::Write(*which)));
    client.order(deeds);
    // They are read when they are told, so each is told once, with others or alone.
    while !expected.is_empty() {
        let ready = client.ready();
        assert!(!ready.is_empty() && ready.iter().all(|which| expected.contains(which)), "{ready:?}");
        expected.retain(|which| !ready.contains(which));
    }
    client.nothing();
}

pub(crate) fn the_message_comes_from_the_actor_itself(ground: &Ground<'_>) {
    let stage = ground.system();
    let client = Client::new(&stage);
    client.order([Deed::Pair, Deed::Write(0), Deed::Watch(vec![0])]);
    assert_eq!(client.take::<Ready>(), Ready { which: vec![0], by: client.watcher });
}

pub(crate) fn a_watch_holds_until_the_next_message(ground: &Ground<'_>) {
    let stage = ground.system();
    let client = Client::new(&stage);
    let port = client.listening();
    client.order([Deed::Watch(vec![0])]);
    assert_eq!(client.number(1), 1);
    connect(&stage, port);
    client.nothing();
    client.order([Deed::Watch(vec![0])]);
    assert_eq!(client.ready(), [0]);
}

pub(crate) fn a_wakeup_ends_a_watch_too(ground: &Ground<'_>) {
    let stage = ground.system();
    let client = Client::new(&stage);
    let port = client.listening();
    client.order([Deed::Watch(vec![0]), Deed::Wakeup]);
    assert_eq!(client.take::<String>(), "awake");
    connect(&stage, port);
    client.nothing();
}

pub(crate) fn the_latest_watch_replaces_the_one_before(ground: &Ground<'_>) {
    let stage = ground.system();
    let client = Client::new(&stage);
    client.order([Deed::Pair, Deed::Pair, Deed::Watch(vec![0])]);
    client.order([Deed::Write(0), Deed::Write(1), Deed::Watch(vec![1])]);
    assert_eq!(client.ready(), [1]);
    client.order([Deed::Watch(Vec::new())]);
    client.nothing();
}

pub(crate) fn messages_and_wakeups_go_on_while_descriptors_are_watched(ground: &Ground<'_>) {
    let stage = ground.system();
    let client = Client::new(&stage);
    let port = client.listening();
    client.order([Deed::Watch(vec![0]), Deed::Renew, Deed::Wakeup]);
    assert_eq!(client.take::<String>(), "awake");
    for number in 1..100 {
        assert_eq!(client.number(number), number);
    }
    connect(&stage, port);
    assert_eq!(client.ready(), [0]);
}

pub(crate) fn an_actor_that_always_has_messages_hears_of_its_descriptors(ground: &Ground<'_>) {
    let stage = ground.system();
    let client = Client::new(&stage);
    client.order([Deed::Pair, Deed::Renew, Deed::Drain, Deed::Watch(vec![0]), Deed::Chatter]);
    for _ in 0..3 {
        client.order([Deed::Write(0)]);
        assert_eq!(client.ready(), [0]);
    }
}

pub(crate) fn descriptors_that_are_not_open_are_ignored(ground: &Ground<'_>) {
    let stage = ground.system();
    let client = Client::new(&stage);
    client.order([Deed::Pair, Deed::Pair, Deed::Write(0), Deed::Write(1), Deed::Close(1)]);
    client.order([Deed::Watch(vec![1, 0]), Deed::WatchNumbers(vec![-1, 1_000_000, i32::MAX, i32::MIN])]);
    assert_eq!(client.ready(), [0]);
    client.order([Deed::Watch(vec![1])]);
    client.nothing();
    assert_eq!(client.number(1), 1);
}

pub(crate) fn a_descriptor_that_is_given_twice_is_told_once(ground: &Ground<'_>) {
    let stage = ground.system();
    let client = Client::new(&stage);
    client.order([Deed::Pair, Deed::Write(0), Deed::Watch(vec![0, 0, 0])]);
    assert_eq!(client.ready(), [0]);
    client.nothing();
}

pub(crate) fn a_descriptor_may_be_closed_while_it_is_watched(ground: &Ground<'_>) {
    let stage = ground.system();
    let client = Client::new(&stage);
    let port = client.listening();
    // A thread of the actor waits for this other one, which connects, and whose end it sees.
    let other = Client::new(&stage);
    other.order([Deed::Listen]);
    let others_port = other.take::<u16>();
    client.order([Deed::Connect(others_port)]);
    assert_eq!(client.take::<u16>(), others_port);
    client.order([Deed::Pair, Deed::CloseBehind(1, 0, 2), Deed::Watch(vec![0, 2])]);
    other.order([Deed::Close(0)]);
    assert_eq!(client.ready(), [2]);
    // The number is free for others, as which it can be watched.
    client.order([Deed::Pair, Deed::Pair, Deed::Write(3), Deed::Write(4), Deed::Watch(vec![3, 4])]);
    assert_eq!(client.ready(), [3, 4]);
    assert_ne!(port, others_port);
}

pub(crate) fn a_file_is_readable_at_once(ground: &Ground<'_>) {
    let stage = ground.system();
    let client = Client::new(&stage);
    client.order([Deed::File, Deed::Pair, Deed::Watch(vec![1, 0])]);
    assert_eq!(client.ready(), [0]);
    client.nothing();
    client.order([Deed::Watch(vec![0])]);
    assert_eq!(client.ready(), [0]);
}

pub(crate) fn the_end_of_a_stream_is_readable(ground: &Ground<'_>) {
    let stage = ground.system();
    let client = Client::new(&stage);
    client.order([Deed::Pair, Deed::Pair, Deed::End(0), Deed::Watch(vec![0, 1])]);
    assert_eq!(client.ready(), [0]);
}

pub(crate) fn a_message_without_a_handler_ends_the_watch(ground: &Ground<'_>) {
    let stage = ground.system();
    let client = Client::new(&stage);
    let port = client.listening();
    client.order([Deed::Watch(vec![0]), Deed::Renew]);
    client.private.tell(&client.watcher, "nobody takes this").expect("sent");
    client.await_handled(3);
    connect(&stage, port);
    client.nothing();
    // It is only not watched: whatever it handles gives the watch again.
    assert_eq!(client.number(1), 1);
    assert_eq!(client.ready(), [0]);
}

pub(crate) fn a_handler_for_what_has_none_keeps_the_watch(ground: &Ground<'_>) {
    let stage = ground.system();
    let client = Client::of::<CarefulWatcher>(&stage);
    let port = client.listening();
    client.order([Deed::Watch(vec![0]), Deed::Renew]);
    client.private.tell(&client.watcher, "somebody takes this").expect("sent");
    client.await_handled(3);
    connect(&stage, port);
    assert_eq!(client.ready(), [0]);
}

pub(crate) fn a_handler_that_fails_watches_nothing(ground: &Ground<'_>) {
    let stage = ground.system();
    let client = Client::new(&stage);
    client.order([Deed::Pair, Deed::Watch(vec![0]), Deed::Renew]);
    client.order([Deed::Write(0), Deed::Fail]);
    client.take::<PoisonMessage>();
    client.nothing();
    assert_eq!(client.number(1), 1);
    assert_eq!(client.ready(), [0]);
}

pub(crate) fn nothing_is_told_after_an_exit(ground: &Ground<'_>) {
    let stage = ground.system();
    let letters = stage.puppet();
    stage.order(&letters, [Step::HandleDeadLetters(true)]);
    let client = Client::new(&stage);
    let last = [Deed::Write(0), Deed::Watch(vec![0])];
    client.order([Deed::Pair, Deed::OnExit(last.into())]);
    client.private.tell(&client.watcher, ActorExitRequest::new()).expect("sent");
    stage.await_death(&client.watcher);
    client.nothing();
    let journal = stage.journal(&letters, 0);
    let of_a_watch = |what: &What| matches!(what, What::Dead { message, .. } if message.contains("WatchMessage"));
    assert!(!journal.iter().any(|entry| of_a_watch(&entry.what)), "{journal:?}");
}
