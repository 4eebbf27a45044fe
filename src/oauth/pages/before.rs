//! What a person allowed a client before, beside what it asks for now.

use super::super::App;
use super::offer::Place;
use crate::config::Config;
use crate::pages::views::{Allowed, Earlier, LeftScope, ScopeLabel};
use crate::pages::{DisplayName, When};
use crate::record::{Event, Operation};
use crate::store::{AuditFilter, Grant, GrantState, StoreError};
use crate::types::{ClientId, ScopeSet, ScopeToken, Timestamp};
use crate::web::SignedIn;

/// Live grants, newest first, that the log is asked about: a program that is on many machines has one for each.
const MOST: usize = 8;

/// Live grants of one person to one client; none when it asks for the first time.
#[derive(Default)]
pub(super) struct Before(Vec<Consented>);

/// One of them.
struct Consented {
    grant: Grant,
    /// What the person agreed to, whatever of it is left: as long as the log goes back, and for the newest of many grants.
    once: ScopeSet,
}

impl Before {
    /// What this person allowed the client wherever they may say yes to it now.
    pub(super) async fn of(app: &App, client: &ClientId, places: &[Place], who: &SignedIn) -> Result<Self, StoreError> {
        let now = app.node.now();
        let lives = |grant: &Grant| grant.state == GrantState::Live && grant.expires_at.is_none_or(|end| end > now);
        let own = app.node.store.grants_of_user(&who.user.id, now).await?.into_iter().map(|facts| facts.grant);
        let here = own.filter(|g| g.client == *client && lives(g) && places.iter().any(|p| p.org.id == g.org));
        let mut here: Vec<_> = here.collect();
        // What a test of an app was given ends with it, and was never given to the app.
        if !here.is_empty() {
            let tried = app.node.store.trial_grants(&who.user.id, client).await?;
            here.retain(|grant| !tried.contains(&grant.id));
        }
        let mut earlier = Vec::with_capacity(here.len());
        for (nth, grant) in here.into_iter().enumerate() {
            let once = if nth < MOST { agreed(app, &grant).await?.union(&grant.scopes) } else { grant.scopes.clone() };
            earlier.push(Consented { grant, once });
        }
        Ok(Self(earlier))
    }

    /// Whether the person allowed a scope before, and where.
    pub(super) fn allowed(&self, places: &[Place], scope: &ScopeToken) -> Allowed {
        if self.0.is_empty() {
            return Allowed::First;
        }
        let holds = |place: &&Place| self.0.iter().any(|one| one.grant.org == place.org.id && one.grant.scopes.contains(scope));
        let holders: Vec<_> = places.iter().filter(holds).map(|place| DisplayName::new(&place.org.name)).collect();
        match holders.len() {
            0 if self.0.iter().any(|one| one.once.contains(scope)) => Allowed::TakenBack,
            0 => Allowed::New,
            n if n == places.len() => Allowed::Before,
            _ => Allowed::BeforeIn(holders),
        }
    }

    /// When and where that was, and what is no longer asked for.
    pub(super) fn shown(&self, config: &Config, places: &[Place], asked: &ScopeSet, now: Timestamp) -> Option<Earlier> {
        let since = self.0.iter().map(|one| one.grant.created_at).max()?;
        let all = |of: fn(&Consented) -> &ScopeSet| self.0.iter().fold(ScopeSet::default(), |all, one| all.union(of(one)));
        let (held, once) = (all(|one| &one.grant.scopes), all(|one| &one.once));
        let left = once.difference(asked);
        let in_some = |place: &&Place| self.0.iter().any(|one| one.grant.org == place.org.id);
        let organizations: Vec<_> = places.iter().filter(in_some).map(|place| DisplayName::new(&place.org.name)).collect();
        Some(Earlier {
            since: When::new(since, now),
            organizations: if organizations.len() == places.len() { Vec::new() } else { organizations },
            left: left.iter().map(|scope| left_scope(config, scope, held.contains(scope))).collect(),
        })
    }
}

fn left_scope(config: &Config, scope: &ScopeToken, stays: bool) -> LeftScope {
    let entry = config.catalogue.entry(scope);
    LeftScope {
        scope: scope.to_string(),
        label: ScopeLabel::of(entry),
        text: entry.map_or_else(|| scope.to_string(), |e| e.description.clone()),
        risk: super::offer::risk(config, scope),
        stays,
    }
}

/// What was agreed to when this grant was given.
async fn agreed(app: &App, grant: &Grant) -> Result<ScopeSet, StoreError> {
    let consent = AuditFilter {
        org: Some(grant.org.clone()),
        grant: Some(grant.id.clone()),
        operation: Some(Operation::AuthorizeConsent.name().to_owned()),
        ..AuditFilter::default()
    };
    let found = app.node.store.search_audit(&consent, None, 1).await?.rows.pop();
    Ok(match found.map(|row| row.record.event) {
        Some(Event::Control(event)) => event.scopes,
        Some(Event::Call(_)) | None => ScopeSet::default(),
    })
}
