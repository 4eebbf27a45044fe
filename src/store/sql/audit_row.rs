//! Audit records as rows: what searches narrow by, beside the whole record.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::values::{indexed, storable};
use crate::record::{Actor, AuditRecord, Cause, ControlEvent, Event, Operation, Outcome, Written, operation};
use crate::store::RevokeReason;
use crate::types::{ClientId, Entropy, GrantId, OrgId, RecordId, UserId};

/// The operation of a call that no route matched.
const UNMATCHED: &str = "unmatched";

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
        Self::over(&written.record, &written.text)
    }

    /// The same of a record with its text.
    pub(super) fn over(record: &'r AuditRecord, text: &'r str) -> Self {
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

/// What almost every text says: a call that was let through and has ended. Only what its row is made of, and nothing of it is copied: a
/// proof reads every text of the log. What is not read by this may be as good a text as any.
#[derive(Debug, Deserialize)]
pub(super) struct Usual<'t> {
    id: &'t str,
    time: i64,
    org: Option<&'t str>,
    #[serde(borrow)]
    actor: UsualActor<'t>,
    #[serde(borrow)]
    origin: UsualOrigin<'t>,
    #[serde(borrow)]
    event: UsualCall<'t>,
}

#[derive(Debug, Deserialize)]
struct UsualActor<'t> {
    user: Option<&'t str>,
    client: Option<&'t str>,
    client_name: Option<&'t str>,
    grant: Option<&'t str>,
}

#[derive(Debug, Deserialize)]
struct UsualOrigin<'t> {
    request: &'t str,
}

#[derive(Debug, Deserialize)]
struct UsualCall<'t> {
    kind: UsualKind,
    api: &'t str,
    route: Option<&'t str>,
    path: &'t str,
    #[serde(borrow)]
    mcp: Option<UsualMcp<'t>>,
    decision: UsualDecision,
    would_deny: Option<IgnoredAny>,
    outcome: UsualOutcome,
}

