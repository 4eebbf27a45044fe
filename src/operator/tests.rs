//! Who finds the operator's pages, and what is done there.

use std::fmt::Write as _;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::middleware::from_fn_with_state;
use http::{Request, StatusCode};

use crate::account::tests::installs::Partner;
use crate::account::tests::world::{Answer, Browser, START, World};
use crate::record::operation;
use crate::store::{
    AuditFilter, Client, ClientState, Grant, Holder, NewUser, ScopeRequestState, ScopeRequests, User, UserKind, UserState,
};
use crate::types::{ScopeToken, SystemEntropy, UserId};

/// A world with an operator who belongs to no organization.
struct Desk {
    world: World,
    oona: User,
    client: Client,
    grant: Grant,
    holder: Holder,
    scope: ScopeToken,
}

impl Desk {
    async fn new() -> Self {
        let world = World::new().await;
        let oona = operator_of(&world).await;
        let (store, cause) = (&world.node.store, world.node.own_cause());
        let client = world.client("Acme secret CLI").await;
        let grant = world.consent(&world.bob, &world.acme, &client, "metrics:read").await;
        let own = Client {
            id: crate::types::ClientId::generate(START, &SystemEntropy),
            org: Some(world.acme.id.clone()),
            origin: crate::store::ClientOrigin::Administrator,
            name: "Acme importer".to_owned(),
            ..client.clone()
        };
        store.create_client(&own, None, &cause).await.expect("a client");
        let (holder, scope) = (Holder::Client(own.id), ScopeToken::parse("api_keys:write").expect("a scope"));
        assert!(store.request_scope(&holder, &scope, "Agents push with keys.", &cause).await.expect("a request"));
        world.node.settle().await.expect("settled");
        Self { world, oona, client, grant, holder, scope }
    }

    fn path(&self, page: &str) -> String {
        let names = [
            ("{bob}", self.world.bob.id.as_str()),
            ("{oona}", self.oona.id.as_str()),
            ("{client}", self.client.id.as_str()),
            ("{holder}", self.holder.as_str()),
        ];
        names.iter().fold(page.to_owned(), |path, (name, value)| path.replace(name, value))
    }

    fn site(&self) -> Router {
        site_of(&self.world)
    }

    async fn get(&self, who: &Browser, page: &str) -> Answer {
        let request = Request::get(self.path(page)).header("cookie", &who.cookie).header("accept", "text/html");
        self.world.send(self.site(), request.body(Body::empty()).expect("a request")).await
    }

    async fn post(&self, who: &Browser, page: &str, form: &str) -> Answer {
        let form = format!("csrf={}&{form}", who.csrf);
        let request = Request::post(self.path(page)).header("cookie", &who.cookie).header("sec-fetch-site", "same-origin");
        let request = request.header("content-type", "application/x-www-form-urlencoded").header("accept", "text/html");
        self.world.send(self.site(), request.body(Body::from(form)).expect("a request")).await
    }

    async fn everybody(&self) -> [Browser; 4] {
        let world = &self.world;
        [Browser::nobody(), world.sign_in(&world.bob).await, world.sign_in(&world.ada).await, world.sign_in(&self.oona).await]
    }

    /// Which organizations' logs say this of the operator.
    async fn logged(&self, name: &str) -> Vec<Option<crate::types::OrgId>> {
        let page = self.world.node.store.search_audit(&AuditFilter::default(), None, 1000).await.expect("the log");
        let by = |r: &crate::record::AuditRecord| r.actor.user.as_ref() == Some(&self.oona.id);
        page.rows.iter().filter(|r| operation(&r.record) == name && by(&r.record)).map(|r| r.record.org.clone()).collect()
    }
}

/// Somebody who operates the gateway of a world and belongs to no organization.
async fn operator_of(world: &World) -> User {
    let oona = User {
        id: UserId::generate(START, &SystemEntropy),
        email: "oona@gateway.test".to_owned(),
        name: "Oona".to_owned(),
        kind: UserKind::Person,
        state: UserState::Active,
        created_at: START,
    };
    let (store, cause) = (&world.node.store, world.node.own_cause());
    store.create_user(&NewUser { user: oona.clone(), password: None }, &cause).await.expect("a user");
    assert!(store.add_operator(&oona.id, &cause).await.expect("an operator"));
    oona
}

