//! Machine clients of an organization.

use super::super::texts;
use super::super::views::*;
use super::org::{search, tabs};
use super::{CSRF, HOSTILE, ago, frame, show};
use crate::config::Risk;

/// Every sample, by the file name it gets when it is written out.
pub(super) fn pages() -> Vec<(&'static str, String)> {
    let stopped = MachineStanding::Stopped { why: texts::machines::why_subject_off() };
    let revoked = MachineStanding::Stopped { why: texts::machines::why_revoked() };
    let retire = AskedOfMachine::Retirement { id: "0a1b2c3d4e5f".to_owned(), last4: "x7Qa".to_owned() };
    vec![
        ("machines", show(&list(rows()))),
        ("machines-empty", show(&list(Vec::new()))),
        ("machine", show(&machine())),
        ("machine-made", show(&made())),
        ("machine-off", show(&MachinePage { confirm: Some(AskedOfMachine::Off), problem: None, ..machine() })),
        ("machine-delete", show(&MachinePage { confirm: Some(AskedOfMachine::Deletion), problem: None, ..machine() })),
        ("machine-retire", show(&MachinePage { confirm: Some(retire), problem: None, ..machine() })),
        ("machine-stopped", show(&MachinePage { standing: stopped, secrets: Vec::new(), ..machine() })),
        ("machine-revoked", show(&MachinePage { standing: revoked, held: HeldBack::Revoked, ..machine() })),
        ("machine-switched-off", show(&MachinePage { standing: MachineStanding::Off, ..machine() })),
        ("machine-form", show(&form(Vec::new(), subjects()))),
        ("machine-form-wrong", show(&form(flaws(), subjects()))),
        ("machine-form-nobody", show(&form(Vec::new(), Vec::new()))),
        ("machine-scopes", show(&MachineFormPage { make: None, ..form(Vec::new(), Vec::new()) })),
    ]
}

fn rows() -> Vec<MachineRow> {
    let row = |n: u32, name: &str, subject: &str, standing, last_used| MachineRow {
        href: format!("/orgs/acme/machines/cl_{n}"),
        name: name.into(),
        subject: subject.to_owned(),
        scopes: 3,
        standing,
        last_used,
    };
    let stopped = MachineStanding::Stopped { why: texts::machines::why_subject_off() };
    vec![
        row(1, "Nightly report", "ci.acme", MachineStanding::Works, Some(ago(7))),
        row(2, HOSTILE, "old.acme", stopped, Some(ago(60 * 24 * 9))),
        row(3, "Exporter", HOSTILE, MachineStanding::Off, None),
    ]
}

fn list(rows: Vec<MachineRow>) -> MachinesPage {
    MachinesPage {
        frame: frame(Section::Audit { slug: "acme".to_owned() }),
        tabs: tabs(OrgTab::Machines),
        organization: "Acme Production".into(),
        path: "/orgs/acme/machines".to_owned(),
        members: Some("/orgs/acme/members".to_owned()),
        may_change: true,
        notice: rows.is_empty().then(texts::machines::deleted),
        nothing_yet: rows.is_empty(),
        search: search("machines", "", texts::machines::find(), None),
        newer: None,
        older: (!rows.is_empty()).then(|| "/orgs/acme/machines?from=50".to_owned()),
        rows,
    }
}

