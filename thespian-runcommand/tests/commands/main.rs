//! What the actor does with commands, blocking on the simple base and in the simulator, and watching on a stage.
//!
//! - `ground`: what the scenarios stand on.
//! - `scenarios`: the names of those that are played in either mode.
//! - `results`: what becomes of a command, in either mode.
//! - `streams`: input, output, partial output.
//! - `sizes`: what does not fit into a message.
//! - `logs`: what is logged, and what is not.
//! - `responsive`: what only an actor that watches can do.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../kit/mod.rs"]
mod kit;

mod ground;
mod logs;
mod responsive;
mod results;
mod scenarios;
mod sizes;
mod streams;

use ground::Ground;
use scenarios::{every_scenario, every_scenario_of_sizes, every_scenario_with_a_watch};

/// Plays every scenario on every ground.
macro_rules! scenarios {
    ($($module:ident { $($scenario:ident),* $(,)? })*) => {
        scenarios! { @ground blocking Ground::simple; $($module { $($scenario),* })* }
        scenarios! { @ground simulated Ground::simulated; $($module { $($scenario),* })* }
        scenarios! { @ground watching Ground::watching; $($module { $($scenario),* })* }
    };
    (@ground $name:ident $make:path; $($module:ident { $($scenario:ident),* })*) => {
        mod $name {
            use super::*;
            $(mod $module {
                use super::*;
                $(#[test]
                fn $scenario() {
                    let mut ground = $make(Default::default());
                    crate::$module::$scenario(&mut ground);
                    ground.finish();
                })*
            })*
        }
    };
}

/// Plays scenarios on a stage alone.
macro_rules! on_a_stage {
    ($($module:ident { $($scenario:ident),* $(,)? })*) => {
        scenarios! { @ground on_stage Ground::watching; $($module { $($scenario),* })* }
    };
}

/// Plays scenarios where messages are encoded, and where they are said to be.
macro_rules! on_bases_with_sizes {
    ($($module:ident { $($scenario:ident),* $(,)? })*) => {
        scenarios! { @ground encoded Ground::simulated; $($module { $($scenario),* })* }
        scenarios! { @ground watching_sizes Ground::watching; $($module { $($scenario),* })* }
    };
}

every_scenario!(scenarios);
every_scenario_of_sizes!(on_bases_with_sizes);
every_scenario_with_a_watch!(on_a_stage);