/// The pages as a gateway serves them: where nothing is, it says so.
fn site_of(world: &World) -> Router {
    let node = &world.node;
    let nowhere = Router::new()
        .fallback(crate::web::missing)
        .with_state(node.clone())
        .layer(from_fn_with_state(node.clone(), crate::web::harden));
    world.site().merge(super::router(node.clone())).fallback_service(nowhere)
}

/// A page without what differs from one request to the next.
fn same(answer: &Answer) -> (StatusCode, Vec<(String, String)>, String) {
    let reference = |text: &str| {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("req_") {
            out.push_str(before);
            rest = after.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        }
        out + rest
    };
    let headers = answer.headers.iter().map(|(n, v)| (n.to_string(), v.to_str().unwrap_or_default().to_owned())).collect();
    (answer.status, headers, reference(&answer.body))
}

const PAGES: [&str; 10] = [
    "/operator",
    "/operator/organizations",
    "/operator/organizations/acme",
    "/operator/users",
    "/operator/users/{bob}",
    "/operator/clients",
    "/operator/clients/{client}",
    "/operator/scopes",
    "/operator/scopes/{holder}/api_keys:write",
    "/operator/shadow",
];

const FORMS: [(&str, &str); 9] = [
    ("/operator/organizations", "create=1&slug=beta"),
    ("/operator/organizations/acme", "freeze=1"),
    ("/operator/users/{bob}", "freeze=1"),
    ("/operator/users/{bob}", "end-sessions=1"),
    ("/operator/users/{oona}", "freeze=1"),
    ("/operator/clients/{client}", "freeze=1"),
    ("/operator/scopes/{holder}/api_keys:write", "approve=1&lives=90"),
    ("/operator/scopes/{holder}/api_keys:write", "deny=1"),
    ("/operator/scopes/{holder}/api_keys:write", "withdraw=1"),
];

fn line(table: &mut String, what: &str, cells: &[&str]) {
    let row = format!("{what:56} {:9} {:9} {:14} {}", cells[0], cells[1], cells[2], cells[3]);
    let _ = writeln!(table, "{}", row.trim_end());
}

fn cell(answer: &Answer) -> &'static str {
    match answer.status {
        StatusCode::OK => "shown",
        StatusCode::SEE_OTHER => "done",
        StatusCode::NOT_FOUND => "not here",
        StatusCode::UNPROCESSABLE_ENTITY => "said why",
        StatusCode::CONFLICT => "refused",
        other => panic!("{other}: {}", answer.body),
    }
}

#[test]
fn the_browser_is_told_of_every_page() {
    assert_eq!(crate::pages::visited(&["/operator"], &[]), super::ROUTES.iter().map(|(path, _)| *path).collect());
}

