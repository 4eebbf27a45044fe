//! The pages on which somebody agrees, here or at a device.

use std::time::Duration;

use super::super::texts;
use super::super::views::*;
use super::{CSRF, HOSTILE, ago, frame, show};
use crate::config::Risk;

pub fn pages() -> Vec<(&'static str, String)> {
    vec![
        ("consent", show(&consent())),
        ("consent-unknown", show(&consent_unknown())),
        ("consent-alike", show(&consent_alike())),
        ("consent-long", show(&consent_long())),
        ("consent-hostile", show(&consent_hostile())),
        ("consent-trial", show(&consent_trial())),
        ("consent-changed", show(&consent_changed())),
        ("consent-device", show(&consent_device())),
        ("device", show(&device("", None))),
        ("device-linked", show(&device("WDJB-MJHT", None))),
        ("device-unknown", show(&device("WDJB-MJHT", Some(DeviceProblem::Unknown)))),
        ("device-allowed", show(&device_done(true))),
        ("device-denied", show(&device_done(false))),
    ]
}

fn line(scope: &str, text: &str, risk: Risk, held: Held) -> ScopeLine {
    ScopeLine {
        scope: scope.to_owned(),
        label: ScopeLabel::NONE,
        text: text.to_owned(),
        risk,
        held,
        allowed: Allowed::First,
        comes_with: Vec::new(),
    }
}

fn group(api: &str, lines: Vec<ScopeLine>) -> ScopeGroup {
    ScopeGroup { api: api.to_owned(), lines }
}

pub fn consent() -> ConsentPage {
    let organization = |id: &str, name: &str, slug: &str, role: &str| OrganizationChoice {
        id: id.to_owned(),
        name: name.into(),
        slug: slug.to_owned(),
        role: texts::consent::roles(role),
        selected: id == "org_7",
    };
    ConsentPage {
        frame: frame(Section::Elsewhere),
        action: "/consent?request=7".to_owned(),
        csrf: CSRF.to_owned(),
        user: "ada@acme.example".to_owned(),
        switch_user: "/logout?next=%2Fconsent%3Frequest%3D7".to_owned(),
        client: Client { name: "Grafana CLI".into(), trust: Trust::Published { by: "Grafana Labs".into() } },
        resembles: None,
        organizations: vec![
            organization("org_7", "Acme Production", "acme", "Administrator"),
            organization("org_8", "Acme Lab", "acme-lab", "Viewer"),
        ],
        scopes: vec![
            group(
                "Metrics",
                vec![
                    ScopeLine {
                        label: ScopeLabel { title: Some("Query metrics".into()), ..ScopeLabel::NONE },
                        comes_with: vec!["rules:write".to_owned()],
                        ..line("metrics:read", "Query your organization's metrics and their metadata", Risk::Low, Held::Now)
                    },
                    line(
                        "rules:write",
                        "Change recording and alerting rules",
                        Risk::Medium,
                        Held::Only(vec!["Acme Production".into()]),
                    ),
                ],
            ),
            group(
                "Logs",
                vec![
                    ScopeLine {
                        label: ScopeLabel {
                            title: Some(HOSTILE.into()),
                            retiring: texts::definition::retiring(Some("logs:query")),
                        },
                        ..line("logs:read", "Search and read your organization's logs", Risk::Low, Held::Now)
                    },
                    line("logs:delete", "Delete logs for good", Risk::High, Held::Later),
                ],
            ),
        ],
        earlier: None,
        destination: Destination::Site("cli.grafana.example".to_owned()),
        device: None,
        lifetime: Lifetime { idle: Some(Duration::from_hours(30 * 24)), absolute: Some(Duration::from_hours(90 * 24)) },
        problem: None,
    }
}

/// A new version asks for more, and for something less.
fn consent_changed() -> ConsentPage {
    let mut page = consent();
    let allowed = [Allowed::Before, Allowed::BeforeIn(vec!["Acme Production".into()]), Allowed::TakenBack, Allowed::New];
    for (line, allowed) in page.scopes.iter_mut().flat_map(|group| &mut group.lines).zip(allowed) {
        line.allowed = allowed;
    }
    let traces =
        ScopeLine { allowed: Allowed::New, ..line("traces:read", "Read your organization's traces", Risk::Low, Held::Now) };
    page.scopes.push(group("Traces", vec![traces]));
    let left = |scope: &str, text: &str, risk, stays| LeftScope {
        scope: scope.to_owned(),
        label: ScopeLabel::NONE,
        text: text.to_owned(),
        risk,
        stays,
    };
    page.earlier = Some(Earlier {
        since: ago(60 * 24 * 41),
        organizations: vec!["Acme Production".into()],
        left: vec![
            left("alerts:read", "Read your organization's alerts", Risk::Low, false),
            left("metrics:write", "Write metrics", Risk::Medium, true),
        ],
    });
    page
}

