//! What SQLite reads to answer a search: never every grant of an organization, nor the whole log.

use sqlx::{Connection as _, Execute as _, QueryBuilder, Row as _, SqliteConnection};

use super::sought::{Authorized, Reach, Sought};
use super::{Db, audit_log, grants, installs, policy, review};
use crate::store::{ClientUseSearch, Cursor, GrantSearch, GrantStanding};
use crate::types::{AppId, ClientId, OrgId, RecordId, SystemEntropy, Timestamp, UserId};

const AT: Timestamp = Timestamp::from_millis(1_795_219_200_000);

/// How the engine means to run a statement, step by step.
async fn plan(connection: &mut SqliteConnection, mut query: QueryBuilder<Db>) -> Vec<String> {
    let mut statement = query.build();
    let arguments = statement.take_arguments().expect("arguments that fit").expect("arguments");
    let text = format!("EXPLAIN QUERY PLAN {}", statement.sql().as_str());
    let rows = sqlx::query_with(sqlx::AssertSqlSafe(text), arguments).fetch_all(connection).await.expect("a plan");
    rows.iter().map(|row| row.get("detail")).collect()
}

#[tokio::test]
async fn a_search_reads_the_grants_that_match() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite:{}/store.db", folder.path().display());
    let node = crate::types::NodeId::parse("node_1").expect("an id");
    let store = super::super::open(&url, &node, std::sync::Arc::new(SystemEntropy)).await.expect("a store");
    let mut connection = SqliteConnection::connect(&url).await.expect("a connection");
    let org = OrgId::generate(AT, &SystemEntropy);
    let every = GrantSearch { text: "some".to_owned(), ..GrantSearch::default() };
    let live = GrantSearch { standing: Some((GrantStanding::Live, AT)), ..every.clone() };
    let clients = ClientUseSearch { text: "some".to_owned(), ..ClientUseSearch::default() };
    let (few, client) = (Some(Reach::Few), ClientId::generate(AT, &SystemEntropy));
    for (what, query) in [
        ("grants, newest first", grants::newest_page(&org, (&every, few), None, 9)),
        ("live grants, newest first", grants::newest_page(&org, (&live, few), None, 9)),
        ("grants that idle", review::idle_page(&org, (&every, few), (0, 9))),
        ("live grants that idle", review::idle_page(&org, (&live, few), (0, 9))),
        ("clients of users", Sought::of("some").authorizing(&org, AT)),
        ("clients, in order", policy::known_in_order(&org, AT)),
        ("clients, some of users", policy::known(&org, &clients, AT, Some(&Authorized::Few(vec![client])))),
        ("clients, many of users", policy::known(&org, &clients, AT, Some(&Authorized::Many))),
    ] {
        let steps = plan(&mut connection, query).await;
        // Grants are `f` and `g`, their scopes `s`, `x` and `y`.
        let reads = steps.iter().filter(|s| ["f", "g", "s", "x", "y"].iter().any(|t| s.starts_with(&format!("SEARCH {t} "))));
        let narrow = |step: &&String| {
            ["user_id=?", "client_id=?", "(id=?", "scope=?", "scope>?", "grant_id=?", "holder=?"].iter().any(|c| step.contains(c))
        };
        // The first name of the scopes is one step at the start of the organization's.
        let wide: Vec<_> = reads.filter(|s| !narrow(s) && !s.starts_with("SEARCH x ")).collect();
        assert!(wide.is_empty(), "{what}: {wide:?} in {steps:#?}");
        assert!(
            !steps.iter().any(|s| ["SCAN f", "SCAN g", "SCAN s "].iter().any(|t| s.starts_with(t)) && !s.contains("SUBQUERY")),
            "{what}: {steps:#?}"
        );
        assert!(steps.iter().any(|s| s.contains("user_id=?") || s.contains("client_id=?")), "{what}: {steps:#?}");
    }
    connection.close().await.expect("closed");
    store.close().await;
}

#[tokio::test]
async fn a_page_of_own_events_reads_what_is_of_their_user() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite:{}/store.db", folder.path().display());
    let node = crate::types::NodeId::parse("node_1").expect("an id");
    let store = super::super::open(&url, &node, std::sync::Arc::new(SystemEntropy)).await.expect("a store");
    let mut connection = SqliteConnection::connect(&url).await.expect("a connection");
    let (org, user) = (OrgId::generate(AT, &SystemEntropy), UserId::generate(AT, &SystemEntropy));
    let cursor = Cursor { time: AT, id: RecordId::generate(AT, &SystemEntropy) };
    for (org, after) in [(None, None), (None, Some(&cursor)), (Some(&org), None), (Some(&org), Some(&cursor))] {
        let steps = plan(&mut connection, audit_log::events_page(&user, org, after, 25)).await;
        // The log is `r`, and `t` where a record is looked for that says the same.
        let own =
            ["audit_records_own_events (user_id=?", "audit_records_about (about=?", "audit_records_grant_events (grant_id=?"];
        for index in own {
            assert!(steps.iter().any(|s| s.starts_with("SEARCH r ") && s.contains(index)), "{index}: {steps:#?}");
        }
        let wide = |step: &&String| {
            let scans = ["SCAN r", "SCAN t", "SCAN g ", "SCAN audit_records"].iter().any(|t| step.starts_with(t));
            scans || (step.starts_with("SEARCH r ") && !own.iter().any(|index| step.contains(index)))
        };
        assert_eq!(steps.iter().find(wide), None, "{steps:#?}");
    }
    connection.close().await.expect("closed");
    store.close().await;
}

#[tokio::test]
async fn a_page_of_installations_reads_the_grants_of_its_apps() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite:{}/store.db", folder.path().display());
    let node = crate::types::NodeId::parse("node_1").expect("an id");
    let store = super::super::open(&url, &node, std::sync::Arc::new(SystemEntropy)).await.expect("a store");
    let mut connection = SqliteConnection::connect(&url).await.expect("a connection");
    let (org, app) = (OrgId::generate(AT, &SystemEntropy), AppId::generate(AT, &SystemEntropy));
    for after in [None, Some(&app)] {
        let steps = plan(&mut connection, installs::page(&org, AT, after, 9)).await;
        let of_grants: Vec<_> = steps.iter().filter(|s| s.starts_with("SEARCH g ") || s.starts_with("SCAN g")).collect();
        assert!(of_grants.len() == 2 && of_grants.iter().all(|s| s.contains("client_id=?")), "{steps:#?}");
        assert!(!steps.iter().any(|s| ["SCAN i", "SCAN a", "SCAN c"].iter().any(|t| s.starts_with(t))), "{steps:#?}");
    }
    connection.close().await.expect("closed");
    store.close().await;
}
