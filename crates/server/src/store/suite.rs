//! What every store must do, told over [`Store`] alone: the suite that an implementation runs by saying how it is opened.
//!
//! ```ignore
//! suite!(Folder::new());
//! ```
//!
//! What only one implementation has (group commit, migrations, damaged files) is tested beside it.

pub mod accounts;
pub mod answers;
pub mod audit;
pub mod content;
pub mod endpoints;
pub mod groups;
pub mod origin;
pub mod rights;
pub mod sessions;
pub mod upkeep;

use super::Store;
use super::audit::AuditQuery;
use crate::model::actor::Actor;
use crate::model::audit::Deed;
use std::sync::Arc;

/// Somewhere a store keeps its things. Opened again after the last one was dropped, it has them still.
pub(super) trait Place {
    fn open(&self) -> Arc<dyn Store>;
}

/// Makes a test of each case, each in a new place.
macro_rules! suite {
    ($place:expr) => {
        $crate::store::suite::suite!(@ $place,
            accounts::names_are_taken_once_and_only_what_happened_is_audited,
            accounts::the_first_administrator_is_made_once_and_the_last_one_stays,
            accounts::a_new_password_ends_other_sessions,
            accounts::sessions_that_are_over_are_cleared_away,
            accounts::tokens_belong_to_their_owner,
            accounts::a_device_is_known_until_the_password_changes,
            accounts::the_devices_seen_last_are_known,
            accounts::all_access_ends_at_once,
            accounts::one_time_passwords_of_the_server_are_told_until_they_are_changed,
            accounts::the_servers_own_account_has_one_token_of_a_name,
            accounts::others_change_roles_passwords_and_sessions,
            accounts::a_failure_names_the_operation,
            sessions::who_is_shut_out_has_nothing_left_and_the_last_administrator_stays_in,
            sessions::sessions_are_listed_and_ended_one_by_one_and_all,
            answers::a_question_is_kept_with_its_order_and_deed,
            answers::what_cannot_be_signed_is_not_kept,
            answers::a_question_ends_once,
            answers::answers_come_back_in_order_in_pieces_of_any_size,
            answers::a_batch_is_kept_whole_or_not_at_all,
            audit::the_chain_holds_across_changes_and_reopening,
            audit::entries_are_found_by_who_and_what,
            audit::entries_are_found_by_endpoint_and_time,
            content::what_is_read_back_is_what_was_kept,
            content::of_two_changes_of_one_revision_the_second_is_refused_whole,
            content::what_was_done_is_found_by_object_and_pack,
            endpoints::a_token_lets_in_as_many_as_it_says,
            endpoints::refusals_say_why_and_change_nothing,
            endpoints::what_endpoints_say_is_kept,
            endpoints::keys_change_with_renewals_and_a_token_speaks_for_the_key_that_shows_it,
            groups::groups_are_kept_by_name,
            groups::a_name_means_one_thing_in_each_version,
            groups::a_group_in_use_stays,
            groups::a_group_outlives_its_owner,
            groups::a_group_is_given_away,
            origin::the_first_mark_stays,
            rights::roles_and_user_groups_are_kept_and_those_in_use_stay,
            rights::what_somebody_was_given_goes_with_them,
            rights::who_is_in_a_group_is_kept_for_what_it_means_now,
            upkeep::what_is_to_be_kept_is_never_among_the_old,
            upkeep::answers_go_and_their_sum_stays,
            upkeep::a_removed_question_is_seen_by_nobody,
            upkeep::orders_go_and_their_numbers_do_not_come_again,
            upkeep::the_audit_log_is_cut_at_its_front_only_and_says_so,
        );
    };
    (@ $place:expr, $($room:ident :: $case:ident,)*) => {
        $(
            #[tokio::test]
            async fn $case() {
                $crate::store::suite::$room::$case(&$place).await;
            }
        )*
    };
}
pub(super) use suite;

fn deed(action: &'static str) -> Deed {
    Deed::new(Actor::Server, action, "something")
}

/// Actions in the log, oldest first.
async fn actions(store: &dyn Store) -> Vec<String> {
    let query = AuditQuery {
        limit: 1000,
        ..AuditQuery::default()
    };
    let entries = store.audit_entries(query).await.expect("the log is read");
    entries.into_iter().rev().map(|e| e.action).collect()
}
