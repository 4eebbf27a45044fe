//! Grants.

use super::pages::{Wanted, made, place};
use super::{Local, still_there};
use crate::admin::error::AdminError;
use crate::admin::model::{GrantChange, GrantStateView, GrantView, Page, Within};
use crate::config::Config;
use crate::store::{GrantFacts, GrantSearch, GrantState, Narrowed, Narrowing, RevokeReason};
use crate::token::{effective, standing};
use crate::types::{GrantId, ScopeSet, Selectors, Timestamp};

pub(super) async fn list(local: &Local, within: Within) -> Result<Page<GrantView>, AdminError> {
    let wanted = Wanted::new(within.limit, within.cursor.as_deref(), place(GrantId::parse))?;
    let org = match within.org {
        Some(name) => Some(local.find_org(&name).await?.id),
        None => None,
    };
    let user = match within.user {
        Some(name) => Some(local.find_user(&name).await?.id),
        None => None,
    };
    let (store, after, limit) = (&local.node.store, wanted.after.as_ref(), wanted.one_more());
    let facts = match org {
        Some(org) => store.find_grants(&org, &GrantSearch { user, ..GrantSearch::default() }, after, limit).await?,
        None => store.grants_behind(user.as_ref(), after, limit).await?,
    };
    let (config, now) = (local.node.config.load(), local.node.now());
    let cursor = |last: &GrantFacts| made(last.grant.created_at, &last.grant.id);
    Ok(wanted.page(facts, cursor, |facts| view(&config, &facts, now)))
}

pub(super) async fn show(local: &Local, id: &str) -> Result<GrantView, AdminError> {
    let parsed = GrantId::parse(id).map_err(|_| AdminError::not_found("grant", id))?;
    let facts = still_there(local.node.store.grant_facts(&parsed).await, "grant", id)?;
    Ok(view(&local.node.config.load(), &facts, local.node.now()))
}

/// Takes from a grant: all that is asked for, or nothing.
pub(super) async fn change(local: &Local, id: &str, change: GrantChange) -> Result<GrantView, AdminError> {
    let grant = show(local, id).await?;
    if grant.state != GrantStateView::Live {
        return Err(AdminError::conflict("the grant has ended; its user can authorize the client again"));
    }
    let cause = local.cause();
    let without = change.scopes.as_deref().map(|text| taken(&grant, text)).transpose()?;
    let until = change.expires_at.as_deref().map(|text| end(text, cause.at)).transpose()?;
    change.selectors.as_ref().map_or(Ok(()), |selectors| narrowable(&local.node.config.load(), selectors))?;
    let narrowing = Narrowing {
        without: without.unwrap_or_default(),
        selectors: change.selectors.unwrap_or_default(),
        until: until.filter(|until| grant.expires_at != Some(*until)),
    };
    if narrowing == Narrowing::default() {
        // Another request may just have taken it.
        return local.settled(grant).await;
    }
    let taken = local.node.store.take_from_grant(&grant.id, &grant.user, &narrowing, &cause).await?;
    // Also when nothing was: another request may just have taken it.
    match local.settled(taken).await? {
        Narrowed::Done => {}
        Narrowed::NoScopes => {
            return Err(AdminError::conflict("scopes: it changed meanwhile, or is a machine's, which has what its client has"));
        }
        Narrowed::NoSelectors => {
            return Err(AdminError::conflict("selectors: that narrows nothing, leaves nothing, or the grant is a machine's"));
        }
        Narrowed::NoEnd => {
            return Err(AdminError::conflict(
                "expires_at: it ends before that anyway, or is a machine's, which ends with its client",
            ));
        }
    }
    show(local, id).await
}

/// What a grant loses when it keeps these scopes.
fn taken(grant: &GrantView, keep: &str) -> Result<ScopeSet, AdminError> {
    let keep = ScopeSet::asked(keep).map_err(|e| AdminError::invalid(format!("scopes: {e}")))?;
    if keep.is_empty() {
        return Err(AdminError::invalid("scopes: nothing would be left; revoke the grant instead"));
    }
    if let Some(more) = keep.iter().find(|scope| !grant.scopes.contains(scope)) {
        return Err(AdminError::invalid(format!("scopes: the grant does not hold {more}, and only its user can give more")));
    }
    Ok(grant.scopes.difference(&keep))
}

/// Only scopes that some route can narrow: to narrow another one would close it, and that is what taking it away is for.
fn narrowable(config: &Config, selectors: &Selectors) -> Result<(), AdminError> {
    let known = config.catalogue.scopes(&config.narrowable);
    let Some(scope) = selectors.0.keys().find(|scope| !known.contains(scope)) else { return Ok(()) };
    let text =
        format!("selectors: no route that needs {scope} can be narrowed to labels; narrow one of {known}, or take {scope} away");
    Err(AdminError::invalid(text))
}

fn end(text: &str, now: Timestamp) -> Result<Timestamp, AdminError> {
    let until = Timestamp::parse_rfc3339(text).filter(|at| *at > now);
    until.ok_or_else(|| AdminError::invalid("expires_at: give a time that is not over, as RFC 3339"))
}

pub(super) async fn revoke(local: &Local, id: &str) -> Result<GrantView, AdminError> {
    let grant = show(local, id).await?;
    if local.node.store.revoke_grant(&grant.id, None, RevokeReason::Admin, &local.cause()).await? {
        local.node.metrics.grants_revoked.inc();
    }
    let now = show(local, id).await?;
    local.settled(now).await
}

/// A grant as it is shown.
#[must_use]
pub fn view(config: &Config, facts: &GrantFacts, now: Timestamp) -> GrantView {
    let grant = &facts.grant;
    let (state, revoked_because) = match &grant.state {
        GrantState::Revoked { reason, .. } => (GrantStateView::Revoked, Some(*reason)),
        GrantState::Live if grant.expires_at.is_some_and(|end| end <= now) => (GrantStateView::Expired, None),
        GrantState::Live => (GrantStateView::Live, None),
    };
    let effective_now = match state {
        GrantStateView::Live if standing(config, facts, now).is_ok() => {
            config.catalogue.scopes(&effective(config, facts, &grant.scopes, now).now)
        }
        GrantStateView::Live | GrantStateView::Expired | GrantStateView::Revoked => ScopeSet::default(),
    };
    GrantView {
        id: grant.id.clone(),
        org: grant.org.clone(),
        org_slug: facts.org.slug.clone(),
        user: grant.user.clone(),
        user_email: facts.user.email.clone(),
        client: grant.client.clone(),
        client_name: facts.client.name.clone(),
        scopes: grant.scopes.clone(),
        selectors: grant.selectors.clone(),
        effective_scopes: effective_now,
        resources: grant.resources.clone(),
        state,
        revoked_because,
        created_at: grant.created_at,
        expires_at: grant.expires_at,
        last_used_at: grant.last_used_at,
    }
}
