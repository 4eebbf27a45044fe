//! The operator's pages.

use super::super::texts;
use super::super::views::*;
use super::{CSRF, HOSTILE, ago, brand, show, viewer};
use crate::config::Risk;

/// Every sample, by the file name it gets when it is written out.
pub(super) fn pages() -> Vec<(&'static str, String)> {
    let waiting = Approval::Waiting { until: Some(ago(-60 * 24 * 12)) };
    vec![
        ("operator-orgs", show(&orgs(org_rows(), ""))),
        ("operator-orgs-empty", show(&orgs(Vec::new(), ""))),
        ("operator-orgs-none", show(&orgs(Vec::new(), HOSTILE))),
        ("operator-org", show(&org(false, None))),
        ("operator-org-confirm", show(&org(true, None))),
        ("operator-org-frozen", show(&org(false, Some(Switched::Frozen)))),
        ("operator-users", show(&users(user_rows()))),
        ("operator-users-none", show(&users(Vec::new()))),
        ("operator-user", show(&user(UserStanding::Person, None, None))),
        ("operator-user-freeze", show(&user(UserStanding::Person, Some(AskedOfUser::Freeze), None))),
        ("operator-user-sessions", show(&user(UserStanding::Person, Some(AskedOfUser::EndSessions), None))),
        ("operator-user-frozen", show(&user(UserStanding::Frozen, None, Some(UserNotice::Switched(Switched::Frozen))))),
        ("operator-user-off", show(&user(UserStanding::Deactivated, None, Some(UserNotice::SessionsEnded)))),
        ("operator-clients", show(&clients(client_rows()))),
        ("operator-clients-none", show(&clients(Vec::new()))),
        ("operator-client", show(&client(false, None))),
        ("operator-client-confirm", show(&client(true, None))),
        ("operator-client-thawed", show(&client(false, Some(Switched::Thawed)))),
        ("operator-scopes", show(&OperatorScopesPage { frame: frame(), waiting: queue(&waiting), decided: decided() })),
        ("operator-scopes-empty", show(&OperatorScopesPage { frame: frame(), waiting: Vec::new(), decided: Vec::new() })),
        ("operator-shadow", show(&shadow(shadow_rows(), &["prometheus", "wiki"]))),
        ("operator-shadow-clean", show(&shadow(Vec::new(), &["wiki"]))),
        ("operator-shadow-none", show(&shadow(Vec::new(), &[]))),
        ("operator-scope", show(&scope(waiting.clone(), None, None))),
        ("operator-scope-unsaid", show(&scope(waiting, None, Some(texts::operator::say_why())))),
        ("operator-scope-given", show(&scope(Approval::Given { until: ago(-60 * 24 * 90) }, None, None))),
        (
            "operator-scope-withdraw",
            show(&scope(Approval::Given { until: ago(-60 * 24 * 90) }, Some(ScopeEnding::Withdraw), None)),
        ),
        (
            "operator-scope-deny",
            show(&scope(Approval::Waiting { until: Some(ago(-60 * 24 * 90)) }, Some(ScopeEnding::Deny), None)),
        ),
        ("login-again", show(&super::login(Some(LoginProblem::Again)))),
        ("login-once-more", show(&super::login(Some(LoginProblem::Once)))),
    ]
}

fn frame() -> Frame {
    Frame { brand: brand(), viewer: Some(Viewer { operator: true, ..viewer() }), section: Section::Operator }
}

fn shadow(rows: Vec<OperatorShadowRow>, apis: &[&str]) -> OperatorShadowPage {
    OperatorShadowPage {
        frame: frame(),
        org: String::new(),
        api: String::new(),
        span: "day".to_owned(),
        no_such_org: false,
        apis: apis.iter().map(|api| (*api).to_owned()).collect(),
        requests: rows.iter().map(|row| row.count).sum(),
        callers: rows.len() as u64,
        rows,
        steps: Steps::default(),
    }
}

fn shadow_rows() -> Vec<OperatorShadowRow> {
    let row = |caller, reason: &str, missing: &[&str], count, minutes| OperatorShadowRow {
        caller,
        organization: missing.first().map(|_| "Acme Production".into()),
        api: "prometheus".to_owned(),
        route: "prometheus.query".to_owned(),
        why: texts::denials::in_report(reason),
        refused: reason == "dot_segment",
        missing: missing.iter().map(|scope| (*scope).to_owned()).collect(),
        count,
        last: ago(minutes),
    };
    let grace = ShadowCaller::User {
        href: "/operator/users/usr_2".to_owned(),
        name: "grace@acme.example".into(),
        client: Some("Grafana".into()),
    };
    let unknown = ShadowCaller::Unknown { address: Some("203.0.113.7".to_owned()), agent: Some(HOSTILE.into()) };
    vec![
        row(unknown, "no_token", &[], 120_413, 1),
        row(grace, "insufficient_scope", &["metrics:read"], 38, 60),
        row(ShadowCaller::Client("Nightly export".into()), "grant_expired", &[], 1, 60 * 20),
        row(ShadowCaller::Unknown { address: Some("203.0.113.8".to_owned()), agent: None }, "dot_segment", &[], 1, 60 * 21),
    ]
}

