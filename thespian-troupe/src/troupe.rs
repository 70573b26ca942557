//! The actor behind the troupe's one address.

use std::any::TypeId;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thespian_core::{
    Actor, ActorExitRequest, ActorSpec, ActorType, ActorTypes, AnyMessage, Capabilities, ChildActorExited,
    Context, EncodeError, Error, ExitCause, Failure, FailurePolicy, Flow, Handled, Helpers, IntoMessage,
    Message, PoisonMessage, TypeName, TypeNames, Value, WakeupMessage, actors,
};

use crate::backlog::Backlog;
use crate::keys::Key;
use crate::ledger::Report;
use crate::parcel::{self, Note, Packer};
use crate::pool::{End, Job, Pool};
use crate::progress;
use crate::settings::{COMMAND_PREFIX, Command, TroupeSettings, UpdateTroupeSettings, confirmation};
use crate::tray::{Seen, Tray};
use crate::worker::{Order, Ticket, Word, Work, Worker};

/// A pool of actors of type `W` behind one address (guide section 8.1). See the [crate].
///
/// ```
/// use thespian_core::{ActorSystem, Context, Error, Handled, actor};
/// use thespian_simple::Simple;
/// use thespian_troupe::{Troupe, TroupeSettings};
///
/// /// Greets in a language.
/// struct Greeter(String);
///
/// #[actor]
/// impl Greeter {
///     #[start]
///     fn new(hello: String) -> Greeter {
///         Greeter(hello)
///     }
///
///     fn greet(&mut self, name: &String, ctx: &mut Context<'_>) -> Handled {
///         ctx.reply(format!("{}, {name}", self.0))
///     }
/// }
///
/// fn main() -> Result<(), Error> {
///     let system = ActorSystem::builder().base(Simple).unregistered().start()?;
///     let settings = TroupeSettings { max_count: 4, ..TroupeSettings::default() };
///     let greeters = system.create(Troupe::<Greeter>::with(settings, "Salut".into())?)?;
///     let greeting: String = system.request(&greeters, "le monde", 1)?;
///     assert_eq!(greeting, "Salut, le monde");
///     system.shutdown()
/// }
/// ```
///
/// Actors with initialization messages cannot be workers (guide section 8.3), and the compiler says so:
///
/// ```compile_fail,E0080
/// # use thespian_core::{Actor, AnyMessage, Context, Failure, Flow, Handled, Helpers, TypeName};
/// # struct Initialized;
/// impl Actor for Initialized {
///     const HELPERS: Helpers = Helpers::INITIALIZING;
/// #   type Start = ();
/// #   fn type_name() -> TypeName { "initialized".into() }
/// #   fn start(_: ()) -> Result<Initialized, Failure> { Ok(Initialized) }
/// #   fn receive(&mut self, _: &AnyMessage, _: &mut Context<'_>) -> Handled { Ok(Flow::Done) }
///     // ...
/// }
///
/// # fn main() {
/// let spec = thespian_troupe::Troupe::<Initialized>::of(Default::default());
/// # }
/// ```
pub struct Troupe<W> {
    settings: TroupeSettings,
    /// What each worker's constructor is given.
    argument: AnyMessage,
    pool: Pool,
    packer: Packer,
    /// In the order in which they came. They wait only while no worker can be had. Those that come while their key has a worker
    /// wait for that, in the pool.
    waiting: Backlog,
    key_of: Option<KeyOf>,
    next_number: u64,
    tray: Tray,
    seen: Seen,
    /// Whether a worker is the same after a failure, so that it still knows of the tray.
    keeps_workers: bool,
    /// Whether a wakeup is set.
    alarm: bool,
    /// Whether the other one is set, to look for workers that may be cut off.
    inquires: bool,
    /// Whether a third one is set, to look for workers that are stuck.
    looks: bool,
    /// Whether there have been workers that could be: a timer that is set costs something with every message.
    is_spread: bool,
    exiting: bool,
    /// The type of the last message that was work for its type alone: mostly the next one has the same.
    usual_work: Option<TypeId>,
    /// The same for messages that came from another process, by their names.
    usual_names: Option<TypeNames>,
    tally: Tally,
    worker: PhantomData<fn() -> W>,
}

/// Workers in other processes have no more than this together, but for one each: a troupe that had much more outstanding would be
/// paused (`Limits::outgoing_high`, 950 by default).
const OUT_IN_ALL: usize = 768;

/// How soon the troupe looks whether those that have enough for all are at work on it, while others rest. They have as much as they do in a
/// millisecond.
const LOOK: Duration = Duration::from_millis(5);

/// What a message has in common with others.
type KeyOf = fn(&AnyMessage) -> Option<Key>;

