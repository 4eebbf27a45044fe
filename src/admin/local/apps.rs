//! Apps: the operator's way to them. What can be done with them is decided in [`crate::apps`].

use super::clients::{secret_view, view as client_view};
use super::pages::{Wanted, made, place};
use super::{Local, still_there};
use crate::admin::app_model::{
    AppChange, AppDetails, AppSecret, AppVersionView, AppView, ChangeView, ConditionView, CreatedApp, ImportedApp, NewApp,
    Publish, PublishedApp, StableMark,
};
use crate::admin::error::{AdminError, RefusalCode};
use crate::admin::model::{CreatedSecret, Page, Switch, Within};
use crate::apps::{AppError, Author, Change, Condition, Import, Imported, Made, Manifest, NewSecret, Refusal, Workshop, Written};
use crate::store::{App, AppState, AppVersion, Stage};
use crate::types::{AppId, AppUuid, PlainToken};

impl From<AppError> for AdminError {
    fn from(error: AppError) -> Self {
        let refusal = match error {
            AppError::Store(fault) => return fault.into(),
            AppError::Refused(refusal) => refusal,
        };
        let detail = refusal.to_string();
        match refusal {
            Refusal::Flawed(_)
            | Refusal::WrongUuid
            | Refusal::NotPublic
            | Refusal::NotConfidential
            | Refusal::NoSecrets
            | Refusal::SecretLife
            | Refusal::UnknownVersion
            | Refusal::UnknownScope(_)
            | Refusal::PublicScope(_)
            | Refusal::DeprecatedScope(..)
            | Refusal::NotForApps(_)
            | Refusal::NoReason
            | Refusal::UnfitReason
            | Refusal::Manifest(_) => Self::invalid(detail),
            Refusal::UnknownSecret => Self::Refused(crate::admin::Refusal { code: RefusalCode::NotFound, detail, rule: None }),
            Refusal::Taken
            | Refusal::Waiting(_)
            | Refusal::NotWaiting(_)
            | Refusal::Gone
            | Refusal::Stale
            | Refusal::Unready(_)
            | Refusal::Full(_)
            | Refusal::Frozen
            | Refusal::LastSecret
            | Refusal::ManySecrets(_)
            | Refusal::Unpublished => Self::conflict(detail),
        }
    }
}

pub(super) fn workshop(local: &Local) -> Workshop<'_> {
    Workshop::new(&local.node, Author::Operator, local.cause())
}

pub(super) async fn list(local: &Local, within: Within) -> Result<Page<AppView>, AdminError> {
    if within.user.is_some() {
        return Err(AdminError::invalid("apps belong to organizations; use org"));
    }
    let wanted = Wanted::new(within.limit, within.cursor.as_deref(), place(AppId::parse))?;
    let (store, after, limit) = (&local.node.store, wanted.after.as_ref(), wanted.one_more());
    let found = match within.org {
        Some(name) => store.find_apps(&local.find_org(&name).await?.id, after, limit).await?,
        None => store.apps_behind(after, limit).await?,
    };
    Ok(wanted.page(found, |last| made(last.created_at, &last.id), view))
}

pub(super) async fn show(local: &Local, name: &str) -> Result<AppDetails, AdminError> {
    let (app, bench) = (find(local, name).await?, workshop(local));
    let mut clients = Vec::new();
    for (stage, id) in [(Stage::Draft, Some(&app.draft_client)), (Stage::Published, app.published_client.as_ref())] {
        let Some(id) = id else { continue };
        let client = still_there(local.node.store.client(id).await, "client", id.as_str())?;
        clients.push(client_view(client, &bench.secrets(&app, stage).await?));
    }
    let versions = local.node.store.app_versions(&app.id).await?.into_iter().map(version_view).collect();
    let changes = bench.pending(&app).await?.into_iter().map(change_view).collect();
    let conditions = bench.conditions(&app).await?.into_iter().map(condition_view).collect();
    let untried_scopes = bench.untried(&app).await?;
    Ok(AppDetails { app: view(app), clients, versions, changes, conditions, untried_scopes })
}

pub(super) async fn create(local: &Local, new: NewApp) -> Result<CreatedApp, AdminError> {
    let org = local.find_org(&new.org).await?;
    let written = Written {
        name: new.name,
        description: new.description,
        documentation_url: new.documentation_url.unwrap_or_default(),
        uninstall_instructions: new.uninstall_instructions,
        onboarding_url: new.onboarding_url.unwrap_or_default(),
        redirect_uris: new.redirect_uris,
        scopes: new.scopes,
        access_token_ttl: new.access_token_ttl_seconds,
        require_state: new.require_state,
    };
    let Made { app, secret } = workshop(local).create(&org, new.kind.into(), &written).await?;
    Ok(CreatedApp { app: view(app), client_secret: shown(secret.as_ref()) })
}

pub(super) async fn update(local: &Local, name: &str, change: AppChange) -> Result<AppView, AdminError> {
    let app = find(local, name).await?;
    let (revision, before) = (change.revision.unwrap_or(app.revision), Written::from(&app.draft));
    Ok(view(workshop(local).edit(&app, revision, &change.onto(before)).await?))
}

pub(super) async fn mark(local: &Local, name: &str, mark: StableMark) -> Result<AppView, AdminError> {
    let app = find(local, name).await?;
    Ok(view(workshop(local).mark(&app, mark.maturity).await?))
}

