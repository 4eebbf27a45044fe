//! The audit log.

use super::world::*;
use crate::record::{AuditRecord, ControlEvent, Decision, Event, Operation, Outcome, WouldDeny, operation};
use crate::store::{
    AuditFilter, AuditPage, Bucket, Cursor, DecisionFilter, Facet, Grant, Membership, NewUser, RevokeReason, ShadowFilter,
    SharedStore, Statuses, Tally,
};
use crate::types::{RecordId, SeededEntropy};

async fn found(store: &SharedStore, filter: &AuditFilter) -> Vec<RecordId> {
    let page = store.search_audit(filter, None, 100).await.expect("a page");
    page.rows.into_iter().map(|row| row.record.id).collect()
}

pub(crate) async fn a_record_that_arrives_twice_is_kept_once(store: SharedStore) {
    let world = World::new(store).await;
    let (grant, _) = world.consent(1).await;
    let first = call(Some(&grant), "loki", Decision::Allowed, 1);
    let second = call(Some(&grant), "loki", denied("scope_missing"), 2);
    world.store.append_audit(&[]).await.expect("nothing to do");
    world.store.append_audit(&[first.clone(), first.clone()]).await.expect("stored");
    world.store.append_audit(&[first.clone(), second.clone()]).await.expect("stored");
    let filter = AuditFilter { api: Some("loki".into()), ..AuditFilter::default() };
    let page = world.store.search_audit(&filter, None, 100).await.expect("a page");
    assert_eq!(page.rows.into_iter().map(|r| r.record).collect::<Vec<_>>(), [second, first]);
    let usage = world.store.grant_use(std::slice::from_ref(&grant.id), after(10), 1).await.expect("use");
    assert_eq!(usage[0].1.calls_per_day, [2]);
}

pub(crate) async fn every_filter_narrows(store: SharedStore) {
    let world = World::new(store).await;
    let (grant, _) = world.consent(1).await;
    let (other, _) = world.consent(1).await;
    let mut hit = call(Some(&grant), "loki", denied("scope_missing"), 5000);
    if let Event::Call(call) = &mut hit.event
        && let Outcome::Completed(measured) = &mut call.outcome
    {
        measured.status = 403;
    }
    let mut miss = call(None, "tempo", Decision::Allowed, 6000);
    if let Event::Call(call) = &mut miss.event {
        call.mcp = None;
        call.path = "/elsewhere".into();
    }
    miss.actor.client_name = None;
    let noise = call(Some(&other), "mimir", Decision::Allowed, 7000);
    world.store.append_audit(&[hit.clone(), miss, noise]).await.expect("stored");
    let everything = AuditFilter { from: Some(after(5000)), ..AuditFilter::default() };
    assert_eq!(found(&world.store, &everything).await.len(), 3);
    let filters = [
        AuditFilter { to: Some(after(6000)), ..everything.clone() },
        AuditFilter { org: Some(world.org.id.clone()), to: Some(after(7000)), ..everything.clone() },
        AuditFilter { user: Some(world.user.id.clone()), to: Some(after(7000)), ..everything.clone() },
        AuditFilter { client: Some(world.client.id.clone()), to: Some(after(7000)), ..everything.clone() },
        AuditFilter { grant: Some(grant.id.clone()), ..everything.clone() },
        AuditFilter { request: Some(hit.origin.request.clone()), ..everything.clone() },
        AuditFilter { api: Some("loki".into()), ..everything.clone() },
        AuditFilter { tool: Some("query_logs".into()), to: Some(after(7000)), ..everything.clone() },
        AuditFilter { operation: Some("loki.query".into()), ..everything.clone() },
        AuditFilter { operation: Some("loki.*".into()), ..everything.clone() },
        AuditFilter { decision: Some(DecisionFilter::Denied), ..everything.clone() },
        AuditFilter { status: Statuses::parse("403"), ..everything.clone() },
        AuditFilter { status: Statuses::parse("4xx"), ..everything.clone() },
        AuditFilter { text: Some("SCOPE_miss".into()), ..everything.clone() },
        AuditFilter { text: Some("loki/api".into()), ..everything.clone() },
        AuditFilter { text: Some("acme cli".into()), to: Some(after(7000)), ..everything.clone() },
    ];
    for filter in filters {
        assert_eq!(found(&world.store, &filter).await, std::slice::from_ref(&hit.id), "{filter:?}");
    }
    let allowed = AuditFilter { decision: Some(DecisionFilter::Allowed), ..everything.clone() };
    assert_eq!(found(&world.store, &allowed).await.len(), 2);
    let strange = AuditFilter { operation: Some("loki".into()), ..everything };
    assert!(found(&world.store, &strange).await.is_empty());
}

