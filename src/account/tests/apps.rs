//! `/orgs/{org}/apps`.

use std::time::Duration;

use http::StatusCode;

use super::world::{Answer, Browser, START, World, scopes};
use crate::apps::{Author, Workshop};
use crate::store::{App, ClientState, Holder, Org, ScopeRefusal, Stage};

const DEFINITION: &str = "name=Acme+Sync&description=Copies+metrics.&documentation_url=https%3A%2F%2Facme.test%2Fdocs\
    &uninstall_instructions=Press+Uninstall.&onboarding_url=https%3A%2F%2Facme.test%2Fstart\
    &redirect_uris=https%3A%2F%2Facme.test%2Fcb%0D%0A&scopes=metrics%3Aread";

fn location(answer: &Answer) -> &str {
    answer.headers.get("location").and_then(|v| v.to_str().ok()).unwrap_or_default()
}

async fn only(world: &World, org: &Org) -> App {
    let mut apps = world.node.store.apps(Some(&org.id)).await.expect("apps");
    assert_eq!(apps.len(), 1);
    apps.remove(0)
}

async fn post(world: &World, who: &Browser, path: &str, form: &str) -> Answer {
    let form = format!("csrf={}&{form}", who.csrf);
    world.post(who, path, &form, &[("sec-fetch-site", "same-origin")]).await
}

