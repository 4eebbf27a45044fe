//! `/orgs/{org}/audit`.

use std::collections::BTreeSet;

use http::StatusCode;

use super::world::{START, World, ago, call, denied, pager};
use crate::record::{Actor, AuditRecord, Cause, Decision, Event, Found, Outcome, operation};
use crate::store::{AuditFilter, Client, Grant, Place, RevokeReason};
use crate::types::{ChainId, NodeId, SystemEntropy};

struct Log {
    world: World,
    client: Client,
    grant: Grant,
}

impl Log {
    async fn new() -> Self {
        let world = World::new().await;
        let client = world.client("Acme secret CLI").await;
        let grant = world.consent(&world.bob, &world.acme, &client, "metrics:read").await;
        Self { world, client, grant }
    }

    async fn call(&self, seconds_ago: u64, decision: Decision) -> AuditRecord {
        let record = call(&self.grant, &self.client, ago(seconds_ago), decision);
        self.world.happened(std::slice::from_ref(&record)).await;
        record
    }
}

/// The records that a page links to.
fn listed(body: &str) -> Vec<String> {
    let links = body.split("href=\"/orgs/acme/audit/").skip(1);
    links.filter_map(|rest| rest.split('"').next()).map(ToOwned::to_owned).collect()
}

#[tokio::test]
async fn no_page_shows_one_organization_anything_of_another() {
    let log = Log::new().await;
    let record = log.call(60, Decision::Allowed).await;
    let paths = [
        "/orgs/acme/audit".to_owned(),
        "/orgs/acme/audit.csv".to_owned(),
        "/orgs/acme/audit.ndjson".to_owned(),
        format!("/orgs/acme/audit/{}", record.id),
    ];
    let world = &log.world;
    let ada = world.sign_in(&world.ada).await;
    for path in &paths {
        let answer = world.get(Some(&ada), path).await;
        assert!(answer.status == StatusCode::OK && answer.body.contains("Acme secret CLI"), "{path} {}", answer.status);
    }
    let (bob, eve) = (world.sign_in(&world.bob).await, world.sign_in(&world.eve).await);
    for browser in [&bob, &eve] {
        for path in &paths {
            let answer = world.get(Some(browser), path).await;
            assert!(answer.status == StatusCode::NOT_FOUND && !answer.body.contains("Acme secret CLI"), "{path}");
        }
    }
    for path in &paths {
        let answer = world.get(None, path).await;
        assert!(answer.status == StatusCode::SEE_OTHER && answer.body.is_empty(), "{path}");
        let own = world.get(Some(&eve), &path.replace("acme", "evil")).await;
        assert!(!own.body.contains("Acme secret CLI"), "{path}");
    }
    let through_own = world.get(Some(&eve), &format!("/orgs/evil/audit/{}", record.id)).await;
    assert_eq!(through_own.status, StatusCode::NOT_FOUND);
    let by_name = world.get(Some(&eve), &format!("/orgs/evil/audit?user=bob@acme.test&grant={}", log.grant.id)).await;
    assert_eq!(listed(&by_name.body).len(), 0);
    assert_eq!(world.get(Some(&ada), "/orgs/No%20Slug/audit").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_role_that_is_taken_away_closes_the_log() {
    let log = Log::new().await;
    let world = &log.world;
    let ada = world.sign_in(&world.ada).await;
    assert_eq!(world.get(Some(&ada), "/orgs/acme/audit").await.status, StatusCode::OK);
    world.join(&world.ada, &world.acme, &["viewer"]).await;
    assert_eq!(world.get(Some(&ada), "/orgs/acme/audit").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn pages_lead_to_every_record_once_and_back() {
    let log = Log::new().await;
    let records: Vec<_> = (0..120).map(|n| call(&log.grant, &log.client, ago(n * 60), Decision::Allowed)).collect();
    log.world.happened(&records).await;
    let ada = log.world.sign_in(&log.world.ada).await;
    let first = log.world.get(Some(&ada), "/orgs/acme/audit?api=prometheus").await;
    let (mut page, mut seen, mut sizes) = (first.body.clone(), Vec::new(), Vec::new());
    loop {
        let ids = listed(&page);
        sizes.push(ids.len());
        seen.extend(ids);
        let Some(older) = pager(&page, "next") else { break };
        assert!(older.contains("api=prometheus"), "{older}");
        page = log.world.get(Some(&ada), &older).await.body;
    }
    assert_eq!(sizes, [50, 50, 20]);
    let all: BTreeSet<_> = records.iter().map(|r| r.id.to_string()).collect();
    assert_eq!(seen.iter().cloned().collect::<BTreeSet<_>>(), all);
    for _ in 0..2 {
        page = log.world.get(Some(&ada), &pager(&page, "prev").expect("a way back")).await.body;
    }
    assert_eq!(listed(&page), listed(&first.body));
}

#[tokio::test]
async fn a_cursor_that_is_not_ours_is_refused() {
    let log = Log::new().await;
    let records: Vec<_> = (0..60).map(|n| call(&log.grant, &log.client, ago(n), Decision::Allowed)).collect();
    log.world.happened(&records).await;
    let ada = log.world.sign_in(&log.world.ada).await;
    let older = pager(&log.world.get(Some(&ada), "/orgs/acme/audit").await.body, "next").expect("more");
    assert_eq!(log.world.get(Some(&ada), &older).await.status, StatusCode::OK);
    let (start, last) = older.split_at(older.len() - 1);
    let tampered = format!("{start}{}", if last == "A" { "E" } else { "A" });
    for path in [tampered.as_str(), "/orgs/acme/audit?cursor=x", "/orgs/acme/audit?from=%zz", "/orgs/acme/audit?api=a&api=b"] {
        assert_eq!(log.world.get(Some(&ada), path).await.status, StatusCode::BAD_REQUEST, "{path}");
    }
    let eve = log.world.sign_in(&log.world.eve).await;
    let elsewhere = log.world.get(Some(&eve), &older.replace("acme", "evil")).await;
    assert_eq!(elsewhere.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_filter_narrows() {
    let log = Log::new().await;
    let old = log.call(3 * 86_400, Decision::Allowed).await;
    let allowed = log.call(120, Decision::Allowed).await;
    let refused = log.call(60, denied("insufficient_scope", "audit:read")).await;
    let mut open = call(&log.grant, &log.client, ago(30), Decision::Allowed);
    if let Event::Call(call) = &mut open.event {
        call.outcome = Outcome::Unknown;
    }
    log.world.happened(std::slice::from_ref(&open)).await;
    let ada = log.world.sign_in(&log.world.ada).await;
    let request = format!("request={}", old.origin.request);
    let client = format!("client={}&api=prometheus", log.client.id);
    for (query, expected) in [
        ("api=prometheus", vec![&open, &refused, &allowed]),
        ("api=prometheus&decision=denied", vec![&refused]),
        ("api=prometheus&decision=unknown", vec![&open]),
        ("api=prometheus&decision=allowed&to=2026-11-20T23:58:30", vec![&allowed, &old]),
        ("user=BOB@acme.test&text=insufficient", vec![&refused]),
        ("user=nobody@acme.test", vec![]),
        ("client=secret+cli&tool=query_metrics&decision=denied", vec![&refused]),
        ("api=prometheus&from=2020-01-01", vec![&open, &refused, &allowed, &old]),
        (request.as_str(), vec![&old]),
        (client.as_str(), vec![&open, &refused, &allowed]),
    ] {
        let page = log.world.get(Some(&ada), &format!("/orgs/acme/audit?{query}")).await;
        let expected: Vec<_> = expected.iter().map(|r| r.id.to_string()).collect();
        assert_eq!((page.status, listed(&page.body)), (StatusCode::OK, expected), "{query}");
    }
    for query in ["from=yesterday", "decision=maybe", "from=2026-11-02&to=2026-11-01", "client=some+cli&text=x"] {
        let page = log.world.get(Some(&ada), &format!("/orgs/acme/audit?{query}")).await;
        assert_eq!((page.status, page.body.contains("role=\"alert\"")), (StatusCode::UNPROCESSABLE_ENTITY, true), "{query}");
    }
}

#[tokio::test]
async fn the_chart_says_where_it_begins_and_ends() {
    let log = Log::new().await;
    log.call(60, Decision::Allowed).await;
    let ada = log.world.sign_in(&log.world.ada).await;
    for (query, begin, end) in [
        ("from=2026-11-20T12:00&to=2026-11-21T00:00", "12:00", "00:00"),
        ("from=2026-11-18&to=2026-11-21", "18 Nov 00:00", "21 Nov 00:00"),
    ] {
        let page = log.world.get(Some(&ada), &format!("/orgs/acme/audit?{query}")).await.body;
        let (_, caption) = page.split_once("<figcaption>").expect("a chart");
        let (caption, _) = caption.split_once("</figcaption>").expect("its end");
        let whole = caption.starts_with(&format!("<span>{begin}</span>")) && caption.ends_with(&format!("<span>{end}</span>"));
        assert!(whole, "{query}: {caption}");
    }
}

#[tokio::test]
async fn a_record_says_why_and_what_helps() {
    let log = Log::new().await;
    let refused = log.call(60, denied("insufficient_scope", "audit:read")).await;
    let ada = log.world.sign_in(&log.world.ada).await;
    let page = log.world.get(Some(&ada), &format!("/orgs/acme/audit/{}", refused.id)).await;
    assert_eq!(page.status, StatusCode::OK);
    for shown in [
        "The token did not hold every scope",
        "The user does not hold audit:read in this organization. Roles that have it: admin.",
        &format!("/orgs/acme/audit?grant={}", log.grant.id),
        &format!("/orgs/acme/audit?request={}", refused.origin.request),
        "bob@acme.test",
    ] {
        assert!(page.body.contains(shown), "{shown}: {}", page.body);
    }
}

/// Through the API an administrator acts with a grant of their own: the page leads to the one that was revoked.
#[tokio::test]
async fn a_record_leads_to_what_was_changed_and_not_to_what_it_was_changed_with() {
    let log = Log::new().await;
    let world = &log.world;
    let own = world.consent(&world.ada, &world.acme, &log.client, "metrics:read").await;
    let actor = Actor { user: Some(world.ada.id.clone()), grant: Some(own.id.clone()), ..Actor::default() };
    let cause = Cause { actor, ..world.node.own_cause() };
    assert!(world.node.store.revoke_grant(&log.grant.id, None, RevokeReason::Admin, &cause).await.expect("an answer"));
    let wanted = AuditFilter { operation: Some("grant.revoke.admin".into()), ..AuditFilter::default() };
    let found = world.node.store.search_audit(&wanted, None, 9).await.expect("a page");
    let path = format!("/orgs/acme/audit/{}", found.rows[0].record.id);
    let body = world.get(Some(&world.sign_in(&world.ada).await), &path).await.body;
    let links = |grant: &Grant| body.matches(&format!("?grant={}", grant.id)).count();
    assert_eq!((links(&log.grant), links(&own)), (2, 1), "what it was done to, its neighbours; who did it: {body}");
}

#[tokio::test]
async fn a_download_is_whole_harmless_and_on_record() {
    let log = Log::new().await;
    let evil = Client { name: "=HYPERLINK(\"https://evil\")\r\n".to_owned(), ..log.client.clone() };
    let mut records: Vec<_> = (0..1203).map(|n| call(&log.grant, &log.client, ago(n), Decision::Allowed)).collect();
    records[0] = call(&log.grant, &evil, ago(0), denied("insufficient_scope", "audit:read"));
    records[0].time = ago(1);
    log.world.happened(&records).await;
    let ada = log.world.sign_in(&log.world.ada).await;
    let csv = log.world.get(Some(&ada), "/orgs/acme/audit.csv?api=prometheus").await;
    assert_eq!(csv.body.lines().count(), 1204, "a head and every record");
    assert!(csv.body.contains("\"'=HYPERLINK(\"\"https://evil\"\")  \""), "a formula");
    let head = |name| csv.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    assert_eq!(head("content-disposition"), "attachment; filename=\"audit-acme.csv\"");
    assert!(head("content-type").starts_with("text/csv") && head("x-content-type-options") == "nosniff");

    let ndjson = log.world.get(Some(&ada), "/orgs/acme/audit.ndjson?api=prometheus&decision=denied").await;
    let lines: Vec<serde_json::Value> = ndjson.body.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    assert_eq!((lines.len(), &lines[0]["unmapped"]["deny.reason"]), (1, &"insufficient_scope".into()));
    let nothing = log.world.get(Some(&ada), "/orgs/acme/audit.ndjson?user=nobody@x.test").await;
    assert_eq!((nothing.status, nothing.body.as_str()), (StatusCode::OK, ""));

    let own =
        AuditFilter { org: Some(log.world.acme.id.clone()), operation: Some("audit.export".into()), ..AuditFilter::default() };
    let noted = log.world.node.store.search_audit(&own, None, 10).await.expect("a page").rows;
    assert_eq!(noted.len(), 3);
    assert!(noted.iter().all(|r| r.record.actor.user.as_ref() == Some(&log.world.ada.id)));
    assert!(noted.iter().all(|r| r.record.time == START && operation(&r.record) == "audit.export"));
    let bad = log.world.get(Some(&ada), "/orgs/acme/audit.csv?from=never").await;
    assert_eq!(bad.status, StatusCode::BAD_REQUEST);
}

/// What acme's own log remarks about the downloads of its administrator.
async fn remarks(log: &Log) -> Vec<String> {
    let downloads =
        AuditFilter { org: Some(log.world.acme.id.clone()), operation: Some("audit.export".into()), ..AuditFilter::default() };
    let rows = log.world.node.store.search_audit(&downloads, None, 10).await.expect("a page").rows;
    let comment = |record: &AuditRecord| match &record.event {
        Event::Control(event) => event.comment.clone().unwrap_or_default(),
        Event::Call(_) => panic!("a call"),
    };
    rows.iter().map(|row| comment(&row.record)).collect()
}

#[tokio::test]
async fn a_search_does_not_tell_who_has_an_account_elsewhere() {
    let log = Log::new().await;
    let world = &log.world;
    log.call(60, Decision::Allowed).await;
    let ada = world.sign_in(&world.ada).await;
    let mut answers = Vec::new();
    for address in ["eve@evil.test", "nobody@evil.test"] {
        let csv = world.get(Some(&ada), &format!("/orgs/acme/audit.csv?user={address}")).await;
        let page = world.get(Some(&ada), &format!("/orgs/acme/audit?user={address}")).await;
        let encoded = address.replace('@', "%40");
        let shown = page.body.lines().filter(|l| !l.contains("req_")).map(|l| l.replace(address, "A").replace(&encoded, "A"));
        answers.push((csv.status, csv.body, page.status, shown.collect::<Vec<_>>()));
    }
    assert_eq!(answers[0], answers[1]);
    let told = remarks(&log).await;
    assert_eq!(told, ["nothing: the search names an unknown user"; 2]);

    // Whoever was a member once is on record here, and found by what they did.
    world.node.store.remove_membership(&world.acme.id, &world.bob.id, &world.node.own_cause()).await.expect("removed");
    let csv = world.get(Some(&ada), "/orgs/acme/audit.csv?user=bob@acme.test&api=prometheus").await;
    assert_eq!(csv.body.lines().count(), 2, "{}", csv.body);
    assert!(remarks(&log).await.iter().any(|told| told.contains(world.bob.id.as_str())));
}

#[tokio::test]
async fn an_empty_log_says_how_it_fills() {
    let world = World::new().await;
    let mut org = world.evil.clone();
    org.id = crate::types::OrgId::parse("org_new").expect("an id");
    org.slug = crate::types::Slug::parse("new").expect("a slug");
    world.node.store.create_org(&org, &world.node.own_cause()).await.expect("an organization");
    world.join(&world.eve, &org, &["admin"]).await;
    let eve = world.sign_in(&world.eve).await;
    let page = world.get(Some(&eve), "/orgs/new/audit?api=loki").await;
    assert!(page.body.contains("No record matches"), "{}", page.body);
    assert!(world.flush.0.load(std::sync::atomic::Ordering::Relaxed) > 0, "readers see what was just recorded");
}

#[tokio::test]
async fn the_log_says_when_it_was_sealed_and_what_its_last_proof_found() {
    let log = Log::new().await;
    log.call(60, Decision::Allowed).await;
    let (world, store) = (&log.world, &log.world.node.store);
    let ada = world.sign_in(&world.ada).await;
    let page = async || world.get(Some(&ada), "/orgs/acme/audit").await.body;
    let nothing = page().await;
    assert!(
        nothing.contains("None of the last records here is sealed yet.") && nothing.contains("Not yet. The operator"),
        "{nothing}"
    );

    let signer = world.node.keys.audit_signer(&**store, &SystemEntropy, START).await.expect("a key");
    let (chain, node) = (ChainId::parse("chain_a").expect("an id"), NodeId::parse("node_a").expect("an id"));
    let place = Place { chain: &chain, node: &node, last: None, now: ago(30), signer: &*signer };
    store.seal_waiting(&place, 1000).await.expect("sealed").expect("a batch");
    let sealed = page().await;
    assert!(sealed.contains("In batch 1 of chain_a.") && sealed.contains("30 seconds ago"), "{sealed}");

    let proved = async |seconds: u64, found: Found| {
        let cause = Cause { at: ago(seconds), ..world.node.own_cause() };
        store.note(None, found.event(), &cause).await.expect("noted");
        page().await
    };
    let faulty = proved(20, Found::Faults(3)).await;
    assert!(faulty.contains("The operator found records that are not as they were sealed."), "{faulty}");
    let sound = proved(10, Found::Proved(Some(ago(30)))).await;
    assert!(
        sound.contains("The operator found no fault: what was sealed up to") && !sound.contains("are not as they"),
        "{sound}"
    );
    // The page of a search that finds nothing has it too.
    let searched = world.get(Some(&ada), "/orgs/acme/audit?api=nothing").await.body;
    assert!(searched.contains("The operator found no fault"), "{searched}");
}

#[tokio::test]
async fn a_search_is_saved_for_oneself() {
    let log = Log::new().await;
    let world = &log.world;
    let ada = world.sign_in(&world.ada).await;
    let save = |csrf: &str, query: &str| format!("csrf={csrf}&save-search=1&name=Denials+%3Cb%3E&query={query}");
    let path = "/orgs/acme/audit/searches";
    let done = world.post(&ada, path, &save(&ada.csrf, "decision%3Ddenied%26evil%3D1"), &[]).await;
    assert_eq!(done.headers.get("location").and_then(|v| v.to_str().ok()), Some("/orgs/acme/audit?decision=denied"));
    let page = world.get(Some(&ada), "/orgs/acme/audit").await;
    assert!(page.body.contains("<a href=\"/orgs/acme/audit?decision=denied\">Denials &#60;b&#62;</a>"), "{}", page.body);
    world.join(&world.bob, &world.acme, &["admin"]).await;
    let bob = world.sign_in(&world.bob).await;
    assert!(!world.get(Some(&bob), "/orgs/acme/audit").await.body.contains("Denials"));
    let eve = world.sign_in(&world.eve).await;
    assert_eq!(world.post(&eve, path, &save(&eve.csrf, "x"), &[]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.post(&ada, path, &save("", "x"), &[]).await.status, StatusCode::FORBIDDEN);
    let forget = format!("csrf={}&forget-search=Denials+%3Cb%3E", ada.csrf);
    world.post(&ada, path, &forget, &[]).await;
    assert!(!world.get(Some(&ada), "/orgs/acme/audit").await.body.contains("Denials"));
}

#[tokio::test]
async fn the_log_is_summed_up_by_application_user_and_tool() {
    let log = Log::new().await;
    for n in 0..3 {
        log.call(60 + n, Decision::Allowed).await;
    }
    log.call(70, denied("no_route", "")).await;
    let ada = log.world.sign_in(&log.world.ada).await;
    let plain = log.world.get(Some(&ada), "/orgs/acme/audit?api=prometheus").await.body;
    let offer = "&#38;api=prometheus&#38;counts=tool\"";
    assert!(plain.contains(offer) && !plain.contains("<h2>By tool"), "{plain}");
    for (title, link, words) in [
        ("application", format!("client={}", log.client.id), "5, 1 denied"),
        ("user", format!("user={}", log.world.bob.id), "5, 1 denied"),
        ("tool", "tool=query_metrics".to_owned(), "4, 1 denied"),
    ] {
        let page = log.world.get(Some(&ada), &format!("/orgs/acme/audit?counts={title}")).await;
        let heading = format!("By {title}");
        let section = page.body.split("<h2>").find(|s| s.starts_with(&heading)).unwrap_or_default();
        assert!(section.contains(&link) && section.contains(words), "{title}: {section}");
    }
}

#[tokio::test]
async fn a_record_names_its_application_and_what_was_done_without_one() {
    let log = Log::new().await;
    let world = &log.world;
    let mut refused = log.call(60, denied("grant_revoked", "")).await;
    refused.id = crate::types::RecordId::generate(ago(30), &crate::types::SystemEntropy);
    refused.actor.client_name = None;
    let client = refused.actor.client.clone().expect("its client");
    world.happened(std::slice::from_ref(&refused)).await;
    let name = world.node.store.client(&client).await.expect("a store").expect("the client").name;
    let own = world.node.own_cause();
    let note = async |cause: &crate::record::Cause| {
        let event = crate::record::ControlEvent::done(crate::record::Operation::OrgUpdate);
        world.node.store.note(Some(&world.acme.id), event, cause).await.expect("a note");
    };
    let mut admin = own.clone();
    admin.origin.peer = "127.0.0.1:9901".parse().ok();
    let mut browser = admin.clone();
    browser.actor.user = Some(world.ada.id.clone());
    for cause in [&own, &admin, &browser] {
        note(cause).await;
    }
    let ada = world.sign_in(&world.ada).await;
    let page = world.get(Some(&ada), "/orgs/acme/audit").await.body;
    let table = page.split("<tbody").nth(1).expect("a table");
    assert!(!table.contains(client.as_str()), "an id stands where there is a name");
    for word in ["Tollgate itself", "Admin API", "Browser"] {
        assert!(table.contains(word), "{word}: {table}");
    }
    let shown = world.get(Some(&ada), &format!("/orgs/acme/audit/{}", refused.id)).await.body;
    assert!(shown.contains(&format!("<dd>{name}")) || shown.contains(&format!(">{name}<")), "{shown}");
}
