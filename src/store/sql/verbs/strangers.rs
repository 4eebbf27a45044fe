//! What an organization's log says of people who do not belong to it. Whoever makes an application can change the grants of its
//! users in every organization, and is a stranger in most of them. There the log says that the application did it; it does not
//! say who that person is, from where they came and with what token.

use std::collections::BTreeSet;

use super::super::fault::Doing;
use super::Connection;
use super::rows::Fields;
use crate::record::{Actor, AuditRecord, Event};
use crate::store::{StoreError, Subject};
use crate::types::{ClientId, OrgId, UserId};

/// Takes the actor of a change out of the records of organizations in which they are a stranger. The operator, whose acts are told
/// everywhere, and members, those that are none from this change on included, stay.
pub(super) async fn hide(
    connection: &mut Connection,
    user: Option<&UserId>,
    subjects: &[Subject],
    records: &mut [AuditRecord],
) -> Result<(), StoreError> {
    let Some(user) = user else { return Ok(()) };
    if !records.iter().any(|record| tells_of(record, user)) {
        return Ok(());
    }
    let mut own = memberships(connection, user).await?;
    own.extend(subjects.iter().filter_map(|subject| match subject {
        Subject::Membership { org, user: whose } if whose == user => Some(org.clone()),
        _ => None,
    }));
    let is_strange = |record: &AuditRecord| tells_of(record, user) && record.org.as_ref().is_some_and(|org| !own.contains(org));
    if !records.iter().any(is_strange) || operates(connection, user).await? {
        return Ok(());
    }
    let actor = application(connection, &own, records.iter().filter(|record| is_strange(record))).await?;
    for record in records.iter_mut().filter(|record| is_strange(record)) {
        record.actor = actor.clone();
        let origin = &mut record.origin;
        (origin.peer, origin.user_agent, origin.trace, origin.certificate) = (None, None, None, None);
    }
    Ok(())
}

/// Whether a record is in an organization's log, names the user as its actor, and is not about them.
fn tells_of(record: &AuditRecord, user: &UserId) -> bool {
    let about = matches!(&record.event, Event::Control(event)
        if event.target.as_ref().is_some_and(|(kind, id)| kind == "user" && id == user.as_str()));
    record.org.is_some() && record.actor.user.as_ref() == Some(user) && !about
}

async fn memberships(connection: &mut Connection, user: &UserId) -> Result<BTreeSet<OrgId>, StoreError> {
    let rows = sqlx::query("SELECT org_id, user_id FROM memberships WHERE user_id = $1")
        .bind(user.as_str())
        .fetch_all(&mut *connection)
        .await
        .doing("read memberships")?;
    rows.iter().map(|row| Fields::of(row, "memberships", "user_id").parsed("org_id", OrgId::parse)).collect()
}

async fn operates(connection: &mut Connection, user: &UserId) -> Result<bool, StoreError> {
    let row = sqlx::query("SELECT user_id FROM operators WHERE user_id = $1")
        .bind(user.as_str())
        .fetch_optional(&mut *connection)
        .await
        .doing("ask who operates")?;
    Ok(row.is_some())
}

/// The application that records are about, by the first grant or client among them, if it belongs to one of the actor's own
/// organizations. Otherwise nobody is named.
async fn application<'r>(
    connection: &mut Connection,
    own: &BTreeSet<OrgId>,
    records: impl Iterator<Item = &'r AuditRecord>,
) -> Result<Actor, StoreError> {
    let mut targets = records.filter_map(|record| match &record.event {
        Event::Control(event) => event.target.clone().filter(|(kind, _)| kind == "grant" || kind == "client"),
        Event::Call(_) => None,
    });
    let Some((_, id)) = targets.next() else { return Ok(Actor::default()) };
    let row = sqlx::query(
        "SELECT c.id AS id, c.name AS name, c.org_id AS org_id FROM clients c WHERE c.id = $1 OR c.id = (SELECT g.client_id FROM grants g WHERE g.id = $1)",
    )
    .bind(id)
    .fetch_optional(&mut *connection)
    .await
    .doing("read a client")?;
    let Some(row) = row else { return Ok(Actor::default()) };
    let fields = Fields::of(&row, "clients", "id");
    if fields.maybe_parsed("org_id", OrgId::parse)?.is_none_or(|org| !own.contains(&org)) {
        return Ok(Actor::default());
    }
    let (client, name) = (fields.parsed("id", ClientId::parse)?, fields.value("name")?);
    Ok(Actor { client: Some(client), client_name: Some(name), ..Actor::default() })
}
