//! `audit`.

use clap::{Args, Subcommand};
use futures::StreamExt;

use super::args::Place;
use super::connect::administer;
use super::failure::CliError;
use super::output::{or_dash, plain, print, show, table, write};
use super::proof::{Verify, keys};
use crate::admin::{
    Administration, AuditEntry, AuditKeyView, AuditPageView, AuditQuery, DecisionName, NewSavedSearch, SavedSearchView,
    ShadowEntry, ShadowQuery, ShadowReport,
};
use crate::counts::{self, By, Counts, Group, Span};
use crate::record::FileFormat;
use crate::types::{Clock as _, SystemClock};

#[derive(Debug, Args)]
pub(super) struct Audit {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Records, newest first
    Search {
        #[command(flatten)]
        filter: Filter,
        /// Before this instant: RFC 3339, or a span such as 15m, 24h or 7d ago
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        /// At most this many records
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
        /// Where the page before ended
        #[arg(long)]
        cursor: Option<String>,
    },
    /// How many records a search finds, and how many of them are refusals: over time, or by what they share
    Counts {
        #[command(flatten)]
        filter: Filter,
        /// Before this instant: RFC 3339, or a span such as 15m, 24h or 7d ago [default: now]
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        /// By what; over time when it is left out
        #[arg(long, value_enum)]
        by: Option<By>,
        /// At most this many lines by what they share
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=i64::from(counts::MOST_GROUPS)))]
        limit: u32,
        /// Into this many spans of time
        #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=i64::from(counts::MOST_BUCKETS)))]
        buckets: u32,
    },
    /// Searches that members saved for themselves; they are on the page of the log and in the API
    Searches {
        #[command(subcommand)]
        action: SearchesAction,
    },
    /// Every record that a search finds, newest first, to standard output: OCSF on lines of their own (NDJSON), or CSV
    Export {
        #[command(flatten)]
        filter: Filter,
        /// Before this instant: RFC 3339, or a span such as 15m, 24h or 7d ago [default: now]
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        /// As CSV that is safe to open in a spreadsheet
        #[arg(long)]
        csv: bool,
    },
    /// Whom APIs in shadow mode would refuse, where and why
    Shadow {
        /// An organization: id or slug
        #[arg(long)]
        org: Option<String>,
        /// At which API
        #[arg(long)]
        api: Option<String>,
        /// Not before this instant: RFC 3339, or a span such as 15m, 24h or 7d ago
        #[arg(long, value_name = "TIME", default_value = "24h")]
        since: String,
        /// Before this instant
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
    },
    /// Prove the log: every chain of batches, every record. Exits with 1 when something is wrong, and says where
    Verify(Verify),
    /// The keys that seal the log
    Keys,
    /// Make a key that seals the log from now on; what was signed before stays proved
    RotateKey,
    /// Records as they arrive, until interrupted
    Tail {
        #[command(flatten)]
        filter: Filter,
    },
}

#[derive(Debug, Subcommand)]
enum SearchesAction {
    /// Those of a member, by name
    List {
        /// Id or slug of the organization
        org: String,
        /// Id or e-mail address of the member
        user: String,
    },
    /// Save one for a member, or replace the one of its name
    Save {
        /// Id or slug of the organization
        org: String,
        /// Id or e-mail address of the member
        user: String,
        /// Its name
        name: String,
        /// What it looks for, as in the address of the page: decision=denied&tool=echo
        query: String,
    },
    /// Forget one of a member
    Delete {
        /// Id or slug of the organization
        org: String,
        /// Id or e-mail address of the member
        user: String,
        /// Its name
        name: String,
    },
}

#[derive(Debug, Args)]
struct Filter {
    /// An organization: id or slug
    #[arg(long)]
    org: Option<String>,
    /// On whose behalf: id or e-mail address
    #[arg(long)]
    user: Option<String>,
    /// Through which client
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<String>,
    /// Under which grant
    #[arg(long)]
    grant: Option<String>,
    /// In which request (X-Request-Id)
    #[arg(long)]
    request: Option<String>,
    /// At which API
    #[arg(long)]
    api: Option<String>,
    /// With which MCP tool, prompt or resource
    #[arg(long)]
    tool: Option<String>,
    /// Route id or event name; a trailing * matches any rest
    #[arg(long)]
    operation: Option<String>,
    /// With which HTTP status, or class of them: 404, 4xx
    #[arg(long)]
    status: Option<String>,
    /// What was done, or what was refused
    #[arg(long, value_enum)]
    decision: Option<DecisionName>,
    /// Not before this instant: RFC 3339, or a span such as 15m, 24h or 7d ago
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Text in operation, path, tool, client name or reason
    #[arg(long)]
    text: Option<String>,
}

