//! What is logged.

use std::sync::{Mutex, Once};

use log::{LevelFilter, Log, Metadata, Record};
use thespian_core::{ActorAddress, AnyMessage};
use thespian_runcommand::{Command, CommandLog, LogLevel, Logger};

use crate::ground::Ground;

/// The lines that are logged of a command, those that matter marked by an exclamation mark.
fn logged(ground: &mut Ground, command: impl FnOnce(ActorAddress) -> Command) -> Vec<String> {
    let command = command(ground.watcher());
    let is_silent = command.logger == Logger::Silent;
    ground.tell(command);
    let (_, seen) = ground.result_and(|_, seen| is_silent || seen.last().is_some_and(is_of_the_end));
    let line = |log: &CommandLog| match log.level {
        LogLevel::Info => log.message.clone(),
        LogLevel::Error => format!("! {}", log.message),
    };
    seen.iter().map(|message| line(message.downcast_ref().expect("a line of the log"))).collect()
}

/// Whether a message is the line of the log that says how a command has ended.
fn is_of_the_end(message: &AnyMessage) -> bool {
    let line = message.downcast_ref::<CommandLog>().map(|log| log.message.as_str());
    line.is_some_and(|line| line.ends_with(" completed successfully") || line.contains(" ERROR exit code: "))
}

pub(crate) fn a_command_is_logged_at_its_logger(ground: &mut Ground) {
    let lines =
        logged(ground, |logger| Command { logger: Logger::Actor(logger), ..Command::new("seq", ["12"]) });
    let expected = "seq CMD: seq 12|seq OUT| 1|seq OUT| 2|seq OUT| 3|seq OUT| 4|seq OUT| 5|seq OUT| [...]|\
                    seq OUT| 8|seq OUT| 9|seq OUT| 10|seq OUT| 11|seq OUT| 12|seq completed successfully";
    assert_eq!(lines.join("|"), expected);
}

pub(crate) fn a_failure_is_an_error_unless_it_is_expected(ground: &mut Ground) {
    let script = "echo oh >&2; exit 3";
    let failing = |error_ok| {
        move |logger| Command {
            logger: Logger::Actor(logger),
            logtag: Some("x".into()),
            error_ok,
            ..Command::shell(script)
        }
    };
    let first = format!("x CMD: {script}");
    assert_eq!(logged(ground, failing(false)), [&first, "! x ERR> oh", "! x ERROR exit code: 3"]);
    assert_eq!(logged(ground, failing(true)), [&first, "x ERR> oh", "x ERROR exit code: 3"]);
}

pub(crate) fn a_tag_replaces_the_program(ground: &mut Ground) {
    let lines = logged(ground, |logger| Command {
        logger: Logger::Actor(logger),
        logtag: Some("build".into()),
        ..Command::new("true", [""; 0])
    });
    assert_eq!(lines, ["build CMD: true", "build completed successfully"]);
}

pub(crate) fn a_silent_command_is_not_logged(ground: &mut Ground) {
    assert_eq!(
        logged(ground, |_| Command { logger: Logger::Silent, ..Command::shell("echo x; exit 1") }),
        [""; 0]
    );
}

pub(crate) fn what_is_to_be_omitted_is_in_no_log(ground: &mut Ground) {
    let secret = "hunter2\nand more";
    let omitting = |logger, exe: &str, args: &[&str]| Command {
        logger: Logger::Actor(logger),
        omit_string: Some(secret.into()),
        logtag: Some(format!("tag {secret}")),
        ..Command::new(exe, args.iter().copied())
    };
    for (exe, args) in [
        ("echo", vec![secret]),
        ("sh", vec!["-c", "echo \"$1\" >&2; exit 2", secret, secret]),
        ("no-such-program", vec![secret]),
        ("echo", vec!["in two parts: hunter2\nand", "more"]),
    ] {
        let lines = logged(ground, |logger| omitting(logger, exe, &args)).join("\n");
        assert!(!lines.contains("hunter2") && !lines.contains("and more"), "{lines}");
        assert!(lines.contains("tag ...") && lines.contains("CMD: "), "{lines}");
    }
    let result = ground.run(omitting(ground.watcher(), "echo", &[secret]));
    assert_eq!(result.stdout.text(), format!("{secret}\n"), "the output itself is not changed");
    let texts = format!("{result} {result:?} {} {:?}", result.command, result.command);
    assert!(!texts.contains("hunter2"), "{texts}");
}

/// What the tests of this process have logged.
struct Collector(Mutex<Vec<String>>);

static COLLECTOR: Collector = Collector(Mutex::new(Vec::new()));

impl Log for Collector {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let line = format!("{}: {}", record.level(), record.args());
        self.0.lock().unwrap().push(line);
    }

    fn flush(&self) {}
}

pub(crate) fn without_a_logger_the_processs_log_is_used(ground: &mut Ground) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&COLLECTOR).unwrap();
        log::set_max_level(LevelFilter::Info);
    });
    let tag = format!("tag-{:?}", std::thread::current().id());
    let secret = Some("hunter2".to_string());
    ground.run(Command {
        logtag: Some(tag.clone()),
        omit_string: secret,
        ..Command::shell("echo hunter2 >&2; exit 1")
    });
    let lines = COLLECTOR.0.lock().unwrap();
    let of_this: Vec<&String> = lines.iter().filter(|line| line.contains(&tag)).collect();
    let expected = [
        format!("INFO: {tag} CMD: echo ... >&2; exit 1"),
        format!("ERROR: {tag} ERR> ..."),
        format!("ERROR: {tag} ERROR exit code: 1"),
    ];
    assert_eq!(of_this, expected.iter().collect::<Vec<_>>());
    if let Ground::System { system, .. } = ground {
        let base = format!("INFO: {} cannot watch descriptors", system.base());
        assert!(lines.iter().any(|line| line.starts_with(&base)), "that it blocks is said");
    }
}
