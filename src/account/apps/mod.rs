//! `/orgs/{org}/apps`: the apps of an organization, for members who may see or change them. Everybody else is told that there is
//! nothing. What can be done with an app is decided in [`crate::apps`].

mod acts;
mod form;
mod held;
mod publish;
mod show;
mod told;
mod trial;
mod words;

use axum::body::Body;
use http::StatusCode;

pub(super) use acts::{act, delete, delete_page, import, import_page, manifest};
pub(super) use form::{create, edit, edit_page, new_page};
pub(super) use publish::{publish, publish_page};
pub(super) use show::{list, show};
pub(super) use told::refusal as why_not;
pub(super) use trial::{act as trial_act, callback as trial_callback, show as trial_page};
pub(super) use words::{choices, private, secret_row};

use super::visitor::Visitor;
use super::{App, not_found};
use crate::apps::{AppError, Author, Refusal, Workshop};
use crate::pages::texts::apps as texts;
use crate::record::Cause;
use crate::store::{self, Org};
use crate::types::{AppId, OwnScope};
use crate::web::{MAX_FORM, Params, Trouble, body_within, from_our_pages};

/// What a member must hold to see the apps.
const READ: OwnScope = OwnScope::ClientsRead;
/// What a member must hold to change them.
const WRITE: OwnScope = OwnScope::ClientsWrite;

/// A visitor who may see the apps of one organization.
struct Visit<'a> {
    app: &'a App,
    visitor: &'a Visitor,
    org: Org,
    may_write: bool,
}

impl<'a> Visit<'a> {
    /// A visit of somebody who may see the apps of the organization with this short name.
    fn begin(app: &'a App, visitor: &'a Visitor, slug: &str) -> Result<Self, Trouble> {
        let (org, roles) = visitor.who.org(slug).ok_or_else(not_found)?;
        let may_write = visitor.config.may(roles, WRITE);
        if !(may_write || visitor.config.may(roles, READ)) {
            return Err(not_found());
        }
        Ok(Self { app, visitor, may_write, org: org.clone() })
    }

    /// The same for somebody who may change them.
    fn to_change(app: &'a App, visitor: &'a Visitor, slug: &str) -> Result<Self, Trouble> {
        let visit = Self::begin(app, visitor, slug)?;
        if visit.may_write {
            return Ok(visit);
        }
        Err(Trouble::at(StatusCode::FORBIDDEN, texts::read_only()))
    }

    /// `/orgs/{slug}/apps`.
    fn list(&self) -> String {
        format!("/orgs/{}/apps", self.org.slug)
    }

    /// The page of an app.
    fn path(&self, app: &store::App) -> String {
        format!("{}/{}", self.list(), app.id)
    }

    /// An app of this organization.
    async fn find(&self, id: &str) -> Result<store::App, Trouble> {
        let id = AppId::parse(id).map_err(|_| not_found())?;
        let found = self.app.node.store.app(&id).await?;
        found.filter(|a| a.org == self.org.id).ok_or_else(not_found)
    }

    /// This request, on behalf of who looks.
    fn cause(&self) -> Cause {
        self.visitor.cause(self.app)
    }

    fn workshop(&self) -> Workshop<'_> {
        Workshop::new(&self.app.node, Author::Member, self.cause())
    }

    /// The form that one of our own pages sent.
    async fn form(&self, body: Body) -> Result<Params, Trouble> {
        if !from_our_pages(&self.visitor.headers, &self.visitor.config.issuer) {
            return Err(Trouble::forged());
        }
        let body = body_within(body, MAX_FORM).await.ok_or_else(Trouble::forged)?;
        let form = Params::parse(&body)?;
        if self.visitor.who.csrf.matches(form.one("csrf")?) { Ok(form) } else { Err(Trouble::forged()) }
    }
}

/// What a person is told of a refusal, or that the store failed.
fn refused(error: AppError) -> Result<Refusal, Trouble> {
    match error {
        AppError::Refused(Refusal::Gone) => Err(not_found()),
        AppError::Refused(refusal) => Ok(refusal),
        AppError::Store(fault) => Err(fault.into()),
    }
}
