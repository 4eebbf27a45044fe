//! Every page and every form × everybody who could try: what one organization has, nobody else is shown.

use std::fmt::Write as _;

use http::StatusCode;

use super::world::{Answer, Browser, START, World, call, scopes};
use crate::account::ROUTES;
use crate::pages::visited;
use crate::record::Decision;
use crate::store::{ApiKey, ApiKeyState, App, Grant, Holder, Minted, NewUser, User};
use crate::types::{API_KEYS_WRITE, ApiKeyId, PlainToken, ScopeToken, SystemEntropy, TokenKind, UserId};

/// Who tries, in the order of the columns.
const WHO: [&str; 5] = ["stranger", "member", "admin elsewhere", "operator", "administrator"];
/// Those among them whom acme's own is nothing to.
const OUTSIDE: [usize; 3] = [0, 2, 3];

fn cell(answer: &Answer) -> &'static str {
    match answer.status {
        StatusCode::OK => "shown",
        StatusCode::SEE_OTHER if answer.headers["location"].to_str().is_ok_and(|to| to.starts_with("/login")) => "sign in",
        StatusCode::SEE_OTHER => "done",
        StatusCode::NOT_FOUND => "not here",
        StatusCode::BAD_REQUEST => "misplaced",
        StatusCode::FORBIDDEN => "forged",
        StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY => "said why",
        other => panic!("{other}: {}", answer.body),
    }
}

fn line(table: &mut String, what: &str, cells: [&str; 5]) {
    let [stranger, member, elsewhere, operator, administrator] = cells;
    let row = format!("{what:56} {stranger:9} {member:9} {elsewhere:16} {operator:9} {administrator}");
    let _ = writeln!(table, "{}", row.trim_end());
}

/// What is acme's alone, by the names that stand in the table's addresses.
struct Acme {
    world: World,
    /// Looks after the gateway, and belongs to no organization.
    oona: User,
    secrets: Vec<(&'static str, String)>,
    words: Vec<String>,
}

impl Acme {
    async fn new() -> Self {
        let world = World::new().await;
        let client = world.client("Acme secret CLI").await;
        let bobs = world.consent(&world.bob, &world.acme, &client, "metrics:read").await;
        let adas = world.consent(&world.ada, &world.acme, &client, "metrics:read").await;
        let ada = world.sign_in(&world.ada).await;
        let form = "name=Acme+app+of+its+own&redirect_uris=https%3A%2F%2Facme.test%2Fcb&scopes=metrics%3Aread&kind=public&save=1";
        let made = world.submit(&ada, "/orgs/acme/apps/new", form).await;
        assert_eq!(made.status, StatusCode::OK, "{}", made.body);
        let app = world.node.store.apps(Some(&world.acme.id)).await.expect("apps").remove(0);
        let own = world.node.store.client(&app.draft_client).await.expect("read").expect("there");
        let given = world.consent(&world.bob, &world.acme, &own, "metrics:read").await;
        let key = minted(&world, &app, &given).await;
        let people = format!("csrf={}&service=bot&add-service=1", ada.csrf);
        world.post(&ada, "/orgs/acme/members", &people, &[]).await;
        let bot = world.node.store.user_by_email("bot.acme").await.expect("read").expect("there");
        let robot = format!("name=Acme+robot&subject={}&scopes=metrics%3Aread&save=1", bot.id);
        assert_eq!(world.submit(&ada, "/orgs/acme/machines/new", &robot).await.status, StatusCode::OK);
        let machine = world.node.store.machines(&world.acme.id, "", (0, 1)).await.expect("read").remove(0).client;
        let secret = world.node.store.live_secrets(&machine.id, world.node.now()).await.expect("read").remove(0);
        let people = format!("csrf={}&email=grace%40acme.test&invite=1", ada.csrf);
        world.post(&ada, "/orgs/acme/members", &people, &[]).await;
        let invitation = world.node.store.invitations(&world.acme.id, world.node.now()).await.expect("read").remove(0);
        let oona = operator(&world).await;
        let record = call(&bobs, &client, START, Decision::Allowed);
        world.happened(std::slice::from_ref(&record)).await;
        let (ada, bob) = (world.ada.email.clone(), world.bob.email.clone());
        let words = [
            "Acme secret CLI",
            "Acme app of its own",
            "Acme robot",
            "The acme company",
            &ada,
            &bob,
            "bot.acme",
            "grace@acme.test",
            world.acme.id.as_str(),
            bobs.id.as_str(),
            adas.id.as_str(),
        ];
        let secrets = vec![
            ("{client}", client.id.to_string()),
            ("{app client}", own.id.to_string()),
            ("{app}", app.id.to_string()),
            ("{bob's grant}", bobs.id.to_string()),
            ("{ada's grant}", adas.id.to_string()),
            ("{record}", record.id.to_string()),
            ("{key}", key.id.to_string()),
            ("{bob}", world.bob.id.to_string()),
            ("{bot}", bot.id.to_string()),
            ("{machine}", machine.id.to_string()),
            ("{machine secret}", secret.id()),
            ("{invitation}", invitation.id.to_string()),
            ("{revision}", app.revision.to_string()),
        ];
        let words = words.map(ToOwned::to_owned).to_vec();
        Self { world, oona, secrets, words }
    }

