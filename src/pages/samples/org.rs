//! The pages of an organization's administrators.

use super::super::texts;
use super::super::views::*;
use super::{CSRF, HOSTILE, ago, frame, show};
use crate::config::Risk;

/// Every sample, by the file name it gets when it is written out.
pub(super) fn pages() -> Vec<(&'static str, String)> {
    let mut pages = nothing_found();
    pages.extend([
        ("org-clients", show(&clients(client_rows(), waiting()))),
        ("org-clients-empty", show(&clients(Vec::new(), Vec::new()))),
        ("org-client", show(&client(None, None))),
        ("org-client-confirm", show(&client(None, Some(AskedToConfirm::Block { users: 3, keys: 1 })))),
        ("org-client-restrict", show(&client(None, Some(asked_to_restrict())))),
        ("org-client-blocked", show(&blocked())),
        ("org-client-app", show(&of_app(None))),
        ("org-client-disable-key", show(&of_app(Some(asked_to_disable())))),
        ("org-client-uninstalled", show(&uninstalled_client())),
        ("org-keys", show(&keys(key_rows()))),
        ("org-keys-empty", show(&keys(Vec::new()))),
        ("org-install", show(&install(Found::NotAsked))),
        ("org-install-found", show(&install(Found::App(Box::new(offered()))))),
        ("org-install-nothing", show(&install(Found::Nothing))),
        ("org-uninstall", show(&uninstall(UninstallStep::Asked))),
        ("org-uninstalled", show(&uninstall(UninstallStep::Done))),
        ("org-uninstall-nothing", show(&uninstall(UninstallStep::Nothing))),
        ("members", show(&members(None, None))),
        ("members-open", show(&members(Some(open_member(None)), None))),
        ("members-remove", show(&members(Some(open_member(Some(AskedOfMember::Removal))), None))),
        ("members-deactivate", show(&members(Some(open_member(Some(AskedOfMember::Deactivation))), None))),
        ("members-invited", show(&members(None, Some(link())))),
        ("review", show(&review(review_rows()))),
        ("review-empty", show(&review(Vec::new()))),
    ]);
    pages
}

fn roles(held: &[&str]) -> Vec<RoleChoice> {
    let role = |name: &str, permissions: &str, changeable| RoleChoice {
        name: name.to_owned(),
        permissions: texts::org::role_permits(permissions, 0),
        held: held.contains(&name),
        changeable,
    };
    vec![
        role("admin", "everything", true),
        role("editor", "metrics:read, rules:write and 4 more", true),
        role("owner", "nothing", false),
    ]
}

fn open_member(asked: Option<AskedOfMember>) -> OpenMember {
    OpenMember {
        id: "usr_2".to_owned(),
        email: "grace@acme.example".to_owned(),
        roles: roles(&["editor", "owner"]),
        asked,
        removal: "/orgs/acme/members?from=50&member=usr_2&confirm=remove".to_owned(),
    }
}

fn link() -> InvitationLink {
    let url = "https://gw.example.com/invitations/tg_iv_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG".to_owned();
    InvitationLink { email: "linus@acme.example".to_owned(), url, ends: ago(-60 * 24 * 7) }
}

