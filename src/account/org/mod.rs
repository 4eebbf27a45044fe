//! The administration of an organization by those of its members who may. Everybody else is told that there is nothing.

mod api_keys;
mod application;
mod applications;
mod install;
pub(super) mod leaf;
mod machines;
mod members;
mod membership;
mod place;
mod review;

use std::str::FromStr;

use super::not_found;
use super::visitor::Visitor;
use crate::config::Config;
use crate::pages::views::{OrgTab, OrgTabs, Section};
use crate::store::Org;
use crate::types::{OwnScope, RoleName};
use crate::web::{Params, Trouble};

pub(super) use api_keys::show as api_keys;
pub(super) use application::{act as application_act, show as application};
pub(super) use applications::{act as applications_act, show as applications};
pub(super) use install::{act as install, leave, leave_page, show as install_page};
pub(super) use machines::{
    act as machine_act, create as create_machine, list as machines, new_page as new_machine, scopes_page as machine_scopes,
    set_scopes as set_machine_scopes, show as machine,
};
pub(super) use members::{act as members_act, show as members};
pub(super) use review::{csv as review_csv, json as review_json, show as review};

/// An organization with what the person who looks may do in it.
struct Here {
    org: Org,
    roles: Vec<RoleName>,
}

impl Here {
    /// The organization of this short name, if it is active and the visitor holds `needed` there.
    fn find(visitor: &Visitor, slug: &str, needed: OwnScope) -> Result<Self, Trouble> {
        let (org, roles) = visitor.who.org(slug).ok_or_else(not_found)?;
        let here = Self { org: org.clone(), roles: roles.to_vec() };
        if here.may(&visitor.config, needed) { Ok(here) } else { Err(not_found()) }
    }

    /// Whether they hold this permission.
    fn may(&self, config: &Config, needed: OwnScope) -> bool {
        config.may(&self.roles, needed)
    }

    /// The pages of this organization that they may open.
    fn tabs(&self, config: &Config, open: OrgTab) -> OrgTabs {
        tabs(config, &self.org, &self.roles, open)
    }

    /// The section of the menu that its pages stand in.
    fn section(&self) -> Section {
        Section::Audit { slug: self.org.slug.to_string() }
    }

    /// Where a page of this organization is.
    fn path(&self, page: &str) -> String {
        format!("/orgs/{}/{page}", self.org.slug)
    }
}

/// The pages of an organization that the holder of `roles` may open.
pub(super) fn tabs(config: &Config, org: &Org, roles: &[RoleName], open: OrgTab) -> OrgTabs {
    let needed = |tab: &OrgTab| match tab {
        OrgTab::Audit => OwnScope::AuditRead,
        OrgTab::Applications | OrgTab::Keys | OrgTab::Review => OwnScope::GrantsRead,
        OrgTab::Members => OwnScope::MembersRead,
        OrgTab::Machines => OwnScope::ClientsRead,
    };
    let allowed = OrgTab::ALL.into_iter().filter(|tab| config.may(roles, needed(tab))).collect();
    OrgTabs { slug: org.slug.to_string(), open, allowed }
}

/// One value of an address; a damaged address says nothing.
fn asked<T: FromStr>(query: Option<&str>, name: &'static str) -> Option<T> {
    let params = Params::parse(query.unwrap_or_default().as_bytes()).ok()?;
    params.one(name).ok().flatten()?.parse().ok()
}
