//! `/orgs/{org}/audit`: the log of an organization, for those members who may read it. Everybody else is told that there is
//! nothing.

mod export;
mod list;
mod record;
mod searches;

use crate::account::log::{self, Bound, Query, Unreadable};
use crate::account::{App, not_found};
use crate::config::Config;
use crate::pages::texts::{Text, audit as texts};
use crate::pages::views;
use crate::store::Org;
use crate::types::{Slug, UserId};
use crate::web::{Params, Trouble};

pub(super) use export::{csv, ndjson};
pub(super) use list::{list, row};
pub(super) use record::record;
pub(super) use searches::act as searches;

/// Where an organization's log is.
fn path(org: &Org) -> String {
    format!("/orgs/{}/audit", org.slug)
}

/// The pages of `org` that the person may open, with the log open.
async fn tabs(app: &App, config: &Config, user: &UserId, org: &Org) -> Result<views::OrgTabs, Trouble> {
    let membership = app.node.store.membership(&org.id, user).await?.ok_or_else(not_found)?;
    Ok(crate::account::org::tabs(config, org, &membership.roles, views::OrgTab::Audit))
}

/// The organization of this short name, if `user` may read its log now.
async fn org(app: &App, config: &Config, user: &UserId, slug: &str) -> Result<Org, Trouble> {
    let slug = Slug::parse(slug).map_err(|_| not_found())?;
    let org = app.node.store.org_by_slug(&slug).await?.ok_or_else(not_found)?;
    if log::readable(&app.node, config, user, &org).await? { Ok(org) } else { Err(not_found()) }
}

/// The search that an address carries, and its cursor.
pub(in crate::account) fn asked(query: &str) -> Result<(Query, Option<String>), Trouble> {
    let params = Params::parse(query.as_bytes()).map_err(|_| unreadable())?;
    let one = |name| params.one(name).map(|v| v.unwrap_or_default().trim().to_owned()).map_err(|_| unreadable());
    let cursor = one("cursor")?;
    let query = Query {
        from: one("from")?,
        to: one("to")?,
        user: one("user")?,
        client: one("client")?,
        api: one("api")?,
        tool: one("tool")?,
        decision: one("decision")?,
        text: one("text")?,
        grant: one("grant")?,
        request: one("request")?,
    };
    Ok((query, Some(cursor).filter(|c| !c.is_empty())))
}

fn unreadable() -> Trouble {
    Trouble::refused(texts::damaged_search())
}

/// What is wrong with a search, as its page says it.
fn told(problem: Unreadable) -> Text {
    match problem {
        Unreadable::Time(Bound::First) => texts::first_time_unreadable(),
        Unreadable::Time(Bound::Last) => texts::last_time_unreadable(),
        Unreadable::Range => texts::empty_range(),
        Unreadable::Decision => texts::no_such_decision(),
        Unreadable::Grant => texts::no_such_grant(),
        Unreadable::Request => texts::no_such_request(),
        Unreadable::ClientAndText => texts::application_and_text(),
    }
}

/// The search as the page's form shows it.
pub(in crate::account) fn shown(query: &Query) -> views::AuditFilter {
    views::AuditFilter {
        from: query.from.clone(),
        to: query.to.clone(),
        user: query.user.clone(),
        client: query.client.clone(),
        api: query.api.clone(),
        tool: query.tool.clone(),
        decision: views::DecisionFilter::parse(&query.decision),
        text: query.text.clone(),
        grant: query.grant.clone(),
        request: query.request.clone(),
    }
}
