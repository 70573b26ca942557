//! What a program finds where it expected a system (decisions D32 and D33), and what does not fit into a datagram.

use std::net::UdpSocket;

use nix::sys::signal::Signal;
use thespian_conformance::processes::{LINGER, ProcessScenario, Processes, admins, eventually, of_this_run};
use thespian_core::{
    ActorAddress, ActorSystem, AttachProblem, Bytes, Context, Error, Handled, Message, PoisonMessage, actor,
};
use thespian_multiproc::Multiproc;
use thespian_udp::{ADMIN_PORT, LARGEST_MESSAGE, Udp};

use crate::bases::actors::answers;
use crate::bases::deaths::Family;
use crate::bases::ends::{join, port};

pub(crate) const SCENARIOS: &[ProcessScenario] = &[
    ("places::a_port_of_a_silent_program_is_named", a_port_of_a_silent_program_is_named),
    ("places::a_wrong_secret_is_named", a_wrong_secret_is_named),
    ("places::an_address_of_another_machine_is_named", an_address_of_another_machine_is_named),
    ("places::an_admin_that_stands_still_is_silent", an_admin_that_stands_still_is_silent),
    ("places::a_system_starts_where_another_has_just_ended", a_system_starts_where_another_has_just_ended),
    ("datagrams::the_largest_message_arrives", the_largest_message_arrives),
    ("datagrams::a_larger_message_comes_back_as_poison", a_larger_message_comes_back_as_poison),
];

/// What starting or joining a system at this port fails with.
fn problem(ground: &Processes, port: i64, joined: Result<ActorSystem, Error>) -> AttachProblem {
    match joined {
        Err(Error::AttachFailure { base, place, problem }) => {
            assert_eq!((base.as_str(), place), (ground.base(), format!("127.0.0.1:{port}")));
            problem
        }
        other => panic!("{other:?}"),
    }
}

fn nothing_is_left() {
    assert!(eventually(LINGER, || of_this_run().is_empty()), "{:?}", of_this_run());
}

fn a_port_of_a_silent_program_is_named(ground: &Processes) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = i64::from(socket.local_addr().expect("bound").port());
    let problem = problem(ground, port, join(ground, port));
    let AttachProblem::Silent { holder, .. } = &problem else { panic!("{problem}") };
    assert!(holder.contains(&std::process::id().to_string()), "{holder}");
    nothing_is_left();
}

fn a_wrong_secret_is_named(ground: &Processes) {
    let family = Family::new(ground);
    let stranger = Multiproc::new(Udp::default().secret("somebody else's secret, and long enough"));
    let joined = ground.builder().base(stranger).capability(ADMIN_PORT, port(&family.system)).start();
    let Err(Error::AttachFailure { problem: AttachProblem::WrongSecret { holder }, .. }) = joined else {
        panic!("{:?}", joined.map(|_| ()))
    };
    assert!(holder.contains(&admins()[0].pid.to_string()), "{holder}");
    assert!(answers(&family.system, &family.child));
    family.system.shutdown().expect("down");
}

fn an_address_of_another_machine_is_named(ground: &Processes) {
    // An address that is kept for documents.
    let base = Multiproc::new(Udp::default().bind([192, 0, 2, 1].into()));
    let Err(error) = ground.builder().base(base).start() else { panic!("it started") };
    assert!(matches!(error, Error::StartupFailure { .. }), "{error}");
    assert!(error.to_string().contains("192.0.2.1"), "{error}");
    nothing_is_left();
}

fn an_admin_that_stands_still_is_silent(ground: &Processes) {
    let system = ground.system();
    let port = port(&system);
    let admin = admins().remove(0);
    admin.signal(Signal::SIGSTOP).expect("sent");
    let problem = problem(ground, port, join(ground, port));
    admin.signal(Signal::SIGCONT).expect("sent");
    let AttachProblem::Silent { holder, .. } = &problem else { panic!("{problem}") };
    assert!(holder.contains(&admin.pid.to_string()), "{holder}");
    system.shutdown().expect("down");
}

/// Whoever has heard that a system is down finds its place free.
fn a_system_starts_where_another_has_just_ended(ground: &Processes) {
    let mut last = ground.system();
    let place = port(&last);
    for _ in 0..10 {
        last.shutdown().expect("down");
        last = join(ground, place).expect("the place is free");
        assert_eq!(port(&last), place);
    }
    last.shutdown().expect("down");
}

/// Asks for a message of so many bytes to be sent to the one who asks.
#[derive(serde::Serialize, serde::Deserialize, Message)]
struct Ask(u64);

/// How large the message was that came back.
#[derive(serde::Serialize, serde::Deserialize, Message)]
struct CameBack(u64, String);

/// Sends large messages.
#[derive(Default)]
struct Sender(Option<ActorAddress>);

#[actor]
impl Sender {
    fn ask(&mut self, ask: &Ask, ctx: &mut Context<'_>) -> Handled {
        self.0 = Some(ctx.sender());
        ctx.reply(Bytes(vec![7; ask.0 as usize]))
    }

    fn poison(&mut self, poison: &PoisonMessage, ctx: &mut Context<'_>) {
        let size = poison.message.downcast_ref::<Bytes>().map_or(0, |bytes| bytes.0.len());
        if let Some(asking) = &self.0 {
            ctx.send(asking, CameBack(size as u64, poison.details.clone()));
        }
    }
}

/// What bytes take beside themselves.
const LENGTH: u64 = 3;

fn the_largest_message_arrives(ground: &Processes) {
    let system = ground.system();
    let sender = system.create_actor::<Sender>().expect("created");
    let largest = LARGEST_MESSAGE as u64 - LENGTH;
    let bytes: Bytes = system.request(&sender, Ask(largest), LINGER).expect("an answer");
    assert_eq!(bytes.0.len() as u64, largest);
    system.tell(&sender, bytes).expect("it fits");
    system.shutdown().expect("down");
}

fn a_larger_message_comes_back_as_poison(ground: &Processes) {
    let system = ground.system();
    let sender = system.create_actor::<Sender>().expect("created");
    let larger = LARGEST_MESSAGE as u64 - LENGTH + 1;
    let CameBack(size, details) = system.request(&sender, Ask(larger), LINGER).expect("an answer");
    assert_eq!(size, larger);
    assert!(details.contains(&LARGEST_MESSAGE.to_string()), "{details}");
    let refused = system.tell(&sender, Bytes(vec![7; larger as usize]));
    assert!(matches!(refused, Err(Error::MessageTooLarge { limit: LARGEST_MESSAGE, .. })), "{refused:?}");
    system.shutdown().expect("down");
}
