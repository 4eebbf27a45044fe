//! What a definition of an app consists of, what is wrong with one, and why something was not done with an app.

use super::{Text, counted};

/// Title of a field.
#[must_use]
pub const fn name() -> Text {
    Text::fixed("Name")
}

/// Title of a field.
#[must_use]
pub const fn description() -> Text {
    Text::fixed("Description")
}

/// Title of a field.
#[must_use]
pub const fn documentation() -> Text {
    Text::fixed("Documentation")
}

/// Title of a field.
#[must_use]
pub const fn uninstall_instructions() -> Text {
    Text::fixed("Uninstall instructions")
}

/// Title of a field.
#[must_use]
pub const fn onboarding_url() -> Text {
    Text::fixed("Onboarding URL")
}

/// Title of a field.
#[must_use]
pub const fn redirect_uris() -> Text {
    Text::fixed("Redirect URIs")
}

/// Title of a field.
#[must_use]
pub const fn scopes() -> Text {
    Text::fixed("Permissions")
}

/// Title of a field.
#[must_use]
pub const fn access_token_ttl() -> Text {
    Text::fixed("Seconds that access tokens live")
}

/// Title of a field.
#[must_use]
pub const fn require_state() -> Text {
    Text::fixed("Requests must carry state")
}

/// In the place of a value that a draft still has none of.
#[must_use]
pub const fn nothing_yet() -> Text {
    Text::fixed("Nothing yet")
}

/// In the place of a lifetime that nobody set.
#[must_use]
pub const fn as_the_gateway_says() -> Text {
    Text::fixed("As this gateway is set up")
}

/// In the place of what is not required.
#[must_use]
pub const fn not_required() -> Text {
    Text::fixed("No")
}

/// Beside the lifetime: what holds when it stays empty, and the most.
#[must_use]
pub fn lifetime_hint(default: u64, most: u64) -> Text {
    Text::filled(format!(
        "At most {most}. Empty, it is as for every app here: {default}. Tokens that are out live on as they were issued."
    ))
}

/// A lifetime that does not fit.
#[must_use]
pub fn unfit_lifetime(most: u64) -> Text {
    Text::filled(format!("Access tokens live 1 to {most} seconds. Leave it empty for the default."))
}

/// A precondition of publishing.
#[must_use]
pub const fn need_description() -> Text {
    Text::fixed("It has a description.")
}

/// A precondition of publishing.
#[must_use]
pub const fn need_documentation() -> Text {
    Text::fixed("It has documentation at an https address.")
}

/// A precondition of publishing.
#[must_use]
pub const fn need_uninstall() -> Text {
    Text::fixed("It says how to uninstall it.")
}

/// A precondition of publishing.
#[must_use]
pub const fn need_onboarding() -> Text {
    Text::fixed("Its onboarding URL is https.")
}

/// A precondition of publishing.
#[must_use]
pub const fn need_redirect_uris() -> Text {
    Text::fixed("It has redirect URIs, and each is https (a public client may name this computer or a scheme of its own).")
}

/// A precondition of publishing.
#[must_use]
pub const fn need_scopes() -> Text {
    Text::fixed("It asks for at least one permission, and every one exists here.")
}

/// A precondition of publishing, and what lacks it.
#[must_use]
pub fn need_approvals<'a>(missing: impl Iterator<Item = &'a str>) -> Text {
    let missing = missing.collect::<Vec<_>>().join(", ");
    if missing.is_empty() {
        return Text::fixed("The operator has approved each private permission that it asks for.");
    }
    Text::filled(format!(
        "The operator has approved each private permission that it asks for. Not approved: {missing}. Ask the operator for what is \
         missing on the app's page, or take it out of the draft."
    ))
}

/// A precondition of publishing.
#[must_use]
pub const fn need_stable() -> Text {
    Text::fixed("Its draft is marked stable.")
}

/// A precondition of publishing.
#[must_use]
pub const fn need_active() -> Text {
    Text::fixed("It is switched on.")
}

/// A precondition of publishing.
#[must_use]
pub const fn need_change() -> Text {
    Text::fixed("Its draft differs from the last version.")
}

/// A name that is none.
#[must_use]
pub fn unfit_name(most: usize) -> Text {
    Text::filled(format!("The name needs 1 to {most} characters in one line."))
}

/// A text that is too long.
#[must_use]
pub fn long_description(most: usize) -> Text {
    Text::filled(format!("The description has more than {most} characters."))
}

