//! Which OCSF class and activity an event is.

use crate::record::{Call, Operation};

/// The classes that we write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// A sign-in, or a token.
    Authentication,
    /// Consent: privileges were given, or were not.
    AuthorizeSession,
    /// Something was made, changed or removed.
    EntityManagement,
    /// An API was called.
    ApiActivity,
}

impl Class {
    pub(super) const fn uid(self) -> u32 {
        match self {
            Self::Authentication => 3002,
            Self::AuthorizeSession => 3003,
            Self::EntityManagement => 3004,
            Self::ApiActivity => 6003,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Authentication => "Authentication",
            Self::AuthorizeSession => "Authorize Session",
            Self::EntityManagement => "Entity Management",
            Self::ApiActivity => "API Activity",
        }
    }

    pub(super) const fn category(self) -> &'static str {
        match self {
            Self::ApiActivity => "Application Activity",
            _ => "Identity & Access Management",
        }
    }
}

/// A class's own verb.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Activity {
    pub(super) id: u8,
    pub(super) name: String,
}

fn activity(id: u8, name: &str) -> Activity {
    Activity { id, name: name.to_owned() }
}

/// A call by its MCP method where there is one, by its HTTP method otherwise. A POST whose scopes are all about reading is a
/// query with a long body.
pub(super) fn call_activity(call: &Call) -> Activity {
    if let Some(mcp) = &call.mcp {
        return match mcp.method.rsplit('/').next() {
            Some("list" | "read" | "get") => activity(2, "Read"),
            _ => activity(99, &super::bounded(&mcp.method, 64)),
        };
    }
    let reads = !call.scopes_needed.is_empty() && call.scopes_needed.iter().all(|s| s.as_str().ends_with(":read"));
    match call.method.as_str() {
        "GET" | "HEAD" | "OPTIONS" | "QUERY" => activity(2, "Read"),
        "POST" if reads => activity(2, "Read"),
        "POST" => activity(1, "Create"),
        "PUT" | "PATCH" => activity(3, "Update"),
        "DELETE" => activity(4, "Delete"),
        other => activity(99, &super::bounded(other, 32)),
    }
}

/// Class and activity of everything that is not a call.
pub(super) fn of_operation(operation: Operation) -> (Class, Activity) {
    use Class::{ApiActivity, Authentication, AuthorizeSession, EntityManagement};
    use Operation as Op;
    let (class, id, name) = match operation {
        Op::LoginOk | Op::LoginFail | Op::LoginNewPlace => (Authentication, 1, "Logon"),
        Op::Logout => (Authentication, 2, "Logoff"),
        Op::TokenIssue | Op::TokenRefuse => (Authentication, 4, "Service Ticket Request"),
        Op::TokenRefresh => (Authentication, 5, "Service Ticket Renew"),
        Op::TokenIntrospect | Op::TokenRevoke | Op::CodeReplayDetected | Op::RefreshReuseDetected => {
            (Authentication, 99, operation.name())
        }
        Op::AuthorizeConsent | Op::AuthorizeDeny => (AuthorizeSession, 1, "Assign Privileges"),
        Op::AuthorizeRequest | Op::AuthorizeError => (AuthorizeSession, 99, operation.name()),
        Op::ClientCreate
        | Op::ClientRegisterDynamic
        | Op::ClientSecretCreate
        | Op::AppCreate
        | Op::AppManifestImport
        | Op::AppTestBegin
        | Op::OrgCreate
        | Op::UserCreate
        | Op::InvitationCreate
        | Op::OperatorAdd
        | Op::AuditSearchSave
        | Op::ApiKeyMint
        | Op::AppInstall
        | Op::ScopeRequest
        | Op::KeyCreate => (EntityManagement, 1, "Create"),
        Op::ClientUpdate
        | Op::OrgUpdate
        | Op::OrgPolicyNewClients
        | Op::GrantNarrow
        | Op::GrantLimit
        | Op::OrgPolicyClientAsk
        | Op::OrgPolicyScopeRestrict
        | Op::MembershipSet
        | Op::InvitationAccept
        | Op::AppUpdate
        | Op::AppMarkStable
        | Op::AppPublish
        | Op::ConfigReload
        | Op::PasswordChange => (EntityManagement, 3, "Update"),
        Op::ClientDelete
        | Op::InvitationWithdraw
        | Op::AuditSearchForget
        | Op::ClientSecretDelete
        | Op::AppDelete
        | Op::AppTestEnd
        | Op::MembershipRemove
        | Op::OperatorRemove
        | Op::KeyRetire
        | Op::GrantRevokeUser
        | Op::GrantRevokeAdmin
        | Op::GrantRevokeClient
        | Op::GrantRevokeUserDeactivated
        | Op::GrantRevokeUninstall
        | Op::AppUninstall
        | Op::GrantRevokePolicy => (EntityManagement, 4, "Delete"),
        Op::ClientEnable | Op::AppEnable | Op::ScopeApprove | Op::OrgPolicyClientAllow | Op::OrgEnable | Op::UserEnable => {
            (EntityManagement, 8, "Enable")
        }
        Op::UserFreeze => (EntityManagement, 12, "Suspend"),
        Op::UserThaw => (EntityManagement, 13, "Resume"),
        Op::ClientDisable
        | Op::AppDisable
        | Op::ApiKeyDisable
        | Op::ScopeDeny
        | Op::ScopeCancel
        | Op::ScopeWithdraw
        | Op::OrgPolicyClientBlock
        | Op::OrgDisable
        | Op::UserDisable => (EntityManagement, 9, "Disable"),
        Op::KeyActivate => (EntityManagement, 10, "Activate"),
        Op::AuditQuery | Op::AuditExport | Op::AuditVerify | Op::AccessReview | Op::AppManifestExport => (ApiActivity, 2, "Read"),
        Op::RequestPanic | Op::HookGiveUp => (ApiActivity, 99, operation.name()),
    };
    (class, activity(id, name))
}
