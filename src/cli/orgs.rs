//! `org`.

use clap::{Args, Subcommand};

use super::args::Place;
use super::connect::administer;
use super::failure::CliError;
use super::output::{card, name_of, show, table};
use super::pages::{self, Paged};
use crate::admin::{NewOrg, OrgChange, OrgView, Switch};

#[derive(Debug, Args)]
pub(super) struct Orgs {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Organizations, by slug
    List(Paged),
    /// One organization
    Show {
        /// Id or slug
        org: String,
    },
    /// Make an organization
    Create {
        /// Its short name in URLs
        slug: String,
        #[command(flatten)]
        values: Values,
    },
    /// Change its name or tenant values
    Update {
        /// Id or slug
        org: String,
        #[command(flatten)]
        values: Values,
    },
    /// What it decided about clients: allow, block, restrict, revoke
    #[command(subcommand)]
    Policy(super::policy::Policy),
    /// Who authorized what in it: what was not used for longest first; in pages, newest first
    Review {
        /// Id or slug
        org: String,
        /// Answer in CSV
        #[arg(long, conflicts_with_all = ["limit", "cursor"])]
        csv: bool,
        #[command(flatten)]
        page: Paged,
    },
    /// Let it act again
    #[command(visible_alias = "thaw")]
    Enable {
        /// Id or slug
        org: String,
    },
    /// Stop it: no token of it works any more
    #[command(visible_alias = "freeze")]
    Disable {
        /// Id or slug
        org: String,
    },
}

#[derive(Debug, Args)]
struct Values {
    /// Its name for people
    #[arg(long)]
    name: Option<String>,
    /// What upstreams know it by
    #[arg(long)]
    tenant: Option<String>,
    /// What the upstream of one API knows it by
    #[arg(long = "tenant-for", value_name = "API=VALUE", value_parser = pair)]
    tenants: Vec<(String, String)>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    text.split_once('=').map(|(a, b)| (a.to_owned(), b.to_owned())).ok_or_else(|| "expected API=VALUE".to_owned())
}

pub(super) async fn run(args: Orgs) -> Result<(), CliError> {
    let Orgs { place, action } = args;
    let json = place.json;
    administer(&place, |admin| async move {
        let one = match action {
            Action::List(paged) => return pages::list(json, paged, async |page| admin.orgs(page).await, list).await,
            Action::Policy(action) => return super::policy::run(&*admin, action, json).await,
            Action::Review { org, csv, page } => return super::policy::review(&*admin, &org, page, (csv, json)).await,
            Action::Show { org } => admin.org(&org).await?,
            Action::Create { slug, values } => {
                let Values { name, tenant, tenants } = values;
                admin.create_org(NewOrg { slug, name, tenant, tenants: tenants.into_iter().collect() }).await?
            }
            Action::Update { org, values } => {
                let Values { name, tenant, tenants } = values;
                let tenants = (!tenants.is_empty()).then(|| tenants.into_iter().collect());
                admin.update_org(&org, OrgChange { name, tenant, tenants }).await?
            }
            Action::Enable { org } => admin.switch_org(&org, Switch::Active).await?,
            Action::Disable { org } => admin.switch_org(&org, Switch::Disabled).await?,
        };
        show(json, &one, details)
    })
    .await
}

fn list(orgs: &[OrgView]) -> String {
    let row = |o: &OrgView| [o.slug.to_string(), o.name.clone(), o.tenant.clone(), name_of(&o.state), o.id.to_string()];
    table(["SLUG", "NAME", "TENANT", "STATE", "ID"], orgs.iter().map(row))
}

fn details(org: &OrgView) -> String {
    let tenants: Vec<String> = org.tenants.iter().map(|(api, value)| format!("{api}={value}")).collect();
    card([
        ("id", org.id.to_string()),
        ("slug", org.slug.to_string()),
        ("name", org.name.clone()),
        ("tenant", org.tenant.clone()),
        ("tenants", tenants.join(" ")),
        ("state", name_of(&org.state)),
        ("created", org.created_at.to_string()),
    ])
}