/// The troupe to itself, after a time: look for workers that may be cut off.
#[derive(Serialize, Deserialize, Message)]
#[message(name = "thespian-troupe.Inquire")]
struct Inquire;

/// The troupe to itself, after a time: look for workers that have much and do nothing.
#[derive(Serialize, Deserialize, Message)]
#[message(name = "thespian-troupe.Look")]
struct Look;

/// What became of the messages so far.
#[derive(Default)]
struct Tally {
    done: u64,
    failed: u64,
    redelivered: u64,
}

/// What a troupe's constructor is given, for troupes that are created by name or by another troupe; otherwise
/// [`Troupe::of`] and [`Troupe::with`] make it.
///
/// ```
/// use thespian_core::{Actor, ActorSpec, Context, actor};
/// use thespian_troupe::{Troupe, TroupeSettings, TroupeStart};
///
/// #[derive(Default)]
/// struct Clerk;
/// #[actor]
/// impl Clerk {
///     fn work(&mut self, _: &u32, _: &mut Context<'_>) {}
/// }
///
/// # fn main() -> Result<(), thespian_core::Error> {
/// let start = TroupeStart::new(TroupeSettings::default(), ())?;
/// let by_name = ActorSpec::named(Troupe::<Clerk>::type_name()).start(start);
/// # let _ = by_name;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Serialize, Deserialize, Message)]
#[message(name = "thespian-troupe.TroupeStart")]
pub struct TroupeStart {
    settings: TroupeSettings,
    argument: AnyMessage,
}

impl TroupeStart {
    /// These settings, and what each worker's constructor is given.
    ///
    /// # Errors
    ///
    /// As [`TroupeSettings::check`].
    pub fn new(settings: TroupeSettings, argument: impl IntoMessage) -> Result<TroupeStart, Error> {
        settings.check()?;
        Ok(TroupeStart { settings, argument: argument.into_message() })
    }
}

/// Specifies a troupe, with keys or without.
pub(crate) fn specified<T: Actor<Start = TroupeStart>>(
    settings: TroupeSettings,
    argument: impl IntoMessage,
) -> Result<ActorSpec, Error> {
    let requirements = settings.requirements.clone();
    let start = TroupeStart::new(settings, argument)?;
    Ok(ActorSpec::of::<T>().start(start).requirements(requirements))
}

impl<W: Actor> Troupe<W> {
    /// The actor types of such a troupe, for programs whose actors have processes of their own: these know by name what
    /// the program's `main` gives them, and generic types cannot register themselves. The same as `actors![Troupe<W>]`: the types
    /// that a troupe creates are its [companions](Actor::companions).
    ///
    /// ```ignore
    /// thespian_multiproc::Init::new().actors(Troupe::<Resizer>::types()).actors(actors![Resizers]).run();
    /// ```
    pub fn types() -> ActorTypes {
        actors![Troupe<W>]
    }

    /// Specifies a troupe of workers whose constructor needs nothing, to be created.
    ///
    /// # Errors
    ///
    /// As [`TroupeSettings::check`].
    pub fn of(settings: TroupeSettings) -> Result<ActorSpec, Error>
    where
        W: Actor<Start = ()>,
    {
        Troupe::<W>::with(settings, ())
    }

    /// Specifies a troupe of workers each of which gets this start argument.
    ///
    /// # Errors
    ///
    /// As [`TroupeSettings::check`].
    pub fn with(settings: TroupeSettings, argument: W::Start) -> Result<ActorSpec, Error> {
        const { helpers::<W>() };
        specified::<Troupe<W>>(settings, argument)
    }

    /// The same troupe, with keys.
    pub(crate) fn keyed(self, key_of: KeyOf) -> Troupe<W> {
        Troupe { key_of: Some(key_of), ..self }
    }

    /// Whether a message is of the type that was the last that was work for its type alone.
    #[inline(always)]
    fn is_usual(&self, message: &AnyMessage) -> bool {
        match message.as_encoded() {
            Some(encoded) => self.usual_names.as_ref().is_some_and(|usual| usual.is_same(encoded.names())),
            None => self.usual_work.is_some() && message.value_type() == self.usual_work,
        }
    }

    /// What goes to the same worker as others is told apart by this.
    #[inline(always)]
    fn key(&self, message: &AnyMessage) -> Option<Key> {
        self.key_of.and_then(|key_of| key_of(message))
    }