pub(crate) async fn a_target_of_any_length_is_kept(store: SharedStore) {
    let entropy = SeededEntropy::new(3);
    let random = std::iter::repeat_with(|| RecordId::generate(after(1), &entropy).to_string());
    let long = format!("{}é", random.take(250).collect::<String>());
    let mut record = call(None, "mcp", Decision::Allowed, 1);
    if let Event::Call(call) = &mut record.event {
        call.mcp.as_mut().expect("it has one").target = Some(long.clone());
    }
    let behind = call(None, "loki", Decision::Allowed, 2);
    store.append_audit(&[record.clone(), behind.clone()]).await.expect("both are stored");
    let stored = store.audit_record(&record.id, None).await.expect("an answer").expect("it is there");
    assert_eq!(stored.record, record);
    assert_eq!(found(&store, &AuditFilter { tool: Some(long.clone()), ..AuditFilter::default() }).await, [record.id.clone()]);
    let end = long[long.len() - 40..].to_owned();
    assert_eq!(found(&store, &AuditFilter { text: Some(end), ..AuditFilter::default() }).await, [record.id]);
}

pub(crate) async fn text_is_taken_literally(store: SharedStore) {
    let mut record = call(None, "loki", Decision::Allowed, 1);
    if let Event::Call(call) = &mut record.event {
        call.path = r"/100%_Ä\x".into();
        call.mcp.as_mut().expect("it has one").target = Some("nul\u{0}".into());
    }
    let plain = call(None, "loki", Decision::Allowed, 2);
    store.append_audit(&[record.clone(), plain]).await.expect("stored");
    let search = |text: &str| AuditFilter { text: Some(text.into()), ..AuditFilter::default() };
    for text in ["%", "100%_", "ä", r"\x", "%_Ä\\"] {
        assert_eq!(found(&store, &search(text)).await, [record.id.clone()], "{text}");
    }
    for text in ["10_%", "%loki%", "'; --"] {
        assert!(found(&store, &search(text)).await.is_empty(), "{text}");
    }
    let all = AuditFilter::default();
    let tool = AuditFilter { tool: Some("nul\0".into()), ..all.clone() };
    for here in [&search("NUL\0"), &tool] {
        assert_eq!(found(&store, here).await, [record.id.clone()], "{here:?}");
        assert_eq!(store.audit_tallies(here, Facet::Tool, 9).await.expect("tallies").len(), 1);
        assert!(store.audit_histogram(here, 3).await.is_ok());
    }
    let nowhere = |text: &str| Some(text.to_owned());
    for absent in [
        search("nothing\0"),
        AuditFilter { tool: nowhere("\0"), ..all.clone() },
        AuditFilter { api: nowhere("\0"), ..all.clone() },
        AuditFilter { operation: nowhere("a\0"), ..all.clone() },
        AuditFilter { operation: nowhere("a\0*"), ..all },
    ] {
        assert!(found(&store, &absent).await.is_empty(), "{absent:?}");
    }
    let stored = store.audit_record(&record.id, None).await.expect("an answer").expect("it is there");
    assert_eq!(stored.record, record);
}