const STAKE: AtStake = AtStake { grants: 1204, users: 38, orgs: 2, keys: 3 };

fn orgs(rows: Vec<OperatorOrgRow>, text: &str) -> OperatorOrgsPage {
    let refused = rows.is_empty() && !text.is_empty();
    OperatorOrgsPage {
        frame: frame(),
        csrf: CSRF.to_owned(),
        search: search("organizations", text, texts::labels::find_an_organization()),
        problem: refused.then(|| texts::operator::slug_taken("acme")),
        entered: EnteredOrg { slug: if refused { HOSTILE.to_owned() } else { String::new() }, ..EnteredOrg::default() },
        steps: Steps { back: None, on: (!rows.is_empty()).then(|| "/operator/organizations?from=50".to_owned()) },
        rows,
    }
}

fn org_rows() -> Vec<OperatorOrgRow> {
    let row = |slug: &str, name: &str, members, clients, frozen| OperatorOrgRow {
        href: format!("/operator/organizations/{slug}"),
        name: name.into(),
        slug: slug.to_owned(),
        members,
        clients,
        frozen,
        created: ago(60 * 24 * 200),
    };
    vec![
        row("acme", "Acme Production", 38, 12, false),
        row("acme-lab", "Acme Lab", 1, 0, true),
        row("hostile", HOSTILE, 2, 1, false),
    ]
}

fn org(asked: bool, notice: Option<Switched>) -> OperatorOrgPage {
    OperatorOrgPage {
        frame: frame(),
        csrf: CSRF.to_owned(),
        path: "/operator/organizations/acme".to_owned(),
        id: "org_0193f2a0c0ffee".to_owned(),
        slug: "acme".to_owned(),
        name: "Acme Production".into(),
        tenant: "tenant-acme".to_owned(),
        frozen: notice == Some(Switched::Frozen),
        created: ago(60 * 24 * 200),
        members: 38,
        clients: 12,
        asked: asked.then_some(AtStake { orgs: 1, ..STAKE }),
        notice,
    }
}

fn users(rows: Vec<OperatorUserRow>) -> OperatorUsersPage {
    let none = rows.is_empty();
    let filter = if none { "nowhere" } else { "" };
    OperatorUsersPage {
        frame: frame(),
        search: ListSearch {
            beside: Some(field(texts::labels::in_organization(), filter)),
            ..search("users", "", texts::labels::find_a_user())
        },
        no_such_org: none,
        rows,
        steps: Steps::default(),
    }
}

fn user_rows() -> Vec<OperatorUserRow> {
    let row = |n: u32, email: &str, name: &str, standing, operator, orgs| OperatorUserRow {
        href: format!("/operator/users/usr_{n}"),
        email: email.to_owned(),
        name: name.into(),
        standing,
        operator,
        orgs,
        created: ago(60 * 24 * 90),
    };
    vec![
        row(1, "ada@acme.example", "Ada Lovelace", UserStanding::Person, true, 2),
        row(2, "grace@acme.example", HOSTILE, UserStanding::Frozen, false, 1),
        row(3, "ci.acme", "ci", UserStanding::Service, false, 1),
        row(4, "old.acme", "old", UserStanding::Deactivated, false, 0),
    ]
}

fn user(standing: UserStanding, asked: Option<AskedOfUser>, notice: Option<UserNotice>) -> OperatorUserPage {
    let session = |handle: &str, browser: Option<&str>| SessionRow {
        handle: handle.to_owned(),
        current: false,
        address: Some("203.0.113.7".to_owned()),
        browser: browser.map(Into::into),
        started: ago(300),
        seen: ago(2),
        ends: ago(-60 * 24 * 6),
    };
    let membership = |slug: &str, name: &str, frozen, roles: &[&str]| OperatorMembership {
        href: format!("/operator/organizations/{slug}"),
        organization: name.into(),
        frozen,
        roles: roles.iter().map(|r| (*r).to_owned()).collect(),
    };
    let off = standing == UserStanding::Deactivated;
    OperatorUserPage {
        frame: frame(),
        csrf: CSRF.to_owned(),
        path: "/operator/users/usr_2".to_owned(),
        id: "usr_0193f2a0c0ffee".to_owned(),
        email: "grace@acme.example".to_owned(),
        name: HOSTILE.into(),
        standing,
        operator: !off,
        own: false,
        created: ago(60 * 24 * 90),
        memberships: if off {
            Vec::new()
        } else {
            vec![membership("acme", "Acme Production", false, &["admin", "viewer"]), membership("acme-lab", HOSTILE, true, &[])]
        },
        sessions: if off { Vec::new() } else { vec![session("1", Some("Firefox on Linux")), session("2", None)] },
        stake: if off { AtStake::default() } else { STAKE },
        asked,
        notice,
    }
}

