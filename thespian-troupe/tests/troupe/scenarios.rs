//! The names of all scenarios that hold on every base, and the types of their actors.

use thespian_core::ActorTypes;
use thespian_troupe::Troupe;

use crate::ground::Bee;
use crate::{failures, keys, pool, progress};

/// Has a macro make something of every scenario.
macro_rules! every_scenario {
    ($then:ident) => {
        $then! {
            pool {
                every_message_goes_to_exactly_one_worker,
                the_answer_comes_straight_from_a_worker,
                each_of_many_askers_gets_its_own_answers,
                workers_come_with_the_work_up_to_max_count,
                the_first_to_come_is_the_first_served,
                workers_go_down_to_idle_count_after_the_work,
                a_troupe_can_be_large,
                no_worker_is_made_before_there_is_work,
                settings_change_by_text,
                settings_change_by_message,
                wrong_numbers_are_answered_and_change_nothing,
                a_text_for_the_troupe_is_no_work,
                raising_max_count_serves_what_waits_at_once,
                lowering_max_count_takes_workers_as_they_finish,
                lowering_idle_count_dismisses_after_the_delay,
                falsy_messages_are_work,
                a_start_argument_reaches_every_worker,
                a_named_troupe_is_an_actor_type,
                a_troupe_is_created_by_name,
                bad_settings_are_typed_errors,
                a_wrong_start_argument_is_refused,
                a_worker_needs_what_its_type_needs,
            }
            failures {
                a_failure_reaches_the_asker_as_if_asked_directly,
                a_worker_that_failed_works_on,
                the_first_message_of_a_worker_may_fail,
                a_fresh_instance_can_be_asked_for,
                the_work_of_a_worker_that_dies_goes_to_another,
                an_idle_worker_that_dies_is_replaced_when_there_is_work,
                a_worker_that_asks_for_too_much_has_failed,
                a_message_that_outlives_its_workers_comes_back,
                a_full_troupe_sends_back_and_names_the_limit,
                without_a_queue_nothing_waits,
                workers_that_never_start_send_back_with_the_reason,
                workers_exit_with_their_troupe,
                an_exit_that_is_not_recursive_takes_the_workers_too,
                what_waits_at_the_exit_comes_back,
                what_is_in_progress_at_the_exit_comes_back,
            }
            progress {
                a_worker_in_progress_gets_no_other_work,
                a_guard_ends_the_work_when_it_is_dropped,
                a_failed_attempt_leaves_the_mark_as_it_was,
                outside_a_troupe_the_mark_has_no_effect,
                the_mark_of_one_is_not_that_of_another,
                a_worker_in_progress_is_not_dismissed,
                troupes_work_in_troupes,
                workers_use_troupes_of_their_own,
                a_worker_is_answered_by_its_own_troupe,
            }
            keys {
                messages_with_one_key_go_to_one_worker_in_order,
                keys_spread_over_as_many_workers_as_there_may_be,
                a_message_waits_for_the_worker_of_its_key_though_others_are_idle,
                a_new_key_goes_to_the_worker_that_has_least_to_do,
                messages_without_a_key_go_to_any_worker_in_their_turn,
                a_key_whose_worker_dies_gets_another_and_keeps_its_order,
                a_failure_does_not_hold_up_its_key,
                a_key_that_cannot_be_had_is_poison,
                what_waits_for_a_key_counts_towards_the_limit,
                what_waits_for_a_key_at_the_exit_comes_back,
                keys_of_a_dismissed_worker_move_with_what_waits,
                raising_max_count_takes_no_key_from_its_worker,
                keys_beyond_the_limit_are_forgotten_but_not_while_they_have_messages,
                a_named_troupe_can_have_keys,
                a_limit_of_keys_is_checked,
            }
        }
    };
}

pub(crate) use every_scenario;

/// The types of actors that have parameters: they are not found by themselves.
pub(crate) fn actor_types() -> ActorTypes {
    together([
        Troupe::<Bee>::types(),
        failures::actor_types(),
        keys::actor_types(),
        pool::actor_types(),
        progress::actor_types(),
    ])
}

pub(crate) fn together<const N: usize>(parts: [ActorTypes; N]) -> ActorTypes {
    parts.into_iter().fold(ActorTypes::new(), |mut types, part| {
        types.extend(part);
        types
    })
}
