//! The pages of apps.

use super::{CSRF, HOSTILE, ago, frame, show};
use crate::config::Risk;
use crate::pages::texts::{self, definition};
use crate::pages::views::*;

pub fn pages() -> Vec<(&'static str, String)> {
    vec![
        ("apps", show(&list(rows()))),
        ("apps-empty", show(&list(Vec::new()))),
        ("app", show(&app())),
        ("app-made", show(&made())),
        ("app-switch-off", show(&AppPage { confirm: Some(switch_off()), ..app() })),
        ("app-remove-secret", show(&AppPage { confirm: Some(remove_secret()), ..app() })),
        ("app-reader", show(&AppPage { may_write: false, standing: Standing::Disabled, ..app() })),
        ("app-frozen", show(&AppPage { standing: Standing::Frozen, holds: holds(), ..app() })),
        ("app-form", show(&form())),
        (
            "app-form-new",
            show(&AppFormPage { revision: None, public: true, name: String::new(), find: String::new(), hidden: 0, ..form() }),
        ),
        ("app-form-refused", show(&refused())),
        ("app-publish", show(&publish())),
        (
            "app-publish-first",
            show(&AppPublishPage { number: 1, narrows: false, untried: Vec::new(), conditions: conditions(false), ..publish() }),
        ),
        ("app-delete", show(&delete())),
        ("app-import", show(&import())),
        ("app-test", show(&test(ready(None)))),
        ("app-test-done", show(&test(ready(Some(LastTest::Done))))),
        (
            "app-test-refused",
            show(&test(ready(Some(LastTest::Refused { code: "access_denied".into(), description: HOSTILE.into() })))),
        ),
        ("app-test-given", show(&test(given(None)))),
        ("app-test-called", show(&test(given(Some(called()))))),
    ]
}

fn section() -> Section {
    Section::Apps { slug: "acme".to_owned() }
}

fn back() -> Way {
    Way { href: "/orgs/acme/apps/app_7".to_owned(), text: texts::name(&"Acme Sync".into()) }
}

fn list(rows: Vec<AppRow>) -> AppsPage {
    AppsPage {
        frame: frame(section()),
        organization: "Acme Production".into(),
        path: "/orgs/acme/apps".to_owned(),
        may_write: true,
        notice: None,
        rows,
    }
}

fn rows() -> Vec<AppRow> {
    let row = |id: &str, name: &str, standing, scopes, minutes| AppRow {
        href: format!("/orgs/acme/apps/{id}"),
        name: name.into(),
        standing,
        scopes,
        changed: ago(minutes),
    };
    vec![
        row("app_9", "Incident notes", Standing::Draft, 1, 3),
        row("app_7", "Acme Sync", Standing::Published(3), 4, 60 * 26),
        row("app_8", HOSTILE, Standing::Disabled, 12, 60 * 24 * 90),
    ]
}

fn secret(id: &str, last4: &str, ends: Option<i64>) -> SecretRow {
    SecretRow { id: id.to_owned(), last4: last4.to_owned(), made: ago(60 * 24 * 40), ends: ends.map(|m| ago(-m)) }
}

fn client(stage: &'static str, title: texts::Text, secrets: Vec<SecretRow>) -> AppClientCard {
    AppClientCard {
        stage,
        title,
        audience: texts::apps::published_audience(),
        client_id: format!("cl_019ab2c4d5e67890abcdef012345678{}", stage.len() % 10),
        confidential: true,
        secrets,
    }
}

fn changed(title: texts::Text, removed: &[&str], added: &[&str]) -> FieldChange {
    let owned = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect();
    FieldChange { title, removed: owned(removed), added: owned(added) }
}

fn changes() -> Vec<FieldChange> {
    vec![
        changed(definition::description(), &["Copies metrics."], &["Copies metrics and logs.\nEvery night."]),
        changed(definition::redirect_uris(), &[], &["https://sync.acme.example/oauth/callback/v2"]),
        changed(definition::scopes(), &["rules:write"], &["logs:read"]),
    ]
}

