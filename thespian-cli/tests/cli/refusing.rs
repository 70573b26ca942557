//! What cannot be done, and the codes that say so.

use std::fs;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use socket2::{Domain, Socket, Type};

use crate::kit::{Ended, Stage, Stopped, command, folder};

const COMMANDS: [&str; 5] = ["status", "actors", "ping", "logs", "shutdown"];

pub(crate) fn nobody_there_is_3_and_no_system_is_started() {
    // Bound and not listening, so that nobody else gets it meanwhile.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let port = socket.local_addr().unwrap().as_socket().unwrap().port();
    let folder = folder();
    for name in COMMANDS {
        let ended = Ended::of(command(port).arg(name).arg("--secret-file").arg(folder.join("secret")));
        ended.refused(3, &[&format!("127.0.0.1:{port}"), "nobody is there", "start a system", "--port"]);
    }
    fs::remove_dir_all(folder).unwrap();
}

pub(crate) fn another_secret_is_4() {
    let stage = Stage::new();
    let other = stage.folder.join("other");
    for name in COMMANDS {
        let ended = Ended::of(command(stage.port).arg(name).arg("--secret-file").arg(&other));
        ended.refused(4, &["has another secret"]);
    }
}

pub(crate) fn a_program_that_is_no_actor_system_is_4() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let folder = folder();
    let program = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"220 mail.example ESMTP ready, and a little more to say\r\n").unwrap();
        // Until the other side has had enough.
        io::copy(&mut stream, &mut io::sink()).ok();
    });
    let ended = Ended::of(command(port).arg("status").arg("--secret-file").arg(folder.join("secret")));
    ended.refused(4, &["no actor system", "choose another place"]);
    program.join().unwrap();
    fs::remove_dir_all(folder).unwrap();
}

pub(crate) fn an_admin_that_hangs_is_5() {
    let stage = Stage::new();
    let stopped = Stopped::new(stage.admin());
    stage.run(&["ping"]).refused(5, &["said nothing within"]);
    drop(stopped);
    assert_eq!(stage.run(&["ping", "-c", "1"]).code, 0);
}

pub(crate) fn a_wrong_command_line_is_2() {
    let lines: [(&[&str], &str); 7] = [
        (&[], "Usage: thespian"),
        (&["explode"], "unrecognized subcommand 'explode'"),
        (&["status", "--port", "0"], "'--port <N>'"),
        (&["status", "--port", "65536"], "'--port <N>'"),
        (&["status", "--timeout", "soon"], "must be a number of seconds"),
        (&["ping", "--count", "0"], "'--count <N>'"),
        (&["actors", "--interval=-1"], "must be a number of seconds"),
    ];
    for (arguments, text) in lines {
        Ended::of(command(1900).args(arguments)).refused(2, &[text]);
    }
    let mut command = command(1900);
    command.arg("status").env("THESPIAN_ADMIN_PORT", "many");
    Ended::of(&mut command).refused(2, &["'--port <N>'"]);
}