fn members(open: Option<OpenMember>, invited: Option<InvitationLink>) -> MembersPage {
    let row = |n: u32, email: &str, name: &str, held: &[&str], standing, switchable| MemberRow {
        id: format!("usr_{n}"),
        href: format!("/orgs/acme/members?from=50&member=usr_{n}"),
        deactivation: format!("/orgs/acme/members?from=50&member=usr_{n}&confirm=deactivate"),
        email: email.to_owned(),
        name: name.into(),
        roles: held.iter().map(|r| (*r).to_owned()).collect(),
        standing,
        switchable,
    };
    MembersPage {
        frame: frame(Section::Audit { slug: "acme".to_owned() }),
        tabs: tabs(OrgTab::Members),
        organization: "Acme Production".into(),
        here: "/orgs/acme/members?from=50".to_owned(),
        search: search("members", "", texts::labels::find_a_member(), Some(("role", texts::labels::any_role()))),
        csrf: CSRF.to_owned(),
        may_change: true,
        saved: open.is_none() && invited.is_none(),
        problem: open.as_ref().filter(|member| member.asked.is_none()).map(|_| texts::org::last_administrator()),
        invited,
        open,
        members: vec![
            row(1, "ada@acme.example", "Ada Lovelace", &["admin"], MemberStanding::Person, false),
            row(2, "grace@acme.example", HOSTILE, &["editor", "owner"], MemberStanding::Person, false),
            row(3, "ci.acme", "ci", &["editor"], MemberStanding::Service, true),
            row(4, "old.acme", "old", &[], MemberStanding::Deactivated, true),
        ],
        invitations: vec![InvitationRow {
            id: "inv_1".to_owned(),
            email: HOSTILE.to_owned(),
            roles: vec!["editor".to_owned()],
            by: Some("ada@acme.example".to_owned()),
            ends: ago(-60 * 24 * 3),
        }],
        roles: roles(&[]),
        steps: Steps { back: Some("/orgs/acme/members".to_owned()), on: None },
    }
}

/// The search of a list, with one choice that is not made.
pub(super) fn search(list: &str, text: &str, label: texts::Text, choice: Option<(&str, texts::Text)>) -> ListSearch {
    let choice = choice.map(|(name, any)| ListChoice {
        name: name.to_owned(),
        label: texts::labels::state(),
        options: vec![(String::new(), any), ("off".to_owned(), texts::org::switched_off())],
        chosen: String::new(),
    });
    ListSearch { path: format!("/orgs/acme/{list}"), label, text: text.to_owned(), beside: None, choice, found: 50, more: true }
}

/// A list in which nothing was found.
fn nothing_found() -> Vec<(&'static str, String)> {
    let hostile = |of: ListSearch| ListSearch { text: HOSTILE.to_owned(), found: 0, more: false, ..of };
    let (all, found) = (members(None, None), review(review_rows()));
    let apps = clients(client_rows(), Vec::new());
    vec![
        ("members-search", show(&MembersPage { search: hostile(all.search.clone()), members: Vec::new(), ..all })),
        (
            "review-search",
            show(&ReviewPage { search: hostile(found.search.clone()), rows: Vec::new(), keys: Vec::new(), ..found }),
        ),
        ("org-clients-search", show(&OrgClientsPage { search: hostile(apps.search.clone()), clients: Vec::new(), ..apps })),
    ]
}

fn review_rows() -> Vec<ReviewRow> {
    let row = |n: u32, user: &str, application: &str, last_used, unused: bool, suspended, proposal| ReviewRow {
        grant: format!("gr_{n}"),
        user: user.to_owned(),
        client: format!("cl_{n}"),
        application: application.into(),
        granted: ago(60 * 24 * 120),
        last_used,
        scopes: vec![("metrics:read".to_owned(), false), ("logs:delete".to_owned(), unused)],
        suspended,
        proposal,
    };
    let month = Some(ago(60 * 24 * 30));
    vec![
        row(1, "ada@acme.example", "Old exporter", None, true, None, ReviewProposal::Revoke),
        row(
            2,
            "grace@acme.example",
            HOSTILE,
            month.clone(),
            true,
            Some(texts::standing::client_blocked()),
            ReviewProposal::Narrow,
        ),
        row(3, HOSTILE, "Claude", month, false, None, ReviewProposal::Keep),
    ]
}

