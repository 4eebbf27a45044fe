//! Who belongs where, with which roles.

use super::pages::Wanted;
use super::{Local, still_there};
use crate::admin::error::AdminError;
use crate::admin::model::{MemberRoles, MemberView, Page, PageQuery, RoleView};
use crate::store::{MemberSearch, Membership, User};
use crate::types::{RoleName, UserId};

pub(super) async fn list(local: &Local, org: &str, page: &PageQuery) -> Result<Page<MemberView>, AdminError> {
    let wanted = Wanted::new(page.limit, page.cursor.as_deref(), |cursor| UserId::parse(cursor).ok())?;
    let (org, every) = (local.find_org(org).await?.id, MemberSearch::default());
    let found = local.node.store.find_members(&org, &every, wanted.after.as_ref(), wanted.one_more()).await?;
    let cursor = |(last, _): &(User, Vec<RoleName>)| last.id.to_string();
    Ok(wanted.page(found, cursor, |(user, roles)| MemberView { org: org.clone(), user: user.into(), roles }))
}

pub(super) async fn set(local: &Local, org: &str, user: &str, wanted: MemberRoles) -> Result<MemberView, AdminError> {
    let (org, user) = (local.find_org(org).await?, local.find_user(user).await?);
    let membership = Membership { org: org.id, user: user.id, roles: known_roles(local, &wanted.roles)? };
    local.node.store.set_membership(&membership, &local.cause()).await?;
    let member = view(local, membership).await?;
    local.settled(member).await
}

pub(super) async fn remove(local: &Local, org: &str, user: &str) -> Result<(), AdminError> {
    let (org, found) = (local.find_org(org).await?, local.find_user(user).await?);
    let removed = local.node.store.remove_membership(&org.id, &found.id, &local.cause()).await?;
    // Also when there was none: another request may just be removing it.
    if local.settled(removed).await? { Ok(()) } else { Err(AdminError::not_found("member", user)) }
}

pub(super) fn roles(local: &Local) -> Vec<RoleView> {
    let config = local.node.config.load();
    let view = |(name, bits): (&RoleName, &_)| RoleView {
        name: name.clone(),
        permissions: config.catalogue.scopes(bits).iter().cloned().collect(),
    };
    config.roles.0.iter().map(view).collect()
}

fn known_roles(local: &Local, names: &[String]) -> Result<Vec<RoleName>, AdminError> {
    let config = local.node.config.load();
    let mut roles = Vec::with_capacity(names.len());
    for name in names {
        let Some((role, _)) = config.roles.0.get_key_value(name.as_str()) else {
            let known = config.roles.0.keys().map(RoleName::as_str).collect::<Vec<_>>().join(", ");
            return Err(AdminError::invalid(format!("there is no role {name:?}; there are {known}")));
        };
        roles.push(role.clone());
    }
    roles.sort();
    roles.dedup();
    Ok(roles)
}

async fn view(local: &Local, member: Membership) -> Result<MemberView, AdminError> {
    let user = still_there(local.node.store.user(&member.user).await, "user", member.user.as_str())?;
    Ok(MemberView { org: member.org, user: user.into(), roles: member.roles })
}
