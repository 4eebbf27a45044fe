//! Lists in pages: on a node and through its admin API.

use serde_json::Value;
use utoipa::ToSchema;

use super::Fixture;
use super::operations::{client, told};
use crate::admin::{
    AdminError, Administration, NewApp, NewClient, NewClientKind, NewInvitation, NewOrg, NewUserRequest, Page, PageQuery,
    ScopeAsk, Within, document,
};
use crate::store::UserKind;

/// The ids of a list, item by item. After the first one `meanwhile` happens.
async fn walked<T: ToSchema>(
    ask: impl AsyncFn(PageQuery) -> Result<Page<T>, AdminError>,
    id: impl Fn(&T) -> String,
    meanwhile: impl AsyncFn(),
) -> Vec<String> {
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let page = ask(PageQuery { limit: Some(1), cursor }).await.expect("a page");
        assert!(page.data.len() <= 1);
        seen.extend(page.data.iter().map(&id));
        if seen.len() == 1 {
            meanwhile().await;
        }
        match page.next {
            Some(next) => cursor = Some(next),
            None => return seen,
        }
    }
}

/// One of each kind of thing that there is to list.
async fn make(admin: &dyn Administration, slug: &str, round: usize) {
    let redirect_uris = vec!["https://a.example/cb".to_owned()];
    let web = NewClient { org: Some(slug.to_owned()), redirect_uris, ..client(NewClientKind::Public) };
    admin.create_client(web).await.expect("a client");
    let app = NewApp { org: slug.to_owned(), name: format!("App {round}"), ..NewApp::default() };
    let app = admin.create_app(app).await.expect("an app").app.id.to_string();
    admin.install_app(slug, &app).await.expect("installed");
    let scope = ScopeAsk { scope: "api_keys:write".to_owned(), reason: "it pushes".to_owned() };
    admin.request_scope(&app, scope).await.expect("asked");
    let invitation = NewInvitation { email: format!("guest{round}@{slug}.test"), roles: vec!["viewer".to_owned()] };
    admin.invite(slug, invitation).await.expect("an invitation");
    let email = format!("user{round}@{slug}.test");
    let new = NewUserRequest { email: email.clone(), name: None, kind: UserKind::Person, password: None };
    admin.create_user(new).await.expect("a user");
    admin.set_member(slug, &email, crate::admin::MemberRoles { roles: Vec::new() }).await.expect("a member");
}

/// Nothing happens meanwhile.
async fn nothing() {}