fn review(rows: Vec<ReviewRow>) -> ReviewPage {
    ReviewPage {
        frame: frame(Section::Audit { slug: "acme".to_owned() }),
        tabs: tabs(OrgTab::Review),
        organization: "Acme Production".into(),
        path: "/orgs/acme/review".to_owned(),
        applications: "/orgs/acme/applications".to_owned(),
        total: if rows.is_empty() { 0 } else { 1_204 },
        to_revoke: 12,
        to_narrow: None,
        search: search("review", "", texts::labels::find_access(), Some(("use", texts::labels::used_or_not()))),
        newer: None,
        older: (!rows.is_empty()).then(|| "/orgs/acme/review?from=100".to_owned()),
        // The last of them, as if it were a key.
        keys: rows.last().cloned().into_iter().collect(),
        all_keys: "/orgs/acme/keys".to_owned(),
        rows,
    }
}

pub(super) fn tabs(open: OrgTab) -> OrgTabs {
    OrgTabs { slug: "acme".to_owned(), open, allowed: OrgTab::ALL.to_vec() }
}

fn known_client() -> Client {
    Client { name: "Grafana CLI".into(), trust: Trust::Published { by: "Grafana Labs".into() } }
}

fn hostile_client() -> Client {
    Client { name: HOSTILE.into(), trust: Trust::Registered { ago: "3 hours ago".to_owned(), used: UsedHere::Nobody } }
}

fn waiting() -> Vec<WaitingClient> {
    let one = |id: &str, client| WaitingClient {
        id: id.to_owned(),
        client,
        asked_by: Some("grace@acme.example".to_owned()),
        asked: ago(12),
    };
    vec![one("cl_w1", known_client()), one("cl_w2", hostile_client())]
}

fn client_rows() -> Vec<OrgClientRow> {
    let row = |id: &str, client, standing, users, scopes: &str, last_used| OrgClientRow {
        id: id.to_owned(),
        client,
        standing,
        users,
        keys: Vec::new(),
        installed: None,
        scopes: scopes.split_whitespace().map(ToOwned::to_owned).collect(),
        first_granted: Some(ago(60 * 24 * 41)),
        last_used,
    };
    let claude =
        Client { name: "Claude".into(), trust: Trust::Registered { ago: "5 days ago".to_owned(), used: UsedHere::Somebody } };
    vec![
        row(
            "cl_1",
            known_client(),
            ClientStanding::Allowed,
            1_204,
            "metrics:read logs:read traces:read rules:write",
            Some(ago(2)),
        ),
        row("cl_2", claude, ClientStanding::Restricted, 3, "mcp:everything:invoke", Some(ago(700))),
        row("cl_3", hostile_client(), ClientStanding::Blocked, 1, "", None),
        OrgClientRow {
            keys: vec![ClientKey { user: "cleo@acme.example".to_owned(), made: ago(60 * 24 * 41), last_used: Some(ago(3)) }],
            installed: Some(ago(60 * 24 * 41)),
            ..row("cl_4", known_client(), ClientStanding::Allowed, 0, "metrics:write", Some(ago(3)))
        },
    ]
}

fn clients(clients: Vec<OrgClientRow>, waiting: Vec<WaitingClient>) -> OrgClientsPage {
    OrgClientsPage {
        frame: frame(Section::Audit { slug: "acme".to_owned() }),
        tabs: tabs(OrgTab::Applications),
        organization: "Acme Production".into(),
        path: "/orgs/acme/applications".to_owned(),
        csrf: CSRF.to_owned(),
        may_change: true,
        new_clients: if waiting.is_empty() { NewClientsChoice::Open } else { NewClientsChoice::Approval },
        asked: waiting.is_empty().then(|| texts::org::let_new_wait(2)),
        saved: !waiting.is_empty(),
        older: (!clients.is_empty()).then(|| "/orgs/acme/applications?from=50".to_owned()),
        here: "/orgs/acme/applications?from=25".to_owned(),
        nothing_yet: clients.is_empty(),
        search: search("applications", "", texts::labels::find_access(), Some(("state", texts::labels::any_state()))),
        waiting,
        clients,
        newer: None,
    }
}

