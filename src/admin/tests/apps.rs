//! The life of an app, told to a node and to its admin API.

use serde_json::Value;

use super::Fixture;
use super::operations::{told, without};
use crate::admin::{
    AdminError, Administration, AppChange, AppSecret, ClientScopes, NewApp, NewAppKind, NewOrg, Publish, StableMark, Switch,
    Within,
};
use crate::store::{Maturity, Stage};

fn new(org: &str, name: &str) -> NewApp {
    NewApp { org: org.to_owned(), name: name.to_owned(), ..NewApp::default() }
}

fn whole() -> AppChange {
    AppChange {
        revision: None,
        name: Some("Acme Sync".to_owned()),
        description: Some("Copies metrics.".to_owned()),
        documentation_url: Some("https://acme.test/docs".to_owned()),
        uninstall_instructions: Some("Press Uninstall.".to_owned()),
        onboarding_url: Some("https://acme.test/start".to_owned()),
        redirect_uris: Some(vec!["https://acme.test/cb".to_owned()]),
        scopes: Some(vec!["metrics:read".to_owned(), "audit:read".to_owned()]),
        access_token_ttl_seconds: crate::types::Setting::To(900),
        require_state: Some(true),
    }
}

async fn org(admin: &dyn Administration, slug: &str) {
    admin.create_org(NewOrg { slug: slug.to_owned(), ..NewOrg::default() }).await.expect("an organization");
}

