//! Control-plane events: what the authorization server and the administration do.

use serde::{Deserialize, Serialize};

use crate::types::{RoleName, ScopeSet};

macro_rules! operations {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What was done, by its stable name (`api.operation` of the record).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Operation {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        impl Operation {
            /// Every operation there is.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The stable name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

operations! {
    /// A local account signed in.
    LoginOk = "login.ok",
    /// A sign-in was refused.
    LoginFail = "login.fail",
    /// A user signed in from where they had not signed in before.
    LoginNewPlace = "login.new_place",
    /// A session was ended by its user.
    Logout = "logout",
    /// A password was changed.
    PasswordChange = "password.change",
    /// A client asked for authorization.
    AuthorizeRequest = "authorize.request",
    /// A user agreed: a grant came to be.
    AuthorizeConsent = "authorize.consent",
    /// A user declined.
    AuthorizeDeny = "authorize.deny",
    /// An authorization request failed.
    AuthorizeError = "authorize.error",
    /// An access token was issued.
    TokenIssue = "token.issue",
    /// An access token was issued from a refresh token.
    TokenRefresh = "token.refresh",
    /// A token request was refused although the client was known.
    TokenRefuse = "token.refuse",
    /// A token was looked up (RFC 7662).
    TokenIntrospect = "token.introspect",
    /// A token was revoked (RFC 7009).
    TokenRevoke = "token.revoke",
    /// A code was presented a second time.
    CodeReplayDetected = "code.replay_detected",
    /// A refresh token was presented after its successor was used.
    RefreshReuseDetected = "refresh.reuse_detected",
    /// A user revoked a grant.
    GrantRevokeUser = "grant.revoke.user",
    /// An administrator revoked a grant.
    GrantRevokeAdmin = "grant.revoke.admin",
    /// A client gave its grant back.
    GrantRevokeClient = "grant.revoke.client",
    /// A grant lost scopes: its user took them, or a new version of its app no longer asks for them.
    GrantNarrow = "grant.narrow",
    /// A user set the end of a grant.
    GrantLimit = "grant.limit",
    /// A grant ended because its user was deactivated.
    GrantRevokeUserDeactivated = "grant.revoke.user_deactivated",
    /// A grant ended because its app was uninstalled.
    GrantRevokeUninstall = "grant.revoke.uninstall",
    /// A grant ended because a policy forbids it.
    GrantRevokePolicy = "grant.revoke.policy",
    /// An administrator made a client.
    ClientCreate = "client.create",
    /// A client registered itself (RFC 7591).
    ClientRegisterDynamic = "client.register_dynamic",
    /// A client was changed.
    ClientUpdate = "client.update",
    /// A client was switched off.
    ClientDisable = "client.disable",
    /// A client was switched on.
    ClientEnable = "client.enable",
    /// A client was removed.
    ClientDelete = "client.delete",
    /// A client got another secret.
    ClientSecretCreate = "client.secret.create",
    /// A client's secret was removed.
    ClientSecretDelete = "client.secret.delete",
    /// An app was made, with its draft client.
    AppCreate = "app.create",
    /// The draft of an app was changed.
    AppUpdate = "app.update",
    /// The draft of an app was marked stable, or no longer is.
    AppMarkStable = "app.mark_stable",
    /// A version of an app was published.
    AppPublish = "app.publish",
    /// An app was switched off, with its clients.
    AppDisable = "app.disable",
    /// An app was switched on, with its clients.
    AppEnable = "app.enable",
    /// An app was removed, with its clients.
    AppDelete = "app.delete",
    /// The manifest of an app was exported.
    AppManifestExport = "app.manifest_export",
    /// A manifest was imported: it made an app, or changed the draft of one.
    AppManifestImport = "app.manifest_import",
    /// A member began to try an app, with this gateway in the app's place.
    AppTestBegin = "app.test.begin",
    /// A member was done trying an app.
    AppTestEnd = "app.test.end",
    /// An app was installed in an organization: by its first consent, or ahead of one.
    AppInstall = "app.install",
    /// An app was uninstalled from an organization: its grants ended, its API keys were disabled.
    AppUninstall = "app.uninstall",
    /// An app, or a client that belongs to none, asked for a private scope.
    ScopeRequest = "scope.request",
    /// A request for a private scope was taken back.
    ScopeCancel = "scope.cancel",
    /// The operator gave a private scope.
    ScopeApprove = "scope.approve",
    /// The operator did not give a private scope.
    ScopeDeny = "scope.deny",
    /// The operator took a private scope back.
    ScopeWithdraw = "scope.withdraw",
    /// An app made an API key.
    ApiKeyMint = "api_key.mint",
    /// An API key was disabled.
    ApiKeyDisable = "api_key.disable",
    /// An organization was made.
    OrgCreate = "org.create",
    /// An organization was changed.
    OrgUpdate = "org.update",
    /// An organization was switched off.
    OrgDisable = "org.disable",
    /// An organization was switched on.
    OrgEnable = "org.enable",
    /// An organization decided what happens with new clients.
    OrgPolicyNewClients = "org.policy.new_clients",
    /// A user asked an organization's administrators for a client.
    OrgPolicyClientAsk = "org.policy.client_ask",
    /// An organization allowed a client.
    OrgPolicyClientAllow = "org.policy.client_allow",
    /// An organization blocked a client.
    OrgPolicyClientBlock = "org.policy.client_block",
    /// An organization set the most that a client may hold.
    OrgPolicyScopeRestrict = "org.policy.scope_restrict",
    /// A user was made.
    UserCreate = "user.create",
    /// A user was deactivated.
    UserDisable = "user.disable",
    /// A user was activated.
    UserEnable = "user.enable",
    /// A user was frozen: off, with all that it has kept.
    UserFreeze = "user.freeze",
    /// A frozen user was let go on.
    UserThaw = "user.thaw",
    /// A user may open the operator's pages.
    OperatorAdd = "operator.add",
    /// A user may no longer open the operator's pages.
    OperatorRemove = "operator.remove",
    /// A user joined an organization, or got other roles in it.
    MembershipSet = "membership.set",
    /// A user left an organization.
    MembershipRemove = "membership.remove",
    /// Somebody was invited into an organization.
    InvitationCreate = "invitation.create",
    /// An invitation was withdrawn.
    InvitationWithdraw = "invitation.withdraw",
    /// An invitation was accepted.
    InvitationAccept = "invitation.accept",
    /// A signing key was made.
    KeyCreate = "key.create",
    /// A signing key took over.
    KeyActivate = "key.activate",
    /// A signing key was retired.
    KeyRetire = "key.retire",
    /// The log was searched.
    AuditQuery = "audit.query",
    /// The log was exported.
    AuditExport = "audit.export",
    /// The log was held against what was sealed.
    AuditVerify = "audit.verify",
    /// A search of the log was saved under a name.
    AuditSearchSave = "audit.search.save",
    /// A saved search was forgotten.
    AuditSearchForget = "audit.search.forget",
    /// A report of who authorized what was downloaded.
    AccessReview = "access.review",
    /// A hook could not be told about a record: it was given up.
    HookGiveUp = "hook.give_up",
    /// A node read its changed configuration: it is in force, or was refused.
    ConfigReload = "config.reload",
    /// A request was served by a handler that then failed without an answer.
    RequestPanic = "request.panic",
}

/// A control-plane event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlEvent {
    /// What was done.
    pub operation: Operation,
    /// Whether it was done; a refusal names its stable reason code.
    pub refused: Option<String>,
    /// What it was done to: `(kind, id)`, such as `("grant", "gr_…")`.
    pub target: Option<(String, String)>,
    /// The scopes it was about, if any.
    pub scopes: ScopeSet,
    /// One line for people; never user-controlled text beyond names and ids. What the operator says of a decision is the operator's.
    pub comment: Option<String>,
    /// Roles that a user has now and did not have before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles_given: Vec<RoleName>,
}

impl Operation {
    /// What people do to their own account: it is theirs when they did it.
    pub const OF_ACCOUNTS: &[Self] =
        &[Self::LoginOk, Self::LoginNewPlace, Self::Logout, Self::PasswordChange, Self::AuthorizeConsent];

    /// What happens to what a user authorized: it is theirs when the grant is, whoever did it.
    pub const OF_GRANTS: &[Self] = &[
        Self::CodeReplayDetected,
        Self::RefreshReuseDetected,
        Self::GrantRevokeUser,
        Self::GrantRevokeAdmin,
        Self::GrantRevokeClient,
        Self::GrantRevokeUserDeactivated,
        Self::GrantRevokeUninstall,
        Self::GrantRevokePolicy,
        Self::GrantNarrow,
        Self::GrantLimit,
    ];

    /// Whether hooks may be told of it. Its records are put before them in the transaction that writes the record.
    #[must_use]
    pub const fn is_security_event(self) -> bool {
        matches!(
            self,
            Self::AuthorizeConsent
                | Self::CodeReplayDetected
                | Self::RefreshReuseDetected
                | Self::LoginNewPlace
                | Self::ClientSecretCreate
                | Self::MembershipSet
                | Self::GrantRevokeAdmin
                | Self::GrantRevokePolicy
                | Self::GrantRevokeUninstall
                | Self::GrantRevokeUserDeactivated
        )
    }
}

impl ControlEvent {
    /// Why a grant ended that no administrator revoked.
    pub const USER_LEFT: &str = "its user left the organization";
    /// The same.
    pub const CLIENT_REMOVED: &str = "its client was removed";
    /// Why a grant ended that its user did not revoke.
    pub const SUPERSEDED: &str = "a newer consent took its place";

    /// Something that was done.
    #[must_use]
    pub fn done(operation: Operation) -> Self {
        Self { operation, refused: None, target: None, scopes: ScopeSet::default(), comment: None, roles_given: Vec::new() }
    }

    /// Something that was refused.
    #[must_use]
    pub fn refused(operation: Operation, reason: impl Into<String>) -> Self {
        Self { refused: Some(reason.into()), ..Self::done(operation) }
    }

    /// Says what it was done to.
    #[must_use]
    pub fn on(mut self, kind: &str, id: impl Into<String>) -> Self {
        self.target = Some((kind.to_owned(), id.into()));
        self
    }

    /// Says which scopes it was about.
    #[must_use]
    pub fn with_scopes(mut self, scopes: ScopeSet) -> Self {
        self.scopes = scopes;
        self
    }

    /// Says which roles are new.
    #[must_use]
    pub fn with_roles_given(mut self, roles: Vec<RoleName>) -> Self {
        self.roles_given = roles;
        self
    }

    /// Adds a line for people.
    #[must_use]
    pub fn with_comment(mut self, comment: impl Into<String>) -> Self {
        self.comment = Some(comment.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_survive_serde() {
        let names: HashSet<_> = Operation::ALL.iter().map(|o| o.name()).collect();
        assert_eq!(names.len(), Operation::ALL.len());
        for op in Operation::ALL {
            assert_eq!(serde_json::to_value(op).ok(), Some(serde_json::json!(op.name())));
        }
    }
}