    /// A message to be worked on.
    ///
    /// # Errors
    ///
    /// When it cannot be copied. Then nothing is changed.
    #[inline(always)]
    fn accept(&mut self, message: &AnyMessage, ctx: &mut Context<'_>) -> Result<(), EncodeError> {
        let encoded = message.as_encoded().filter(|_| self.key_of.is_none());
        if let Some(encoded) = encoded {
            self.empty_tray(ctx);
            if self.has_to_wait() {
                self.waiting.push_encoded(self.next_number, &ctx.sender(), encoded);
                self.next_number += 1;
                return Ok(());
            }
        }
        // One that came encoded can always be copied.
        let (copy, key) = (self.pool.copy(message)?, self.key(message));
        if encoded.is_none() {
            self.empty_tray(ctx);
        }
        self.take(message, copy, key, ctx);
        Ok(())
    }

    /// Whether a message without a key has to wait for a worker, and can.
    fn has_to_wait(&self) -> bool {
        let may_have_worker = self.has_worker() || self.may_give_ahead();
        !(self.waiting.is_empty() && may_have_worker) && self.has_room()
    }

    /// A message to be worked on, and a copy of it for the case that its worker dies.
    #[inline(always)]
    fn take(&mut self, original: &AnyMessage, message: AnyMessage, key: Option<Key>, ctx: &mut Context<'_>) {
        let number = self.next_number;
        self.next_number += 1;
        let asker = ctx.sender();
        if key.is_some() {
            return self.take_keyed(Job::new(number, &asker, message, key), ctx);
        }
        // Those that rest leave what waits to others, and what comes behind it too.
        let found = if self.waiting.is_empty() { self.find_worker(ctx) } else { None };
        // The usual case first, and without a detour: this is all that most messages cost.
        if let Some(place) = found
            && self.keeps_workers
            && let worker = self.pool.member(place)
            && worker.has_tray
            && ctx.forward(&worker.address, original).is_ok()
        {
            self.tray.assign(place, number, &asker, &mut worker.last_asker);
            return self.pool.begin(place, Job::new(number, &asker, message, None), 0);
        }
        let job = Job::new(number, &asker, message, None);
        if let Some(place) = found {
            self.give(place, job, ctx);
        } else if let Some(place) = self.find_open() {
            self.send_far(place, job, ctx);
        } else if self.has_room() {
            self.waiting.push(job);
        } else {
            self.refuse(job, ctx);
        }
    }

    /// How many messages have no worker yet.
    #[inline(always)]
    fn waiting(&self) -> usize {
        self.waiting.len() + self.pool.queued()
    }

    fn has_room(&self) -> bool {
        self.waiting() < self.settings.queue_limit as usize
    }

    fn refuse(&mut self, job: Job, ctx: &mut Context<'_>) {
        let details = format!(
            "the troupe is full: {} workers are at work, and {} messages wait (TroupeSettings::queue_limit)",
            self.pool.busy(),
            self.waiting()
        );
        self.send_back(job, details, ctx);
    }

    /// Whether somebody can have work: an idle worker, or a new one. Those that are on their way out count: there are never
    /// more than `max_count`.
    fn has_worker(&self) -> bool {
        self.pool.idle() > 0 || self.pool.count() < self.settings.max_count as usize
    }

    #[inline(always)]
    fn find_worker(&mut self, ctx: &mut Context<'_>) -> Option<u32> {
        if !self.has_worker() {
            return None;
        }
        match self.pool.take_idle() {
            Some(place) => Some(place),
            None => self.hire(ctx),
        }
    }

    /// A worker that can have something with what it has.
    fn find_open(&mut self) -> Option<u32> {
        if !self.waiting.is_empty() || !self.may_give_ahead() {
            return None;
        }
        self.pool.take_open()
    }

    /// A new worker, if there can be another.
    fn hire(&mut self, ctx: &mut Context<'_>) -> Option<u32> {
        if self.pool.count() >= self.settings.max_count as usize {
            return None;
        }
        let argument = self.argument.duplicate().ok()?;
        let requirements = self.settings.requirements.clone();
        let worker = ctx.create(ActorSpec::of::<Worker<W>>().start(argument).requirements(requirements));
        Some(self.pool.hire(worker))
    }

    // -- keys --------------------------------------------------------------------------------------------------

    /// A message with a key, for the worker that has it.
    #[inline(never)]
    fn take_keyed(&mut self, job: Job, ctx: &mut Context<'_>) {
        match self.find_home(&job, ctx) {
            Some((place, true)) => self.give(place, job, ctx),
            Some((place, false)) if self.can_have(place) => self.send_far(place, job, ctx),
            Some((place, false)) if self.has_room() => self.pool.enqueue(place, job),
            None if self.has_room() => self.waiting.push(job),
            Some(_) | None => self.refuse(job, ctx),
        }
    }