impl Filter {
    fn query(self) -> Result<AuditQuery, CliError> {
        let Self { org, user, client, grant, request, api, tool, operation, status, decision, since, text } = self;
        let since = since.as_deref().map(instant).transpose()?;
        let query = AuditQuery { org, user, client, grant, request, since, ..AuditQuery::default() };
        Ok(AuditQuery { api, tool, operation, status, decision, text, ..query })
    }
}

/// An instant, or a span before now.
fn instant(text: &str) -> Result<String, CliError> {
    let now = jiff::Timestamp::from_millisecond(SystemClock.now().millis()).unwrap_or(jiff::Timestamp::MAX);
    instant_before(text, now)
}

fn instant_before(text: &str, now: jiff::Timestamp) -> Result<String, CliError> {
    if text.parse::<jiff::Timestamp>().is_ok() {
        return Ok(text.to_owned());
    }
    let wrong = || CliError::usage(format!("{text:?} is no time; write 2026-11-21T08:00:00Z, or 15m, 24h or 7d"));
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return Err(wrong()),
    };
    let count: i64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    let span = count.checked_mul(seconds).filter(|s| *s >= 0).ok_or_else(wrong)?;
    now.checked_sub(jiff::SignedDuration::from_secs(span)).map(|t| t.to_string()).map_err(|_| wrong())
}

pub(super) async fn run(args: Audit) -> Result<(), CliError> {
    let Audit { place, action } = args;
    let json = place.json;
    match action {
        Action::Search { filter, until, limit, cursor } => {
            let until = until.as_deref().map(instant).transpose()?;
            let query = AuditQuery { until, limit: Some(limit), cursor, ..filter.query()? };
            administer(&place, |admin| async move { show(json, &admin.search_audit(query).await?, page) }).await
        }
        Action::Counts { filter, until, by, limit, buckets } => {
            let until = until.as_deref().map(instant).transpose()?;
            let query = AuditQuery { until, by, limit: Some(limit), buckets: Some(buckets), ..filter.query()? };
            administer(&place, |admin| async move { show(json, &admin.count_audit(query).await?, counted) }).await
        }
        Action::Searches { action } => searches(&place, action).await,
        Action::Export { filter, until, csv } => {
            let until = until.as_deref().map(instant).transpose()?;
            let format = Some(if csv { FileFormat::Csv } else { FileFormat::Ndjson });
            let query = AuditQuery { until, format, ..filter.query()? };
            administer(&place, |admin| async move {
                let mut parts = admin.export_audit(query).await?;
                while let Some(part) = parts.next().await {
                    write(&part?)?;
                }
                Ok(())
            })
            .await
        }
        Action::Shadow { org, api, since, until } => {
            let since = Some(instant(&since)?);
            let until = until.as_deref().map(instant).transpose()?;
            let query = ShadowQuery { org, api, since, until, ..ShadowQuery::default() };
            administer(&place, |admin| async move {
                let report = admin.shadow_report(query.clone()).await?;
                if json || !report.entries.is_empty() {
                    return show(json, &report, shadowed);
                }
                print(&nobody(&query, &report.apis, calls(&*admin, &query, &report.apis).await?))
            })
            .await
        }
        Action::Verify(verify) => super::proof::verify(&place, verify).await,
        Action::Keys => administer(&place, |admin| async move { show(json, &admin.audit_keys().await?, |k| keys(k)) }).await,
        Action::RotateKey => {
            let one = |key: &AuditKeyView| keys(std::slice::from_ref(key));
            administer(&place, |admin| async move { show(json, &admin.rotate_audit_key().await?, one) }).await
        }
        Action::Tail { filter } => {
            let query = filter.query()?;
            administer(&place, |admin| async move {
                let mut records = admin.tail_audit(query).await?;
                loop {
                    tokio::select! {
                        record = records.next() => match record {
                            Some(record) => print(&line(&record?, json)?)?,
                            None => return Err(CliError::failed("the gateway ended the tail; is it stopping?")),
                        },
                        _ = tokio::signal::ctrl_c() => return Ok(()),
                    }
                }
            })
            .await
        }
    }
}

