//! One story, told to a node and to its admin API: the answers are the same.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use serde_json::{Value, json};

use super::Fixture;
use crate::admin::{
    AdminError, Administration, AuditQuery, ClientPolicyChange, ClientScopes, ClientSwitch, DecisionName, GrantChange,
    MemberRoles, NewClient, NewClientKind, NewClientsChange, NewInvitation, NewOrg, NewPassword, NewSavedSearch, NewSecret,
    NewUserRequest, OrgChange, PageQuery, RefusalCode, Rotation, ScopeQuery, Switch, UserSwitch, VerdictName, Within,
};
use crate::counts::By;
use crate::record::FileFormat;
use crate::store::{AuditFilter, GrantType, NewClients, UserKind};
use crate::types::Slug;

fn user(email: &str, kind: UserKind) -> NewUserRequest {
    NewUserRequest { email: email.to_owned(), name: None, kind, password: None }
}

pub(super) fn client(kind: NewClientKind) -> NewClient {
    NewClient {
        kind,
        name: "CI".to_owned(),
        org: Some("acme".to_owned()),
        redirect_uris: Vec::new(),
        scopes: None,
        subject: None,
        resources: Vec::new(),
        auth: None,
        require_state: false,
        access_token_ttl_seconds: None,
        secret_lives_seconds: None,
        device_grant: false,
    }
}

/// The first page, which holds all that a test makes.
fn every() -> PageQuery {
    PageQuery::default()
}

/// What an operation answered, without what differs from one store to the next.
pub(super) fn told<T: serde::Serialize>(answer: Result<T, AdminError>) -> Value {
    match answer {
        Ok(value) => masked(serde_json::to_value(value).expect("JSON")),
        Err(AdminError::Refused(refusal)) => json!({ "refused": refusal.code, "detail": masked(refusal.detail.into()) }),
        Err(fault) => panic!("{fault:?}"),
    }
}

fn masked(value: Value) -> Value {
    match value {
        // Before times, which begin as one of them in 256 does.
        Value::String(s) if s.len() == 36 && [8, 13, 18, 23].iter().all(|i| s.as_bytes()[*i] == b'-') => json!("<uuid>"),
        Value::String(s) if s.len() == 12 && s.bytes().all(|b| b.is_ascii_hexdigit()) => json!("<secret>"),
        Value::String(s)
            if ["app_", "http://127.0.0.1:8080/", "inv_", "org_", "usr_", "cl_", "gr_", "key_", "rec_", "req_", "tg_", "20"]
                .iter()
                .any(|p| s.starts_with(p)) =>
        {
            json!(format!("<{}>", s.split('_').next().filter(|p| p.len() < 4).unwrap_or("time")))
        }
        Value::Array(items) => items.into_iter().map(masked).collect(),
        Value::Object(fields) => {
            let hidden = |k: &str| ["last4", "cursor", "next"].contains(&k);
            fields.into_iter().map(|(k, v)| (k.clone(), if hidden(&k) { Value::Null } else { masked(v) })).collect()
        }
        other => other,
    }
}

