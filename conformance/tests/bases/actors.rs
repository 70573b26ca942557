//! The actors of the scenarios that only processes can show.

use std::path::Path;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};
use thespian_core::{
    ActorAddress, ActorSystem, ChildActorExited, Context, DeadEnvelope, ExitCause, Failure, Handled, Message,
    actor,
};

/// Longer than anything takes that waits for nothing, on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// Something that an actor does to its own process.
#[derive(Clone, Debug, Serialize, Deserialize, Message)]
pub(crate) enum Deed {
    /// Ends it with this exit code.
    Exit(i32),
    /// Aborts.
    Abort,
    /// Calls itself until its stack is full.
    Overflow,
    /// Takes memory until there is no more.
    Exhaust,
    /// Reads this named pipe to its end: blocks until somebody has written and closed it.
    Read(String),
    /// Runs for ever.
    Spin,
    /// Flushes again and again, until this file is there.
    FlushUntil(String),
    /// Starts a program, and answers what that shows of its descriptors.
    ListDescriptors,
    /// Creates a child and answers its address.
    Beget,
    /// Creates this many and answers their addresses.
    BegetMany(u32),
    /// Answers how many texts and numbers have come.
    Count,
    /// Ends the system.
    Shutdown,
}

/// Does what it is told, to itself; answers a text with the same, and counts numbers.
#[derive(Default)]
pub(crate) struct Doer {
    count: u64,
}

#[actor]
impl Doer {
    fn deed(&mut self, deed: &Deed, ctx: &mut Context<'_>) -> Handled {
        match deed {
            Deed::Exit(code) => std::process::exit(*code),
            Deed::Abort => std::process::abort(),
            Deed::Overflow => drop(overflow(1)),
            Deed::Exhaust => exhaust()?,
            Deed::Read(pipe) => drop(std::fs::read(pipe)?),
            Deed::Spin => loop {
                std::hint::spin_loop();
            },
            Deed::FlushUntil(file) => {
                while !Path::new(file).exists() {
                    ctx.flush();
                }
            }
            Deed::ListDescriptors => return ctx.reply(list_descriptors()?),
            Deed::Beget => {
                let child = ctx.create_actor::<Doer>();
                return ctx.reply(child);
            }
            Deed::BegetMany(count) => {
                let children: Vec<ActorAddress> = (0..*count).map(|_| ctx.create_actor::<Doer>()).collect();
                return ctx.reply(children);
            }
            Deed::Count => return ctx.reply(self.count),
            Deed::Shutdown => ctx.actor_system_shutdown(),
        }
        Ok(().into())
    }

    fn text(&mut self, text: &String, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(text.clone())
    }

    fn number(&mut self, _: &u64, _: &mut Context<'_>) {
        self.count += 1;
    }
}

#[inline(never)]
#[allow(unconditional_recursion, reason = "that is what it is for")]
fn overflow(depth: u64) -> u64 {
    let room = std::hint::black_box([depth; 64]);
    overflow(depth + 1) + room[depth as usize % 64]
}

/// Takes memory until the system gives no more, which it soon does.
fn exhaust() -> Result<(), Failure> {
    let (_, most) = getrlimit(Resource::RLIMIT_AS)?;
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = statm.split(' ').next().unwrap_or_default().parse()?;
    setrlimit(Resource::RLIMIT_AS, pages * 4096 + (64 << 20), most)?;
    let mut taken = Vec::new();
    loop {
        taken.push(std::hint::black_box(vec![1_u8; 1 << 20]));
    }
}

fn list_descriptors() -> Result<String, Failure> {
    let mut command = std::process::Command::new("ls");
    let output = command.arg("/proc/self/fd").stdin(std::process::Stdio::null()).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Word of a child's end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
pub(crate) struct Notice(pub(crate) ActorAddress, pub(crate) ExitCause);

/// Asks for the notices so far.
#[derive(Serialize, Deserialize, Message)]
pub(crate) struct Notices;

/// Sends this many numbers to somebody, as fast as it may.
#[derive(Clone, Serialize, Deserialize, Message)]
pub(crate) struct Flood {
    pub(crate) target: ActorAddress,
    pub(crate) count: u64,
}

/// Sends this many texts of this size to somebody.
#[derive(Clone, Serialize, Deserialize, Message)]
pub(crate) struct Bulk {
    pub(crate) target: ActorAddress,
    pub(crate) count: u64,
    pub(crate) size: usize,
}

/// Has children, keeps word of their ends and all dead letters, and sends numbers.
#[derive(Default)]
pub(crate) struct Parent {
    notices: Vec<Notice>,
    letters: u64,
}

/// How many numbers go in one attempt of a flood.
const AT_ONCE: u64 = 100;

#[actor]
impl Parent {
    fn deed(&mut self, deed: &Deed, ctx: &mut Context<'_>) -> Handled {
        match deed {
            Deed::Beget => {
                let child = ctx.create_actor::<Doer>();
                ctx.reply(child)
            }
            Deed::Count => ctx.reply(self.letters),
            other => Err(Failure::new(format_args!("a parent does no {other:?}"))),
        }
    }

    fn notices(&mut self, _: &Notices, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(self.notices.clone())
    }

    fn child_exited(&mut self, notice: &ChildActorExited, _: &mut Context<'_>) {
        self.notices.push(Notice(notice.child_address, notice.cause.clone()));
    }

    fn dead_letter(&mut self, _: &DeadEnvelope, _: &mut Context<'_>) {
        self.letters += 1;
    }

    fn bulk(&mut self, bulk: &Bulk, ctx: &mut Context<'_>) {
        (0..bulk.count).for_each(|_| ctx.send(&bulk.target, "x".repeat(bulk.size)));
    }

    fn flood(&mut self, flood: &Flood, ctx: &mut Context<'_>) {
        let now = flood.count.min(AT_ONCE);
        for number in 0..now {
            ctx.send(&flood.target, number);
        }
        if flood.count > now {
            let rest = Flood { count: flood.count - now, target: flood.target };
            ctx.send(&ctx.my_address(), rest);
        }
    }
}

/// An actor of a system, as the scenarios talk to it.
pub(crate) fn ask<R: Message>(
    system: &ActorSystem,
    actor: &ActorAddress,
    question: impl thespian_core::IntoMessage,
) -> R {
    system.request(actor, question, SOON).expect("an answer")
}

/// Whether an actor answers.
pub(crate) fn answers(system: &ActorSystem, actor: &ActorAddress) -> bool {
    system.request::<String>(actor, "there?", SOON).as_deref() == Ok("there?")
}
