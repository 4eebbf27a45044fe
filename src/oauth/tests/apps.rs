//! Draft and published clients of apps.

use http::StatusCode;
use serde_json::json;

use super::rig::{Browser, CALLBACK, PASSWORD, Rig, pair_of};
use crate::apps::{Author, Imported, Made, NewSecret, Release, Workshop, Written};
use crate::store::{App, AppState, ClientAuth, ClientKind, Maturity, Stage};
use crate::types::ScopeSet;

fn written(scopes: &[&str]) -> Written {
    Written {
        name: "Acme Sync".to_owned(),
        description: "Copies logs.".to_owned(),
        documentation_url: "https://acme.test/docs".to_owned(),
        uninstall_instructions: "Press Uninstall.".to_owned(),
        onboarding_url: "https://acme.test/start".to_owned(),
        redirect_uris: vec![CALLBACK.to_owned()],
        scopes: scopes.iter().map(|s| (*s).to_owned()).collect(),
        access_token_ttl: None,
        require_state: false,
    }
}

fn bench(rig: &Rig) -> Workshop<'_> {
    Workshop::new(&rig.node, Author::Operator, rig.cause())
}

async fn made(rig: &Rig, scopes: &[&str]) -> App {
    let Made { app, secret } = bench(rig).create(&rig.acme, ClientKind::Public, &written(scopes)).await.expect("an app");
    assert!(secret.is_none(), "a public client has no secret");
    app
}

async fn read(rig: &Rig, app: &App) -> App {
    rig.node.store.app(&app.id).await.expect("an answer").expect("the app is there")
}

async fn publish(rig: &Rig, app: &App, scopes: &[&str]) -> Release {
    let app = read(rig, app).await;
    let app = bench(rig).edit(&app, app.revision, &written(scopes)).await.expect("changed");
    let app = bench(rig).mark(&app, Maturity::Stable).await.expect("marked");
    bench(rig).publish(&app, Some(app.uuid.as_str())).await.expect("published")
}

#[tokio::test]
async fn a_draft_is_for_members_of_the_organization_that_makes_it() {
    let rig = Rig::new().await;
    let app = made(&rig, &["logs:read", "metrics:read"]).await;
    let draft = app.draft_client.to_string();
    let mut ada = Browser::new(&rig);
    ada.sign_in("ada@acme.test", PASSWORD).await;
    let (at, page) = ada.consent_page(&draft, &[]).await;
    assert!(page.body.contains("Draft of acme Inc") && !page.body.contains("beta Inc"), "{}", page.body);
    assert!(page.body.contains("metrics:read"), "all that it declared is asked for: {}", page.body);
    let back = ada.approve(&at, &page).await;
    let (access, _) = pair_of(&rig.exchange(&draft, &back.sent("code").expect("a code")).await);
    assert!(rig.works(&access).await);

    // Bob belongs to another organization: he reads why, and is sent nowhere.
    let mut bob = Browser::new(&rig);
    bob.sign_in("bob@beta.test", PASSWORD).await;
    let start = bob.get(&format!("/oauth2/authorize?{}", Rig::query(&draft, &[]))).await;
    let page = bob.get(start.location()).await;
    assert_eq!((page.status, page.location()), (StatusCode::FORBIDDEN, ""));
    assert!(page.body.contains("only members of the organization that owns it"), "{}", page.body);
}

#[tokio::test]
async fn a_published_client_is_for_everybody_and_has_grants_of_its_own() {
    let rig = Rig::new().await;
    let app = made(&rig, &["logs:read"]).await;
    let (draft, _) = rig.pair(app.draft_client.as_str(), &[]).await;
    let release = publish(&rig, &app, &["logs:read"]).await;
    let client = release.client.to_string();
    assert_ne!(client, app.draft_client.to_string());
    let mut bob = Browser::new(&rig);
    bob.sign_in("bob@beta.test", PASSWORD).await;
    let (at, page) = bob.consent_page(&client, &[]).await;
    assert!(page.body.contains("Published by acme Inc") && page.body.contains("beta Inc"), "{}", page.body);
    let (csrf, org) = (page.csrf("/consent"), rig.beta.id.to_string());
    let back = bob.post(&at, &[("csrf", &csrf), ("org", &org), ("approve", "1")]).await;
    let (access, _) = pair_of(&rig.exchange(&client, &back.sent("code").expect("a code")).await);
    assert!(rig.works(&access).await);
    assert!(rig.works(&draft).await, "the draft's grants are another matter");
    let granted = rig.node.store.grants_of_org(&rig.acme.id).await.expect("grants");
    assert!(granted.iter().all(|f| f.grant.client != release.client), "no grant was carried over");
}