#[tokio::test]
async fn for_everybody_else_there_is_nothing() {
    let desk = Desk::new().await;
    let browsers = desk.everybody().await;
    let mut table = String::new();
    line(&mut table, "page", &["stranger", "member", "administrator", "operator"]);
    let tried = PAGES.map(|page| page.split('/').count());
    assert_eq!(tried.to_vec(), super::ROUTES.map(|(path, _)| path.split('/').count()), "every page is tried");
    for page in PAGES {
        let mut cells = Vec::new();
        for (n, browser) in browsers.iter().enumerate() {
            let answer = desk.get(browser, page).await;
            if n < 3 {
                let nothing = desk.get(browser, "/operation").await;
                assert_eq!(same(&answer), same(&nothing), "{page}: it tells that it is there");
            }
            cells.push(cell(&answer));
        }
        line(&mut table, page, &cells);
    }
    for (page, form) in FORMS {
        let mut cells = Vec::new();
        for n in 0..4 {
            let desk = Desk::new().await;
            let answer = desk.post(&desk.everybody().await[n], page, form).await;
            cells.push(cell(&answer));
        }
        line(&mut table, &format!("{page} {}", form.split('=').next().unwrap_or_default()), &cells);
    }
    // A page that takes no form is not told from no page.
    let answers = [desk.post(&browsers[1], "/operator/users", "x=1").await, desk.post(&browsers[1], "/operation", "x=1").await];
    assert_eq!(same(&answers[0]), same(&answers[1]));
    insta::assert_snapshot!(table, @r"
    page                                                     stranger  member    administrator  operator
    /operator                                                not here  not here  not here       done
    /operator/organizations                                  not here  not here  not here       shown
    /operator/organizations/acme                             not here  not here  not here       shown
    /operator/users                                          not here  not here  not here       shown
    /operator/users/{bob}                                    not here  not here  not here       shown
    /operator/clients                                        not here  not here  not here       shown
    /operator/clients/{client}                               not here  not here  not here       shown
    /operator/scopes                                         not here  not here  not here       shown
    /operator/scopes/{holder}/api_keys:write                 not here  not here  not here       shown
    /operator/shadow                                         not here  not here  not here       shown
    /operator/organizations create                           not here  not here  not here       done
    /operator/organizations/acme freeze                      not here  not here  not here       done
    /operator/users/{bob} freeze                             not here  not here  not here       done
    /operator/users/{bob} end-sessions                       not here  not here  not here       done
    /operator/users/{oona} freeze                            not here  not here  not here       not here
    /operator/clients/{client} freeze                        not here  not here  not here       done
    /operator/scopes/{holder}/api_keys:write approve         not here  not here  not here       done
    /operator/scopes/{holder}/api_keys:write deny            not here  not here  not here       said why
    /operator/scopes/{holder}/api_keys:write withdraw        not here  not here  not here       refused
    ");
}

#[tokio::test]
async fn an_operator_proves_again_who_they_are() {
    let desk = Desk::new().await;
    let browser = desk.world.sign_in(&desk.oona).await;
    desk.world.clock.advance(Duration::from_secs(15 * 60 - 1));
    assert_eq!(desk.get(&browser, "/operator/users?text=b").await.status, StatusCode::OK);
    desk.world.clock.advance(Duration::from_secs(1));
    let again = desk.get(&browser, "/operator/users?text=b").await;
    assert_eq!(again.status, StatusCode::SEE_OTHER);
    assert_eq!(again.headers["location"], "/login?next=%2Foperator%2Fusers%3Ftext%3Db");
    let login = desk.get(&browser, "/login?next=%2Foperator%2Fusers%3Ftext%3Db").await;
    assert_eq!(login.status, StatusCode::OK, "whoever is signed in is asked all the same");
    assert!(login.body.contains("Sign in again") && login.body.contains("oona@gateway.test"));
    let act = desk.post(&browser, "/operator/users/{bob}", "freeze=1").await;
    assert_eq!(act.headers["location"], desk.path("/login?next=%2Foperator%2Fusers%2F{bob}"));
    let bob = desk.world.node.store.user(&desk.world.bob.id).await.expect("a store").expect("bob");
    assert_eq!(bob.state, UserState::Active, "nothing was done");
    // Everywhere else they are signed in as before, and a stranger's address leads nowhere new.
    assert_eq!(desk.get(&browser, "/settings/sessions").await.status, StatusCode::OK);
    desk.world.node.store.remove_operator(&desk.oona.id, &desk.world.node.own_cause()).await.expect("removed");
    let fresh = desk.world.sign_in(&desk.oona).await;
    assert_eq!(desk.get(&fresh, "/operator/users").await.status, StatusCode::NOT_FOUND, "taken at the next request");
}

#[tokio::test]
async fn what_is_frozen_stops_and_thaws_and_its_log_says_who_did_it() {
    let desk = Desk::new().await;
    let world = &desk.world;
    let browser = world.sign_in(&desk.oona).await;
    let acme = [Some(world.acme.id.clone())];
    for (page, names) in [
        ("/operator/organizations/acme", ["org.disable", "org.enable"]),
        ("/operator/users/{bob}", ["user.freeze", "user.thaw"]),
        ("/operator/clients/{client}", ["client.disable", "client.enable"]),
    ] {
        let asked = desk.get(&browser, &format!("{page}?confirm=freeze")).await;
        assert!(asked.body.contains("1 live authorization") || asked.body.contains("1 user in 1 organization"), "{}", asked.body);
        assert!(asked.body.contains("id=\"freeze\""));
        assert_eq!(desk.post(&browser, page, "freeze=1").await.status, StatusCode::SEE_OTHER);
        assert!(world.try_principal(&desk.grant).await.is_none(), "{page}");
        let shown = desk.get(&browser, &format!("{page}?done=frozen")).await;
        assert!(shown.body.contains("<strong>Frozen.</strong>") && shown.body.contains("id=\"thaw\""));
        assert!(!shown.body.contains("id=\"ask-freeze\""));
        assert_eq!(desk.post(&browser, page, "thaw=1").await.status, StatusCode::SEE_OTHER);
        assert!(world.try_principal(&desk.grant).await.is_some(), "{page}");
        for name in names {
            assert_eq!(desk.logged(name).await, acme, "{name}");
        }
    }
    assert!(world.is_live(&desk.grant).await, "nothing was revoked");
    let signed_in = world.sign_in(&world.bob).await;
    assert!(desk.get(&browser, "/operator/users/{bob}?confirm=end-sessions").await.body.contains("1 browser"));
    desk.post(&browser, "/operator/users/{bob}", "end-sessions=1").await;
    assert_eq!(desk.get(&signed_in, "/settings/sessions").await.status, StatusCode::SEE_OTHER);
    assert_eq!(desk.logged("logout").await, acme, "and the organization can read who did it");
}

#[tokio::test]
async fn whoever_freezes_is_told_of_the_keys_that_stop_and_of_those_that_go_on() {
    let partner = Partner::new().await;
    let world = &partner.world;
    let browser = world.sign_in(&operator_of(world).await).await;
    let here = world.consent(&world.bob, &world.acme, &partner.client, "metrics:read").await;
    let there = world.consent(&world.eve, &world.evil, &partner.client, "metrics:read").await;
    let asks = async |page: String, sentence: &str| {
        let request = Request::get(format!("{page}?confirm=freeze")).header("cookie", &browser.cookie);
        let request = request.header("accept", "text/html").body(Body::empty()).expect("a request");
        let asked = world.send(site_of(world), request).await;
        assert!(asked.body.contains(sentence), "{page}: {sentence}: {}", asked.body);
    };
    let client = || format!("/operator/clients/{}", partner.client.id);
    let acme = || "/operator/organizations/acme".to_owned();
    let bob = || format!("/operator/users/{}", world.bob.id);
    asks(client(), "at once for 2 users in 2 organizations:").await;
    asks(acme(), "1 live authorization of 1 user. Open streams").await;
    asks(bob(), "Open streams are cut. Nothing is revoked").await;
    partner.key(&there).await;
    asks(client(), "at once for 2 users and 1 API key in 2 organizations:").await;
    asks(acme(), "1 live authorization of 1 user. Open streams").await;
    asks(bob(), "Open streams are cut. Nothing is revoked").await;
    partner.key(&here).await;
    asks(client(), "at once for 2 users and 2 API keys in 2 organizations:").await;
    asks(acme(), "1 live authorization of 1 user and 1 API key. Open streams").await;
    asks(bob(), "1 API key that was made on their behalf goes on").await;
}

#[tokio::test]
async fn what_the_operator_takes_is_gone_everywhere_when_the_page_says_so_at_the_second_press_too() {
    let desk = Desk::new().await;
    let browser = desk.world.sign_in(&desk.oona).await;
    let scope = "/operator/scopes/{holder}/api_keys:write";
    assert_eq!(desk.post(&browser, scope, "approve=1&lives=30").await.status, StatusCode::SEE_OTHER);
    for (page, form) in [
        (scope, "withdraw=1&comment=Leaked"),
        ("/operator/clients/{client}", "freeze=1"),
        ("/operator/users/{bob}", "freeze=1"),
        ("/operator/organizations/acme", "freeze=1"),
    ] {
        for press in ["first", "second"] {
            let before = desk.world.settled();
            let answer = desk.post(&browser, page, form).await;
            assert!(press == "second" || !answer.status.is_client_error(), "{page}: {}", answer.body);
            assert!(desk.world.settled() > before, "{page}, {press} press ({}): nobody waited", answer.status);
            assert!(desk.world.settled() == before + 1, "{page}, {press} press ({}): waited more than once", answer.status);
        }
    }
}

#[tokio::test]
async fn what_a_form_is_refused_for_is_so_everywhere_and_strangers_have_nobody_asked() {
    let desk = Desk::new().await;
    let browsers = desk.everybody().await;
    let scope = "/operator/scopes/{holder}/api_keys:write";
    // Denied first, so that nothing waits and nothing was given.
    assert_eq!(desk.post(&browsers[3], scope, "deny=1&comment=No").await.status, StatusCode::SEE_OTHER);
    for (page, form, status) in [
        (scope, "deny=1&comment=No", StatusCode::CONFLICT),
        (scope, "withdraw=1", StatusCode::CONFLICT),
        ("/operator/organizations", "create=1&slug=acme", StatusCode::CONFLICT),
        ("/operator/organizations/gone", "freeze=1", StatusCode::NOT_FOUND),
        ("/operator/clients/{client}x", "freeze=1", StatusCode::NOT_FOUND),
        ("/operator/users/{bob}x", "freeze=1", StatusCode::NOT_FOUND),
        ("/operator/users/{oona}", "freeze=1", StatusCode::NOT_FOUND),
    ] {
        for (n, browser) in browsers.iter().enumerate() {
            let before = desk.world.settled();
            let answer = desk.post(browser, page, form).await;
            let waited = desk.world.settled() - before;
            let operates = n == 3;
            assert_eq!(waited, u64::from(operates), "{page} {form}, {n}: {}", answer.status);
            assert_eq!(answer.status, if operates { status } else { StatusCode::NOT_FOUND }, "{page} {form}: {}", answer.body);
        }
    }
    let before = desk.world.settled();
    assert_eq!(desk.get(&browsers[3], "/operator/organizations/gone").await.status, StatusCode::NOT_FOUND);
    assert_eq!(desk.world.settled(), before, "nobody asked for a change");
}

#[tokio::test]
async fn organizations_are_made_and_everything_is_found() {
    let desk = Desk::new().await;
    let browser = desk.world.sign_in(&desk.oona).await;
    let taken = desk.post(&browser, "/operator/organizations", "create=1&slug=acme&name=Second").await;
    assert_eq!(taken.status, StatusCode::CONFLICT);
    assert!(taken.body.contains("The short name acme is taken") && taken.body.contains("value=\"Second\""), "{}", taken.body);
    let long = "n".repeat(200);
    for (entered, said) in [
        ("slug=No+Slug".to_owned(), "The short name has 1 to 63 characters"),
        (format!("slug=delta&name={long}"), "characters and no line breaks"),
        ("slug=delta&tenant=a%2Fb".to_owned(), "A tenant value has 1 to 150 characters"),
    ] {
        let refused = desk.post(&browser, "/operator/organizations", &format!("create=1&{entered}")).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.body.contains(said), "{said}: {}", refused.body);
    }
    let made = desk.post(&browser, "/operator/organizations", "create=1&slug=gamma&name=Gamma+Rays").await;
    assert_eq!(made.headers["location"], "/operator/organizations/gamma");
    let gamma = desk.get(&browser, "/operator/organizations/gamma").await;
    assert!(gamma.body.contains("Gamma Rays") && gamma.body.contains("0 members"));
    for (page, there, absent) in [
        ("/operator/organizations?text=RAYS", "Gamma Rays", "The acme company"),
        ("/operator/organizations?text=nobody", "No organization matches", "Gamma Rays"),
        ("/operator/users?text=BOB", "bob@acme.test", "ada@acme.test"),
        ("/operator/users?org=evil", "eve@evil.test", "ada@acme.test"),
        ("/operator/users?org=nowhere", "no organization of that short name", "ada@acme.test"),
        ("/operator/clients?text=secret", "Acme secret CLI", "Acme importer"),
        ("/operator/clients?org=acme", "Acme importer", "Acme secret CLI"),
        ("/operator/clients?state=disabled", "No client matches", "Acme importer"),
        ("/operator/clients?state=frozen", "No client matches", "Acme importer"),
    ] {
        let found = desk.get(&browser, page).await;
        assert!(found.body.contains(there) && !found.body.contains(absent), "{page}: {}", found.body);
    }
    assert_eq!(desk.get(&browser, "/operator/organizations/nowhere").await.status, StatusCode::NOT_FOUND);
    // Frozen, it is still found.
    desk.post(&browser, "/operator/organizations/gamma", "freeze=1").await;
    let gamma = desk.get(&browser, "/operator/organizations?text=gamma").await;
    assert!(gamma.body.contains("Frozen"));
}

