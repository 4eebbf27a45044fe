//! Invitations, sessions and the scope catalogue.

use std::cmp::Reverse;
use std::convert::Infallible;

use super::Local;
use super::pages::{Wanted, made, place};
use crate::admin::error::AdminError;
use crate::admin::model::{
    CreatedInvitation, EndedSessions, InvitationView, NewInvitation, Page, PageQuery, ScopeQuery, ScopeView, SessionView,
};
use crate::roster::{By, Refusal, Roster, RosterError};
use crate::store::{Invitation, SessionDetails};
use crate::types::{InvitationId, UserId};

impl From<RosterError> for AdminError {
    fn from(error: RosterError) -> Self {
        let refusal = match error {
            RosterError::Store(fault) => return fault.into(),
            RosterError::Refused(refusal) => refusal,
        };
        let detail = refusal.to_string();
        match refusal {
            Refusal::Address(_) | Refusal::Role { .. } | Refusal::ServiceName => Self::invalid(detail),
            Refusal::Absent | Refusal::NoInvitation => {
                Self::Refused(crate::admin::Refusal { code: crate::admin::RefusalCode::NotFound, detail, rule: None })
            }
            Refusal::ServiceTaken
            | Refusal::NotOwnService
            | Refusal::Frozen
            | Refusal::BeyondReach
            | Refusal::LastAdministrator => Self::conflict(detail),
        }
    }
}

pub(super) async fn invitations(local: &Local, org: &str, page: &PageQuery) -> Result<Page<InvitationView>, AdminError> {
    let wanted = Wanted::new(page.limit, page.cursor.as_deref(), place(InvitationId::parse))?;
    let (org, now) = (local.find_org(org).await?.id, local.node.now());
    let open = local.node.store.find_invitations(&org, now, wanted.after.as_ref(), wanted.one_more()).await?;
    Ok(wanted.page(open, |last: &Invitation| made(last.created_at, &last.id), InvitationView::from))
}

pub(super) async fn invite(local: &Local, org: &str, new: NewInvitation) -> Result<CreatedInvitation, AdminError> {
    let org = local.find_org(org).await?;
    let roster = Roster::new(&local.node, &org, By::Operator, local.cause());
    let roles = roster.roles(new.roles.iter().map(String::as_str)).map_err(RosterError::from)?;
    let invited = roster.invite(&new.email, roles).await?;
    let url = invited.url(&local.node.config.load());
    Ok(CreatedInvitation { invitation: invited.invitation.into(), url })
}

pub(super) async fn withdraw(local: &Local, org: &str, invitation: &str) -> Result<(), AdminError> {
    let org = local.find_org(org).await?;
    let id = InvitationId::parse(invitation).map_err(|_| AdminError::not_found("invitation", invitation))?;
    Ok(Roster::new(&local.node, &org, By::Operator, local.cause()).withdraw(&id).await?)
}

/// One person's, and few: a page is cut from all of them. When they were seen last changes all the time, so it orders no pages.
pub(super) async fn sessions(local: &Local, user: &str, page: &PageQuery) -> Result<Page<SessionView>, AdminError> {
    let wanted = Wanted::new(page.limit, page.cursor.as_deref(), place(|id| Ok::<_, Infallible>(id.to_owned())))?;
    let user = local.find_user(user).await?;
    let started = |one: &SessionView| (one.started_at, one.id.clone());
    let mut all: Vec<_> = live(local, &user.id).await?.into_iter().map(SessionView::from).collect();
    all.retain(|one| wanted.after.as_ref().is_none_or(|after| started(one) < *after));
    all.sort_by_key(|one| Reverse(started(one)));
    Ok(wanted.page(all, |last| made(last.started_at, &last.id), |one| one))
}

pub(super) async fn end_session(local: &Local, user: &str, session: &str) -> Result<(), AdminError> {
    let user = local.find_user(user).await?;
    let named = live(local, &user.id).await?.into_iter().find(|one| one.handle() == session);
    let one = named.ok_or_else(|| AdminError::not_found("session", session))?;
    Ok(local.node.store.end_session(&one.session.hash, &local.cause()).await?)
}

pub(super) async fn end_sessions(local: &Local, user: &str) -> Result<EndedSessions, AdminError> {
    let user = local.find_user(user).await?;
    Ok(EndedSessions { ended: local.node.store.end_other_sessions(&user.id, None, &local.cause()).await? })
}

async fn live(local: &Local, user: &UserId) -> Result<Vec<SessionDetails>, AdminError> {
    let idle = local.node.config.load().oauth.session_idle;
    Ok(local.node.store.sessions_of(user, local.node.now(), idle).await?)
}

pub(super) fn scopes(local: &Local, query: &ScopeQuery) -> Vec<ScopeView> {
    let config = local.node.config.load();
    config.catalogue.entries().iter().filter(|entry| query.admits(entry)).map(ScopeView::from).collect()
}
