//! G1 and G2: never more than the user holds now, never another organization's data.

use tollgate::store::{ClientState, Hand, OrgState, UserState};

use crate::harness::audit::reason;
use crate::harness::http1::{Conn, Request, ask};
use crate::harness::{Api, Caller, Command, Gateway, Setup, within};

const QUERY: &str = "/prometheus/api/v1/query";

/// A caller of acme, and the same user as a caller of beta through the same client.
async fn both(gw: &Gateway) -> (Caller, Caller) {
    let acme = gw.caller("acme", &["reader"], "metrics:read dash:read").await;
    let beta = gw.org("beta").await;
    gw.member(&beta, &acme.user, &["reader"]).await;
    let other = gw.grant_to(&beta, &acme.user, &acme.client, "metrics:read dash:read").await;
    (acme, other)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_one_organization_is_worthless_at_the_other() {
    let gw = Gateway::start().await;
    let (acme, beta) = both(&gw).await;
    let mut conn = Conn::open(gw.running.public).await;
    let dash = |account: &str| Request::get(&format!("/dash/api/{account}/dashboards/7"));
    for (caller, name, other) in [(&acme, "acme", "beta"), (&beta, "beta", "acme")] {
        let tenant = format!("tenant-{name}");
        for own in [name, caller.org.id.as_str(), &tenant] {
            let response = conn.ask(&dash(own).bearer(&caller.token)).await;
            assert_eq!(response.status, 200, "{own}: {response:?}");
            assert_eq!(gw.upstream.last().target(), format!("/o/{tenant}/api/{own}/dashboards/7"));
        }
        let stranger = format!("tenant-{other}");
        let host = format!("{other}.apps.test");
        let refusals = [
            (dash(other), 404, "other_organization_path"),
            (dash(&stranger), 404, "other_organization_path"),
            (dash(&name.to_uppercase()), 404, "other_organization_path"),
            (dash(name).host(&host), 404, "other_organization_host"),
            (Request::get(QUERY).header("X-Scope-OrgID", &stranger), 403, "other_organization_header"),
            (Request::get(QUERY).header("X-Scope-OrgID", &format!("{tenant}|{stranger}")), 403, "other_organization_header"),
            (Request::get(&format!("{QUERY}?tenant={stranger}")), 403, "other_organization_query"),
            (Request::get(&format!("{QUERY}?a=b&ten%61nt={stranger}")), 403, "other_organization_query"),
        ];
        let before = gw.upstream.count();
        for (request, status, code) in refusals {
            let response = conn.ask(&request.bearer(&caller.token)).await;
            assert_eq!((response.status, response.reason().as_deref()), (status, Some(code)), "{response:?}");
            let record = gw.record_of(&response).await;
            assert_eq!((reason(&record), record.org.as_ref()), (code, Some(&caller.org.id)));
        }
        assert_eq!(gw.upstream.count(), before);
        let own = [Request::get(QUERY).header("X-Scope-OrgID", &tenant), dash(name).host(&format!("{name}.apps.test"))];
        for request in own {
            assert_eq!(conn.ask(&request.bearer(&caller.token)).await.status, 200);
        }
    }
    conn.ask(&Request::get(QUERY).bearer(&beta.token)).await;
    assert_eq!(gw.upstream.last().header("x-scope-orgid"), "tenant-beta");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn identity_headers_of_the_client_never_arrive() {
    let gw = Gateway::start().await;
    let caller = gw.caller("acme", &["reader"], "dash:read").await;
    let request = Request::get("/dash/api/folders/a%2Fb?x=%2F").bearer(&caller.token).header("X-WEBAUTH-USER", "root");
    let mut conn = Conn::open(gw.running.public).await;
    let response = conn.ask(&request.header("x_webauth_user", "root").header("X.WebAuth.User", "root")).await;
    assert_eq!(response.status, 200, "{response:?}");
    let seen = gw.upstream.last();
    assert_eq!(seen.target(), "/o/tenant-acme/api/folders/a%2Fb?x=%2F");
    assert!(!seen.text().contains("root"), "{}", seen.text());
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_taken_away_narrows_the_live_token_and_given_back_widens_it() {
    let gw = Gateway::start().await;
    let (acme, beta) = both(&gw).await;
    let mut conn = Conn::open(gw.running.public).await;
    let query = Request::get(QUERY).bearer(&acme.token);
    for _ in 0..3 {
        assert_eq!(conn.ask(&query).await.status, 200);
        gw.member(&acme.org, &acme.user, &[]).await;
        let refused = conn.ask(&query).await;
        assert_eq!((refused.status, refused.reason().as_deref()), (403, Some("permission_missing")));
        assert_eq!(conn.ask(&Request::get(QUERY).bearer(&beta.token)).await.status, 200, "the other organization is untouched");
        gw.member(&acme.org, &acme.user, &["reader"]).await;
    }
    assert_eq!(conn.ask(&query).await.status, 200);
    let node = &gw.running.node;
    let narrow = crate::harness::world::scopes("dash:read");
    node.store.set_client_scopes(&acme.client.id, Some(&narrow), Hand::Operator, &node.own_cause()).await.expect("a change");
    node.settle().await.expect("the change is applied");
    assert_eq!(conn.ask(&query).await.reason().as_deref(), Some("permission_missing"));
    gw.running.stop().await;
}

#[derive(Clone, Copy, Debug)]
enum End {
    User,
    Frozen,
    Org,
    Client,
    Membership,
    Grant,
}

async fn end(store: &tollgate::store::SharedStore, what: End, caller: &Caller, cause: &tollgate::record::Cause) {
    let done = match what {
        End::User => store.set_user_state(&caller.user.id, UserState::Disabled, cause).await,
        End::Frozen => store.set_user_state(&caller.user.id, UserState::Frozen, cause).await,
        End::Org => store.set_org_state(&caller.org.id, OrgState::Disabled, cause).await,
        End::Client => store.set_client_state(&caller.client.id, ClientState::Disabled, cause).await,
        End::Membership => store.remove_membership(&caller.org.id, &caller.user.id, cause).await,
        End::Grant => store.revoke_grant(&caller.grant.id, None, tollgate::store::RevokeReason::Admin, cause).await,
    };
    assert!(done.expect("a change"), "{what:?} was live");
}

const ENDS: [End; 6] = [End::User, End::Frozen, End::Org, End::Client, End::Membership, End::Grant];

async fn every_end(gw: Gateway) {
    let mut conn = Conn::open(gw.running.public).await;
    for (n, what) in ENDS.into_iter().enumerate() {
        let caller = gw.caller(&format!("org{n}"), &["reader"], "metrics:read").await;
        let query = Request::get(QUERY).bearer(&caller.token);
        assert_eq!(conn.ask(&query).await.status, 200);
        let before = gw.upstream.count();
        end(&gw.running.node.store, what, &caller, &gw.running.node.own_cause()).await;
        gw.running.node.settle().await.expect("the change is applied");
        let refused = conn.ask(&query).await;
        assert_eq!(refused.status, 401, "{what:?}: {refused:?}");
        let said = refused.header("www-authenticate").unwrap_or_default();
        assert!(said.contains("error=\"invalid_token\""), "{said}");
        assert_eq!(gw.upstream.count(), before);
        assert_eq!(gw.record_of(&refused).await.org.as_ref(), Some(&caller.org.id));
    }
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_ends_behind_a_token_the_next_call_is_refused() {
    every_end(Gateway::start().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_ends_behind_a_token_the_next_call_is_refused_on_postgresql() {
    every_end(Gateway::start_on_postgres().await).await;
}

async fn elsewhere(gw: Gateway) {
    let command = Command::on(&gw, &gw.store_url).await;
    let mut conn = Conn::open(gw.running.public).await;
    for (n, what) in ENDS.into_iter().enumerate() {
        let caller = gw.caller(&format!("org{n}"), &["reader"], "metrics:read").await;
        let query = Request::get(QUERY).bearer(&caller.token);
        assert_eq!(conn.ask(&query).await.status, 200);
        end(&command.node.store, what, &caller, &command.node.own_cause()).await;
        command.node.settle().await.expect("the change is applied everywhere");
        assert_eq!(conn.ask(&query).await.status, 401, "{what:?}");
    }
    command.close().await;
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_another_process_count_as_well() {
    elsewhere(Gateway::start().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_another_process_count_as_well_on_postgresql() {
    elsewhere(Gateway::start_on_postgres().await).await;
}

async fn frozen(gw: Gateway) {
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let beta = gw.org("beta").await;
    gw.member(&beta, &caller.user, &["reader"]).await;
    let there = gw.grant_to(&beta, &caller.user, &caller.client, "metrics:read").await;
    let (node, user) = (&gw.running.node, &caller.user.id);
    let switch = async |to: UserState| {
        assert!(node.store.set_user_state(user, to, &node.own_cause()).await.expect("a change"), "{to:?}");
        node.settle().await.expect("the change is applied");
    };
    let mut conn = Conn::open(gw.running.public).await;
    for _ in 0..2 {
        for token in [&caller.token, &there.token] {
            assert_eq!(conn.ask(&Request::get(QUERY).bearer(token)).await.status, 200);
        }
        let mut stream = Conn::open(gw.running.public).await;
        let events = Request::get(QUERY).bearer(&caller.token).header("X-Behave", "events");
        stream.send(&events.bytes()).await;
        assert_eq!(within("a response head", stream.head()).await.expect("a head").status, 200);
        let before = gw.upstream.count();
        switch(UserState::Frozen).await;
        assert!(!matches!(within("the end of the stream", stream.chunk()).await, Some(Some(_))), "an open stream is cut");
        for (token, org) in [(&caller.token, &caller.org), (&there.token, &there.org)] {
            let refused = conn.ask(&Request::get(QUERY).bearer(token)).await;
            assert_eq!(refused.status, 401, "{refused:?}");
            let record = gw.record_of(&refused).await;
            assert_eq!((reason(&record), record.org.as_ref()), ("user_disabled", Some(&org.id)));
        }
        assert_eq!(gw.upstream.count(), before);
        switch(UserState::Active).await;
    }
    for token in [&caller.token, &there.token] {
        assert_eq!(conn.ask(&Request::get(QUERY).bearer(token)).await.status, 200, "nothing was revoked");
    }
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_users_tokens_are_refused_at_once_and_work_again_thawed() {
    frozen(Gateway::start().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_users_tokens_are_refused_at_once_and_work_again_thawed_on_postgresql() {
    frozen(Gateway::start_on_postgres().await).await;
}

/// A group of Mimir's rules may say whose metrics it is about.
#[tokio::test(flavor = "multi_thread")]
async fn rules_are_about_no_other_tenant() {
    let more = "[[apis]]\nname = \"mimir\"\nmount = \"/mimir\"\npack = \"mimir\"\nupstream = \"plain\"\n\
                [roles.all]\npermissions = [\"rules:write\"]\n";
    let gw = Gateway::start_with(Setup { more: more.to_owned(), ..Setup::default() }).await;
    let acme = gw.open_caller("acme", &["all"], "rules:write").await;
    let post = |body: &str| {
        let request = Request::new("POST", "/mimir/prometheus/config/v1/rules/team").bearer(&acme.token);
        request.header("Content-Type", "application/yaml").body(body)
    };
    let own = "name: g\nrules: [{record: \"a:b\", expr: up}]\n";
    for (request, told) in [
        (post(own), "allowed"),
        (post("name: g\nsource_tenants: [beta]\nrules: []\n"), "other_organization_body"),
        (post("name: g\n\"\\x73ource_tenants\": [beta]\nrules: []\n"), "other_organization_body"),
        (post(own).header("Content-Encoding", "gzip"), "other_organization_body"),
    ] {
        let before = gw.upstream.count();
        let answer = ask(gw.running.public, &request).await;
        assert_eq!(reason(&gw.record_of(&answer).await), told, "{answer:?}");
        let (status, arrived) = if told == "allowed" { (200, 1) } else { (403, 0) };
        assert_eq!((answer.status, gw.upstream.count() - before), (status, arrived), "{answer:?}");
        assert_eq!(gw.upstream.last().body, own.as_bytes());
    }
    gw.running.stop().await;
}

/// Grafana's own paths name its organizations too, and one path of `VictoriaMetrics` all of its tenants.
#[tokio::test(flavor = "multi_thread")]
async fn a_path_means_the_organization_to_the_upstream_too() {
    let shared = Api::named("shared-boards").mount("/boards").pack("grafana");
    let shared = shared.keys(r#"tenant = { mode = "header", name = "X-Grafana-Org-Id", value = "{org.tenant}" }"#);
    let own = Api::named("own-boards").mount("/own").pack("grafana");
    let cluster = Api::named("cluster").mount("/vm").pack("victoriametrics");
    let cluster = cluster.keys(r#"tenant = { mode = "path_prefix", value = "/{operation}/{org.slug}" }"#);
    let by_header = Api::named("cluster-by-header").mount("/vmh").pack("victoriametrics");
    let by_header = by_header.keys(r#"tenant = { mode = "header", name = "AccountID", value = "{org.slug}" }"#);
    let more = format!("[roles.all]\npermissions = [\"dashboards:read\", \"metrics:read\"]{shared}{own}{cluster}{by_header}");
    let gw = Gateway::start_with(Setup { more, ..Setup::default() }).await;
    let acme = gw.open_caller("acme", &["all"], "dashboards:read metrics:read").await;
    let everybody = gw.open_caller("multitenant", &["all"], "metrics:read").await;
    let boards =
        |mount: &str, namespace: &str| format!("{mount}/apis/dashboard.grafana.app/v1beta1/namespaces/{namespace}/dashboards");
    let query = "/vm/prometheus/api/v1/query?query=up".to_owned();
    let by_header = "/vmh/prometheus/api/v1/query?query=up".to_owned();
    for (caller, path, told) in [
        (&acme, boards("/boards", "org-tenant-acme"), "allowed"),
        (&acme, boards("/boards", "org-2"), "other_organization_path"),
        (&acme, boards("/boards", "default"), "other_organization_path"),
        (&acme, boards("/boards", "tenant-acme"), "other_organization_path"),
        (&acme, boards("/own", "default"), "allowed"),
        (&acme, boards("/own", "stacks-123"), "allowed"),
        (&acme, boards("/own", "stacks-"), "other_organization_path"),
        (&acme, boards("/own", "stacks-1x"), "other_organization_path"),
        (&acme, boards("/own", "org-1"), "other_organization_path"),
        (&acme, boards("/boards", "stacks-123"), "other_organization_path"),
        (&acme, boards("/boards", "*"), "other_organization_path"),
        (&acme, query.clone(), "allowed"),
        (&everybody, query, "tenant_value_missing"),
        (&acme, by_header.clone(), "allowed"),
        (&everybody, by_header, "tenant_value_missing"),
    ] {
        let answer = ask(gw.running.public, &Request::get(&path).bearer(&caller.token)).await;
        assert_eq!(reason(&gw.record_of(&answer).await), told, "{path}: {answer:?}");
    }
    gw.running.stop().await;
}