    /// Whether the worker at this place can have a job with what it has, and with nothing else that waits.
    fn can_have(&mut self, place: u32) -> bool {
        self.pool.queue_len(place) == 0
            && self.waiting.is_empty()
            && self.may_give_ahead()
            && self.pool.has_room(place)
    }

    /// The worker of a job's key, and whether it can begin at once. A new key gets a worker that has none, while there can be
    /// one, and otherwise the one that has least to do.
    fn find_home(&mut self, job: &Job, ctx: &mut Context<'_>) -> Option<(u32, bool)> {
        let key = job.key?;
        let found = if let Some(place) = self.pool.home(key) {
            (place, self.pool.take_this(place))
        } else if let Some(place) = self.pool.take_idle_without_keys() {
            (place, true)
        } else if let Some(place) = self.hire(ctx) {
            (place, true)
        } else {
            let place = self.pool.least_loaded()?;
            (place, self.pool.take_this(place))
        };
        self.pool.settle(key, found.0, self.settings.key_limit);
        Some(found)
    }

    /// A worker gets a job.
    fn give(&mut self, place: u32, job: Job, ctx: &mut Context<'_>) {
        let worker = self.pool.member(place);
        if !(worker.has_tray && self.keeps_workers) {
            return self.give_far(place, job, ctx);
        }
        match self.pool.copy(job.message()) {
            Ok(message) => {
                let worker = self.pool.member(place);
                self.tray.assign(place, job.number(), job.asker(), &mut worker.last_asker);
                ctx.send(&worker.address, message);
                self.pool.begin(place, job, 0);
            }
            Err(error) => {
                self.send_back(job, error.to_string(), ctx);
                self.go_on(place, Duration::ZERO, ctx);
            }
        }
    }

    /// A worker that may be in another process gets a job, and what it can have with it.
    fn give_far(&mut self, place: u32, job: Job, ctx: &mut Context<'_>) {
        self.send_far(place, job, ctx);
        self.fill(place, ctx);
        self.go_on_if_free(place, ctx);
    }

    /// Gives a worker in another process what it can have with what it has: it would otherwise wait for the troupe after each.
    fn fill(&mut self, place: u32, ctx: &mut Context<'_>) {
        while self.pool.has_room(place)
            && self.may_give_ahead()
            && let Some(job) = self.next_job(place, ctx)
        {
            if job.goes_alone() {
                return self.put_back(place, job);
            }
            self.send_far(place, job, ctx);
        }
    }

    /// Whether workers can have something with what they have: it waits there. Where there are too many, some have to come to an end.
    fn may_give_ahead(&self) -> bool {
        let may_wait = self.settings.queue_limit > 0 && self.pool.out() < OUT_IN_ALL;
        self.keeps_workers && may_wait && self.pool.staff() <= self.settings.max_count as usize
    }

    fn send_far(&mut self, place: u32, job: Job, ctx: &mut Context<'_>) {
        if self.is_spread && !self.inquires {
            self.inquires = true;
            ctx.wakeup_after_with(self.settings.inquiry_delay, Inquire);
        }
        let turn = self.pool.next_turn();
        let oldest = self.pool.oldest(place).unwrap_or(turn);
        let note = Note { ticket: job.ticket(place, turn), oldest, asker: *job.asker() };
        let worker = self.pool.member(place).address;
        let sent = match job.message().as_encoded() {
            Some(encoded) => self.packer.pack(&note, encoded).map(|packed| ctx.send(&worker, packed)),
            None => self.order(note, job.message()).map(|order| ctx.send(&worker, order)),
        };
        match sent {
            Ok(()) => self.pool.begin_with(place, job, turn),
            Err(error) => self.send_back(job, error.to_string(), ctx),
        }
    }

    /// Work for a worker that is in this process, or may be.
    fn order(&mut self, note: Note, message: &AnyMessage) -> Result<AnyMessage, EncodeError> {
        let (place, message) = (note.ticket.place, self.pool.copy(message)?);
        let has_started = self.pool.has_started(place);
        let tray = (!has_started && Tray::has(place)).then(|| self.tray.clone());
        Ok(AnyMessage::new(Order::Work(Work { note, message, tray })))
    }

    /// A job waits again, where it did before, if the worker at this place stays.
    fn put_back(&mut self, place: u32, job: Job) {
        if job.key.is_some() {
            self.pool.enqueue(place, job);
        } else {
            self.waiting.insert(job);
        }
    }

    /// Gives what waits to whoever can be had.
    fn serve_waiting(&mut self, ctx: &mut Context<'_>) {
        while !self.waiting.is_empty() {
            if self.is_served() {
                return self.look_later(ctx);
            }
            let Some(place) = self.find_worker(ctx) else { return };
            self.go_on(place, Duration::ZERO, ctx);
        }
    }

