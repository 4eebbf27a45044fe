//! An app as its pages show it.

use super::{Visit, told};
use crate::account::log::Names;
use crate::apps::{Change, Condition, Field, difference};
use crate::config::{Catalogue, Config, GrantFlow};
use crate::node::Node;
use crate::pages::texts::apps as texts;
use crate::pages::views::{
    AppClientCard, ConditionLine, DraftField, FieldChange, PrivateScope, PrivateState, ScopeChoice, ScopeChoices, ScopeLabel,
    SecretRow, Standing, VersionRow,
};
use crate::pages::{When, plain_lines};
use crate::store::{
    App, AppState, AppVersion, ClientKind, ClientSecret, Definition, ScopeRequest, ScopeRequestState, Stage, StoreError,
};
use crate::types::{ScopeSet, Timestamp};

/// How an app stands; `frozen` says whether the operator froze a client of it.
pub(super) fn standing(app: &App, frozen: bool) -> Standing {
    match (app.state, app.version) {
        (AppState::Disabled, _) => Standing::Disabled,
        (AppState::Active, _) if frozen => Standing::Frozen,
        (AppState::Active, 0) => Standing::Draft,
        (AppState::Active, version) => Standing::Published(version),
    }
}

pub(super) fn change(change: Change) -> FieldChange {
    FieldChange { title: told::title(change.field), removed: change.removed, added: change.added }
}

pub(super) fn condition(condition: &Condition) -> ConditionLine {
    ConditionLine { sentence: told::need(&condition.need), met: condition.met }
}

/// Every field of a definition with its values.
pub(super) fn fields(definition: &Definition) -> Vec<DraftField> {
    let all = difference(&Definition::default(), definition);
    let values = |field| all.iter().find(|c| c.field == field).map(|c| c.added.clone()).unwrap_or_default();
    let field = |field| DraftField { title: told::title(field), values: values(field), absent: told::absent(field) };
    Field::ALL.into_iter().map(field).collect()
}

/// A secret, without the secret.
pub(in crate::account) fn secret_row(secret: &ClientSecret, now: Timestamp) -> SecretRow {
    SecretRow {
        id: secret.id(),
        last4: secret.last4.clone(),
        made: When::new(secret.created_at, now),
        ends: secret.expires_at.map(|end| When::new(end, now)),
    }
}

pub(super) fn client(
    stage: Stage,
    client_id: String,
    kind: ClientKind,
    secrets: &[ClientSecret],
    now: Timestamp,
) -> AppClientCard {
    let (name, title, audience) = match stage {
        Stage::Draft => ("draft", texts::draft_client(), texts::draft_audience()),
        Stage::Published => ("published", texts::published_client(), texts::published_audience()),
    };
    AppClientCard {
        stage: name,
        title,
        audience,
        client_id,
        confidential: kind == ClientKind::Confidential,
        secrets: secrets.iter().map(|secret| secret_row(secret, now)).collect(),
    }
}

/// The versions with what each changed of the one before.
pub(super) async fn versions(visit: &Visit<'_>, app: &App, all: &[AppVersion]) -> Result<Vec<VersionRow>, StoreError> {
    let mut rows = Vec::with_capacity(all.len());
    for (i, version) in all.iter().enumerate() {
        let user = match &version.published_by {
            Some(id) => visit.app.node.store.user(id).await?.map(|u| u.email),
            None => None,
        };
        let before = all.get(i + 1).map(|v| &v.definition);
        let changes = before.map(|b| difference(b, &version.definition)).unwrap_or_default();
        rows.push(VersionRow {
            number: version.number,
            published: When::new(version.published_at, visit.app.node.now()),
            by: user,
            changes: changes.into_iter().map(change).collect(),
            manifest: format!("{}/manifest.json?version={}", visit.path(app), version.number),
        });
    }
    Ok(rows)
}

/// The catalogue as choices: what is requested, and of the rest what contains `find`; and how many were left out. Private scopes
/// are only shown to clients that were given them, those that this flow does not give only to clients that ask for them already.
pub(in crate::account) fn choices(
    (catalogue, flow): (&Catalogue, GrantFlow),
    requested: &[String],
    held: &ScopeSet,
    find: &str,
) -> (Vec<ScopeChoices>, usize) {
    let wanted = find.trim().to_lowercase();
    let (mut groups, mut hidden): (Vec<ScopeChoices>, usize) = (Vec::new(), 0);
    for entry in catalogue.entries() {
        let scope = entry.name.to_string();
        let is_requested = requested.contains(&scope);
        let taken_up = entry.deprecated.is_none() && entry.given_by.contains(&flow);
        let open = entry.is_open() && taken_up;
        if !open && !held.contains(&entry.name) {
            continue;
        }
        let matches = entry.mentions(&wanted);
        if !is_requested && !matches {
            hidden += 1;
            continue;
        }
        let (label, text) = (ScopeLabel::of(Some(entry)), entry.description.clone());
        let brings = entry.implies.iter().map(ToString::to_string).collect();
        let choice = ScopeChoice { scope, label, text, risk: entry.risk, requested: is_requested, brings };
        match groups.iter_mut().find(|g| g.group == entry.group) {
            Some(group) => group.choices.push(choice),
            None => groups.push(ScopeChoices { group: entry.group.clone(), choices: vec![choice] }),
        }
    }
    (groups, hidden)
}

/// Requests for private scopes as pages show them.
pub(in crate::account) async fn private(
    node: &Node,
    config: &Config,
    requests: Vec<ScopeRequest>,
) -> Result<Vec<PrivateScope>, StoreError> {
    let now = node.now();
    let mut names = Names::default();
    names.learn(node, requests.iter().filter_map(|r| r.asked.as_ref().and_then(|(user, _)| user.as_ref()))).await?;
    let view = |request: ScopeRequest| {
        let entry = config.catalogue.entry(&request.scope);
        let when = |at| When::new(at, now);
        PrivateScope {
            label: ScopeLabel::of(entry),
            text: entry.map(|e| e.description.clone()),
            state: match (request.state, request.approved_until) {
                (ScopeRequestState::Pending, until) => {
                    PrivateState::Waiting { given_until: until.filter(|until| *until > now).map(when) }
                }
                (ScopeRequestState::Approved, Some(until)) if until > now => PrivateState::Given(when(until)),
                (ScopeRequestState::Approved, until) => PrivateState::Ended(when(until.unwrap_or(now))),
                (ScopeRequestState::Denied, _) => PrivateState::Denied(request.decided_at.map(when)),
                (ScopeRequestState::Withdrawn, _) => PrivateState::Withdrawn(request.decided_at.map(when)),
            },
            asked: request.asked.map(|(by, at)| (by.map(|user| names.of(&user).to_owned()), when(at))),
            scope: request.scope.to_string(),
            reason: plain_lines(&request.reason),
            comment: request.comment.map(|said| plain_lines(&said)),
        }
    };
    Ok(requests.into_iter().map(view).collect())
}
