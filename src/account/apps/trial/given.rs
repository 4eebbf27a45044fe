//! What an app was given in a test, for people.

use http::Method;

use super::super::Visit;
use super::call::{Made, choice};
use super::kept::Kept;
use crate::account::applications::{Application, application};
use crate::account::log::readable;
use crate::account::standing::not_now;
use crate::config::{Api, ApiKind, Risk, RouteMeta};
use crate::pages::texts::trial as texts;
use crate::pages::views::{
    CallAnswer, ClaimLine, EnteredCall, Link, ScopeLabel, ScopeOutcome, TestRoute, TestRoutes, TestServer, TestedScope,
    TestedToken,
};
use crate::pages::{DisplayName, When};
use crate::store::{AuditFilter, Trial};
use crate::token::Claims;
use crate::types::{RequestId, ResourceId, ScopeSet, ScopeToken, Timestamp};
use crate::web::Trouble;

/// A test whose grant stands.
pub(super) struct Given<'a> {
    visit: &'a Visit<'a>,
    application: Application,
    pub(super) kept: Kept,
    claims: Claims,
}

impl<'a> Given<'a> {
    /// `None` when there is nothing yet, or its grant has ended.
    pub(super) async fn read(visit: &'a Visit<'a>, trial: Trial) -> Result<Option<Self>, Trouble> {
        let node = &visit.app.node;
        let Some(grant) = &trial.grant else { return Ok(None) };
        let Some(kept) = Kept::open(&node.keys, &trial) else { return Ok(None) };
        let Some(claims) = kept.claims() else { return Ok(None) };
        visit.app.flush.flush().await;
        let found = application(node, &visit.visitor.config, &visit.visitor.who.user.id, grant).await?;
        Ok(found.map(|application| Self { visit, application, kept, claims }))
    }

    /// Every path with a route that the token may call, by method: what reads before what may change something.
    pub(super) fn routes(&self) -> impl Iterator<Item = (&Api, &RouteMeta, Method, String)> {
        let config = &self.visit.visitor.config;
        let plain = config.apis.iter().filter(|api| matches!(api.kind, ApiKind::Http));
        let all = plain.flat_map(|api| api.listing.iter().map(move |route| (&**api, route)));
        let usable = all.filter(|(_, route)| route.closed.is_none()).filter(|(_, route)| {
            route.needs.as_ref().is_some_and(|needs| config.catalogue.rule(needs).admits(&self.application.now))
        });
        let by_method = usable.flat_map(|(api, route)| {
            let methods = [Method::GET, Method::POST].into_iter().filter(|method| route.methods.contains(method));
            methods.map(move |method| (api, route, method))
        });
        by_method.flat_map(|(api, route, method)| {
            let paths = spelled(&format!("{}{}", api.mount, route.pattern)).into_iter();
            paths.map(move |path| (api, route, method.clone(), path))
        })
    }

    /// Every MCP server that the token reaches: its name, its path, and the tools that the configuration names and the token may call.
    pub(super) fn servers(&self) -> impl Iterator<Item = (&Api, String, Vec<&str>)> {
        let apis = self.visit.visitor.config.apis.iter();
        apis.filter_map(|api| Some((&**api, api.mount.clone(), api.tools_for(&self.application.now)?)))
    }

    pub(super) fn shown(&self) -> TestedToken {
        self.with(EnteredCall::default(), None)
    }

    /// The same, with a call that was not made.
    pub(super) fn instead(&self, entered: EnteredCall) -> TestedToken {
        self.with(entered, None)
    }

    /// The same, with a call that was made.
    pub(super) async fn after(&self, made: Made) -> Result<TestedToken, Trouble> {
        let Made { entered, mut answer, request } = made;
        answer.record = match request {
            Some(request) => Some(self.record(&request).await?),
            None => None,
        };
        Ok(self.with(entered, Some(answer)))
    }

    fn with(&self, entered: EnteredCall, called: Option<CallAnswer>) -> TestedToken {
        let now = self.visit.app.node.now();
        let facts = &self.application.facts;
        TestedToken {
            organization: DisplayName::new(&facts.org.name),
            token_ends: When::new(seconds(self.claims.exp), now),
            grant_ends: facts.grant.expires_at.map(|end| When::new(end, now)),
            response: self.kept.masked(),
            claims: claims(&self.claims, (&facts.user.email, &facts.org.name), now),
            scopes: self.scopes(),
            routes: self.choices(&entered.route),
            servers: self.servers().map(|one| server(one, &entered.server)).collect(),
            entered,
            called,
        }
    }