fn machine() -> MachinePage {
    let scope = |scope: &str, text: &str, risk, note| MachineScope {
        scope: scope.to_owned(),
        label: ScopeLabel::NONE,
        text: text.to_owned(),
        risk,
        note,
    };
    let secret = |id: &str, last4: &str, days: i64, ends| SecretRow {
        id: id.to_owned(),
        last4: last4.to_owned(),
        made: ago(60 * 24 * days),
        ends,
    };
    MachinePage {
        frame: frame(Section::Audit { slug: "acme".to_owned() }),
        tabs: tabs(OrgTab::Machines),
        path: "/orgs/acme/machines/cl_1".to_owned(),
        list: "/orgs/acme/machines".to_owned(),
        csrf: CSRF.to_owned(),
        may_change: true,
        notice: None,
        problem: Some(texts::definition::last_secret()),
        confirm: None,
        secret: None,
        id: "cl_1".to_owned(),
        name: "Nightly report".into(),
        standing: MachineStanding::Works,
        held: HeldBack::Nothing,
        own_lifetime: "90".to_owned(),
        lifetime_hint: texts::machines::lifetime_hint(3600, 86_400),
        private: super::apps::private_scopes(),
        asking: ("logs:delete".to_owned(), HOSTILE.to_owned()),
        subject: "ci.acme".to_owned(),
        service: true,
        subject_href: Some("/orgs/acme/members?member=usr_3".to_owned()),
        scopes: vec![
            scope("logs:delete", "Delete logs for good", Risk::High, texts::machines::not_given()),
            scope("metrics:read", "Query your organization's metrics and their metadata", Risk::Low, texts::Text::NONE),
            scope("logs:read", HOSTILE, Risk::Low, texts::machines::subject_lacks()),
        ],
        resources: vec!["https://gw.example.com/prometheus".to_owned(), "https://gw.example.com/loki".to_owned()],
        lifetime: texts::machines::lifetime(3_600),
        made: ago(60 * 24 * 41),
        last_used: Some(ago(7)),
        secrets: vec![secret("0a1b2c3d4e5f", "x7Qa", 41, Some(ago(-60 * 24 * 6))), secret("1a1b2c3d4e5f", "b9Zz", 1, None)],
        token_endpoint: "https://gw.example.com/oauth2/token".to_owned(),
        activity: Some("/orgs/acme/audit?client=cl_1".to_owned()),
    }
}

fn made() -> MachinePage {
    let value = "tg_cs_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG".to_owned();
    let secret = ShownSecret { title: texts::machines::new_secret(), client_id: "cl_1".to_owned(), value };
    let resources = Vec::new();
    MachinePage { secret: Some(secret), notice: Some(texts::machines::made()), problem: None, resources, ..machine() }
}

fn subjects() -> Vec<SubjectChoice> {
    let one =
        |id: &str, email: &str, service, chosen| SubjectChoice { id: id.to_owned(), email: email.to_owned(), service, chosen };
    vec![one("usr_3", "ci.acme", true, true), one("usr_9", HOSTILE, true, false), one("usr_1", "ada@acme.example", false, false)]
}

fn flaws() -> Vec<FieldFlaw> {
    let flaw = |field, text| FieldFlaw { field, text };
    vec![
        flaw("name", texts::machines::unfit_name(100)),
        flaw("subject", texts::machines::no_subject()),
        flaw("scopes", texts::machines::no_scopes()),
        flaw("resources", texts::machines::unfit_resources()),
        flaw("lifetime", texts::machines::unfit_lifetime(86_400)),
    ]
}

fn form(flaws: Vec<FieldFlaw>, subjects: Vec<SubjectChoice>) -> MachineFormPage {
    let choice = |scope: &str, text: &str, risk, requested| ScopeChoice {
        scope: scope.to_owned(),
        label: ScopeLabel::NONE,
        text: text.to_owned(),
        risk,
        requested,
        brings: Vec::new(),
    };
    let api = |name: &str, more: &[&str], chosen| MachineApi {
        name: name.to_owned(),
        resources: std::iter::once(format!("https://gw.example.com/{name}"))
            .chain(more.iter().map(|m| (*m).to_owned()))
            .collect(),
        chosen,
    };
    MachineFormPage {
        frame: frame(Section::Audit { slug: "acme".to_owned() }),
        title: texts::machines::create(),
        lead: texts::machines::create_lead(),
        back: Way { href: "/orgs/acme/machines".to_owned(), text: texts::frame::machine_clients() },
        action: "/orgs/acme/machines/new".to_owned(),
        csrf: CSRF.to_owned(),
        make: Some(MachineDraft {
            name: HOSTILE.to_owned(),
            subjects,
            members: Some("/orgs/acme/members".to_owned()),
            apis: vec![api("prometheus", &["urn:acme:metrics"], true), api("loki", &[], false)],
            lives: "2592000".to_owned(),
            lifetime: "3600".to_owned(),
            lifetime_hint: texts::machines::lifetime_hint(300, 86_400),
        }),
        find: "read".to_owned(),
        scopes: vec![
            ScopeChoices {
                group: "Logs".to_owned(),
                choices: vec![choice("logs:read", "Read your organization's logs", Risk::Low, false)],
            },
            ScopeChoices {
                group: "Metrics".to_owned(),
                choices: vec![
                    choice("metrics:read", "Query your organization's metrics", Risk::Low, true),
                    choice("rules:write", HOSTILE, Risk::High, false),
                ],
            },
        ],
        hidden: 7,
        flaws,
        problem: None,
    }
}
