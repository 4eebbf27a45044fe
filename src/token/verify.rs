//! From a bearer token to a principal.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::Algorithm;

use super::cache::{Digest, KEEPING, PrincipalCache};
use super::common::{Common, Shared};
use super::effective::{effective_of_key, standing, standing_of_key};
use super::guesses::{Guesses, WINDOW};
use super::principal::Fingerprint;
use super::{Claims, Effective, KeyRing, Narrowing, Presented, Principal, Refusal, Rejected, View, Watch, effective, narrowing};
use crate::config::Config;
use crate::store::{ApiKey, ApiKeyFacts, Client, GrantFacts, Org, SharedStore, StoreError, Subject, User};
use crate::types::{ApiKeyId, HashedToken, Issuer, ResourceId, Timestamp};

/// What every opaque secret of ours starts with.
const OUR_PREFIX: &str = "tg_";

/// Longest token that is looked at, bytes.
const MAX_TOKEN: usize = 8 * 1024;

/// Counts of what the verifier did, for the metrics.
#[derive(Debug, Default)]
pub struct VerifierCounts {
    hits: AtomicU64,
    misses: AtomicU64,
    signatures: AtomicU64,
    keys: AtomicU64,
    again: AtomicU64,
}

impl VerifierCounts {
    /// Tokens answered from memory.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    /// Tokens that were not.
    #[must_use]
    pub fn misses(&self) -> u64 {
        self.misses.load(Ordering::Relaxed)
    }

    /// Signatures checked.
    #[must_use]
    pub fn signatures(&self) -> u64 {
        self.signatures.load(Ordering::Relaxed)
    }

    /// API keys that the store was asked for by their values, one by one.
    #[must_use]
    pub fn keys(&self) -> u64 {
        self.keys.load(Ordering::Relaxed)
    }

    /// Principals that were read again.
    #[must_use]
    pub fn again(&self) -> u64 {
        self.again.load(Ordering::Relaxed)
    }
}

/// Turns tokens into principals.
pub struct Verifier {
    keys: Arc<KeyRing>,
    view: Arc<View>,
    store: SharedStore,
    cache: PrincipalCache,
    common: Common,
    guesses: Guesses,
    /// What it did.
    pub counts: VerifierCounts,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Verifier(..)")
    }
}

impl Verifier {
    /// A verifier with an empty cache of at most so many bytes.
    #[must_use]
    pub fn new(keys: Arc<KeyRing>, view: Arc<View>, store: SharedStore, capacity: u64) -> Self {
        let (cache, common, guesses) = (PrincipalCache::new(capacity), Common::default(), Guesses::default());
        Self { keys, view, store, cache, common, guesses, counts: VerifierCounts::default() }
    }

    /// What a token of ours says, if it is one and has not expired. Asks nobody whether it still means anything.
    ///
    /// # Errors
    /// The cheap reasons come first: shape, key, expiry; the signature last.
    pub fn verify(&self, token: &str, issuer: &Issuer, now: Timestamp) -> Result<Claims, Refusal> {
        self.verified(token, issuer, Some(now)).map(|(claims, _)| claims)
    }

    /// What a token of ours says, whether or not it has expired: a clock that is behind this one's may not say so yet.
    ///
    /// # Errors
    /// As [`Self::verify`], but for expiry.
    pub fn signed(&self, token: &str, issuer: &Issuer) -> Result<Claims, Refusal> {
        self.verified(token, issuer, None).map(|(claims, _)| claims)
    }

    /// The same, with the header segment that names the key. Without a time nothing has expired.
    fn verified(&self, token: &str, issuer: &Issuer, now: Option<Timestamp>) -> Result<(Claims, Arc<str>), Refusal> {
        if token.len() > MAX_TOKEN {
            return Err(Refusal::Malformed);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(Refusal::Malformed)?;
        self.keys
            .with_verifier(header, |signed, key| {
                let claims = read_claims(payload)?;
                if claims.iss != issuer.as_str() {
                    return Err(Refusal::Foreign);
                }
                if now.is_some_and(|now| claims.exp <= now.seconds()) {
                    return Err(Refusal::Expired);
                }
                self.counts.signatures.fetch_add(1, Ordering::Relaxed);
                match jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key.key, Algorithm::ES256) {
                    Ok(true) => Ok((claims, Arc::clone(signed))),
                    Ok(false) | Err(_) => Err(Refusal::Signature),
                }
            })
            .unwrap_or(Err(Refusal::Foreign))
    }

