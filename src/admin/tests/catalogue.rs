//! What the catalogue says of scopes, as those who make clients meet it.

use std::sync::Arc;

use super::Fixture;
use super::operations::{client, told};
use crate::admin::{Administration, ClientScopes, NewApp, NewClient, NewClientKind, NewOrg, ScopeAsk, ScopeQuery};
use crate::apps::Manifest;
use crate::config::Config;
use crate::types::ScopeToken;

const SCOPES: &str = r#"
public_url = "http://127.0.0.1:8080"
keys.secret = "env:KEY"
[scopes."logs:push"]
title = "Push logs"
description = "Send logs"
max_token_ttl = "90s"
grants_allowed = ["client_credentials"]
[scopes."logs:old"]
description = "Read logs"
deprecated = true
replaced_by = "logs:read"
[scopes."logs:ship"]
description = "Ship logs"
visibility = "private"
grants_allowed = ["client_credentials"]
[scopes."logs:erase"]
description = "Erase logs"
visibility = "private"
deprecated = true
[scopes."logs:read"]
description = "Read logs"
requires_permission = "audit:read"
[scopes."logs:admin"]
description = "Do everything with logs"
visibility = "internal"
implies = ["logs:read"]
"#;

async fn fixture() -> Fixture {
    let fixture = Fixture::start().await;
    let env = |_: &str| Some("00".repeat(32));
    let (config, _) = Config::parse(SCOPES, &env, 2).unwrap_or_else(|e| panic!("{e}"));
    fixture.node.config.store(Arc::new(config));
    fixture.local().create_org(NewOrg { slug: "acme".to_owned(), ..NewOrg::default() }).await.expect("an organization");
    fixture
}

fn web(org: Option<&str>, scopes: &str) -> NewClient {
    NewClient {
        org: org.map(ToOwned::to_owned),
        scopes: Some(scopes.to_owned()),
        redirect_uris: vec!["https://acme.test/cb".to_owned()],
        ..client(NewClientKind::Confidential)
    }
}

#[tokio::test]
async fn clients_are_given_only_what_they_could_use() {
    let fixture = fixture().await;
    let admin = fixture.local();
    for (scope, why) in [
        ("logs:push", "logs:push is not given by authorization_code"),
        ("logs:old", "logs:old is deprecated; ask for logs:read instead"),
        ("logs:admin", "logs:admin is internal"),
    ] {
        let answer = told(admin.create_client(web(Some("acme"), scope)).await);
        assert_eq!(answer["refused"], "invalid", "{scope}");
        assert!(answer["detail"].as_str().is_some_and(|detail| detail.contains(why)), "{answer}");
    }
    admin.create_client(web(None, "logs:admin logs:read")).await.expect("one of the operator's own");
    let made = admin.create_client(web(Some("acme"), "logs:read")).await.expect("a client").client.id.to_string();
    let to = |scopes: &str| ClientScopes { scopes: Some(scopes.to_owned()) };
    assert_eq!(told(admin.set_client_scopes(&made, to("logs:read logs:old")).await)["refused"], "invalid");

    // What it has, it keeps: only what is new is looked at.
    let text = SCOPES.replace("[scopes.\"logs:read\"]\n", "[scopes.\"logs:read\"]\ngrants_allowed = [\"device_code\"]\n");
    let (config, _) = Config::parse(&text, &|_: &str| Some("00".repeat(32)), 3).unwrap_or_else(|e| panic!("{e}"));
    fixture.node.config.store(Arc::new(config));
    admin.set_client_scopes(&made, to("logs:read audit:read")).await.expect("it is asked for already");
}

