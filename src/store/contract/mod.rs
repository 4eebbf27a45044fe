//! What every store must do: one suite, run on SQLite and on PostgreSQL.

mod accounts;
mod api_keys;
mod apps;
mod audit_log;
mod busy;
mod clients;
mod coverage;
mod devices;
mod feed;
mod grants;
mod hooks;
mod installations;
mod keys;
mod lists;
mod mended;
mod nodes;
mod operators;
mod people;
mod policy;
mod proof;
mod refresh;
mod repeats;
mod searches;
mod sessions;
mod tokens;
mod trials;
mod upgrades;
mod world;

#[path = "../../../tests/support/postgres.rs"]
mod cluster;

use std::sync::Arc;

use super::{SharedStore, sql};
use crate::types::{Entropy, NodeId, SystemEntropy};

async fn open(url: &str) -> SharedStore {
    let node = NodeId::parse("node_1").expect("a valid id");
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    sql::open(url, &node, entropy).await.expect("the store opens")
}

macro_rules! contract {
    ($($area:ident { $($test:ident)* })*) => {
        mod sqlite {
            $(mod $area {
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    let folder = tempfile::tempdir().expect("a temporary folder");
                    let url = format!("sqlite:{}/store.db", folder.path().display());
                    let store = super::super::open(&url).await;
                    super::super::$area::$test(store.clone()).await;
                    store.close().await;
                })*
            })*
        }

        mod postgres {
            $(mod $area {
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    let url = super::super::cluster::fresh_database().await;
                    let store = super::super::open(&url).await;
                    super::super::$area::$test(store.clone()).await;
                    store.close().await;
                })*
            })*
        }
    };
}