pub(crate) async fn pages_are_stable_while_records_arrive(store: SharedStore) {
    // Pairs share an instant, so that the id has to decide.
    let old: Vec<_> = (0..23).map(|n| call(None, "loki", Decision::Allowed, n / 2)).collect();
    store.append_audit(&old).await.expect("stored");
    let mut wanted: Vec<_> = old.iter().map(|r| (r.time, r.id.clone())).collect();
    wanted.sort_by(|a, b| b.cmp(a));
    let (mut seen, mut after_page) = (Vec::new(), None);
    loop {
        let page = store.search_audit(&AuditFilter::default(), after_page.as_ref(), 5).await.expect("a page");
        assert!(page.rows.len() <= 5);
        seen.extend(page.rows.into_iter().map(|r| (r.record.time, r.record.id)));
        store.append_audit(&[call(None, "loki", Decision::Allowed, 100)]).await.expect("stored");
        match page.next {
            Some(next) => after_page = Some(next),
            None => break,
        }
    }
    assert_eq!(seen, wanted);
}

pub(crate) async fn records_are_found_by_id_in_their_log(store: SharedStore) {
    let world = World::new(store).await;
    let (grant, _) = world.consent(1).await;
    let record = call(Some(&grant), "loki", Decision::Allowed, 1);
    world.store.append_audit(std::slice::from_ref(&record)).await.expect("stored");
    let stranger = org("beta");
    let lookup = async |org| world.store.audit_record(&record.id, org).await.expect("an answer").map(|r| r.record);
    assert_eq!(lookup(None).await, Some(record.clone()));
    assert_eq!(lookup(Some(&world.org.id)).await, Some(record.clone()));
    assert_eq!(lookup(Some(&stranger.id)).await, None);
    let nobody = RecordId::generate(START, &ENTROPY);
    assert!(world.store.audit_record(&nobody, None).await.expect("an answer").is_none());
}

pub(crate) async fn histograms_count_every_record_once(store: SharedStore) {
    let records: Vec<AuditRecord> = [(0, false), (3, true), (4, false), (9, true), (10, false)]
        .map(|(s, bad)| call(None, "loki", if bad { denied("x") } else { Decision::Allowed }, s))
        .into();
    store.append_audit(&records).await.expect("stored");
    let filter = AuditFilter { from: Some(START), to: Some(after(10)), ..AuditFilter::default() };
    let buckets = store.audit_histogram(&filter, 3).await.expect("a histogram");
    let third = |n: i64| crate::types::Timestamp::from_millis(START.millis() + n);
    let wanted = [
        Bucket { start: START, total: 2, denied: 1 },
        Bucket { start: third(3334), total: 1, denied: 0 },
        Bucket { start: third(6667), total: 1, denied: 1 },
    ];
    assert_eq!(buckets, wanted);
    // Without ends, the records give them.
    let open = store.audit_histogram(&AuditFilter::default(), 4).await.expect("a histogram");
    assert_eq!((open.len(), open.iter().map(|b| b.total).sum::<u64>()), (4, 5));
    let nothing = AuditFilter { api: Some("tempo".into()), ..AuditFilter::default() };
    assert!(store.audit_histogram(&nothing, 4).await.expect("a histogram").is_empty());
    let empty = AuditFilter { from: Some(START), to: Some(START), ..AuditFilter::default() };
    assert!(store.audit_histogram(&empty, 4).await.expect("a histogram").is_empty());
}

