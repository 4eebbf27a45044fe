//! What organizations decided about clients.

use super::Local;
use super::pages::{Wanted, made, place};
use crate::admin::error::AdminError;
use crate::admin::model::{
    ClientPolicyChange, ClientPolicyView, NewClientsChange, OrgPolicyView, Page, PageQuery, RevokedGrants, VerdictName,
    api_key_view,
};
use crate::review::{self, Entry};
use crate::store::{ClientUse, ClientUseSearch, Org, Verdict};
use crate::types::{ClientId, GrantId, ScopeSet, Setting};

pub(super) async fn show(local: &Local, org: &str, page: PageQuery) -> Result<OrgPolicyView, AdminError> {
    let wanted = Wanted::new(page.limit, page.cursor.as_deref(), |cursor| ClientId::parse(cursor).ok())?;
    let org = local.find_org(org).await?;
    let (store, all) = (&local.node.store, ClientUseSearch::default());
    let (after, limit) = (wanted.after.as_ref(), wanted.one_more());
    let found = store.find_clients_of_org(&org.id, &all, local.node.now(), after, limit).await?;
    let new_clients = store.new_clients(&org.id).await?;
    let Page { data, next } = wanted.page(found, |last| last.client.id.to_string(), view);
    Ok(OrgPolicyView { new_clients, clients: data, next })
}

pub(super) async fn set_new_clients(local: &Local, org: &str, to: NewClientsChange) -> Result<OrgPolicyView, AdminError> {
    let found = local.find_org(org).await?;
    local.node.store.set_new_clients(&found.id, to.new_clients, &local.cause()).await?;
    let now = show(local, org, PageQuery::default()).await?;
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

/// Live grants with a proposal; behind the last of them all API keys that work. That a page was read is on record, whoever read it.
pub(super) async fn review(local: &Local, org: &str, page: &PageQuery) -> Result<Page<Entry>, AdminError> {
    let wanted = Wanted::new(page.limit, page.cursor.as_deref(), place(GrantId::parse))?;
    let (org, every) = (local.find_org(org).await?, review::Wanted::default());
    let (node, which) = (&local.node, (wanted.after.as_ref(), wanted.one_more()));
    let config = node.config.load_full();
    let found = review::newest(node, &config, &org, every, which).await?;
    review::noted(node, &org, &local.cause()).await?;
    let mut page = wanted.page(found, |last| made(last.granted_at, &last.grant), |entry| entry);
    if page.next.is_none() {
        page.data.extend(review::keys(node, &config, &org, every).await?);
    }
    Ok(page)
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
