//! Actors that exit by themselves, some time after their first message or their last.
//!
//! Guide section 8.2. The decorators of the guide are types here, around the actor's own:
//!
//! | guide | here | exits |
//! | --- | --- | --- |
//! | `@transient()` | [`Transient<A>`] | 10 s after the first message |
//! | `@transient(timedelta(seconds=3))` | [`Transient<A, Seconds<3>>`](Transient) | 3 s after the first message |
//! | `@transient_idle()` | [`TransientIdle<A>`] | 10 s after the last message |
//! | `@transient_idle(delay)` | [`TransientIdle<A, D>`](TransientIdle), with a type `D` that is an [`ExitDelay`] | that long after the last message |
//!
//! ```
//! use std::time::Duration;
//!
//! use thespian_core::{ActorSystem, Context, Handled, actor};
//! use thespian_sim::Sim;
//! use thespian_transient::{Millis, TransientIdle};
//!
//! #[derive(Default)]
//! struct Greeter;
//!
//! #[actor]
//! impl Greeter {
//!     fn greet(&mut self, name: &String, ctx: &mut Context<'_>) -> Handled {
//!         ctx.reply(format!("Hello, {name}"))
//!     }
//! }
//!
//! /// A greeter that nobody has to clean up.
//! type BoredGreeter = TransientIdle<Greeter, Millis<3250>>;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sim = Sim::new(7);
//! let system = ActorSystem::builder().base(sim.clone()).unregistered().start()?;
//! let greeter = system.create_actor::<BoredGreeter>()?;
//! let greeting: String = system.request(&greeter, "world", 1)?;
//! assert_eq!(greeting, "Hello, world");
//! sim.run_for(Duration::from_secs(4))?;
//! assert!(system.ask(&greeter, "anybody?", 1)?.is_dead());
//! # system.shutdown()?;
//! # Ok(())
//! # }
//! ```
//!
//! # The model
//!
//! - A transient actor is the actor inside it: it takes the same start argument, has the same capability check and failure
//!   policy, and handles the same messages. Whoever creates it need not know more than its type.
//! - What counts is the first time that a message is given to the actor, whether the handler then succeeds or not; its second
//!   attempt is no other use. Messages of the runtime (exit requests and notices, poison, the actor's own wakeups) do not
//!   count, so an actor that has only those, or none, never exits by itself.
//! - When its time has come, the actor gets an [`ActorExitRequest`] from itself, as it
//!   would from anybody: it can clean up, its children exit too, and its parent is told. What waits then, or comes later,
//!   becomes a dead letter.
//! - The wakeups that measure the time never reach the actor. There is one at a time, however many messages come.
//! - A handler is never interrupted. An actor that is busy when its time has come exits once it has handled what came before.
//!
//! # Settings
//!
//! | setting | unit | default | allowed |
//! | --- | --- | --- | --- |
//! | [`ExitDelay::exit_delay`] | time; [`Millis`] and [`Seconds`] say it in theirs | 10 s | more than zero, at most [`LONGEST_EXIT_DELAY`] |
//!
//! A delay that is not allowed is an error when the actor is created: `ActorStartFailed` for a caller outside, a
//! `ChildActorExited` for a parent. Both name the setting.
//!
//! # Combinations
//!
//! - `Transient<TransientIdle<A>>`, either way round, exits when the first of the two times has come.
//! - With initialization messages (the crate `thespian-initmsgs`), the guide wants these on the outside:
//!   `Initialized<Transient<A>>`. The other way round is a compile error that says so, and so is the same helper twice.
//!
//! # Dependencies
//!
//! `serde` (the private message inside the helper's own wakeups). For tests: `trybuild` (the errors of wrong combinations).

#![forbid(unsafe_code)]

mod attempts;
mod delay;
mod idle;
mod transient;

use thespian_core::{ActorExitRequest, AnyMessage, Context, Flow, Handled, Helpers, Message, WakeupMessage};

pub use delay::{ExitDelay, LONGEST_EXIT_DELAY, Millis, Seconds};
pub use idle::TransientIdle;
pub use transient::Transient;

/// The payload, if the message is a wakeup that the actor set itself with one of this type.
fn own_wakeup<'a, M: Message>(message: &'a AnyMessage, ctx: &Context<'_>) -> Option<&'a M> {
    if !message.is_system() || ctx.sender() != ctx.my_address() {
        return None;
    }
    message.downcast_ref::<WakeupMessage>()?.payload()
}

/// The actor's time has come.
fn exit(ctx: &mut Context<'_>) -> Handled {
    ctx.send(&ctx.my_address(), ActorExitRequest::new());
    Ok(Flow::Done)
}

/// Refuses to compile what cannot be transient; `twice` says whether it is so already.
const fn check_combination(inside: Helpers, twice: bool) {
    assert!(
        !inside.include(Helpers::INITIALIZING),
        "initialization messages belong outside of a transient actor, or they would count as its use: write \
         `Initialized<Transient<A>>` (guide section 8.3)"
    );
    assert!(!twice, "the actor is wrapped in the same transient helper twice: keep one of the two delays");
}
