//! Every page and form of signing in and consenting × everybody who could try: what one organization has, nobody else is shown,
//! and nobody says yes for an organization that they are not in.

use std::fmt::Write as _;
use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use super::rig::{Answer, Browser, PASSWORD, Rig, person};
use crate::store::{Bounds, Invitation, UserKind};
use crate::types::{InvitationId, PlainToken, TokenKind};

/// Who tries, in the order of the columns: nobody, Ada of Acme and Beta, Bob of Beta alone, and Oona, who looks after the gateway and
/// belongs to no organization.
const WHO: [&str; 4] = ["stranger", "member", "elsewhere", "operator"];
const MEMBER: usize = 1;

/// A gateway where Acme has a client of its own, an open invitation, and somebody's device waits.
struct Acme {
    rig: Rig,
    places: Vec<(&'static str, String)>,
}

impl Acme {
    async fn new() -> Self {
        let rig = Rig::new().await;
        let oona = person(&rig.node, "oona@gateway.test", UserKind::Person, false).await;
        assert!(rig.node.store.add_operator(&oona.id, &rig.cause()).await.expect("an answer"));
        let (own, _) = rig.made(|client| client.name = "Acme's own".to_owned()).await;
        let known = rig.registered().await;
        let (requests, code) = (requests(&rig, own.id.as_str(), &known).await, waiting(&rig).await);
        let link = invited(&rig).await;
        let places = vec![
            ("{own request}", requests.0),
            ("{request}", requests.1),
            ("{code}", code),
            ("{link}", link),
            ("{acme}", rig.acme.id.to_string()),
        ];
        Self { rig, places }
    }

    fn at(&self, text: &str) -> String {
        self.places.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }

    /// The browser of the `n`th who tries.
    async fn browser(&self, n: usize) -> Browser<'_> {
        let mut browser = Browser::new(&self.rig);
        if let Some(email) = [None, Some("ada@acme.test"), Some("bob@beta.test"), Some("oona@gateway.test")][n] {
            browser.sign_in(email, PASSWORD).await;
        }
        browser
    }

    /// Nothing of Acme's stands in what somebody outside of it was sent. Who holds the link of an invitation was invited.
    fn assert_clean(&self, place: &str, who: usize, answer: &Answer) {
        let invited = ["acme Inc"];
        let words = ["Acme&#39;s own", "Acme's own", "acme Inc", "ada@acme.test", self.rig.acme.id.as_str()];
        for word in words.into_iter().filter(|word| !(place.contains("{link}") && invited.contains(word))) {
            assert!(!answer.body.contains(word), "{} sees {word:?} on {place}: {}", WHO[who], answer.body);
        }
    }
}

/// What Ada's browser asked for: by Acme's own client, and by one that anybody may authorize.
async fn requests(rig: &Rig, own: &str, known: &str) -> (String, String) {
    let mut browser = Browser::new(rig);
    browser.sign_in("ada@acme.test", PASSWORD).await;
    let (first, _) = browser.consent_page(own, &[("scope", "logs:read")]).await;
    let (second, _) = browser.consent_page(known, &[("scope", "logs:read")]).await;
    let id = |at: String| at.split_once('=').map(|(_, id)| id.to_owned()).expect("a request");
    (id(first), id(second))
}

/// The code that a device shows.
async fn waiting(rig: &Rig) -> String {
    let grant = "urn:ietf:params:oauth:grant-type:device_code";
    let body = json!({"client_name": "Terraform", "grant_types": [grant], "token_endpoint_auth_method": "none"});
    let client = rig.json("/oauth2/register", &body.to_string()).await.json()["client_id"].as_str().expect("an id").to_owned();
    let answer = rig.form("/oauth2/device_authorization", None, &[("client_id", &client), ("scope", "logs:read")]).await;
    answer.json()["user_code"].as_str().expect("a code").to_owned()
}

/// The secret of an invitation into Acme.
async fn invited(rig: &Rig) -> String {
    let now = rig.node.now();
    let secret = PlainToken::generate(TokenKind::Invitation, &*rig.node.entropy);
    let invitation = Invitation {
        id: InvitationId::generate(now, &*rig.node.entropy),
        org: rig.acme.id.clone(),
        email: "grace@elsewhere.test".to_owned(),
        roles: Vec::new(),
        invited_by: None,
        created_at: now,
        expires_at: now.plus(Duration::from_hours(24)),
    };
    let bounds = Bounds { administrators: &[], changer: None };
    assert!(rig.node.store.invite(&invitation, &secret.hashed(), &bounds, &rig.cause()).await.expect("done"));
    secret.expose().to_owned()
}

fn cell(answer: &Answer) -> &'static str {
    match answer.status {
        StatusCode::OK => "shown",
        StatusCode::SEE_OTHER if answer.location().starts_with("/login") => "sign in",
        StatusCode::SEE_OTHER if answer.sent("code").is_some() => "code",
        StatusCode::SEE_OTHER => "done",
        StatusCode::NOT_FOUND => "not here",
        StatusCode::FORBIDDEN => "forbidden",
        StatusCode::BAD_REQUEST => "gone",
        StatusCode::UNPROCESSABLE_ENTITY => "said why",
        other => panic!("{other}: {}", answer.body),
    }
}

