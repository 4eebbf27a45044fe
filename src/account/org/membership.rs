//! What an administrator does about members: invite, change, remove, add and switch service users.

use std::time::Duration;

use axum::response::Response;
use http::StatusCode;

use super::members::{Said, changeable, is_own_service};
use super::{Here, MEMBERS_WRITE};
use crate::account::form::Form;
use crate::account::{App, not_found};
use crate::config::Config;
use crate::pages::When;
use crate::pages::views::InvitationLink;
use crate::record::{Actor, Cause};
use crate::store::{Created, Guarded, Invitation, Membership, NewUser, User, UserKind, UserState};
use crate::types::{InvitationId, PlainToken, RoleName, Slug, TokenKind, UserId};
use crate::web::{Peer, SignedIn, Trouble, see_other};

/// How long an invitation waits.
const INVITATION: Duration = Duration::from_hours(24 * 7);
/// Longest address, bytes (RFC 5321 §4.5.3.1.3).
const LONGEST: usize = 254;

/// What came of a form.
pub(super) enum Done {
    /// It was done; the browser is sent on.
    Changed(Response),
    /// The page says more.
    Told(Said),
}

/// One form, and who sent it.
struct Act<'a> {
    app: &'a App,
    config: &'a Config,
    here: &'a Here,
    form: &'a Form,
    cause: Cause,
    who: &'a SignedIn,
}

/// Does what the pressed button says.
pub(super) async fn decide(
    app: &App,
    config: &Config,
    peer: &Peer,
    (here, who): (&Here, &SignedIn),
    form: &Form,
) -> Result<Done, Trouble> {
    let cause = peer.cause(&app.node, Actor { user: Some(who.user.id.clone()), ..Actor::default() });
    let act = Act { app, config, here, form, cause, who };
    if form.has("invite") {
        return act.invite().await;
    }
    if form.has("save-roles") || form.has("remove") {
        return act.change().await;
    }
    if form.has("add-service") {
        return act.add_service().await;
    }
    if let Some(id) = form.pressed("withdraw-") {
        let id = InvitationId::parse(id).map_err(|_| not_found())?;
        app.node.store.withdraw_invitation(&here.org.id, &id, &act.cause).await?;
        return Ok(act.done());
    }
    match (form.pressed("deactivate-"), form.pressed("activate-")) {
        (Some(id), None) => act.switch(id, UserState::Disabled).await,
        (None, Some(id)) => act.switch(id, UserState::Active).await,
        _ => Err(not_found()),
    }
}

fn problem(status: StatusCode, text: &str) -> Done {
    Done::Told(Said { status, problem: Some(text.to_owned()), invited: None })
}

