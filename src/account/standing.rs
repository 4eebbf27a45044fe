//! What pages say of an authorization that does nothing at the moment.

use super::applications::NotNow;
use crate::pages::texts::{Text, standing as texts};
use crate::token::Refusal;

/// Why an application can do nothing.
pub(super) const fn idle(refusal: Refusal) -> Text {
    match refusal {
        Refusal::GrantExpired => texts::expired(),
        Refusal::ClientDisabled => texts::client_disabled(),
        Refusal::ClientBlocked => texts::client_blocked(),
        Refusal::ClientNotApproved => texts::client_waiting(),
        Refusal::UserDisabled => texts::user_disabled(),
        Refusal::OrgDisabled => texts::org_disabled(),
        Refusal::NotAMember => texts::not_a_member(),
        Refusal::SubjectUnfit => texts::subject_unfit(),
        // What ends an authorization for good, and what is said of tokens alone.
        _ => texts::idle(),
    }
}

/// Why it can't use one of its permissions.
pub(super) const fn not_now(why: NotNow) -> Text {
    match why {
        NotNow::Idle(refusal) => idle(refusal),
        NotNow::Gone => texts::scope_gone(),
        NotNow::NotAllowed => texts::scope_not_allowed(),
        NotNow::NotHeld => texts::scope_not_held(),
    }
}