fn line(table: &mut String, what: &str, cells: [&str; 4]) {
    let [stranger, member, elsewhere, operator] = cells;
    let row = format!("{what:52} {stranger:9} {member:9} {elsewhere:9} {operator}");
    let _ = writeln!(table, "{}", row.trim_end());
}

const PAGES: [&str; 10] = [
    "/",
    "/login",
    "/password",
    "/device",
    "/device?user_code={code}",
    "/consent?request={own request}",
    "/consent?request={request}",
    "/consent?request=req_nobody",
    "/invitations/{link}",
    "/invitations/nobody",
];

const FORMS: [(&str, &str); 9] = [
    ("/consent?request={own request}", "org={acme}&approve=1"),
    ("/consent?request={request}", "org={acme}&approve=1"),
    ("/consent?request={request}", "org={acme}&deny=1"),
    ("/device", "user_code={code}&continue=1"),
    ("/device", "user_code={code}&org={acme}&approve=1"),
    ("/password", "current-password=a+long+enough+password&new-password=three+plain+words"),
    ("/invitations/{link}", "accept=1"),
    ("/invitations/nobody", "accept=1"),
    ("/logout", ""),
];

#[test]
fn the_browser_is_told_of_every_page() {
    let ours = super::super::pages::ROUTES.iter().map(|(path, _)| *path).collect();
    assert_eq!(crate::pages::visited(&[], &["/settings", "/orgs", "/operator"]), ours);
}

#[tokio::test]
async fn every_page_for_everybody() {
    let acme = Acme::new().await;
    let mut table = String::new();
    line(&mut table, "page", WHO);
    for page in PAGES {
        let mut cells = [""; 4];
        for (n, cell_of) in cells.iter_mut().enumerate() {
            let answer = acme.browser(n).await.get(&acme.at(page)).await;
            if n != MEMBER {
                acme.assert_clean(page, n, &answer);
            }
            *cell_of = cell(&answer);
        }
        line(&mut table, page, cells);
    }
    insta::assert_snapshot!(table, @r"
    page                                                 stranger  member    elsewhere operator
    /                                                    shown     shown     shown     shown
    /login                                               shown     done      done      done
    /password                                            sign in   shown     shown     shown
    /device                                              sign in   shown     shown     shown
    /device?user_code={code}                             sign in   shown     shown     shown
    /consent?request={own request}                       sign in   shown     forbidden forbidden
    /consent?request={request}                           sign in   shown     shown     forbidden
    /consent?request=req_nobody                          sign in   gone      gone      gone
    /invitations/{link}                                  shown     shown     shown     shown
    /invitations/nobody                                  not here  not here  not here  not here
    ");
}

/// Each form in a world of its own, with the token that every form of its session carries.
#[tokio::test]
async fn every_form_for_everybody() {
    let mut table = String::new();
    line(&mut table, "form", WHO);
    for (page, form) in FORMS {
        let mut cells = [""; 4];
        for (n, cell_of) in cells.iter_mut().enumerate() {
            let acme = Acme::new().await;
            let mut browser = acme.browser(n).await;
            let shown = browser.get(if page == "/device" { page } else { "/password" }).await;
            let csrf = shown.body.split_once("name=\"csrf\" value=\"").and_then(|(_, rest)| rest.split_once('"'));
            let csrf = csrf.map(|(value, _)| value.to_owned()).unwrap_or_default();
            let fields = format!("csrf={csrf}&{}", acme.at(form));
            let fields: Vec<_> = url::form_urlencoded::parse(fields.as_bytes()).collect();
            let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
            let answer = browser.post(&acme.at(page), &fields).await;
            if n != MEMBER {
                acme.assert_clean(page, n, &answer);
                let given = acme.rig.node.store.grants_of_org(&acme.rig.acme.id).await.expect("grants");
                assert!(given.is_empty(), "{} gave {page} something of acme's", WHO[n]);
            }
            *cell_of = cell(&answer);
        }
        line(&mut table, &format!("{page} {}", form.rsplit('&').next().unwrap_or_default()), cells);
    }
    insta::assert_snapshot!(table, @r"
    form                                                 stranger  member    elsewhere operator
    /consent?request={own request} approve=1             sign in   code      forbidden forbidden
    /consent?request={request} approve=1                 sign in   code      said why  forbidden
    /consent?request={request} deny=1                    sign in   done      done      forbidden
    /device continue=1                                   sign in   shown     shown     forbidden
    /device approve=1                                    sign in   shown     said why  forbidden
    /password new-password=three+plain+words             sign in   done      done      done
    /invitations/{link} accept=1                         said why  shown     shown     shown
    /invitations/nobody accept=1                         not here  not here  not here  not here
    /logout                                              done      done      done      done
    ");
}
