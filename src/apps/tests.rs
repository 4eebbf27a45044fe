//! Definitions, differences, preconditions and manifests, away from any store.

use super::*;
use crate::config::{Catalogue, Deprecation, GrantFlow, Risk, ScopeEntry, Visibility};
use crate::store::{App, AppState, AppVersion, ClientKind, Definition, Maturity};
use crate::types::{API_KEYS_WRITE, AppId, AppUuid, ClientId, OrgId, ScopeSet, ScopeToken, SeededEntropy, Timestamp};

const AT: Timestamp = Timestamp::from_millis(1_795_219_200_000);

fn catalogue() -> Catalogue {
    let entry = |name: &str, visibility| {
        let words = ("Words".to_owned(), "Things".to_owned());
        ScopeEntry::new(ScopeToken::parse(name).expect("a scope"), words, Risk::Low, visibility)
    };
    let entries = vec![entry("logs:read", Visibility::Public), entry("metrics:read", Visibility::Public)];
    let private = entry("logs:delete", Visibility::Private);
    Catalogue::new(entries.into_iter().chain([private]).collect()).expect("few scopes")
}

fn written() -> Written {
    Written {
        name: " Acme Sync ".to_owned(),
        description: "Copies metrics.\r\nNightly.".to_owned(),
        documentation_url: "https://acme.test/docs".to_owned(),
        uninstall_instructions: "Press Uninstall.".to_owned(),
        onboarding_url: "https://acme.test/start".to_owned(),
        redirect_uris: vec!["https://acme.test/cb".to_owned(), String::new(), "https://acme.test/cb".to_owned()],
        scopes: vec!["metrics:read".to_owned(), "logs:read".to_owned()],
        access_token_ttl: Some(900),
        require_state: true,
    }
}

fn proved(written: &Written) -> Result<Definition, Vec<Flaw>> {
    written.proved(&catalogue(), Author::Member, &ScopeSet::default())
}

fn app(draft: Definition) -> App {
    let entropy = SeededEntropy::new(1);
    App {
        id: AppId::generate(AT, &entropy),
        org: OrgId::generate(AT, &entropy),
        uuid: AppUuid::generate(&entropy),
        draft,
        revision: 1,
        maturity: Maturity::Stable,
        state: AppState::Active,
        draft_client: ClientId::generate(AT, &entropy),
        published_client: None,
        version: 0,
        created_at: AT,
        changed_at: AT,
    }
}

#[test]
fn a_definition_is_read_whole() {
    let read = proved(&written()).expect("nothing is wrong");
    assert_eq!((read.name.as_str(), read.description.as_str()), ("Acme Sync", "Copies metrics.\nNightly."));
    assert_eq!((read.redirect_uris.len(), read.scopes.to_string().as_str()), (1, "logs:read metrics:read"));
    assert_eq!(read.onboarding_url.as_deref(), Some("https://acme.test/start"));
    assert_eq!(proved(&Written::from(&read)).as_ref(), Ok(&read));
    let two = vec!["https://acme.test/cb".to_owned(), "https://acme.test/other".to_owned()];
    let both = proved(&Written { redirect_uris: two, ..written() }).expect("nothing is wrong");
    assert_eq!(both.redirect_uris.len(), 2, "an answer may go to more than one place");
    let bare = Written { name: "A".to_owned(), ..Written::default() };
    assert_eq!(proved(&bare), Ok(Definition { name: "A".to_owned(), ..Definition::default() }), "a draft may be unfinished");
}

#[test]
fn every_flaw_is_named_at_once() {
    let wrong = Written {
        name: "a\nb".to_owned(),
        description: "x".repeat(1_001),
        documentation_url: "http://acme.test/docs".to_owned(),
        uninstall_instructions: "a\u{7}".to_owned(),
        onboarding_url: "javascript:alert(1)".to_owned(),
        redirect_uris: vec!["https://*.acme.test/cb".to_owned()],
        scopes: vec!["logs:write".to_owned()],
        access_token_ttl: Some(0),
        require_state: true,
    };
    let flaws = proved(&wrong).expect_err("everything is wrong");
    let all: Vec<_> = Field::ALL.into_iter().filter(|field| *field != Field::RequireState).collect();
    assert_eq!(flaws.iter().map(|f| f.field).collect::<Vec<_>>(), all, "whether state is required can't be wrong");
    let case = |change: &dyn Fn(&mut Written)| {
        let mut written = written();
        change(&mut written);
        proved(&written).map_err(|flaws| flaws.into_iter().map(|f| f.field).collect::<Vec<_>>())
    };
    assert!(case(&|w| "http://127.0.0.1:4000/start".clone_into(&mut w.onboarding_url)).is_ok(), "while it is tried");
    for bad in ["https://user@acme.test/", "https://", "acme.test", "https://acme.test/a b", "com.acme:/start"] {
        assert_eq!(case(&|w| bad.clone_into(&mut w.onboarding_url)), Err(vec![Field::OnboardingUrl]), "{bad}");
    }
    assert_eq!(case(&|w| "Acme \u{202e}cnyS".clone_into(&mut w.name)), Err(vec![Field::Name]));
    assert_eq!(case(&|w| "a\u{2066}b".clone_into(&mut w.description)), Err(vec![Field::Description]));
    let many = |w: &mut Written| w.redirect_uris = (0..21).map(|n| format!("https://acme.test/{n}")).collect();
    assert_eq!(case(&many), Err(vec![Field::RedirectUris]));
}