async fn searches(place: &Place, action: SearchesAction) -> Result<(), CliError> {
    let json = place.json;
    administer(place, |admin| async move {
        match action {
            SearchesAction::List { org, user } => show(json, &admin.saved_searches(&org, &user).await?, |all| saved(all)),
            SearchesAction::Save { org, user, name, query } => {
                let search = admin.save_search(&org, &user, &name, NewSavedSearch { query }).await?;
                show(json, &search, |one| saved(std::slice::from_ref(one)))
            }
            SearchesAction::Delete { org, user, name } => {
                admin.forget_search(&org, &user, &name).await?;
                print(if json { "{}\n" } else { "forgotten\n" })
            }
        }
    })
    .await
}

fn saved(searches: &[SavedSearchView]) -> String {
    table(["NAME", "QUERY"], searches.iter().map(|one| [one.name.clone(), one.query.clone()]))
}

fn counted(counts: &Counts) -> String {
    let mut text = if counts.by.is_some() {
        let row = |group: &Group| {
            let id = if group.name == group.value { String::new() } else { group.value.clone() };
            [group.total.to_string(), group.denied.to_string(), group.name.clone(), id]
        };
        table(["RECORDS", "DENIED", "NAME", "ID"], counts.groups.iter().map(row))
    } else {
        let row = |span: &Span| [span.start.to_string(), span.total.to_string(), span.denied.to_string()];
        table(["FROM", "RECORDS", "DENIED"], counts.buckets.iter().map(row))
    };
    text.push_str(&format!("\n{} records, {} denied, from {} to {}\n", counts.total, counts.denied, counts.from, counts.to));
    text
}

fn cells(entry: &AuditEntry) -> [String; 7] {
    let AuditEntry { time, decision, status, who, what, .. } = entry;
    let millis = entry.millis.map_or_else(String::new, |m| format!("{m} ms"));
    let org = or_dash(entry.org_name.clone().or_else(|| entry.org.as_ref().map(ToString::to_string)));
    [time.to_string(), decision.clone(), status.clone(), millis, org, who.clone(), what.clone()]
}

fn page(page: &AuditPageView) -> String {
    let mut text = table(["TIME", "DECISION", "STATUS", "TOOK", "ORG", "WHO", "WHAT"], page.records.iter().map(cells));
    if let Some(next) = &page.next {
        text.push_str(&format!("\nThere is more: --cursor {next}\n"));
    }
    text
}

/// How many calls these APIs had.
async fn calls(admin: &dyn Administration, of: &ShadowQuery, apis: &[String]) -> Result<u64, CliError> {
    let mut calls = 0;
    for api in apis {
        let query = AuditQuery { org: of.org.clone(), api: Some(api.clone()), since: of.since.clone(), ..AuditQuery::default() };
        calls += admin.count_audit(AuditQuery { until: of.until.clone(), buckets: Some(1), ..query }).await?.total;
    }
    Ok(calls)
}

/// That there is nobody to refuse says something only of calls that came to an API in shadow mode.
fn nobody(asked: &ShadowQuery, apis: &[String], calls: u64) -> String {
    match (apis, &asked.api) {
        ([], Some(api)) => format!("{api} is not in shadow mode.\n"),
        ([], None) => "No API is in shadow mode.\n".to_owned(),
        _ => {
            let (since, at) = (or_dash(asked.since.as_deref()), apis.join(", "));
            format!("Nobody would be refused, of {calls} calls since {since} at {at}.\n")
        }
    }
}

fn shadowed(report: &ShadowReport) -> String {
    let who = |entry: &ShadowEntry| match (&entry.email, &entry.user, &entry.address) {
        (Some(email), _, _) => email.clone(),
        (None, Some(user), _) => user.to_string(),
        (None, None, address) => or_dash(address.as_deref()),
    };
    let through = |entry: &ShadowEntry| {
        let client = entry.client_name.clone().or_else(|| entry.client.as_ref().map(ToString::to_string));
        or_dash(client.or_else(|| entry.user_agent.clone()))
    };
    let why = |entry: &ShadowEntry| match entry.missing.to_string() {
        _ if entry.refused => format!("{} (is already)", entry.reason),
        missing if missing.is_empty() => entry.reason.clone(),
        missing => format!("{} {missing}", entry.reason),
    };
    let rows = report.entries.iter().map(|e| {
        let route = format!("{} {}", e.api, e.route);
        [e.count.to_string(), e.last.to_string(), who(e), through(e), route, why(e), e.request.to_string()]
    });
    let mut text = table(["COUNT", "LAST", "CALLER", "THROUGH", "ROUTE", "WOULD BE REFUSED FOR", "LAST REQUEST"], rows);
    if report.truncated {
        let more = report.kinds.saturating_sub(report.entries.len() as u64);
        text.push_str(&format!("\nThere are {more} more: narrow with --api, --org or --since.\n"));
    }
    text
}

