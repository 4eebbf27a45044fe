//! `/operator/scopes`: private scopes that somebody asks for, or was given.

use std::collections::{BTreeSet, HashMap};

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use http::StatusCode;

use super::{App, Asked, Operating, at_stake, nothing, told, why};
use crate::admin::{Administration as _, ScopeDecision, ScopeVerdict};
use crate::config::Risk;
use crate::pages::texts::{Text, operator as texts};
use crate::pages::views::{
    Approval, OperatorScopePage, OperatorScopeRow, OperatorScopesPage, ScopeEnding, ScopeLabel, ScopeNotice,
};
use crate::pages::{DisplayName, When, plain_lines};
use crate::store::{Counted, Holder, ScopeRequest, ScopeRequestState, ScopeRequests, StoreError};
use crate::types::{AppId, OrgId, ScopeToken, Timestamp, UserId};
use crate::web::{Form, Trouble, page, see_other};

const PATH: &str = "/operator/scopes";
/// Seconds of a day.
const DAY: u64 = 24 * 60 * 60;

/// `GET /operator/scopes`.
pub async fn list(State(app): State<App>, who: Operating) -> Response {
    let outcome = listed(&app, &who).await;
    who.answer(&app, outcome).await
}

async fn listed(app: &App, who: &Operating) -> Result<Response, Trouble> {
    let all = app.node.store.scope_requests(ScopeRequests::All).await?;
    let names = organizations(app, &all).await?;
    let (mut waiting, mut decided) = (Vec::new(), Vec::new());
    for one in &all {
        let row = row(one, &names, app.node.now());
        let rows = if one.state == ScopeRequestState::Pending { &mut waiting } else { &mut decided };
        rows.push(row);
    }
    let view = OperatorScopesPage { frame: who.frame(), waiting, decided };
    Ok(page(StatusCode::OK, &view))
}

/// The organizations that ask, all of them in one question.
async fn organizations(app: &App, all: &[ScopeRequest]) -> Result<HashMap<OrgId, DisplayName>, StoreError> {
    let ids: BTreeSet<_> = all.iter().filter_map(|one| one.org.clone()).collect();
    let names = app.node.store.org_names(&ids.into_iter().collect::<Vec<_>>()).await?;
    Ok(names.into_iter().map(|(id, name)| (id, DisplayName::new(&name))).collect())
}

fn row(one: &ScopeRequest, names: &HashMap<OrgId, DisplayName>, now: Timestamp) -> OperatorScopeRow {
    OperatorScopeRow {
        href: path(one),
        holder: DisplayName::new(&one.name),
        organization: one.org.as_ref().and_then(|org| names.get(org)).cloned(),
        scope: one.scope.to_string(),
        reason: plain_lines(&one.reason),
        asked: one.asked.as_ref().map(|(_, at)| When::new(*at, now)),
        approval: approval(one, now),
    }
}

fn path(one: &ScopeRequest) -> String {
    let scope: String = url::form_urlencoded::byte_serialize(one.scope.as_str().as_bytes()).collect();
    format!("{PATH}/{}/{}", one.holder.as_str(), scope.replace("%3A", ":"))
}

fn approval(one: &ScopeRequest, now: Timestamp) -> Approval {
    let live = one.approved_until.filter(|until| *until > now);
    match (one.state, one.approved_until) {
        (ScopeRequestState::Pending, _) => Approval::Waiting { until: live.map(|at| When::new(at, now)) },
        (ScopeRequestState::Approved, Some(until)) if until > now => Approval::Given { until: When::new(until, now) },
        (ScopeRequestState::Approved, until) => Approval::Ended { at: When::new(until.unwrap_or(now), now) },
        (ScopeRequestState::Denied, _) => Approval::Denied,
        (ScopeRequestState::Withdrawn, _) => Approval::Withdrawn,
    }
}

/// The request of this holder and scope.
async fn find(app: &App, holder: &str, scope: &str) -> Result<ScopeRequest, Trouble> {
    let scope = ScopeToken::parse(scope).map_err(|_| nothing())?;
    // Of which kind it is, the request itself says.
    let holder = AppId::parse(holder).map(Holder::App).map_err(|_| nothing())?;
    let all = app.node.store.scope_requests(ScopeRequests::For(&holder)).await?;
    all.into_iter().find(|one| one.scope == scope).ok_or_else(nothing)
}

