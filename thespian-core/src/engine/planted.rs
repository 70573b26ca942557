//! Known bugs, planted to measure whether the simulator finds them (a simulator that finds nothing proves nothing).
//!
//! They exist only in builds with `--cfg planted="all"`, which [`set`] then switches on one at a time; in every other
//! build [`is_on`] is the constant `false` and the compiler removes the places.

macro_rules! bugs {
    ($($name:ident = $text:literal),* $(,)?) => {
        /// A bug that can be planted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Bug {
            $(#[doc = $text] $name),*
        }

        impl Bug {
            /// All of them.
            pub const ALL: &'static [Bug] = &[$(Bug::$name),*];

            /// The name by which it is switched on.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Bug::$name => $text),*
                }
            }
        }
    };
}

bugs! {
    LostWakeup = "lost-wakeup",
    EarlyWakeup = "early-wakeup",
    WakeupAfterExit = "wakeup-after-exit",
    DoubleExitNotice = "double-exit-notice",
    LostExitNotice = "lost-exit-notice",
    NoticeBeforeMessages = "notice-before-messages",
    PoisonToWrongSender = "poison-to-wrong-sender",
    PoisonForPoison = "poison-for-poison",
    ThirdAttempt = "third-attempt",
    ActionsOfFailedAttempt = "actions-of-failed-attempt",
    AckBeforeHandling = "ack-before-handling",
    NoDeduplication = "no-deduplication",
    OutOfOrder = "out-of-order",
    NoResend = "no-resend",
    NoResendAfterReconnect = "no-resend-after-reconnect",
    NoAckAfterReconnect = "no-ack-after-reconnect",
    NoProbeForLoss = "no-probe-for-loss",
    LateIsTaken = "late-is-taken",
    LostIsHandled = "lost-is-handled",
    WindowLeak = "window-leak",
    CreditLeak = "credit-leak",
    WorkAfterExitRequest = "work-after-exit-request",
    ExitBeforeChildren = "exit-before-children",
    OrphanOnKill = "orphan-on-kill",
    NameNotFreed = "name-not-freed",
    TwoForOneName = "two-for-one-name",
    StaleDeadLetterHandler = "stale-dead-letter-handler",
    LostDeadLetter = "lost-dead-letter",
    IncarnationIgnored = "incarnation-ignored",
    CapabilityKillMissed = "capability-kill-missed",
}

#[cfg(planted = "all")]
mod switch {
    use super::Bug;
    use core::sync::atomic::{AtomicU8, Ordering};

    const NONE: u8 = u8::MAX;
    static ON: AtomicU8 = AtomicU8::new(NONE);

    /// Switches a bug on, or all off, for the whole process.
    pub fn set(bug: Option<Bug>) {
        ON.store(bug.map_or(NONE, |bug| bug as u8), Ordering::Relaxed);
    }

    /// Whether the bug is on.
    pub fn is_on(bug: Bug) -> bool {
        ON.load(Ordering::Relaxed) == bug as u8
    }
}

#[cfg(not(planted = "all"))]
mod switch {
    use super::Bug;

    /// Does nothing: this build has no planted bugs.
    pub fn set(_bug: Option<Bug>) {}

    /// Never: this build has no planted bugs.
    #[inline(always)]
    pub const fn is_on(_bug: Bug) -> bool {
        false
    }
}

pub use switch::{is_on, set};

/// Whether this build has planted bugs.
pub const BUILT_IN: bool = cfg!(planted = "all");
