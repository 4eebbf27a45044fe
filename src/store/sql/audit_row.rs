//! Audit records as rows: what searches narrow by, beside the whole record.

use super::values::{indexed, storable};
use crate::record::{Actor, AuditRecord, Cause, ControlEvent, Event, Operation, Outcome, Written, operation};
use crate::store::RevokeReason;
use crate::types::{ClientId, Entropy, GrantId, OrgId, RecordId, UserId};

/// One row of `audit_records`.
pub(super) struct AuditColumns<'r> {
    pub(super) of: &'r AuditRecord,
    pub(super) client: Option<&'r str>,
    pub(super) grant: Option<&'r str>,
    pub(super) api: Option<&'r str>,
    pub(super) operation: &'r str,
    pub(super) tool: Option<String>,
    pub(super) denied: bool,
    pub(super) reason: Option<&'r str>,
    pub(super) status: Option<i64>,
    pub(super) micros: Option<i64>,
    pub(super) search: String,
    pub(super) record: &'r str,
    pub(super) would_deny: Option<&'r str>,
    pub(super) shadow: Option<String>,
}

impl<'r> AuditColumns<'r> {
    /// The row of a record. A change that nobody's client was used for is found under the one that it changed; a change of a grant
    /// under that grant, whoever's grant it was done with: its user looks for it there.
    pub(super) fn of(written: &'r Written) -> Self {
        let Written { record, text } = written;
        let actor = &record.actor;
        let mut columns = Self {
            of: record,
            client: actor.client.as_ref().map(ClientId::as_str).or_else(|| target(record, "client")),
            grant: target(record, "grant").or_else(|| actor.grant.as_ref().map(GrantId::as_str)),
            api: None,
            operation: operation(record),
            tool: None,
            denied: false,
            reason: None,
            status: None,
            micros: None,
            search: String::new(),
            record: text,
            would_deny: None,
            shadow: None,
        };
        let (mut path, mut target) = ("", None);
        match &record.event {
            Event::Call(call) => {
                path = &call.path;
                columns.api = Some(call.api.as_str());
                target = call.mcp.as_ref().and_then(|m| m.target.as_deref());
                columns.tool = target.map(indexed);
                if let crate::record::Decision::Denied { reason, .. } = &call.decision {
                    columns.denied = true;
                    columns.reason = Some(reason);
                }
                columns.would_deny = call.waived().map(|waived| waived.reason.as_str());
                columns.shadow = kind(record);
                if let Outcome::Completed(measured) | Outcome::Broken { measured, .. } = &call.outcome {
                    columns.status = Some(i64::from(measured.status));
                    columns.micros = Some(i64::try_from(measured.micros).unwrap_or(i64::MAX));
                }
            }
            Event::Control(event) => {
                columns.denied = event.refused.is_some();
                columns.reason = event.refused.as_deref();
            }
        }
        let reason = columns.reason.or(columns.would_deny);
        let parts = [Some(columns.operation), Some(path), target, actor.client_name.as_deref(), reason];
        columns.search = storable(&parts.into_iter().flatten().collect::<Vec<_>>().join("\n").to_lowercase());
        columns
    }
}

/// What the report on shadow mode counts a call under, if it is one for it: who called, where, and why it would have been, or
/// was, refused. Callers whom no token names are told apart by address and agent.
pub(super) fn kind(record: &AuditRecord) -> Option<String> {
    let Event::Call(call) = &record.event else { return None };
    let waived = call.would_deny.as_ref()?;
    let (actor, origin) = (&record.actor, &record.origin);
    let nameless = actor.user.is_none() && actor.client.is_none();
    let address = origin.peer.filter(|_| nameless).map(|peer| peer.ip().to_canonical().to_string()).unwrap_or_default();
    // What was refused all the same is another line.
    let mark = if call.decision.is_allowed() { "" } else { " refused" };
    let reason = [waived.reason.as_str(), mark].concat();
    let parts = [
        record.org.as_ref().map_or("", OrgId::as_str),
        call.api.as_str(),
        operation(record),
        &reason,
        &waived.missing.to_string(),
        actor.user.as_ref().map_or("", UserId::as_str),
        actor.client.as_ref().map_or("", ClientId::as_str),
        &address,
        origin.user_agent.as_deref().filter(|_| nameless).unwrap_or_default(),
    ];
    Some(indexed(&parts.join("\n")))
}

/// Whose account a record is about: the database takes it from the text, see 0030.
pub(super) fn about(record: &AuditRecord) -> Option<&str> {
    let Event::Control(event) = &record.event else { return None };
    let is_kept = matches!(event.operation, Operation::Logout | Operation::PasswordChange);
    event.target.as_ref().filter(|_| is_kept).map(|(_, id)| id.as_str())
}

fn target<'r>(record: &'r AuditRecord, wanted: &str) -> Option<&'r str> {
    let Event::Control(event) = &record.event else { return None };
    event.target.as_ref().filter(|(kind, _)| kind == wanted).map(|(_, id)| id.as_str())
}

/// The record of a control-plane event.
pub(super) fn control(
    org: Option<&OrgId>,
    actor: &Actor,
    event: ControlEvent,
    cause: &Cause,
    entropy: &dyn Entropy,
) -> AuditRecord {
    AuditRecord {
        id: RecordId::generate(cause.at, entropy),
        time: cause.at,
        org: org.cloned(),
        actor: actor.clone(),
        origin: cause.origin.clone(),
        event: Event::Control(event),
    }
}

/// How the end of a grant is told.
pub(super) fn revoked(reason: RevokeReason) -> ControlEvent {
    match reason {
        RevokeReason::User => ControlEvent::done(Operation::GrantRevokeUser),
        RevokeReason::Admin => ControlEvent::done(Operation::GrantRevokeAdmin),
        RevokeReason::Client => ControlEvent::done(Operation::GrantRevokeClient),
        RevokeReason::CodeReplay => {
            ControlEvent::refused(Operation::CodeReplayDetected, "code_replay").with_comment("the grant was revoked")
        }
        RevokeReason::RefreshReuse => {
            ControlEvent::refused(Operation::RefreshReuseDetected, "refresh_reuse").with_comment("the grant was revoked")
        }
        RevokeReason::UserDeactivated => ControlEvent::done(Operation::GrantRevokeUserDeactivated),
        RevokeReason::MembershipRemoved => ControlEvent::done(Operation::GrantRevokeAdmin).with_comment(ControlEvent::USER_LEFT),
        RevokeReason::ClientDeleted => ControlEvent::done(Operation::GrantRevokeAdmin).with_comment(ControlEvent::CLIENT_REMOVED),
        RevokeReason::Uninstalled => ControlEvent::done(Operation::GrantRevokeUninstall),
        RevokeReason::Policy => {
            ControlEvent::done(Operation::GrantRevokePolicy).with_comment("a private scope that it held was taken back")
        }
        RevokeReason::Superseded => ControlEvent::done(Operation::GrantRevokeUser).with_comment(ControlEvent::SUPERSEDED),
    }
}