#[tokio::test]
async fn credentials_of_a_draft_are_for_trying_it_and_stay_so() {
    let rig = Rig::new().await;
    let Made { app, secret } =
        bench(&rig).create(&rig.acme, ClientKind::Confidential, &written(&["logs:read"])).await.expect("an app");
    let release = publish(&rig, &app, &["logs:read"]).await;
    let (draft, published) = (app.draft_client.to_string(), release.client.to_string());
    let (of_draft, of_published) = (secret.expect("a secret"), release.secret.expect("another secret"));
    let asked = async |id: &str, secret: &crate::types::PlainToken| {
        let fields =
            [("grant_type", "refresh_token"), ("refresh_token", "x"), ("client_id", id), ("client_secret", secret.expose())];
        rig.form("/oauth2/token", None, &fields).await.error()
    };
    for (id, own, other) in [(&draft, &of_draft, &of_published), (&published, &of_published, &of_draft)] {
        assert_eq!((asked(id, own).await.as_str(), asked(id, other).await.as_str()), ("invalid_grant", "invalid_client"));
    }
    // Published or not, the draft stays for those who make it: not even a form that was never shown authorizes it.
    let mut bob = Browser::new(&rig);
    bob.sign_in("bob@beta.test", PASSWORD).await;
    let (_, open) = bob.consent_page(&published, &[]).await;
    let (csrf, beta, acme) = (open.csrf("/consent"), rig.beta.id.to_string(), rig.acme.id.to_string());
    let (at, page) = bob.consent_page(&draft, &[]).await;
    assert_eq!((page.status, page.location()), (StatusCode::FORBIDDEN, ""), "{}", page.body);
    for org in [&beta, &acme] {
        let forged = bob.post(&at, &[("csrf", &csrf), ("org", org), ("approve", "1")]).await;
        assert!(forged.status.is_client_error() && forged.location().is_empty(), "{} {}", forged.status, forged.location());
    }
    let granted = rig.node.store.grants_of_user(&rig.bob.id, rig.node.now()).await.expect("grants");
    assert!(granted.is_empty(), "{granted:?}");
}

#[tokio::test]
async fn the_last_version_decides_what_may_be_asked_and_what_is_kept() {
    let rig = Rig::new().await;
    let app = made(&rig, &["logs:read", "metrics:read"]).await;
    let client = publish(&rig, &app, &["logs:read", "metrics:read"]).await.client.to_string();
    let (access, refresh) = rig.pair(&client, &[]).await;
    let may = async |token: &str| {
        let config = rig.node.config.load_full();
        let principal = rig.node.verifier.principal(token, &config, rig.node.now()).await.expect("a live token");
        config.catalogue.scopes(&principal.effective.now).to_string()
    };
    assert_eq!(may(&access).await, "logs:read metrics:read");
    // A change of the draft alone reaches nobody.
    let seen = read(&rig, &app).await;
    bench(&rig).edit(&seen, seen.revision, &written(&["logs:read"])).await.expect("changed");
    assert_eq!(may(&access).await, "logs:read metrics:read");
    let release = publish(&rig, &app, &["logs:read"]).await;
    assert_eq!((release.version.number, release.narrowed, release.ended), (2, 1, 0));
    assert_eq!(may(&access).await, "logs:read", "a live token narrows at once");
    let mut ada = Browser::new(&rig);
    ada.sign_in("ada@acme.test", PASSWORD).await;
    let asked = ada.get(&format!("/oauth2/authorize?{}", Rig::query(&client, &[("scope", "metrics:read")]))).await;
    assert_eq!(asked.sent("error").as_deref(), Some("invalid_scope"));
    // What a later version adds is asked for at the next authorization, and not before.
    publish(&rig, &app, &["logs:read", "metrics:read"]).await;
    let (renewed, _) = pair_of(&rig.refresh(&client, &refresh, &[]).await);
    assert_eq!(may(&renewed).await, "logs:read");
    let (access, _) = rig.pair(&client, &[]).await;
    assert_eq!(may(&access).await, "logs:read metrics:read");
}