/// A text that is too long.
#[must_use]
pub fn long_instructions(most: usize) -> Text {
    Text::filled(format!("The uninstall instructions have more than {most} characters."))
}

/// A text that deceives.
#[must_use]
pub const fn disguised_description() -> Text {
    Text::fixed("The description has control characters, or such as turn the direction of reading.")
}

/// A text that deceives.
#[must_use]
pub const fn disguised_instructions() -> Text {
    Text::fixed("The uninstall instructions have control characters, or such as turn the direction of reading.")
}

/// An address that can not be opened.
#[must_use]
pub const fn unsafe_documentation() -> Text {
    Text::fixed("The documentation is no address that can be opened safely; write https://…")
}

/// An address that can not be opened.
#[must_use]
pub const fn unsafe_onboarding() -> Text {
    Text::fixed("The onboarding URL is no address that can be opened safely; write https://…")
}

/// A redirect URI that is too long.
#[must_use]
pub fn long_uri(most: usize) -> Text {
    Text::filled(format!("A redirect URI is longer than {most} bytes."))
}

/// A text that is no URI.
#[must_use]
pub fn malformed_uri(written: &str) -> Text {
    Text::filled(format!("The redirect URI {written} is no absolute URI of printable ASCII characters."))
}

/// An address that goes on where it must not.
#[must_use]
pub fn uri_with_path(written: &str) -> Text {
    Text::filled(format!("The redirect URI {written} must not have anything behind its host and port."))
}

/// A redirect URI with a fragment.
#[must_use]
pub fn uri_with_fragment(written: &str) -> Text {
    Text::filled(format!("The redirect URI {written} must not have a fragment."))
}

/// A redirect URI with a user or password.
#[must_use]
pub fn uri_with_user(written: &str) -> Text {
    Text::filled(format!("The redirect URI {written} must not have user information."))
}

/// A redirect URI with a star.
#[must_use]
pub fn uri_with_wildcard(written: &str) -> Text {
    Text::filled(format!("The redirect URI {written} must not have a wildcard."))
}

/// A redirect URI that would carry a code in clear text.
#[must_use]
pub fn unsafe_uri(written: &str) -> Text {
    Text::filled(format!(
        "The redirect URI {written} must use https, http to a loopback address, or an application's own scheme."
    ))
}

/// Too many redirect URIs.
#[must_use]
pub fn many_uris(most: usize) -> Text {
    Text::filled(format!("There are more than {most} redirect URIs."))
}

/// A scope that the operator gives.
#[must_use]
pub fn private_scope(scope: &str) -> Text {
    Text::filled(format!("The permission {scope} is private: ask the operator of this gateway for it."))
}

/// A scope that apps can't be given.
#[must_use]
pub fn not_for_apps(scope: &str) -> Text {
    Text::filled(format!("The permission {scope} is not given to apps: the operator of this gateway keeps it for other ways in."))
}

/// Beside a scope that is going away.
#[must_use]
pub fn retiring(instead: Option<&str>) -> Text {
    Text::filled(
        instead.map_or_else(|| "Is being retired".to_owned(), |other| format!("Is being retired; {other} takes its place")),
    )
}

/// A scope that nobody new is given, and what to ask for instead.
#[must_use]
pub fn deprecated_scope(scope: &str, instead: Option<&str>) -> Text {
    let instead = instead.map(|other| format!(" Ask for {other} instead.")).unwrap_or_default();
    Text::filled(format!("The permission {scope} is being retired and is no longer given to apps that don't have it.{instead}"))
}

/// A scope that there is not.
#[must_use]
pub fn unknown_scope(written: &str) -> Text {
    Text::filled(format!("There is no permission {written} here."))
}

/// Too many scopes.
#[must_use]
pub fn many_scopes(most: usize) -> Text {
    Text::filled(format!("There are more than {most} permissions; ask for less."))
}

/// An app of this UUID is there.
#[must_use]
pub const fn uuid_taken() -> Text {
    Text::fixed("The organization already has an app with this app_uuid; change that one, or import over it.")
}

/// An app was removed meanwhile.
#[must_use]
pub const fn gone() -> Text {
    Text::fixed("The app is gone.")
}

/// An app was changed meanwhile.
#[must_use]
pub const fn stale() -> Text {
    Text::fixed("The app was changed by somebody else meanwhile; look at it again.")
}

/// Preconditions are not met; they follow.
#[must_use]
pub const fn unready() -> Text {
    Text::fixed("The draft can't be published yet. This is not so:")
}