    /// Whether what waits is best left to the workers that are at it: they are so quick that they can have all that may be on its way. Each
    /// other one would wake up for less.
    fn is_served(&self) -> bool {
        self.is_spread && self.key_of.is_none() && self.pool.liked() >= OUT_IN_ALL
    }

    fn look_later(&mut self, ctx: &mut Context<'_>) {
        if !self.looks {
            self.looks = true;
            ctx.wakeup_after_with(LOOK, Look);
        }
    }

    /// Those that are stuck count no more, so others may have to help.
    fn look(&mut self, ctx: &mut Context<'_>) {
        self.looks = false;
        self.pool.look_for_stuck();
        self.serve_waiting(ctx);
    }

    /// Looks at what workers in this process have done.
    #[inline(always)]
    fn empty_tray(&mut self, ctx: &mut Context<'_>) {
        self.tray.unring();
        while let Some((place, at)) = self.tray.next(&mut self.seen) {
            self.pool.looks_at_tray(place);
            self.done(place, at, ctx);
        }
    }

    /// A worker that looks at the tray says that it is done.
    fn word(&mut self, ticket: Ticket, ctx: &mut Context<'_>) {
        if self.pool.holds(ctx.sender(), ticket) {
            self.pool.looks_at_tray(ticket.place);
            self.done(ticket.place, Duration::ZERO, ctx);
        }
    }

    /// A worker in another process says what became of its work.
    fn report(&mut self, report: &Report, ctx: &mut Context<'_>) {
        self.is_spread = true;
        let worker = ctx.sender();
        let mut place = None;
        for ticket in &report.done {
            match self.pool.end_of(worker, *ticket) {
                Some(End::Done) => self.tally.done += 1,
                Some(End::Failed(job, details)) => self.send_back(job, details, ctx),
                None => continue,
            }
            place = Some(ticket.place);
        }
        for ticket in &report.returned {
            let Some(job) = self.pool.take_out(worker, *ticket) else { continue };
            self.put_back(ticket.place, job);
            place = Some(ticket.place);
        }
        let Some(place) = place else { return };
        self.pool.heard_of(place, report.room.min(self.settings.ahead_limit));
        if self.pool.runs_dry(place) {
            self.fill(place, ctx);
        }
        self.go_on_if_free(place, ctx);
        if !report.returned.is_empty() {
            self.serve_waiting(ctx);
        }
    }

    /// A worker is done with what it had, since that time.
    #[inline(always)]
    fn done(&mut self, place: u32, at: Duration, ctx: &mut Context<'_>) {
        match self.pool.end(place) {
            Some(End::Done) => self.tally.done += 1,
            Some(End::Failed(job, details)) => self.send_back(job, details, ctx),
            None => return,
        }
        self.go_on(place, at, ctx);
    }

    /// What a worker that is done does next.
    #[inline(always)]
    fn go_on(&mut self, place: u32, at: Duration, ctx: &mut Context<'_>) {
        if self.pool.staff() > self.settings.max_count as usize {
            self.dismiss(place, ctx);
        } else if !self.waiting.is_empty() && self.pool.is_quick(place) && self.is_served() {
            self.rest(place, at, ctx);
            self.look_later(ctx);
        } else if let Some(job) = self.next_job(place, ctx) {
            self.give(place, job, ctx);
        } else {
            self.rest(place, at, ctx);
        }
    }

    /// The same, for one that may have something left to do.
    fn go_on_if_free(&mut self, place: u32, ctx: &mut Context<'_>) {
        if !self.pool.is_at_work(place) {
            self.go_on(place, Duration::ZERO, ctx);
        }
    }

    #[inline(always)]
    fn rest(&mut self, place: u32, at: Duration, ctx: &mut Context<'_>) {
        let since = if at.is_zero() && self.tray.is_timed() { ctx.uptime() } else { at };
        self.pool.rest(place, since);
    }

    /// What the worker at this place does next: what came first of those that wait for it and of those that wait for anybody.
    #[inline(always)]
    fn next_job(&mut self, place: u32, ctx: &mut Context<'_>) -> Option<Job> {
        loop {
            let first = self.waiting.first();
            if let Some(job) = self.pool.next_before(place, first) {
                return Some(job);
            }
            let job = self.waiting.pop(|| self.pool.spare())?;
            match job.key.map(|key| (key, self.pool.home(key))) {
                // Its key has found another worker since it came.
                Some((_, Some(home))) if home != place => self.send_home(home, job, ctx),
                Some((key, _)) => {
                    self.pool.settle(key, place, self.settings.key_limit);
                    return Some(job);
                }
                None => return Some(job),
            }
        }
    }

