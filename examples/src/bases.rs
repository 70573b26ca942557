//! The bases that a program can be told to run on.
//!
//! The first line of such a program's `main` is `thespian_multiproc::init()`, or `Init` with the types that cannot register
//! themselves, because they are generic.

mod interruption;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use thespian_core::{ActorSystem, Builder, Error};
use thespian_mpqueue::MpQueue;
use thespian_multiproc::Multiproc;
use thespian_simple::Simple;
use thespian_tcp::Tcp;
use thespian_udp::{LARGEST_MESSAGE, Udp};

use interruption::Interruption;

/// A base that people can choose.
#[derive(Clone, Copy, Debug)]
pub struct Base {
    /// What they call it.
    pub name: &'static str,
    /// Makes a system start on it.
    pub choose: fn(Builder) -> Builder,
    /// Whether its systems go on when the program ends that started them.
    pub outlives: bool,
    /// The largest message there, in bytes, if that is less than programs may need.
    pub largest_message: Option<usize>,
}

/// Every base there is to choose. A new one is a row here.
pub const BASES: &[Base] = &[
    // All actors in this thread.
    Base { name: "simple", choose: |builder| builder.base(Simple), outlives: false, largest_message: None },
    // One process per actor, over TCP. At any port: the system is this program's alone.
    Base {
        name: "tcp",
        choose: |builder| builder.base(Multiproc::new(Tcp::default())).capability("Admin Port", 0),
        outlives: true,
        largest_message: None,
    },
    // The same, with messages that may be lost.
    Base {
        name: "udp",
        choose: |builder| builder.base(Multiproc::new(Udp::default())).capability("Admin Port", 0),
        outlives: true,
        largest_message: Some(LARGEST_MESSAGE),
    },
    // One process per actor, over Unix sockets that nobody else can reach.
    Base {
        name: "queue",
        choose: |builder| builder.base(Multiproc::new(MpQueue::default())),
        outlives: false,
        largest_message: None,
    },
];

/// The base of that name.
pub fn find(name: &str) -> Option<&'static Base> {
    BASES.iter().find(|base| base.name == name)
}

/// The option `--base`.
#[derive(Clone, Copy, Debug, Args)]
pub struct Choice {
    /// What kind of actor system to run on
    #[arg(long, value_name = "NAME", default_value = BASES[0].name, value_parser = parser())]
    pub base: &'static Base,
}

fn parser() -> impl TypedValueParser<Value = &'static Base> {
    PossibleValuesParser::new(BASES.iter().map(|base| base.name))
        .try_map(|name| find(&name).ok_or("no such base"))
}

fn take_down<T, E: From<Error>>(system: &ActorSystem, result: Result<T, E>) -> Result<T, E> {
    let down = system.shutdown();
    let value = result?;
    down?;
    Ok(value)
}

impl Choice {
    /// Starts a system, does the work with it, and takes it down, whatever becomes of the work, and also when the program is
    /// interrupted meanwhile: a system with processes would outlive it.
    ///
    /// # Errors
    ///
    /// What the system or the work fails with.
    pub fn run<T, E: From<Error>>(self, work: impl FnOnce(&ActorSystem) -> Result<T, E>) -> Result<T, E> {
        // From before there is a system, so that none is left.
        let interruption = self.base.outlives.then(Interruption::noted);
        let system = (self.base.choose)(ActorSystem::builder()).start()?;
        let watched = interruption.map(|interruption| interruption.ends(&system));
        let result = work(&system);
        // If it was interrupted, the program ends here.
        drop(watched);
        take_down(&system, result)
    }

    /// The same for a program that looks after interruptions itself: its work is over when there is one.
    ///
    /// # Errors
    ///
    /// What the system or the work fails with.
    pub fn run_until_done<T, E: From<Error>>(
        self,
        work: impl FnOnce(&ActorSystem) -> Result<T, E>,
    ) -> Result<T, E> {
        let system = (self.base.choose)(ActorSystem::builder()).start()?;
        let result = work(&system);
        take_down(&system, result)
    }
}
