//! How a worker says that it is not done yet.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use thespian_core::Context;

/// Says whether the actor that handles a message in this context still has work in progress: the guide's attribute of that
/// name (guide section 8.1).
///
/// A worker that needs several messages for one piece of work sets it to `true` while it handles the first, and to `false`
/// while it handles the last. In between it gets no other work, and is not dismissed. A worker that never sets it back gets
/// no work any more; [`WorkInProgress`] is the way that cannot be forgotten.
///
/// An attempt that fails leaves it as it was. In an actor that is no worker of a troupe it has no effect.
///
/// ```
/// use std::time::Duration;
/// use thespian_core::{ActorAddress, Context, WakeupMessage, actor};
/// use thespian_troupe::troupe_work_in_progress;
///
/// /// Takes a second for everything.
/// #[derive(Default)]
/// struct Slow {
///     asker: Option<ActorAddress>,
/// }
///
/// #[actor]
/// impl Slow {
///     fn begin(&mut self, _: &String, ctx: &mut Context<'_>) {
///         self.asker = Some(ctx.sender());
///         ctx.wakeup_after(Duration::from_secs(1));
///         troupe_work_in_progress(ctx, true);
///     }
///
///     fn end(&mut self, _: &WakeupMessage, ctx: &mut Context<'_>) {
///         if let Some(asker) = self.asker.take() {
///             ctx.send(&asker, "done");
///         }
///         troupe_work_in_progress(ctx, false);
///     }
/// }
/// # fn main() {}
/// ```
pub fn troupe_work_in_progress(ctx: &Context<'_>, in_progress: bool) {
    set(ctx, in_progress);
}

/// The same. Says whether the actor is a worker of a troupe.
pub(crate) fn set(ctx: &Context<'_>, in_progress: bool) -> bool {
    RUNNING.with(|here| {
        let is_worker = here.is(ctx);
        if is_worker {
            here.flag.set(in_progress);
        }
        is_worker
    })
}

/// Work in progress for as long as this lives: [`troupe_work_in_progress`] as a value, for the state that the work has
/// anyway. When that is dropped, the work is done.
///
/// The troupe learns of it when the handler in which it is dropped returns; a guard that is dropped in another thread
/// counts from the worker's next message on. Several may live at the same time.
///
/// ```
/// use std::time::Duration;
/// use thespian_core::{ActorAddress, Context, WakeupMessage, actor};
/// use thespian_troupe::WorkInProgress;
///
/// /// Takes a second for everything.
/// #[derive(Default)]
/// struct Slow {
///     work: Option<(ActorAddress, WorkInProgress)>,
/// }
///
/// #[actor]
/// impl Slow {
///     fn begin(&mut self, _: &String, ctx: &mut Context<'_>) {
///         self.work = Some((ctx.sender(), WorkInProgress::begin(ctx)));
///         ctx.wakeup_after(Duration::from_secs(1));
///     }
///
///     fn end(&mut self, _: &WakeupMessage, ctx: &mut Context<'_>) {
///         if let Some((asker, _)) = self.work.take() {
///             ctx.send(&asker, "done");
///         }
///     }
/// }
/// # fn main() {}
/// ```
#[must_use = "the work counts as done when this is dropped"]
pub struct WorkInProgress {
    /// How many there are of the same worker. None in an actor that is no worker.
    guards: Option<Arc<AtomicUsize>>,
}

impl WorkInProgress {
    /// Work of the actor that handles a message in this context.
    pub fn begin(ctx: &Context<'_>) -> WorkInProgress {
        let guards = RUNNING.with(|here| {
            here.is(ctx).then(|| {
                let guards = here.replace_guards(None).unwrap_or_default();
                here.replace_guards(Some(guards.clone()));
                guards
            })
        });
        if let Some(guards) = &guards {
            guards.fetch_add(1, Ordering::Relaxed);
        }
        WorkInProgress { guards }
    }
}

impl Drop for WorkInProgress {
    fn drop(&mut self) {
        if let Some(guards) = &self.guards {
            guards.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for WorkInProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WorkInProgress")
    }
}

/// What a worker has said.
#[derive(Default)]
pub(crate) struct Progress {
    flag: bool,
    /// Made with the first guard.
    guards: Option<Arc<AtomicUsize>>,
}

impl Progress {
    pub(crate) fn is_in_progress(&self) -> bool {
        self.flag || self.guards.as_ref().is_some_and(|guards| guards.load(Ordering::Relaxed) > 0)
    }
}

/// The worker whose handler a thread runs, and what it has said so far.
struct Here {
    /// Its address's generation, which no two actors of a system share; 0 for none.
    worker: Cell<u64>,
    flag: Cell<bool>,
    /// Whether there is something in the next. Mostly there is not, and then nobody has to look.
    has_guards: Cell<bool>,
    guards: Cell<Option<Arc<AtomicUsize>>>,
}

thread_local! {
    /// A context has no room for this, and the actor inside a worker knows of no worker.
    static RUNNING: Here = const {
        Here {
            worker: Cell::new(0),
            flag: Cell::new(false),
            has_guards: Cell::new(false),
            guards: Cell::new(None),
        }
    };
}

impl Here {
    fn is(&self, ctx: &Context<'_>) -> bool {
        self.worker.get() == ctx.my_address().generation()
    }

    /// Puts these guards here. Returns those that were.
    #[inline(always)]
    fn replace_guards(&self, guards: Option<Arc<AtomicUsize>>) -> Option<Arc<AtomicUsize>> {
        if guards.is_none() && !self.has_guards.get() {
            return None;
        }
        self.has_guards.set(guards.is_some());
        self.guards.replace(guards)
    }
}

/// While this lives, a worker's handler runs in this thread. A handler may run another one, by `flush`, so the one before
/// comes back at the end.
pub(crate) struct Running<'a> {
    progress: &'a mut Progress,
    worker_before: u64,
    flag_before: bool,
    guards_before: Option<Arc<AtomicUsize>>,
    failed: bool,
}

impl Running<'_> {
    #[inline(always)]
    pub(crate) fn begin<'a>(ctx: &Context<'_>, progress: &'a mut Progress) -> Running<'a> {
        RUNNING.with(|here| Running {
            worker_before: here.worker.replace(ctx.my_address().generation()),
            flag_before: here.flag.replace(progress.flag),
            guards_before: here.replace_guards(progress.guards.take()),
            progress,
            failed: true,
        })
    }

    #[inline(always)]
    pub(crate) fn end(mut self, failed: bool) {
        self.failed = failed;
    }
}

/// Also when the handler panics.
impl Drop for Running<'_> {
    fn drop(&mut self) {
        RUNNING.with(|here| {
            here.worker.set(self.worker_before);
            let flag = here.flag.replace(self.flag_before);
            self.progress.guards = here.replace_guards(self.guards_before.take());
            if !self.failed {
                self.progress.flag = flag;
            }
        });
    }
}
