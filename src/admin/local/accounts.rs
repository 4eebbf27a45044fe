//! Organizations and users.

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::SecretString;

use super::pages::Wanted;
use super::{Local, display_name, still_there};
use crate::admin::error::{AdminError, Rule};
use crate::admin::model::{
    CreatedUser, NewOrg, NewPassword, NewUserRequest, OrgChange, OrgView, Page, PageQuery, Switch, UserSwitch, UserView,
};
use crate::password;
use crate::store::{Created, NewUser, Org, OrgState, OrgUpdate, PasswordRecord, User, UserKind, UserState};
use crate::types::{ALL_TENANTS, EmailAddress, OrgId, PlainToken, Slug, TokenKind, UserId};

/// Longest tenant value: what Mimir, Loki and Tempo take.
const MAX_TENANT: usize = 150;
/// Longest name of a service user, which stands where people have their address.
const MAX_SERVICE: usize = 254;

pub(super) async fn orgs(local: &Local, page: &PageQuery) -> Result<Page<OrgView>, AdminError> {
    let wanted = Wanted::new(page.limit, page.cursor.as_deref(), |cursor| Slug::parse(cursor).ok())?;
    let found = local.node.store.orgs_behind(wanted.after.as_ref(), wanted.one_more()).await?;
    Ok(wanted.page(found, |last| last.slug.to_string(), OrgView::from))
}

pub(super) async fn users(local: &Local, page: &PageQuery) -> Result<Page<UserView>, AdminError> {
    let wanted = Wanted::new(page.limit, page.cursor.as_deref(), |cursor| Some(cursor.to_owned()))?;
    let found = local.node.store.users_behind(wanted.after.as_deref(), wanted.one_more()).await?;
    Ok(wanted.page(found, |last| last.email.clone(), UserView::from))
}

/// Few of all users: a page is cut from all of them.
pub(super) async fn operators(local: &Local, page: &PageQuery) -> Result<Page<UserView>, AdminError> {
    let wanted = Wanted::new(page.limit, page.cursor.as_deref(), |cursor| Some(cursor.to_owned()))?;
    let mut all = local.node.store.operators().await?;
    all.retain(|one| wanted.after.as_ref().is_none_or(|after| one.email > *after));
    Ok(wanted.page(all, |last| last.email.clone(), UserView::from))
}

pub(super) async fn create_org(local: &Local, new: NewOrg) -> Result<OrgView, AdminError> {
    let slug = Slug::parse(&new.slug).map_err(|e| AdminError::invalid(format!("slug: expected {}", e.rule())).of(Rule::Slug))?;
    let cause = local.cause();
    let org = Org {
        id: OrgId::generate(cause.at, &*local.node.entropy),
        name: display_name(new.name.as_deref().unwrap_or(slug.as_str()))?,
        tenant: tenant(new.tenant.as_deref().unwrap_or(slug.as_str()))?,
        tenants: tenants(local, new.tenants)?,
        slug,
        state: OrgState::Active,
        created_at: cause.at,
    };
    match local.node.store.create_org(&org, &cause).await? {
        Created::Done => Ok(org.into()),
        Created::Taken => {
            let refusal = AdminError::conflict(format!("the slug {} is taken; choose another one", org.slug));
            Err(refusal.of(Rule::SlugTaken(org.slug)))
        }
    }
}

pub(super) async fn update_org(local: &Local, org: &str, change: OrgChange) -> Result<OrgView, AdminError> {
    let found = local.find_org(org).await?;
    let change = OrgUpdate {
        name: change.name.as_deref().map(display_name).transpose()?,
        tenant: change.tenant.as_deref().map(tenant).transpose()?,
        tenants: change.tenants.map(|values| tenants(local, values)).transpose()?,
    };
    let now = local.node.store.update_org(&found.id, &change, &local.cause()).await?;
    let now = now.ok_or_else(|| AdminError::not_found("organization", org))?;
    local.settled(now.into()).await
}

pub(super) async fn switch_org(local: &Local, org: &str, to: Switch) -> Result<OrgView, AdminError> {
    let found = local.find_org(org).await?;
    let state = match to {
        Switch::Active => OrgState::Active,
        Switch::Disabled => OrgState::Disabled,
    };
    local.node.store.set_org_state(&found.id, state, &local.cause()).await?;
    let now = still_there(local.node.store.org(&found.id).await, "organization", org)?;
    local.settled(now.into()).await
}

/// A tenant value goes into header values and paths as it is: nothing that could separate two of them, or two segments.
fn tenant(value: &str) -> Result<String, AdminError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"!-_.*'():".contains(&b);
    if value == ALL_TENANTS {
        let detail =
            format!("{ALL_TENANTS} is what VictoriaMetrics calls all tenants together; give the organization another value");
        return Err(AdminError::invalid(detail).of(Rule::Tenant(MAX_TENANT)));
    }
    if (1..=MAX_TENANT).contains(&value.len()) && value.bytes().all(plain) && value != "." && value != ".." {
        return Ok(value.to_owned());
    }
    let detail = format!("a tenant value has 1 to {MAX_TENANT} characters of A-Z a-z 0-9 ! - _ . * ' ( ) :");
    Err(AdminError::invalid(detail).of(Rule::Tenant(MAX_TENANT)))
}

