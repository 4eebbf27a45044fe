//! What organizations decided about clients.

use super::Local;
use crate::admin::error::AdminError;
use crate::admin::model::{
    ClientPolicyChange, ClientPolicyView, NewClientsChange, OrgPolicyView, PolicyPage, RevokedGrants, VerdictName, api_key_view,
};
use crate::review::{self, Entry};
use crate::store::{ClientUse, ClientUseSearch, Org, Verdict};
use crate::types::{ClientId, ScopeSet, Setting};

/// Clients of a page when the query doesn't say, and the most that it may say.
const PAGE: u32 = 100;
const MOST: u32 = 1000;

pub(super) async fn show(local: &Local, org: &str, page: PolicyPage) -> Result<OrgPolicyView, AdminError> {
    let limit = page.limit.unwrap_or(PAGE);
    if !(1..=MOST).contains(&limit) {
        return Err(AdminError::invalid(format!("limit is 1 to {MOST}")));
    }
    let wrong = |_| AdminError::invalid("cursor: use `next` of the page before");
    let after = page.cursor.as_deref().map(ClientId::parse).transpose().map_err(wrong)?;
    let org = local.find_org(org).await?;
    let (store, all) = (&local.node.store, ClientUseSearch::default());
    // One more than asked for tells whether there is a next page.
    let mut found = store.find_clients_of_org(&org.id, &all, local.node.now(), after.as_ref(), limit + 1).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| more).map(|last| last.client.id.to_string());
    let new_clients = store.new_clients(&org.id).await?;
    Ok(OrgPolicyView { new_clients, clients: found.into_iter().map(view).collect(), next })
}

pub(super) async fn set_new_clients(local: &Local, org: &str, to: NewClientsChange) -> Result<OrgPolicyView, AdminError> {
    let found = local.find_org(org).await?;
    local.node.store.set_new_clients(&found.id, to.new_clients, &local.cause()).await?;
    let now = show(local, org, PolicyPage::default()).await?;
    local.settled(now).await
}

pub(super) async fn set_client(
    local: &Local,
    org: &str,
    client: &str,
    change: ClientPolicyChange,
) -> Result<ClientPolicyView, AdminError> {
    if change.unrestricted && change.scopes.is_some() {
        return Err(AdminError::invalid("scopes and unrestricted say opposite things".to_owned()));
    }
    let (org, id) = find(local, org, client).await?;
    let store = &local.node.store;
    // Everything that can be wrong with the request is known before the first change.
    let most = change.scopes.as_deref().map(|text| scopes(local, text)).transpose()?;
    let verdict = change.verdict.map(|verdict| match verdict {
        VerdictName::Allow => Verdict::Allow,
        VerdictName::Block => Verdict::Block,
    });
    let most = match &most {
        Some(most) => Setting::To(most),
        None if change.unrestricted => Setting::Default,
        None => Setting::Stays,
    };
    store.set_client_policy(&org.id, &id, verdict, most, &local.cause()).await?;
    let now = store.client_of_org(&org.id, &id, local.node.now()).await?;
    let now = now.ok_or_else(|| AdminError::not_found("client", client))?;
    local.settled(view(now)).await
}

pub(super) async fn revoke(local: &Local, org: &str, client: &str) -> Result<RevokedGrants, AdminError> {
    let (org, id) = find(local, org, client).await?;
    let revoked = local.node.store.revoke_client(&org.id, &id, &local.cause()).await?;
    local.node.metrics.grants_revoked.inc_by(revoked);
    local.settled(RevokedGrants { revoked }).await
}

/// Every live grant with a proposal. That it was read is on record, whoever read it.
pub(super) async fn review(local: &Local, org: &str) -> Result<Vec<Entry>, AdminError> {
    let org = local.find_org(org).await?;
    let entries = review::entries(&local.node, &local.node.config.load(), &org).await?;
    review::noted(&local.node, &org, &local.cause()).await?;
    Ok(entries)
}

async fn find(local: &Local, org: &str, client: &str) -> Result<(Org, ClientId), AdminError> {
    let org = local.find_org(org).await?;
    let id = ClientId::parse(client).map_err(|_| AdminError::not_found("client", client))?;
    match local.node.store.client(&id).await? {
        Some(_) => Ok((org, id)),
        None => Err(AdminError::not_found("client", client)),
    }
}

/// Scopes that exist.
fn scopes(local: &Local, text: &str) -> Result<ScopeSet, AdminError> {
    let set = ScopeSet::asked(text).map_err(|e| AdminError::invalid(e.to_string()))?;
    let config = local.node.config.load();
    if let Some(unknown) = set.iter().find(|scope| config.catalogue.entry(scope).is_none()) {
        return Err(AdminError::invalid(format!("there is no scope {unknown}")));
    }
    Ok(set)
}

/// A client in an organization as it is shown.
#[must_use]
pub fn view(one: ClientUse) -> ClientPolicyView {
    ClientPolicyView {
        client: one.client.id,
        client_name: one.client.name,
        stance: one.policy.stance,
        scopes: one.policy.scopes,
        users: one.users,
        grants: one.grants,
        keys: one.keys.iter().map(api_key_view).collect(),
        installed_at: one.installed_at,
        granted_scopes: one.scopes,
        first_granted_at: one.first_granted_at,
        last_used_at: one.last_used_at,
    }
}