type Said = Vec<(&'static str, Value)>;

/// Every operation on apps, with what it must refuse.
async fn story(admin: &dyn Administration) -> Said {
    let mut said = Vec::new();
    let mut say = |what, answer| said.push((what, answer));
    org(admin, "acme").await;
    org(admin, "beta").await;
    say("nowhere", told(admin.create_app(new("nowhere", "Sync")).await));
    say("no name", told(admin.create_app(new("acme", " ")).await));
    let made = admin.create_app(new("acme", "Sync")).await.expect("an app");
    let (id, uuid) = (made.app.id.to_string(), made.app.app_uuid.to_string());
    say("made", told(Ok(made)));
    say("too early", told(admin.publish_app(&id, Publish::default()).await));
    say("edit", told(admin.update_app(&id, whole()).await));
    let stale = AppChange { revision: Some(1), description: Some("x".to_owned()), ..AppChange::default() };
    say("stale", told(admin.update_app(&id, stale).await));
    let wrong = AppChange { scopes: Some(vec!["moon:read".to_owned()]), ..AppChange::default() };
    say("unknown scope", told(admin.update_app(&id, wrong).await));
    let mark = StableMark { maturity: Maturity::Stable };
    say("stable", told(admin.mark_app(&uuid, mark).await));
    let other = Publish { app_uuid: Some("0b6f1b7e-3f0e-4a53-9d4f-6d3a0e1f2a3b".to_owned()) };
    say("another app", told(admin.publish_app(&id, other).await));
    let published = admin.publish_app(&id, Publish { app_uuid: Some(uuid.to_uppercase()) }).await.expect("published");
    let client = published.client_id.to_string();
    say("published", told(Ok(published)));
    say("unchanged", told(admin.publish_app(&id, Publish::default()).await));
    let of_app = |answer: Result<_, AdminError>| told(answer.map_err(|e| without(e, &id)));
    say("not by hand", of_app(admin.set_client_scopes(&client, ClientScopes { scopes: None }).await.map(drop)));
    say("not alone", of_app(admin.delete_client(&client).await));

    let more = AppChange { scopes: Some(vec!["metrics:read".to_owned()]), ..AppChange::default() };
    say("less", told(admin.update_app(&id, more).await));
    say("details", told(admin.app(&id).await));
    admin.mark_app(&id, mark).await.expect("marked");
    say("again", told(admin.publish_app(&id, Publish::default()).await));

    let secret = |stage, others_live_seconds, lives_seconds| AppSecret { stage, others_live_seconds, lives_seconds };
    let added = admin.add_app_secret(&id, secret(Stage::Published, Some(60), Some(3_600))).await.expect("a secret");
    let which = added.secret.id.clone();
    say("secret", told(Ok(added)));
    say("never", told(admin.add_app_secret(&id, secret(Stage::Draft, None, Some(0))).await));
    say("removed", told(admin.remove_app_secret(&id, Stage::Published, &which).await));
    say("no such", told(admin.remove_app_secret(&id, Stage::Published, &which).await));
    let last = admin.app(&id).await.expect("details").clients[0].secrets[0].id.clone();
    say("last", told(admin.remove_app_secret(&id, Stage::Draft, &last).await));

    let manifest = admin.export_app(&id, None).await.expect("a manifest");
    say("manifest", told(Ok(manifest.clone())));
    say("version 1", told(admin.export_app(&id, Some(1)).await));
    say("version 9", told(admin.export_app(&id, Some(9)).await));
    let there = admin.import_app("beta", manifest.clone()).await.expect("imported");
    assert!(there.created && there.client_secret.is_some() && there.app.app_uuid.as_str() == uuid);
    assert!(there.app.id.as_str() != id && there.app.draft_client.as_str() != client);
    say("imported", told(Ok(there)));
    say("twice", told(admin.import_app("beta", manifest.clone()).await));
    say("ambiguous", told(admin.app(&uuid).await));
    let mut public = manifest.clone();
    public.client.kind = crate::store::ClientKind::Public;
    say("kind", told(admin.import_app("beta", public).await));
    say("format", told(admin.import_app("beta", crate::apps::Manifest { manifest_version: 2, ..manifest }).await));

    say("disable", told(admin.switch_app(&id, Switch::Disabled).await));
    say("clients", told(admin.clients(Within { org: Some("acme".to_owned()), ..Within::default() }).await));
    say("apps", told(admin.apps(Within { org: Some("acme".to_owned()), ..Within::default() }).await));
    say("delete", told(admin.delete_app(&id).await));
    say("delete again", told(admin.delete_app(&id).await.map_err(|e| without(e, &id))));
    said
}

#[tokio::test]
async fn a_node_and_its_admin_api_agree_about_apps() {
    let (here, there) = (Fixture::start().await, Fixture::start().await);
    let (local, remote) = (story(&here.local()).await, story(&there.remote()).await);
    assert_eq!(local, remote);
    let of = |what: &str| &local.iter().find(|(w, _)| *w == what).unwrap_or_else(|| panic!("{what}")).1;
    let refused = |what: &str| of(what)["refused"].as_str().unwrap_or("done").to_owned();
    for what in ["no name", "unknown scope", "another app", "never", "version 9", "kind", "format"] {
        assert_eq!(refused(what), "invalid", "{what}");
    }
    assert_eq!(refused("no such"), "not_found");
    for what in ["too early", "stale", "unchanged", "not by hand", "not alone", "last", "ambiguous"] {
        assert_eq!(refused(what), "conflict", "{what}");
    }
    for what in ["nowhere", "delete again"] {
        assert_eq!(refused(what), "not_found", "{what}");
    }
    let fine = local.iter().filter(|(_, v)| v.get("refused").is_none()).count();
    assert_eq!(fine, local.len() - 17, "{local:#?}");
    let early = of("too early")["detail"].as_str().unwrap_or_default();
    for named in ["description", "documentation", "uninstall", "onboarding", "redirect", "permission", "stable"] {
        assert!(early.contains(named), "{named}: {early}");
    }
    assert_eq!(of("details")["changes"][0]["removed"][0], "audit:read");
    assert_eq!(of("details")["clients"].as_array().map(Vec::len), Some(2));
    assert_eq!((of("published")["version"].as_u64(), of("again")["version"].as_u64()), (Some(1), Some(2)));
    assert!(of("published")["client_secret"].is_string() && of("again")["client_secret"].is_null());
    assert_eq!(of("twice")["created"], false);
    assert_eq!(of("version 1")["scopes"].as_array().map(Vec::len), Some(2));
    assert!(of("clients")["data"].as_array().is_some_and(|all| all.iter().all(|c| c["state"] == "disabled")));
}

#[tokio::test]
async fn secrets_of_apps_are_told_once_and_never_printed() {
    let fixture = Fixture::start().await;
    let admin = fixture.remote();
    org(&admin, "acme").await;
    let made = admin.create_app(new("acme", "Sync")).await.expect("an app");
    let id = made.app.id.to_string();
    admin.update_app(&id, whole()).await.expect("changed");
    admin.mark_app(&id, StableMark { maturity: Maturity::Stable }).await.expect("marked");
    let published = admin.publish_app(&id, Publish::default()).await.expect("published");
    let next = AppSecret { stage: Stage::Published, others_live_seconds: None, lives_seconds: None };
    let next = admin.add_app_secret(&id, next).await.expect("a secret");
    let shown = format!(
        "{made:?} {published:?} {next:?} {} {}",
        serde_json::to_string(&admin.app(&id).await.expect("details")).expect("JSON"),
        admin.export_app(&id, None).await.expect("a manifest").to_text(),
    );
    for hidden in [made.client_secret, published.client_secret, Some(next.client_secret)] {
        assert!(!shown.contains(&hidden.expect("a secret")), "a secret is shown");
    }
    let public = NewApp { kind: NewAppKind::Public, ..new("acme", "CLI") };
    assert_eq!(admin.create_app(public).await.expect("an app").client_secret, None);
}
