//! `org policy` and `org review`.

use clap::{Subcommand, ValueEnum};

use super::failure::CliError;
use super::output::{name_of, or_dash, print, show, table};
use super::pages::{self, Paged, more};
use crate::admin::{
    Administration, ClientPolicyChange, ClientPolicyView, NewClientsChange, OrgPolicyView, PageQuery, RevokedGrants, VerdictName,
};
use crate::review::{self, Entry};
use crate::store::{NewClients, Stance};

#[derive(Debug, Subcommand)]
pub(super) enum Policy {
    /// What it decided about clients: those that wait for approval first; in pages, those made last first
    Show {
        /// Id or slug of the organization
        org: String,
        #[command(flatten)]
        page: Paged,
    },
    /// Decide what happens with clients that nobody decided about
    NewClients {
        /// Id or slug of the organization
        org: String,
        /// open: members may authorize them; approval: an administrator approves each first
        #[arg(value_enum)]
        to: NewClientsName,
    },
    /// Let a client be used, or approve it
    Allow(Which),
    /// Stop a client: its tokens stop working at once; its grants stay
    Block(Which),
    /// Set the most that a client may hold; narrows live tokens at once
    Restrict {
        #[command(flatten)]
        which: Which,
        /// Scopes separated by spaces
        #[arg(long)]
        scopes: String,
    },
    /// Lift that
    Unrestrict(Which),
    /// End every grant of a client
    Revoke(Which),
}

#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// Id or slug of the organization
    org: String,
    /// `client_id`
    client: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum NewClientsName {
    Open,
    Approval,
}

pub(super) async fn run(admin: &dyn Administration, action: Policy, json: bool) -> Result<(), CliError> {
    let (which, change) = match action {
        Policy::Show { org, page: paged } => {
            let Some(one) = paged.one() else {
                return show(json, &whole(admin, &org, admin.policy(&org, page(None)).await?).await?, list);
            };
            return show(json, &admin.policy(&org, one).await?, |one| list(one) + &more(one.next.as_deref()));
        }
        Policy::NewClients { org, to } => {
            let new_clients = match to {
                NewClientsName::Open => NewClients::Open,
                NewClientsName::Approval => NewClients::Approval,
            };
            let first = admin.set_new_clients(&org, NewClientsChange { new_clients }).await?;
            return show(json, &whole(admin, &org, first).await?, list);
        }
        Policy::Revoke(Which { org, client }) => {
            let done = admin.revoke_client(&org, &client).await?;
            return show(json, &done, |RevokedGrants { revoked }| format!("revoked {revoked} grants\n"));
        }
        Policy::Allow(which) => (which, ClientPolicyChange { verdict: Some(VerdictName::Allow), ..Default::default() }),
        Policy::Block(which) => (which, ClientPolicyChange { verdict: Some(VerdictName::Block), ..Default::default() }),
        Policy::Restrict { which, scopes } => (which, ClientPolicyChange { scopes: Some(scopes), ..Default::default() }),
        Policy::Unrestrict(which) => (which, ClientPolicyChange { unrestricted: true, ..Default::default() }),
    };
    let one = admin.set_client_policy(&which.org, &which.client, change).await?;
    show(json, &one, |one| rows(std::slice::from_ref(one)))
}

/// The largest page there is.
const fn page(cursor: Option<String>) -> PageQuery {
    PageQuery { limit: Some(1000), cursor }
}

/// Every page behind the first one, those that wait for approval first.
async fn whole(admin: &dyn Administration, org: &str, first: OrgPolicyView) -> Result<OrgPolicyView, CliError> {
    let mut whole = first;
    while let Some(next) = whole.next.take() {
        let more = admin.policy(org, page(Some(next))).await?;
        whole.clients.extend(more.clients);
        whole.next = more.next;
    }
    whole.clients.sort_by_key(|one| one.stance != Stance::Pending);
    Ok(whole)
}

fn list(policy: &OrgPolicyView) -> String {
    format!("new clients: {}\n\n{}", name_of(&policy.new_clients), rows(&policy.clients))
}

fn rows(clients: &[ClientPolicyView]) -> String {
    let row = |c: &ClientPolicyView| {
        let most = c.scopes.as_ref().map_or_else(|| "not restricted".to_owned(), ToString::to_string);
        let used = or_dash(c.last_used_at);
        [
            c.client.to_string(),
            c.client_name.clone(),
            name_of(&c.stance),
            c.users.to_string(),
            c.keys.len().to_string(),
            used,
            most,
        ]
    };
    table(["CLIENT ID", "NAME", "STANCE", "USERS", "KEYS", "LAST USED", "AT MOST"], clients.iter().map(row))
}

pub(super) async fn review(
    admin: &dyn Administration,
    org: &str,
    paged: Paged,
    (csv, json): (bool, bool),
) -> Result<(), CliError> {
    let ask = async |page| admin.review(org, page).await;
    if paged.is_one() {
        return pages::list(json, paged, ask, reviewed).await;
    }
    let mut entries = pages::every(ask).await?;
    entries.sort_by_key(|e| e.last_used_at.unwrap_or(e.granted_at));
    if csv {
        return print(&review::csv(&entries));
    }
    show(json, &entries, |entries| reviewed(entries))
}

fn reviewed(entries: &[Entry]) -> String {
    let row = |e: &Entry| {
        let last = e.last_used_at.map_or_else(|| "never".to_owned(), |at| at.to_string());
        let (user, client) = (e.user_email.clone(), e.client_name.clone());
        [e.proposal.name().to_owned(), user, client, last, e.scopes.to_string(), e.unused_scopes.to_string()]
    };
    table(["PROPOSAL", "USER", "CLIENT", "LAST USED", "SCOPES", "NEVER USED"], entries.iter().map(row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::tests::Fixture;
    use crate::admin::{NewClient, NewClientKind, NewOrg};

    #[tokio::test]
    async fn every_client_of_an_organization_is_listed() {
        let fixture = Fixture::start().await;
        let admin = fixture.local();
        admin.create_org(NewOrg { slug: "acme".to_owned(), ..NewOrg::default() }).await.expect("an organization");
        let mut made = Vec::new();
        for n in 0..5 {
            let new = NewClient {
                kind: NewClientKind::Public,
                name: format!("Client {n}"),
                org: None,
                redirect_uris: vec!["https://a.example/cb".to_owned()],
                scopes: None,
                subject: None,
                resources: Vec::new(),
                auth: None,
                require_state: false,
                access_token_ttl_seconds: None,
                secret_lives_seconds: None,
                device_grant: false,
            };
            let id = admin.create_client(new).await.expect("a client").client.id;
            let block = ClientPolicyChange { verdict: Some(VerdictName::Block), ..ClientPolicyChange::default() };
            admin.set_client_policy("acme", id.as_str(), block).await.expect("a decision");
            made.push(id);
        }
        let first = admin.policy("acme", PageQuery { limit: Some(2), cursor: None }).await.expect("a page");
        assert_eq!((first.clients.len(), first.next.is_some()), (2, true));
        let all = whole(&admin, "acme", first).await.expect("every page");
        let mut listed: Vec<_> = all.clients.iter().map(|one| one.client.clone()).collect();
        listed.sort();
        made.sort();
        assert_eq!((listed, all.next), (made, None));
    }
}