    /// What was asked for, with what became of it.
    fn scopes(&self) -> Vec<TestedScope> {
        let (config, facts) = (&self.visit.visitor.config, &self.application.facts);
        let granted = self.application.scopes(config).into_iter().map(|words| TestedScope {
            scope: words.scope.to_string(),
            label: words.label,
            text: words.text,
            risk: words.risk,
            outcome: words.not_now.map_or(ScopeOutcome::Works, |why| ScopeOutcome::Idle(not_now(why))),
        });
        let asked = facts.client.scopes.clone().unwrap_or_default();
        let absent = |scope: &ScopeToken| {
            let entry = config.catalogue.entry(scope);
            TestedScope {
                scope: scope.to_string(),
                label: ScopeLabel::of(entry),
                text: entry.map_or_else(|| scope.to_string(), |e| e.description.clone()),
                risk: entry.map_or(Risk::Low, |e| e.risk),
                outcome: ScopeOutcome::Absent,
            }
        };
        let missing: ScopeSet = asked.difference(&facts.grant.scopes);
        granted.chain(missing.iter().map(absent)).collect()
    }

    fn choices(&self, chosen: &str) -> Vec<TestRoutes> {
        let mut groups: Vec<TestRoutes> = Vec::new();
        for (api, _, method, path) in self.routes() {
            let name = choice(&method, &path);
            let choice = TestRoute { chosen: chosen == name, name };
            match groups.iter_mut().find(|g| g.api == api.name.as_str()) {
                Some(group) => group.choices.push(choice),
                None => groups.push(TestRoutes { api: api.name.to_string(), choices: vec![choice] }),
            }
        }
        groups
    }

    /// Where a call is on record: in the organization's log for who may read it, among the user's own applications for others.
    async fn record(&self, request: &RequestId) -> Result<Link, Trouble> {
        let (visit, facts) = (self.visit, &self.application.facts);
        let node = &visit.app.node;
        visit.app.flush.flush().await;
        if !readable(node, &visit.visitor.config, &visit.visitor.who.user.id, &facts.org).await? {
            let href = format!("/settings/applications/{}", facts.grant.id);
            return Ok(Link { href, text: texts::record_of_test() });
        }
        let filter = AuditFilter { org: Some(facts.org.id.clone()), request: Some(request.clone()), ..AuditFilter::default() };
        let found = node.store.search_audit(&filter, None, 1).await?;
        let log = format!("/orgs/{}/audit", facts.org.slug);
        let href = match found.rows.first() {
            Some(row) => format!("{log}/{}", row.record.id),
            None => format!("{log}?request={request}"),
        };
        Ok(Link { href, text: texts::record_of_call() })
    }
}

fn server((api, path, tools): (&Api, String, Vec<&str>), chosen: &str) -> TestServer {
    let tools = tools.into_iter().map(ToOwned::to_owned).collect();
    TestServer { name: api.name.to_string(), chosen: path == chosen, path, tools }
}

/// A pattern with each of its alternatives in a path of its own: `/a/{b,c}` is `/a/b` and `/a/c`.
fn spelled(pattern: &str) -> Vec<String> {
    let braces = pattern.match_indices('{').filter_map(|(at, _)| Some((at, at + pattern[at..].find('}')?)));
    let Some((from, to)) = braces.into_iter().find(|(from, to)| pattern[*from..*to].contains(',')) else {
        return vec![pattern.to_owned()];
    };
    let (before, after) = (&pattern[..from], &pattern[to + 1..]);
    pattern[from + 1..to].split(',').flat_map(|one| spelled(&format!("{before}{}{after}", one.trim()))).collect()
}

const fn seconds(at: i64) -> Timestamp {
    Timestamp::from_millis(at.saturating_mul(1000))
}

fn claims(claims: &Claims, (email, organization): (&str, &str), now: Timestamp) -> Vec<ClaimLine> {
    let line = |name, value: String, meaning| ClaimLine { name, value, when: None, meaning };
    let moment =
        |name, at: i64, meaning| ClaimLine { when: Some(When::new(seconds(at), now)), ..line(name, at.to_string(), meaning) };
    let audience = claims.aud.iter().map(ResourceId::as_str).collect::<Vec<_>>().join(" ");
    vec![
        line("iss", claims.iss.clone(), texts::iss()),
        line("aud", audience, texts::aud()),
        line("org", format!("{} ({organization})", claims.org), texts::org()),
        line("sub", format!("{} ({email})", claims.sub), texts::sub()),
        line("client_id", claims.client_id.to_string(), texts::client_id()),
        line("scope", claims.scope.to_string(), texts::scope()),
        line("grant", claims.grant.to_string(), texts::grant()),
        moment("iat", claims.iat, texts::iat()),
        moment("exp", claims.exp, texts::exp()),
        line("jti", claims.jti.clone(), texts::jti()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alternatives_are_spelled_out_and_captures_stay() {
        assert_eq!(spelled("/a/{b,c}/{d}/{e,f}"), ["/a/b/{d}/e", "/a/b/{d}/f", "/a/c/{d}/e", "/a/c/{d}/f"]);
        assert_eq!(spelled("/a/{name}/**"), ["/a/{name}/**"]);
        assert_eq!(spelled("/a{"), ["/a{"]);
    }
}