fn conditions(stable: bool) -> Vec<ConditionLine> {
    let line = |sentence, met| ConditionLine { sentence, met };
    vec![
        line(definition::need_description(), true),
        line(definition::need_uninstall(), true),
        line(definition::need_onboarding(), stable),
        line(definition::need_approvals(["api_keys:write"].into_iter().filter(|_| !stable)), stable),
        line(definition::need_stable(), stable),
    ]
}

fn app() -> AppPage {
    let field = |title, values: &[&str]| DraftField {
        title,
        values: values.iter().map(|v| (*v).to_owned()).collect(),
        absent: definition::nothing_yet(),
    };
    let version = |number, changes| VersionRow {
        number,
        published: ago(60 * 24 * i64::from(4 - number)),
        by: Some("ada@acme.example".to_owned()),
        changes,
        manifest: format!("/orgs/acme/apps/app_7/manifest.json?version={number}"),
    };
    AppPage {
        frame: frame(section()),
        apps: "/orgs/acme/apps".to_owned(),
        path: "/orgs/acme/apps/app_7".to_owned(),
        csrf: CSRF.to_owned(),
        name: "Acme Sync".into(),
        standing: Standing::Published(2),
        may_write: true,
        notice: None,
        problem: None,
        holds: Vec::new(),
        confirm: None,
        secret: None,
        clients: vec![
            client("draft", texts::apps::draft_client(), vec![secret("a1b2c3d4e5f6", "9xYz", None)]),
            client(
                "published",
                texts::apps::published_client(),
                vec![secret("0123456789ab", "k_2a", Some(60 * 20)), secret("ba9876543210", "QQ7-", None)],
            ),
        ],
        draft: vec![
            field(definition::name(), &["Acme Sync"]),
            field(definition::description(), &["Copies metrics and logs.\nEvery night."]),
            field(definition::documentation(), &["https://docs.acme.example/sync"]),
            field(definition::uninstall_instructions(), &[]),
            field(
                definition::redirect_uris(),
                &["https://sync.acme.example/oauth/callback", "https://sync.acme.example/oauth/callback/v2"],
            ),
            field(definition::scopes(), &["logs:read", "metrics:read", HOSTILE]),
        ],
        changes: changes(),
        conditions: conditions(false),
        stable: false,
        versions: vec![version(2, changes()), version(1, Vec::new())],
        uuid: "0b6f1b7e-3f0e-4a53-9d4f-6d3a0e1f2a3b".to_owned(),
        test: Some("https://sync.acme.example/start".to_owned()),
        private: private_scopes(),
        asking: (String::new(), String::new()),
    }
}

pub(super) fn private_scopes() -> Vec<PrivateScope> {
    let one = |scope: &str, reason: &str, state, comment: Option<&str>| PrivateScope {
        scope: scope.to_owned(),
        label: ScopeLabel::NONE,
        text: Some("Make an API key that sends data for your organization".to_owned()),
        reason: reason.to_owned(),
        asked: (!reason.is_empty()).then(|| (Some("ada@acme.example".to_owned()), ago(60 * 26))),
        state,
        comment: comment.map(ToOwned::to_owned),
    };
    vec![
        one("api_keys:write", "Our agent sends metrics.", PrivateState::Waiting { given_until: Some(ago(-60)) }, None),
        one("logs:delete", HOSTILE, PrivateState::Denied(Some(ago(60))), Some(HOSTILE)),
        one("rules:admin", "", PrivateState::Given(ago(-60 * 24 * 300)), Some("for a year")),
        one("rules:own", "again", PrivateState::Ended(ago(60 * 24)), None),
        one("metrics:delete", "", PrivateState::Withdrawn(Some(ago(60 * 24 * 3))), None),
    ]
}

fn switch_off() -> AskedOfApp {
    AskedOfApp::SwitchOff { stops: texts::apps::switch_off((1_204, 38), 1, 2) }
}

fn holds() -> Vec<HeldApp> {
    vec![
        HeldApp { sentence: texts::apps::draft_client_is_off(), since: Some(ago(60)), by: Some("ada@acme.example".to_owned()) },
        HeldApp { sentence: texts::apps::published_client_is_frozen(), since: Some(ago(5)), by: None },
    ]
}

