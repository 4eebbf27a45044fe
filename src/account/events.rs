//! `/settings/events`: what happened to the account of the person who looks, and to what they authorized.

use std::collections::{BTreeSet, HashMap};

use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::StatusCode;

use super::App;
use super::activity;
use super::log::{Doer, Doers, grant_of};
use super::org::leaf::Leaf;
use super::visitor::Visitor;
use crate::pages::views::{EventRow, EventsPage, Happened, Section};
use crate::pages::{DisplayName, When, program};
use crate::record::{AuditRecord, ControlEvent, Event, Operation};
use crate::store::{AuditRow, Cursor, GrantFacts, StoreError};
use crate::types::{GrantId, OrgId, RecordId, Timestamp};
use crate::web::{Trouble, page};

const PATH: &str = "/settings/events";
/// Events on one page.
const PAGE: u32 = 25;

/// `GET /settings/events`.
pub async fn show(State(app): State<App>, RawQuery(query): RawQuery, visitor: Visitor) -> Response {
    visitor.answer(list(&app, &visitor, query.as_deref()).await)
}

async fn list(app: &App, visitor: &Visitor, query: Option<&str>) -> Result<Response, Trouble> {
    let user = &visitor.who.user.id;
    let leaf = Leaf::read(query, RecordId::parse);
    let after = leaf.last().map(|(time, id)| Cursor { time: *time, id: id.clone() });
    let mut found = app.node.store.own_events(user, None, after.as_ref(), PAGE + 1).await?.rows;
    let older = leaf.cut(PATH, &mut found, PAGE as usize, |row| (row.record.time, row.record.id.clone()));
    let known = Known::of(app, visitor, &found).await?;
    let now = app.node.now();
    let rows = found.iter().filter_map(|row| match &row.record.event {
        Event::Control(event) => Some(known.shown(visitor, &row.record, event, now)),
        Event::Call(_) => None,
    });
    let view = EventsPage { frame: visitor.frame(Section::Elsewhere), rows: rows.collect(), newer: leaf.newer(PATH), older };
    Ok(page(StatusCode::OK, &view))
}

/// What records name by id alone.
struct Known {
    doers: Doers,
    orgs: HashMap<OrgId, String>,
    /// The person's own grants.
    grants: HashMap<GrantId, GrantFacts>,
}

impl Known {
    async fn of(app: &App, visitor: &Visitor, rows: &[AuditRow]) -> Result<Self, StoreError> {
        let (store, records) = (&app.node.store, || rows.iter().map(|row| &row.record));
        let doers = Doers::of(&app.node, &visitor.who.user.id, rows).await?;
        let orgs: BTreeSet<_> = records().filter_map(|record| record.org.clone()).collect();
        let orgs = store.org_names(&orgs.into_iter().collect::<Vec<_>>()).await?.into_iter().collect();
        let mut grants = HashMap::new();
        for id in records().filter_map(grant_of).collect::<BTreeSet<_>>() {
            let own = store.grant_facts(&id).await?.filter(|facts| facts.grant.user == visitor.who.user.id);
            grants.extend(own.map(|facts| (id, facts)));
        }
        Ok(Self { doers, orgs, grants })
    }

    fn shown(&self, visitor: &Visitor, record: &AuditRecord, event: &ControlEvent, now: Timestamp) -> EventRow {
        let own = &visitor.who.user.id;
        let grant = grant_of(record).and_then(|id| self.grants.get(&id));
        let named = record.actor.client_name.as_deref().or(grant.map(|facts| facts.client.name.as_str()));
        // What nobody is named for was done by the operator, whose address is nobody's business.
        let theirs =
            record.actor.user.as_ref().map_or(record.actor.client.is_some() && !record.hides_its_actor(), |who| who == own);
        let doer = self.doers.who(record);
        let happened = happened(event, doer, theirs);
        // Of what was done to the account every organization has a record: it is about none of them.
        let org = record.org.as_ref().filter(|_| !happened.of_account());
        EventRow {
            at: When::new(record.time, now),
            happened,
            application: named.map(DisplayName::new),
            scopes: event.scopes.iter().map(ToString::to_string).collect(),
            organization: org.and_then(|org| self.orgs.get(org)).map(|name| DisplayName::new(name)),
            by: match doer {
                Some(Doer::Known(address)) if !theirs && happened != Happened::EndedByPolicy => Some(address.to_owned()),
                _ => None,
            },
            from: activity::from(record).filter(|_| theirs).map(|from| from.address),
            program: record.origin.user_agent.as_deref().filter(|_| theirs).map(program),
        }
    }
}

fn happened(event: &ControlEvent, doer: Option<Doer<'_>>, theirs: bool) -> Happened {
    let comment = event.comment.as_deref();
    match event.operation {
        Operation::LoginOk => Happened::SignedIn,
        Operation::LoginNewPlace => Happened::SignedInElsewhere,
        Operation::Logout if doer == Some(Doer::Operator) && !theirs => Happened::SessionsEndedByOperator,
        // The records of one session don't tell which one.
        Operation::Logout if comment.is_none() => Happened::SessionEnded,
        Operation::Logout => Happened::SessionsEnded,
        Operation::PasswordChange if doer == Some(Doer::Operator) && !theirs => Happened::PasswordChangedByOperator,
        Operation::PasswordChange => Happened::PasswordChanged,
        Operation::AuthorizeConsent => Happened::Allowed,
        Operation::CodeReplayDetected => Happened::CodeReused,
        Operation::RefreshReuseDetected => Happened::TokenReused,
        Operation::GrantNarrow if doer == Some(Doer::Maker) => Happened::NarrowedByMaker,
        Operation::GrantNarrow => Happened::Narrowed,
        Operation::GrantLimit => Happened::Limited,
        Operation::GrantRevokeUser if comment == Some(ControlEvent::SUPERSEDED) => Happened::Replaced,
        Operation::GrantRevokeUser => Happened::RevokedByYou,
        Operation::GrantRevokeAdmin if comment == Some(ControlEvent::USER_LEFT) => Happened::LeftOrganization,
        Operation::GrantRevokeAdmin if comment == Some(ControlEvent::CLIENT_REMOVED) => Happened::ApplicationRemoved,
        Operation::GrantRevokeAdmin => Happened::RevokedByAdministrator,
        Operation::GrantRevokeUninstall => Happened::Uninstalled,
        Operation::GrantRevokePolicy => Happened::EndedByPolicy,
        Operation::GrantRevokeClient if doer == Some(Doer::Maker) => Happened::EndedByMaker,
        // What else ends a grant, and what else may be among a user's events one day.
        _ => Happened::Ended,
    }
}