/// `GET /operator/scopes/{holder}/{scope}`.
pub async fn show(
    State(app): State<App>,
    Path((holder, scope)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    who: Operating,
) -> Response {
    let outcome = async {
        let one = find(&app, &holder, &scope).await?;
        shown(&app, &who, &one, &Asked::of(query.as_deref()), Said::Nothing).await
    };
    let outcome = outcome.await;
    who.answer(&app, outcome).await
}

/// What the page says besides.
enum Said {
    Nothing,
    /// Why nothing was decided.
    Problem(StatusCode, Text),
    /// What ended with what was decided: grants and keys.
    Ended(u64, u64),
}

async fn shown(app: &App, who: &Operating, one: &ScopeRequest, asked: &Asked, said: Said) -> Result<Response, Trouble> {
    let now = app.node.now();
    let entry = who.config.catalogue.entry(&one.scope);
    let approval = approval(one, now);
    let (status, problem, ended) = match said {
        Said::Nothing => (StatusCode::OK, None, None),
        Said::Problem(status, text) => (status, Some(text), None),
        Said::Ended(grants, keys) => (StatusCode::OK, None, Some(texts::ended_with_it(grants, keys))),
    };
    let view = OperatorScopePage {
        frame: who.frame(),
        csrf: who.csrf(),
        path: path(one),
        holder: DisplayName::new(&one.name),
        holder_id: one.holder.as_str().to_owned(),
        organization: organizations(app, std::slice::from_ref(one)).await?.into_values().next(),
        scope: one.scope.to_string(),
        label: ScopeLabel::of(entry),
        text: entry.map_or_else(|| one.scope.to_string(), |e| e.description.clone()),
        risk: entry.map_or(Risk::High, |e| e.risk),
        reason: plain_lines(&one.reason),
        asked: match &one.asked {
            Some((by, at)) => Some((asker(app, by.as_ref()).await?, When::new(*at, now))),
            None => None,
        },
        comment: one.comment.as_deref().map(plain_lines),
        stake: at_stake(app, Counted::Holding(&one.holder, &one.scope)).await?,
        asked_to: match &approval {
            Approval::Given { .. } | Approval::Waiting { until: Some(_) } if asked.is("confirm", "withdraw") => {
                Some(ScopeEnding::Withdraw)
            }
            Approval::Waiting { until: Some(_) } if asked.is("confirm", "deny") => Some(ScopeEnding::Deny),
            _ => None,
        },
        notice: match (&approval, asked.text("done").as_str()) {
            (Approval::Given { .. }, "approved") => Some(ScopeNotice::Approved),
            (Approval::Denied, "denied") => Some(ScopeNotice::Denied),
            (Approval::Withdrawn, "withdrawn") => Some(ScopeNotice::Withdrawn),
            _ => None,
        },
        approval,
        problem,
        ended,
    };
    Ok(page(status, &view))
}

/// Who asked, by address.
async fn asker(app: &App, user: Option<&UserId>) -> Result<Option<String>, StoreError> {
    let Some(user) = user else { return Ok(None) };
    let found = app.node.store.emails(std::slice::from_ref(user)).await?;
    Ok(Some(found.into_iter().next().map_or_else(|| user.to_string(), |(_, email)| email)))
}

/// `POST /operator/scopes/{holder}/{scope}`: gives it, denies it, or takes it back.
pub async fn act(State(app): State<App>, Path((holder, scope)): Path<(String, String)>, who: Operating, body: Body) -> Response {
    let outcome = decide(&app, &who, (&holder, &scope), body).await;
    who.answer(&app, outcome).await
}

async fn decide(app: &App, who: &Operating, (holder, scope): (&str, &str), body: Body) -> Result<Response, Trouble> {
    let form = Form::read(&who.config, &who.headers, body, &who.session).await?;
    let one = find(app, holder, scope).await?;
    let (verdict, done) = match (form.has("approve"), form.has("deny"), form.has("withdraw")) {
        (true, false, false) => (ScopeVerdict::Approve, "approved"),
        (false, true, false) => (ScopeVerdict::Deny, "denied"),
        (false, false, true) => (ScopeVerdict::Withdraw, "withdrawn"),
        _ => return Err(nothing()),
    };
    let comment = form.one("comment").map(|c| c.trim().to_owned()).filter(|c| !c.is_empty());
    let unsaid = verdict == ScopeVerdict::Deny && comment.is_none();
    let lives = form.one("lives").and_then(|days| days.parse::<u64>().ok()).and_then(|days| days.checked_mul(DAY));
    let untold = verdict == ScopeVerdict::Approve && lives.is_none();
    let problem = match () {
        () if unsaid => Some(texts::say_why()),
        () if untold => Some(texts::choose_term()),
        () => None,
    };
    if let Some(problem) = problem {
        // The question stays, if it was one.
        let asked = Asked::of(unsaid.then_some("confirm=deny"));
        return shown(app, who, &one, &asked, Said::Problem(StatusCode::UNPROCESSABLE_ENTITY, problem)).await;
    }
    let lives = lives.filter(|_| verdict == ScopeVerdict::Approve);
    let decision = ScopeDecision { scope: one.scope.to_string(), verdict, lives, comment };
    match told(who.administration(app).decide_scope(one.holder.as_str(), decision).await)? {
        Ok(decided) if decided.revoked_grants + decided.disabled_keys > 0 => {
            let (now, asked) = (find(app, holder, scope).await?, Asked::of(Some(&format!("done={done}"))));
            shown(app, who, &now, &asked, Said::Ended(decided.revoked_grants, decided.disabled_keys)).await
        }
        Ok(_) => Ok(see_other(&format!("{}?done={done}", path(&one)))),
        Err(refusal) => {
            // It may have been decided meanwhile: what is shown is what holds now.
            let now = find(app, holder, scope).await?;
            let problem = Said::Problem(refusal.code.status(), why(&refusal));
            shown(app, who, &now, &Asked::of(None), problem).await
        }
    }
}