pub(crate) async fn use_of_grants_is_counted(store: SharedStore) {
    let world = World::new(store).await;
    let (grant, _) = world.consent(1).await;
    let (unused, _) = world.consent(1).await;
    let day = DAY.as_secs();
    let mut metrics = call(Some(&grant), "mimir", Decision::Allowed, 2 * day + 5);
    if let Event::Call(call) = &mut metrics.event {
        call.scopes_needed = scopes("metrics:read");
    }
    let records = [
        call(Some(&grant), "loki", Decision::Allowed, 10),
        call(Some(&grant), "loki", Decision::Allowed, day - 1),
        call(Some(&grant), "loki", denied("scope_missing"), 2 * day),
        metrics,
        call(None, "loki", Decision::Allowed, 2 * day),
    ];
    world.store.append_audit(&records).await.expect("stored");
    let ids = [grant.id.clone(), unused.id.clone()];
    let usage = world.store.grant_use(&ids, after(2 * day + 60), 3).await.expect("use");
    assert_eq!(usage.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>(), ids);
    let (used, idle) = (&usage[0].1, &usage[1].1);
    assert_eq!((used.calls_per_day.as_slice(), used.last_used_at), ([2, 0, 2].as_slice(), Some(after(2 * day + 5))));
    assert_eq!(used.scopes_used, scopes("logs:read metrics:read"));
    assert_eq!((idle.calls_per_day.as_slice(), idle.last_used_at), ([0, 0, 0].as_slice(), None));
    let last_day = world.store.grant_use(&ids[..1], after(2 * day + 60), 1).await.expect("use");
    assert_eq!(last_day[0].1.scopes_used, scopes("metrics:read"));
    let facts = world.store.grant_facts(&grant.id).await.expect("an answer").expect("the grant is there");
    assert_eq!(facts.grant.last_used_at, Some(after(2 * day + 5)));
}

pub(crate) async fn what_is_refused_is_no_use(store: SharedStore) {
    let world = World::new(store).await;
    let (grant, _) = world.consent(1).await;
    let day = DAY.as_secs();
    let used = async |at: u64| {
        let usage = world.store.grant_use(std::slice::from_ref(&grant.id), after(at), 1).await.expect("use");
        let facts = world.store.grant_facts(&grant.id).await.expect("an answer").expect("the grant is there");
        assert_eq!(usage[0].1.last_used_at, facts.grant.last_used_at, "in both places");
        (usage[0].1.calls_per_day[0], facts.grant.last_used_at)
    };
    world.store.append_audit(&[call(Some(&grant), "loki", denied("insufficient_scope"), 20)]).await.expect("stored");
    assert_eq!(used(60).await, (1, None));
    world.store.append_audit(&[call(Some(&grant), "loki", Decision::Allowed, 30)]).await.expect("stored");
    world.store.revoke_grant(&grant.id, None, RevokeReason::User, &cause(40)).await.expect("an answer");
    let refused = [50, day + 7].map(|at| call(Some(&grant), "loki", denied("token_revoked"), at));
    world.store.append_audit(&refused).await.expect("stored");
    assert_eq!(used(60).await, (3, Some(after(30))));
    assert_eq!(used(day + 60).await, (1, Some(after(30))));
    // The day of the last use stays when days are forgotten, whatever was refused later.
    world.store.expire_audit(after(500 * day)).await.expect("a number");
    assert_eq!(used(60).await.1, Some(after(30)));
}

pub(crate) async fn old_records_expire(store: SharedStore) {
    let world = World::new(store).await;
    let (grant, _) = world.consent(1).await;
    let before = world.log().await.len() as u64;
    let kept = call(Some(&grant), "loki", Decision::Allowed, 5000);
    world.store.append_audit(std::slice::from_ref(&kept)).await.expect("stored");
    assert_eq!(world.store.expire_audit(after(5000)).await.expect("a number"), before);
    assert_eq!(found(&world.store, &AuditFilter::default()).await, [kept.id]);
    assert_eq!(world.store.expire_audit(after(9000).plus(5 * DAY)).await.expect("a number"), 1);
    let facts = world.store.grant_facts(&grant.id).await.expect("an answer").expect("the grant is there");
    assert_eq!(facts.grant.last_used_at, Some(after(5000)));
}

pub(crate) async fn large_batches_arrive_whole(store: SharedStore) {
    let world = World::new(store).await;
    let (grant, _) = world.consent(1).await;
    let records: Vec<_> = (0..1203).map(|n| call(Some(&grant), "loki", Decision::Allowed, n)).collect();
    world.store.append_audit(&records).await.expect("stored");
    world.store.append_audit(&records[..700]).await.expect("stored");
    let usage = world.store.grant_use(std::slice::from_ref(&grant.id), after(2000), 1).await.expect("use");
    assert_eq!(usage[0].1.calls_per_day, [1203]);
}