fn remove_secret() -> AskedOfApp {
    AskedOfApp::RemoveSecret { stage: "published", id: "0123456789ab".to_owned(), last4: "k_2a".to_owned() }
}

fn made() -> AppPage {
    AppPage {
        notice: Some(texts::apps::made()),
        secret: Some(ShownSecret {
            title: texts::apps::draft_secret(),
            client_id: "cl_019ab2c4d5e67890abcdef0123456785".to_owned(),
            value: "tg_cs_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG".to_owned(),
        }),
        standing: Standing::Draft,
        clients: vec![client("draft", texts::apps::draft_client(), vec![secret("a1b2c3d4e5f6", "DEFG", None)])],
        versions: Vec::new(),
        ..app()
    }
}

fn form() -> AppFormPage {
    let choice = |scope: &str, text: &str, risk, requested| ScopeChoice {
        scope: scope.to_owned(),
        label: ScopeLabel::NONE,
        text: text.to_owned(),
        risk,
        requested,
        brings: if scope == "metrics:read" { vec!["logs:read".to_owned()] } else { Vec::new() },
    };
    AppFormPage {
        frame: frame(section()),
        title: texts::apps::edit_draft(&"Acme Sync".into()),
        back: back(),
        action: "/orgs/acme/apps/app_7/edit".to_owned(),
        csrf: CSRF.to_owned(),
        revision: Some(4),
        public: false,
        name: "Acme Sync".to_owned(),
        description: "Copies metrics and logs.\nEvery night.".to_owned(),
        documentation_url: "https://docs.acme.example/sync".to_owned(),
        uninstall_instructions: String::new(),
        onboarding_url: "https://sync.acme.example/start".to_owned(),
        redirect_uris: "https://sync.acme.example/oauth/callback\nhttps://sync.acme.example/oauth/callback/v2".to_owned(),
        lifetime: "900".to_owned(),
        lifetime_hint: definition::lifetime_hint(600, 86_400),
        require_state: true,
        find: "logs".to_owned(),
        scopes: vec![
            ScopeChoices {
                group: "Logs".to_owned(),
                choices: vec![
                    choice("logs:read", "Search and read your organization's logs", Risk::Low, true),
                    choice("logs:delete", "Delete logs for good", Risk::High, false),
                ],
            },
            ScopeChoices {
                group: "Metrics".to_owned(),
                choices: vec![choice("metrics:read", "Query your organization's metrics and their metadata", Risk::Low, true)],
            },
        ],
        hidden: 14,
        flaws: Vec::new(),
        problem: None,
    }
}

fn refused() -> AppFormPage {
    let flaw = |field, text| FieldFlaw { field, text };
    AppFormPage {
        name: HOSTILE.to_owned(),
        description: format!("</textarea>{HOSTILE}"),
        flaws: vec![
            flaw("onboarding_url", definition::unsafe_onboarding()),
            flaw("redirect_uris", definition::uri_with_wildcard("\"https://*.acme.example\"")),
        ],
        ..form()
    }
}

fn publish() -> AppPublishPage {
    AppPublishPage {
        frame: frame(section()),
        back: back(),
        action: "/orgs/acme/apps/app_7/publish".to_owned(),
        csrf: CSRF.to_owned(),
        name: "Acme Sync".into(),
        holds: holds(),
        revision: 4,
        number: 3,
        conditions: conditions(true),
        changes: changes(),
        narrows: true,
        untried: vec!["logs:read".to_owned(), "metrics:read".to_owned()],
        test: "/orgs/acme/apps/app_7/test".to_owned(),
        problem: None,
    }
}

fn delete() -> AppDeletePage {
    AppDeletePage {
        frame: frame(section()),
        back: back(),
        action: "/orgs/acme/apps/app_7/delete".to_owned(),
        csrf: CSRF.to_owned(),
        name: HOSTILE.into(),
        ends: texts::apps::delete((1_204, 38), 1, 2),
        published: true,
    }
}

fn import() -> AppImportPage {
    AppImportPage {
        frame: frame(section()),
        back: Way { href: "/orgs/acme/apps".to_owned(), text: texts::apps::apps() },
        action: "/orgs/acme/apps/import".to_owned(),
        csrf: CSRF.to_owned(),
        manifest: format!("{{ \"manifest_version\": 2 }}\n</textarea>{HOSTILE}"),
        problem: Some(definition::foreign_manifest(2, 1)),
    }
}

