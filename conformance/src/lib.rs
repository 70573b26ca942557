//! The conformance suite: what every base promises, one scenario per behaviour, written against the public API.
//!
//! A base runs it with one line in a test:
//!
//! ```ignore
//! thespian_conformance::conformance!(MyBase::new());
//! ```
//!
//! where the expression makes a [`Subject`]. Every scenario becomes a test of its own. What a base cannot do stands in
//! [`BASES`]; a scenario that needs it is skipped there, and says why.

mod actors;
mod ground;
pub mod processes;
mod table;

pub use ground::{Ground, Subject};
pub use table::{Ability, BASES, BaseRow, as_markdown, why_not};

/// A behaviour, and how to see it.
pub struct Scenario {
    /// The module and name.
    pub name: &'static str,
    /// What it needs.
    pub needs: Option<Ability>,
    run: fn(&Ground<'_>),
}

/// Every actor type of the suite, for bases whose processes have to know them beforehand.
pub fn actor_types() -> thespian_core::ActorTypes {
    let mut types = thespian_core::ActorTypes::linked();
    types.extend(creation::actor_types());
    types.extend(dispatcher::actor_types());
    types
}

/// Plays a scenario on a base.
///
/// # Panics
///
/// If the base does not do what the scenario asks for, or leaves something behind.
pub fn play(name: &str, subject: &dyn Subject) {
    let scenario = SCENARIOS.iter().find(|scenario| scenario.name == name);
    let scenario = scenario.unwrap_or_else(|| panic!("no scenario is called {name}"));
    if let Some(why) = scenario.needs.and_then(|ability| why_not(subject.base(), ability)) {
        log::info!("{name} is skipped on {}: {why}", subject.base());
        return;
    }
    let ground = Ground::new(subject);
    (scenario.run)(&ground);
    ground.finish();
}

/// Lists the scenarios once: for the table, and for the macro that makes a test of each.
macro_rules! suite {
    ($dollar:tt $($module:ident { $($scenario:ident $(needs $ability:ident)?),* $(,)? })*) => {
        $(mod $module;)*

        /// Every scenario.
        pub const SCENARIOS: &[Scenario] = &[$($(
            Scenario {
                name: concat!(stringify!($module), "::", stringify!($scenario)),
                needs: suite!(@needs $($ability)?),
                run: $module::$scenario,
            }
        ),*),*];

        /// Makes a test of every scenario, played on a base.
        #[macro_export]
        macro_rules! conformance {
            ($dollar subject:expr) => {$(
                mod $module {
                    $(
                        #[test]
                        fn $scenario() {
                            let subject = $dollar subject;
                            $crate::play(concat!(stringify!($module), "::", stringify!($scenario)), &subject);
                        }
                    )*
                    #[allow(unused_imports, reason = "the expression is written for the caller's module")]
                    use super::*;
                }
            )*};
        }
    };
    (@needs) => { None };
    (@needs $ability:ident) => { Some(Ability::$ability) };
}

suite! { $
    addresses {
        an_address_is_equal_to_itself_everywhere,
        an_address_works_inside_any_container,
        an_address_can_be_used_before_the_actor_runs,
        an_address_of_the_dead_never_reaches_the_living,
        an_actor_knows_its_own_address,
        a_child_is_the_sender_of_its_first_message,
        addresses_can_be_hashed_ordered_and_printed,
        an_address_that_was_made_up_reaches_nobody,
        nobody_is_no_target,
    }
    capabilities {
        a_required_capability_lets_an_actor_run,
        a_missing_capability_refuses_the_create,
        a_required_value_must_be_equal,
        requirements_stack_with_a_check,
        a_check_is_given_the_requirements,
        requirements_of_an_unexpected_shape_are_refused_with_the_reason,
        a_check_that_panics_means_not_compatible,
        a_check_that_fails_says_why,
        an_update_ends_the_actors_that_no_longer_fit,
        an_update_leaves_the_others_alone,
        an_update_without_a_change_has_no_effect,
        an_added_capability_can_end_actors,
        an_actor_can_update_a_capability,
        an_actor_can_end_itself_by_an_update,
        removing_a_capability_is_an_update,
        a_removed_capability_is_gone_from_the_list,
        read_only_capabilities_cannot_be_changed,
        read_only_capabilities_cannot_be_set_at_the_start,
        a_capability_needs_a_name,
        the_automatic_capabilities_are_there,
        capabilities_keep_values_of_every_shape,
        a_capability_of_the_wrong_kind_is_refused_at_the_start,
        a_check_that_panics_on_an_update_ends_the_actor,
    }
    creation {
        an_actor_is_created_by_type,
        an_actor_is_created_by_name,
        an_unknown_name_lists_near_misses,
        an_empty_name_is_refused,
        a_very_long_name_is_refused,
        a_start_argument_reaches_the_constructor,
        a_wrong_start_argument_is_refused,
        a_constructor_that_fails_is_reported,
        a_constructor_that_panics_is_reported,
        a_constructor_that_panics_with_no_text_is_reported,
        a_child_that_cannot_start_is_reported_once,
        a_child_of_an_unknown_type_is_reported_once,
        a_child_without_a_compatible_system_is_reported_once,
        messages_for_a_child_that_never_started_come_back,
        messages_wait_for_a_child_to_run,
        a_third_actor_gets_its_message_back_from_a_child_that_never_started,
        many_children_are_created_in_one_attempt,
        a_source_hash_is_not_supported_yet,
        a_failed_create_disturbs_nothing_else,
        an_explicit_table_adds_types,
        a_system_has_a_limited_number_of_actors,
    }
    dead_letters {
        a_message_for_the_dead_reaches_the_handler,
        without_a_handler_a_dead_letter_is_dropped,
        the_last_handler_to_register_wins,
        an_earlier_handler_is_not_restored,
        a_handler_that_never_was_one_cannot_stop,
        a_handler_that_exits_is_removed,
        what_comes_after_an_exit_request_becomes_dead_letters,
        dead_letters_keep_their_order_and_content,
        a_dead_handler_makes_no_endless_letters,
        a_message_from_outside_for_the_dead_is_a_dead_letter,
        a_handler_that_fails_on_a_letter_lives_on,
        dead_letters_are_counted,
    }
    dispatcher {
        a_message_goes_to_the_handler_for_its_type,
        a_message_goes_to_the_handler_of_the_type_it_extends,
        the_most_specific_handler_is_taken,
        super_goes_on_to_the_extended_type,
        an_extending_actor_adds_and_replaces_handlers,
        the_actors_own_handler_for_the_parent_comes_after_the_extended_actors_own,
        super_goes_on_to_the_extended_actor,
        an_unrecognized_message_is_dropped,
        an_unrecognized_message_goes_to_the_fallback,
        the_fallback_of_the_extended_actor_is_taken,
        super_from_every_handler_ends_at_the_fallback,
        a_single_entry_point_sees_everything,
        an_actor_by_hand_sees_everything,
        system_messages_are_dispatched_by_type,
        handlers_may_return_what_they_like,
        a_message_that_extends_two_levels_up_is_found,
        a_generic_message_keeps_its_parameters_apart,
        a_message_keeps_the_name_it_was_given,
    }
    exits {
        an_exit_request_ends_an_actor,
        an_exit_request_is_handled_before_the_end,
        an_actor_cannot_refuse_to_exit,
        a_handler_that_fails_on_an_exit_request_exits_all_the_same,
        the_parent_is_told_once,
        the_parent_of_a_top_level_actor_is_nobody,
        an_exit_takes_the_children_along,
        children_go_before_their_parent,
        an_exit_that_is_not_recursive_spares_the_children,
        a_sender_can_ask_for_an_exit_that_spares_the_children,
        spared_children_end_with_the_system,
        the_exit_of_a_spared_child_is_told_to_nobody,
        an_exit_request_overtakes_waiting_messages,
        a_notice_comes_after_the_childs_last_message,
        what_an_exiting_actor_sends_arrives,
        an_actor_can_end_itself,
        a_second_exit_request_changes_nothing,
        children_created_while_exiting_go_too,
        an_actor_that_exits_drops_its_state,
        a_killed_child_is_reported_once needs Kills,
        a_killed_actor_takes_its_children_along needs Kills,
        what_was_sent_to_a_killed_actor_is_accounted_for needs Kills,
    }
    failures {
        a_failed_message_is_tried_twice_and_comes_back,
        a_panic_is_a_failure,
        a_panic_with_no_text_is_a_failure,
        the_second_attempt_may_succeed,
        the_state_of_a_failed_attempt_stays,
        a_failed_attempt_releases_nothing,
        a_failed_attempt_creates_nothing,
        a_failed_attempt_sets_no_timer,
        a_failed_attempt_frees_the_name_it_claimed,
        what_was_flushed_is_not_taken_back,
        poison_carries_the_original_message,
        poison_carries_the_text_of_the_error_and_its_causes,
        only_the_direct_sender_is_poisoned,
        a_handler_that_fails_on_poison_poisons_nobody,
        a_failure_on_a_wakeup_poisons_the_actor_itself,
        a_failure_on_an_own_message_poisons_the_actor_itself,
        the_actor_lives_on_after_a_failure,
        an_actor_can_choose_to_have_no_retry,
        an_actor_can_choose_a_fresh_instance,
        an_instance_that_cannot_be_replaced_quietly_disturbs_nobody,
        a_caller_outside_is_poisoned,
        failed_attempts_are_counted,
        an_attempt_that_asks_for_too_much_fails,
        a_message_of_the_wrong_bytes_poisons needs Encoding,
    }
    families {
        a_family_four_levels_deep_is_rebuilt_after_failures,
        a_tree_of_250_actors_adds_up,
        a_chain_of_100_actors_passes_a_message_on,
        a_thousand_siblings_answer,
        grandchildren_outlive_a_failure_of_their_parent,
        a_ring_of_actors_comes_round,
    }
    flow {
        messages_between_two_actors_keep_their_order,
        a_flood_is_delivered_whole_and_in_order,
        actors_that_flood_each_other_come_to_an_end,
        an_actor_that_floods_itself_comes_to_an_end,
        flush_releases_in_order,
        a_slow_target_does_not_delay_another,
        an_exit_request_gets_through_a_backlog,
        unbounded_fans_are_held_back_and_delivered,
    }
    messages {
        every_built_in_type_arrives_as_itself,
        a_message_of_50_megabytes_arrives needs Large,
        a_message_inside_a_message_arrives,
        a_message_that_is_sent_on_arrives_as_it_came_and_in_turn,
        a_message_is_sent_on_twice_or_before_a_flush_or_not_at_all,
        an_empty_message_arrives,
        a_falsy_message_arrives,
        a_message_is_the_same_at_both_attempts,
        a_message_that_cannot_be_encoded_comes_back needs Encoding,
        a_message_that_cannot_be_encoded_is_refused_outside needs Encoding,
        a_message_that_panics_when_it_is_encoded_comes_back needs Encoding,
        an_oversized_message_comes_back needs Encoding,
        an_actor_knows_how_large_a_message_may_be,
        an_oversized_message_is_refused_outside needs Encoding,
        a_message_of_a_type_nobody_knows_is_dropped,
        deep_messages_arrive,
    }
    names {
        a_named_actor_is_created_once,
        a_named_actor_is_found,
        a_name_that_is_not_in_use_is_not_found,
        a_name_in_use_ignores_everything_else,
        a_name_is_free_after_the_exit,
        the_old_address_of_a_name_is_dead,
        two_creators_at_one_moment_get_one_actor,
        the_exit_of_a_named_actor_is_told_to_nobody,
        a_named_actor_outlives_its_creator,
        an_empty_global_name_is_refused,
        a_global_name_over_the_limit_is_refused,
        a_name_whose_actor_cannot_start_is_free,
        names_are_those_of_one_system,
        a_name_may_be_any_text,
    }
    outside {
        tell_does_not_wait_for_an_answer,
        ask_brings_the_answer,
        ask_brings_any_message_that_comes_next,
        ask_times_out,
        ask_tells_that_the_target_is_dead,
        a_late_answer_waits_for_the_next_listen,
        listen_brings_what_comes,
        listen_times_out,
        request_brings_its_own_answer_only,
        request_times_out,
        request_tells_that_the_target_is_dead,
        request_tells_that_the_target_failed,
        request_tells_that_the_answer_is_of_another_type,
        private_endpoints_do_not_share,
        an_endpoint_that_is_gone_gets_nothing,
        nobody_waits_at_an_endpoint_that_is_gone,
        what_an_endpoint_told_before_it_went_arrives,
        system_messages_do_not_come_out,
        status_and_poison_do_come_out,
        timeouts_can_be_given_in_many_ways,
        an_endpoint_that_is_full_turns_messages_away,
        a_hundred_threads_ask_at_once,
        a_hundred_threads_with_private_endpoints,
        calls_from_inside_an_actor_are_refused needs Shared,
        calls_from_what_is_dropped_are_refused needs Shared,
        an_endpoint_address_can_be_given_away,
    }
    status {
        an_actor_tells_its_status,
        a_system_tells_its_status,
        a_status_request_does_not_reach_the_handler,
        status_can_be_read_by_people,
        an_actor_can_ask_for_status,
        every_message_is_counted,
    }
    systems {
        a_system_shuts_down_with_all_its_actors,
        shutting_down_twice_is_no_error,
        every_call_on_a_dead_system_says_so,
        an_actor_can_shut_the_system_down,
        systems_do_not_share_actors,
        shutdown_asks_every_actor_to_exit,
        what_is_under_way_at_a_shutdown_ends,
        limits_that_make_no_sense_are_refused,
        features_that_are_not_there_say_so,
        a_system_can_be_started_again,
        uptime_grows,
    }
    wakeups {
        a_wakeup_comes_once_and_not_early,
        a_wakeup_brings_its_payload,
        a_falsy_payload_is_a_payload,
        wakeups_come_in_due_order,
        equal_delays_come_in_the_order_asked,
        a_wakeup_without_delay_comes_at_once,
        a_wakeup_comes_from_the_actor_itself,
        wakeups_and_messages_mix,
        many_wakeups_are_pending_at_once needs Large,
        no_wakeup_comes_after_an_exit,
        an_ask_waits_for_the_wakeups_it_needs,
        a_wakeup_can_set_the_next,
        a_very_long_wakeup_does_no_harm,
        pending_wakeups_are_counted,
        an_actor_has_a_limited_number_of_pending_wakeups,
    }
    watch {
        the_capability_says_whether_descriptors_are_watched,
        a_readable_descriptor_brings_one_message needs Watch,
        what_is_readable_already_is_told_at_once needs Watch,
        of_several_descriptors_the_readable_ones_are_told needs Watch,
        the_message_comes_from_the_actor_itself needs Watch,
        a_watch_holds_until_the_next_message needs Watch,
        a_wakeup_ends_a_watch_too needs Watch,
        the_latest_watch_replaces_the_one_before needs Watch,
        messages_and_wakeups_go_on_while_descriptors_are_watched needs Watch,
        an_actor_that_always_has_messages_hears_of_its_descriptors needs Watch,
        descriptors_that_are_not_open_are_ignored needs Watch,
        a_descriptor_that_is_given_twice_is_told_once needs Watch,
        a_descriptor_may_be_closed_while_it_is_watched needs Watch,
        a_file_is_readable_at_once needs Watch,
        the_end_of_a_stream_is_readable needs Watch,
        a_message_without_a_handler_ends_the_watch needs Watch,
        a_handler_for_what_has_none_keeps_the_watch needs Watch,
        a_handler_that_fails_watches_nothing needs Watch,
        nothing_is_told_after_an_exit needs Watch,
    }
}