    /// Who a token speaks for, from memory when nothing has changed since the last time.
    ///
    /// # Errors
    /// [`Rejected::Refused`] when the token is worth nothing, [`Rejected::Fault`] when nobody knows.
    pub async fn principal(&self, token: &str, config: &Config, now: Timestamp) -> Result<Arc<Principal>, Rejected> {
        let digest = Digest::of(token);
        let keys = self.keys.generation();
        // A token of a key that is gone is worth nothing, however well known it is; and an API key is no token.
        let is_token = |p: &Arc<Principal>| p.keys == keys && p.presented == Presented::AccessToken;
        let Some(known) = self.cache.find(&digest).filter(is_token) else {
            self.counts.misses.fetch_add(1, Ordering::Relaxed);
            let (claims, signed) = self.verified(token, &config.issuer, Some(now))?;
            let signature = Signature { keys, signed: Some(signed) };
            return self.keep(digest, self.resolve(claims, config, now, signature).await, now);
        };
        if known.is_expired(now) {
            self.cache.forget(&digest);
            return Err(Rejected::Refused { refusal: Refusal::Expired, claims: Some(Box::new(known.claims.clone())) });
        }
        if known.is_current(config, now) {
            self.counts.hits.fetch_add(1, Ordering::Relaxed);
            return Ok(known);
        }
        self.counts.misses.fetch_add(1, Ordering::Relaxed);
        let signature = Signature { keys, signed: known.signed.clone() };
        let resolved = self.resolve(known.claims.clone(), config, now, signature).await;
        if resolved.is_err() {
            self.cache.forget(&digest);
        }
        self.keep(digest, resolved, now)
    }

    /// Who an API key speaks for, from memory when nothing has changed since the last time. Keys that are none are counted by the
    /// network of `from`; without it they are not.
    ///
    /// # Errors
    /// As [`Verifier::principal`], and [`Rejected::Guessing`].
    pub async fn api_key(
        &self,
        hash: &HashedToken,
        from: Option<IpAddr>,
        config: &Config,
        now: Timestamp,
    ) -> Result<Arc<Principal>, Rejected> {
        if let Some(known) = self.known_key(hash, config, now) {
            return Ok(known);
        }
        let digest = Digest::of_key(hash);
        self.counts.misses.fetch_add(1, Ordering::Relaxed);
        if self.guesses.is_none(&digest) {
            return Err(Refusal::KeyUnknown.into());
        }
        if self.guesses.are_used_up(from) {
            return Err(Rejected::Guessing { wait: WINDOW });
        }
        let resolved = self.resolve_key(hash, config, now).await;
        if matches!(resolved, Err(Rejected::Refused { refusal: Refusal::KeyUnknown, .. })) {
            self.guesses.note(digest, from);
        }
        self.keep(digest, resolved, now)
    }

    /// Who an API key speaks for, when that is in memory and nothing has changed since. Asks nobody.
    #[must_use]
    pub fn known_key(&self, hash: &HashedToken, config: &Config, now: Timestamp) -> Option<Arc<Principal>> {
        let digest = Digest::of_key(hash);
        let known = self.cache.find(&digest)?;
        if known.is_current(config, now) {
            self.counts.hits.fetch_add(1, Ordering::Relaxed);
            return Some(known);
        }
        self.cache.forget(&digest);
        None
    }

    /// Whether everything that a principal was computed from is still as it was, and its token still one of ours.
    #[must_use]
    pub fn is_current(&self, who: &Principal, config: &Config, now: Timestamp) -> bool {
        self.has_key_of(who) && who.is_current(config, now)
    }

    /// Whether the key that signed a principal's token still verifies; also where there is no token.
    #[must_use]
    pub fn has_key_of(&self, who: &Principal) -> bool {
        who.presented != Presented::AccessToken || who.keys == self.keys.generation() || self.keys_with(who).is_some()
    }

    /// The set of keys in which the key is that signed a principal's token.
    fn keys_with(&self, who: &Principal) -> Option<u64> {
        who.signed.as_deref().and_then(|header| self.keys.generation_with(header))
    }

