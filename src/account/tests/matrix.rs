//! Every page and every form × everybody who could try: what one organization has, nobody else is shown.

use std::fmt::Write as _;

use http::StatusCode;

use super::world::{Answer, Browser, START, World, call};
use crate::record::Decision;

/// Who tries, in the order of the columns.
const WHO: [&str; 4] = ["stranger", "member", "admin elsewhere", "administrator"];

fn cell(answer: &Answer) -> &'static str {
    match answer.status {
        StatusCode::OK => "shown",
        StatusCode::SEE_OTHER if answer.headers["location"].to_str().is_ok_and(|to| to.starts_with("/login")) => "sign in",
        StatusCode::SEE_OTHER => "done",
        StatusCode::NOT_FOUND => "not here",
        StatusCode::FORBIDDEN => "forged",
        StatusCode::UNPROCESSABLE_ENTITY => "said why",
        other => panic!("{other}: {}", answer.body),
    }
}

fn line(table: &mut String, what: &str, cells: [&str; 4]) {
    let [stranger, member, elsewhere, administrator] = cells;
    let row = format!("{what:52} {stranger:9} {member:9} {elsewhere:16} {administrator}");
    let _ = writeln!(table, "{}", row.trim_end());
}

/// What is acme's alone, by the names that stand in the table's addresses.
struct Acme {
    world: World,
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
        world.consent(&world.bob, &world.acme, &own, "metrics:read").await;
        let record = call(&bobs, &client, START, Decision::Allowed);
        world.happened(std::slice::from_ref(&record)).await;
        let (ada, bob) = (world.ada.email.clone(), world.bob.email.clone());
        let words = [
            "Acme secret CLI",
            "Acme app of its own",
            "The acme company",
            &ada,
            &bob,
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
        ];
        let words = words.map(ToOwned::to_owned).to_vec();
        Self { world, secrets, words }
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

const PAGES: [&str; 23] = [
    "/settings/applications",
    "/settings/applications/{ada's grant}",
    "/settings/applications/{bob's grant}",
    "/settings/sessions",
    "/orgs/acme/applications",
    "/orgs/acme/applications/{client}",
    "/orgs/acme/applications/{app client}/uninstall",
    "/orgs/acme/install",
    "/orgs/acme/install?app={app client}",
    "/orgs/acme/keys",
    "/orgs/acme/apps",
    "/orgs/acme/apps/{app}",
    "/orgs/acme/apps/{app}/edit",
    "/orgs/acme/apps/{app}/publish",
    "/orgs/acme/apps/{app}/test",
    "/orgs/acme/members",
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
    let browsers = [
        None,
        Some(world.sign_in(&world.bob).await),
        Some(world.sign_in(&world.eve).await),
        Some(world.sign_in(&world.ada).await),
    ];
    let mut table = String::new();
    line(&mut table, "page", WHO);
    for page in PAGES {
        let mut cells = [""; 4];
        for (n, browser) in browsers.iter().enumerate() {
            let answer = world.get(browser.as_ref(), &acme.path(page)).await;
            if n == 0 || n == 2 {
                acme.assert_clean(page, WHO[n], &answer);
            }
            cells[n] = cell(&answer);
        }
        line(&mut table, page, cells);
    }
    insta::assert_snapshot!(table, @r"
    page                                                 stranger  member    admin elsewhere  administrator
    /settings/applications                               sign in   shown     shown            shown
    /settings/applications/{ada's grant}                 sign in   not here  not here         shown
    /settings/applications/{bob's grant}                 sign in   shown     not here         not here
    /settings/sessions                                   sign in   shown     shown            shown
    /orgs/acme/applications                              sign in   not here  not here         shown
    /orgs/acme/applications/{client}                     sign in   not here  not here         shown
    /orgs/acme/applications/{app client}/uninstall       sign in   not here  not here         shown
    /orgs/acme/install                                   sign in   not here  not here         shown
    /orgs/acme/install?app={app client}                  sign in   not here  not here         shown
    /orgs/acme/keys                                      sign in   not here  not here         shown
    /orgs/acme/apps                                      sign in   not here  not here         shown
    /orgs/acme/apps/{app}                                sign in   not here  not here         shown
    /orgs/acme/apps/{app}/edit                           sign in   not here  not here         shown
    /orgs/acme/apps/{app}/publish                        sign in   not here  not here         shown
    /orgs/acme/apps/{app}/test                           sign in   not here  not here         shown
    /orgs/acme/members                                   sign in   not here  not here         shown
    /orgs/acme/review                                    sign in   not here  not here         shown
    /orgs/acme/review.csv                                sign in   not here  not here         shown
    /orgs/acme/review.json                               sign in   not here  not here         shown
    /orgs/acme/audit                                     sign in   not here  not here         shown
    /orgs/acme/audit/{record}                            sign in   not here  not here         shown
    /orgs/acme/audit.csv                                 sign in   not here  not here         shown
    /orgs/acme/audit.ndjson                              sign in   not here  not here         shown
    ");
}

const FORMS: [(&str, &str); 20] = [
    ("/orgs/acme/applications", "save-new-clients=1&new-clients=open"),
    ("/orgs/acme/applications", "block-{client}=1"),
    ("/orgs/acme/applications/{client}", "allow=1"),
    ("/orgs/acme/applications/{client}", "restrict=1&scope=metrics:read"),
    ("/orgs/acme/applications/{client}", "revoke-{bob's grant}=1"),
    ("/orgs/acme/applications/{client}", "revoke-all=1"),
    ("/orgs/acme/applications/{app client}", "install=1"),
    ("/orgs/acme/applications/{app client}/uninstall", "uninstall=1"),
    ("/orgs/acme/install", "install=1&app={app client}"),
    ("/orgs/acme/apps/{app}", "request-scope=1&private_scope=api_keys:write&private_reason=x"),
    ("/orgs/acme/apps/{app}", "disable=1"),
    ("/orgs/acme/apps/{app}/test", "begin=draft"),
    ("/orgs/acme/members", "invite=1&email=x@acme.test"),
    ("/orgs/acme/members", "add-service=1&service=bot"),
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
        let mut cells = [""; 4];
        for (n, who) in WHO.iter().enumerate() {
            let acme = Acme::new().await;
            let world = &acme.world;
            let ada = world.sign_in(&world.ada).await;
            let browser = match n {
                0 => Browser::nobody(),
                1 => world.sign_in(&world.bob).await,
                2 => world.sign_in(&world.eve).await,
                _ => ada,
            };
            let fields = format!("csrf={}&{}", browser.csrf, acme.path(form));
            let answer = world.post(&browser, &acme.path(page), &fields, &[("sec-fetch-site", "same-origin")]).await;
            if n == 0 || n == 2 {
                acme.assert_clean(page, who, &answer);
            }
            cells[n] = cell(&answer);
        }
        line(&mut table, &format!("{page} {}", form.split('=').next().unwrap_or_default()), cells);
    }
    insta::assert_snapshot!(table, @r"
    form                                                 stranger  member    admin elsewhere  administrator
    /orgs/acme/applications save-new-clients             sign in   not here  not here         done
    /orgs/acme/applications block-{client}               sign in   not here  not here         done
    /orgs/acme/applications/{client} allow               sign in   not here  not here         done
    /orgs/acme/applications/{client} restrict            sign in   not here  not here         done
    /orgs/acme/applications/{client} revoke-{bob's grant} sign in   not here  not here         done
    /orgs/acme/applications/{client} revoke-all          sign in   not here  not here         done
    /orgs/acme/applications/{app client} install         sign in   not here  not here         done
    /orgs/acme/applications/{app client}/uninstall uninstall sign in   not here  not here         shown
    /orgs/acme/install install                           sign in   not here  not here         done
    /orgs/acme/apps/{app} request-scope                  sign in   not here  not here         shown
    /orgs/acme/apps/{app} disable                        sign in   not here  not here         shown
    /orgs/acme/apps/{app}/test begin                     sign in   not here  not here         done
    /orgs/acme/members invite                            sign in   not here  not here         shown
    /orgs/acme/members add-service                       sign in   not here  not here         done
    /orgs/acme/audit/searches save-search                sign in   not here  not here         done
    /settings/applications grant_id                      sign in   not here  not here         done
    /settings/applications/{ada's grant} narrow          sign in   not here  not here         said why
    /settings/applications/{ada's grant} limit           sign in   not here  not here         said why
    /settings/sessions end-0000000000000000              sign in   not here  not here         not here
    /settings/sessions end-others                        sign in   done      done             done
    ");
}