impl Act<'_> {
    fn done(&self) -> Done {
        Done::Changed(see_other(&format!("{}?done=1", self.here.path("members"))))
    }

    /// The ticked roles, if they exist and the person may give each of them.
    fn roles(&self) -> Result<Vec<RoleName>, Trouble> {
        let mut roles = Vec::new();
        for name in self.form.all("role") {
            let (role, _) = self.config.roles.0.get_key_value(name).ok_or_else(not_found)?;
            roles.push(role.clone());
        }
        roles.sort();
        roles.dedup();
        Ok(roles)
    }

    fn may_all<'r>(&self, mut roles: impl Iterator<Item = &'r RoleName>) -> bool {
        roles.all(|role| changeable(self.config, self.here, role))
    }

    async fn invite(&self) -> Result<Done, Trouble> {
        let email = self.form.one("email").unwrap_or_default().trim().to_lowercase();
        if !is_address(&email) {
            return Ok(problem(StatusCode::UNPROCESSABLE_ENTITY, "That is no e-mail address. Nobody was invited."));
        }
        let roles = self.roles()?;
        if !self.may_all(roles.iter()) {
            return Ok(problem(
                StatusCode::FORBIDDEN,
                "You can only give roles that permit no more than yours. Nobody was invited.",
            ));
        }
        let (node, now) = (&self.app.node, self.cause.at);
        let secret = PlainToken::generate(TokenKind::Invitation, &*node.entropy);
        let invitation = Invitation {
            id: InvitationId::generate(now, &*node.entropy),
            org: self.here.org.id.clone(),
            email: email.clone(),
            roles,
            invited_by: Some(self.who.user.id.clone()),
            created_at: now,
            expires_at: now.plus(INVITATION),
        };
        node.store.invite(&invitation, &secret.hashed(), &self.cause).await?;
        let url = format!("{}/invitations/{}", self.config.issuer, secret.expose());
        let link = InvitationLink { email, url, ends: When::new(invitation.expires_at, now) };
        Ok(Done::Told(Said { invited: Some(link), ..Said::default() }))
    }

    /// Another set of roles, or none and no membership.
    async fn change(&self) -> Result<Done, Trouble> {
        let (store, org) = (&self.app.node.store, &self.here.org.id);
        let id = self.form.one("user").and_then(|id| UserId::parse(id).ok()).ok_or_else(not_found)?;
        let before = store.membership(org, &id).await?.ok_or_else(not_found)?;
        let administrators = administrators(self.config);
        let guarded = if self.form.has("remove") {
            if !self.may_all(before.roles.iter()) {
                return Ok(problem(StatusCode::FORBIDDEN, "Somebody who may do more than you can't be removed by you."));
            }
            store.dismiss_member(org, &id, &administrators, &self.cause).await?
        } else {
            let roles = self.roles()?;
            let moved =
                roles.iter().filter(|r| !before.roles.contains(r)).chain(before.roles.iter().filter(|r| !roles.contains(r)));
            if !self.may_all(moved) {
                return Ok(problem(StatusCode::FORBIDDEN, "You can only give and take roles that permit no more than yours."));
            }
            let membership = Membership { org: org.clone(), user: id, roles };
            store.change_member(&membership, &administrators, &self.cause).await?
        };
        match guarded {
            Guarded::Done => {
                self.app.node.settle().await?;
                Ok(self.done())
            }
            Guarded::Absent => Err(not_found()),
            Guarded::LastAdministrator => {
                let text = "Nobody would be left to administer the organization. Make somebody else an administrator first.";
                Ok(problem(StatusCode::CONFLICT, text))
            }
        }
    }

    async fn add_service(&self) -> Result<Done, Trouble> {
        let (node, now) = (&self.app.node, self.cause.at);
        let Ok(name) = Slug::parse(self.form.one("service").unwrap_or_default().trim()) else {
            let text = "A service user's name has lower-case letters, digits and - only. None was added.";
            return Ok(problem(StatusCode::UNPROCESSABLE_ENTITY, text));
        };
        let roles = self.roles()?;
        if !self.may_all(roles.iter()) {
            return Ok(problem(StatusCode::FORBIDDEN, "You can only give roles that permit no more than yours. None was added."));
        }
        let user = User {
            id: UserId::generate(now, &*node.entropy),
            // Names are one space for everybody: the organization's own part keeps them from telling what others have.
            email: format!("{name}.{}", self.here.org.slug),
            name: name.to_string(),
            kind: UserKind::Service,
            state: UserState::Active,
            created_at: now,
        };
        let membership = Membership { org: self.here.org.id.clone(), user: user.id.clone(), roles };
        if node.store.create_user(&NewUser { user, password: None }, &self.cause).await? == Created::Taken {
            return Ok(problem(StatusCode::CONFLICT, "There is a service user of that name already. None was added."));
        }
        node.store.set_membership(&membership, &self.cause).await?;
        Ok(self.done())
    }

    async fn switch(&self, id: &str, to: UserState) -> Result<Done, Trouble> {
        let store = &self.app.node.store;
        let id = UserId::parse(id).map_err(|_| not_found())?;
        let member = store.membership(&self.here.org.id, &id).await?.ok_or_else(not_found)?;
        let user = store.user(&id).await?.ok_or_else(not_found)?;
        if !is_own_service(self.app, self.here, &user).await? || !self.may_all(member.roles.iter()) {
            return Err(not_found());
        }
        store.set_user_state(&id, to, &self.cause).await?;
        self.app.node.settle().await?;
        Ok(self.done())
    }
}

/// The roles that let somebody administer members.
fn administrators(config: &Config) -> Vec<RoleName> {
    let names = config.roles.0.keys();
    names.filter(|name| super::may(config, std::slice::from_ref(name), MEMBERS_WRITE)).cloned().collect()
}

/// Enough of an address to write to: one `@` with something on both sides, and nothing that forges a line.
fn is_address(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '<' | '>' | '(' | ')' | ',' | ';' | '"' | '\\');
    let parts: Vec<_> = text.split('@').collect();
    text.len() <= LONGEST && text.chars().all(plain) && parts.len() == 2 && parts.iter().all(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_other_text() {
        for good in ["ada@acme.test", "ada+tag@localhost"] {
            assert!(is_address(good), "{good}");
        }
        for bad in ["", "ada", "@acme.test", "ada@", "a@b@c", "a b@c", "a@b\n", "<a@b>", "é@b.test"] {
            assert!(!is_address(bad), "{bad}");
        }
    }
}
