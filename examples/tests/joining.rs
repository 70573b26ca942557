//! `leave` and `join`: a system that outlives the program that started it.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod kit;

use std::fs;
use std::process::{Command, Output, Stdio};

use kit::Scratch;

/// Whether it ended well, and what it printed.
fn run(program: &str, scratch: &Scratch, arguments: &[&str]) -> (bool, String, String) {
    let mut command = Command::new(program);
    command.args(arguments).env("THESPIAN_SECRET_FILE", scratch.path().join("secret"));
    // Were the system not detached, it would keep these pipes open, and this would never return.
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().unwrap();
    (status.success(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// Ends the system also where the test fails.
struct Ended<'a> {
    scratch: &'a Scratch,
    port: &'a str,
}

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        run(env!("CARGO_BIN_EXE_join"), self.scratch, &["x", "--shutdown", "--port", self.port]);
    }
}

#[test]
fn a_system_that_was_left_running_is_joined_by_one_program_after_another() {
    let scratch = Scratch::new();
    let log = scratch.write("log", "");
    let leave = |port: &str| {
        run(env!("CARGO_BIN_EXE_leave"), &scratch, &["--port", port, "--log", log.to_str().unwrap()])
    };
    let (left, said, problem) = leave("0");
    assert!(left, "{problem}");
    let port = said.trim().strip_prefix("a guestbook is at Admin Port ").unwrap();
    let _ended = Ended { scratch: &scratch, port };
    let join = |arguments: &[&str]| {
        run(env!("CARGO_BIN_EXE_join"), &scratch, &[arguments, &["--port", port]].concat())
    };
    let ok = |said: &str| (true, said.to_string(), String::new());
    assert_eq!(join(&["Ada"]), ok("Ada was here\n"));
    assert_eq!(join(&["Grace"]), ok("Ada was here\nGrace was here\n"));
    // Leaving it once more changes nothing.
    assert_eq!(leave(port), ok(&said));
    assert_eq!(join(&["Lynn", "--shutdown"]), ok("Ada was here\nGrace was here\nLynn was here\n"));
    // It has ended, and so has the log.
    let log = fs::read_to_string(&log).unwrap();
    assert!(["Ada", "Grace", "Lynn"].iter().all(|name| log.contains(&format!("{name} signs\n"))), "{log}");
    let (joined, said, problem) = join(&["Ada"]);
    assert_eq!((joined, said.as_str()), (false, ""));
    let expected =
        format!("join: multiprocTCPBase cannot join what is at 127.0.0.1:{port}: nobody is there: ");
    assert!(
        problem.starts_with(&expected) && problem.ends_with("; the program leave does it\n"),
        "{problem}"
    );
}