    /// Who a principal is now that something behind it has changed.
    ///
    /// # Errors
    /// As [`Verifier::principal`].
    pub async fn again(&self, before: &Principal, config: &Config, now: Timestamp) -> Result<Arc<Principal>, Rejected> {
        if before.is_expired(now) {
            return Err(Refusal::Expired.into());
        }
        let found = match &before.presented {
            Presented::ApiKey(hash) => self.resolve_key(hash, config, now).await,
            // What its key has signed is worth nothing once the key is gone: the store need not be asked.
            Presented::AccessToken => match self.keys_with(before) {
                Some(keys) => {
                    let signature = Signature { keys, signed: before.signed.clone() };
                    self.resolve(before.claims.clone(), config, now, signature).await
                }
                None => Err(Refusal::Foreign.into()),
            },
        };
        self.counts.again.fetch_add(1, Ordering::Relaxed);
        found
    }

    /// The same for several, in their order: the store is asked twice for all their tokens together, and for each API key.
    ///
    /// # Errors
    /// When the store fails: then nobody knows of any of them.
    pub async fn all_again(
        &self,
        before: &[Arc<Principal>],
        config: &Config,
        now: Timestamp,
    ) -> Result<Vec<Result<Arc<Principal>, Rejected>>, StoreError> {
        // Counters before facts, as for one: what a key depends on is as known as with a token, and never changes.
        let watches: Vec<_> = before.iter().map(|p| self.watch(&p.claims)).collect();
        let tokens = || before.iter().filter(|p| p.presented == Presented::AccessToken);
        let grants: Vec<_> = tokens().map(|p| p.claims.grant.clone()).collect();
        let ids: Vec<_> = tokens().map(|p| p.claims.jti.as_str()).collect();
        let (facts, revoked) = if grants.is_empty() {
            (Vec::new(), HashSet::new())
        } else {
            (self.store.facts_of_grants(&grants).await?, self.store.access_tokens_revoked(&ids).await?)
        };
        let facts: HashMap<_, _> = facts.into_iter().map(|facts| (facts.grant.id.clone(), facts)).collect();
        let of_keys = self.facts_of_keys(before).await?;
        let again = before.iter().zip(watches).map(|(before, watch)| {
            self.counts.again.fetch_add(1, Ordering::Relaxed);
            if before.is_expired(now) {
                return Err(Refusal::Expired.into());
            }
            match &before.presented {
                Presented::ApiKey(hash) => self.judge_key(hash, of_keys.get(&before.claims.jti).cloned(), config, now, watch),
                Presented::AccessToken => {
                    let Some(keys) = self.keys_with(before) else { return Err(Refusal::Foreign.into()) };
                    let read = (facts.get(&before.claims.grant).cloned(), revoked.contains(&before.claims.jti));
                    let signature = Signature { keys, signed: before.signed.clone() };
                    self.judge(before.claims.clone(), read, config, now, (watch, signature))
                }
            }
        });
        Ok(again.collect())
    }

    /// What the API keys among these depend on, by their ids.
    async fn facts_of_keys(&self, of: &[Arc<Principal>]) -> Result<HashMap<String, ApiKeyFacts>, StoreError> {
        let keys = of.iter().filter(|p| matches!(p.presented, Presented::ApiKey(_)));
        let ids: Vec<_> = keys.filter_map(|p| ApiKeyId::parse(&p.claims.jti).ok()).collect();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let facts = self.store.facts_of_api_keys(&ids).await?;
        Ok(facts.into_iter().map(|facts| (facts.key.id.to_string(), facts)).collect())
    }

    /// Who a token with these claims would speak for, had we issued it.
    ///
    /// # Errors
    /// As [`Verifier::principal`].
    pub async fn suppose(&self, claims: Claims, config: &Config, now: Timestamp) -> Result<Arc<Principal>, Rejected> {
        let signature = Signature { keys: self.keys.generation(), signed: None };
        self.resolve(claims, config, now, signature).await
    }

    /// Who the API key with this hash speaks for, of which nobody has shown the value.
    ///
    /// # Errors
    /// As [`Verifier::principal`].
    pub async fn suppose_key(&self, hash: &HashedToken, config: &Config, now: Timestamp) -> Result<Arc<Principal>, Rejected> {
        self.resolve_key(hash, config, now).await
    }

