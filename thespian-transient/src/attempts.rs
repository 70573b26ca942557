//! Which attempt at a message this is.

use thespian_core::Actor;

/// Counts the attempts of an actor at one message. A failed attempt may have panicked, so it is only known by the next.
#[derive(Debug)]
pub(crate) struct Attempts {
    allowed: u8,
    /// How many have begun since the last that succeeded.
    begun: u8,
}

impl Attempts {
    pub(crate) fn of<A: Actor>() -> Attempts {
        Attempts { allowed: A::failure_policy().attempts(), begun: 0 }
    }

    /// An attempt begins. Says whether it is the first at its message: the runtime tries again at once, so it is not if the
    /// one before failed and there was another left.
    pub(crate) fn begin(&mut self) -> bool {
        if self.begun >= self.allowed {
            self.begun = 0;
        }
        self.begun += 1;
        self.begun == 1
    }

    /// The attempt has succeeded.
    pub(crate) fn succeeded(&mut self) {
        self.begun = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which attempts are the first at their message, where `.` is one that succeeds and `x` one that fails.
    fn firsts(allowed: u8, course: &str) -> Vec<bool> {
        let mut attempts = Attempts { allowed, begun: 0 };
        let outcomes = course.chars().map(|outcome| outcome == '.');
        outcomes
            .map(|succeeds| {
                let first = attempts.begin();
                if succeeds {
                    attempts.succeeded();
                }
                first
            })
            .collect()
    }

    #[test]
    fn a_second_attempt_is_not_the_first_and_the_next_message_is() {
        assert_eq!(
            firsts(2, "..x.xx.xxxx"),
            [true, true, true, false, true, false, true, true, false, true, false]
        );
        assert_eq!(firsts(1, ".xx."), [true; 4]);
    }
}