#[tokio::test]
async fn consent_to_another_version_marks_what_is_new() {
    let rig = Rig::new().await;
    let app = made(&rig, &["logs:read", "metrics:read"]).await;
    let client = publish(&rig, &app, &["logs:read", "metrics:read"]).await.client.to_string();
    let mut ada = Browser::new(&rig);
    ada.sign_in("ada@acme.test", PASSWORD).await;
    let (at, page) = ada.consent_page(&client, &[]).await;
    assert!(!page.body.contains("What changes") && !page.body.contains(">New</span>"), "{}", page.body);
    ada.approve(&at, &page).await;
    let (_, page) = ada.consent_page(&client, &[]).await;
    assert!(page.body.contains("It asks for nothing new.") && page.body.contains("in acme Inc"), "{}", page.body);
    assert_eq!(page.body.matches("You allowed this before in acme Inc, not elsewhere").count(), 2, "{}", page.body);
    // One of two is dropped, and another one added.
    publish(&rig, &app, &["alerts:read", "metrics:read"]).await;
    let (at, page) = ada.consent_page(&client, &[]).await;
    let (changes, list) = page.body.split_once("It will be able to").expect("the list");
    assert!(changes.contains("1 permission is new and marked below; the other one is not."), "{changes}");
    assert!(changes.contains("<code>logs:read</code>") && changes.contains("It lost this already"), "{changes}");
    let new = list.split("<li").find(|line| line.contains(">New</span>")).unwrap_or_else(|| panic!("nothing is new: {list}"));
    assert!(new.contains("<code>alerts:read</code>"), "{new}");
    assert_eq!(list.matches(">New</span>").count(), 1, "{list}");
    // What was revoked was never allowed, as far as another consent goes.
    ada.approve(&at, &page).await;
    for facts in rig.node.store.grants_of_user(&rig.ada.id, rig.node.now()).await.expect("grants") {
        rig.node
            .store
            .revoke_grant(&facts.grant.id, None, crate::store::RevokeReason::User, &rig.cause())
            .await
            .expect("revoked");
    }
    let (_, page) = ada.consent_page(&client, &[]).await;
    assert!(!page.body.contains("What changes"), "{}", page.body);
}

#[tokio::test]
async fn what_the_oldest_of_many_grants_allows_is_not_new() {
    let rig = Rig::new().await;
    // One client on many machines: a consent ends none of the others.
    let (client, _) = rig
        .made(|client| {
            (client.org, client.kind, client.auth) = (None, ClientKind::Public, ClientAuth::None);
            client.scopes = Some(ScopeSet::parse("logs:read metrics:read").expect("scopes"));
        })
        .await;
    let client = client.id.to_string();
    let mut ada = Browser::new(&rig);
    ada.sign_in("ada@acme.test", PASSWORD).await;
    let (at, page) = ada.consent_page(&client, &[("scope", "logs:read metrics:read")]).await;
    let (csrf, org) = (page.csrf("/consent"), rig.beta.id.to_string());
    let first = ada.post(&at, &[("csrf", &csrf), ("org", &org), ("approve", "1")]).await;
    assert!(first.sent("code").is_some(), "{} {}", first.status, first.body);
    for _ in 0..8 {
        rig.later(1);
        ada.code(&client, &[("scope", "logs:read")]).await;
    }
    let (_, page) = ada.consent_page(&client, &[("scope", "logs:read metrics:read")]).await;
    assert!(page.body.contains("It asks for nothing new.") && !page.body.contains(">New</span>"), "{}", page.body);
    assert_eq!(page.body.matches("You allowed this before in beta Inc, not elsewhere").count(), 1, "{}", page.body);
    assert!(!page.body.contains("You allowed this before in acme Inc"), "the other one is allowed in both: {}", page.body);
}