fn consent_trial() -> ConsentPage {
    let mut page = consent();
    page.client = Client { name: "Acme Sync".into(), trust: Trust::Draft { by: "Acme Production".into() } };
    page.organizations.truncate(1);
    page.destination = Destination::Trial;
    page.lifetime = Lifetime { idle: None, absolute: Some(Duration::from_mins(59)) };
    page
}

fn consent_device() -> ConsentPage {
    let mut page = consent_unknown();
    page.action = "/device".to_owned();
    page.switch_user = "/logout?next=%2Fdevice".to_owned();
    page.destination = Destination::Device;
    page.device = Some(DeviceFacts {
        code: "WDJB-MJHT".to_owned(),
        from: Some("192.0.2.7".to_owned()),
        nearness: Nearness::Elsewhere,
        program: Some(HOSTILE.into()),
        asked: ago(2),
    });
    page
}

fn device(code: &str, problem: Option<DeviceProblem>) -> DevicePage {
    DevicePage { frame: frame(Section::Elsewhere), csrf: CSRF.to_owned(), code: code.to_owned(), org: None, problem }
}

fn device_done(allowed: bool) -> DeviceDonePage {
    DeviceDonePage { frame: frame(Section::Elsewhere), client: "Grafana CLI".into(), allowed }
}

fn consent_unknown() -> ConsentPage {
    let mut page = consent();
    page.client = Client {
        name: "Grаfana CLI".into(),
        trust: Trust::Registered { ago: "2 minutes ago".to_owned(), used: UsedHere::Nobody },
    };
    page.resembles =
        Some(likeness("Grafana CLI", Maker::Organization("Grafana Labs".into()), Origin { maker: Maker::Nobody, since: ago(2) }));
    page.organizations.truncate(1);
    page.scopes = vec![group(
        "MCP",
        vec![
            line("mcp:everything:invoke", "Call the tools of the server “everything”", Risk::Low, Held::Now),
            line("echo:run", "Send messages through the tool “echo”", Risk::Low, Held::Later),
        ],
    )];
    page.destination = Destination::ThisComputer("127.0.0.1:49152".to_owned());
    page
}

fn likeness(name: &str, maker: Maker, this: Origin) -> Likeness {
    Likeness { name: name.into(), other: Origin { maker, since: ago(60 * 24 * 90) }, this }
}

/// Two organizations published applications with names that look alike.
fn consent_alike() -> ConsentPage {
    let mut page = consent();
    let this = Origin { maker: Maker::Organization("Grafana Labs".into()), since: ago(60 * 24 * 400) };
    page.resembles = Some(likeness("Grafana-CLI", Maker::YourOrganization("Acme Production".into()), this));
    page
}

fn consent_long() -> ConsentPage {
    let mut page = consent();
    page.client.trust = Trust::VerifiedDocument { host: "claude.ai".to_owned() };
    page.client.name = "Claude".into();
    page.problem = Some(ConsentProblem::NoOrganization);
    for choice in &mut page.organizations {
        choice.selected = false;
    }
    for api in ["Traces", "Profiles", "Dashboards", "Alerts", "Annotations"] {
        let low = api.to_lowercase();
        page.scopes.push(group(
            api,
            vec![
                line(&format!("{low}:read"), &format!("Read your organization's {low}"), Risk::Low, Held::Now),
                line(&format!("{low}:write"), &format!("Create and change {low}"), Risk::Medium, Held::Later),
            ],
        ));
    }
    page
}

pub fn consent_hostile() -> ConsentPage {
    let mut page = consent();
    page.client = Client { name: HOSTILE.into(), trust: Trust::VerifiedDocument { host: HOSTILE.to_owned() } };
    page.resembles =
        Some(likeness(HOSTILE, Maker::Operator, Origin { maker: Maker::Organization(HOSTILE.into()), since: ago(9) }));
    page.action = HOSTILE.to_owned();
    page.user = HOSTILE.to_owned();
    page.organizations[0].name = HOSTILE.into();
    page.organizations[0].id = HOSTILE.to_owned();
    page.scopes[0].lines[0].text = HOSTILE.to_owned();
    page.destination = Destination::InstalledApplication(HOSTILE.to_owned());
    page
}