/// Every operation, with what it must refuse.
async fn story(admin: &dyn Administration) -> Vec<(&'static str, Value)> {
    let mut said = Vec::new();
    let mut say = |what, answer| said.push((what, answer));
    let org = |slug: &str| NewOrg { slug: slug.to_owned(), ..NewOrg::default() };
    say("create org", told(admin.create_org(org("acme")).await));
    say("taken", told(admin.create_org(org("acme")).await));
    say("bad slug", told(admin.create_org(org("No Slug")).await));
    say("two tenants", told(admin.create_org(NewOrg { tenant: Some("a|b".to_owned()), ..org("beta") }).await));
    say("everybody's tenant", told(admin.create_org(org("multitenant")).await));
    let tenants = Some([("prometheus".to_owned(), "team-1".to_owned())].into());
    say("update org", told(admin.update_org("acme", OrgChange { tenants, ..OrgChange::default() }).await));
    let unknown_api = Some([("nowhere".to_owned(), "x".to_owned())].into());
    say("unknown api", told(admin.update_org("acme", OrgChange { tenants: unknown_api, ..OrgChange::default() }).await));
    say("orgs", told(admin.orgs(every()).await));
    say("no org", told(admin.org("nowhere").await));

    say("create user", told(admin.create_user(user("Ann+a@Example.com", UserKind::Person)).await));
    say("taken user", told(admin.create_user(user("ann+a@example.com", UserKind::Person)).await));
    say("no address", told(admin.create_user(user("ann", UserKind::Person)).await));
    say(
        "short",
        told(admin.create_user(NewUserRequest { password: Some("short".to_owned()), ..user("b@c", UserKind::Person) }).await),
    );
    say("service", told(admin.create_user(user("ci-bot", UserKind::Service)).await));
    say("users", told(admin.users(every()).await));
    say("user", told(admin.user("ann+a@example.com").await));
    say("password", told(admin.set_password("ann+a@example.com", NewPassword::default()).await));
    say("service password", told(admin.set_password("ci-bot", NewPassword::default()).await));

    let scopes = Some("metrics:read".to_owned());
    let machine = NewClient { subject: Some("ci-bot".to_owned()), scopes, ..client(NewClientKind::Machine) };
    say("no member yet", told(admin.create_client(machine.clone()).await));
    let roles = |names: &[&str]| MemberRoles { roles: names.iter().map(|n| (*n).to_owned()).collect() };
    say("unknown role", told(admin.set_member("acme", "ci-bot", roles(&["emperor"])).await));
    say("member", told(admin.set_member("acme", "ci-bot", roles(&["viewer"])).await));
    say("members", told(admin.members("acme", every()).await));
    say("roles", told(admin.roles().await));
    clients(admin, machine, &mut say).await;

    people(admin, &mut say).await;
    say("remove member", told(admin.remove_member("acme", "ci-bot").await));
    say("remove again", told(admin.remove_member("acme", "ci-bot").await));
    say("disable user", told(admin.switch_user("ci-bot", UserSwitch::Disabled).await));
    say("service operator", told(admin.add_operator("ci-bot").await));
    say("operator", told(admin.add_operator("ann+a@example.com").await));
    say("operator again", told(admin.add_operator("ann+a@example.com").await));
    say("operators", told(admin.operators(every()).await));
    say("no longer", told(admin.remove_operator("ann+a@example.com").await));
    say("not even before", told(admin.remove_operator("ann+a@example.com").await));
    say("freeze what is off", told(admin.switch_user("ci-bot", UserSwitch::Frozen).await));
    say("freeze user", told(admin.switch_user("ann+a@example.com", UserSwitch::Frozen).await));
    say("thaw user", told(admin.switch_user("ann+a@example.com", UserSwitch::Active).await));
    say("disable org", told(admin.switch_org("acme", Switch::Disabled).await));
    say("enable org", told(admin.switch_org("acme", Switch::Active).await));
    say("grants", told(admin.grants(Within::default()).await));
    say("no grant", told(admin.revoke_grant("gr_none").await));
    say("keys", told(admin.keys().await));
    say("rotate", told(admin.rotate_key(Rotation { overlap_seconds: Some(60) }).await));
    say("keys after", told(admin.keys().await));
    let query = AuditQuery { org: Some("acme".to_owned()), limit: Some(2), ..AuditQuery::default() };
    say("bad cursor", told(admin.search_audit(AuditQuery { cursor: Some("x".to_owned()), ..query.clone() }).await));
    let counted = AuditQuery { by: Some(By::Route), buckets: Some(2), limit: None, ..query.clone() };
    say(
        "counts",
        told(admin.count_audit(counted.clone()).await.map(|c| (c.by, c.buckets.len(), c.total > 0, c.groups.is_empty()))),
    );
    say(
        "counts of a month and more",
        told(admin.count_audit(AuditQuery { since: Some("2020-01-01T00:00:00Z".to_owned()), ..counted.clone() }).await),
    );
    say("no such counts", told(admin.count_audit(AuditQuery { buckets: Some(0), ..counted.clone() }).await));
    say("a page is not counted", told(admin.search_audit(counted).await));
    let viewer = MemberRoles { roles: vec!["viewer".to_owned()] };
    say("set member", told(admin.set_member("acme", "ann+a@example.com", viewer).await));
    let search = |query: &str| NewSavedSearch { query: query.to_owned() };
    say("save a search", told(admin.save_search("acme", "ann+a@example.com", "denials", search("decision=denied&x=y")).await));
    say("no name", told(admin.save_search("acme", "ann+a@example.com", " ", search("")).await));
    say("searches", told(admin.saved_searches("acme", "ann+a@example.com").await));
    say("searches of a stranger", told(admin.saved_searches("acme", "ci-bot").await));
    say("forget a search", told(admin.forget_search("acme", "ann+a@example.com", "denials").await));
    say("forgotten", told(admin.forget_search("acme", "ann+a@example.com", "denials").await));
    say("bad time", told(admin.search_audit(AuditQuery { since: Some("x".to_owned()), ..query }).await));
    said
}

