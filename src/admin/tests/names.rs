//! Whom the operator's log names, told to a node and to its admin API: as the pages do.

use std::time::Duration;

use futures::StreamExt as _;
use tokio_util::sync::CancellationToken;

use super::served;
use crate::account::tests::world::{START, World, call};
use crate::admin::{Administration, AuditQuery, Local, Remote};
use crate::record::Decision;
use crate::types::RequestId;

#[tokio::test]
async fn the_log_names_users_clients_and_organizations_as_the_page_does_beside_their_ids() {
    let world = World::new().await;
    let client = world.client("Nightly import").await;
    let grant = world.consent(&world.bob, &world.acme, &client, "metrics:read").await;
    let (admin, secret) = served(&world.node, CancellationToken::new()).await;
    let ways: [Box<dyn Administration>; 2] =
        [Box::new(Local::new(world.node.clone())), Box::new(Remote::new(admin, secret).expect("a client"))];
    for (n, admin) in ways.iter().enumerate() {
        let query = AuditQuery { operation: Some("prometheus.query".to_owned()), ..AuditQuery::default() };
        let mut tail = admin.tail_audit(query.clone()).await.expect("a stream");
        let mut record = call(&grant, &client, START, Decision::Allowed);
        record.origin.request = RequestId::parse(&format!("req_{n}")).expect("an id");
        // A token that was worth nothing when it came: its client is known by the id alone.
        record.actor.client_name = None;
        world.happened(std::slice::from_ref(&record)).await;
        let told = tokio::time::timeout(Duration::from_secs(10), tail.next()).await.expect("in time");
        let told = told.expect("a record").expect("no fault");
        let searched = admin.search_audit(query).await.expect("a page").records;
        assert!(searched.contains(&told), "a search tells the same: {searched:?}");
        assert_eq!((told.who.as_str(), told.org_name.as_deref()), ("Nightly import for bob@acme.test", Some("The acme company")));
        assert_eq!(told.org.as_ref(), Some(&world.acme.id));
        let ids = told.ocsf.to_string();
        for id in [client.id.as_str(), world.bob.id.as_str(), world.acme.id.as_str()] {
            assert!(ids.contains(id), "{id}: {ids}");
        }
        let ada = world.sign_in(&world.ada).await;
        let page = world.get(Some(&ada), "/orgs/acme/audit").await.body;
        for name in ["Nightly import", "bob@acme.test"] {
            assert!(page.contains(name), "{name}: {page}");
        }
    }
}