#[tokio::test]
async fn who_switched_a_client_off_is_told_apart() {
    let desk = Desk::new().await;
    let (store, cause, id) = (&desk.world.node.store, desk.world.node.own_cause(), &desk.client.id);
    let (oona, ada) = (desk.world.sign_in(&desk.oona).await, desk.world.sign_in(&desk.world.ada).await);
    for (state, word, here) in [
        (ClientState::Active, "Active", "Allowed"),
        (ClientState::Disabled, "Switched off", "Switched off"),
        (ClientState::Frozen, "Frozen", "Frozen by the operator"),
    ] {
        store.set_client_state(id, state, &cause).await.expect("done");
        let badge = |word: &str| format!(">{word}</span>");
        let page = desk.get(&oona, "/operator/clients/{client}").await.body;
        assert!(page.contains(&badge(word)), "{state:?}: {page}");
        assert_eq!(page.contains("id=\"thaw\""), state == ClientState::Frozen, "{state:?}");
        for asked in ["active", "disabled", "frozen"] {
            let list = desk.get(&oona, &format!("/operator/clients?text={id}&state={asked}")).await.body;
            assert_eq!(list.contains(&badge(word)), format!("{state:?}").to_lowercase() == asked, "{asked}");
        }
        let theirs = desk.get(&ada, &format!("/orgs/acme/applications/{id}")).await.body;
        assert!(theirs.contains(&badge(here)), "{state:?}: {theirs}");
    }
}