fn clients(rows: Vec<OperatorClientRow>) -> OperatorClientsPage {
    let chosen = if rows.is_empty() { "disabled" } else { "" }.to_owned();
    let options = vec![(String::new(), texts::labels::any_state()), ("disabled".to_owned(), texts::org::switched_off())];
    let search = ListSearch {
        beside: Some(field(texts::labels::of_organization(), "")),
        choice: Some(ListChoice { name: "state".to_owned(), label: texts::labels::state(), options, chosen }),
        ..search("clients", "", texts::labels::find_a_client())
    };
    OperatorClientsPage { frame: frame(), search, no_such_org: false, rows, steps: Steps::default() }
}

fn search(list: &str, text: &str, label: texts::Text) -> ListSearch {
    ListSearch { path: format!("/operator/{list}"), ..super::org::search("", text, label, None) }
}

fn field(label: texts::Text, value: &str) -> ListField {
    ListField { name: "org".to_owned(), label, value: value.to_owned() }
}

fn owner() -> ClientOwner {
    ClientOwner { href: "/operator/organizations/acme".to_owned(), name: "Acme Production".into() }
}

fn client_rows() -> Vec<OperatorClientRow> {
    let row = |n: u32, name: &str, trust, owner, switched| OperatorClientRow {
        href: format!("/operator/clients/cl_{n}"),
        client: Client { name: name.into(), trust },
        owner,
        switched,
        created: ago(60 * 24 * 3),
    };
    vec![
        row(1, "Acme CLI", Trust::Published { by: "Acme Production".into() }, Some(owner()), ClientSwitched::On),
        row(
            2,
            HOSTILE,
            Trust::Registered { ago: "3 days ago".to_owned(), used: UsedHere::Unasked },
            None,
            ClientSwitched::Frozen,
        ),
        row(3, "Terraform", Trust::Preregistered, None, ClientSwitched::Off),
    ]
}

fn client(asked: bool, notice: Option<Switched>) -> OperatorClientPage {
    OperatorClientPage {
        frame: frame(),
        csrf: CSRF.to_owned(),
        path: "/operator/clients/cl_2".to_owned(),
        id: "cl_0193f2a0c0ffee".to_owned(),
        client: Client {
            name: HOSTILE.into(),
            trust: Trust::Registered { ago: "3 days ago".to_owned(), used: UsedHere::Unasked },
        },
        owner: notice.is_some().then(owner),
        switched: ClientSwitched::On,
        registration: super::registration(if notice.is_some() { Registered::ByOwner } else { Registered::ByItself }),
        holders: if asked {
            Vec::new()
        } else {
            let one = |n: u32, name: &str| ClientHolder {
                href: format!("/operator/organizations/org-{n}"),
                name: name.into(),
                grants: u64::from(n) * 37,
                users: u64::from(n),
                keys: u64::from(n % 2),
            };
            vec![one(3, "Acme Production"), one(1, HOSTILE)]
        },
        scopes: notice.is_some().then(|| vec!["metrics:read".to_owned(), "logs:read".to_owned()]),
        stake: STAKE,
        asked,
        notice,
    }
}

fn queue(waiting: &Approval) -> Vec<OperatorScopeRow> {
    let reason = "Our agents push metrics from hosts where nobody can sign in.\nThey hold one key each organization.";
    let row = |n: u32, holder: &str, approval: Approval| OperatorScopeRow {
        href: format!("/operator/scopes/app_{n}/api_keys%3Awrite"),
        holder: holder.into(),
        organization: Some("Acme Production".into()),
        scope: "api_keys:write".to_owned(),
        reason: reason.to_owned(),
        asked: Some(ago(60 * 5)),
        approval,
    };
    vec![row(1, "Acme agent", waiting.clone()), row(2, HOSTILE, Approval::Waiting { until: None })]
}

fn decided() -> Vec<OperatorScopeRow> {
    let states = [
        Approval::Given { until: ago(-60 * 24 * 90) },
        Approval::Ended { at: ago(60 * 24) },
        Approval::Denied,
        Approval::Withdrawn,
    ];
    let row = |approval: Approval| OperatorScopeRow { approval, organization: None, ..queue(&Approval::Denied).remove(0) };
    states.into_iter().map(row).collect()
}

fn scope(approval: Approval, asked_to: Option<ScopeEnding>, problem: Option<texts::Text>) -> OperatorScopePage {
    OperatorScopePage {
        frame: frame(),
        csrf: CSRF.to_owned(),
        path: "/operator/scopes/app_1/api_keys%3Awrite".to_owned(),
        holder: "Acme agent".into(),
        holder_id: "app_0193f2a0c0ffee".to_owned(),
        organization: Some("Acme Production".into()),
        scope: "api_keys:write".to_owned(),
        label: ScopeLabel::NONE,
        text: "Make API keys that push data into your organization".to_owned(),
        risk: Risk::High,
        reason: HOSTILE.to_owned(),
        asked: Some((Some("ada@acme.example".to_owned()), ago(60 * 5))),
        notice: matches!(approval, Approval::Given { .. }).then_some(ScopeNotice::Approved),
        approval,
        comment: asked_to.is_some().then(|| "Until the next review.".to_owned()),
        stake: STAKE,
        asked_to,
        problem,
        ended: None,
    }
}
