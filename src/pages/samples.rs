//! One of every page and state, with data as it comes in practice and as a hostile stranger would send it.

mod apps;
mod consent;
mod machines;
mod operator;
mod org;

use std::time::Duration;

use askama::Template;

pub use consent::consent;

use super::texts;
use super::views::*;
use super::{Bin, DisplayName, Histogram, Sparkline, When};
use crate::config::Risk;
use crate::types::Timestamp;

/// What a stranger may put into every field of a registration.
pub const HOSTILE: &str = "\u{202E}<img src=x onerror=alert(1)>\"'&</title><script>x</script>{{7*7}}";

/// Every sample, by the file name it gets when it is written out.
pub fn pages() -> Vec<(&'static str, String)> {
    let mut pages = vec![
        ("login", show(&login(None))),
        ("login-logo", show(&with_logo())),
        ("login-refused", show(&login(Some(LoginProblem::Refused)))),
        ("login-plain", show(&LoginPage::new(brand(), "/login".to_owned(), CSRF.to_owned()))),
        ("password", show(&password(None))),
        ("password-short", show(&password(Some(PasswordProblem::TooShort)))),
        ("invitation", show(&invitation(Guest::Invited, None))),
        ("invitation-other", show(&invitation(Guest::Other { email: HOSTILE.to_owned() }, None))),
        ("invitation-unknown", show(&invitation(unknown(), None))),
        ("invitation-unnamed", show(&invitation(unknown(), Some(InvitationProblem::Name)))),
        ("error", show(&error())),
        ("home", show(&home(Some(viewer()), Presence::Visiting))),
        ("home-signed-out", show(&home(None, Presence::JustSignedOut))),
        ("applications", show(&applications(grants(), None))),
        ("applications-revoked", show(&applications(grants().split_off(1), Some(revoked())))),
        ("applications-empty", show(&applications(Vec::new(), None))),
    ];
    pages.extend([
        ("audit", show(&audit(AuditFilter::default(), rows()))),
        ("audit-filtered", show(&audit(filter(), rows().into_iter().filter(|row| row.decision != Decision::Allowed).collect()))),
        ("audit-none", show(&audit(filter(), Vec::new()))),
        ("audit-empty", show(&audit(AuditFilter::default(), Vec::new()))),
        ("record", show(&record(Decision::Allowed, None))),
        ("record-denied", show(&record(denied(), Some(explanation())))),
    ]);
    pages.extend([
        ("grant", show(&grant(rows(), None))),
        ("grant-new", show(&grant(Vec::new(), Some(GrantNotice::Narrowed)))),
        ("sessions", show(&sessions())),
        ("events", show(&events(event_rows()))),
        ("events-empty", show(&events(Vec::new()))),
    ]);
    pages.extend(consent::pages());
    pages.extend(org::pages());
    pages.extend(machines::pages());
    pages.extend(apps::pages());
    pages.extend(operator::pages());
    pages
}

const CSRF: &str = "c5rf-0123456789abcdef";

fn show(page: &impl Template) -> String {
    page.render().expect("rendering into a string cannot fail")
}

fn now() -> Timestamp {
    Timestamp::parse_rfc3339("2026-11-21T22:50:29Z").expect("a valid timestamp")
}

fn ago(minutes: i64) -> When {
    When::new(Timestamp::from_millis(now().millis() - minutes * 60_000), now())
}

pub fn brand() -> Brand {
    Brand { name: "Acme Observability".to_owned(), logo: None }
}

/// A page of somebody with a logo.
fn with_logo() -> LoginPage {
    let logo = Some(super::assets::favicon().to_owned());
    LoginPage::new(Brand { logo, ..brand() }, "/login".to_owned(), CSRF.to_owned())
}

fn viewer() -> Viewer {
    let link = |slug: &str, name: &str, page| OrgLink { slug: slug.to_owned(), organization: name.into(), page };
    Viewer {
        email: "ada@acme.example".to_owned(),
        csrf: CSRF.to_owned(),
        orgs: vec![link("acme", "Acme Production", "audit"), link("acme-lab", "Acme Lab", "members")],
        apps: vec![link("acme", "Acme Production", "apps")],
        operator: false,
    }
}