async fn story(admin: &dyn Administration, slug: &str) {
    let org = |slug: String| NewOrg { slug, ..NewOrg::default() };
    admin.create_org(org(slug.to_owned())).await.expect("an organization");
    for round in 0..4 {
        make(admin, slug, round).await;
    }
    let within = |page: PageQuery| Within::of(Some(slug.to_owned()), None, page);
    let clients = walked(async |page| admin.clients(within(page)).await, |c| c.id.to_string(), nothing).await;
    let apps = walked(async |page| admin.apps(within(page)).await, |a| a.id.to_string(), nothing).await;
    let installs = walked(async |page| admin.installs(slug, page).await, |i| i.app.to_string(), nothing).await;
    let asked = walked(async |page| admin.scope_requests(within(page)).await, |r| r.holder.clone(), nothing).await;
    let open = walked(async |page| admin.invitations(slug, page).await, |i| i.id.to_string(), nothing).await;
    let members = walked(async |page| admin.members(slug, page).await, |m| m.user.id.to_string(), nothing).await;
    // Each app has a draft client besides.
    for (what, seen, many) in [
        ("clients", &clients, 8),
        ("apps", &apps, 4),
        ("installations", &installs, 4),
        ("requests", &asked, 4),
        ("invitations", &open, 4),
        ("members", &members, 4),
    ] {
        let mut each = seen.clone();
        each.sort();
        each.dedup();
        assert_eq!((seen.len(), each.len()), (many, many), "{what}: {seen:?}");
    }
    let whole = admin.clients(within(PageQuery::default())).await.expect("clients");
    assert_eq!(whole.data.iter().map(|c| c.id.to_string()).collect::<Vec<_>>(), clients);

    // What is made while somebody reads comes into the pages that are left, or into none: no item is seen twice.
    let later = async || make(admin, slug, 9).await;
    let grown = walked(async |page| admin.clients(within(page)).await, |c| c.id.to_string(), later).await;
    assert_eq!(grown, clients, "newer than the first page");
    let before = admin.users(PageQuery::default()).await.expect("users").data.len();
    let more = async || {
        for email in ["aaa@before.test", "zzz@behind.test"] {
            let (email, kind) = (format!("{email}.{slug}"), UserKind::Person);
            admin.create_user(NewUserRequest { email, name: None, kind, password: None }).await.expect("a user");
        }
    };
    let users = walked(async |page| admin.users(page).await, |u| u.email.clone(), more).await;
    assert_eq!(users.len(), before + 1, "the one behind: {users:?}");
    assert!(users.is_sorted() && users.windows(2).all(|two| two[0] != two[1]), "{users:?}");
    admin.create_org(org(format!("{slug}-x"))).await.expect("an organization");
    let beside = async || {
        for new in [format!("a-{slug}"), format!("{slug}-two")] {
            admin.create_org(org(new)).await.expect("an organization");
        }
    };
    let orgs = walked(async |page| admin.orgs(page).await, |o| o.slug.to_string(), beside).await;
    assert_eq!(orgs, [slug.to_owned(), format!("{slug}-two"), format!("{slug}-x")], "the one behind the first page");

    for wrong in [
        PageQuery { limit: Some(0), cursor: None },
        PageQuery { limit: Some(1001), cursor: None },
        PageQuery { limit: None, cursor: Some("a b".to_owned()) },
    ] {
        let known = wrong.cursor.is_none();
        for answer in [
            told(admin.orgs(wrong.clone()).await),
            told(admin.members(slug, wrong.clone()).await),
            told(admin.invitations(slug, wrong.clone()).await),
            told(admin.sessions(&format!("user0@{slug}.test"), wrong.clone()).await),
            told(admin.clients(within(wrong.clone())).await),
            told(admin.apps(within(wrong.clone())).await),
            told(admin.grants(within(wrong.clone())).await),
            told(admin.scope_requests(within(wrong.clone())).await),
            told(admin.installs(slug, wrong.clone()).await),
            told(admin.review(slug, wrong.clone()).await),
        ] {
            assert_eq!(answer["refused"], "invalid", "{wrong:?}");
        }
        // Addresses have no rule of their own.
        assert_eq!(told(admin.users(wrong.clone()).await)["refused"] == "invalid", known);
    }
}

#[tokio::test]
async fn pages_join_to_the_whole() {
    let fixture = Fixture::start().await;
    story(&fixture.local(), "near").await;
}

#[tokio::test]
async fn pages_of_the_admin_api_join_to_the_whole() {
    let fixture = Fixture::start().await;
    story(&fixture.remote(), "far").await;
}

#[test]
fn every_list_that_can_grow_has_pages() {
    let document = serde_json::to_value(document()).expect("JSON");
    let resolved = |schema: &Value| match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).cloned().expect("a schema"),
        None => schema.clone(),
    };
    // What the configuration or the node bounds.
    let bounded = ["/admin/v1/roles", "/admin/v1/scopes", "/admin/v1/keys", "/admin/v1/audit/keys", "/admin/v1/upstreams"];
    let searches = "/admin/v1/orgs/{org}/members/{user}/searches";
    let mut paged = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        let schema = &item["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        let schema = resolved(schema);
        if schema["type"] == "array" {
            assert!(bounded.contains(&path.as_str()) || path == searches, "{path} answers everything at once");
        }
        if schema["properties"]["next"].is_object() {
            let parameters = item["get"]["parameters"].as_array().expect("parameters");
            let limit = parameters.iter().find(|p| p["name"] == "limit").expect("a limit");
            // The log's is of counts too, which have other bounds.
            let bounds = limit["schema"]["minimum"] == 1 && limit["schema"]["maximum"] == 1000;
            assert!(bounds || path == "/admin/v1/audit", "{path}: {limit}");
            assert!(parameters.iter().any(|p| p["name"] == "cursor"), "{path}");
            paged += 1;
        }
    }
    // Organizations, users, operators, members, invitations, sessions, clients, apps, grants, keys, requests, installations, policy,
    // review, and the log.
    assert!(paged >= 15, "{paged}");
}