#[test]
fn private_scopes_are_given_and_kept_but_not_taken() {
    let private = ScopeSet::parse("logs:delete").expect("a scope");
    let wanted = Written { scopes: vec!["logs:delete".to_owned()], ..written() };
    let asked = |author, held: &ScopeSet| wanted.proved(&catalogue(), author, held).map(|d| d.scopes);
    assert!(asked(Author::Member, &ScopeSet::default()).is_err());
    assert_eq!(asked(Author::Operator, &ScopeSet::default()), Ok(private.clone()));
    assert_eq!(asked(Author::Member, &private), Ok(private));
}

#[test]
fn a_scope_has_two_names_and_is_listed_once() {
    let entry = |name: &str, visibility| {
        let words = ("Words".to_owned(), "Things".to_owned());
        ScopeEntry::new(ScopeToken::parse(name).expect("a scope"), words, Risk::High, visibility)
    };
    let catalogue = Catalogue::new(vec![entry(API_KEYS_WRITE, Visibility::Private)]).expect("one scope");
    let wanted = Written { scopes: vec![" api_keys_write ".to_owned(), API_KEYS_WRITE.to_owned()], ..written() };
    let held = ScopeSet::parse(API_KEYS_WRITE).expect("a scope");
    for (author, before) in [(Author::Operator, &ScopeSet::default()), (Author::Member, &held)] {
        assert_eq!(wanted.proved(&catalogue, author, before).map(|d| d.scopes).as_ref(), Ok(&held), "{author:?}");
    }
    let flaws = wanted.proved(&catalogue, Author::Member, &ScopeSet::default()).expect_err("it is private by either name");
    assert!(flaws.iter().all(|f| matches!(&f.fault, Fault::PrivateScope(s) if s.as_str() == API_KEYS_WRITE)), "{flaws:?}");
}

#[test]
fn what_an_authorization_code_does_not_give_is_not_for_apps() {
    let words = ("Words".to_owned(), "Things".to_owned());
    let name = ScopeToken::parse("logs:push").expect("a scope");
    let entry = ScopeEntry::new(name, words, Risk::Low, Visibility::Public);
    let machines = Catalogue::new(vec![ScopeEntry { given_by: vec![GrantFlow::ClientCredentials], ..entry }]).expect("one scope");
    let wanted = Written { scopes: vec!["logs:push".to_owned()], ..written() };
    for author in [Author::Member, Author::Operator] {
        let flaws = wanted.proved(&machines, author, &ScopeSet::default()).expect_err("no user can give it");
        assert!(matches!(&flaws[..], [Flaw { fault: Fault::NotForApps(_), .. }]), "{flaws:?}");
    }
    let before = ScopeSet::parse("logs:push").expect("a scope");
    assert_eq!(wanted.proved(&machines, Author::Member, &before).map(|d| d.scopes), Ok(before), "what it lists it may keep");
}

#[test]
fn what_is_deprecated_is_kept_and_not_taken_up() {
    let entry = |name: &str| {
        let words = ("Words".to_owned(), "Things".to_owned());
        ScopeEntry::new(ScopeToken::parse(name).expect("a scope"), words, Risk::Low, Visibility::Public)
    };
    let replaced_by = ScopeToken::parse("logs:query").ok();
    let old = ScopeEntry { deprecated: Some(Deprecation { replaced_by }), ..entry("logs:read") };
    let catalogue = Catalogue::new(vec![old, entry("logs:query")]).expect("few scopes");
    let wanted = Written { scopes: vec!["logs:read".to_owned()], ..written() };
    let flaws = wanted.proved(&catalogue, Author::Operator, &ScopeSet::default()).expect_err("nobody takes it up");
    let said: Vec<_> = flaws.iter().map(ToString::to_string).collect();
    assert_eq!(said, ["scopes: logs:read is deprecated; ask for logs:query instead"]);
    let before = ScopeSet::parse("logs:read").expect("a scope");
    assert_eq!(wanted.proved(&catalogue, Author::Member, &before).map(|d| d.scopes), Ok(before));
}

