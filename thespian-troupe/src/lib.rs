//! A pool of Thespian actors behind one address, that grows with the work and shrinks after it.
//!
//! A troupe (guide section 8.1) is an actor that hands each message it gets to one of its workers, which are actors of a type
//! of yours. They need not know: each sees the message, its first sender, and answers that sender itself.
//!
//! ```
//! use thespian_core::{ActorSystem, Context, Error, Handled, actor};
//! use thespian_simple::Simple;
//! use thespian_troupe::{Troupe, TroupeSettings};
//!
//! #[derive(Default)]
//! pub struct Counter;
//!
//! #[actor]
//! impl Counter {
//!     fn count(&mut self, text: &String, ctx: &mut Context<'_>) -> Handled {
//!         ctx.reply(text.split_whitespace().count() as u64)
//!     }
//! }
//!
//! // With the settings in the type, as the guide's decorator has them ...
//! thespian_troupe::troupe! {
//!     pub troupe Counters of Counter { max_count: 10, idle_count: 2 }
//! }
//!
//! fn main() -> Result<(), Error> {
//!     let system = ActorSystem::builder().base(Simple).unregistered().start()?;
//!     let counters = system.create_actor::<Counters>()?;
//!     assert_eq!(system.request(&counters, "to be or not to be", 1), Ok(6_u64));
//!
//!     // ... or by value.
//!     let settings = TroupeSettings { max_count: 3, ..TroupeSettings::default() };
//!     let counters = system.create(Troupe::<Counter>::of(settings)?)?;
//!     assert_eq!(system.request(&counters, "that is the question", 1), Ok(4_u64));
//!     system.shutdown()
//! }
//! ```
//!
//! # Who gets what
//!
//! - Each message goes to one worker: to one that is idle, or to a new one while there are fewer than `max_count`, or it
//!   waits. Who came first is served first, also before those that came while a worker died. Values that count as nothing (0,
//!   an empty text, `()`) are messages like any other.
//! - System messages mean the troupe itself: an exit request ends it and its workers, a `StatusReq` tells of it. So do texts
//!   that begin with `troupe:`, and [`UpdateTroupeSettings`]. Everything else is work, also what extends one of these.
//! - A worker is done when its handler has returned, unless it says that it has [work in progress](WorkInProgress).
//! - Workers above `idle_count` are dismissed when they have been idle for `dismissal_delay`. Work goes to the one that has
//!   been idle for the shortest time, so that those who are not needed are not kept by chance.
//!
//! # Messages that belong together
//!
//! In a [`KeyedTroupe`] messages with the same [`Key`] go to the same worker while it lives, so it can keep what it needs for
//! them: a cache, a connection, a balance. They are handled in the order in which they came, and never two of them at the same
//! time. The worker's type says what the key of a message is, with [`Keyed`].
//!
//! - A new key gets an idle worker that has no key, or a new worker while there are fewer than `max_count`, or else the one
//!   that has least to do, and among equals the one with the fewest keys. So such a troupe grows with its keys.
//! - Its messages wait while that worker is busy, also when others are idle: that is the price. They count towards
//!   `queue_limit`. Messages without a key go to any worker, and a worker does first what came first.
//! - When the worker is gone (it died, or was dismissed) the key finds another one with its next message, as if it were new. What
//!   waited for it, and what it died of, goes to whoever is free first, and takes the key there; it comes before all that came
//!   later. A worker that is dismissed has nothing waiting, unless `max_count` was lowered.
//! - `max_count` that is raised takes no key from its worker.
//! - The troupe remembers `key_limit` keys. One that is forgotten counts as new; a key with messages that are not done never is.
//!
//! Other troupes need no such choice of the least loaded: all that wait, wait for whoever is done first. Nobody can have more to do
//! than somebody else, but for what takes next to no time.
//!
//! # What quick workers have at the same time
//!
//! A worker in another process that got its next message only when the troupe knows that it is done would sleep between the two
//! for longer than many messages take. So one that has handled sixteen in a row in less than 50 microseconds each has several: as many
//! as it does in a millisecond, as far as it can tell from the last ones, and at most `ahead_limit`. Idle workers come first, and new
//! ones while there are fewer than `max_count`.
//!
//! - Together they have no more than some eight hundred: a troupe with more than that outstanding would be paused
//!   (`Limits::outgoing_high`). When a few of them can have all of these, what waits is left to them, and the others rest: each would be
//!   woken for little. Every five milliseconds the troupe looks whether those few are at it, and the others help if not.
//! - If one takes longer than 10 milliseconds after all, or is [in progress](WorkInProgress), the worker gives back what it has not
//!   begun, and others do it. It gets one after the other until it is quick again.
//! - Of those that can have another message it gets one of the next two, whoever has less: a worker that is stuck soon gets no more.
//! - The troupe hears of what is done when a worker has nothing left, after 32 messages or after a tenth of a millisecond.
//! - A worker that dies has died of one of those that the troupe has not heard of, and nobody knows of which. All of them are given
//!   to others, each to a worker that has nothing else meanwhile; only then does `redelivery_limit` count.
//! - Workers whose failures give them a fresh instance get one after the other.
//! - Messages that block until others of the same troupe have begun can stand before one of those, if messages before them were quick.
//!   Actors should not block; where they do, `ahead_limit: 1` gives them one after the other.
//!
//! # Settings
//!
//! | setting | by default | means |
//! | --- | --- | --- |
//! | `max_count` | 10 workers | how many there are at most, those that are about to exit among them |
//! | `idle_count` | 2 workers | how many stay when there is no work; there may be fewer, because none is made without work |
//! | `dismissal_delay` | 2 seconds | how long those above `idle_count` are idle first |
//! | `queue_limit` | 100,000 messages | how many wait; the next one comes back as poison that names the limit |
//! | `redelivery_limit` | 2 workers | how many more are given a message whose worker died; then it comes back as poison |
//! | `inquiry_delay` | 60 seconds | how long a worker in another process is at work before it is asked whether its message has come |
//! | `ahead_limit` | 256 messages | how many a worker in another process has at most at the same time, while it is quick; 1: one after the other |
//! | `key_limit` | 100,000 keys | of how many a [`KeyedTroupe`] remembers the worker; the others count as new |
//! | `requirements` | null | what the workers' capability check is given |
//!
//! They change while the troupe runs, by text or by [`UpdateTroupeSettings`]:
//!
//! | text | answer |
//! | --- | --- |
//! | `troupe:set_max_count=9` | `Set troupe max_count to 9` |
//! | `troupe:set_idle_count=4` | `Set troupe idle_count to 4` |
//! | `troupe:set_max_count=0` | `Error setting troupe max_count: 0 is not a whole number from 1 to 10000` |
//! | `troupe:status?` | one line for people: workers, settings, what waits and what became of the rest |
//!
//! # When something goes wrong
//!
//! - A worker that fails twice on a message lives on, and the sender gets the message back as poison from the troupe, with the
//!   worker's text: what it would get from the worker. The worker's own failure policy is kept.
//! - A worker that dies, or cannot start, gives its message to another one, and the next message finds room for a new one. So
//!   work can be done *twice* where a worker is killed after it has done it and before the troupe knows (up to 32 messages that took a
//!   tenth of a millisecond together), and an answer can be lost with the worker that gave it.
//! - A worker that is cut off for longer than messages for it are kept (`Limits::delivery_limit`) can be without a message that the
//!   troupe believes it has, and the troupe without its word. It asks for that every `inquiry_delay`, so what got lost is
//!   given to somebody again once the two reach each other; that counts towards `redelivery_limit`.
//! - A troupe that exits sends back what waits and what is in progress. What is on its way to a worker then becomes a dead letter. One
//!   that is killed takes along what it has.
//!
//! # Cost
//!
//! A message costs a second one to the worker, and where the troupe has to know at once (somebody waits, or the worker is in
//! another process) a third one back: one for all that are done by then in the troupe's process, one for up to 32 in another. It is
//! copied for the case that the worker dies, and a second time where it had to wait, has a key, or the worker is in another
//! process; otherwise the worker gets the very message. What is not `Clone` is copied by its encoding, so a worker sees it as if
//! from another process. The memory of copies that nobody needs any more is kept for the next ones, for as many as there are
//! workers. The program `speed` among the examples of this crate measures all of it, on every base: about 1.75 times the
//! instructions of the same jobs dealt out by hand on the simple base, and up to twice the time; where every actor has a process it is
//! about as much.
//!
//! # Dependencies
//!
//! `serde`: what the troupe and its workers say to each other are messages, and so are settings.

#![forbid(unsafe_code)]

mod backlog;
mod keyed;
mod keys;
mod ledger;
mod named;
mod parcel;
mod pool;
mod progress;
mod settings;
mod tray;
mod troupe;
mod worker;

pub use keyed::KeyedTroupe;
pub use keys::{Key, Keyed};
pub use progress::{WorkInProgress, troupe_work_in_progress};
pub use settings::{TroupeSettings, UpdateTroupeSettings};
pub use troupe::{Troupe, TroupeStart};

/// What the code that [`troupe!`] writes names. No part of the API.
#[doc(hidden)]
pub mod __private {
    pub use thespian_core::{
        Actor, ActorType, AnyMessage, Capabilities, Context, Failure, FailurePolicy, Handled, Helpers,
        TypeName, Value,
    };
}