#[tokio::test]
async fn nobody_asks_for_a_private_scope_that_could_not_be_used() {
    let fixture = fixture().await;
    let admin = fixture.local();
    let app = NewApp { org: "acme".to_owned(), name: "Agent".to_owned(), ..NewApp::default() };
    let app = admin.create_app(app).await.expect("an app").app.id.to_string();
    let ask = |scope: &str| ScopeAsk { scope: scope.to_owned(), reason: "it ships".to_owned() };
    for (scope, why) in [("logs:ship", "logs:ship is not given to apps"), ("logs:erase", "logs:erase is deprecated")] {
        let answer = told(admin.request_scope(&app, ask(scope)).await);
        assert_eq!(answer["refused"], "invalid", "{scope}");
        assert!(answer["detail"].as_str().is_some_and(|detail| detail.contains(why)), "{answer}");
    }
    admin.request_scope(&app, ask("api_keys_write")).await.expect("asked by its other name");
}

#[tokio::test]
async fn a_manifest_names_a_scope_by_either_name() {
    let fixture = fixture().await;
    let admin = fixture.local();
    let uuid = "0193f2a0-c0ff-4eee-8bad-0123456789ad";
    let scopes = r#""api_keys_write","api_keys:write""#;
    let text =
        format!(r#"{{"manifest_version":1,"app_uuid":"{uuid}","name":"Keys","scopes":[{scopes}],"client":{{"kind":"public"}}}}"#);
    for _ in 0..2 {
        let made = admin.import_app("acme", Manifest::read(&text).expect("a manifest")).await.expect("an app");
        assert_eq!((made.app.scopes.to_string().as_str(), made.left_out.len()), ("api_keys:write", 0));
    }
}

#[tokio::test]
async fn the_catalogue_is_listed_with_all_that_it_says() {
    let fixture = fixture().await;
    for admin in [Box::new(fixture.local()) as Box<dyn Administration>, Box::new(fixture.remote())] {
        let listed = admin.scopes(ScopeQuery { text: Some("logs".to_owned()) }).await.expect("a list");
        let one = |name: &str| listed.iter().find(|s| s.name.as_str() == name).unwrap_or_else(|| panic!("no {name}"));
        let push = one("logs:push");
        assert_eq!((push.title.as_deref(), push.max_token_ttl_seconds), (Some("Push logs"), Some(90)));
        assert_eq!(push.grants_allowed, ["client_credentials"]);
        let old = one("logs:old");
        assert_eq!((old.deprecated, old.replaced_by.as_ref().map(ScopeToken::as_str)), (true, Some("logs:read")));
        assert_eq!(one("logs:admin").implies.to_string(), "logs:read");
        assert_eq!(one("logs:read").requires_permission.as_ref().map(ScopeToken::as_str), Some("audit:read"));
        let by_title = admin.scopes(ScopeQuery { text: Some("PUSH L".to_owned()) }).await.expect("a list");
        assert_eq!(by_title.len(), 1, "titles are searched too");
    }
}

#[tokio::test]
async fn a_manifest_brings_along_what_nobody_takes_up_any_more() {
    let fixture = fixture().await;
    let admin = fixture.local();
    let manifest = |uuid: &str, scopes: &str| {
        let text = format!(
            r#"{{"manifest_version":1,"app_uuid":"{uuid}","name":"Sync","scopes":[{scopes}],"client":{{"kind":"public"}}}}"#
        );
        Manifest::read(&text).expect("a manifest")
    };
    let uuid = "0193f2a0-c0ff-4eee-8bad-0123456789ab";
    let made = admin.import_app("acme", manifest(uuid, r#""logs:old","logs:admin""#)).await.expect("an app");
    assert_eq!((made.app.scopes.to_string().as_str(), made.left_out.to_string().as_str()), ("logs:old", "logs:admin"));
    let again = admin.import_app("acme", manifest(uuid, r#""audit:read","logs:old""#)).await.expect("the same app");
    assert_eq!(again.app.scopes.to_string(), "audit:read logs:old");
    let other = "0193f2a0-c0ff-4eee-8bad-0123456789ac";
    let answer = told(admin.import_app("acme", manifest(other, r#""logs:push""#)).await);
    assert!(answer["detail"].as_str().is_some_and(|detail| detail.contains("logs:push is not given to apps")), "{answer}");
}