pub(crate) async fn records_are_tallied(store: SharedStore) {
    let world = World::new(store).await;
    let (grant, _) = world.consent(1).await;
    let mut records: Vec<_> = (10..15).map(|n| call(Some(&grant), "loki", Decision::Allowed, n)).collect();
    records.push(call(Some(&grant), "loki", denied("no_route"), 20));
    let mut other = call(Some(&grant), "tempo", Decision::Allowed, 21);
    if let crate::record::Event::Call(call) = &mut other.event {
        call.mcp = None;
    }
    records.push(other);
    world.store.append_audit(&records).await.expect("stored");
    let filter = AuditFilter { org: Some(world.org.id.clone()), from: Some(after(5)), ..AuditFilter::default() };
    let tallies = async |by| world.store.audit_tallies(&filter, by, 10).await.expect("tallies");
    let tally = |value: &str, total, denied| Tally { value: value.to_owned(), total, denied };
    assert_eq!(tallies(Facet::Tool).await, [tally("query_logs", 6, 1)]);
    assert_eq!(tallies(Facet::User).await, [tally(world.user.id.as_str(), 7, 1)]);
    assert_eq!(tallies(Facet::Client).await, [tally(world.client.id.as_str(), 7, 1)]);
    let decisions = tallies(Facet::Decision).await;
    assert_eq!(decisions.iter().map(|t| t.total).sum::<u64>(), 7, "each record was decided: {decisions:?}");
    assert!(decisions.contains(&tally("denied", 1, 1)) && decisions.contains(&tally("allowed", 6, 0)), "{decisions:?}");
    let operations = tallies(Facet::Operation).await;
    assert_eq!(operations.iter().map(|t| (t.total, t.denied)).fold((0, 0), |a, t| (a.0 + t.0, a.1 + t.1)), (7, 1));
    assert_eq!(world.store.audit_tallies(&filter, Facet::Tool, 0).await.expect("tallies"), []);
}

/// A call that shadow mode let pass.
fn waved(grant: Option<&Grant>, api: &str, reason: &str, seconds: u64) -> AuditRecord {
    let mut record = call(grant, api, Decision::Allowed, seconds);
    if let Event::Call(call) = &mut record.event {
        call.would_deny =
            Some(WouldDeny { reason: reason.into(), missing: scopes(if reason == "scope" { "logs:read" } else { "" }) });
    }
    record
}