#[test]
fn differences_are_by_field_and_entry() {
    let before = proved(&written()).expect("nothing is wrong");
    assert!(difference(&before, &before).is_empty());
    let changed = Written {
        name: "Acme Copy".to_owned(),
        onboarding_url: String::new(),
        scopes: vec!["logs:read".to_owned()],
        redirect_uris: vec!["https://acme.test/cb".to_owned(), "https://acme.test/cb2".to_owned()],
        ..written()
    };
    let after = proved(&changed).expect("nothing is wrong");
    let change = |field, removed: &[&str], added: &[&str]| {
        let owned = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect();
        Change { field, removed: owned(removed), added: owned(added) }
    };
    assert_eq!(
        difference(&before, &after),
        [
            change(Field::Name, &["Acme Sync"], &["Acme Copy"]),
            change(Field::OnboardingUrl, &["https://acme.test/start"], &[]),
            change(Field::RedirectUris, &[], &["https://acme.test/cb2"]),
            change(Field::Scopes, &["metrics:read"], &[]),
        ]
    );
}

#[test]
fn each_unmet_precondition_is_named() {
    let unmet = |app: &App, kind, last: Option<&AppVersion>| {
        conditions(app, (kind, &ScopeSet::default()), last, &catalogue())
            .into_iter()
            .filter(|c| !c.met)
            .map(|c| c.need)
            .collect::<Vec<_>>()
    };
    let ready = app(proved(&written()).expect("nothing is wrong"));
    assert!(unmet(&ready, ClientKind::Confidential, None).is_empty());
    let bare = App { maturity: Maturity::InWork, state: AppState::Disabled, ..app(Definition::default()) };
    let all = [
        Need::Description,
        Need::Documentation,
        Need::Uninstall,
        Need::Onboarding,
        Need::RedirectUris,
        Need::Scopes,
        Need::Stable,
        Need::Active,
    ];
    assert_eq!(unmet(&bare, ClientKind::Confidential, None), all);
    let same = AppVersion { number: 1, definition: ready.draft.clone(), published_at: AT, published_by: None };
    assert_eq!(unmet(&ready, ClientKind::Confidential, Some(&same)), [Need::Change]);
    let local = Written {
        redirect_uris: vec!["https://acme.test/cb".to_owned(), "http://127.0.0.1/cb".to_owned()],
        onboarding_url: "http://localhost:4000/".to_owned(),
        ..written()
    };
    let local = app(proved(&local).expect("fine for a draft"));
    assert_eq!(unmet(&local, ClientKind::Confidential, None), [Need::Onboarding, Need::RedirectUris]);
    assert_eq!(unmet(&local, ClientKind::Public, None), [Need::Onboarding]);
    let gone = conditions(&ready, (ClientKind::Confidential, &ScopeSet::default()), None, &Catalogue::default());
    assert_eq!(gone.into_iter().filter(|c| !c.met).map(|c| c.need).collect::<Vec<_>>(), [Need::Scopes]);
}

#[test]
fn a_private_scope_that_was_not_approved_is_named() {
    let private = ScopeSet::parse("logs:delete").expect("a scope");
    let wanted = Written { scopes: vec!["logs:delete".to_owned(), "logs:read".to_owned()], ..written() };
    let held = app(wanted.proved(&catalogue(), Author::Member, &private).expect("it was given once"));
    let unmet = |approved: &ScopeSet| {
        let all = conditions(&held, (ClientKind::Public, approved), None, &catalogue()).into_iter();
        all.filter(|c| !c.met).map(|c| c.need).collect::<Vec<_>>()
    };
    assert_eq!(unmet(&private), []);
    let missing = unmet(&ScopeSet::parse("logs:read").expect("a scope"));
    assert_eq!(missing, [Need::Approvals(private)]);
    let said = Refusal::Unready(missing).to_string();
    assert!(said.contains("Not approved: logs:delete. Ask the operator for what is missing, or take it out"), "{said}");
}

