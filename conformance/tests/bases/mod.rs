//! What bases with processes do, whatever carries their messages: the same scenarios under the same names for each.
//!
//! With each startup method that the base has:
//!
//! - the conformance suite
//! - [`deaths`]: an actor's process ends, hangs or is sent signals
//! - [`ends`]: how a system ends, and how it does not
//! - [`programs`]: who joins a system
//! - [`load`]: many actors, many messages
//! - [`accounting`]: kills at random moments, and the account of every message
//!
//! A test program includes this module and has another, `base`, that says which base it is: its `NAME`, the `METHODS` it
//! starts processes by, the `transport()` as it comes, and what is `put` into a builder for a system of a trial's own. What
//! only that base does stands beside it. What a base cannot do is in the suite's table, and nowhere else.

pub(crate) mod accounting;
pub(crate) mod actors;
pub(crate) mod deaths;
pub(crate) mod ends;
pub(crate) mod ledgers;
pub(crate) mod load;
pub(crate) mod programs;

use thespian_conformance::processes::{ProcessScenario, Processes, Suite};
use thespian_conformance::{Ability, why_not};

use crate::base;

/// Scenarios, or programs of scenarios, of several modules.
type Modules = [&'static [ProcessScenario]];

/// Everything that all bases have, and what is given here of the base's own.
pub(crate) fn suite(own: &Modules, programs: &Modules) -> Suite {
    let mut scenarios = vec![deaths::SCENARIOS, ends::SCENARIOS, load::SCENARIOS, accounting::SCENARIOS];
    scenarios.extend(own);
    if why_not(base::NAME, Ability::Joining).is_none() {
        scenarios.extend([ends::JOINING, programs::JOINING]);
    }
    let mut others = vec![ends::PROGRAMS, programs::PROGRAMS, accounting::PROGRAMS];
    others.extend(programs);
    let mut suite = Suite::new(base::NAME, base::put);
    for method in base::METHODS {
        suite = suite.conformance(method);
        suite = scenarios.iter().fold(suite, |suite, scenarios| suite.scenarios(method, scenarios));
        suite = others.iter().fold(suite, |suite, programs| suite.programs(method, programs));
    }
    suite
}

/// Whether other programs join systems of this base.
pub(crate) fn is_joined(ground: &Processes) -> bool {
    why_not(ground.base(), Ability::Joining).is_none()
}