fn frame(section: Section) -> Frame {
    Frame { brand: brand(), viewer: Some(viewer()), section }
}

fn login(problem: Option<LoginProblem>) -> LoginPage {
    LoginPage {
        continue_to: Some("Grafana CLI".into()),
        providers: vec![Provider { name: "Acme SSO".to_owned(), href: "/login/acme".to_owned() }],
        email: if problem.is_some() { "ada@acme.example".to_owned() } else { String::new() },
        problem,
        ..LoginPage::new(brand(), "/login?next=%2Fconsent%3Frequest%3D7".to_owned(), CSRF.to_owned())
    }
}

fn password(problem: Option<PasswordProblem>) -> PasswordPage {
    let page = PasswordPage::one_time(brand(), "/password".to_owned(), CSRF.to_owned(), "ada@acme.example".to_owned(), 12);
    PasswordPage { problem, continue_to: Some("Grafana CLI".into()), ..page }
}

fn unknown() -> Guest {
    Guest::Unknown { sign_in: "/login?next=x".to_owned() }
}

fn invitation(guest: Guest, problem: Option<InvitationProblem>) -> InvitationPage {
    InvitationPage {
        frame: InvitationPage::guest_frame(brand()),
        action: "/invitations/tg_iv_x".to_owned(),
        csrf: CSRF.to_owned(),
        organization: "Acme Production".into(),
        by: Some("ada@acme.example".to_owned()),
        email: "linus@acme.example".to_owned(),
        roles: vec!["editor".to_owned(), "viewer".to_owned()],
        ends: ago(-60 * 24 * 3),
        guest,
        name: HOSTILE.to_owned(),
        shortest: 12,
        problem,
    }
}

fn error() -> ErrorPage {
    ErrorPage {
        frame: Frame { viewer: None, ..frame(Section::Elsewhere) },
        said: texts::sign_in::unregistered_address(),
        reference: "req_01JDA7ZK5N8Q2V".to_owned(),
        next: Some(Link { href: "/settings/applications".to_owned(), text: texts::account::to_your_applications() }),
    }
}

fn home(viewer: Option<Viewer>, presence: Presence) -> HomePage {
    HomePage {
        frame: Frame { brand: brand(), viewer, section: Section::Elsewhere },
        presence,
        mcp_url: Some("https://gw.example.com/mcp".to_owned()),
    }
}

pub fn applications(grants: Vec<GrantRow>, notice: Option<ApplicationsNotice>) -> ApplicationsPage {
    ApplicationsPage {
        frame: frame(Section::Applications),
        action: "/settings/applications/revoke".to_owned(),
        csrf: CSRF.to_owned(),
        notice,
        grants,
    }
}

fn revoked() -> ApplicationsNotice {
    let refused = texts::account::refused_later(Duration::from_millis(300));
    let keys = texts::account::key_goes_on("wxyz");
    ApplicationsNotice::Revoked { application: "Grafana CLI".into(), organization: "Acme Production".into(), refused, keys }
}