    #[cold]
    fn send_home(&mut self, home: u32, job: Job, ctx: &mut Context<'_>) {
        if self.pool.take_this(home) {
            self.give(home, job, ctx);
        } else {
            self.pool.enqueue(home, job);
        }
    }

    /// Tells the workers in this process what the troupe has to know at once, and asks to be woken when it may be time to
    /// dismiss one.
    #[inline(always)]
    fn keep_watch(&mut self, ctx: &mut Context<'_>) {
        let too_many = self.pool.staff() > self.settings.max_count as usize;
        // A troupe that works in another one has its share of work until all of it is done.
        let is_worker = progress::set(ctx, self.is_working());
        let awaited = too_many || is_worker || self.waiting() > 0;
        if awaited != self.tray.is_awaited() {
            self.tray.set_awaited(awaited);
            if awaited {
                // They did not know, and may have been done already.
                self.empty_tray(ctx);
                progress::set(ctx, self.is_working());
            }
        }
        let timed = self.pool.staff() > self.settings.staying();
        self.tray.set_timed(timed);
        if timed {
            self.set_alarm(ctx);
        }
    }

    fn is_working(&self) -> bool {
        self.pool.busy() > 0 || self.waiting() > 0
    }

    /// One of the troupe's own messages came back.
    fn poison(&mut self, poison: &PoisonMessage, ctx: &mut Context<'_>) {
        let (worker, message) = (ctx.sender(), &poison.message);
        let ticket = match message.downcast_ref::<Order>() {
            Some(Order::Work(work)) => Some(work.note.ticket),
            Some(_) => None,
            None => parcel::ticket_of(message).or_else(|| self.pool.bare_work(worker)),
        };
        let Some(ticket) = ticket.filter(|ticket| self.pool.holds(worker, *ticket)) else { return };
        let details = poison.details.clone();
        if !self.pool.has_started(ticket.place) {
            // It failed on its first work, or never started; then somebody else can do this, and the notice of it says so.
            self.pool.note_failure(ticket.place, &details);
            return ctx.send(&worker, Order::Probe(ticket));
        }
        if let Some(job) = self.pool.take_out(worker, ticket) {
            self.send_back(job, details, ctx);
        }
        self.go_on_if_free(ticket.place, ctx);
    }

    /// The one who sent the message gets it back, as if from a worker.
    fn send_back(&mut self, job: Job, details: impl Into<String>, ctx: &mut Context<'_>) {
        self.tally.failed += 1;
        let asker = *job.asker();
        ctx.send(&asker, PoisonMessage { message: job.into_message(), details: details.into() });
    }

    /// A worker is gone. Its work goes to another one, before all that came later.
    fn exited(&mut self, notice: &ChildActorExited, ctx: &mut Context<'_>) {
        let queue = self.pool.take_queue(notice.child_address);
        let jobs = self.pool.remove(notice.child_address);
        if self.exiting {
            return;
        }
        let is_alone = jobs.len() == 1;
        for mut job in jobs {
            if is_alone {
                self.redeliver(job, |deaths| obituary(deaths, &notice.cause), ctx);
            } else {
                self.tally.redelivered += 1;
                job.is_suspect = true;
                self.waiting.insert(job);
            }
        }
        for job in queue {
            self.waiting.insert(job);
        }
        self.serve_waiting(ctx);
    }

    /// Somebody else gets what a worker could not do, unless too many could not.
    fn redeliver(&mut self, mut job: Job, details: impl FnOnce(u32) -> String, ctx: &mut Context<'_>) {
        job.deaths += 1;
        if job.deaths > self.settings.redelivery_limit {
            let details = details(job.deaths);
            self.send_back(job, details, ctx);
        } else {
            self.tally.redelivered += 1;
            self.waiting.insert(job);
        }
    }

    // -- word that is lost -------------------------------------------------------------------------------------

    /// Asks those what became of their work who have had it for long.
    fn inquire(&mut self, ctx: &mut Context<'_>) {
        for (worker, ticket) in self.pool.slow() {
            ctx.send(&worker, Order::Inquiry(ticket));
        }
        self.inquires = self.pool.has_far_work();
        if self.inquires {
            ctx.wakeup_after_with(self.settings.inquiry_delay, Inquire);
        }
    }

    /// A worker has never got its work.
    fn missed(&mut self, ticket: Ticket, ctx: &mut Context<'_>) {
        // There may be several inquiries for one attempt, and each is answered.
        if let Some(job) = self.pool.take_out(ctx.sender(), ticket) {
            let details = |times| format!("{times} workers did not get it, or ended while they had it");
            self.redeliver(job, details, ctx);
            self.go_on_if_free(ticket.place, ctx);
        }
    }