/// One record of a tail: an OCSF object, or a line in columns that mostly fit.
fn line(entry: &AuditEntry, json: bool) -> Result<String, CliError> {
    if json {
        return serde_json::to_string(entry).map(|t| t + "\n").map_err(|e| CliError::chain(&e));
    }
    let [time, decision, status, millis, org, who, what] = cells(entry).map(|c| plain(&c));
    Ok(format!("{time}  {decision:18}  {status:8}  {millis:>8}  {org:12}  {who}  {what}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{OrgId, RecordId, SystemEntropy, Timestamp};

    #[test]
    fn nobody_is_refused_of_somebody() {
        let asked = ShadowQuery { since: Some("2026-11-22T08:00:00Z".to_owned()), ..ShadowQuery::default() };
        let of = |api: &str| ShadowQuery { api: Some(api.to_owned()), ..asked.clone() };
        assert_eq!(nobody(&asked, &[], 0), "No API is in shadow mode.\n");
        assert_eq!(nobody(&of("loki"), &[], 0), "loki is not in shadow mode.\n");
        let said = nobody(&asked, &["prometheus".to_owned()], 7);
        assert_eq!(said, "Nobody would be refused, of 7 calls since 2026-11-22T08:00:00Z at prometheus.\n");
    }

    #[test]
    fn a_line_has_names_and_json_the_ids() {
        let org = OrgId::generate(SystemClock.now(), &SystemEntropy);
        let entry = AuditEntry {
            id: RecordId::generate(SystemClock.now(), &SystemEntropy),
            time: Timestamp::from_millis(1_795_219_200_000),
            org: Some(org.clone()),
            org_name: Some("The acme\u{7} company".to_owned()),
            who: "CLI for bob@acme.test".to_owned(),
            what: "GET /prometheus/api/v1/query".to_owned(),
            decision: "allowed".to_owned(),
            status: "200".to_owned(),
            millis: Some(41),
            ocsf: serde_json::json!({ "actor": { "user": { "uid": "usr_1" } } }),
        };
        let text = line(&entry, false).expect("a line");
        let named = "allowed             200          41 ms  The acme\u{fffd} company  CLI for bob@acme.test  GET /prometheus";
        assert!(text.contains(named) && !text.contains(org.as_str()), "{text}");
        let json: serde_json::Value = serde_json::from_str(&line(&entry, true).expect("a line")).expect("JSON");
        assert_eq!((&json["org"], &json["ocsf"]["actor"]["user"]["uid"]), (&org.as_str().into(), &"usr_1".into()));
        // Whoever was removed keeps the id, and the operator's own log is nobody's.
        let nameless = AuditEntry { org_name: None, ..entry.clone() };
        assert!(line(&nameless, false).expect("a line").contains(org.as_str()));
        let own = AuditEntry { org: None, ..nameless };
        assert!(line(&own, false).expect("a line").contains("41 ms  -             CLI"));
    }

    #[test]
    fn times_are_instants_or_spans() {
        let now: jiff::Timestamp = "2026-11-21T08:00:00Z".parse().expect("an instant");
        let before = |text| instant_before(text, now);
        assert_eq!(before("15m").as_deref(), Ok("2026-11-21T07:45:00Z"));
        assert_eq!(before("7d").as_deref(), Ok("2026-11-14T08:00:00Z"));
        assert_eq!(before("2026-01-01T00:00:00Z").as_deref(), Ok("2026-01-01T00:00:00Z"));
        for bad in ["", "m", "-5m", "5y", "yesterday", "99999999999999999d", "5é"] {
            assert_eq!(before(bad).map_err(|e| e.code()), Err(2), "{bad}");
        }
    }
}
