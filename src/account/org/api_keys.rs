//! `/orgs/{org}/keys`: the API keys that apps made, and what each is worth at this moment.

use std::collections::HashMap;

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use http::StatusCode;

use super::Here;
use super::leaf::Leaf;
use super::place::Place;
use crate::account::App;
use crate::account::visitor::Visitor;
use crate::pages::texts::{Text, labels, org as texts};
use crate::pages::views::{ApiKeyRow, KeyStanding, ListSearch, OrgKeysPage, OrgTab};
use crate::pages::{DisplayName, When};
use crate::store::{
    ApiKey, ApiKeyFacts, ApiKeySearch, ApiKeyState, Approvals, Client, ClientPolicy, DisableReason, StoreError, User,
};
use crate::token::{Refusal, standing_of_key};
use crate::types::{ApiKeyId, ClientId, OwnScope, Timestamp, UserId};
use crate::web::{Trouble, page};

/// Keys on one page.
const PAGE: u32 = 50;

/// `GET /orgs/{org}/keys`.
pub async fn show(State(app): State<App>, Path(slug): Path<String>, RawQuery(query): RawQuery, visitor: Visitor) -> Response {
    visitor.answer(list(&app, &visitor, &slug, query.as_deref()).await)
}

async fn list(app: &App, visitor: &Visitor, slug: &str, query: Option<&str>) -> Result<Response, Trouble> {
    let here = Here::find(visitor, slug, OwnScope::GrantsRead)?;
    let config = &visitor.config;
    let (place, leaf) = (Place::read(here.path("keys"), query, &["text"], PAGE), Leaf::read(query, ApiKeyId::parse));
    let (path, text) = (place.first(), place.value("text"));
    let found = ApiKeySearch { org: Some(here.org.id.clone()), text: text.to_owned(), ..ApiKeySearch::default() };
    let mut keys = app.node.store.find_api_keys(&found, leaf.last(), PAGE + 1).await?;
    let older = leaf.cut(&path, &mut keys, PAGE as usize, |last| (last.created_at, last.id.clone()));
    let search = ListSearch {
        path: place.path().to_owned(),
        label: labels::find_a_key(),
        text: text.to_owned(),
        beside: None,
        choice: None,
        found: keys.len(),
        more: older.is_some() || leaf.last().is_some(),
    };
    let view = OrgKeysPage {
        frame: visitor.frame(here.section()),
        tabs: here.tabs(config, OrgTab::Keys),
        organization: DisplayName::new(&here.org.name),
        may_change: here.may(config, OwnScope::GrantsWrite),
        nothing_yet: keys.is_empty() && text.is_empty() && leaf.last().is_none(),
        search,
        keys: rows(app, &here, &keys, app.node.now()).await?,
        newer: leaf.newer(&path),
        older,
    };
    Ok(page(StatusCode::OK, &view))
}

/// What stands behind the keys of one client.
struct Maker {
    client: Client,
    policy: ClientPolicy,
    approvals: Approvals,
}

/// What stands behind keys, each looked up once.
#[derive(Default)]
struct Behind {
    makers: HashMap<ClientId, Option<Maker>>,
    users: HashMap<UserId, Option<User>>,
}

impl Behind {
    async fn learn(&mut self, app: &App, here: &Here, key: &ApiKey) -> Result<(), StoreError> {
        let store = &app.node.store;
        if !self.makers.contains_key(&key.client) {
            let maker = match store.client(&key.client).await? {
                Some(client) => Some(Maker {
                    policy: store.client_policy(&here.org.id, &client.id).await?,
                    approvals: store.approvals(&client.id).await?,
                    client,
                }),
                None => None,
            };
            self.makers.insert(key.client.clone(), maker);
        }
        if !self.users.contains_key(&key.user) {
            self.users.insert(key.user.clone(), store.user(&key.user).await?);
        }
        Ok(())
    }
}

/// Keys of the organization as they are shown.
pub(super) async fn rows(app: &App, here: &Here, keys: &[ApiKey], now: Timestamp) -> Result<Vec<ApiKeyRow>, StoreError> {
    let installed: Vec<_> = app.node.store.installs(&here.org.id).await?.into_iter().map(|i| i.app).collect();
    let (mut behind, mut shown) = (Behind::default(), Vec::with_capacity(keys.len()));
    for key in keys {
        behind.learn(app, here, key).await?;
        let maker = behind.makers.get(&key.client).and_then(Option::as_ref);
        let user = behind.users.get(&key.user).and_then(Option::as_ref);
        shown.push(ApiKeyRow {
            id: key.id.to_string(),
            last4: key.last4.clone(),
            application: DisplayName::new(maker.map_or(key.name.as_str(), |m| &m.client.name)),
            href: maker.map(|m| here.path(&format!("applications/{}", m.client.id))),
            scopes: key.scopes.iter().map(ToString::to_string).collect(),
            made: When::new(key.created_at, now),
            user: user.map(|u| u.email.clone()),
            grant: key.grant.to_string(),
            last_used: key.last_used_at.map(|at| When::new(at, now)),
            standing: match (&key.state, maker, user) {
                (ApiKeyState::Disabled { at, reason }, ..) => {
                    KeyStanding::Disabled { at: When::new(*at, now), why: because(*reason) }
                }
                (ApiKeyState::Live, Some(maker), Some(user)) => {
                    standing(here, key, (maker, user), installed.contains(&key.app), now)
                }
                (ApiKeyState::Live, ..) => KeyStanding::Suspended { why: texts::suspended_client_gone() },
            },
        });
    }
    Ok(shown)
}

/// By the function that the gate asks.
fn standing(here: &Here, key: &ApiKey, (maker, user): (&Maker, &User), installed: bool, now: Timestamp) -> KeyStanding {
    let facts = ApiKeyFacts {
        key: key.clone(),
        user: user.clone(),
        org: here.org.clone(),
        client: maker.client.clone(),
        policy: maker.policy.clone(),
        approvals: maker.approvals.clone(),
        installed,
    };
    match standing_of_key(&facts, now) {
        Ok(()) => KeyStanding::Live,
        Err(refusal) => KeyStanding::Suspended { why: suspended(refusal) },
    }
}

/// Why a key that was not disabled does nothing.
pub(super) const fn suspended(refusal: Refusal) -> Text {
    match refusal {
        Refusal::ClientDisabled => texts::suspended_client_disabled(),
        Refusal::ClientBlocked => texts::suspended_client_blocked(),
        Refusal::ClientNotApproved => texts::suspended_client_waiting(),
        Refusal::OrgDisabled => texts::suspended_org(),
        Refusal::KeyNotApproved => texts::suspended_permission(),
        // What ends a key for good, and what is said of tokens alone.
        _ => texts::suspended(),
    }
}

const fn because(reason: DisableReason) -> Text {
    match reason {
        DisableReason::Hand => texts::disabled_by_hand(),
        DisableReason::Uninstall => texts::disabled_by_uninstalling(),
        DisableReason::Withdrawal => texts::disabled_by_withdrawal(),
        DisableReason::AppDeleted => texts::disabled_by_deletion(),
        DisableReason::Trial => texts::disabled_by_trial(),
    }
}
