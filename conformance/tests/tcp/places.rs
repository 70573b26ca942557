//! What a program finds where it expected a system (decisions D32 and D33).

use std::io::{Read, Write};
use std::net::TcpListener;

use thespian_conformance::processes::{LINGER, ProcessScenario, Processes, admins, eventually, of_this_run};
use thespian_core::{AttachProblem, Error};
use thespian_multiproc::Multiproc;
use thespian_tcp::{ADMIN_PORT, Tcp};

use crate::bases::actors::answers;
use crate::bases::deaths::Family;
use crate::bases::ends::{join, port};

pub(crate) const SCENARIOS: &[ProcessScenario] = &[
    ("places::a_port_of_another_program_is_named", a_port_of_another_program_is_named),
    ("places::a_port_of_a_silent_program_is_named", a_port_of_a_silent_program_is_named),
    ("places::a_wrong_secret_is_named", a_wrong_secret_is_named),
    ("places::an_address_of_another_machine_is_named", an_address_of_another_machine_is_named),
];

/// What a start says where this is the admin's port.
fn problem_at(ground: &Processes, port: i64) -> AttachProblem {
    match join(ground, port) {
        Err(Error::AttachFailure { base, place, problem }) => {
            assert_eq!(base, ground.base());
            assert!(place.ends_with(&port.to_string()), "{place}");
            problem
        }
        other => panic!("{other:?}", other = other.map(|_| ())),
    }
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
    let problem = problem_at(ground, port);
    let AttachProblem::Foreign { holder } = &problem else { panic!("{problem}") };
    assert!(holder.contains(&std::process::id().to_string()), "{holder}");
    drop(answering.join().expect("answered"));
    assert!(eventually(LINGER, || of_this_run().is_empty()), "{:?}", of_this_run());
}

fn a_port_of_a_silent_program_is_named(ground: &Processes) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let problem = problem_at(ground, i64::from(listener.local_addr().expect("bound").port()));
    let AttachProblem::Silent { holder, .. } = &problem else { panic!("{problem}") };
    assert!(holder.contains(&std::process::id().to_string()), "{holder}");
    assert!(eventually(LINGER, || of_this_run().is_empty()), "{:?}", of_this_run());
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
    assert!(eventually(LINGER, || of_this_run().is_empty()), "{:?}", of_this_run());
}
