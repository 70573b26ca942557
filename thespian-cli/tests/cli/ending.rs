//! `shutdown`.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use thespian_core::{ActorStatus, Limits, StatusReq};

use crate::kit::{Block, Ended, PATIENCE, Stage};

pub(crate) fn shutdown_ends_the_system_and_says_what_ended() {
    let stage = Stage::new();
    stage.puppet();
    stage.puppet();
    let ended = stage.run(&["shutdown"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
    let expected = format!("ended multiprocTCPBase at 127.0.0.1:{} with its 2 actors, in ", stage.port);
    assert!(ended.stdout.starts_with(&expected), "{ended:?}");
    assert!(stage.system.is_down());
    stage.run(&["status"]).refused(3, &["nobody is there"]);

    let stage = Stage::new();
    stage.puppet();
    let json = stage.json(&["shutdown"]);
    assert_eq!((&json["base"], &json["actors_ended"]), (&"multiprocTCPBase".into(), &1.into()));
    assert!(json["seconds"].is_f64());
}

pub(crate) fn a_system_on_udp_is_looked_at_and_ended() {
    let stage = Stage::udp();
    stage.puppet();
    // By TCP nobody is there.
    stage.run(&["status"]).refused(3, &["nobody is there"]);
    let json = stage.json(&["--base", "udp", "status"]);
    assert_eq!((&json["base"], &json["actor_count"]), (&"multiprocUDPBase".into(), &1.into()));
    let mut command = stage.command(&["shutdown"]);
    let ended = Ended::of(command.env("THESPIAN_BASE", "udp"));
    let expected = format!("ended multiprocUDPBase at 127.0.0.1:{} with its one actor, in ", stage.port);
    assert!(ended.stdout.starts_with(&expected), "{ended:?}");
    stage.run(&["--base", "udp", "status"]).refused(3, &["nobody is there"]);
}

pub(crate) fn a_shutdown_that_takes_longer_is_left_to_itself() {
    let stage =
        Stage::with(|builder, _| builder.limits(Limits { shutdown_grace: PATIENCE, ..Limits::default() }));
    let puppet = stage.puppet();
    stage.system.tell(&puppet, Block).unwrap();
    let status = || stage.system.request::<ActorStatus>(&puppet, StatusReq, PATIENCE).unwrap();
    while status().busy_since.is_none() {}
    let pid = status().pid.unwrap();
    let begin = Instant::now();
    let texts = ["has not ended within 200ms", "--timeout", "thespian admin"];
    stage.run(&["shutdown", "--timeout", "0.2"]).refused(5, &texts);
    assert!(begin.elapsed() < PATIENCE - Duration::from_secs(10));
    // It is on its way down, and takes nobody in any more.
    stage.run(&["status"]).refused(4, &["is shutting down: try again in a moment"]);
    // Whoever asks for the same waits for it.
    stage.run(&["shutdown", "--timeout", "0.2"]).refused(5, &["has not ended within 200ms"]);
    let mut second =
        stage.command(&["shutdown"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(second.stderr.take().unwrap()).read_line(&mut said).unwrap();
    assert!(said.contains("is shutting down already"), "{said}");
    // It ends as soon as it can.
    kill(nix::unistd::Pid::from_raw(pid as i32), Signal::SIGKILL).unwrap();
    stage.system.shutdown().unwrap();
    assert_eq!(second.wait().unwrap().code(), Some(0));
}