pub(crate) async fn what_shadow_mode_let_pass_is_counted_page_by_page(store: SharedStore) {
    let world = World::new(store).await;
    let (grant, _) = world.consent(1).await;
    let stranger = |agent: &str, seconds| {
        let mut record = waved(None, "loki", "no_token", seconds);
        record.origin.user_agent = Some(agent.to_owned());
        record
    };
    let mut records: Vec<_> = (10..15).map(|n| waved(Some(&grant), "loki", "scope", n)).collect();
    records.extend((20..24).map(|n| waved(Some(&grant), "loki", "rate", n)));
    records.extend((30..33).map(|n| stranger("curl/8\0", n)));
    records.extend((40..42).map(|n| stranger(&"wget \u{1F9ED}".repeat(90), n)));
    records.extend([waved(Some(&grant), "tempo", "scope", 50), call(Some(&grant), "loki", Decision::Allowed, 60)]);
    world.store.append_audit(&records).await.expect("stored");
    let everybody = ShadowFilter { org: None, api: None, from: after(0), to: None };
    let counted = async |filter: &ShadowFilter, skip, limit| {
        let page = world.store.shadow_calls(filter, skip, limit).await.expect("a page");
        (page.calls, page.kinds, page.rows.into_iter().map(|row| (row.calls, row.last)).collect::<Vec<_>>())
    };
    let last = |at: usize| records[at].clone();
    let all = [(5, last(4)), (4, last(8)), (3, last(11)), (2, last(13)), (1, last(14))];
    assert_eq!(counted(&everybody, 0, 10).await, (15, 5, all.to_vec()));
    assert_eq!(counted(&everybody, 1, 2).await, (15, 5, all[1..3].to_vec()), "a page tells the whole");
    let theirs = ShadowFilter { org: Some(grant.org.clone()), ..everybody.clone() };
    assert_eq!(counted(&theirs, 0, 10).await, (10, 3, vec![all[0].clone(), all[1].clone(), all[4].clone()]));
    let there = ShadowFilter { api: Some("tempo".into()), ..everybody.clone() };
    assert_eq!(counted(&there, 0, 10).await, (1, 1, all[4..].to_vec()));
    let then = ShadowFilter { from: after(12), to: Some(after(22)), ..everybody.clone() };
    assert_eq!(counted(&then, 0, 10).await, (5, 2, vec![(3, last(4)), (2, last(6))]), "in these ten seconds");
    // Whole days are counted as they arrive, the ends of a span when it is asked for; what arrives twice counts once.
    let day = DAY.as_secs();
    let later: Vec<_> = [day - 1, 2 * day, 3 * day + 7].map(|at| waved(Some(&grant), "loki", "scope", at)).into();
    for _ in 0..2 {
        world.store.append_audit(&later).await.expect("stored");
    }
    for (from, to, calls) in [(13, None, 5), (13, Some(3 * day + 7), 4), (13, Some(3 * day + 8), 5), (day, Some(3 * day), 1)] {
        let span = ShadowFilter { api: Some("loki".into()), from: after(from), to: to.map(after), ..everybody.clone() };
        let of_scope = counted(&span, 0, 10).await.2.into_iter().find(|(_, last)| reason(last) == "scope");
        assert_eq!(of_scope.map(|(calls, _)| calls), Some(calls), "from {from} to {to:?}");
    }
    world.store.expire_audit(after(3 * day)).await.expect("a number");
    assert_eq!(counted(&everybody, 0, 10).await, (1, 1, vec![(1, later[2].clone())]));
    // What the mode refuses all the same is told apart from what it let pass, and found among what was refused.
    let passed = waved(Some(&grant), "loki", "encoded_slash", 3 * day + 8);
    let mut refused = waved(Some(&grant), "loki", "encoded_slash", 3 * day + 9);
    if let Event::Call(call) = &mut refused.event {
        call.decision = denied("encoded_slash");
    }
    world.store.append_audit(&[passed.clone(), refused.clone()]).await.expect("stored");
    let (calls, kinds, _) = counted(&everybody, 0, 10).await;
    assert_eq!((calls, kinds), (3, 3));
    let let_pass =
        AuditFilter { decision: Some(DecisionFilter::WouldDeny), from: Some(after(3 * day + 8)), ..AuditFilter::default() };
    assert_eq!(found(&world.store, &let_pass).await, [passed.id]);
}

fn reason(record: &AuditRecord) -> &str {
    let Event::Call(call) = &record.event else { return "" };
    call.would_deny.as_ref().map_or("", |waived| waived.reason.as_str())
}

