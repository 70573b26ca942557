//! Whether what an actor is to be made with makes sense.

use thespian_core::{Actor, Error, Helpers};

use crate::set::InitSet;

/// The largest [`KEPT_LIMIT`](crate::InitActor::KEPT_LIMIT) that is allowed, in messages. Whoever expects more should not
/// send before the actor says that it runs.
pub const LARGEST_KEPT_LIMIT: usize = 1_000_000;

/// Refuses to compile what cannot wait for initialization messages.
pub(crate) const fn check_combination(inside: Helpers) {
    assert!(
        !inside.include(Helpers::TROUPE),
        "initialization messages cannot be combined with a troupe: each would reach one worker only (guide section 8.3)"
    );
}

/// The settings of an actor, if they can be used.
pub(crate) fn check<A: Actor, S: InitSet>(kept_limit: usize) -> Result<(), Error> {
    let types = S::types();
    let refuse =
        |setting: &str, problem: String| Err(Error::InvalidSetting { setting: setting.into(), problem });
    if kept_limit == 0 {
        return refuse("KEPT_LIMIT", "is zero, and must be at least one message".into());
    }
    if kept_limit > LARGEST_KEPT_LIMIT {
        return refuse(
            "KEPT_LIMIT",
            format!("is {kept_limit}, and must be at most {LARGEST_KEPT_LIMIT} messages"),
        );
    }
    if let Some(twice) =
        types.iter().enumerate().find_map(|(at, name)| types[..at].contains(name).then_some(name))
    {
        return refuse(
            "init set",
            format!(
                "has {twice} twice, and nothing would tell the two apart: make one of them a message type of its own"
            ),
        );
    }
    if S::SYSTEM {
        return refuse(
            "init set",
            "has a message of the runtime, and these are not waited for: the actor gets them when they come"
                .into(),
        );
    }
    if A::failure_policy().fresh_instance() {
        return refuse(
            "failure_policy",
            "asks for a fresh instance after a failure, which would have forgotten its initialization messages: use \
             RETRY_ONCE or NO_RETRY"
                .into(),
        );
    }
    Ok(())
}