pub fn grants() -> Vec<GrantRow> {
    let scope = |scope: &str, text: &str, risk, last_use| GrantedScope {
        scope: scope.to_owned(),
        label: ScopeLabel::NONE,
        text: text.to_owned(),
        risk,
        last_use,
        not_now: None,
    };
    let wave = (0..30).map(|day: u32| if day % 7 > 4 { day % 3 } else { 20 + (day * 37) % 61 }).collect();
    let first = GrantRow {
        grant_id: "grant_9".to_owned(),
        client: Client { name: "Grafana CLI".into(), trust: Trust::Published { by: "Grafana Labs".into() } },
        organization: "Acme Production".into(),
        scopes: vec![
            scope("logs:delete", "Delete logs for good", Risk::High, LastUse::Never),
            scope("rules:write", "Change recording and alerting rules", Risk::Medium, LastUse::At(ago(60 * 24 * 3))),
            scope("metrics:read", "Query your organization's metrics and their metadata", Risk::Low, LastUse::At(ago(2))),
            scope("logs:read", "Search and read your organization's logs", Risk::Low, LastUse::At(ago(95))),
            scope("traces:read", "Read your organization's traces", Risk::Low, LastUse::Never),
        ],
        granted: ago(60 * 24 * 41),
        last_used: Some(ago(2)),
        ends: Some(ago(-60 * 24 * 49)),
        calls: Sparkline { days: wave },
        details: "/settings/applications/grant_9".to_owned(),
    };
    let document = Trust::VerifiedDocument { host: "claude.ai".to_owned() };
    let second = GrantRow {
        grant_id: "grant_10".to_owned(),
        client: Client { name: "Claude".into(), trust: document },
        organization: "Acme Lab".into(),
        calls: Sparkline { days: (0..30).map(|day| if day > 24 { day * 11 } else { 0 }).collect() },
        scopes: vec![scope(
            "mcp:everything:invoke",
            "Call the tools of the server “everything”",
            Risk::Low,
            LastUse::At(ago(700)),
        )],
        last_used: Some(ago(700)),
        granted: ago(60 * 24 * 5),
        ..first.clone()
    };
    let third = GrantRow {
        grant_id: "grant_11".to_owned(),
        client: Client {
            name: DisplayName::new(HOSTILE),
            trust: Trust::Registered { ago: "3 hours ago".to_owned(), used: UsedHere::Nobody },
        },
        organization: HOSTILE.into(),
        calls: Sparkline { days: vec![0; 30] },
        scopes: vec![scope("metrics:read", HOSTILE, Risk::Low, LastUse::Never)],
        last_used: None,
        ends: None,
        details: "/settings/applications/grant_11".to_owned(),
        granted: ago(180),
    };
    vec![first, second, third]
}

fn grant(rows: Vec<AuditRow>, notice: Option<GrantNotice>) -> GrantPage {
    let [row, _, hostile] = grants().try_into().expect("three samples");
    let (GrantRow { scopes, calls, .. }, client) = (row, if rows.is_empty() { hostile.client } else { known() });
    GrantPage {
        frame: frame(Section::Applications),
        path: "/settings/applications/grant_9".to_owned(),
        csrf: CSRF.to_owned(),
        problem: notice.map(|_| texts::account::day_is_over()),
        suspended: notice.map(|_| texts::standing::client_blocked()),
        notice,
        grant_id: "grant_9".to_owned(),
        client,
        organization: "Acme Production".into(),
        granted: ago(60 * 24 * 41),
        last_used: Some(ago(2)),
        last_from: Some(CalledFrom { address: "2001:db8:1:2::4".to_owned(), user_agent: Some(HOSTILE.into()) }),
        ends: Some(ago(-60 * 24 * 49)),
        days: ("2026-11-21".to_owned(), Some("2027-01-09".to_owned())),
        scopes,
        keys: vec![OwnKey {
            id: "ak_1".to_owned(),
            last4: "wxyz".to_owned(),
            scopes: vec!["metrics:write".to_owned()],
            made: ago(60 * 24 * 40),
            last_used: None,
        }],
        calls,
        filter: ActivityFilter { tool: HOSTILE.to_owned(), ..ActivityFilter::default() },
        older: (!rows.is_empty()).then(|| "/settings/applications/grant_9?cursor=x".to_owned()),
        rows,
        newer: None,
    }
}

pub fn registration(how: Registered) -> Registration {
    Registration {
        how,
        at: ago(60 * 24 * 3),
        has_secret: how != Registered::ByItself,
        grant_types: vec!["authorization_code".to_owned(), "refresh_token".to_owned()],
        redirect_uris: vec!["http://127.0.0.1/callback".to_owned(), format!("https://app.example.com/{}", "callback/".repeat(9))],
    }
}

fn known() -> Client {
    Client { name: "Grafana CLI".into(), trust: Trust::Published { by: "Grafana Labs".into() } }
}

fn events(rows: Vec<EventRow>) -> EventsPage {
    let older = (!rows.is_empty()).then(|| "/settings/events?after=1~rec_1".to_owned());
    EventsPage { frame: frame(Section::Elsewhere), rows, newer: None, older }
}

