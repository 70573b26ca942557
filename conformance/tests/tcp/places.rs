//! What a program finds where it expected a system (decisions D32 and D33).

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::signal::Signal;
use thespian_conformance::processes::{LINGER, ProcessScenario, Processes, admins, eventually, of_this_run};
use thespian_core::transport::{Identity, Role, Transport};
use thespian_core::{ActorSystem, AttachProblem, Capabilities, Error, Limits, SystemId};
use thespian_multiproc::Multiproc;
use thespian_tcp::{ADMIN_PORT, Tcp};
use thespian_transport::handshake;

use crate::bases::actors::answers;
use crate::bases::deaths::Family;
use crate::bases::ends::{join, port};

pub(crate) const SCENARIOS: &[ProcessScenario] = &[
    ("places::a_port_of_another_program_is_named", a_port_of_another_program_is_named),
    ("places::a_port_of_a_silent_program_is_named", a_port_of_a_silent_program_is_named),
    ("places::a_wrong_secret_is_named", a_wrong_secret_is_named),
    ("places::an_address_of_another_machine_is_named", an_address_of_another_machine_is_named),
    ("places::a_system_on_another_base_is_named", a_system_on_another_base_is_named),
    ("places::a_system_of_another_version_is_named", a_system_of_another_version_is_named),
    ("places::a_system_of_another_user_is_named", a_system_of_another_user_is_named),
    ("places::an_admin_that_stands_still_is_silent", an_admin_that_stands_still_is_silent),
    ("places::an_admin_that_never_greets_is_told_as_such", an_admin_that_never_greets_is_told_as_such),
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

/// A program that takes one connection, reads what that begins with, and answers this.
fn impostor(answer: impl FnOnce(Vec<u8>) -> Vec<u8> + Send + 'static) -> (i64, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = i64::from(listener.local_addr().expect("bound").port());
    let serve = move |mut stream: TcpStream| {
        let mut said = [0; 1000];
        let count = stream.read(&mut said).expect("a hello");
        stream.write_all(&answer(said[..count].to_vec())).expect("answered");
        let _ = stream.read_to_end(&mut Vec::new());
    };
    (port, std::thread::spawn(move || serve(listener.accept().expect("somebody comes").0)))
}

fn nothing_is_left() {
    assert!(eventually(LINGER, || of_this_run().is_empty()), "{:?}", of_this_run());
}

fn a_port_of_another_program_is_named(ground: &Processes) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = i64::from(listener.local_addr().expect("bound").port());
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody comes");
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        let _ = stream.read_to_end(&mut Vec::new());
        // Kept until then: what is refused is named by who has the port.
        listener
    });
    let problem = problem(ground, port, join(ground, port));
    let AttachProblem::Foreign { holder } = &problem else { panic!("{problem}") };
    assert!(holder.contains(&std::process::id().to_string()), "{holder}");
    drop(answering.join().expect("answered"));
    nothing_is_left();
}

fn a_port_of_a_silent_program_is_named(ground: &Processes) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = i64::from(listener.local_addr().expect("bound").port());
    let problem = problem(ground, port, join(ground, port));
    let AttachProblem::Silent { holder, .. } = &problem else { panic!("{problem}") };
    assert!(holder.contains(&std::process::id().to_string()), "{holder}");
    nothing_is_left();
}

fn a_wrong_secret_is_named(ground: &Processes) {
    let family = Family::new(ground);
    let stranger = Multiproc::new(Tcp::default().secret("somebody else's secret, and long enough"));
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
    let base = Multiproc::new(Tcp::default().bind([192, 0, 2, 1].into()));
    let Err(error) = ground.builder().base(base).start() else { panic!("it started") };
    assert!(matches!(error, Error::StartupFailure { .. }), "{error}");
    assert!(error.to_string().contains("192.0.2.1"), "{error}");
    nothing_is_left();
}

fn a_system_on_another_base_is_named(ground: &Processes) {
    // It says of itself what this program does, but for its base, and that it is the accepting side.
    let (port, server) = impostor(|mut hello| {
        let at = hello.windows(12).position(|part| part == b"multiprocTCP").expect("its base");
        hello[at + 9..at + 12].copy_from_slice(b"UDP");
        hello[handshake::MAGIC.len() + 4 + 3] = 1;
        hello
    });
    let problem = problem(ground, port, join(ground, port));
    assert_eq!(problem, AttachProblem::OtherBase { base: "multiprocUDPBase".into() });
    server.join().expect("answered");
    nothing_is_left();
}

fn a_system_of_another_version_is_named(ground: &Processes) {
    let (port, server) = impostor(|_| [&handshake::MAGIC[..], &[7, 0, 9, 0]].concat());
    let problem = problem(ground, port, join(ground, port));
    assert_eq!(problem, AttachProblem::OtherVersion { theirs: (7, 9), ours: handshake::VERSIONS });
    server.join().expect("answered");
    nothing_is_left();
}

fn a_system_of_another_user_is_named(ground: &Processes) {
    let system = ground.system();
    let port = port(&system);
    // Another user has another file with another secret.
    let other = Tcp::default().secret_file(ground.folder().join("secret"));
    let joined = ground.builder().base(Multiproc::new(other)).capability(ADMIN_PORT, port).start();
    let problem = problem(ground, port, joined);
    let AttachProblem::WrongSecret { holder } = &problem else { panic!("{problem}") };
    let (admin, user) = (admins()[0].pid, nix::unistd::getuid());
    assert!(holder.starts_with(&format!("process {admin} (")), "{holder}");
    assert!(holder.ends_with(&format!(" of user {user}")), "{holder}");
    system.shutdown().expect("down");
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
    assert!(!join(ground, port).expect("joined").is_down());
    system.shutdown().expect("down");
}

fn an_admin_that_never_greets_is_told_as_such(ground: &Processes) {
    // One that takes clients in as it should, and then hears nothing that they say.
    let mut tcp = Tcp::default();
    let mut capabilities = Capabilities::new();
    capabilities.set(ADMIN_PORT, 0);
    tcp.configure(&mut capabilities, &Limits::default()).expect("configured");
    let identity = Identity { system: SystemId::from_bits(1), role: Role::Admin };
    let mut admin = tcp.open_admin(identity).expect("open");
    let place = admin.locator();
    let port: i64 = place.as_str().rsplit(':').next().expect("a port").parse().expect("a number");
    let ended = Arc::new(AtomicBool::new(false));
    let (waker, over) = (admin.waker(), ended.clone());
    let server = std::thread::spawn(move || {
        while !over.load(Ordering::SeqCst) {
            admin.wait(None, &mut |_| {});
        }
    });
    let patience = Duration::from_millis(200);
    let base = || Multiproc::new(Tcp::default()).greeting(patience);
    let joined = ground.builder().base(base()).capability(ADMIN_PORT, port).attach();
    assert_eq!(problem(ground, port, joined), AttachProblem::Unwelcoming { waited: patience });
    // A start does not take it for nobody.
    let joined = ground.builder().base(base()).capability(ADMIN_PORT, port).start();
    assert_eq!(problem(ground, port, joined), AttachProblem::Unwelcoming { waited: patience });
    ended.store(true, Ordering::SeqCst);
    waker.wake();
    server.join().expect("over");
    nothing_is_left();
}