fn tenants(local: &Local, values: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, AdminError> {
    let config = local.node.config.load();
    values
        .into_iter()
        .map(|(api, value)| {
            if !config.apis.iter().any(|a| a.name.as_str() == api) {
                let known = config.apis.iter().map(|a| a.name.as_str()).collect::<Vec<_>>().join(", ");
                return Err(AdminError::invalid(format!("no API is named {api:?}; there are {known}")));
            }
            Ok((api, tenant(&value)?))
        })
        .collect()
}

pub(super) async fn create_user(local: &Local, new: NewUserRequest) -> Result<CreatedUser, AdminError> {
    let email = known_by(&new.email, new.kind)?;
    let name = display_name(new.name.as_deref().unwrap_or(&email))?;
    let (password, shown) = match (new.kind, new.password) {
        (UserKind::Person, password) => some(hashed(local, password).await?),
        (UserKind::Service, None) => (None, None),
        (UserKind::Service, Some(_)) => return Err(AdminError::invalid("a service user never signs in; leave the password out")),
    };
    let cause = local.cause();
    let id = UserId::generate(cause.at, &*local.node.entropy);
    let user = User { id, email, name, kind: new.kind, state: UserState::Active, created_at: cause.at };
    match local.node.store.create_user(&NewUser { user: user.clone(), password }, &cause).await? {
        Created::Done => Ok(CreatedUser { user: user.into(), one_time_password: shown }),
        Created::Taken => Err(AdminError::conflict(format!("{} is taken; choose another one", user.email))),
    }
}

fn some((record, shown): (PasswordRecord, Option<String>)) -> (Option<PasswordRecord>, Option<String>) {
    (Some(record), shown)
}

pub(super) async fn switch_user(local: &Local, user: &str, to: UserSwitch) -> Result<UserView, AdminError> {
    let found = local.find_user(user).await?;
    let state = match to {
        UserSwitch::Active => UserState::Active,
        UserSwitch::Frozen => UserState::Frozen,
        UserSwitch::Disabled => UserState::Disabled,
    };
    let done = local.node.store.set_user_state(&found.id, state, &local.cause()).await?;
    if !done && to == UserSwitch::Frozen && found.state == UserState::Disabled {
        return Err(AdminError::conflict(format!("{} is disabled: there is nothing left to freeze", found.email)));
    }
    let now = still_there(local.node.store.user(&found.id).await, "user", user)?;
    local.settled(now.into()).await
}

pub(super) async fn add_operator(local: &Local, user: &str) -> Result<UserView, AdminError> {
    let found = local.find_user(user).await?;
    if local.node.store.add_operator(&found.id, &local.cause()).await? {
        return Ok(found.into());
    }
    Err(match (found.kind, found.state) {
        (UserKind::Service, _) => AdminError::invalid("a service user never signs in: there are no pages for it"),
        (UserKind::Person, UserState::Active) => AdminError::conflict(format!("{} is an operator already", found.email)),
        (UserKind::Person, _) => AdminError::conflict(format!("{} is not active", found.email)),
    })
}

pub(super) async fn remove_operator(local: &Local, user: &str) -> Result<(), AdminError> {
    let found = local.find_user(user).await?;
    if local.node.store.remove_operator(&found.id, &local.cause()).await? {
        return Ok(());
    }
    Err(AdminError::conflict(format!("{} is no operator", found.email)))
}

pub(super) async fn set_password(local: &Local, user: &str, new: NewPassword) -> Result<CreatedUser, AdminError> {
    let found = local.find_user(user).await?;
    if found.kind == UserKind::Service {
        return Err(AdminError::invalid("a service user never signs in and has no password"));
    }
    let (record, shown) = hashed(local, new.password).await?;
    local.node.store.set_password(&found.id, &record, &local.cause()).await?;
    local.settled(CreatedUser { user: found.into(), one_time_password: shown }).await
}

/// The hash of a given password, or of one that is made here and must be changed at the first sign-in.
async fn hashed(local: &Local, given: Option<String>) -> Result<(PasswordRecord, Option<String>), AdminError> {
    let (plain, shown) = match given {
        Some(given) => (SecretString::from(given), None),
        None => {
            let made = PlainToken::generate(TokenKind::OneTimePassword, &*local.node.entropy);
            (SecretString::from(made.expose()), Some(made.expose().to_owned()))
        }
    };
    password::acceptable(&plain).map_err(|e| AdminError::invalid(e.to_string()))?;
    let entropy = Arc::clone(&local.node.entropy);
    let phc = tokio::task::spawn_blocking(move || password::hash(&plain, &*entropy))
        .await
        .map_err(|e| AdminError::Password(Box::new(e)))?
        .map_err(|e| AdminError::Password(Box::new(e)))?;
    Ok((PasswordRecord { phc, one_time: shown.is_some() }, shown))
}

/// What a user is known by: a person's e-mail address, a service user's name.
fn known_by(text: &str, kind: UserKind) -> Result<String, AdminError> {
    match kind {
        UserKind::Person => EmailAddress::parse(text).map(String::from).map_err(|wrong| AdminError::invalid(wrong.to_string())),
        UserKind::Service => service_name(text),
    }
}

fn service_name(text: &str) -> Result<String, AdminError> {
    let name = text.trim_matches(' ').to_lowercase();
    let printable = !name.chars().any(|c| c.is_whitespace() || c.is_control());
    if printable && !name.is_empty() && name.len() <= MAX_SERVICE {
        return Ok(name);
    }
    let wrong = format!("a service user's name has 1 to {MAX_SERVICE} characters, with no spaces and no line breaks");
    Err(AdminError::invalid(wrong))
}

impl From<Org> for OrgView {
    fn from(org: Org) -> Self {
        let Org { id, slug, name, tenant, tenants, state, created_at } = org;
        Self { id, slug, name, tenant, tenants, state, created_at }
    }
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        let User { id, email, name, kind, state, created_at } = user;
        Self { id, email, name, kind, state, created_at }
    }
}