fn event_rows() -> Vec<EventRow> {
    let row = |minutes, happened, application: Option<&str>, scopes: &[&str]| EventRow {
        at: ago(minutes),
        happened,
        application: application.map(Into::into),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        organization: application.map(|_| "Acme Production".into()),
        by: None,
        from: Some("192.0.2.7".to_owned()),
        program: Some("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0".into()),
    };
    let others = EventRow {
        by: Some("grace@acme.example".to_owned()),
        from: None,
        program: None,
        ..row(90, Happened::RevokedByAdministrator, Some(HOSTILE), &[])
    };
    vec![
        row(2, Happened::Allowed, Some("Grafana CLI"), &["logs:read", "metrics:read"]),
        row(60, Happened::SignedInElsewhere, None, &[]),
        others,
        row(60 * 24, Happened::TokenReused, Some("Grafana CLI"), &[]),
        EventRow { from: None, program: None, ..row(60 * 36, Happened::PasswordChangedByOperator, None, &[]) },
        row(60 * 48, Happened::SignedIn, None, &[]),
    ]
}

fn sessions() -> SessionsPage {
    let one = |handle: &str, current, browser: Option<&str>, minutes| SessionRow {
        handle: handle.to_owned(),
        current,
        address: browser.map(|_| "192.0.2.7".to_owned()),
        browser: browser.map(DisplayName::new),
        started: ago(minutes),
        seen: ago(minutes / 20),
        ends: ago(minutes - 60 * 24 * 7),
    };
    let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";
    SessionsPage {
        frame: frame(Section::Elsewhere),
        csrf: CSRF.to_owned(),
        saved: true,
        sessions: vec![
            one("0a1b2c3d4e5f6071", true, Some(firefox), 60),
            one("1a1b2c3d4e5f6072", false, Some(HOSTILE), 600),
            one("2a1b2c3d4e5f6073", false, None, 6_000),
        ],
    }
}

pub fn filter() -> AuditFilter {
    AuditFilter {
        from: "2026-11-21T18:00".to_owned(),
        user: "ada@acme.example".to_owned(),
        api: "loki&x=1".to_owned(),
        decision: DecisionFilter::Denied,
        text: HOSTILE.to_owned(),
        ..AuditFilter::default()
    }
}

fn denied() -> Decision {
    Decision::Denied(texts::record::needs("logs:read"))
}

pub fn rows() -> Vec<AuditRow> {
    let row = |n: i64, who: &str, application: Option<&str>, what: &str, api: &str, decision, status, millis| AuditRow {
        id: format!("01JDA7ZK5N8Q{n}"),
        at: ago(n * 7),
        who: who.to_owned(),
        through: application.map_or(Through::Browser, |name| Through::Application(name.into())),
        what: what.to_owned(),
        api: api.to_owned(),
        decision,
        status,
        millis,
    };
    vec![
        row(
            0,
            "ada@acme.example",
            Some("Grafana CLI"),
            "prometheus.query_range",
            "prometheus",
            Decision::Allowed,
            Some(200),
            Some(41),
        ),
        row(1, "ada@acme.example", Some("Claude"), "tools/call query_logs", "everything", denied(), Some(403), Some(1)),
        row(2, "grace@acme.example", Some("Claude"), "tools/call echo", "everything", Decision::Allowed, Some(200), Some(1_204)),
        row(3, "grace@acme.example", None, "authorize.consent", "tollgate", Decision::Allowed, Some(303), Some(12)),
        row(4, "deploy-bot", Some("Terraform"), "rules.write", "mimir", Decision::Unknown, None, None),
        row(5, "deploy-bot", Some("Terraform"), "rules.write", "mimir", Decision::Allowed, Some(202), Some(88)),
        row(
            6,
            "ada@acme.example",
            Some(HOSTILE),
            "loki.query",
            "loki",
            Decision::Denied(texts::record::reason_code("grant revoked")),
            Some(401),
            Some(1),
        ),
    ]
}

/// What is known of a proof: all is well where everything is listed, something is not where that is narrowed, and nothing is known
/// where nothing is listed.
fn proof(filter: &AuditFilter, rows: &[AuditRow]) -> Proof {
    let until = ago(65);
    let (found, is_faulty) =
        if filter.is_empty() { (texts::audit::proved_until(&until), false) } else { (texts::audit::proof_failed(), true) };
    let seal = LastSeal { at: ago(7), place: texts::audit::sealed_in("chain_019ab8d4c0de7f3a9b1c5d2e4f607182", 12_041) };
    let last = LastProof { at: ago(60), found, is_faulty };
    if rows.is_empty() { Proof::default() } else { Proof { sealed: Some(seal), last: Some(last) } }
}