    // -- dismissal ---------------------------------------------------------------------------------------------

    fn dismiss(&mut self, place: u32, ctx: &mut Context<'_>) {
        let worker = self.pool.leave(place);
        ctx.send(&worker, ActorExitRequest::new());
        for job in self.pool.take_queue(worker) {
            self.waiting.insert(job);
        }
    }

    /// Asks to be woken when the next worker can be dismissed, or else when one can that is done now.
    fn set_alarm(&mut self, ctx: &mut Context<'_>) {
        if !self.alarm {
            let now = ctx.uptime();
            let since = self.pool.longest_idle().unwrap_or(now);
            let due = since.saturating_add(self.settings.dismissal_delay);
            ctx.wakeup_after(due.saturating_sub(now));
            self.alarm = true;
        }
    }

    fn wake(&mut self, ctx: &mut Context<'_>) {
        self.alarm = false;
        let now = ctx.uptime();
        while self.pool.staff() > self.settings.staying()
            && let Some(since) = self.pool.longest_idle()
            && since.saturating_add(self.settings.dismissal_delay) <= now
            && let Some(place) = self.pool.take_longest_idle()
        {
            self.dismiss(place, ctx);
        }
    }

    // -- settings ----------------------------------------------------------------------------------------------

    fn command(&mut self, command: &str, ctx: &mut Context<'_>) {
        let answer = match Command::read(command) {
            Ok(Command::Status) => Ok(self.to_string()),
            Ok(Command::Set(count, value)) => {
                let answer = self.settings.set(count, value).map(|()| confirmation(count, value));
                self.settings_changed(ctx);
                answer
            }
            Err(problem) => Err(problem),
        };
        self.answer(answer.unwrap_or_else(|problem| problem), ctx);
    }

    fn update(&mut self, update: &UpdateTroupeSettings, ctx: &mut Context<'_>) {
        if let Err(problem) = self.settings.update(update) {
            return self.answer(problem, ctx);
        }
        self.settings_changed(ctx);
        let TroupeSettings { max_count, idle_count, .. } = self.settings;
        let update = UpdateTroupeSettings { max_count: Some(max_count), idle_count: Some(idle_count) };
        self.answer(update, ctx);
    }

    /// Answers something that was asked of the troupe itself, perhaps by one of its own workers.
    fn answer(&self, answer: impl IntoMessage, ctx: &mut Context<'_>) {
        let asker = ctx.sender();
        if self.pool.has(asker) {
            ctx.send(&asker, Order::Aside(answer.into_message()));
        } else {
            ctx.send(&asker, answer);
        }
    }

    fn settings_changed(&mut self, ctx: &mut Context<'_>) {
        while self.pool.staff() > self.settings.max_count as usize
            && let Some(place) = self.pool.take_longest_idle()
        {
            self.dismiss(place, ctx);
        }
        // Those that were not to be dismissed may be now, and have been idle since nobody knows when.
        self.pool.restamp(ctx.uptime());
        self.serve_waiting(ctx);
    }

    // -- the end -----------------------------------------------------------------------------------------------

    /// What has not begun goes back. What has, ends with its worker.
    fn exit(&mut self, request: &ActorExitRequest, ctx: &mut Context<'_>) {
        self.exiting = true;
        if !request.is_recursive() {
            // Workers are of no use to anybody else.
            for worker in self.pool.addresses() {
                ctx.send(&worker, ActorExitRequest::new());
            }
        }
        let mut jobs = self.waiting.drain();
        for worker in self.pool.addresses().collect::<Vec<_>>() {
            jobs.extend(self.pool.take_queue(worker));
        }
        jobs.sort_by_key(Job::number);
        for job in jobs {
            self.send_back(job, "the troupe exited before a worker had begun", ctx);
        }
    }

    fn system(&mut self, message: &AnyMessage, ctx: &mut Context<'_>) {
        if let Some(poison) = message.downcast_ref::<PoisonMessage>() {
            self.poison(poison, ctx);
        } else if let Some(notice) = message.downcast_ref::<ChildActorExited>() {
            self.exited(notice, ctx);
        } else if let Some(wakeup) = message.downcast_ref::<WakeupMessage>() {
            match &wakeup.payload {
                Some(payload) if payload.is::<Look>() => self.look(ctx),
                Some(_) => self.inquire(ctx),
                None => self.wake(ctx),
            }
        } else if let Some(request) = message.downcast_ref::<ActorExitRequest>() {
            self.exit(request, ctx);
        }
    }
}