/// Ada makes the app of [`DEFINITION`]: where its page is.
async fn made(world: &World, ada: &Browser) -> (String, Answer) {
    let answer = post(world, ada, "/orgs/acme/apps/new", &format!("{DEFINITION}&kind=confidential&save=1")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    (format!("/orgs/acme/apps/{}", only(world, &world.acme).await.id), answer)
}

fn secret(answer: &Answer) -> String {
    let (_, rest) = answer.body.split_once("id=\"client-secret\">").unwrap_or_else(|| panic!("no secret: {}", answer.body));
    rest.split('<').next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_partner_makes_an_app_publishes_it_changes_it_and_publishes_again() {
    let world = World::new().await;
    let ada = world.sign_in(&world.ada).await;
    let empty = world.get(Some(&ada), "/orgs/acme/apps").await;
    assert!(empty.status == StatusCode::OK && empty.body.contains("No apps yet"), "{}", empty.body);
    let (path, page) = made(&world, &ada).await;
    let first = secret(&page);
    assert!(first.starts_with("tg_cs_"), "{first}");
    let again = world.get(Some(&ada), &path).await;
    assert!(!again.body.contains(&first) && again.body.contains(&first[first.len() - 4..]), "a secret is shown once");
    for told in ["As this gateway is set up", "<span class=\"muted\">No</span>"] {
        assert!(again.body.contains(told), "what is not set has a meaning: {told}: {}", again.body);
    }
    assert!(again.body.contains("Its draft is marked stable."), "what is missing is named: {}", again.body);

    let publish = format!("{path}/publish");
    let early = post(&world, &ada, &publish, "revision=1&publish=1").await;
    assert!(early.status == StatusCode::CONFLICT && early.body.contains("marked stable"), "{}", early.body);
    let marked = post(&world, &ada, &path, "mark-stable=1").await;
    assert!(marked.body.contains("The draft is marked stable."), "{}", marked.body);
    let other = post(&world, &ada, &publish, "revision=1&app_uuid=another&publish=1").await;
    assert!(other.body.contains("must agree"), "{}", other.body);
    let done = post(&world, &ada, &publish, "revision=1&publish=1").await;
    assert!(done.body.contains("Version 1 is published."), "{}", done.body);
    let second = secret(&done);
    assert!(second.starts_with("tg_cs_") && second != first);
    let app = only(&world, &world.acme).await;
    assert!(done.body.contains(app.uuid.as_str()), "what the integration's manifest must carry stands on the page");
    for later in [path.clone(), format!("{path}/publish"), format!("{path}/edit"), format!("{path}/manifest.json")] {
        let later = world.get(Some(&ada), &later).await;
        assert!(later.status == StatusCode::OK && !later.body.contains(&second), "published credentials are shown once");
    }
    let uuid = app.uuid.clone();
    let client = world.node.store.client(&app.published_client.expect("a client")).await.expect("read").expect("there");
    let grant = world.consent(&world.eve, &world.evil, &client, "metrics:read").await;
    let edited =
        post(&world, &ada, &format!("{path}/edit"), &format!("revision=1&{DEFINITION}&scopes=audit%3Aread&save=1")).await;
    assert_eq!((edited.status, location(&edited)), (StatusCode::SEE_OTHER, path.as_str()), "{}", edited.body);
    let page = world.get(Some(&ada), &format!("{path}/publish")).await;
    assert!(page.body.contains("<ins>audit:read</ins>") && page.body.contains("Publish version 2"), "{}", page.body);
    assert!(page.body.contains("<code>audit:read</code>"), "it was never tried, and is published below: {}", page.body);
    post(&world, &ada, &path, "mark-stable=1").await;
    let stale = post(&world, &ada, &publish, "revision=1&publish=1").await;
    assert!(stale.status == StatusCode::CONFLICT && stale.body.contains("changed by somebody else"), "{}", stale.body);
    let done = post(&world, &ada, &publish, "revision=2&publish=1").await;
    assert!(done.body.contains("Version 2 is published.") && !done.body.contains("id=\"client-secret\""), "{}", done.body);
    assert!(done.body.contains("ada@acme.test published it"), "{}", done.body);
    assert!(done.body.contains(uuid.as_str()) && only(&world, &world.acme).await.uuid == uuid, "a later version keeps it");
    assert!(world.is_live(&grant).await);

    let gone = post(&world, &ada, &format!("{path}/delete"), "delete=1").await;
    assert_eq!(location(&gone), "/orgs/acme/apps?deleted=1");
    assert!(!world.is_live(&grant).await);
    assert_eq!(world.get(Some(&ada), &path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn only_those_who_may_see_and_change_apps() {
    let world = World::new().await;
    let ada = world.sign_in(&world.ada).await;
    let (path, _) = made(&world, &ada).await;
    let (bob, eve) = (world.sign_in(&world.bob).await, world.sign_in(&world.eve).await);
    let gets = ["", "/edit", "/publish", "/delete", "/manifest.json"].map(|end| format!("{path}{end}"));
    let lists = ["/orgs/acme/apps", "/orgs/acme/apps/new", "/orgs/acme/apps/import"].map(ToOwned::to_owned);
    for address in gets.iter().chain(&lists) {
        for stranger in [&bob, &eve] {
            let answer = world.get(Some(stranger), address).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{address}");
            assert!(!answer.body.contains("Acme Sync"), "{address}");
        }
        let nobody = world.get(None, address).await;
        assert!(location(&nobody).starts_with("/login?next="), "{address}");
        assert_eq!(world.get(Some(&ada), address).await.status, StatusCode::OK, "{address}");
    }
    // Of another organization that she administers, Eve can't reach it either.
    let foreign = path.replace("/acme/", "/evil/");
    assert_eq!(world.get(Some(&eve), &foreign).await.status, StatusCode::NOT_FOUND);
    for address in [&path, &format!("{path}/edit"), &format!("{path}/publish"), &format!("{path}/delete"), &foreign] {
        let answer = post(&world, &eve, address, "disable=1&delete=1&publish=1&save=1").await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{address}");
    }
    for (csrf, headers) in [("", &[][..]), (eve.csrf.as_str(), &[]), (ada.csrf.as_str(), &[("sec-fetch-site", "cross-site")])] {
        for address in [&path, &format!("{path}/delete"), &format!("{path}/publish"), &format!("{path}/edit")] {
            let answer = world.post(&ada, address, &format!("csrf={csrf}&disable=1&delete=1"), headers).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{address}");
        }
    }
    let still = only(&world, &world.acme).await;
    assert_eq!((still.state, still.revision), (crate::store::AppState::Active, 1));
}

#[tokio::test]
async fn the_catalogue_is_searched_without_losing_what_was_entered() {
    let world = World::new().await;
    let ada = world.sign_in(&world.ada).await;
    let form = format!("{DEFINITION}&kind=public&find=audit&search=1");
    let page = post(&world, &ada, "/orgs/acme/apps/new", &form).await;
    assert_eq!(page.status, StatusCode::OK);
    for kept in [
        "value=\"Acme Sync\"",
        "value=\"audit:read\"",
        "value=\"metrics:read\" aria-describedby=\"scopes-hint\" checked",
        "Copies metrics.",
        "ask for the least; more can be added with a later version",
    ] {
        assert!(page.body.contains(kept), "{kept}: {}", page.body);
    }
    assert!(page.body.contains("id=\"kind-public\" name=\"kind\" value=\"public\" required checked"), "{}", page.body);
    assert!(!page.body.contains("value=\"upstream:inspect\""), "private scopes are nobody's to ask for");
    assert!(!page.body.contains("value=\"mcp:tollgate:invoke\"") && page.body.contains("more don't match"), "{}", page.body);
    assert!(world.node.store.apps(None).await.expect("apps").is_empty(), "a search saves nothing");
    let by_address = world.get(Some(&ada), "/orgs/acme/apps/new?find=audit").await;
    assert!(by_address.body.contains("value=\"audit:read\"") && !by_address.body.contains("value=\"mcp:tollgate:invoke\""));

    let flawed =
        post(&world, &ada, "/orgs/acme/apps/new", "name=&redirect_uris=nowhere&scopes=upstream%3Ainspect&kind=public&save=1")
            .await;
    assert_eq!(flawed.status, StatusCode::UNPROCESSABLE_ENTITY);
    for named in ["The name needs 1 to 100 characters", "The redirect URI", "upstream:inspect is private", "\nnowhere</textarea>"]
    {
        assert!(flawed.body.contains(named), "{named}: {}", flawed.body);
    }
}

#[tokio::test]
async fn secrets_are_added_and_removed_but_never_the_last() {
    let world = World::new().await;
    let ada = world.sign_in(&world.ada).await;
    let (path, _) = made(&world, &ada).await;
    let app = only(&world, &world.acme).await;
    let secrets = async || world.node.store.live_secrets(&app.draft_client, world.node.now()).await.expect("secrets");
    let last = secrets().await[0].id();
    let kept = post(&world, &ada, &path, &format!("remove-secret-draft={last}")).await;
    assert!(kept.status == StatusCode::CONFLICT && kept.body.contains("only secret"), "{}", kept.body);
    let added = post(&world, &ada, &path, "overlap=86400&add-secret-draft=1").await;
    assert!(secret(&added).starts_with("tg_cs_") && added.body.contains("ends "), "{}", added.body);
    let asked = world.get(Some(&ada), &format!("{path}?confirm=remove-draft-{last}")).await;
    assert!(asked.body.contains("Remove the secret that ends in") && secrets().await.len() == 2, "{}", asked.body);
    let removed = post(&world, &ada, &path, &format!("remove-secret-draft={last}")).await;
    assert!(removed.body.contains("The secret is removed"), "{}", removed.body);
    assert_eq!(secrets().await.len(), 1);
    let early = post(&world, &ada, &path, "add-secret-published=1").await;
    assert!(early.body.contains("not published yet"), "{}", early.body);
}

#[tokio::test]
async fn what_the_operator_froze_is_not_changed_by_way_of_its_app() {
    let world = World::new().await;
    let ada = world.sign_in(&world.ada).await;
    let (path, _) = made(&world, &ada).await;
    post(&world, &ada, &path, "add-secret-draft=1").await;
    post(&world, &ada, &path, "mark-stable=1").await;
    let (store, cause) = (&world.node.store, world.node.own_cause());
    let app = only(&world, &world.acme).await;
    let first = store.live_secrets(&app.draft_client, world.node.now()).await.expect("secrets")[0].id();
    let refuses = async |acts: &[(&str, &str)]| {
        for (below, form) in acts {
            let answer = post(&world, &ada, &format!("{path}{below}"), form).await;
            assert_eq!(answer.status, StatusCode::CONFLICT, "{below} {form}: {}", answer.body);
            assert!(answer.body.contains("froze a client of this app; ask them to thaw it"), "{below} {form}: {}", answer.body);
        }
    };
    let remove = format!("remove-secret-draft={first}");
    let renamed = format!("revision=1&{}&save=1", DEFINITION.replace("Sync", "Other"));
    let publish = "revision=1&publish=1";

    store.set_client_state(&app.draft_client, ClientState::Frozen, &cause).await.expect("frozen");
    refuses(&[("", "add-secret-draft=1"), ("", &remove), ("/edit", &renamed), ("/publish", publish)]).await;
    assert_eq!(only(&world, &world.acme).await, app, "nothing of it was done");
    let operator = Workshop::new(&world.node, Author::Operator, cause.clone());
    operator.remove_secret(&app, Stage::Draft, &first).await.expect("the operator may");

    store.set_client_state(&app.draft_client, ClientState::Active, &cause).await.expect("thawed");
    let done = post(&world, &ada, &path, "add-secret-draft=1").await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    let done = post(&world, &ada, &format!("{path}/publish"), publish).await;
    assert!(done.body.contains("Version 1 is published."), "{}", done.body);
    let published = only(&world, &world.acme).await.published_client.expect("a client");
    store.set_client_state(&published, ClientState::Frozen, &cause).await.expect("frozen");
    let edited = post(&world, &ada, &format!("{path}/edit"), &renamed).await;
    assert_eq!(edited.status, StatusCode::SEE_OTHER, "a draft is another client's: {}", edited.body);
    post(&world, &ada, &path, "mark-stable=1").await;
    refuses(&[("", "add-secret-published=1"), ("/publish", "revision=2&publish=1")]).await;
    let kept = store.client(&published).await.expect("an answer").expect("it is there");
    assert_eq!((kept.name.as_str(), kept.state), ("Acme Sync", ClientState::Frozen));
}

#[tokio::test]
async fn the_pages_of_an_app_tell_what_keeps_it_from_working() {
    let world = World::new().await;
    let ada = world.sign_in(&world.ada).await;
    let (path, _) = made(&world, &ada).await;
    let app = only(&world, &world.acme).await;
    let (store, cause, publish) = (&world.node.store, world.node.own_cause(), format!("{path}/publish"));
    let tells = async |what: &str| {
        let mut all = Vec::new();
        for place in [path.as_str(), publish.as_str()] {
            all.push(world.get(Some(&ada), place).await.body.contains(what));
        }
        all
    };
    let listed = async |what: &str| world.get(Some(&ada), "/orgs/acme/apps").await.body.contains(what);
    let (frozen, off) = ("The operator of this gateway froze the draft client", "The draft client is switched off");
    assert_eq!(tells(frozen).await, [false, false]);

    store.set_client_state(&app.draft_client, ClientState::Frozen, &cause).await.expect("frozen");
    assert_eq!((tells(frozen).await, tells("It was done <time").await), (vec![true, true], vec![true, true]));
    assert!(listed("Frozen by the operator").await);

    store.set_client_state(&app.draft_client, ClientState::Active, &cause).await.expect("thawed");
    assert_eq!(tells(frozen).await, [false, false]);
    assert!(!listed("Frozen by the operator").await);
    store.set_unfrozen_client_state(&app.draft_client, ClientState::Disabled, &cause).await.expect("off");
    assert_eq!(tells(off).await, [true, true]);
    store.set_unfrozen_client_state(&app.draft_client, ClientState::Active, &cause).await.expect("on");

    post(&world, &ada, &path, "disable=1").await;
    assert_eq!(tells("The app is switched off: no token").await, [true, true]);
    assert_eq!((tells(off).await, tells(" did so <time").await), (vec![false, false], vec![true, true]));
}

#[tokio::test]
async fn a_new_secret_ends_when_its_maker_says() {
    let world = World::new().await;
    let ada = world.sign_in(&world.ada).await;
    let (path, _) = made(&world, &ada).await;
    let page = world.get(Some(&ada), &path).await;
    assert!(page.body.contains("<select class=\"short\" id=\"lives-draft\" name=\"lives\">"), "{}", page.body);
    let app = only(&world, &world.acme).await;
    post(&world, &ada, &path, "overlap=&lives=2592000&add-secret-draft=1").await;
    let all = world.node.store.live_secrets(&app.draft_client, world.node.now()).await.expect("secrets");
    let month = world.node.now().plus(std::time::Duration::from_hours(24 * 30));
    let mut ends: Vec<_> = all.iter().map(|s| s.expires_at).collect();
    ends.sort();
    assert_eq!(ends, [None, Some(month)]);
    for refused in ["0", "316224001", "soon"] {
        let answer = post(&world, &ada, &path, &format!("lives={refused}&add-secret-draft=1")).await;
        assert!(answer.status == StatusCode::CONFLICT && answer.body.contains("ten years"), "{refused}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_manifest_goes_to_another_organization() {
    let world = World::new().await;
    let ada = world.sign_in(&world.ada).await;
    let (path, _) = made(&world, &ada).await;
    let file = world.get(Some(&ada), &format!("{path}/manifest.json")).await;
    assert_eq!(file.headers.get("content-type").and_then(|v| v.to_str().ok()), Some("application/json"));
    assert!(file.headers.get("content-disposition").is_some_and(|v| v.as_bytes().starts_with(b"attachment")));
    let eve = world.sign_in(&world.eve).await;
    let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let form = format!("manifest={}&import=1", encoded(&file.body));
    let there = post(&world, &eve, "/orgs/evil/apps/import", &form).await;
    assert!(there.status == StatusCode::OK && secret(&there).starts_with("tg_cs_"), "{}", there.body);
    let (mine, theirs) = (only(&world, &world.acme).await, only(&world, &world.evil).await);
    assert_eq!((&mine.uuid, &mine.draft), (&theirs.uuid, &theirs.draft));
    assert!(mine.id != theirs.id && mine.draft_client != theirs.draft_client);
    let again = post(&world, &eve, "/orgs/evil/apps/import", &form).await;
    assert!(again.status == StatusCode::OK && again.body.contains("now what the manifest says"), "{}", again.body);
    assert_eq!(only(&world, &world.evil).await.revision, theirs.revision, "a second import changes nothing");
    let mut private: serde_json::Value = serde_json::from_str(&file.body).expect("JSON");
    private["scopes"].as_array_mut().expect("scopes").push("api_keys:write".into());
    let private = format!("manifest={}&import=1", encoded(&private.to_string()));
    let without = post(&world, &eve, "/orgs/evil/apps/import", &private).await;
    assert!(without.body.contains("Left out") && without.body.contains("api_keys:write"), "{}", without.body);
    assert_eq!(only(&world, &world.evil).await.draft.scopes, theirs.draft.scopes);
    let broken = format!("manifest={}&import=1", encoded("{\"manifest_version\": 9}</textarea>"));
    let refused = post(&world, &eve, "/orgs/evil/apps/import", &broken).await;
    assert!(refused.status == StatusCode::UNPROCESSABLE_ENTITY && refused.body.contains("no manifest"), "{}", refused.body);
}

#[tokio::test]
async fn what_stops_others_is_asked_about_first() {
    let world = World::new().await;
    let ada = world.sign_in(&world.ada).await;
    let (path, _) = made(&world, &ada).await;
    let asked = world.get(Some(&ada), &format!("{path}?confirm=disable")).await;
    assert!(asked.body.contains("Switch Acme Sync off?") && asked.body.contains("name=\"disable\""), "{}", asked.body);
    let state = async || only(&world, &world.acme).await.state;
    assert_eq!(state().await, crate::store::AppState::Active, "asking changes nothing");
    let page = world.get(Some(&ada), &path).await;
    assert!(!page.body.contains("name=\"disable\""), "the page itself only asks: {}", page.body);
    post(&world, &ada, &path, "disable=1").await;
    assert_eq!(state().await, crate::store::AppState::Disabled);
    for nothing in ["disable", "remove-draft-0", "remove-draft-", "remove", "x"] {
        let page = world.get(Some(&ada), &format!("{path}?confirm={nothing}")).await;
        assert!(page.status == StatusCode::OK && !page.body.contains("id=\"confirm\""), "{nothing}: {}", page.body);
    }
}

#[tokio::test]
async fn a_private_scope_is_asked_for_and_the_answer_stands_on_the_page() {
    let world = World::new().await;
    let ada = world.sign_in(&world.ada).await;
    let (path, _) = made(&world, &ada).await;
    let ask = async |scope: &str, why: &str| {
        let form = format!("request-scope=1&private_scope={scope}&private_reason={why}");
        post(&world, &ada, &path, &form).await
    };
    for (scope, why, told) in [
        ("no:such", "x", "There is no permission"),
        ("metrics%3Aread", "x", "is not private"),
        ("api_keys%3Awrite", "+", "is missing"),
        ("api_keys%3Awrite", &"x".repeat(1001), "at most 1000"),
    ] {
        let refused = ask(scope, why).await;
        assert!(refused.status == StatusCode::CONFLICT && refused.body.contains(told), "{scope}: {}", refused.body);
    }
    let kept = ask("no:such", "Because+%3Cb%3E").await;
    assert!(kept.body.contains("value=\"no:such\"") && kept.body.contains("Because &#60;b&#62;"), "what was entered stays");
    let asked = ask("api_keys_write", "Our+agent+pushes.").await;
    for shown in
        ["The operator is asked for api_keys:write", "Waiting for the operator", "ada@acme.test asked", "“Our agent pushes.”"]
    {
        assert!(asked.body.contains(shown), "{shown}: {}", asked.body);
    }
    assert!(ask("api_keys%3Awrite", "again").await.body.contains("waits already"));
    let taken = post(&world, &ada, &path, "cancel-scope=api_keys%3Awrite").await;
    assert!(
        taken.body.contains("The request for api_keys:write is withdrawn.") && taken.body.contains(">Withdrawn<"),
        "{}",
        taken.body
    );
    assert!(post(&world, &ada, &path, "cancel-scope=api_keys%3Awrite").await.body.contains("No request for"));

    ask("api_keys%3Awrite", "Our+agent+pushes.").await;
    let (store, cause) = (&world.node.store, world.node.own_cause());
    let (holder, scope) = (Holder::App(only(&world, &world.acme).await.id), scopes("api_keys:write"));
    let scope = scope.iter().next().expect("a scope");
    let until = START.plus(Duration::from_hours(240));
    store.approve_scope(&holder, scope, until, Some("for a <b>day</b>"), &cause).await.expect("approved");
    let page = world.get(Some(&ada), &path).await;
    for shown in [">Approved<", "in 10 days", "“for a &#60;b&#62;day&#60;/b&#62;”"] {
        assert!(page.body.contains(shown), "{shown}: {}", page.body);
    }
    ask("api_keys%3Awrite", "For+longer.").await;
    let page = world.get(Some(&ada), &path).await;
    assert!(page.body.contains("What was given before goes on"), "{}", page.body);
    store.refuse_scope(&holder, scope, ScopeRefusal::Deny, None, &cause).await.expect("denied");
    assert!(world.get(Some(&ada), &path).await.body.contains(">Denied<"));
    let eve = world.sign_in(&world.eve).await;
    let foreign = post(&world, &eve, &path, "request-scope=1&private_scope=api_keys%3Awrite&private_reason=x").await;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn nothing_is_published_that_asks_for_a_private_scope_whose_approval_does_not_count() {
    let world = World::new().await;
    let ada = world.sign_in(&world.ada).await;
    let (path, _) = made(&world, &ada).await;
    let app = only(&world, &world.acme).await;
    let (store, cause, holder) = (&world.node.store, world.node.own_cause(), Holder::App(app.id.clone()));
    let private = scopes("api_keys:write");
    let scope = private.iter().next().expect("a scope");
    let until = |hours| world.node.now().plus(Duration::from_hours(hours));
    store.approve_scope(&holder, scope, until(1), None, &cause).await.expect("approved");
    let form = format!("revision=1&{DEFINITION}&scopes=api_keys%3Awrite&save=1");
    let edited = post(&world, &ada, &format!("{path}/edit"), &form).await;
    assert_eq!(edited.status, StatusCode::SEE_OTHER, "{}", edited.body);
    post(&world, &ada, &path, "mark-stable=1").await;

    store.refuse_scope(&holder, scope, ScopeRefusal::Withdraw, None, &cause).await.expect("withdrawn");
    let publish = format!("{path}/publish");
    let told = "Not approved: api_keys:write. Ask the operator for what is missing on the app&#39;s page, or take it out";
    for page in [&path, &publish] {
        let page = world.get(Some(&ada), page).await;
        assert!(page.body.contains(told), "{}", page.body);
    }
    let early = post(&world, &ada, &publish, "revision=2&publish=1").await;
    assert!(early.status == StatusCode::CONFLICT && early.body.contains(told), "{}", early.body);
    let operator = Workshop::new(&world.node, Author::Operator, cause.clone());
    let refused = operator.publish(&only(&world, &world.acme).await, None).await.expect_err("it would be refused to customers");
    assert!(refused.to_string().contains("Not approved: api_keys:write."), "{refused}");

    store.approve_scope(&holder, scope, until(1), None, &cause).await.expect("approved");
    let done = post(&world, &ada, &publish, "revision=2&publish=1").await;
    assert!(done.body.contains("Version 1 is published."), "{}", done.body);
}
