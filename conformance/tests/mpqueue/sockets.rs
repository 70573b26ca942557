//! What goes by the sockets of this base: who may use them, how many there are, and what a death in the middle of a message
//! does.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::{Uid, geteuid, seteuid};
use serde::{Deserialize, Serialize};
use thespian_conformance::processes::{
    Process, ProcessScenario, Processes, actors, eventually, note, pid_of,
};
use thespian_core::transport::{DownReason, Identity, Locator, PortEvent, Role, Transport};
use thespian_core::{ActorAddress, Bytes, Capabilities, Context, Handled, Limits, Message, SystemId, actor};
use thespian_mpqueue::{MpQueue, PortLimits};
use thespian_multiproc::Multiproc;
use thespian_transport::handshake::MAGIC;

use crate::bases::actors::{Doer, SOON, answers, ask};
use crate::starter::{names, sockets};

pub(crate) const SCENARIOS: &[ProcessScenario] = &[
    ("sockets::another_user_is_not_heard", another_user_is_not_heard),
    ("sockets::a_listener_of_another_user_is_not_talked_to", a_listener_of_another_user_is_not_talked_to),
    ("sockets::whoever_has_no_secret_is_not_heard", whoever_has_no_secret_is_not_heard),
    ("sockets::no_pair_holds_a_descriptor_for_ever", no_pair_holds_a_descriptor_for_ever),
    ("sockets::a_death_amid_a_message_harms_nobody_else", a_death_amid_a_message_harms_nobody_else),
];

pub(crate) const PROGRAMS: &[ProcessScenario] =
    &[("program::other_user", other_user), ("program::impostor", impostor)];

/// Somebody without rights.
const NOBODY: Uid = Uid::from_raw(65534);

fn is_root() -> bool {
    let is_root = geteuid().is_root();
    if !is_root {
        note("only root can be another user: nothing is shown here");
    }
    is_root
}

fn address(name: &str) -> SocketAddr {
    SocketAddr::from_abstract_name(name.trim_start_matches('@')).expect("a name")
}

/// Connects to the socket with this name, says something, and listens to the answer.
fn answer(name: &str) -> Vec<u8> {
    let mut stream = UnixStream::connect_addr(&address(name)).expect("anybody can connect");
    stream.set_read_timeout(Some(SOON)).expect("a time");
    // It may be closed by now, which is what it is for.
    let _ = stream.write_all(&MAGIC);
    let mut heard = Vec::new();
    let _ = stream.read_to_end(&mut heard);
    heard
}

/// Is another user, and connects to the socket that it is told.
fn other_user(ground: &Processes) {
    seteuid(NOBODY).expect("it is root");
    assert_eq!(answer(&ground.argument()), b"");
}

fn another_user_is_not_heard(ground: &Processes) {
    if !is_root() {
        return;
    }
    let system = ground.system();
    let actor = system.create_actor::<Doer>().expect("created");
    assert!(answers(&system, &actor));
    // The admin's, the actor's and this program's.
    for name in names() {
        let mut other = ground.program("program::other_user", &name);
        assert!(other.wait().expect("it ends").success(), "{name}");
    }
    assert!(answers(&system, &actor));
    system.shutdown().expect("down");
}

/// Is another user, and listens under the name that it is told.
fn impostor(ground: &Processes) {
    seteuid(NOBODY).expect("it is root");
    let listener = UnixListener::bind_addr(&address(&ground.argument())).expect("a name");
    writeln!(std::io::stdout(), "listening").expect("said");
    let (mut stream, _) = listener.accept().expect("somebody comes");
    let mut heard = Vec::new();
    let _ = stream.read_to_end(&mut heard);
    // Whoever came saw who listens, and said nothing.
    assert_eq!(heard, b"");
}

fn a_listener_of_another_user_is_not_talked_to(ground: &Processes) {
    if !is_root() {
        return;
    }
    let name = format!("@thespian-{:032x}", u128::from(std::process::id()));
    let mut impostor = ground.program("program::impostor", &name);
    let mut said = String::new();
    let output = impostor.stdout.take().expect("it is piped");
    BufReader::new(output).read_line(&mut said).expect("it says so");
    let mut queue = MpQueue::default();
    queue.configure(&mut Capabilities::new(), &Limits::default()).expect("configured");
    let identity = Identity { system: SystemId::from_bits(1), role: Role::Host };
    let mut port = queue.open(identity).expect("open");
    port.connect(&Locator::new(name));
    let mut down = None;
    while down.is_none() {
        port.wait(Some(SOON), &mut |event| {
            if let PortEvent::Down { reason, .. } = event {
                down = Some(reason);
            }
        });
    }
    assert_eq!(down, Some(DownReason::Stranger));
    assert!(impostor.wait().expect("it ends").success());
}