contract! {
    accounts {
        organizations_have_one_slug
        organizations_change
        two_changes_of_an_organization_both_stand
        users_have_one_address
        a_new_password_ends_other_sessions
        a_change_under_way_undoes_no_reset
        memberships_hold_sorted_roles
        leaving_an_organization_ends_its_grants
        deactivation_ends_sessions_and_grants
        a_frozen_user_keeps_everything
        a_note_is_a_record
        the_store_answers_pings
    }
    clients {
        clients_come_back_whole
        clients_are_listed_newest_first
        no_race_gives_an_organization_more_clients_than_it_may_have
        clients_of_an_organization_are_listed_page_by_page
        machines_come_with_what_they_rest_on
        machines_act_as_service_users_and_those_of_some_roles
        clients_are_known_by_name
        secrets_overlap
        no_race_gives_a_client_more_secrets_than_it_may_have
        the_last_secret_stays
        clients_are_switched_and_narrowed
        the_terms_of_a_client_change
        a_log_names_no_strangers
        a_client_changes_whole_or_not_at_all
        what_the_operator_froze_its_owner_cant_switch
        removal_ends_grants_and_keeps_history
        unused_dynamic_clients_are_purged
        a_client_is_not_purged_under_a_consent
    }
    apps {
        apps_come_back_whole
        a_uuid_is_free_in_every_other_organization
        drafts_are_changed_by_who_saw_them
        a_version_never_changes
        apps_are_listed_page_by_page
        no_race_gives_an_organization_more_clients_of_apps_than_it_may_have
        publishing_has_one_winner
        the_terms_of_a_draft_are_its_clients_at_once_and_the_published_ones_with_a_version
        what_the_operator_froze_its_owner_neither_edits_nor_publishes
        a_draft_that_is_not_stable_is_not_published
        what_a_version_drops_is_lost_for_good
        a_grant_that_keeps_nothing_ends
        what_had_expired_is_not_narrowed
        switching_an_app_switches_its_clients
        a_frozen_client_follows_its_app_when_it_is_thawed
        removal_takes_clients_and_grants
        requests_for_published_clients_are_nobodys_to_read
    }
    api_keys {
        approval_spares_keys_and_installations
        a_key_keeps_its_client_in_every_list
        whoever_has_a_key_is_told_and_counted
        a_request_is_taken_back_by_who_asked
        what_the_operator_says_of_a_private_scope_is_on_record
        a_key_comes_back_with_all_that_it_rests_on
        a_key_has_one_maker
        a_key_needs_a_live_approval_and_grant
        requests_are_asked_decided_and_renewed
        withdrawal_ends_grants_that_hold_the_scope_and_keys
        withdrawal_beats_what_runs_at_the_same_time
        removing_an_app_disables_its_keys
        the_use_of_keys_is_noted
        keys_are_listed_page_by_page
    }
    installations {
        the_first_consent_installs
        an_administrator_installs_ahead
        installations_are_listed_with_what_each_has
        installing_approves_what_is_installed_and_waits
        uninstalling_ends_everything_at_once
        what_had_expired_is_neither_withdrawn_nor_uninstalled
        nothing_outlives_uninstalling
    }
    grants {
        facts_are_read_at_once
        a_machine_client_has_one_grant
        what_was_revoked_of_a_machine_stays_so_until_it_is_allowed
        only_the_owner_revokes_and_only_once
        an_expired_grant_is_revoked_all_the_same
        what_had_expired_is_not_ended_again
        grants_are_listed_newest_first
        grants_are_found_page_by_page
        grants_are_found_by_who_holds_what
        use_in_an_organization_is_known
        a_user_narrows_and_limits_a_grant
        scopes_of_a_grant_are_narrowed_to_selectors
        all_is_taken_from_a_grant_or_nothing
        live_grants_are_counted_and_come_in_pages
        the_end_of_many_grants_is_told_in_one_line
        each_of_many_grants_that_end_is_on_record
        grants_end_while_their_use_is_noted
    }
    tokens {
        a_code_has_one_winner
        a_code_belongs_to_its_client
        dead_codes_are_unknown
        a_replay_in_the_grace_keeps_the_grant
        a_replay_after_the_grace_revokes
        a_code_comes_back_whole
        access_tokens_are_revoked_one_by_one
        issued_tokens_are_noted
        nothing_is_used_up_for_nothing
        what_ended_is_forgotten
    }
    refresh {
        rotation_has_one_winner
        a_lost_answer_is_repaired_in_the_grace
        reuse_after_the_grace_revokes
        another_client_learns_and_does_nothing
        dead_tokens_do_not_rotate
        revocation_beats_rotation
        a_token_knows_its_state
        a_rotated_token_is_known_as_long_as_it_would_have_lived
    }
    sessions {
        a_session_lives_until_it_ends
        no_session_starts_by_a_password_that_has_gone
        a_session_is_seen_once_a_minute
        a_session_that_idles_ends
        a_session_knows_what_its_user_may_see
        a_request_waits_as_it_came
        one_decision_counts
        approval_needs_an_active_member
        nobody_agrees_to_what_a_client_may_no_longer_ask_for
        of_two_consents_at_once_one_stays
        a_user_sees_and_ends_sessions
    }
    trials {
        what_a_client_was_ever_given_was_tried
        a_trial_belongs_to_one_session_and_one_app
        a_trial_is_given_one_answer
        a_trial_ends_with_its_session_and_its_time
        the_grants_of_trials_are_known
        what_a_trial_installs_ends_with_it
        what_a_trial_installs_is_kept_by_a_consent_that_lasts
        who_ends_a_trial_uninstalls_nothing_of_others
        a_key_of_a_trial_ends_with_it
    }
    operators {
        operators_are_active_people
        everything_is_found_across_organizations
        what_rests_on_something_is_counted
    }
    searches {
        a_search_is_its_users_own
    }
    devices {
        a_request_comes_back_until_it_is_decided
        a_user_code_is_in_use_once
        fifty_polls_have_one_winner
        a_device_code_belongs_to_its_client
        a_hasty_device_slows_down
        one_decision_counts
        approval_needs_an_active_member_and_the_right_client
        a_device_learns_what_became_of_it
        a_device_with_nothing_to_be_given_waits
        a_refresh_token_ends_with_its_grant
    }
    repeats {
        a_key_has_one_first_request
        a_refused_request_gives_its_key_back
    }
    hooks {
        events_wait_until_one_caller_took_them
        a_claim_is_one_callers_until_it_ends
        what_is_old_is_given_up_with_a_record
        a_place_is_new_once
        a_record_says_which_roles_are_new
    }
    keys {
        one_node_makes_the_first_key
        keys_take_turns
        the_shortest_overlap_holds_whoever_was_first
        no_key_outlives_the_overlap_of_a_later_one
    }
    lists {
        organizations_are_listed_page_by_page
        users_are_listed_page_by_page
        clients_of_all_are_listed_page_by_page
        apps_of_all_are_listed_page_by_page
        grants_of_all_are_listed_page_by_page
    }
    people {
        an_invitation_has_one_winner
        an_invitation_is_for_one_address
        invitations_end
        invitations_end_with_what_their_maker_had
        somebody_always_administers
        nobody_moves_what_is_beyond_their_reach
        a_service_user_is_made_and_switched_whole_and_within_reach
        members_are_found_page_by_page
        letters_are_found_whatever_their_case
    }
    policy {
        a_decision_reaches_every_grant_and_node
        a_client_is_allowed_and_restricted_in_one_change
        a_decision_is_one_organizations_own
        nobody_decides_about_a_client_that_is_not_there
        approval_spares_what_is_in_use
        the_queue_has_each_client_once
        clients_are_listed_with_their_use
        clients_are_found_page_by_page
        known_clients_are_narrowed
        clients_are_found_by_what_lives
    }
    feed {
        positions_follow_commits_without_gaps
        one_change_may_touch_several
        old_changes_are_forgotten_but_the_last
    }
    nodes {
        a_node_is_listed_until_it_leaves
        a_node_confirms_only_what_this_store_has
        a_silent_node_is_fenced_before_it_is_forgotten
        a_change_is_told_from_another_at_its_position
    }
    audit_log {
        a_record_that_arrives_twice_is_kept_once
        every_filter_narrows
        text_is_taken_literally
        a_target_of_any_length_is_kept
        pages_are_stable_while_records_arrive
        records_are_found_by_id_in_their_log
        histograms_count_every_record_once
        use_of_grants_is_counted
        what_is_refused_is_no_use
        records_are_tallied
        what_shadow_mode_let_pass_is_counted_page_by_page
        a_user_reads_what_happened_to_their_account
        a_user_reads_once_what_the_operator_did_to_their_account
        old_records_expire
        large_batches_arrive_whole
    }
    coverage {
        every_change_is_recorded_and_told
        what_people_decide_is_recorded_and_told
        a_refused_change_leaves_nothing
    }
}
