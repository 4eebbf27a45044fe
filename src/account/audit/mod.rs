//! `/orgs/{org}/audit`: the log of an organization, for those members who may read it. Everybody else is told that there is
//! nothing.

mod export;
mod list;
mod proof;
mod record;
mod searches;

use crate::account::log::{self, Bound, Query, Unreadable};
use crate::account::not_found;
use crate::config::Config;
use crate::pages::texts::{Text, audit as texts};
use crate::pages::views;
use crate::store::Org;
use crate::types::RoleName;
use crate::web::{AnySession, Params, Trouble};

pub(super) use export::{csv, ndjson};
pub(super) use list::{list, row};
pub(super) use record::record;
pub(super) use searches::act as searches;

/// Where an organization's log is.
fn path(org: &Org) -> String {
    format!("/orgs/{}/audit", org.slug)
}

/// The pages of `org` that the person may open, with the log open.
fn tabs(config: &Config, org: &Org, roles: &[RoleName]) -> views::OrgTabs {
    crate::account::org::tabs(config, org, roles, views::OrgTab::Audit)
}

/// The organization of this short name with the roles of the person who looks, if they may read its log.
fn org<'a>(config: &Config, who: &'a AnySession, slug: &str) -> Result<(&'a Org, &'a [RoleName]), Trouble> {
    let found = who.org(slug).filter(|(_, roles)| log::may_read(config, roles));
    found.ok_or_else(not_found)
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
        operation: one("operation")?,
        status: one("status")?,
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
        Unreadable::Status => texts::no_such_status(),
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
        operation: query.operation.clone(),
        status: query.status.clone(),
        decision: views::DecisionFilter::parse(&query.decision),
        text: query.text.clone(),
        grant: query.grant.clone(),
        request: query.request.clone(),
    }
}