#[test]
fn a_manifest_goes_there_and_back_and_nothing_strange_comes_in() {
    let (uuid, definition) = (AppUuid::generate(&SeededEntropy::new(3)), proved(&written()).expect("nothing is wrong"));
    let manifest = Manifest::of(&uuid, &definition, ClientKind::Confidential);
    let text = manifest.to_text();
    assert_eq!(Manifest::read(&text), Ok(manifest.clone()));
    assert_eq!(proved(&manifest.written()), Ok(definition));
    assert!(!text.contains("cl_") && !text.contains("tg_cs_") && text.ends_with("}\n"), "{text}");
    let refused = |text: &str| match Manifest::read(text) {
        Err(Refusal::Manifest(why)) => why.to_string(),
        other => panic!("{other:?}"),
    };
    assert!(refused(&text.replacen('{', "{\"client_secret\": \"x\",", 1)).contains("client_secret"));
    assert!(refused(&text.replace("\"kind\"", "\"colour\": 1, \"kind\"")).contains("colour"));
    assert!(refused(&text.replace("\"manifest_version\": 1", "\"manifest_version\": 2")).contains("format 2"));
    assert!(refused(&text.replace(uuid.as_str(), "no-uuid")).contains("UUID"));
    assert!(refused(&format!("{text}{}", " ".repeat(64 << 10))).contains("bytes"));
    assert!(refused("{}").contains("manifest_version"));
    assert!(refused(&text.replace("    \"kind\": \"confidential\",\n", "")).contains("`kind`"));
}

#[test]
fn a_manifest_is_refused_for_what_is_wrong_with_it() {
    let definition = proved(&written()).expect("nothing is wrong");
    let manifest = Manifest::of(&AppUuid::generate(&SeededEntropy::new(3)), &definition, ClientKind::Public);
    let value = serde_json::to_value(&manifest).expect("JSON");
    let mut fields: Vec<_> = value.as_object().expect("an object").keys().cloned().collect();
    fields.sort();
    let fault = |value: &serde_json::Value| match Manifest::read(&value.to_string()) {
        Err(Refusal::Manifest(fault)) => Some(fault),
        Ok(_) => None,
        other => panic!("{other:?}"),
    };
    let mut needed = Vec::new();
    for name in &fields {
        let mut without = value.clone();
        without.as_object_mut().expect("an object").remove(name);
        match fault(&without) {
            Some(ManifestFault::Missing(missing)) if missing == name.as_str() => needed.push(missing),
            None => {}
            other => panic!("{name}: {other:?}"),
        }
        let mut renamed = value.clone();
        renamed[format!("{name}_")] = "x".into();
        assert_eq!(fault(&renamed), Some(ManifestFault::Unknown(format!("{name}_"))));
    }
    assert_eq!((fields.len(), needed), (10, vec!["app_uuid", "client", "manifest_version", "name"]));
    let mut misfit = value;
    misfit["name"] = 7.into();
    assert!(matches!(fault(&misfit), Some(ManifestFault::Unfit { line: 1, .. })));
    assert!(matches!(Manifest::read("{\n  oops"), Err(Refusal::Manifest(ManifestFault::NoJson { line: 2, .. }))));
}

#[test]
fn the_life_of_tokens_is_bounded_and_a_part_of_what_is_published() {
    for wrong in [0, MAX_TTL + 1] {
        let flaws = proved(&Written { access_token_ttl: Some(wrong), ..written() }).expect_err("out of bounds");
        assert_eq!(flaws, [Flaw { field: Field::AccessTokenTtl, fault: Fault::Lifetime }], "{wrong}");
    }
    let before = proved(&Written { access_token_ttl: None, require_state: false, ..written() }).expect("a definition");
    let after = proved(&Written { access_token_ttl: Some(MAX_TTL), ..written() }).expect("a definition");
    let change = |field, added: &str| Change { field, removed: Vec::new(), added: vec![added.to_owned()] };
    let wanted = [change(Field::AccessTokenTtl, "86400"), change(Field::RequireState, "true")];
    assert_eq!(difference(&before, &after), wanted);
    let uuid = AppUuid::generate(&SeededEntropy::new(1));
    let plain = Manifest::of(&uuid, &before, ClientKind::Public);
    let client = serde_json::to_value(&plain.client).expect("JSON");
    assert_eq!(client, serde_json::json!({ "kind": "public" }), "gateways that don't know the fields read it");
    let carried = Manifest::read(&Manifest::of(&uuid, &after, ClientKind::Public).to_text()).expect("a manifest");
    assert_eq!(proved(&carried.written()), Ok(after));
}