    fn keep(
        &self,
        digest: Digest,
        resolved: Result<Arc<Principal>, Rejected>,
        now: Timestamp,
    ) -> Result<Arc<Principal>, Rejected> {
        let principal = resolved?;
        self.cache.keep(digest, Arc::clone(&principal), now);
        Ok(principal)
    }

    async fn resolve(
        &self,
        claims: Claims,
        config: &Config,
        now: Timestamp,
        signature: Signature,
    ) -> Result<Arc<Principal>, Rejected> {
        // Counters before facts: a change that commits between the two is then seen as a change.
        let watch = self.watch(&claims);
        let facts = self.store.grant_facts(&claims.grant).await?;
        let revoked = self.store.access_token_revoked(&claims.jti).await?;
        self.judge(claims, (facts, revoked), config, now, (watch, signature))
    }

    /// The counters of everything that a token depends on.
    fn watch(&self, claims: &Claims) -> Watch<5> {
        self.view.watch([
            Subject::Grant { id: claims.grant.clone() },
            Subject::Client { id: claims.client_id.clone() },
            Subject::User { id: claims.sub.clone() },
            Subject::Org { id: claims.org.clone() },
            Subject::Membership { org: claims.org.clone(), user: claims.sub.clone() },
        ])
    }

    /// Who a token speaks for, by what the store knows of its grant and of itself.
    fn judge(
        &self,
        claims: Claims,
        (facts, revoked): (Option<GrantFacts>, bool),
        config: &Config,
        now: Timestamp,
        (watch, signature): (Watch<5>, Signature),
    ) -> Result<Arc<Principal>, Rejected> {
        let verdict = match &facts {
            None => Err(Refusal::GrantRevoked),
            Some(_) if revoked => Err(Refusal::TokenRevoked),
            Some(f) if f.grant.user != claims.sub || f.grant.org != claims.org || f.grant.client != claims.client_id => {
                Err(Refusal::Foreign)
            }
            Some(f) => standing(config, f, now),
        };
        let facts = match (verdict, facts) {
            (Ok(()), Some(facts)) => facts,
            (Err(refusal), _) => return Err(Rejected::Refused { refusal, claims: Some(Box::new(claims)) }),
            (Ok(()), None) => return Err(Refusal::GrantRevoked.into()),
        };
        let effective = effective(config, &facts, &claims.scope, now);
        let narrowing = narrowing(config, &facts);
        let holds_until = facts.grant.expires_at.into_iter().chain(facts.approvals.next_end(now)).min();
        let (people, presented) = ((facts.user, facts.org, facts.client), Presented::AccessToken);
        Ok(self.principal_of(config, Found { claims, people, effective, narrowing, presented, holds_until, watch, signature }))
    }

    async fn resolve_key(&self, hash: &HashedToken, config: &Config, now: Timestamp) -> Result<Arc<Principal>, Rejected> {
        self.counts.keys.fetch_add(1, Ordering::Relaxed);
        // Whom to watch is known from the key; then it is read again, so that a change in between is not missed.
        let Some(found) = self.store.api_key_facts(hash).await? else { return Err(Refusal::KeyUnknown.into()) };
        let key = &found.key;
        let watch = self.view.watch([
            Subject::Client { id: key.client.clone() },
            Subject::Org { id: key.org.clone() },
            Subject::Grant { id: key.grant.clone() },
            Subject::User { id: key.user.clone() },
            Subject::Membership { org: key.org.clone(), user: key.user.clone() },
        ]);
        let facts = self.store.api_key_facts(hash).await?;
        self.judge_key(hash, facts, config, now, watch)
    }

    /// Who a key speaks for, by what the store knows of it.
    fn judge_key(
        &self,
        hash: &HashedToken,
        facts: Option<ApiKeyFacts>,
        config: &Config,
        now: Timestamp,
        watch: Watch<5>,
    ) -> Result<Arc<Principal>, Rejected> {
        let Some(facts) = facts else { return Err(Refusal::KeyUnknown.into()) };
        let claims = claims_of_key(&facts.key, &config.issuer);
        if let Err(refusal) = standing_of_key(&facts, now) {
            return Err(Rejected::Refused { refusal, claims: Some(Box::new(claims)) });
        }
        let effective = effective_of_key(config, &facts, now);
        let (narrowing, holds_until) = (Narrowing::default(), facts.approvals.next_end(now));
        let (people, presented) = ((facts.user, facts.org, facts.client), Presented::ApiKey(*hash));
        let signature = Signature { keys: self.keys.generation(), signed: None };
        Ok(self.principal_of(config, Found { claims, people, effective, narrowing, presented, holds_until, watch, signature }))
    }