fn whoever_has_no_secret_is_not_heard(ground: &Processes) {
    let system = ground.system();
    let actor = system.create_actor::<Doer>().expect("created");
    assert!(answers(&system, &actor));
    // A client of this user, with a secret of its own: it has the right words, and the wrong proof.
    let mut other = MpQueue::default();
    other.configure(&mut Capabilities::new(), &Limits::default()).expect("configured");
    for name in names() {
        let joined = other.attach(Some(&Locator::new(name.clone())));
        assert!(joined.is_err(), "{name}");
    }
    assert!(answers(&system, &actor));
    system.shutdown().expect("down");
}

/// Greets all of these.
#[derive(Clone, Serialize, Deserialize, Message)]
struct Greet(Vec<ActorAddress>);

/// Asks how many greetings have come.
#[derive(Serialize, Deserialize, Message)]
struct HowMany;

#[derive(Default)]
struct Talker {
    greetings: u64,
}

#[actor]
impl Talker {
    fn greet(&mut self, greet: &Greet, ctx: &mut Context<'_>) {
        for other in &greet.0 {
            ctx.send(other, "hello");
        }
    }

    fn greeting(&mut self, _: &String, _: &mut Context<'_>) {
        self.greetings += 1;
    }

    fn how_many(&mut self, _: &HowMany, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(self.greetings)
    }
}

fn no_pair_holds_a_descriptor_for_ever(ground: &Processes) {
    const COUNT: usize = 80;
    /// What a process has beside its connections, such as the listener, the control channel, and what signals are noted by.
    const BESIDE: usize = 16;
    let limits = PortLimits { idle: Duration::from_secs(1), ..PortLimits::default() };
    let base = Multiproc::new(MpQueue::default().limits(limits));
    let method = ground.method();
    let builder = ground.builder().base(base).capability("Process Startup Method", method);
    let system = builder.start().expect("starts");
    let talkers: Vec<ActorAddress> =
        (0..COUNT).map(|_| system.create_actor::<Talker>().expect("created")).collect();
    for round in 1..=2 {
        for talker in &talkers {
            system.tell(talker, Greet(talkers.clone())).expect("told");
        }
        let expected = round * COUNT as u64;
        assert!(eventually(SOON, || {
            talkers.iter().all(|talker| ask::<u64>(&system, talker, HowMany) == expected)
        }));
        let few = || {
            let most = actors().into_iter().map(|process| sockets(process.pid).len()).max();
            most.is_some_and(|most| most <= PortLimits::FEW + BESIDE)
        };
        assert!(eventually(SOON, few), "connections without use are kept");
    }
    system.shutdown().expect("down");
}

/// Sends so many messages of so many bytes.
#[derive(Serialize, Deserialize, Message)]
struct Pour {
    target: ActorAddress,
    count: usize,
    size: usize,
}

/// Takes what is poured, and looks whether all of it is there.
#[derive(Default)]
struct Basin {
    whole: u64,
    damaged: u64,
}

#[actor]
impl Basin {
    fn pour(&mut self, pour: &Pour, ctx: &mut Context<'_>) {
        for _ in 0..pour.count {
            ctx.send(&pour.target, Bytes(vec![7; pour.size]));
        }
    }

    fn poured(&mut self, Bytes(bytes): &Bytes, _: &mut Context<'_>) {
        let is_whole = bytes.len() == SIZE && bytes.iter().all(|byte| *byte == 7);
        *(if is_whole { &mut self.whole } else { &mut self.damaged }) += 1;
    }

    fn counted(&mut self, _: &HowMany, ctx: &mut Context<'_>) -> Handled {
        ctx.reply((self.whole, self.damaged))
    }

    fn text(&mut self, text: &String, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(text.clone())
    }
}

/// Bytes of a message that is under way for a while.
const SIZE: usize = 32 << 20;

fn a_death_amid_a_message_harms_nobody_else(ground: &Processes) {
    const COUNT: usize = 8;
    /// What has come when somebody is killed, in KiB: a part of the first message.
    const BEGUN: u64 = (SIZE / 1024 / 8) as u64;
    for kill_sender in [true, false] {
        let system = ground.system();
        let [sender, target, third] = [(); 3].map(|()| system.create_actor::<Basin>().expect("created"));
        assert!([sender, target, third].iter().all(|actor| answers(&system, actor)));
        let process = |actor: &ActorAddress| Process::of(pid_of(&system, actor).expect("it has one"));
        let (sending, taking) = (process(&sender), process(&target));
        let before = taking.memory();
        system.tell(&sender, Pour { target, count: COUNT, size: SIZE }).expect("told");
        assert!(eventually(SOON, || taking.memory() > before + BEGUN));
        let (killed, alive) = if kill_sender { (&sending, target) } else { (&taking, sender) };
        killed.signal(Signal::SIGKILL).expect("killed");
        // Whoever is left takes whole messages, from others too, and none that is not.
        system.tell(&third, Pour { target: alive, count: 1, size: SIZE }).expect("told");
        let counted = || ask::<(u64, u64)>(&system, &alive, HowMany);
        assert!(eventually(SOON, || counted().0 >= 1));
        let (whole, damaged) = counted();
        assert!(whole <= COUNT as u64 + 1 && damaged == 0, "{whole} whole, {damaged} damaged");
        system.shutdown().expect("down");
    }
}