/// A manifest of another app.
#[must_use]
pub const fn wrong_uuid() -> Text {
    Text::fixed("The app_uuid is not this app's: the integration's manifest and the app must agree.")
}

/// An organization has as many clients as it may.
#[must_use]
pub fn full(number: u64) -> Text {
    let clients = counted::clients(number);
    Text::filled(format!("The organization has {clients}, as many as oauth.max_clients_per_org allows."))
}

/// The operator froze a client of the app.
#[must_use]
pub const fn frozen() -> Text {
    Text::fixed("The operator of this gateway froze a client of this app; ask them to thaw it.")
}

/// A public client has none.
#[must_use]
pub const fn no_secrets() -> Text {
    Text::fixed("The app's clients are public and have no secrets.")
}

/// A client needs one.
#[must_use]
pub const fn last_secret() -> Text {
    Text::fixed("It is the only secret that lives on; add another first.")
}

/// A client has as many secrets as it may.
#[must_use]
pub fn many_secrets(number: u64) -> Text {
    Text::filled(format!("The client has {}; remove one first.", counted::secrets(number)))
}

/// A secret lives too long, or not at all.
#[must_use]
pub const fn secret_life() -> Text {
    Text::fixed("A secret that has an end lives 1 second to ten years, and others live on for ten years at most.")
}

/// There is no such secret.
#[must_use]
pub const fn unknown_secret() -> Text {
    Text::fixed("The client has no such secret.")
}

/// There is no published client yet.
#[must_use]
pub const fn unpublished() -> Text {
    Text::fixed("The app was not published yet; publish it first.")
}

/// There is no such version.
#[must_use]
pub const fn unknown_version() -> Text {
    Text::fixed("The app has no such version.")
}

/// A manifest of another kind of client.
#[must_use]
pub const fn not_public() -> Text {
    Text::fixed("The manifest's client is public, and the app's is not; the kind of an app's clients never changes.")
}

/// A manifest of another kind of client.
#[must_use]
pub const fn not_confidential() -> Text {
    Text::fixed("The manifest's client is confidential, and the app's is not; the kind of an app's clients never changes.")
}

/// A private scope that there is not.
#[must_use]
pub fn no_such_scope(written: &str) -> Text {
    Text::filled(format!("There is no permission {written:?}."))
}

/// A scope that needs no approval.
#[must_use]
pub fn public_scope(scope: &str) -> Text {
    Text::filled(format!("{scope} is not private; add it to the app's permissions, any app may ask for it."))
}

/// No reason was given.
#[must_use]
pub const fn no_reason() -> Text {
    Text::fixed("The reason is missing: say what the permission is wanted for.")
}

/// A reason that is too long.
#[must_use]
pub fn unfit_reason(most: usize) -> Text {
    Text::filled(format!("The reason has at most {most} characters, and no control characters."))
}

/// A request waits.
#[must_use]
pub fn already_asked(scope: &str) -> Text {
    Text::filled(format!("A request for {scope} waits already."))
}

/// No request waits.
#[must_use]
pub fn none_waits(scope: &str) -> Text {
    Text::filled(format!("No request for {scope} waits."))
}

/// A text that is too long for a manifest.
#[must_use]
pub fn large_manifest(most: usize) -> Text {
    Text::filled(format!("This is no manifest: it has more than {most} bytes."))
}

/// A manifest of another version of the format.
#[must_use]
pub fn foreign_manifest(format: u32, ours: u32) -> Text {
    Text::filled(format!("This manifest has the format {format}, and this gateway reads {ours}."))
}

/// A text that is no JSON.
#[must_use]
pub fn manifest_is_no_json(line: usize, column: usize) -> Text {
    Text::filled(format!("This is no manifest: it stops being JSON at line {line}, column {column}."))
}

/// A manifest with a field that there is not.
#[must_use]
pub fn manifest_knows_no(field: &str) -> Text {
    Text::filled(format!("This is no manifest: it has the field {field}, and manifests have none of that name."))
}

/// A manifest without a field that each has.
#[must_use]
pub fn manifest_lacks(field: &str) -> Text {
    Text::filled(format!("This is no manifest: the field {field} is missing."))
}

/// A manifest with a value of another kind.
#[must_use]
pub fn unfit_manifest(line: usize, column: usize) -> Text {
    Text::filled(format!("This is no manifest: what stands at line {line}, column {column} is not what its field takes."))
}