#[tokio::test]
async fn lists_go_on_over_pages() {
    let desk = Desk::new().await;
    let (store, cause) = (&desk.world.node.store, desk.world.node.own_cause());
    for n in 0..60 {
        let mut org = desk.world.acme.clone();
        org.id = crate::types::OrgId::generate(START, &SystemEntropy);
        org.slug = crate::types::Slug::parse(&format!("team-{n:02}")).expect("a slug");
        store.create_org(&org, &cause).await.expect("an organization");
    }
    let browser = desk.world.sign_in(&desk.oona).await;
    let first = desk.get(&browser, "/operator/organizations?text=team").await.body;
    assert!(first.contains("team-49") && !first.contains("team-50") && !first.contains("rel=\"prev\""));
    let next = first.split("rel=\"next\" href=\"").nth(1).and_then(|r| r.split('"').next()).expect("a next page");
    let second = desk.get(&browser, &next.replace("&#38;", "&")).await.body;
    assert!(second.contains("team-50") && second.contains("team-59") && !second.contains("team-49"));
    assert!(second.contains("rel=\"prev\"") && !second.contains("rel=\"next\""));
}

#[tokio::test]
async fn denying_a_renewal_asks_first_and_says_what_ended() {
    let desk = Desk::new().await;
    let (store, cause) = (&desk.world.node.store, desk.world.node.own_cause());
    let browser = desk.world.sign_in(&desk.oona).await;
    let page = "/operator/scopes/{holder}/api_keys:write";
    let waiting = desk.get(&browser, page).await.body;
    assert!(waiting.contains("id=\"deny\"") && !waiting.contains("ask-deny"), "nothing counts yet: {waiting}");
    desk.post(&browser, page, "approve=1&lives=30").await;
    assert!(store.request_scope(&desk.holder, &desk.scope, "For longer.", &cause).await.expect("asked"));
    let renewal = desk.get(&browser, page).await.body;
    assert!(!renewal.contains("id=\"deny\"") && renewal.contains("id=\"ask-deny\""), "{renewal}");
    assert!(renewal.contains("id=\"ask-withdraw\""), "{renewal}");
    for (question, head) in [("deny", "Deny api_keys:write to"), ("withdraw", "Take api_keys:write back")] {
        let asked = desk.get(&browser, &format!("{page}?confirm={question}")).await.body;
        assert!(asked.contains(head) && asked.contains("0 live authorizations of 0 users in 0 organizations"), "{asked}");
        assert!(asked.contains(&format!("id=\"{question}\"")), "{asked}");
    }
    let unsaid = desk.post(&browser, page, "deny=1&comment=+").await;
    assert!(unsaid.body.contains("Deny api_keys:write to") && unsaid.body.contains("Say why"), "{}", unsaid.body);
    // Somebody holds it by now: the answer says what ended.
    let holder = crate::types::ClientId::parse(desk.holder.as_str()).expect("a client");
    let client = store.client(&holder).await.expect("read").expect("there");
    let grant = desk.world.consent(&desk.world.bob, &desk.world.acme, &client, "api_keys:write").await;
    let asked = desk.get(&browser, &format!("{page}?confirm=deny")).await.body;
    assert!(asked.contains("1 live authorization of 1 user in 1 organization"), "{asked}");
    let done = desk.post(&browser, page, "deny=1&comment=No+more").await;
    assert!(done.body.contains("<strong>Denied.</strong>"), "{}", done.body);
    assert!(done.body.contains("1 authorization and 0 API keys ended with it."), "{}", done.body);
    assert!(!desk.world.is_live(&grant).await);
}