pub fn audit(filter: AuditFilter, rows: Vec<AuditRow>) -> AuditPage {
    let bin = |n: u32| Bin {
        label: format!("{:02}:{:02}", 17 + n / 12, n % 12 * 5),
        allowed: 8 + (n * 53) % 67,
        denied: if n % 9 == 4 { 6 } else { n % 2 },
    };
    AuditPage {
        frame: frame(Section::Audit { slug: "acme".to_owned() }),
        tabs: org::tabs(OrgTab::Audit),
        organization: "Acme Production".into(),
        path: "/orgs/acme/audit".to_owned(),
        proof: proof(&filter, &rows),
        filter,
        problem: None,
        histogram: Histogram { every: "5 minutes".to_owned(), bins: (0..72).map(bin).collect(), end: "23:00".to_owned() },
        csrf: CSRF.to_owned(),
        saved: vec![SavedSearchLink { name: HOSTILE.to_owned(), href: "/orgs/acme/audit?decision=denied".to_owned() }],
        counts: Counts::Shown(summary(texts::record::by_application(), &["Grafana CLI", HOSTILE])),
        rows,
        older: Some("b2xkZXI=".to_owned()),
        newer: None,
    }
}

fn summary(title: texts::Text, names: &[&str]) -> Summary {
    let line = |name: &&str| SummaryLine {
        name: DisplayName::new(name),
        href: "/orgs/acme/audit?client=cl_1".to_owned(),
        total: 1_204,
        denied: if names.len() > 1 { 3 } else { 0 },
    };
    Summary { title, lines: names.iter().map(line).collect() }
}

fn explanation() -> Explanation {
    Explanation {
        why: texts::denials::not_in_token(),
        missing: vec!["logs:read".to_owned()],
        advice: texts::denials::user_holds("logs:read"),
    }
}

fn record(decision: Decision, explanation: Option<Explanation>) -> AuditRecordPage {
    let field = |label, name: &str, value| RecordField { label, name: name.to_owned(), value };
    let code = |text: &str| FieldValue::Code(text.to_owned());
    let neighbour = |label, of: &str| Neighbour { label, of: of.to_owned(), href: "/orgs/acme/audit?text=x".to_owned() };
    AuditRecordPage {
        frame: frame(Section::Audit { slug: "acme".to_owned() }),
        organization: "Acme Production".into(),
        path: "/orgs/acme/audit".to_owned(),
        id: "01JDA7ZK5N8Q2V".to_owned(),
        title: texts::record::call_on("tools/call query_logs", "everything"),
        at: ago(7),
        decision,
        explanation,
        groups: vec![
            FieldGroup { title: texts::record::who(), fields: vec![
                field(texts::record::user(), "actor.user.uid", FieldValue::Link(FieldLink { href: "/orgs/acme/audit?user=usr_12".to_owned(), text: "ada@acme.example".to_owned() })),
                field(texts::record::application(), "actor.app_name", FieldValue::Text(DisplayName::new(HOSTILE).to_string())),
                field(texts::record::grant(), "actor.session.uid", code("grant_9")),
                field(texts::record::token(), "actor.session.credential_uid", code("sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")),
            ] },
            FieldGroup { title: texts::record::what(), fields: vec![
                field(texts::record::operation(), "api.operation", code("tools/call query_logs")),
                field(texts::record::path(), "http_request.url.path", code("/mcp/everything")),
                field(texts::record::started(), "time", FieldValue::Time(ago(7))),
                field(texts::record::ended(), "metadata.logged_time", FieldValue::Absent),
            ] },
        ],
        neighbours: vec![neighbour(texts::record::same_grant(), "grant_9"), neighbour(texts::record::same_user(), "ada@acme.example"), neighbour(texts::record::same_request(), "req_01JDA7ZK5N8Q2V")],
        raw: "{\n  \"class_uid\": 6003,\n  \"actor\": { \"app_name\": \"<script>x</script>\" },\n  \"unmapped\": { \"chain\": { \"prev_fingerprint\": \"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\" } }\n}".to_owned(),
    }
}