    /// A principal that shares what it can with those before.
    fn principal_of(&self, config: &Config, found: Found) -> Arc<Principal> {
        let Found { mut claims, people: (user, org, client), effective, narrowing, presented, holds_until, watch, signature } =
            found;
        let Signature { keys, signed } = signature;
        let generation = config.generation;
        let held = self.common.scopes(config.catalogue.scopes(&effective.now));
        let fingerprint = Fingerprint::of(&claims, (&user, &org, &client), &held);
        let Shared { user, org, client, weight } = self.common.people(user, org, client);
        adopt(&mut claims.sub, &user.id);
        adopt(&mut claims.org, &org.id);
        adopt(&mut claims.client_id, &client.id);
        claims.scope = self.common.scopes(claims.scope);
        claims.aud = self.common.audience(claims.aud);
        let own = claims.iss.len() + claims.jti.len() + claims.grant.as_str().len();
        Arc::new(Principal {
            held,
            effective: self.common.effective(effective),
            weight: u32::try_from(size_of::<Principal>() + KEEPING + own + weight).unwrap_or(u32::MAX),
            claims,
            user,
            org,
            client,
            narrowing,
            presented,
            holds_until,
            watch,
            generation,
            keys,
            signed,
            fingerprint,
        })
    }
}

/// What a principal is computed from.
struct Found {
    claims: Claims,
    people: (User, Org, Client),
    effective: Effective,
    narrowing: Narrowing,
    presented: Presented,
    holds_until: Option<Timestamp>,
    watch: Watch<5>,
    signature: Signature,
}

/// What the signature of a token was checked with.
struct Signature {
    /// The set of keys.
    keys: u64,
    /// The header segment that names the key; `None` where there is no signature.
    signed: Option<Arc<str>>,
}

/// Takes the shared one where it is the same.
fn adopt<T: Clone + PartialEq>(own: &mut T, shared: &T) {
    if own == shared {
        own.clone_from(shared);
    }
}

/// What a key would say if it were a token: its id stands for `jti`, and it never ends by itself.
fn claims_of_key(key: &ApiKey, issuer: &Issuer) -> Claims {
    let everywhere = || ResourceId::parse(issuer.as_str()).into_iter().collect();
    Claims {
        iss: issuer.to_string(),
        sub: key.user.clone(),
        aud: if key.resources.is_empty() { everywhere() } else { key.resources.as_slice().into() },
        exp: i64::MAX,
        iat: key.created_at.seconds(),
        jti: key.id.to_string(),
        client_id: key.client.clone(),
        scope: key.scopes.clone(),
        org: key.org.clone(),
        grant: key.grant.clone(),
    }
}

/// Whether the value of an `Authorization` header says that it is ours, true or not: what a client got from this gateway must not
/// reach anybody else, also when it is worth nothing any more.
#[must_use]
pub fn looks_ours(authorization: &str, issuer: &Issuer) -> bool {
    #[derive(serde::Deserialize)]
    struct Said {
        iss: String,
    }
    let says_so = |payload: &str| {
        let json = URL_SAFE_NO_PAD.decode(payload).ok()?;
        serde_json::from_slice::<Said>(&json).ok().map(|said| said.iss == issuer.as_str())
    };
    let (scheme, credential) = authorization.split_once(' ').unwrap_or(("", authorization));
    if scheme.eq_ignore_ascii_case("basic") {
        let pair = STANDARD.decode(credential.trim()).unwrap_or_default();
        return pair.windows(OUR_PREFIX.len()).any(|w| w == OUR_PREFIX.as_bytes());
    }
    let payload = credential.split('.').nth(1);
    credential.trim().starts_with(OUR_PREFIX) || payload.and_then(says_so).unwrap_or(false)
}

pub(super) fn read_claims(payload: &str) -> Result<Claims, Refusal> {
    let json = URL_SAFE_NO_PAD.decode(payload).map_err(|_| Refusal::Malformed)?;
    serde_json::from_slice(&json).map_err(|_| Refusal::Malformed)
}