#[tokio::test]
async fn a_private_scope_is_given_denied_and_taken_back() {
    let desk = Desk::new().await;
    let browser = desk.world.sign_in(&desk.oona).await;
    let page = "/operator/scopes/{holder}/api_keys:write";
    let state = async || {
        let all = desk.world.node.store.scope_requests(ScopeRequests::For(&desk.holder)).await.expect("requests");
        all.into_iter().find(|r| r.scope == desk.scope).expect("the request")
    };
    let queue = desk.get(&browser, "/operator/scopes").await;
    assert!(queue.body.contains("Agents push with keys.") && queue.body.contains("The acme company"));
    let unsaid = desk.post(&browser, page, "deny=1&comment=+").await;
    assert_eq!(unsaid.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(unsaid.body.contains("Say why"));
    desk.post(&browser, page, "deny=1&comment=Use+tokens").await;
    assert_eq!((state().await.state, state().await.comment.as_deref()), (ScopeRequestState::Denied, Some("Use tokens")));
    desk.post(&browser, page, "approve=1&lives=30").await;
    let given = state().await;
    assert_eq!(given.state, ScopeRequestState::Approved);
    assert_eq!(given.approved_until, Some(desk.world.node.now().plus(Duration::from_secs(30 * 86_400))));
    assert!(desk.get(&browser, &format!("{page}?done=approved")).await.body.contains("<strong>Given.</strong>"));
    assert!(desk.get(&browser, &format!("{page}?confirm=withdraw")).await.body.contains("Take api_keys:write back"));
    desk.post(&browser, page, "withdraw=1&comment=Leaked").await;
    assert_eq!(state().await.state, ScopeRequestState::Withdrawn);
    let again = desk.post(&browser, page, "withdraw=1").await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(again.body.contains("It was not given, or was taken back meanwhile."), "{}", again.body);
    let endless = desk.post(&browser, page, "approve=1&lives=3650").await;
    assert_eq!(endless.status, StatusCode::BAD_REQUEST);
    assert!(endless.body.contains("A private scope is given for 5 years at most."), "{}", endless.body);
    let acme = Some(desk.world.acme.id.clone());
    for name in ["scope.deny", "scope.approve", "scope.withdraw"] {
        assert_eq!(desk.logged(name).await, std::slice::from_ref(&acme), "{name}");
    }
}
