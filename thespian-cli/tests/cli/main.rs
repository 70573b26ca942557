//! The program `thespian` as people run it, against systems of this one.
//!
//! - `looking`: `status`, `actors`, `ping`, `logs`
//! - `ending`: `shutdown`
//! - `refusing`: every exit code that means that it could not be done

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod ending;
mod kit;
mod looking;
mod refusing;

use libtest_mimic::{Arguments, Trial};

/// Tests by their functions' names.
macro_rules! trials {
    ($($module:ident::$name:ident),* $(,)?) => {
        vec![$(Trial::test(concat!(stringify!($module), "::", stringify!($name)), || {
            $module::$name();
            Ok(())
        })),*]
    };
}

fn main() {
    thespian_multiproc::Init::new().actors(kit::actor_types()).run();
    let arguments = Arguments::from_args();
    let trials = trials![
        looking::status_shows_the_system,
        looking::actors_are_a_tree_with_what_their_processes_cost,
        looking::an_actor_whose_handler_runs_is_shown_as_busy,
        looking::an_actor_that_does_not_answer_is_shown_with_its_process_and_is_a_problem,
        looking::an_actor_that_works_has_a_rate_and_one_that_does_not_has_none,
        looking::many_actors_are_asked_at_once,
        looking::a_system_that_lists_few_of_its_actors_shows_their_children_and_says_what_is_missing,
        looking::pings_are_answered,
        looking::logs_follows_the_file_through_rotations_until_the_system_ends,
        looking::without_a_log_file_logs_says_where_the_log_goes,
        looking::a_reader_that_stops_early_is_no_error,
        ending::shutdown_ends_the_system_and_says_what_ended,
        ending::a_system_on_udp_is_looked_at_and_ended,
        ending::a_shutdown_that_takes_longer_is_left_to_itself,
        refusing::nobody_there_is_3_and_no_system_is_started,
        refusing::another_secret_is_4,
        refusing::a_program_that_is_no_actor_system_is_4,
        refusing::an_admin_that_hangs_is_5,
        refusing::a_wrong_command_line_is_2,
    ];
    libtest_mimic::run(&arguments, trials).exit();
}