    /// The browser of the `n`th who tries.
    async fn browser(&self, n: usize) -> Browser {
        let world = &self.world;
        match n {
            0 => Browser::nobody(),
            1 => world.sign_in(&world.bob).await,
            2 => world.sign_in(&world.eve).await,
            3 => world.sign_in(&self.oona).await,
            _ => world.sign_in(&world.ada).await,
        }
    }

    fn path(&self, page: &str) -> String {
        self.secrets.iter().fold(page.to_owned(), |path, (name, value)| path.replace(name, value))
    }

    /// Nothing of acme's stands in what somebody of another organization, or nobody, was sent.
    fn assert_clean(&self, page: &str, who: &str, answer: &Answer) {
        let echoed = self.path(page);
        for word in self.words.iter().filter(|w| !echoed.contains(w.as_str())) {
            assert!(!answer.body.contains(word.as_str()), "{who} sees {word:?} on {page}");
        }
    }
}

/// An API key of acme's, made by its app on behalf of the grant's user.
async fn minted(world: &World, app: &App, grant: &Grant) -> ApiKey {
    let (store, cause) = (&world.node.store, world.node.own_cause());
    let mints = ScopeToken::parse(API_KEYS_WRITE).expect("a scope");
    let until = START.plus(std::time::Duration::from_hours(1));
    let approved = store.approve_scope(&Holder::App(app.id.clone()), &mints, until, None, &cause).await;
    assert!(approved.expect("an answer"));
    let value = PlainToken::generate(TokenKind::ApiKey, &SystemEntropy);
    let key = ApiKey {
        id: ApiKeyId::generate(START, &SystemEntropy),
        last4: value.last4().to_owned(),
        name: "Key of an app".to_owned(),
        org: grant.org.clone(),
        app: app.id.clone(),
        client: app.draft_client.clone(),
        grant: grant.id.clone(),
        user: grant.user.clone(),
        scopes: scopes("metrics:write"),
        resources: Vec::new(),
        created_at: START,
        last_used_at: None,
        state: ApiKeyState::Live,
    };
    assert_eq!(store.mint_api_key(&key, &value.hashed(), &cause).await.expect("an answer"), Minted::Done);
    key
}

async fn operator(world: &World) -> User {
    let id = UserId::generate(START, &SystemEntropy);
    let oona = User { id, email: "oona@gateway.test".to_owned(), name: "Oona".to_owned(), ..world.eve.clone() };
    let (store, cause) = (&world.node.store, world.node.own_cause());
    store.create_user(&NewUser { user: oona.clone(), password: None }, &cause).await.expect("a user");
    assert!(store.add_operator(&oona.id, &cause).await.expect("an answer"));
    oona
}

/// A path of the tables as its route has it: what stands for something, and the organization, has no name.
fn shape(path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    let nameless =
        |segment: &str| if segment.starts_with('{') || segment == "acme" { "{}".to_owned() } else { segment.to_owned() };
    path.split('/').map(nameless).collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn the_tables_name_every_route_by_every_method_that_it_takes() {
    let acme = Acme::new().await;
    let (world, nobody) = (&acme.world, Browser::nobody());
    let rows = |mut rows: Vec<String>| {
        rows.sort();
        rows.dedup();
        rows
    };
    let (mut gets, mut posts) = (Vec::new(), Vec::new());
    for (path, _) in ROUTES {
        if world.get(None, path).await.status != StatusCode::METHOD_NOT_ALLOWED {
            gets.push(shape(path));
        }
        if world.post(&nobody, path, "", &[]).await.status != StatusCode::METHOD_NOT_ALLOWED {
            posts.push(shape(path));
        }
    }
    assert_eq!(rows(PAGES.iter().map(|page| shape(page)).collect()), rows(gets), "pages");
    assert_eq!(rows(FORMS.iter().map(|(page, _)| shape(page)).collect()), rows(posts), "forms");
}

#[test]
fn the_browser_is_told_of_every_page() {
    assert_eq!(visited(&["/settings", "/orgs"], &[]), ROUTES.iter().map(|(path, _)| *path).collect());
}

const PAGES: [&str; 34] = [
    "/settings/applications",
    "/settings/applications/{ada's grant}",
    "/settings/applications/{bob's grant}",
    "/settings/sessions",
    "/settings/events",
    "/orgs/acme/applications",
    "/orgs/acme/applications/{client}",
    "/orgs/acme/applications/{app client}/uninstall",
    "/orgs/acme/install",
    "/orgs/acme/install?app={app client}",
    "/orgs/acme/keys",
    "/orgs/acme/apps",
    "/orgs/acme/apps/new",
    "/orgs/acme/apps/import",
    "/orgs/acme/apps/{app}",
    "/orgs/acme/apps/{app}/edit",
    "/orgs/acme/apps/{app}/publish",
    "/orgs/acme/apps/{app}/delete",
    "/orgs/acme/apps/{app}/test",
    "/orgs/acme/apps/{app}/test/callback",
    "/orgs/acme/apps/{app}/manifest.json",
    "/orgs/acme/members",
    "/orgs/acme/machines",
    "/orgs/acme/machines/new",
    "/orgs/acme/machines/{machine}",
    "/orgs/acme/machines/{client}",
    "/orgs/acme/machines/{machine}/scopes",
    "/orgs/acme/review",
    "/orgs/acme/review.csv",
    "/orgs/acme/review.json",
    "/orgs/acme/audit",
    "/orgs/acme/audit/{record}",
    "/orgs/acme/audit.csv",
    "/orgs/acme/audit.ndjson",
];

#[tokio::test]
async fn every_page_for_everybody() {
    let acme = Acme::new().await;
    let world = &acme.world;
    let mut browsers = Vec::new();
    for n in 0..WHO.len() {
        browsers.push(acme.browser(n).await);
    }
    let mut table = String::new();
    line(&mut table, "page", WHO);
    for page in PAGES {
        let mut cells = [""; 5];
        for (n, browser) in browsers.iter().enumerate() {
            let answer = world.get(Some(browser), &acme.path(page)).await;
            if OUTSIDE.contains(&n) {
                acme.assert_clean(page, WHO[n], &answer);
            }
            cells[n] = cell(&answer);
        }
        line(&mut table, page, cells);
    }
    insta::assert_snapshot!(table, @r"
    page                                                     stranger  member    admin elsewhere  operator  administrator
    /settings/applications                                   sign in   shown     shown            shown     shown
    /settings/applications/{ada's grant}                     sign in   not here  not here         not here  shown
    /settings/applications/{bob's grant}                     sign in   shown     not here         not here  not here
    /settings/sessions                                       sign in   shown     shown            shown     shown
    /settings/events                                         sign in   shown     shown            shown     shown
    /orgs/acme/applications                                  sign in   not here  not here         not here  shown
    /orgs/acme/applications/{client}                         sign in   not here  not here         not here  shown
    /orgs/acme/applications/{app client}/uninstall           sign in   not here  not here         not here  shown
    /orgs/acme/install                                       sign in   not here  not here         not here  shown
    /orgs/acme/install?app={app client}                      sign in   not here  not here         not here  shown
    /orgs/acme/keys                                          sign in   not here  not here         not here  shown
    /orgs/acme/apps                                          sign in   not here  not here         not here  shown
    /orgs/acme/apps/new                                      sign in   not here  not here         not here  shown
    /orgs/acme/apps/import                                   sign in   not here  not here         not here  shown
    /orgs/acme/apps/{app}                                    sign in   not here  not here         not here  shown
    /orgs/acme/apps/{app}/edit                               sign in   not here  not here         not here  shown
    /orgs/acme/apps/{app}/publish                            sign in   not here  not here         not here  shown
    /orgs/acme/apps/{app}/delete                             sign in   not here  not here         not here  shown
    /orgs/acme/apps/{app}/test                               sign in   not here  not here         not here  shown
    /orgs/acme/apps/{app}/test/callback                      sign in   not here  not here         not here  misplaced
    /orgs/acme/apps/{app}/manifest.json                      sign in   not here  not here         not here  shown
    /orgs/acme/members                                       sign in   not here  not here         not here  shown
    /orgs/acme/machines                                      sign in   not here  not here         not here  shown
    /orgs/acme/machines/new                                  sign in   not here  not here         not here  shown
    /orgs/acme/machines/{machine}                            sign in   not here  not here         not here  shown
    /orgs/acme/machines/{client}                             sign in   not here  not here         not here  not here
    /orgs/acme/machines/{machine}/scopes                     sign in   not here  not here         not here  shown
    /orgs/acme/review                                        sign in   not here  not here         not here  shown
    /orgs/acme/review.csv                                    sign in   not here  not here         not here  shown
    /orgs/acme/review.json                                   sign in   not here  not here         not here  shown
    /orgs/acme/audit                                         sign in   not here  not here         not here  shown
    /orgs/acme/audit/{record}                                sign in   not here  not here         not here  shown
    /orgs/acme/audit.csv                                     sign in   not here  not here         not here  shown
    /orgs/acme/audit.ndjson                                  sign in   not here  not here         not here  shown
    ");
}

/// What an app's form sends.
const DEFINITION: &str = "name=Changed&redirect_uris=https%3A%2F%2Facme.test%2Fcb&scopes=metrics%3Aread&kind=public";
const EDIT: &str = "revision={revision}&name=Changed&redirect_uris=https%3A%2F%2Facme.test%2Fcb&scopes=metrics%3Aread";
const MANIFEST: &str = "manifest=%7B%22manifest_version%22%3A1%2C%22app_uuid%22%3A%220190f5fe-7c00-7a00-8000-000000000001%22%2C\
    %22name%22%3A%22Imported%22%2C%22client%22%3A%7B%22kind%22%3A%22public%22%7D%7D";

const FORMS: [(&str, &str); 39] = [
    ("/orgs/acme/applications", "save-new-clients=1&new-clients=open"),
    ("/orgs/acme/applications", "block-{client}=1"),
    ("/orgs/acme/applications/{client}", "allow=1"),
    ("/orgs/acme/applications/{client}", "block=1"),
    ("/orgs/acme/applications/{client}", "restrict=1&scope=metrics:read"),
    ("/orgs/acme/applications/{client}", "unrestrict=1"),
    ("/orgs/acme/applications/{client}", "revoke-{bob's grant}=1"),
    ("/orgs/acme/applications/{client}", "revoke-all=1"),
    ("/orgs/acme/applications/{app client}", "install=1"),
    ("/orgs/acme/applications/{app client}", "disable-{key}=1"),
    ("/orgs/acme/applications/{app client}/uninstall", "uninstall=1"),
    ("/orgs/acme/install", "install=1&app={app client}"),
    ("/orgs/acme/apps/new", DEFINITION),
    ("/orgs/acme/apps/import", MANIFEST),
    ("/orgs/acme/apps/{app}/edit", EDIT),
    ("/orgs/acme/apps/{app}/publish", "revision={revision}&publish=1"),
    ("/orgs/acme/apps/{app}/delete", "delete=1"),
    ("/orgs/acme/apps/{app}", "request-scope=1&private_scope=api_keys:write&private_reason=x"),
    ("/orgs/acme/apps/{app}", "disable=1"),
    ("/orgs/acme/apps/{app}/test", "begin=draft"),
    ("/orgs/acme/members", "invite=1&email=x@acme.test"),
    ("/orgs/acme/members", "save-roles=1&user={bob}&role=viewer"),
    ("/orgs/acme/members", "remove=1&user={bob}"),
    ("/orgs/acme/members", "withdraw-{invitation}=1"),
    ("/orgs/acme/members", "add-service=1&service=robot"),
    ("/orgs/acme/members", "deactivate-{bot}=1"),
    ("/orgs/acme/machines/new", "name=Robot&subject={bot}&scopes=metrics:read&save=1"),
    ("/orgs/acme/machines/{machine}", "add-secret=1&lives=2592000"),
    ("/orgs/acme/machines/{machine}", "retire-secret={machine secret}"),
    ("/orgs/acme/machines/{machine}", "switch-off=1"),
    ("/orgs/acme/machines/{machine}", "switch-on=1"),
    ("/orgs/acme/machines/{machine}", "delete=1"),
    ("/orgs/acme/machines/{machine}/scopes", "scopes=metrics:read&save=1"),
    ("/orgs/acme/audit/searches", "save-search=1&name=x&query=tool%3Dy"),
    ("/settings/applications", "grant_id={ada's grant}"),
    ("/settings/applications/{ada's grant}", "narrow=1"),
    ("/settings/applications/{ada's grant}", "limit=1&until=2026-01-01"),
    ("/settings/sessions", "end-0000000000000000=1"),
    ("/settings/sessions", "end-others=1"),
];

/// Each form in a world of its own: what one did is not what the next one finds.
#[tokio::test]
async fn every_form_for_everybody() {
    let mut table = String::new();
    line(&mut table, "form", WHO);
    for (page, form) in FORMS {
        let mut cells = [""; 5];
        for (n, who) in WHO.iter().enumerate() {
            let acme = Acme::new().await;
            let (world, browser) = (&acme.world, acme.browser(n).await);
            let fields = format!("csrf={}&{}", browser.csrf, acme.path(form));
            let answer = world.post(&browser, &acme.path(page), &fields, &[("sec-fetch-site", "same-origin")]).await;
            if OUTSIDE.contains(&n) {
                acme.assert_clean(page, who, &answer);
            }
            cells[n] = cell(&answer);
        }
        line(&mut table, &format!("{page} {}", form.split('=').next().unwrap_or_default()), cells);
    }
    insta::assert_snapshot!(table, @r"
    form                                                     stranger  member    admin elsewhere  operator  administrator
    /orgs/acme/applications save-new-clients                 sign in   not here  not here         not here  done
    /orgs/acme/applications block-{client}                   sign in   not here  not here         not here  done
    /orgs/acme/applications/{client} allow                   sign in   not here  not here         not here  done
    /orgs/acme/applications/{client} block                   sign in   not here  not here         not here  done
    /orgs/acme/applications/{client} restrict                sign in   not here  not here         not here  done
    /orgs/acme/applications/{client} unrestrict              sign in   not here  not here         not here  done
    /orgs/acme/applications/{client} revoke-{bob's grant}    sign in   not here  not here         not here  done
    /orgs/acme/applications/{client} revoke-all              sign in   not here  not here         not here  done
    /orgs/acme/applications/{app client} install             sign in   not here  not here         not here  done
    /orgs/acme/applications/{app client} disable-{key}       sign in   not here  not here         not here  done
    /orgs/acme/applications/{app client}/uninstall uninstall sign in   not here  not here         not here  shown
    /orgs/acme/install install                               sign in   not here  not here         not here  done
    /orgs/acme/apps/new name                                 sign in   not here  not here         not here  shown
    /orgs/acme/apps/import manifest                          sign in   not here  not here         not here  shown
    /orgs/acme/apps/{app}/edit revision                      sign in   not here  not here         not here  done
    /orgs/acme/apps/{app}/publish revision                   sign in   not here  not here         not here  said why
    /orgs/acme/apps/{app}/delete delete                      sign in   not here  not here         not here  done
    /orgs/acme/apps/{app} request-scope                      sign in   not here  not here         not here  shown
    /orgs/acme/apps/{app} disable                            sign in   not here  not here         not here  shown
    /orgs/acme/apps/{app}/test begin                         sign in   not here  not here         not here  done
    /orgs/acme/members invite                                sign in   not here  not here         not here  shown
    /orgs/acme/members save-roles                            sign in   not here  not here         not here  done
    /orgs/acme/members remove                                sign in   not here  not here         not here  done
    /orgs/acme/members withdraw-{invitation}                 sign in   not here  not here         not here  done
    /orgs/acme/members add-service                           sign in   not here  not here         not here  done
    /orgs/acme/members deactivate-{bot}                      sign in   not here  not here         not here  done
    /orgs/acme/machines/new name                             sign in   not here  not here         not here  shown
    /orgs/acme/machines/{machine} add-secret                 sign in   not here  not here         not here  shown
    /orgs/acme/machines/{machine} retire-secret              sign in   not here  not here         not here  said why
    /orgs/acme/machines/{machine} switch-off                 sign in   not here  not here         not here  done
    /orgs/acme/machines/{machine} switch-on                  sign in   not here  not here         not here  done
    /orgs/acme/machines/{machine} delete                     sign in   not here  not here         not here  done
    /orgs/acme/machines/{machine}/scopes scopes              sign in   not here  not here         not here  done
    /orgs/acme/audit/searches save-search                    sign in   not here  not here         not here  done
    /settings/applications grant_id                          sign in   not here  not here         not here  done
    /settings/applications/{ada's grant} narrow              sign in   not here  not here         not here  said why
    /settings/applications/{ada's grant} limit               sign in   not here  not here         not here  said why
    /settings/sessions end-0000000000000000                  sign in   not here  not here         not here  not here
    /settings/sessions end-others                            sign in   done      done             done      done
    ");
}

/// Forms that take something away: the page, what is sent before, and what is sent.
const TAKING: [(&str, &str, &str); 21] = [
    ("/orgs/acme/applications", "", "save-surely=1&new-clients=approval"),
    ("/orgs/acme/applications", "", "block-{client}=1"),
    ("/orgs/acme/applications/{client}", "", "block=1"),
    ("/orgs/acme/applications/{client}", "", "restrict-surely=1"),
    ("/orgs/acme/applications/{client}", "", "revoke-{bob's grant}=1"),
    ("/orgs/acme/applications/{client}", "", "revoke-all=1"),
    ("/orgs/acme/applications/{app client}", "", "disable-{key}=1"),
    ("/orgs/acme/applications/{app client}/uninstall", "", "uninstall=1"),
    ("/orgs/acme/apps/{app}/edit", "", "name=Changed&redirect_uris=https%3A%2F%2Facme.test%2Fother"),
    ("/orgs/acme/apps/{app}/delete", "", "delete=1"),
    ("/orgs/acme/apps/{app}", "", "disable=1"),
    ("/orgs/acme/members", "", "save-roles=1&user={bob}"),
    ("/orgs/acme/members", "", "remove=1&user={bob}"),
    ("/orgs/acme/members", "", "deactivate-{bot}=1"),
    ("/orgs/acme/machines/{machine}", "add-secret=1&lives=2592000", "retire-secret={machine secret}"),
    ("/orgs/acme/machines/{machine}", "", "switch-off=1"),
    ("/orgs/acme/machines/{machine}", "", "delete=1"),
    ("/orgs/acme/machines/{machine}/scopes", "", "scopes=members%3Aread&save=1"),
    ("/settings/applications", "", "grant_id={ada's grant}"),
    ("/settings/applications/{ada's grant}", "", "revoke-{ada's grant}=1"),
    ("/settings/applications/{ada's grant}", "", "limit=1&until=2026-12-24"),
];

/// Pages whose forms take nothing of what nodes remember: they make something, or what they end is looked up in the store by every
/// request (browsers, searches). A later version of an app, and a test, have tests of their own.
const TAKING_NOTHING: [&str; 8] = [
    "/orgs/acme/apps/import",
    "/orgs/acme/apps/new",
    "/orgs/acme/apps/{app}/publish",
    "/orgs/acme/apps/{app}/test",
    "/orgs/acme/audit/searches",
    "/orgs/acme/install",
    "/orgs/acme/machines/new",
    "/settings/sessions",
];

#[test]
fn every_form_is_known_to_take_something_away_or_not() {
    let sorted = |mut pages: Vec<&'static str>| {
        pages.sort_unstable();
        pages.dedup();
        pages
    };
    let told = TAKING.iter().map(|(page, ..)| *page).chain(TAKING_NOTHING).collect();
    assert_eq!(sorted(told), sorted(FORMS.iter().map(|(page, _)| *page).collect()));
}

#[tokio::test]
async fn what_a_form_takes_away_is_gone_everywhere_when_it_is_answered_at_the_second_press_too() {
    for (page, before, form) in TAKING {
        let acme = Acme::new().await;
        let (world, ada) = (&acme.world, acme.browser(4).await);
        let post = async |form: &str| world.submit(&ada, &acme.path(page), &acme.path(form)).await;
        if !before.is_empty() {
            let answer = post(before).await;
            assert_eq!(answer.status, StatusCode::OK, "{page} {before}: {}", answer.body);
        }
        let settled = world.settled();
        let first = post(form).await;
        assert!(first.status.is_success() || first.status == StatusCode::SEE_OTHER, "{page} {form}: {}", first.body);
        assert!(world.settled() > settled, "{page} {form}: other nodes may serve from before it");
        let settled = world.settled();
        let second = post(form).await;
        let waited = world.settled() - settled;
        assert!(waited > 0, "{page} {form} once more ({}): the first may not be over", second.status);
        assert!(waited == 1 || !form.contains("secret"), "{page} {form} once more ({}): waited {waited} times", second.status);
    }
}

#[tokio::test]
async fn what_is_no_longer_ticked_is_gone_everywhere_when_the_page_says_so_at_the_second_press_too() {
    let world = World::new().await;
    let client = world.client("CLI").await;
    let grant = world.consent(&world.ada, &world.acme, &client, "metrics:read members:read").await;
    let (ada, path) = (world.sign_in(&world.ada).await, format!("/settings/applications/{}", grant.id));
    for (press, told) in [("the first", "?done=narrowed"), ("the second", "")] {
        let settled = world.settled();
        let answer = world.submit(&ada, &path, "narrow=1&keep=metrics%3Aread").await;
        let location = answer.headers.get("location").and_then(|to| to.to_str().ok()).unwrap_or_default();
        assert!(location.ends_with(told), "{press}: {location}");
        assert!(world.settled() > settled, "{press}");
    }
}