async fn people(admin: &dyn Administration, say: &mut impl FnMut(&'static str, Value)) {
    let new = |email: &str, role: &str| NewInvitation { email: email.to_owned(), roles: vec![role.to_owned()] };
    let made = admin.invite("acme", new("Grace@Example.com", "viewer")).await.expect("an invitation");
    let id = made.invitation.id.to_string();
    say("invite", told(Ok(made)));
    say("invite a line", told(admin.invite("acme", new("eve@example.com\n", "viewer")).await));
    say("make a line", told(admin.create_user(user("eve@example.com\n", UserKind::Person)).await));
    say("invite nobody", told(admin.invite("acme", new("nobody", "viewer")).await));
    say("invite emperor", told(admin.invite("acme", new("a@b.example", "emperor")).await));
    say("invitations", told(admin.invitations("acme", every()).await));
    say("withdraw", told(admin.withdraw_invitation("acme", &id).await));
    say("withdraw again", told(admin.withdraw_invitation("acme", &id).await));
    say("no invitations", told(admin.invitations("acme", every()).await));
    say("sessions", told(admin.sessions("ann+a@example.com", every()).await));
    say("no session", told(admin.end_session("ann+a@example.com", "0123456789abcdef").await));
    say("end sessions", told(admin.end_sessions("ann+a@example.com").await));
    say("change no grant", told(admin.change_grant("gr_none", GrantChange::default()).await));
    say("scopes", told(admin.scopes(ScopeQuery { text: Some("METRICS".to_owned()) }).await));
}

async fn clients(admin: &dyn Administration, machine: NewClient, say: &mut impl FnMut(&'static str, Value)) {
    let made = admin.create_client(machine.clone()).await.expect("a client");
    let id = made.client.id.to_string();
    say("machine", told(Ok(made)));
    say("machine alone", told(admin.create_client(client(NewClientKind::Machine)).await));
    let redirected = NewClient { redirect_uris: vec!["https://a.example/cb".to_owned()], ..machine.clone() };
    say("machine redirected", told(admin.create_client(redirected).await));
    let public = NewClient { redirect_uris: vec!["http://127.0.0.1/cb".to_owned()], ..client(NewClientKind::Public) };
    say("public", told(admin.create_client(public.clone()).await));
    say("public nowhere", told(admin.create_client(client(NewClientKind::Public)).await));
    say("scope", told(admin.create_client(NewClient { scopes: Some("moon:read".to_owned()), ..public }).await));
    let device = NewClient { device_grant: true, ..client(NewClientKind::Public) };
    let probe = admin.create_client(device).await.expect("a client").client;
    assert_eq!(probe.grant_types, [GrantType::DeviceCode, GrantType::RefreshToken]);
    admin.delete_client(probe.id.as_str()).await.expect("deleted");
    say("machine device", told(admin.create_client(NewClient { device_grant: true, ..machine }).await));
    say("secret", told(admin.add_secret(&id, NewSecret { others_live_seconds: Some(60), lives_seconds: None }).await));
    say("client", told(admin.client(&id).await));
    let secrets = admin.client(&id).await.expect("a client").secrets;
    say("first secret", told(admin.remove_secret(&id, &secrets[0].id).await));
    say("last secret", told(admin.remove_secret(&id, &secrets[1].last4).await));
    policy(admin, &id, say).await;
    say("disable", told(admin.switch_client(&id, ClientSwitch::Frozen).await));
    say("clients", told(admin.clients(Within { org: Some("acme".to_owned()), ..Within::default() }).await));
    say("delete", told(admin.delete_client(&id).await));
    say("delete again", told(admin.delete_client(&id).await.map_err(|e| without(e, &id))));
}

async fn policy(admin: &dyn Administration, id: &str, say: &mut impl FnMut(&'static str, Value)) {
    let to = |new_clients| NewClientsChange { new_clients };
    say("approval", told(admin.set_new_clients("acme", to(NewClients::Approval)).await));
    let block = ClientPolicyChange { verdict: Some(VerdictName::Block), ..ClientPolicyChange::default() };
    say("block", told(admin.set_client_policy("acme", id, block.clone()).await));
    say("block nobody", told(admin.set_client_policy("acme", "cl_none", block).await));
    let scopes = |text: &str| ClientPolicyChange { scopes: Some(text.to_owned()), ..ClientPolicyChange::default() };
    let allow = ClientPolicyChange { verdict: Some(VerdictName::Allow), ..scopes("metrics:read") };
    say("restrict", told(admin.set_client_policy("acme", id, allow).await));
    say("restrict to nothing known", told(admin.set_client_policy("acme", id, scopes("moon:read")).await));
    let both = ClientPolicyChange { unrestricted: true, ..scopes("metrics:read") };
    say("restrict and not", told(admin.set_client_policy("acme", id, both).await));
    say("policy", told(admin.policy("acme", PageQuery::default()).await));
    say("policy page", told(admin.policy("acme", PageQuery { limit: Some(1), cursor: Some("cl_0".to_owned()) }).await));
    say("no policy page", told(admin.policy("acme", PageQuery { limit: Some(1001), cursor: None }).await));
    say("policy lost", told(admin.policy("acme", PageQuery { limit: None, cursor: Some("a b".to_owned()) }).await));
    let lift = ClientPolicyChange { unrestricted: true, ..ClientPolicyChange::default() };
    say("lift", told(admin.set_client_policy("acme", id, lift).await));
    say("revoke client", told(admin.revoke_client("acme", id).await));
    say("review", told(admin.review("acme", every()).await));
    say("open", told(admin.set_new_clients("acme", to(NewClients::Open)).await));
}

/// A refusal without the id that it names.
pub(super) fn without(error: AdminError, id: &str) -> AdminError {
    match error {
        AdminError::Refused(mut refusal) => {
            refusal.detail = refusal.detail.replace(id, "ID");
            AdminError::Refused(refusal)
        }
        other => other,
    }
}

#[tokio::test]
async fn a_node_and_its_admin_api_answer_alike() {
    let (here, there) = (Fixture::start().await, Fixture::start().await);
    let (local, remote) = (story(&here.local()).await, story(&there.remote()).await);
    assert_eq!(local, remote);
    let refused =
        |what: &str| local.iter().find(|(w, _)| *w == what).and_then(|(_, v)| v["refused"].as_str().map(ToOwned::to_owned));
    let invalid = [
        "bad slug",
        "two tenants",
        "everybody's tenant",
        "unknown api",
        "no address",
        "short",
        "service password",
        "no member yet",
    ];
    let more = ["unknown role", "machine alone", "machine redirected", "public nowhere", "scope", "bad cursor", "bad time"];
    let more = more
        .into_iter()
        .chain([
            "restrict to nothing known",
            "restrict and not",
            "no policy page",
            "policy lost",
            "counts of a month and more",
            "no such counts",
            "a page is not counted",
            "no name",
            "invite nobody",
            "invite a line",
            "make a line",
            "invite emperor",
            "machine device",
            "service operator",
        ])
        .collect::<Vec<_>>();
    for what in invalid.into_iter().chain(more.iter().copied()) {
        assert_eq!(refused(what).as_deref(), Some("invalid"), "{what}");
    }
    for what in [
        "no org",
        "delete again",
        "remove again",
        "no grant",
        "block nobody",
        "withdraw again",
        "no session",
        "change no grant",
        "searches of a stranger",
        "forgotten",
    ] {
        assert_eq!(refused(what).as_deref(), Some("not_found"), "{what}");
    }
    for what in ["taken", "taken user", "freeze what is off", "operator again", "not even before", "last secret"] {
        assert_eq!(refused(what).as_deref(), Some("conflict"), "{what}");
    }
    let fine = local.iter().filter(|(_, v)| v.get("refused").is_none()).count();
    assert_eq!(fine, local.len() - invalid.len() - more.len() - 16, "{local:#?}");
}

#[tokio::test]
async fn secrets_are_told_once_and_never_printed() {
    let fixture = Fixture::start().await;
    let admin = fixture.remote();
    admin.create_org(NewOrg { slug: "acme".to_owned(), ..NewOrg::default() }).await.expect("an organization");
    let made = admin.create_user(user("ann@example.com", UserKind::Person)).await.expect("a user");
    let password = made.one_time_password.clone().expect("a password");
    let web = NewClient { redirect_uris: vec!["https://a.example/cb".to_owned()], ..client(NewClientKind::Confidential) };
    let app = admin.create_client(web).await.expect("a client");
    let secret = app.client_secret.clone().expect("a secret");
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._~-".contains(c);
    assert!(secret.chars().all(allowed) && app.client.id.as_str().chars().all(allowed));
    let next = admin.add_secret(app.client.id.as_str(), NewSecret::default()).await.expect("a secret");
    let shown = format!(
        "{made:?} {app:?} {next:?} {admin:?} {} {} {}",
        told(admin.users(every()).await),
        serde_json::to_string(&admin.client(app.client.id.as_str()).await.expect("a client")).expect("JSON"),
        serde_json::to_string(&admin.search_audit(AuditQuery::default()).await.expect("a page")).expect("JSON"),
    );
    for hidden in [&password, &secret, &next.client_secret, &fixture.secret.expose().to_owned()] {
        assert!(!shown.contains(hidden.as_str()), "a secret is shown");
    }
    assert_eq!(admin.client(app.client.id.as_str()).await.expect("a client").secrets.len(), 2);
}

#[tokio::test]
async fn the_log_is_paged_and_searching_it_is_recorded() {
    let fixture = Fixture::start().await;
    let admin = fixture.remote();
    for slug in ["one", "two", "three"] {
        admin.create_org(NewOrg { slug: slug.to_owned(), ..NewOrg::default() }).await.expect("an organization");
    }
    let query = AuditQuery { operation: Some("org.*".to_owned()), limit: Some(2), ..AuditQuery::default() };
    let first = admin.search_audit(query.clone()).await.expect("a page");
    assert_eq!(first.records.len(), 2);
    let second = admin.search_audit(AuditQuery { cursor: first.next, ..query }).await.expect("a page");
    assert_eq!((second.records.len(), second.next), (1, None));
    assert_eq!(second.records[0].ocsf["class_uid"], 3004);
    let mine = AuditQuery { operation: Some("audit.query".to_owned()), ..AuditQuery::default() };
    let searches = admin.search_audit(mine).await.expect("a page");
    // Three in the operator's own log, and one in each organization's whose record a page showed.
    let own = searches.records.iter().filter(|record| record.org.is_none()).count();
    assert_eq!((own, searches.records.len()), (3, 6));
    let denied = AuditQuery { decision: Some(DecisionName::Denied), ..AuditQuery::default() };
    assert_eq!(admin.search_audit(denied).await.expect("a page").records.len(), 0);
}

/// How often the log of an organization says that the operator read or exported it.
async fn reads(fixture: &Fixture, org: &str) -> usize {
    let org = fixture.node.store.org_by_slug(&Slug::parse(org).expect("a slug")).await.expect("an answer").expect("it is there");
    let log = AuditFilter { org: Some(org.id), operation: Some("audit.*".to_owned()), ..AuditFilter::default() };
    fixture.node.store.search_audit(&log, None, 100).await.expect("a page").rows.len()
}

#[tokio::test]
async fn whoever_reads_every_log_is_on_record_in_each_that_was_shown() {
    let fixture = Fixture::start().await;
    for admin in [Arc::new(fixture.local()) as Arc<dyn Administration>, Arc::new(fixture.remote())] {
        let tag = format!("t{}", Arc::as_ptr(&admin).cast::<()>().addr());
        let orgs = [format!("{tag}-a"), format!("{tag}-b")];
        for name in &orgs {
            admin.create_org(NewOrg { slug: name.clone(), ..NewOrg::default() }).await.expect("an organization");
        }
        admin.switch_org(&orgs[1], Switch::Disabled).await.expect("an answer");
        let all = AuditQuery { operation: Some("org.*".to_owned()), ..AuditQuery::default() };
        let second = AuditQuery { operation: Some("org.disable".to_owned()), ..all.clone() };
        assert!(!admin.search_audit(second).await.expect("a page").records.is_empty());
        assert_eq!((reads(&fixture, &orgs[0]).await, reads(&fixture, &orgs[1]).await), (0, 1));
        admin.search_audit(all.clone()).await.expect("a page");
        assert_eq!((reads(&fixture, &orgs[0]).await, reads(&fixture, &orgs[1]).await), (1, 2));
        let parts: Vec<_> = admin.export_audit(all.clone()).await.expect("a file").collect().await;
        assert!(parts.iter().all(Result::is_ok));
        assert_eq!((reads(&fixture, &orgs[0]).await, reads(&fixture, &orgs[1]).await), (2, 3));
        // A tail tells whom it shows, and nobody whose records came before it.
        let mut records = admin.tail_audit(all).await.expect("a stream");
        for to in [Switch::Disabled, Switch::Active] {
            admin.switch_org(&orgs[0], to).await.expect("an answer");
            let next = tokio::time::timeout(Duration::from_secs(10), records.next()).await.expect("in time");
            assert!(next.expect("a record").is_ok());
            assert_eq!((reads(&fixture, &orgs[0]).await, reads(&fixture, &orgs[1]).await), (3, 3));
        }
        let one = AuditQuery { org: Some(orgs[0].clone()), ..AuditQuery::default() };
        admin.search_audit(one).await.expect("a page");
        assert_eq!(reads(&fixture, &orgs[0]).await, 4, "once where it is named");
    }
}

#[tokio::test]
async fn what_a_search_finds_is_exported_as_a_file() {
    let fixture = Fixture::start().await;
    let org = |slug: &str| NewOrg { slug: slug.to_owned(), name: Some("=1+1".to_owned()), ..NewOrg::default() };
    for admin in [Arc::new(fixture.local()) as Arc<dyn Administration>, Arc::new(fixture.remote())] {
        let slug = format!("t{}", Arc::as_ptr(&admin).cast::<()>().addr());
        let made = admin.create_org(org(&slug)).await.expect("an organization");
        let query = AuditQuery { org: Some(slug.clone()), operation: Some("org.*".to_owned()), ..AuditQuery::default() };
        let listed = admin.search_audit(query.clone()).await.expect("a page").records;
        assert_eq!(listed.len(), 1);
        let export = async |query: AuditQuery| {
            let parts: Vec<_> = admin.export_audit(query).await?.collect().await;
            let parts: Result<Vec<_>, AdminError> = parts.into_iter().collect();
            parts.map(|parts| String::from_utf8(parts.concat()).expect("text"))
        };
        let lines = export(query.clone()).await.expect("a file");
        let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(lines, [listed[0].ocsf.clone()]);
        let csv = export(AuditQuery { format: Some(FileFormat::Csv), ..query.clone() }).await.expect("a file");
        assert_eq!((csv.lines().count(), csv.starts_with("\"time\",")), (2, true), "{csv}");
        let own = AuditQuery { operation: Some("audit.export".to_owned()), ..query.clone() };
        let noted = admin.search_audit(own).await.expect("a page").records;
        assert_eq!((noted.len(), noted[0].org.as_ref()), (2, Some(&made.id)), "each is on record in that log");
        for wrong in [
            AuditQuery { limit: Some(5), ..query.clone() },
            AuditQuery { cursor: Some("x".to_owned()), ..query.clone() },
            AuditQuery { status: Some("4".to_owned()), ..query.clone() },
        ] {
            assert_eq!(told(export(wrong.clone()).await)["refused"], "invalid", "{wrong:?}");
        }
        let paged = AuditQuery { format: Some(FileFormat::Csv), ..query };
        assert_eq!(told(admin.search_audit(paged).await)["refused"], "invalid");
    }
}

#[tokio::test]
async fn a_tail_shows_what_happens_from_now_on() {
    let fixture = Fixture::start().await;
    let org = |slug: &str| NewOrg { slug: slug.to_owned(), ..NewOrg::default() };
    for admin in [Arc::new(fixture.local()) as Arc<dyn Administration>, Arc::new(fixture.remote())] {
        let tag = format!("t{}", Arc::as_ptr(&admin).cast::<()>().addr());
        admin.create_org(org(&format!("{tag}-a"))).await.expect("an organization");
        let query = AuditQuery { operation: Some("org.*".to_owned()), ..AuditQuery::default() };
        let mut records = admin.tail_audit(query).await.expect("a stream");
        // Several looks: what was there before never comes.
        for name in ["b", "c", "d"] {
            let later = admin.create_org(org(&format!("{tag}-{name}"))).await.expect("an organization");
            let next = tokio::time::timeout(Duration::from_secs(10), records.next()).await.expect("in time");
            let entry = next.expect("a record").expect("no fault");
            assert!(entry.what.contains(later.id.as_str()), "{entry:?}");
        }
    }
    let endless = AuditQuery { limit: Some(1), ..AuditQuery::default() };
    let Err(AdminError::Refused(refusal)) = fixture.remote().tail_audit(endless).await else { panic!("refused") };
    assert_eq!(refusal.code, RefusalCode::Invalid);
}

#[tokio::test]
async fn an_organization_has_as_many_clients_as_it_may() {
    let fixture = Fixture::start().await;
    let admin = fixture.remote();
    for slug in ["acme", "beta"] {
        admin.create_org(NewOrg { slug: slug.to_owned(), ..NewOrg::default() }).await.expect("an organization");
    }
    let web = |org: &str| NewClient {
        org: Some(org.to_owned()),
        redirect_uris: vec!["https://a.example/cb".to_owned()],
        ..client(NewClientKind::Public)
    };
    let limit = fixture.node.config.load().oauth.max_clients_per_org;
    for _ in 0..limit {
        admin.create_client(web("acme")).await.expect("a client");
    }
    let refused = told(admin.create_client(web("acme")).await);
    assert!(refused["detail"].as_str().is_some_and(|d| d.contains("max_clients_per_org")), "{refused}");
    admin.create_client(web("beta")).await.expect("another organization has room of its own");
}

#[tokio::test]
async fn no_number_of_seconds_is_beyond_the_calendar() {
    let fixture = Fixture::start().await;
    let admin = fixture.remote();
    admin.create_org(NewOrg { slug: "acme".to_owned(), ..NewOrg::default() }).await.expect("an organization");
    let web = NewClient { redirect_uris: vec!["https://a.example/cb".to_owned()], ..client(NewClientKind::Confidential) };
    let id = admin.create_client(web.clone()).await.expect("a client").client.id.to_string();
    let invalid = |answer: Value| assert_eq!(answer["refused"], "invalid", "{answer}");
    let lives = |others_live_seconds, lives_seconds| NewSecret { others_live_seconds, lives_seconds };
    for new in [lives(Some(u64::MAX), None), lives(None, Some(u64::MAX)), lives(Some(316_224_001), None), lives(None, Some(0))] {
        invalid(told(admin.add_secret(&id, new).await));
    }
    let made = admin.add_secret(&id, lives(Some(316_224_000), Some(60))).await.expect("a secret");
    assert!(made.secret.expires_at.is_some(), "{made:?}");
    for secret in admin.client(&id).await.expect("a client").secrets {
        let end = secret.expires_at.expect("an end").to_string();
        assert!(end.starts_with("20") && end.ends_with('Z'), "{end}");
    }
    invalid(told(admin.rotate_key(Rotation { overlap_seconds: Some(u64::MAX) }).await));
    invalid(told(admin.create_client(NewClient { access_token_ttl_seconds: Some(86_401), ..web }).await));
}

#[tokio::test]
async fn a_client_has_five_secrets_at_most_wherever_they_are_asked_for() {
    let fixture = Fixture::start().await;
    let admin = fixture.remote();
    admin.create_org(NewOrg { slug: "acme".to_owned(), ..NewOrg::default() }).await.expect("an organization");
    let web = NewClient { redirect_uris: vec!["https://a.example/cb".to_owned()], ..client(NewClientKind::Confidential) };
    let own = admin.create_client(web).await.expect("a client").client.id.to_string();
    let new = crate::admin::NewApp { org: "acme".to_owned(), name: "Sync".to_owned(), ..crate::admin::NewApp::default() };
    let of_app = admin.create_app(new).await.expect("an app").app.draft_client.to_string();
    for id in [own, of_app] {
        for _ in 1..5 {
            admin.add_secret(&id, NewSecret::default()).await.expect("a secret");
        }
        let refused = told(admin.add_secret(&id, NewSecret::default()).await);
        assert_eq!(refused["refused"], "conflict", "{refused}");
        let rotated = NewSecret { others_live_seconds: Some(0), lives_seconds: None };
        admin.add_secret(&id, rotated).await.expect("others that end at once make room");
        assert_eq!(admin.client(&id).await.expect("a client").secrets.len(), 1);
    }
}

#[tokio::test]
async fn a_machine_has_named_scopes_and_a_subject_that_is_nobody_else() {
    let fixture = Fixture::start().await;
    let admin = fixture.remote();
    admin.create_org(NewOrg { slug: "acme".to_owned(), ..NewOrg::default() }).await.expect("an organization");
    for (email, kind, role) in [
        ("robot", UserKind::Service, "viewer"),
        ("eve@example.com", UserKind::Person, "viewer"),
        ("ada@example.com", UserKind::Person, "admin"),
    ] {
        admin.create_user(user(email, kind)).await.expect("a user");
        admin.set_member("acme", email, MemberRoles { roles: vec![role.to_owned()] }).await.expect("a member");
    }
    let of = |subject: &str, scopes: Option<&str>| {
        let (scopes, subject) = (scopes.map(ToOwned::to_owned), Some(subject.to_owned()));
        NewClient { scopes, subject, ..client(NewClientKind::Machine) }
    };
    let person = told(admin.create_client(of("eve@example.com", Some("metrics:read"))).await);
    assert_eq!(person["refused"], "invalid");
    assert!(person["detail"].as_str().is_some_and(|d| d.contains("service user")), "{person}");
    for unnamed in [None, Some(""), Some(" ")] {
        let answer = told(admin.create_client(of("robot", unnamed)).await);
        assert_eq!(answer["refused"], "invalid", "{unnamed:?}: {answer}");
    }
    admin.create_client(of("ada@example.com", Some("metrics:read"))).await.expect("who manages members may lend themselves");
    let robot = admin.create_client(of("robot", Some("metrics:read"))).await.expect("a machine").client.id.to_string();
    for unnamed in [None, Some(String::new())] {
        let answer = told(admin.set_client_scopes(&robot, ClientScopes { scopes: unnamed }).await);
        assert_eq!(answer["refused"], "invalid", "{answer}");
    }
}

#[tokio::test]
async fn a_review_by_the_operator_is_in_the_log_of_the_organization() {
    let fixture = Fixture::start().await;
    for (slug, admin) in [("here", Box::new(fixture.local()) as Box<dyn Administration>), ("there", Box::new(fixture.remote()))] {
        admin.create_org(NewOrg { slug: slug.to_owned(), ..NewOrg::default() }).await.expect("an organization");
        admin.review(slug, every()).await.expect("a review");
        let (org, operation) = (Some(slug.to_owned()), Some("access.review".to_owned()));
        let told = admin.search_audit(AuditQuery { org, operation, ..AuditQuery::default() }).await.expect("a page");
        assert_eq!(told.records.len(), 1, "{slug}");
    }
}