#[derive(Debug, Deserialize)]
struct UsualMcp<'t> {
    target: Option<&'t str>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum UsualKind {
    Call,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum UsualDecision {
    Allowed,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum UsualOutcome {
    Completed(UsualMeasured),
}

#[derive(Debug, Deserialize)]
struct UsualMeasured {
    status: u16,
    micros: u64,
}

impl<'t> Usual<'t> {
    /// Reads a text; `None` when it says anything else, or something that its row has in other words.
    pub(super) fn read(text: &'t str) -> Option<Self> {
        let usual: Self = serde_json::from_str(text).ok()?;
        let is_kept = |target: &str| indexed(target) == target;
        (usual.event.would_deny.is_none() && usual.target().is_none_or(is_kept)).then_some(usual)
    }

    fn target(&self) -> Option<&'t str> {
        self.event.mcp.as_ref().and_then(|mcp| mcp.target)
    }

    fn operation(&self) -> &'t str {
        self.event.route.unwrap_or(UNMATCHED)
    }

    /// Its texts, each with its column.
    pub(super) fn texts(&self) -> [(&'static str, Option<&'t str>); 13] {
        let UsualActor { user, client, grant, .. } = self.actor;
        [
            ("id", Some(self.id)),
            ("org_id", self.org),
            ("user_id", user),
            ("client_id", client),
            ("grant_id", grant),
            ("request_id", Some(self.origin.request)),
            ("api", Some(self.event.api)),
            ("operation", Some(self.operation())),
            ("tool", self.target()),
            ("reason", None),
            ("would_deny", None),
            ("shadow", None),
            ("about", None),
        ]
    }

    /// Its numbers, each with its column.
    pub(super) fn numbers(&self) -> [(&'static str, Option<i64>); 3] {
        // There are no others.
        let UsualCall { kind: UsualKind::Call, decision: UsualDecision::Allowed, outcome, .. } = &self.event;
        let UsualOutcome::Completed(UsualMeasured { status, micros }) = outcome;
        let micros = i64::try_from(*micros).unwrap_or(i64::MAX);
        [("time", Some(self.time)), ("status", Some(i64::from(*status))), ("micros", Some(micros))]
    }

    /// What it is found by; `None` when that takes more than to write ASCII in small letters.
    pub(super) fn search(&self) -> Option<String> {
        let parts = [Some(self.operation()), Some(self.event.path), self.target(), self.actor.client_name];
        let mut search = String::with_capacity(128);
        for part in parts.into_iter().flatten() {
            if !search.is_empty() {
                search.push('\n');
            }
            search.push_str(part);
        }
        if !search.is_ascii() || search.contains('\0') {
            return None;
        }
        search.make_ascii_lowercase();
        Some(search)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Decision, McpCall, WouldDeny};
    use crate::types::{RouteId, ScopeSet};

    const TEXT: &str = r#"{"id":"rec_1","time":1795219200123,"org":"org_1","actor":{"user":"usr_1","client":"cl_1",
        "client_name":"Acme CLI","grant":"gr_1","token":"jti"},"origin":{"request":"req_1","node":"node_1","peer":null,
        "user_agent":null,"trace":null},"event":{"kind":"call","api":"loki","route":"loki.query","method":"GET","path":"/loki/Q",
        "mcp":null,"scopes_needed":[],"scopes_held":[],"resource":null,"decision":"allowed",
        "outcome":{"completed":{"status":200,"bytes":1,"micros":1500}}}}"#;

    /// Whether the short way reads it, having seen that both ways say the same.
    fn is_usual(change: impl FnOnce(&mut AuditRecord)) -> bool {
        let mut record: AuditRecord = serde_json::from_str(TEXT).expect("a record");
        change(&mut record);
        let text = Written::text_of(&record).expect("text");
        let Some(usual) = Usual::read(&text) else { return false };
        let said = AuditColumns::over(&record, &text);
        let actor = &record.actor;
        let texts = [
            ("id", Some(record.id.as_str())),
            ("org_id", record.org.as_ref().map(OrgId::as_str)),
            ("user_id", actor.user.as_ref().map(UserId::as_str)),
            ("client_id", said.client),
            ("grant_id", said.grant),
            ("request_id", Some(record.origin.request.as_str())),
            ("api", said.api),
            ("operation", Some(said.operation)),
            ("tool", said.tool.as_deref()),
            ("reason", said.reason),
            ("would_deny", said.would_deny),
            ("shadow", said.shadow.as_deref()),
            ("about", about(&record)),
        ];
        assert_eq!(usual.texts(), texts);
        assert_eq!(usual.numbers(), [("time", Some(record.time.millis())), ("status", said.status), ("micros", said.micros)]);
        assert!(!said.denied && usual.search().is_none_or(|search| search == said.search), "{:?}", usual.search());
        usual.search().is_some()
    }

    fn call(record: &mut AuditRecord) -> &mut crate::record::Call {
        let Event::Call(call) = &mut record.event else { panic!("a call") };
        call
    }

    #[test]
    fn the_short_way_says_what_the_long_one_does() {
        assert!(is_usual(|_| {}));
        assert!(is_usual(|record| (record.org, record.actor) = (None, Actor::default())));
        assert!(is_usual(|record| call(record).route = None));
        assert!(is_usual(|record| call(record).route = RouteId::parse("loki.Other").ok()));
        let tool = |target: &str| Some(McpCall { method: "tools/call".into(), target: Some(target.to_owned()), version: None });
        assert!(is_usual(|record| call(record).mcp = tool("Query_Logs")));
        assert!(is_usual(|record| call(record).mcp = Some(McpCall { method: "ping".into(), target: None, version: None })));
    }

    #[test]
    fn what_is_written_in_other_words_takes_the_long_way() {
        let tool = |target: &str| Some(McpCall { method: "tools/call".into(), target: Some(target.to_owned()), version: None });
        assert!(!is_usual(|record| call(record).mcp = tool(&"t".repeat(500))));
        assert!(!is_usual(|record| call(record).mcp = tool("a\0b")));
        assert!(!is_usual(|record| call(record).path = "/\u{130}".into()), "its small letters are two characters");
        assert!(!is_usual(|record| record.actor.client_name = Some("a \"b\"".into())));
        let (reason, missing) = ("scope".to_owned(), ScopeSet::default());
        let waived = WouldDeny { reason: reason.clone(), missing: missing.clone() };
        assert!(!is_usual(|record| call(record).would_deny = Some(waived)));
        assert!(!is_usual(|record| call(record).decision = Decision::Denied { reason, missing }));
        assert!(!is_usual(|record| call(record).outcome = Outcome::Unknown));
        assert!(!is_usual(|record| record.event = Event::Control(ControlEvent::done(Operation::AuditQuery))));
    }
}