pub(super) async fn publish(local: &Local, name: &str, publish: Publish) -> Result<PublishedApp, AdminError> {
    let app = find(local, name).await?;
    let release = workshop(local).publish(&app, publish.app_uuid.as_deref()).await?;
    Ok(PublishedApp {
        version: release.version.number,
        app_uuid: app.uuid,
        client_id: release.client,
        client_secret: shown(release.secret.as_ref()),
        narrowed_grants: release.narrowed,
        ended_grants: release.ended,
        untried_scopes: release.untried,
    })
}

pub(super) async fn switch(local: &Local, name: &str, to: Switch) -> Result<AppView, AdminError> {
    let app = find(local, name).await?;
    let state = match to {
        Switch::Active => AppState::Active,
        Switch::Disabled => AppState::Disabled,
    };
    Ok(view(workshop(local).switch(&app, state).await?))
}

pub(super) async fn delete(local: &Local, name: &str) -> Result<(), AdminError> {
    let app = find(local, name).await?;
    Ok(workshop(local).delete(&app).await?)
}

pub(super) async fn add_secret(local: &Local, name: &str, new: AppSecret) -> Result<CreatedSecret, AdminError> {
    let app = find(local, name).await?;
    let lives = NewSecret::of_seconds(new.others_live_seconds, new.lives_seconds);
    let (plain, secret) = workshop(local).add_secret(&app, new.stage, lives).await?;
    Ok(CreatedSecret { client_secret: plain.expose().to_owned(), secret: secret_view(&secret) })
}

pub(super) async fn remove_secret(local: &Local, name: &str, stage: Stage, secret: &str) -> Result<(), AdminError> {
    let app = find(local, name).await?;
    Ok(workshop(local).remove_secret(&app, stage, secret).await?)
}

pub(super) async fn export(local: &Local, name: &str, version: Option<u32>) -> Result<Manifest, AdminError> {
    let app = find(local, name).await?;
    Ok(workshop(local).export(&app, version).await?)
}

pub(super) async fn import(local: &Local, org: &str, manifest: &Manifest) -> Result<ImportedApp, AdminError> {
    let org = local.find_org(org).await?;
    // A body that is JSON of the right shape may still be of another format.
    Manifest::read(&manifest.to_text()).map_err(AppError::from)?;
    let Import { did, left_out } = workshop(local).import(&org, manifest).await?;
    Ok(match did {
        Imported::Made(Made { app, secret }) => {
            ImportedApp { app: view(app), created: true, client_secret: shown(secret.as_ref()), left_out }
        }
        Imported::Changed(app) => ImportedApp { app: view(app), created: false, client_secret: None, left_out },
    })
}

/// The app of this id, or the only one with this `app_uuid`.
pub(super) async fn find(local: &Local, name: &str) -> Result<App, AdminError> {
    let store = &local.node.store;
    if let Ok(uuid) = AppUuid::parse(&name.to_lowercase()) {
        let mut same = store.apps(None).await?.into_iter().filter(|a| a.uuid == uuid);
        return match (same.next(), same.next()) {
            (Some(app), None) => Ok(app),
            (Some(_), Some(_)) => Err(AdminError::conflict("several organizations have this app; name it by its id")),
            (None, _) => Err(AdminError::not_found("app", name)),
        };
    }
    let found = match AppId::parse(name) {
        Ok(id) => store.app(&id).await?,
        Err(_) => None,
    };
    found.ok_or_else(|| AdminError::not_found("app", name))
}

fn shown(secret: Option<&PlainToken>) -> Option<String> {
    secret.map(|s| s.expose().to_owned())
}

/// An app as it is shown.
#[must_use]
pub fn view(app: App) -> AppView {
    let written = Written::from(&app.draft);
    AppView {
        id: app.id,
        app_uuid: app.uuid,
        org: app.org,
        name: written.name,
        description: written.description,
        documentation_url: app.draft.documentation_url,
        uninstall_instructions: written.uninstall_instructions,
        onboarding_url: app.draft.onboarding_url,
        redirect_uris: written.redirect_uris,
        scopes: app.draft.scopes,
        access_token_ttl_seconds: written.access_token_ttl,
        require_state: written.require_state,
        revision: app.revision,
        maturity: app.maturity,
        state: app.state,
        draft_client: app.draft_client,
        published_client: app.published_client,
        version: app.version,
        created_at: app.created_at,
        changed_at: app.changed_at,
    }
}

/// A version as it is shown.
#[must_use]
pub fn version_view(version: AppVersion) -> AppVersionView {
    let written = Written::from(&version.definition);
    AppVersionView {
        number: version.number,
        name: written.name,
        redirect_uris: written.redirect_uris,
        scopes: version.definition.scopes,
        access_token_ttl_seconds: written.access_token_ttl,
        require_state: written.require_state,
        published_at: version.published_at,
        published_by: version.published_by,
    }
}

/// A change as it is shown.
#[must_use]
pub fn change_view(change: Change) -> ChangeView {
    ChangeView { field: change.field.name().to_owned(), removed: change.removed, added: change.added }
}

/// A precondition as it is shown.
#[must_use]
pub fn condition_view(condition: Condition) -> ConditionView {
    let need = condition.need;
    ConditionView { need: need.name().to_owned(), sentence: need.sentence().into_owned(), met: condition.met }
}
