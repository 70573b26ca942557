//! Logs of real processes.
//!
//! - `records_of_processes_arrive_or_are_counted`: several processes that log through the `log` macros, one collector.
//! - `one_logging_process`, `one_collecting_process`: what the processes that the tests start run.
//! - `a_collector_that_is_killed_is_followed_by_another`: kill -9 between two records.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use log::{Level, LevelFilter};
use thespian_core::{AddressKey, SystemId};
use thespian_multiproc::{
    Collector, Internals, LogFile, LogHandlers, LogRecord, LogSender, LogSource, Logging, log_channel,
};

/// How many records each process logs: more than socket and ring hold.
const RECORDS: u64 = 5_000;
const PROCESSES: u64 = 3;

/// Names the directory of the test to the processes that it starts.
const FOLDER: &str = "FOLDER_OF_THE_LOG_TEST";

#[test]
fn records_of_processes_arrive_or_are_counted() {
    let folder = Folder::new();
    let (sending, receiving) = log_channel().unwrap();
    let children: Vec<Child> =
        (0..PROCESSES).map(|_| start("one_logging_process", sending.try_clone().unwrap(), &folder)).collect();
    drop(sending);
    let pids: Vec<u32> = children.iter().map(Child::id).collect();
    let logging = logging(&folder.0);
    Collector::open(&logging, &LogHandlers::default()).unwrap().run(&receiving).unwrap();

    let dropped: u64 = children.into_iter().map(output).map(|output| number_after(&output, "dropped ")).sum();
    let text = fs::read_to_string(folder.0.join("log")).unwrap();
    let logged: Vec<&str> = text.lines().filter(|line| line.contains("] record ")).collect();
    assert_eq!(logged.len() as u64 + dropped, PROCESSES * RECORDS);
    let told: u64 = text
        .lines()
        .filter_map(|line| line.split_once("] ")?.1.split_once(" log records of this process were dropped"))
        .map(|(count, _)| count.parse::<u64>().unwrap())
        .sum();
    assert_eq!(told, dropped);
    for pid in pids {
        let who = format!("Logger actor-00000001/{pid}.1]");
        assert!(logged.iter().any(|line| line.contains(&who)), "{who} is not in the log");
    }
}

#[test]
fn a_collector_that_is_killed_is_followed_by_another() {
    let folder = Folder::new();
    let (sending, receiving) = log_channel().unwrap();
    let mut first = start("one_collecting_process", receiving.try_clone().unwrap(), &folder);
    let sender = LogSender::new(sending);
    let record = |number: u64| {
        LogRecord::new(&log::Record::builder().args(format_args!("{number}")).level(Level::Info).build())
    };
    sender.send(&record(1));
    let log = folder.0.join("log");
    // The one thing to wait for: that the first record is written.
    while !fs::read_to_string(&log).unwrap_or_default().contains("] 1\n") {
        assert!(first.try_wait().unwrap().is_none(), "the collector ended");
        std::thread::yield_now();
    }
    first.kill().unwrap();
    first.wait().unwrap();
    sender.send(&record(2));
    let second = start("one_collecting_process", receiving, &folder);
    sender.send(&record(3));
    sender.close();
    output(second);
    let text = fs::read_to_string(&log).unwrap();
    let texts: Vec<&str> =
        text.lines().filter_map(|line| line.split_once("] ")).map(|(_, text)| text).collect();
    assert_eq!(texts, ["1", "2", "3"]);
    assert_eq!(sender.dropped(), 0);
}

#[test]
#[ignore = "run in processes of its own by the other tests"]
fn one_logging_process() {
    if std::env::var_os(FOLDER).is_none() {
        return;
    }
    let sender = LogSender::new(channel());
    let (internals, _) = Internals::from_env();
    let source = LogSource::new(sender, internals, LevelFilter::Info).install().unwrap();
    let pid = u64::from(std::process::id());
    let address = AddressKey::new([7; 16]).seal(SystemId::from_bits(1 << 96), pid, 1);
    source.identify(address, "Logger");
    let long = "x".repeat(500);
    for number in 0..RECORDS {
        log::info!("record {number} {long}");
        log::debug!("not logged");
    }
    assert!(source.sender().flush_within(Duration::from_secs(60)));
    println!("dropped {}\n", source.sender().dropped());
    source.silence();
}

#[test]
#[ignore = "run in processes of its own by the other tests"]
fn one_collecting_process() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let logging = logging(Path::new(&folder));
    Collector::open(&logging, &LogHandlers::default()).unwrap().run(&channel()).unwrap();
}

fn logging(folder: &Path) -> Logging {
    Logging::new().to_file(LogFile::new(folder.join("log")).max_bytes(u64::MAX))
}

/// What the process was given as its standard input.
fn channel() -> OwnedFd {
    std::io::stdin().as_fd().try_clone_to_owned().unwrap()
}

/// Runs one of the tests here in a process of its own.
fn start(test: &str, channel: OwnedFd, folder: &Folder) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(FOLDER, &folder.0)
        .env("THESPLOG_FILE", folder.0.join("internals"))
        .env_remove("RUST_LOG")
        .stdin(Stdio::from(channel))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What it printed, once it has ended well.
fn output(mut child: Child) -> String {
    let mut output = String::new();
    child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    assert!(child.wait().unwrap().success(), "{output}");
    output
}

fn number_after(text: &str, before: &str) -> u64 {
    let (_, number) = text.split_once(before).unwrap();
    number.split_whitespace().next().unwrap().parse().unwrap()
}

/// A directory of one test's own, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let path = std::env::temp_dir().join(format!("thespian-logs-{}-{nanos}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
