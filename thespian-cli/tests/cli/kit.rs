//! Systems to look at, and the program that looks.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use std::{fs, process, thread};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use thespian_core::{
    ActorAddress, ActorSystem, ActorTypes, Builder, Context, Handled, Message, Value, actor, actors,
};
use thespian_multiproc::Multiproc;
use thespian_tcp::Tcp;
use thespian_udp::Udp;

/// How long something that should happen at once may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Asks for so many children.
#[derive(Serialize, Deserialize, Message)]
pub(crate) struct Breed(pub(crate) u32);

/// Asks for a handler that never returns.
#[derive(Serialize, Deserialize, Message)]
pub(crate) struct Block;

/// Asks for messages to itself, without end.
#[derive(Serialize, Deserialize, Message)]
pub(crate) struct Spin;

/// Asks for records in the log.
#[derive(Serialize, Deserialize, Message)]
pub(crate) struct Log(pub(crate) Vec<String>);

/// Does what it is asked for.
#[derive(Default)]
pub(crate) struct Puppet;

#[actor]
impl Puppet {
    fn breed(&mut self, breed: &Breed, ctx: &mut Context<'_>) -> Handled {
        let children: Vec<ActorAddress> = (0..breed.0).map(|_| ctx.create_actor::<Puppet>()).collect();
        ctx.reply(children)
    }

    fn block(&mut self, _: &Block, _: &mut Context<'_>) {
        loop {
            thread::park();
        }
    }

    fn log(&mut self, log: &Log, _: &mut Context<'_>) {
        for text in &log.0 {
            log::info!("{text}");
        }
    }

    fn spin(&mut self, _: &Spin, ctx: &mut Context<'_>) {
        ctx.send(&ctx.my_address(), Spin);
    }

    fn echo(&mut self, number: &u64, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(*number)
    }
}

pub(crate) fn actor_types() -> ActorTypes {
    actors![Puppet]
}

/// A system of its own for a test, with a folder; both go with it, even when it fails.
pub(crate) struct Stage {
    pub(crate) system: ActorSystem,
    pub(crate) folder: PathBuf,
    pub(crate) port: u16,
}

impl Stage {
    pub(crate) fn new() -> Stage {
        Stage::with(|builder, _| builder)
    }

    /// A system whose settings may name files in its folder.
    pub(crate) fn with(set: impl FnOnce(Builder, &Path) -> Builder) -> Stage {
        let folder = folder();
        let base = Multiproc::new(Tcp::default().secret_file(folder.join("secret")));
        Stage::on(base, folder, set)
    }

    /// A system on another base.
    pub(crate) fn udp() -> Stage {
        let folder = folder();
        let base = Multiproc::new(Udp::default().secret_file(folder.join("secret")));
        Stage::on(base, folder, |builder, _| builder)
    }

    fn on(base: Multiproc, folder: PathBuf, set: impl FnOnce(Builder, &Path) -> Builder) -> Stage {
        let builder = ActorSystem::builder().base(base).capability("Admin Port", 0).unregistered();
        let system = set(builder, &folder).start().unwrap();
        let capabilities = system.capabilities().unwrap();
        let port = capabilities.get("Admin Port").and_then(Value::as_int).unwrap();
        Stage { system, folder, port: port.try_into().unwrap() }
    }

    pub(crate) fn puppet(&self) -> ActorAddress {
        self.system.create_actor::<Puppet>().unwrap()
    }

    /// The program, told which system is meant.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(self.port);
        command.args(arguments).arg("--secret-file").arg(self.folder.join("secret"));
        command
    }

    /// Runs it.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(&mut self.command(arguments))
    }

    /// The document that it prints.
    pub(crate) fn json(&self, arguments: &[&str]) -> Json {
        let mut arguments = arguments.to_vec();
        arguments.push("--json");
        let ended = self.run(&arguments);
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{}", ended.stdout);
        serde_json::from_str(&ended.stdout).unwrap()
    }

    /// The process with this title.
    pub(crate) fn process(&self, title: &str) -> Pid {
        let found = fs::read_dir("/proc").unwrap().find_map(|entry| {
            let pid: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
            (line.split('\0').next()?.trim_end() == title).then(|| Pid::from_raw(pid))
        });
        found.unwrap_or_else(|| panic!("no process is called {title:?}"))
    }

    pub(crate) fn admin(&self) -> Pid {
        self.process(&format!("thespian admin multiprocTCPBase 127.0.0.1:{}", self.port))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // A test may have ended it.
        self.system.shutdown().ok();
        fs::remove_dir_all(&self.folder).ok();
    }
}

/// A process that stands still until this is dropped.
pub(crate) struct Stopped(Pid);

impl Stopped {
    pub(crate) fn new(pid: Pid) -> Stopped {
        kill(pid, Signal::SIGSTOP).unwrap();
        Stopped(pid)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        kill(self.0, Signal::SIGCONT).ok();
    }
}

/// How the program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn of(command: &mut Command) -> Ended {
        let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ended { code: status.code().unwrap(), stdout: text(stdout), stderr: text(stderr) }
    }

    /// Fails unless it ended with this code, and said this of it and nothing else.
    pub(crate) fn refused(&self, code: i32, texts: &[&str]) {
        assert_eq!((self.code, self.stdout.as_str()), (code, ""), "{self:?}");
        assert!(texts.iter().all(|text| self.stderr.contains(text)), "{texts:?}: {self:?}");
    }
}

/// The program, with the system at this port.
pub(crate) fn command(port: u16) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_thespian"));
    command.env("THESPIAN_ADMIN_PORT", port.to_string());
    command.env_remove("THESPIAN_BASE_IPADDR").env_remove("THESPIAN_BASE");
    command
}

/// A new folder.
pub(crate) fn folder() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("cli-{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&path).unwrap();
    path
}