fn client(notice: Option<ClientNotice>, confirm: Option<AskedToConfirm>) -> OrgClientPage {
    let scope = |scope: &str, text: &str, risk, held, allowed| RestrictedScope {
        scope: scope.to_owned(),
        label: ScopeLabel::NONE,
        text: text.to_owned(),
        risk,
        held,
        allowed,
    };
    let grant = |id: &str, user: &str, minutes| OrgGrantRow {
        id: id.to_owned(),
        user: user.to_owned(),
        scopes: vec!["metrics:read".to_owned(), "logs:read".to_owned()],
        granted: ago(60 * 24 * 41),
        last_used: minutes,
        ends: Some(ago(-60 * 24 * 49)),
    };
    OrgClientPage {
        frame: frame(Section::Audit { slug: "acme".to_owned() }),
        tabs: tabs(OrgTab::Applications),
        organization: "Acme Production".into(),
        path: "/orgs/acme/applications/cl_1".to_owned(),
        here: "/orgs/acme/applications/cl_1".to_owned(),
        back: "/orgs/acme/applications".to_owned(),
        csrf: CSRF.to_owned(),
        may_change: true,
        notice,
        confirm,
        id: "cl_1".to_owned(),
        registration: super::registration(Registered::ByItself),
        client: known_client(),
        standing: ClientStanding::Allowed,
        users: 3,
        grants_total: 53,
        first_granted: Some(ago(60 * 24 * 41)),
        first_used: Some(ago(60 * 24 * 41)),
        last_used: Some(ago(2)),
        restricted: false,
        scopes: vec![
            scope("logs:delete", "Delete logs for good", Risk::High, false, true),
            scope("metrics:read", "Query your organization's metrics and their metadata", Risk::Low, true, true),
            scope("logs:read", HOSTILE, Risk::Low, true, true),
        ],
        grants: vec![
            grant("gr_1", "ada@acme.example", Some(ago(2))),
            grant("gr_2", "grace@acme.example", None),
            grant("gr_3", HOSTILE, None),
        ],
        newer: None,
        older: Some("/orgs/acme/applications/cl_1?after=1~gr_3".to_owned()),
        activity: "/orgs/acme/audit?client=cl_1".to_owned(),
        app: None,
    }
}

fn key(n: u32, application: &str, last_used: Option<i64>, standing: KeyStanding) -> ApiKeyRow {
    ApiKeyRow {
        id: format!("ak_{n}"),
        last4: format!("x7{n}Q"),
        application: application.into(),
        href: Some("/orgs/acme/applications/cl_1".to_owned()),
        scopes: vec!["metrics:write".to_owned()],
        made: ago(60 * 24 * 9),
        user: Some("ada@acme.example".to_owned()),
        grant: "gr_1".to_owned(),
        last_used: last_used.map(ago),
        standing,
    }
}

fn key_rows() -> Vec<ApiKeyRow> {
    let suspended = KeyStanding::Suspended { why: texts::org::suspended_client_blocked() };
    let gone = KeyStanding::Disabled { at: ago(60 * 24 * 3), why: texts::org::disabled_by_deletion() };
    vec![
        key(4, "Acme Agent", Some(1), KeyStanding::Live),
        key(3, HOSTILE, None, suspended),
        ApiKeyRow { href: None, ..key(2, "Key of app Old agent", Some(60 * 24 * 30), gone) },
    ]
}

fn keys(keys: Vec<ApiKeyRow>) -> OrgKeysPage {
    OrgKeysPage {
        frame: frame(Section::Audit { slug: "acme".to_owned() }),
        tabs: tabs(OrgTab::Keys),
        organization: "Acme Production".into(),
        may_change: true,
        nothing_yet: keys.is_empty(),
        search: search("keys", "", texts::labels::find_a_key(), None),
        newer: None,
        older: (!keys.is_empty()).then(|| "/orgs/acme/keys?after=1~ak_2".to_owned()),
        keys,
    }
}

