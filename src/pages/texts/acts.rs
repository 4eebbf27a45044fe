//! What buttons and links do.

use super::Text;

/// Button.
#[must_use]
pub const fn add_the_service_user() -> Text {
    Text::fixed("Add the service user")
}

/// Button.
#[must_use]
pub const fn ask_for_it() -> Text {
    Text::fixed("Ask for it")
}

/// Button.
#[must_use]
pub const fn call_it() -> Text {
    Text::fixed("Call it")
}

/// Button.
#[must_use]
pub const fn proceed() -> Text {
    Text::fixed("Continue")
}

/// Button.
#[must_use]
pub const fn delete_the_app() -> Text {
    Text::fixed("Delete the app")
}

/// Button.
#[must_use]
pub const fn deny() -> Text {
    Text::fixed("Deny")
}

/// Link.
#[must_use]
pub const fn edit_draft() -> Text {
    Text::fixed("Edit the draft")
}

/// Button.
#[must_use]
pub const fn end_all_others() -> Text {
    Text::fixed("End all others")
}

/// Button.
#[must_use]
pub const fn end_all_sessions() -> Text {
    Text::fixed("End all sessions")
}

/// Button.
#[must_use]
pub const fn end_test() -> Text {
    Text::fixed("Done: revoke it")
}

/// Button.
#[must_use]
pub const fn freeze_the_client() -> Text {
    Text::fixed("Freeze the client")
}

/// Button.
#[must_use]
pub const fn freeze_the_organization() -> Text {
    Text::fixed("Freeze the organization")
}

/// Button.
#[must_use]
pub const fn freeze_the_user() -> Text {
    Text::fixed("Freeze the user")
}

/// Button.
#[must_use]
pub const fn give_the_scope() -> Text {
    Text::fixed("Give the scope")
}

/// Button.
#[must_use]
pub const fn import() -> Text {
    Text::fixed("Import")
}

/// Link.
#[must_use]
pub const fn import_a_manifest() -> Text {
    Text::fixed("Import a manifest")
}

/// Link.
#[must_use]
pub const fn install_an_app() -> Text {
    Text::fixed("Install an app")
}

/// Button.
#[must_use]
pub const fn install_it() -> Text {
    Text::fixed("Install it")
}

/// Button.
#[must_use]
pub const fn join() -> Text {
    Text::fixed("Join")
}

/// Button.
#[must_use]
pub const fn keep_ticked() -> Text {
    Text::fixed("Keep only what is ticked")
}

/// Button.
#[must_use]
pub const fn make_an_invitation_link() -> Text {
    Text::fixed("Make an invitation link")
}

/// Button.
#[must_use]
pub const fn make_the_account_and_join() -> Text {
    Text::fixed("Make the account and join")
}

/// Button.
#[must_use]
pub const fn make_the_organization() -> Text {
    Text::fixed("Make the organization")
}

/// Button.
#[must_use]
pub const fn mark_the_draft_stable() -> Text {
    Text::fixed("Mark the draft stable")
}

/// Link.
#[must_use]
pub const fn publish() -> Text {
    Text::fixed("Publish…")
}

/// Button.
#[must_use]
pub const fn remove_from_the_organization() -> Text {
    Text::fixed("Remove from the organization")
}

/// Button.
#[must_use]
pub const fn same_code() -> Text {
    Text::fixed("It is the same code: continue")
}

/// Button.
#[must_use]
pub const fn save() -> Text {
    Text::fixed("Save")
}

/// Button.
#[must_use]
pub const fn save_and_continue() -> Text {
    Text::fixed("Save and continue")
}

/// Button.
#[must_use]
pub const fn save_roles() -> Text {
    Text::fixed("Save roles")
}

/// Button.
#[must_use]
pub const fn set_the_end() -> Text {
    Text::fixed("Set the end")
}

/// Button.
#[must_use]
pub const fn sign_in() -> Text {
    Text::fixed("Sign in")
}

/// Button.
#[must_use]
pub const fn switch_the_app_off() -> Text {
    Text::fixed("Switch the app off")
}

/// Button.
#[must_use]
pub const fn switch_the_app_on() -> Text {
    Text::fixed("Switch the app on")
}

/// Button.
#[must_use]
pub const fn let_them_wait() -> Text {
    Text::fixed("Let them wait")
}

/// Button.
#[must_use]
pub const fn take_it_back() -> Text {
    Text::fixed("Take it back")
}

/// Button.
#[must_use]
pub const fn take_the_stable_mark_away() -> Text {
    Text::fixed("Take the stable mark away")
}

/// Button.
#[must_use]
pub const fn thaw_the_client() -> Text {
    Text::fixed("Thaw the client")
}

/// Button.
#[must_use]
pub const fn thaw_the_organization() -> Text {
    Text::fixed("Thaw the organization")
}

/// Button.
#[must_use]
pub const fn thaw_the_user() -> Text {
    Text::fixed("Thaw the user")
}

/// Button.
#[must_use]
pub const fn uninstall() -> Text {
    Text::fixed("Uninstall")
}
