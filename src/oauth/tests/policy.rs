//! What an organization decided about a client, as its members meet it.

use http::StatusCode;

use super::rig::{Browser, PASSWORD, Rig, pair_of};
use crate::store::{Listed, NewClients, Verdict};
use crate::types::{ClientId, ScopeSet};

async fn signed_in(rig: &Rig) -> (Browser<'_>, String, ClientId) {
    let client = rig.registered().await;
    let mut browser = Browser::new(rig);
    browser.sign_in("ada@acme.test", PASSWORD).await;
    let id = ClientId::parse(&client).expect("an id");
    (browser, client, id)
}

#[tokio::test]
async fn a_blocked_client_is_not_offered_there_and_gets_nothing() {
    let rig = Rig::new().await;
    let (mut browser, client, id) = signed_in(&rig).await;
    let (access, refresh) = rig.pair(&client, &[]).await;
    rig.node.store.decide_client(&rig.acme.id, &id, Verdict::Block, &rig.cause()).await.expect("decided");
    rig.node.settle().await.expect("settled");
    assert!(!rig.works(&access).await);
    assert_eq!(rig.refresh(&client, &refresh, &[]).await.error(), "invalid_grant");
    let (at, page) = browser.consent_page(&client, &[]).await;
    assert!(!page.body.contains("value=\"org_") || !page.body.contains(rig.acme.id.as_str()), "{}", page.body);
    let answer = browser.approve(&at, &page).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "a form that names it anyway");
    rig.node.store.decide_client(&rig.beta.id, &id, Verdict::Block, &rig.cause()).await.expect("decided");
    let (_, page) = browser.consent_page(&client, &[]).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.body.contains("Your organization blocked this application"), "{}", page.body);
}

#[tokio::test]
async fn consent_to_a_new_client_puts_it_into_the_queue() {
    let rig = Rig::new().await;
    let store = &rig.node.store;
    store.set_new_clients(&rig.acme.id, NewClients::Approval, &rig.cause()).await.expect("decided");
    let (mut browser, client, id) = signed_in(&rig).await;
    let (at, page) = browser.consent_page(&client, &[]).await;
    assert!(page.body.contains("an administrator approves it first"), "{}", page.body);
    for _ in 0..2 {
        let answer = browser.approve(&at, &page).await;
        assert_eq!((answer.status, answer.location()), (StatusCode::FORBIDDEN, ""), "{}", answer.body);
        assert!(answer.body.contains("Yours were told"), "{}", answer.body);
    }
    let waiting = store.clients_of_org(&rig.acme.id, Listed::Waiting, rig.node.now(), (0, 10)).await.expect("the queue");
    assert_eq!(waiting.iter().map(|w| &w.client.id).collect::<Vec<_>>(), [&id]);
    assert_eq!(waiting[0].asked.as_ref().and_then(|(user, _)| user.as_ref()), Some(&rig.ada.id));
    store.decide_client(&rig.acme.id, &id, Verdict::Allow, &rig.cause()).await.expect("decided");
    let answer = browser.approve(&at, &page).await;
    let code = answer.sent("code").unwrap_or_else(|| panic!("the same request goes on: {}", answer.body));
    let (access, _) = pair_of(&rig.exchange(&client, &code).await);
    assert!(rig.works(&access).await);
}

#[tokio::test]
async fn the_page_says_what_the_organization_does_not_allow() {
    let rig = Rig::new().await;
    let (mut browser, client, id) = signed_in(&rig).await;
    for org in [&rig.acme.id, &rig.beta.id] {
        rig.node.store.restrict_client(org, &id, Some(&ScopeSet::default()), &rig.cause()).await.expect("decided");
    }
    let (_, page) = browser.consent_page(&client, &[("scope", "logs:read")]).await;
    assert!(page.body.contains("Your organization doesn&#39;t let this application do this"), "{}", page.body);
}
