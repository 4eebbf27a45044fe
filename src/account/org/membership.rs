//! What an administrator does about members: invite, change, remove, add and switch service users.

use http::StatusCode;

use super::Here;
use super::members::Said;
use crate::account::form::Form;
use crate::account::visitor::Visitor;
use crate::account::{App, not_found};
use crate::pages::When;
use crate::pages::texts::{Text, org as texts};
use crate::pages::views::InvitationLink;
use crate::record::Cause;
use crate::roster::{By, Refusal, Roster, RosterError};
use crate::store::UserState;
use crate::types::{InvitationId, RoleName, UserId};
use crate::web::Trouble;

/// What came of a form.
pub(super) enum Done {
    /// It was done.
    Changed,
    /// The page says more.
    Told(Said),
}

/// One form, and who sent it.
struct Act<'a> {
    app: &'a App,
    visitor: &'a Visitor,
    here: &'a Here,
    form: &'a Form,
    cause: Cause,
}

/// Does what the pressed button says.
pub(super) async fn decide(app: &App, visitor: &Visitor, here: &Here, form: &Form) -> Result<Done, Trouble> {
    let act = Act { app, visitor, here, form, cause: visitor.cause(app) };
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
        return Ok(Done::Changed);
    }
    match (form.pressed("deactivate-"), form.pressed("activate-")) {
        (Some(id), None) => act.switch(id, UserState::Disabled).await,
        (None, Some(id)) => act.switch(id, UserState::Active).await,
        _ => Err(not_found()),
    }
}

const fn problem(status: StatusCode, text: Text) -> Done {
    Done::Told(Said { status, problem: Some(text), invited: None })
}

/// What was to be done: where it may not be, the page says what was not.
#[derive(Clone, Copy)]
enum Wanted {
    Invitation,
    Change,
    Service,
}

impl Act<'_> {
    /// The ticked roles, if they exist.
    fn roles(&self) -> Result<Vec<RoleName>, Trouble> {
        self.roster().roles(self.form.all("role")).map_err(|_| not_found())
    }

    fn roster(&self) -> Roster<'_> {
        Roster::new(&self.app.node, &self.here.org, By::Member(self.visitor.who.user.id.clone()), self.cause.clone())
    }

    /// What the page says of a refusal.
    fn told(error: RosterError, wanted: Wanted) -> Result<Done, Trouble> {
        let refusal = match error {
            RosterError::Store(fault) => return Err(fault.into()),
            RosterError::Refused(refusal) => refusal,
        };
        let (status, text) = match (refusal, wanted) {
            (Refusal::Absent | Refusal::NotOwnService | Refusal::Frozen | Refusal::NoInvitation | Refusal::Role { .. }, _) => {
                return Err(not_found());
            }
            (Refusal::Address(wrong), _) => (StatusCode::UNPROCESSABLE_ENTITY, texts::no_address(wrong)),
            (Refusal::ServiceName, _) => (StatusCode::UNPROCESSABLE_ENTITY, texts::service_name()),
            (Refusal::ServiceTaken, _) => (StatusCode::CONFLICT, texts::service_taken()),
            (Refusal::BeyondReach, Wanted::Invitation) => (StatusCode::FORBIDDEN, texts::invitation_beyond_reach()),
            (Refusal::BeyondReach, Wanted::Change) => (StatusCode::FORBIDDEN, texts::beyond_reach()),
            (Refusal::BeyondReach, Wanted::Service) => (StatusCode::FORBIDDEN, texts::service_beyond_reach()),
            (Refusal::LastAdministrator, _) => (StatusCode::CONFLICT, texts::last_administrator()),
        };
        Ok(problem(status, text))
    }

    async fn invite(&self) -> Result<Done, Trouble> {
        let (email, roles) = (self.form.one("email").unwrap_or_default(), self.roles()?);
        let invited = match self.roster().invite(email, roles).await {
            Ok(invited) => invited,
            Err(error) => return Self::told(error, Wanted::Invitation),
        };
        let (url, one) = (invited.url(&self.visitor.config), invited.invitation);
        let link = InvitationLink { email: one.email, url, ends: When::new(one.expires_at, self.cause.at) };
        Ok(Done::Told(Said { invited: Some(link), ..Said::default() }))
    }

    /// Another set of roles, or none and no membership.
    async fn change(&self) -> Result<Done, Trouble> {
        let id = self.form.one("user").and_then(|id| UserId::parse(id).ok()).ok_or_else(not_found)?;
        let removing = self.form.has("remove");
        let done = if removing { self.roster().remove(&id).await } else { self.roster().change(&id, self.roles()?).await };
        match done {
            Ok(()) => Ok(Done::Changed),
            Err(RosterError::Refused(Refusal::BeyondReach)) if removing => Ok(problem(StatusCode::FORBIDDEN, texts::mightier())),
            Err(error) => Self::told(error, Wanted::Change),
        }
    }

    async fn add_service(&self) -> Result<Done, Trouble> {
        let (name, roles) = (self.form.one("service").unwrap_or_default(), self.roles()?);
        match self.roster().add_service(name, roles).await {
            Ok(_) => Ok(Done::Changed),
            Err(error) => Self::told(error, Wanted::Service),
        }
    }

    async fn switch(&self, id: &str, to: UserState) -> Result<Done, Trouble> {
        let id = UserId::parse(id).map_err(|_| not_found())?;
        match self.roster().switch_service(&id, to).await {
            Ok(()) => Ok(Done::Changed),
            Err(RosterError::Refused(_)) => Err(not_found()),
            Err(RosterError::Store(fault)) => Err(fault.into()),
        }
    }
}
