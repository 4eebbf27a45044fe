//! What the apps' pages say of what [`crate::apps`] found.

use crate::apps::{
    Fault, Field, Flaw, MANIFEST_VERSION, MAX_MANIFEST, MAX_NAME, MAX_REASON, MAX_SCOPES, MAX_TTL, MAX_URIS, MAX_URL,
    ManifestFault, Need, Refusal,
};
use crate::config::Deprecation;
use crate::pages::texts::{Text, definition as texts, together};
use crate::types::{ScopeToken, UriError, UriPart};

/// A field's name.
pub(super) const fn title(field: Field) -> Text {
    match field {
        Field::Name => texts::name(),
        Field::Description => texts::description(),
        Field::DocumentationUrl => texts::documentation(),
        Field::UninstallInstructions => texts::uninstall_instructions(),
        Field::OnboardingUrl => texts::onboarding_url(),
        Field::RedirectUris => texts::redirect_uris(),
        Field::Scopes => texts::scopes(),
        Field::AccessTokenTtl => texts::access_token_ttl(),
        Field::RequireState => texts::require_state(),
    }
}

/// What holds where a draft says nothing.
pub(super) const fn absent(field: Field) -> Text {
    match field {
        Field::AccessTokenTtl => texts::as_the_gateway_says(),
        Field::RequireState => texts::not_required(),
        _ => texts::nothing_yet(),
    }
}

/// A precondition of publishing.
pub(super) fn need(need: &Need) -> Text {
    match need {
        Need::Description => texts::need_description(),
        Need::Documentation => texts::need_documentation(),
        Need::Uninstall => texts::need_uninstall(),
        Need::Onboarding => texts::need_onboarding(),
        Need::RedirectUris => texts::need_redirect_uris(),
        Need::Scopes => texts::need_scopes(),
        Need::Approvals(missing) => texts::need_approvals(missing.iter().map(ScopeToken::as_str)),
        Need::Stable => texts::need_stable(),
        Need::Active => texts::need_active(),
        Need::Change => texts::need_change(),
    }
}

/// What is wrong with a field.
pub(super) fn flaw(flaw: &Flaw) -> Text {
    match (&flaw.fault, flaw.field) {
        (Fault::Name, _) => texts::unfit_name(MAX_NAME),
        (Fault::Long(most), Field::UninstallInstructions) => texts::long_instructions(*most),
        (Fault::Long(most), _) => texts::long_description(*most),
        (Fault::Disguised, Field::UninstallInstructions) => texts::disguised_instructions(),
        (Fault::Disguised, _) => texts::disguised_description(),
        (Fault::Address, Field::OnboardingUrl) => texts::unsafe_onboarding(),
        (Fault::Address, _) => texts::unsafe_documentation(),
        (Fault::LongUri, _) => texts::long_uri(MAX_URL),
        (Fault::Uri { written, why }, _) => match why {
            UriError::TooLong => texts::long_uri(MAX_URL),
            UriError::Malformed => texts::malformed_uri(written),
            UriError::Part(UriPart::Path) => texts::uri_with_path(written),
            UriError::Part(UriPart::Fragment) => texts::uri_with_fragment(written),
            UriError::Part(UriPart::UserInformation) => texts::uri_with_user(written),
            UriError::Part(UriPart::Wildcard) => texts::uri_with_wildcard(written),
            UriError::Scheme => texts::unsafe_uri(written),
        },
        (Fault::ManyUris, _) => texts::many_uris(MAX_URIS),
        (Fault::PrivateScope(scope), _) => texts::private_scope(scope.as_str()),
        (Fault::InternalScope(scope) | Fault::NotForApps(scope), _) => texts::not_for_apps(scope.as_str()),
        (Fault::DeprecatedScope(scope, of), _) => deprecated(scope, of),
        (Fault::UnknownScope(written), _) => texts::unknown_scope(written),
        (Fault::Lifetime, _) => texts::unfit_lifetime(MAX_TTL),
        (Fault::ManyScopes, _) => texts::many_scopes(MAX_SCOPES),
    }
}

fn deprecated(scope: &ScopeToken, of: &Deprecation) -> Text {
    texts::deprecated_scope(scope.as_str(), of.replaced_by.as_ref().map(ScopeToken::as_str))
}

/// Why something was not done.
pub(in crate::account) fn refusal(refusal: &Refusal) -> Text {
    match refusal {
        Refusal::Flawed(flaws) => together(flaws.iter().map(flaw)),
        Refusal::Taken => texts::uuid_taken(),
        Refusal::Gone => texts::gone(),
        Refusal::Stale => texts::stale(),
        Refusal::Unready(needs) => together(std::iter::once(texts::unready()).chain(needs.iter().map(need))),
        Refusal::WrongUuid => texts::wrong_uuid(),
        Refusal::Full(number) => texts::full(*number),
        Refusal::Frozen => texts::frozen(),
        Refusal::NoSecrets => texts::no_secrets(),
        Refusal::LastSecret => texts::last_secret(),
        Refusal::ManySecrets(number) => texts::many_secrets(*number),
        Refusal::SecretLife => texts::secret_life(),
        Refusal::UnknownSecret => texts::unknown_secret(),
        Refusal::Unpublished => texts::unpublished(),
        Refusal::UnknownVersion => texts::unknown_version(),
        Refusal::NotPublic => texts::not_public(),
        Refusal::NotConfidential => texts::not_confidential(),
        Refusal::UnknownScope(written) => texts::no_such_scope(written),
        Refusal::PublicScope(scope) => texts::public_scope(scope.as_str()),
        Refusal::DeprecatedScope(scope, of) => deprecated(scope, of),
        Refusal::NotForApps(scope) => texts::not_for_apps(scope.as_str()),
        Refusal::NoReason => texts::no_reason(),
        Refusal::UnfitReason => texts::unfit_reason(MAX_REASON),
        Refusal::Waiting(scope) => texts::already_asked(scope.as_str()),
        Refusal::NotWaiting(scope) => texts::none_waits(scope.as_str()),
        Refusal::Manifest(fault) => manifest(fault),
    }
}

/// Why a text is no manifest.
fn manifest(fault: &ManifestFault) -> Text {
    match fault {
        ManifestFault::Large => texts::large_manifest(MAX_MANIFEST),
        ManifestFault::Format(other) => texts::foreign_manifest(*other, MANIFEST_VERSION),
        ManifestFault::NoJson { line, column, .. } => texts::manifest_is_no_json(*line, *column),
        ManifestFault::Unknown(field) => texts::manifest_knows_no(field),
        ManifestFault::Missing(field) => texts::manifest_lacks(field),
        ManifestFault::Unfit { line, column, .. } => texts::unfit_manifest(*line, *column),
    }
}