/// Why a message comes back that nobody could finish.
fn obituary(deaths: u32, cause: &ExitCause) -> String {
    format!(
        "{deaths} workers ended while they had it (TroupeSettings::redelivery_limit); the last one {cause}"
    )
}

impl<W> fmt::Debug for Troupe<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Troupe({} workers, {} messages wait)",
            self.pool.count(),
            self.waiting.len() + self.pool.queued()
        )
    }
}

impl<W: Actor> Actor for Troupe<W> {
    type Start = TroupeStart;

    const HELPERS: Helpers = helpers::<W>();

    fn type_name() -> TypeName {
        TypeName::Owned(format!("thespian-troupe.Troupe<{}>", W::type_name()))
    }

    fn start(start: TroupeStart) -> Result<Troupe<W>, Failure> {
        const { helpers::<W>() };
        let TroupeStart { settings, argument } = start;
        settings.check()?;
        if !argument.is::<W::Start>() {
            return Err(Failure::new(format_args!(
                "the constructor of {} takes a start argument of type {}, and was given {}",
                W::type_name(),
                W::Start::type_name(),
                argument.type_name()
            )));
        }
        // Every worker gets a copy.
        argument.duplicate()?;
        Ok(Troupe {
            settings,
            argument,
            pool: Pool::default(),
            packer: Packer::default(),
            waiting: Backlog::default(),
            key_of: None,
            next_number: 0,
            tray: Tray::default(),
            seen: Seen::default(),
            keeps_workers: !W::failure_policy().fresh_instance(),
            alarm: false,
            inquires: false,
            looks: false,
            is_spread: false,
            exiting: false,
            usual_work: None,
            usual_names: None,
            tally: Tally::default(),
            worker: PhantomData,
        })
    }

    fn receive(&mut self, message: &AnyMessage, ctx: &mut Context<'_>) -> Handled {
        // All that can fail comes before anything is changed: what a failed attempt has sent is not sent.
        if message.is_system() {
            self.empty_tray(ctx);
            self.system(message, ctx);
        } else if self.is_usual(message) {
            self.accept(message, ctx)?;
        } else if let Some(word) = message.downcast_ref::<Word>() {
            self.empty_tray(ctx);
            match word {
                Word::Done(ticket) => self.word(*ticket, ctx),
                Word::Report(report) => self.report(report, ctx),
                Word::Missed(ticket) => self.missed(*ticket, ctx),
            }
        } else if let Some(update) = message.downcast_ref::<UpdateTroupeSettings>() {
            self.empty_tray(ctx);
            self.update(update, ctx);
        } else if let Some(command) =
            message.downcast_ref::<String>().and_then(|text| text.strip_prefix(COMMAND_PREFIX))
        {
            self.empty_tray(ctx);
            self.command(command, ctx);
        } else {
            // A text is work or not by what it says.
            if !message.is::<String>() {
                self.usual_work = message.value_type();
                self.usual_names = message.as_encoded().map(|encoded| encoded.names().clone());
            }
            self.accept(message, ctx)?;
        }
        if !self.exiting {
            self.keep_watch(ctx);
        }
        Ok(Flow::Done)
    }

    fn capability_check(capabilities: &Capabilities, requirements: &Value) -> Result<(), String> {
        W::capability_check(capabilities, requirements)
    }

    /// What a troupe refuses it would refuse again.
    fn failure_policy() -> FailurePolicy {
        FailurePolicy::NO_RETRY
    }

    fn companions() -> Vec<&'static ActorType> {
        vec![ActorType::of::<Worker<W>>()]
    }
}

/// The marks of a troupe of such workers, unless they cannot be any: each message goes to another one, and so would those that
/// initialize them.
const fn helpers<W: Actor>() -> Helpers {
    assert!(
        !W::HELPERS.include(Helpers::INITIALIZING),
        "actors with initialization messages cannot work in a troupe (guide section 8.3); use a start argument"
    );
    W::HELPERS.and(Helpers::TROUPE)
}

/// The line that answers `troupe:status?`.
impl<W: Actor> fmt::Display for Troupe<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (pool, settings, tally) = (&self.pool, &self.settings, &self.tally);
        write!(
            f,
            "troupe of {}: {} workers ({} busy, {} idle, {} leaving), max_count {}, idle_count {}; {} messages wait; {} done, \
             {} failed, {} redelivered",
            W::type_name(),
            pool.count(),
            pool.busy(),
            pool.idle(),
            pool.leaving(),
            settings.max_count,
            settings.idle_count,
            self.waiting(),
            tally.done,
            tally.failed,
            tally.redelivered
        )?;
        match self.key_of {
            Some(_) => write!(f, "; {} keys have a worker", pool.keys()),
            None => Ok(()),
        }
    }
}
