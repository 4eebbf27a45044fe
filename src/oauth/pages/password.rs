//! Changing the password; first of all the one-time password of a new account.

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use secrecy::SecretString;

use super::super::App;
use super::super::passwords::SHORTEST;
use super::super::throttle::Bound;
use super::after::After;
use super::login::note_failure;
use super::{continuing, own_form};
use crate::config::Config;
use crate::pages::texts::sign_in as texts;
use crate::pages::views::{PasswordPage, PasswordProblem, PasswordReason};
use crate::record::Actor;
use crate::store::PasswordRecord;
use crate::web::{AnySession, Params, Peer, Trouble, brand, page, see_other, signed_in};

/// `GET /password`.
pub async fn show(State(app): State<App>, peer: Peer, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let config = app.node.config.load_full();
    let after = read(query.as_deref());
    let outcome = async {
        match signed_in(&app.node, &config, &headers).await? {
            None => Ok(see_other(&after.through("/login"))),
            Some(session) => form(&app, &config, &after, &session, None).await,
        }
    };
    outcome.await.unwrap_or_else(|trouble: Trouble| trouble.page(&config, &peer))
}

/// `POST /password`.
pub async fn submit(State(app): State<App>, peer: Peer, RawQuery(query): RawQuery, headers: HeaderMap, body: Body) -> Response {
    let config = app.node.config.load_full();
    let after = read(query.as_deref());
    let outcome = change(&app, &config, &peer, &after, (&headers, body)).await;
    outcome.unwrap_or_else(|trouble| trouble.page(&config, &peer))
}

fn read(query: Option<&str>) -> After {
    After::read(&Params::parse(query.unwrap_or_default().as_bytes()).unwrap_or_default())
}

async fn form(
    app: &App,
    config: &Config,
    after: &After,
    session: &AnySession,
    problem: Option<PasswordProblem>,
) -> Result<Response, Trouble> {
    let (csrf, email) = (session.csrf.as_str().to_owned(), session.user.email.clone());
    let mut view = PasswordPage::one_time(brand(config), after.through("/password"), csrf, email, SHORTEST);
    if !session.must_change_password {
        view.reason = PasswordReason::Chosen;
    }
    view.continue_to = continuing(app, after).await?.map(|(_, name)| name);
    view.problem = problem;
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok(page(status, &view))
}

async fn change(
    app: &App,
    config: &Config,
    peer: &Peer,
    after: &After,
    (headers, body): (&HeaderMap, Body),
) -> Result<Response, Trouble> {
    let Some(session) = signed_in(&app.node, config, headers).await? else {
        return Ok(see_other(&after.through("/login")));
    };
    let (fields, genuine) = own_form(config, headers, body, &session.csrf).await?;
    if !genuine {
        return form(app, config, after, &session, Some(PasswordProblem::Expired)).await;
    }
    let field = |name| fields.one(name).map(|v| v.unwrap_or_default().to_owned());
    let (current, new) = (field("current-password")?, field("new-password")?);
    let actor = Actor { user: Some(session.user.id.clone()), ..Actor::default() };
    let (key, limit) = (format!("password {}", session.user.id), config.oauth.login_attempts.max(1));
    let bound = Bound { key, limit, lock: "password_locked" };
    if let Err(lock) = app.sign_ins.attempt_under(std::slice::from_ref(&bound), app.node.now()) {
        if let Some(reason) = lock.news {
            note_failure(app, peer, actor, reason).await?;
        }
        return Err(Trouble::at(StatusCode::TOO_MANY_REQUESTS, texts::password_locked()));
    }
    let before = app.node.store.password(&session.user.id).await?.map(|r| r.phc);
    if !app.passwords.verify(current.clone().into(), before.clone()).await? {
        note_failure(app, peer, actor, "current_password").await?;
        return form(app, config, after, &session, Some(PasswordProblem::CurrentWrong)).await;
    }
    app.sign_ins.forgive(&bound.key, app.node.now());
    if let Some(problem) = weakness(&current, &new, &session.user.email) {
        return form(app, config, after, &session, Some(problem)).await;
    }
    let phc: SecretString = app.passwords.hash(new.into(), app.node.entropy.clone()).await?;
    let cause = peer.cause(&app.node, actor);
    let record = PasswordRecord { phc, one_time: false };
    let changed = match &before {
        Some(before) => app.node.store.change_password(&session.user.id, before, &record, &session.session.hash, &cause).await?,
        None => false,
    };
    if !changed {
        // Somebody else changed it, or ended this session, since the form was sent.
        return form(app, config, after, &session, Some(PasswordProblem::Expired)).await;
    }
    Ok(see_other(&after.location()))
}

/// Length is what protects; what can be guessed from the account or is one thing repeated does not.
pub(super) fn weakness(current: &str, new: &str, email: &str) -> Option<PasswordProblem> {
    let lower = new.to_lowercase();
    let account = email.split('@').next().unwrap_or_default();
    let mut distinct: Vec<char> = lower.chars().collect();
    let length = distinct.len();
    distinct.sort_unstable();
    distinct.dedup();
    let named = account.len() >= 4 && lower.contains(account) && lower.len() < account.len() + 8;
    if length < SHORTEST {
        Some(PasswordProblem::TooShort)
    } else if new == current {
        Some(PasswordProblem::Unchanged)
    } else if distinct.len() < 5 || lower == email || named || COMMON.iter().any(|c| lower.starts_with(c)) {
        Some(PasswordProblem::TooCommon)
    } else {
        None
    }
}

/// What the most common long passwords start with.
const COMMON: [&str; 8] = [
    "password1234",
    "passwordpass",
    "123456789012",
    "qwertyuiop12",
    "qwertyuiopas",
    "letmeinletme",
    "adminadminad",
    "iloveyou1234",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_passwords_are_told_apart() {
        let case = |new| weakness("the-current-one", new, "ada.lovelace@acme.test");
        assert_eq!(case("elevenchars"), Some(PasswordProblem::TooShort));
        assert_eq!(case("the-current-one"), Some(PasswordProblem::Unchanged));
        assert_eq!(case("ada.lovelace2026"), Some(PasswordProblem::TooCommon));
        assert_eq!(case("aaaaaaaaaaaaaaaa"), Some(PasswordProblem::TooCommon));
        assert_eq!(case("Password1234!"), Some(PasswordProblem::TooCommon));
        assert_eq!(case("three plain words"), None);
    }
}