#[tokio::test]
async fn a_request_that_waited_for_an_older_version_is_no_longer_open() {
    let rig = Rig::new().await;
    let app = made(&rig, &["logs:read", "metrics:read"]).await;
    let client = publish(&rig, &app, &["logs:read", "metrics:read"]).await.client.to_string();
    let mut ada = Browser::new(&rig);
    ada.sign_in("ada@acme.test", PASSWORD).await;
    let (at, page) = ada.consent_page(&client, &[]).await;
    publish(&rig, &app, &["logs:read"]).await;
    let answer = ada.approve(&at, &page).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::BAD_REQUEST, ""));
    assert!(answer.body.contains("no longer open"), "{}", answer.body);
}

#[tokio::test]
async fn a_disabled_app_is_refused_everywhere_at_once() {
    let rig = Rig::new().await;
    let app = made(&rig, &["logs:read"]).await;
    let client = publish(&rig, &app, &["logs:read"]).await.client.to_string();
    let (access, refresh) = rig.pair(&client, &[]).await;
    let app = read(&rig, &app).await;
    bench(&rig).switch(&app, AppState::Disabled).await.expect("switched");
    assert!(!rig.works(&access).await);
    assert_eq!(rig.refresh(&client, &refresh, &[]).await.error(), "unauthorized_client");
    let page = Browser::new(&rig).get(&format!("/oauth2/authorize?{}", Rig::query(&client, &[]))).await;
    assert!(page.status == StatusCode::BAD_REQUEST && page.body.contains("switched off"), "{}", page.body);
    bench(&rig).switch(&app, AppState::Active).await.expect("switched");
    assert!(rig.works(&access).await);
    bench(&rig).delete(&app).await.expect("removed");
    assert!(!rig.works(&access).await);
    let page = Browser::new(&rig).get(&format!("/oauth2/authorize?{}", Rig::query(&client, &[]))).await;
    assert!(page.body.contains("known here"), "{}", page.body);
}

#[tokio::test]
async fn secrets_overlap_and_end() {
    let rig = Rig::new().await;
    let Made { app, secret } =
        bench(&rig).create(&rig.acme, ClientKind::Confidential, &written(&["logs:read"])).await.expect("an app");
    let first = secret.expect("a secret");
    let id = app.draft_client.to_string();
    let asked = async |secret: &str| {
        let fields =
            [("grant_type", "refresh_token"), ("refresh_token", "x"), ("client_id", id.as_str()), ("client_secret", secret)];
        rig.form("/oauth2/token", None, &fields).await.error()
    };
    let overlap = Some(std::time::Duration::from_mins(1));
    let lifetime = Some(std::time::Duration::from_hours(1));
    let new = crate::apps::NewSecret { overlap, lifetime };
    let (second, stored) = bench(&rig).add_secret(&app, crate::store::Stage::Draft, new).await.expect("a secret");
    assert_eq!((asked(first.expose()).await.as_str(), asked(second.expose()).await.as_str()), ("invalid_grant", "invalid_grant"));
    rig.later(61);
    assert_eq!(
        (asked(first.expose()).await.as_str(), asked(second.expose()).await.as_str()),
        ("invalid_client", "invalid_grant")
    );
    let last = bench(&rig).remove_secret(&app, crate::store::Stage::Draft, &stored.id()).await;
    assert!(last.expect_err("it is the last").to_string().contains("only secret"));
    rig.later(3_600);
    assert_eq!(asked(second.expose()).await, "invalid_client");
}

#[tokio::test]
async fn a_stranger_with_the_name_of_a_published_app_is_called_out() {
    let rig = Rig::new().await;
    let app = made(&rig, &["logs:read"]).await;
    let register = async |name: &str| {
        let body = serde_json::json!({ "client_name": name, "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none" });
        let answer = rig.json("/oauth2/register", &body.to_string()).await;
        answer.json()["client_id"].as_str().expect("a client_id").to_owned()
    };
    // Cyrillic А and у.
    let (stranger, honest) = (register("\u{410}cme S\u{443}nc").await, register("Beta Sync").await);
    let mut bob = Browser::new(&rig);
    bob.sign_in("bob@beta.test", PASSWORD).await;
    let warns = |page: &super::rig::Answer| page.body.contains("This is not Acme Sync");
    let (_, page) = bob.consent_page(&stranger, &[]).await;
    assert!(!warns(&page), "a draft is nobody else's to know: {}", page.body);
    let published = publish(&rig, &app, &["logs:read"]).await.client.to_string();
    for (client, expected) in [(&stranger, true), (&honest, false), (&published, false)] {
        let (_, page) = bob.consent_page(client, &[]).await;
        assert_eq!(warns(&page), expected, "{}", page.body);
    }
}

