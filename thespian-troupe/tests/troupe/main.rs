//! What troupes do, on the simple base, in the simulator, and in a storm there.
//!
//! - `ground`: what the scenarios stand on, and the actors they use.
//! - `pool`: who gets which message, how the troupe grows and shrinks, its settings.
//! - `failures`: poison, deaths, starts that fail, limits, the end.
//! - `keys`: messages that belong together.
//! - `progress`: work in progress, and troupes in troupes.
//! - `scenarios`: all their names.
//! - `time`: how long it takes, in virtual time, and random deaths in a storm.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod failures;
mod ground;
mod keys;
mod pool;
mod progress;
mod scenarios;
mod time;

use ground::Ground;
use scenarios::every_scenario;

/// Plays every scenario on every ground.
macro_rules! scenarios {
    ($($module:ident { $($scenario:ident),* $(,)? })*) => {
        scenarios! { @ground simple Ground::simple; $($module { $($scenario),* })* }
        scenarios! { @ground simulated Ground::simulated; $($module { $($scenario),* })* }
        scenarios! { @ground storm Ground::storm; $($module { $($scenario),* })* }
    };
    (@ground $name:ident $make:path; $($module:ident { $($scenario:ident),* })*) => {
        mod $name {
            use super::*;
            $(mod $module {
                use super::*;
                $(#[test]
                fn $scenario() {
                    let ground = $make();
                    crate::$module::$scenario(&ground);
                    ground.finish();
                })*
            })*
        }
    };
}

every_scenario!(scenarios);