fn of_app(confirm: Option<AskedToConfirm>) -> OrgClientPage {
    let by_hand = KeyStanding::Disabled { at: ago(60 * 24 * 8), why: texts::org::disabled_by_hand() };
    let app = AppHere {
        installed: Some(Installed { since: ago(60 * 24 * 41), by: Some("ada@acme.example".to_owned()) }),
        on_offer: true,
        grants: 4,
        users: 3,
        live_keys: 1,
        keys: vec![key(4, "Grafana CLI", Some(1), KeyStanding::Live), key(1, "Grafana CLI", None, by_hand)],
    };
    OrgClientPage { app: Some(app), ..client(None, confirm) }
}

fn asked_to_restrict() -> AskedToConfirm {
    let scopes = |text: &str| text.split_whitespace().map(ToOwned::to_owned).collect();
    AskedToConfirm::Restrict {
        users: 3,
        keys: 1,
        scopes: scopes("metrics:read"),
        loses: scopes("logs:read rules:write"),
        all: false,
    }
}

fn asked_to_disable() -> AskedToConfirm {
    AskedToConfirm::DisableKey { key: "ak_4".to_owned(), last4: "x74Q".to_owned() }
}

fn uninstalled_client() -> OrgClientPage {
    let app = AppHere { installed: None, on_offer: true, grants: 0, users: 0, live_keys: 0, keys: Vec::new() };
    OrgClientPage { app: Some(app), grants: Vec::new(), users: 0, grants_total: 0, older: None, ..client(None, None) }
}

fn offered() -> OfferedApp {
    let scope = |scope: &str, text: &str, risk| OfferedScope {
        scope: scope.to_owned(),
        label: ScopeLabel::NONE,
        text: text.to_owned(),
        risk,
    };
    OfferedApp {
        id: "app_1".to_owned(),
        client: known_client(),
        description: HOSTILE.to_owned(),
        documentation: Some("https://grafana.example/docs".to_owned()),
        scopes: vec![
            scope("logs:delete", "Delete logs for good", Risk::High),
            scope("metrics:read", "Query your organization's metrics and their metadata", Risk::Low),
        ],
        obstacle: None,
        blocked: true,
        waits: false,
    }
}

fn install(found: Found) -> OrgInstallPage {
    OrgInstallPage {
        frame: frame(Section::Audit { slug: "acme".to_owned() }),
        tabs: tabs(OrgTab::Applications),
        organization: "Acme Production".into(),
        path: "/orgs/acme/install".to_owned(),
        back: "/orgs/acme/applications".to_owned(),
        csrf: CSRF.to_owned(),
        asked: if found == Found::NotAsked { String::new() } else { "cl_019ab2c4d5e67890abcdef0123456789".to_owned() },
        found,
    }
}

fn uninstall(step: UninstallStep) -> OrgUninstallPage {
    OrgUninstallPage {
        frame: frame(Section::Audit { slug: "acme".to_owned() }),
        organization: "Acme Production".into(),
        back: Way { href: "/orgs/acme/applications/cl_1".to_owned(), text: texts::name(&"Grafana CLI".into()) },
        action: "/orgs/acme/applications/cl_1/uninstall".to_owned(),
        csrf: CSRF.to_owned(),
        name: "Grafana CLI".into(),
        step,
        grants: 4,
        users: 3,
        keys: 1,
        instructions: "1. Stop the agent on every host.\n2. Remove its data source in Grafana.".to_owned(),
    }
}

fn blocked() -> OrgClientPage {
    let mut page = client(Some(ClientNotice::Blocked), None);
    page.client = hostile_client();
    page.standing = ClientStanding::Blocked;
    page.restricted = true;
    page.scopes[0].allowed = false;
    page.grants.clear();
    (page.grants_total, page.older) = (0, None);
    page
}
