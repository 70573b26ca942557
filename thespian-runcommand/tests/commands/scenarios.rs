//! The names of all scenarios.

/// Has a macro make something of every scenario that holds in either mode.
macro_rules! every_scenario {
    ($then:ident) => {
        $then! {
            results {
                a_command_that_succeeds_says_so,
                an_exit_code_is_the_commands,
                a_signal_is_a_negative_exit_code,
                a_signal_without_a_name_is_one_too,
                a_program_that_is_not_there_is_the_systems_error,
                a_program_that_may_not_be_run_is_the_systems_error,
                a_script_gets_its_arguments,
                the_environment_is_the_one_given_or_the_actors,
                a_command_that_takes_too_long_is_terminated,
                a_command_that_does_not_mind_is_killed_after_the_grace,
                a_command_that_ends_well_when_told_to_has_not_succeeded,
                time_counts_from_the_start,
                settings_that_make_no_sense_are_refused_with_the_reason,
                the_start_is_reported_before_the_result,
                what_a_command_leaves_running_ends_with_it,
                what_has_detached_itself_ends_with_it,
                what_forks_as_fast_as_it_can_ends_with_it,
                a_command_has_a_session_of_its_own_and_nothing_open,
                commands_are_answered_in_the_order_they_came,
                an_abort_without_a_command_is_nothing,
            }
            streams {
                input_reaches_the_command,
                large_input_meets_large_output,
                input_that_nobody_reads_is_no_error,
                without_input_there_is_nothing_to_read,
                output_and_error_are_kept_apart,
                bytes_stay_as_they_are,
                of_too_much_output_the_ends_are_kept,
                partial_output_adds_up_to_the_result,
                partial_output_is_whole_where_the_result_is_cut,
            }
            logs {
                a_command_is_logged_at_its_logger,
                a_failure_is_an_error_unless_it_is_expected,
                a_tag_replaces_the_program,
                a_silent_command_is_not_logged,
                without_a_logger_the_processs_log_is_used,
                what_is_to_be_omitted_is_in_no_log,
            }
        }
    };
}

/// Has a macro make something of every scenario for bases that have a largest message.
macro_rules! every_scenario_of_sizes {
    ($then:ident) => {
        $then! {
            sizes {
                a_result_that_is_too_large_is_cut,
                a_stream_gets_the_room_that_the_other_does_not_need,
                input_and_environment_go_before_output_does,
                partial_output_comes_in_pieces_that_fit,
                a_long_line_is_shortened_and_the_command_answered,
                a_command_that_is_refused_fits_into_its_answer,
                lines_of_the_log_fit,
            }
        }
    };
}

/// Has a macro make something of every scenario that an actor can only play while it watches.
macro_rules! every_scenario_with_a_watch {
    ($then:ident) => {
        $then! {
            responsive {
                an_abort_ends_the_command_that_runs_and_no_other,
                an_aborted_command_that_goes_on_is_killed_after_the_grace,
                output_comes_while_the_command_runs,
                a_flood_of_output_does_not_hide_an_abort,
                any_other_message_leaves_the_watch_in_force,
                a_full_queue_answers_and_names_the_limit,
                without_a_queue_a_second_command_is_refused,
                an_exit_answers_everybody,
                an_exit_answers_with_what_fits,
                a_command_that_is_stopped_is_terminated_all_the_same,
            }
        }
    };
}

pub(crate) use {every_scenario, every_scenario_of_sizes, every_scenario_with_a_watch};