fn test(progress: TestProgress) -> AppTestPage {
    AppTestPage {
        frame: frame(section()),
        back: back(),
        action: "/orgs/acme/apps/app_7/test".to_owned(),
        csrf: CSRF.to_owned(),
        name: "Acme Sync".into(),
        problem: None,
        progress,
    }
}

fn ready(last: Option<LastTest>) -> TestProgress {
    let client = |stage, title, onboarding: Option<&str>, scopes| TestedClient {
        stage,
        title,
        client_id: "cl_019ab2c4d5e67890abcdef0123456785".to_owned(),
        onboarding: onboarding.map(ToOwned::to_owned),
        scopes,
    };
    let start = "https://sync.acme.example/start?iss=https%3A%2F%2Fgw.acme.example&site=gw.acme.example";
    let clients = vec![
        client("draft", texts::apps::draft_client(), None, 4),
        client("published", texts::apps::published_client(), Some(start), 3),
    ];
    TestProgress::Ready { clients, last }
}

fn given(called: Option<CallAnswer>) -> TestProgress {
    let claim = |name, value: &str, meaning| ClaimLine { name, value: value.to_owned(), when: None, meaning };
    let scope = |scope: &str, text: &str, outcome| TestedScope {
        scope: scope.to_owned(),
        label: ScopeLabel::NONE,
        text: text.to_owned(),
        risk: Risk::Low,
        outcome,
    };
    let route = |name: &str, chosen| TestRoute { name: name.to_owned(), chosen };
    let routes = vec![
        route("GET /prometheus/api/v1/query", true),
        route("GET /prometheus/api/v1/label/{name}/values", false),
        route("POST /prometheus/api/v1/query", false),
    ];
    let tools = vec!["query_metrics".to_owned(), HOSTILE.to_owned()];
    TestProgress::Given(Box::new(TestedToken {
        organization: "Acme Production".into(),
        token_ends: ago(-60),
        grant_ends: Some(ago(-60)),
        response: "{\n  \"access_token\": \"…Q2Vx\",\n  \"expires_in\": 3600,\n  \"refresh_token\": \"…9xYz\",\n  \"scope\": \"logs:read metrics:read\",\n  \"token_type\": \"Bearer\"\n}".to_owned(),
        claims: vec![
            claim("iss", "https://gw.acme.example", texts::trial::iss()),
            claim("org", HOSTILE, texts::trial::org()),
            ClaimLine { when: Some(ago(-60)), ..claim("exp", "1795222800", texts::trial::exp()) },
        ],
        scopes: vec![
            scope("metrics:read", "Query your organization's metrics and their metadata", ScopeOutcome::Works),
            scope("logs:read", "Search and read your organization's logs", ScopeOutcome::Idle(texts::standing::scope_not_held())),
            scope("rules:read", HOSTILE, ScopeOutcome::Absent),
        ],
        routes: vec![TestRoutes { api: "prometheus".to_owned(), choices: routes }],
        servers: vec![TestServer { name: "tollgate".to_owned(), path: "/mcp".to_owned(), chosen: false, tools }],
        entered: EnteredCall { query: "query=up".to_owned(), arguments: HOSTILE.to_owned(), ..EnteredCall::default() },
        called,
    }))
}

fn called() -> CallAnswer {
    CallAnswer {
        request: "GET /prometheus/api/v1/query?query=up".to_owned(),
        status: "200 OK".to_owned(),
        success: true,
        millis: 12,
        headers: vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("x-request-id".to_owned(), "req_019ab2c4d5e67890abcdef0123456785".to_owned()),
        ],
        body: format!(
            "{{\n  \"status\": \"success\",\n  \"data\": {{ \"resultType\": \"vector\", \"result\": [{HOSTILE}] }}\n}}"
        ),
        cut: true,
        record: Some(Link { href: "/orgs/acme/audit/rec_7".to_owned(), text: texts::trial::record_of_call() }),
    }
}