pub(crate) async fn a_user_reads_what_happened_to_their_account(store: SharedStore) {
    let world = World::new(store).await;
    let (s, ada) = (&world.store, &world.user.id);
    let (beta, stranger) = (org("beta"), user("eve@example.com"));
    s.create_org(&beta, &cause(0)).await.expect("an organization");
    s.create_user(&NewUser { user: stranger.clone(), password: None }, &cause(0)).await.expect("a user");
    let (grant, _) = world.consent(20).await;
    s.append_audit(&[call(Some(&grant), "loki", Decision::Allowed, 25)]).await.expect("stored");
    let by = |who: &crate::types::UserId, seconds| {
        let mut cause = cause(seconds);
        cause.actor.user = Some(who.clone());
        cause
    };
    // Somebody else ends it, and does things of their own.
    s.revoke_grant(&grant.id, None, RevokeReason::Admin, &by(&stranger.id, 30)).await.expect("done");
    let note = async |org, event: ControlEvent, who, seconds| {
        s.note(org, event, &by(who, seconds)).await.expect("noted");
    };
    let (ours, theirs) = (Some(&world.org.id), Some(&beta.id));
    let about = |operation, who: &crate::types::UserId| ControlEvent::done(operation).on("user", who.as_str());
    note(None, ControlEvent::done(Operation::LoginOk), ada, 10).await;
    note(ours, ControlEvent::done(Operation::GrantLimit), &stranger.id, 32).await;
    // As a publisher and as an administrator she changes what is others'; as an operator she signs one of them out.
    let narrowed = ControlEvent::done(Operation::GrantNarrow);
    note(theirs, narrowed.clone().on("grant", crate::types::GrantId::generate(START, &ENTROPY).as_str()), ada, 35).await;
    note(ours, ControlEvent::done(Operation::GrantRevokeAdmin).on("grant", "gr_of_bob"), ada, 36).await;
    note(theirs, about(Operation::Logout, &stranger.id), ada, 37).await;
    // Another publisher narrows her grant.
    note(ours, narrowed.on("grant", grant.id.as_str()), &stranger.id, 40).await;
    let names = |page: &AuditPage| page.rows.iter().map(|r| operation(&r.record).to_owned()).collect::<Vec<_>>();
    let page = async |after: Option<&Cursor>| s.own_events(ada, ours, after, 2).await.expect("a page");
    let first = page(None).await;
    assert_eq!(names(&first), ["grant.narrow", "grant.revoke.admin"], "neither calls nor others' doings");
    let second = page(first.next.as_ref()).await;
    let mut rest = names(&second);
    let mut next = second.next;
    while let Some(end) = next {
        let more = page(Some(&end)).await;
        rest.extend(names(&more));
        next = more.next;
    }
    assert_eq!(rest, ["authorize.consent", "login.ok"]);
    let elsewhere = s.own_events(ada, theirs, None, 10).await.expect("a page");
    assert_eq!(names(&elsewhere), ["login.ok"], "of the one organization and of none");
    let everywhere = s.own_events(ada, None, None, 10).await.expect("a page");
    assert_eq!(names(&everywhere), ["grant.narrow", "grant.revoke.admin", "authorize.consent", "login.ok"]);
}

pub(crate) async fn a_user_reads_once_what_the_operator_did_to_their_account(store: SharedStore) {
    let world = World::new(store).await;
    let (s, ada) = (&world.store, &world.user.id);
    let beta = org("beta");
    s.create_org(&beta, &cause(0)).await.expect("an organization");
    let membership = Membership { org: beta.id.clone(), user: ada.clone(), roles: roles(&["viewer"]) };
    s.set_membership(&membership, &cause(0)).await.expect("a membership");
    let operator = user("root@example.com");
    s.create_user(&NewUser { user: operator.clone(), password: None }, &cause(0)).await.expect("a user");
    world.sign_in(10).await;
    let mut signed_out = cause(20);
    signed_out.actor.user = Some(operator.id.clone());
    assert_eq!(s.end_other_sessions(ada, None, &signed_out).await.expect("done"), 1);
    s.set_password(ada, &password("$argon2id$2"), &cause(30)).await.expect("done");
    for org in [None, Some(&world.org.id), Some(&beta.id)] {
        let page = s.own_events(ada, org, None, 10).await.expect("a page");
        let names: Vec<_> = page.rows.iter().map(|row| operation(&row.record)).collect();
        assert_eq!(names, ["password.change", "logout"], "{org:?}");
    }
    // Page by page as well.
    let first = s.own_events(ada, None, None, 1).await.expect("a page");
    let second = s.own_events(ada, None, first.next.as_ref(), 1).await.expect("a page");
    assert_eq!((operation(&second.rows[0].record), &second.next), ("logout", &None));
    let others = s.own_events(&operator.id, None, None, 10).await.expect("a page");
    assert!(others.rows.is_empty(), "{others:?}");
}