#[tokio::test]
async fn names_that_look_alike_are_told_apart_at_the_decision() {
    let rig = Rig::new().await;
    let app = made(&rig, &["logs:read"]).await;
    let published = publish(&rig, &app, &["logs:read"]).await.client.to_string();
    let body = json!({ "client_name": "Асme-Sync", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none" });
    let stranger = rig.json("/oauth2/register", &body.to_string()).await.json();
    let stranger = stranger["client_id"].as_str().expect("a client_id").to_owned();
    let mut ada = Browser::new(&rig);
    ada.sign_in("ada@acme.test", PASSWORD).await;

    // What registered itself under the name of the organization's own app is said not to be it.
    let (_, page) = ada.consent_page(&stranger, &[]).await;
    for fact in [
        "<strong>This is not Acme Sync.</strong>",
        "It registered itself just now. No organization of this gateway stands behind it.",
        "What it is given goes to app.test.",
        "It belongs to acme Inc, which you are a member of",
    ] {
        assert!(page.body.contains(fact), "{fact}: {}", page.body);
    }
    // Whoever made it chose the name, and neither its draft nor another client of theirs is somebody else's.
    let (_, page) = ada.consent_page(&published, &[]).await;
    assert!(!page.body.contains("id=\"likeness\""), "{}", page.body);
    let (_, page) = ada.consent_page(app.draft_client.as_str(), &[]).await;
    assert!(!page.body.contains("id=\"likeness\""), "{}", page.body);

    let (of_beta, _) = rig
        .made(|client| {
            client.name = "ACME SYNC".to_owned();
            client.org = Some(rig.beta.id.clone());
        })
        .await;
    // Of two that somebody stands behind, each is told with its organization, and none is accused.
    let mut bob = Browser::new(&rig);
    bob.sign_in("bob@beta.test", PASSWORD).await;
    let (_, page) = bob.consent_page(of_beta.id.as_str(), &[]).await;
    for fact in [
        "Two applications here have names that look alike.",
        "It belongs to beta Inc, which you are a member of",
        "It belongs to acme Inc, an organization that the operator of this gateway admitted",
    ] {
        assert!(page.body.contains(fact), "{fact}: {}", page.body);
    }
    assert!(!page.body.contains("This is not"), "{}", page.body);
}

#[tokio::test]
async fn a_secret_is_told_though_the_feed_lags() {
    let mut rig = Rig::new().await;
    let made = bench(&rig).create(&rig.acme, ClientKind::Confidential, &written(&["logs:read"])).await.expect("an app");
    let app = bench(&rig).mark(&made.app, Maturity::Stable).await.expect("marked");
    rig.lag();
    let release = bench(&rig).publish(&app, None).await.expect("published");
    let secret = release.secret.expect("the first version's secret");
    let live = async |id| rig.node.store.live_secrets(id, rig.node.now()).await.expect("secrets");
    assert_eq!(live(&release.client).await[0].hash, secret.hashed());
    let app = read(&rig, &app).await;
    let (plain, _) = bench(&rig).add_secret(&app, Stage::Published, NewSecret::default()).await.expect("another");
    assert!(live(&release.client).await.iter().any(|s| s.hash == plain.hashed()));
}

#[tokio::test]
async fn of_first_imports_at_the_same_time_one_makes_the_app_and_the_others_find_it() {
    let rig = Rig::new().await;
    let manifest = bench(&rig).export(&made(&rig, &["logs:read"]).await, None).await.expect("a manifest");
    let imports = (0..6).map(|_| async { bench(&rig).import(&rig.beta, &manifest).await.expect("imported").did });
    let (mut makers, mut apps) = (0, Vec::new());
    for did in futures::future::join_all(imports).await {
        match did {
            Imported::Made(made) => {
                makers += 1;
                apps.push(made.app.id);
            }
            Imported::Changed(app) => apps.push(app.id),
        }
    }
    apps.dedup();
    assert_eq!((makers, apps.len()), (1, 1));
}
