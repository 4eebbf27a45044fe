//! Ends requests under way whose permission has gone.
//!
//! A revocation is acknowledged when this node has applied it, or once the lease of a node that can't has run out. So two tasks
//! look at what is under way: one that never asks the store, and ends what nobody can vouch for; and one that asks who calls now,
//! for what a change or another configuration has made doubtful.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::gateway::denial::Denial;
use crate::gateway::streams::{OpenStream, OpenStreams, Picked};
use crate::gateway::terms::Terms;
use crate::node::Node;
use crate::store::StoreError;
use crate::token::{Presented, Principal, Refusal, Rejected};

/// How often everything under way is looked at, whether or not anything has changed.
const SWEEP: Duration = Duration::from_secs(1);
/// How often it is asked whether this node still learns of revocations, and whether another configuration is in force.
const LOOK: Duration = Duration::from_millis(100);
/// Reads of callers under way at one time: others need the store as well.
const ABREAST: usize = 4;
/// Tokens and API keys whose callers are read in one go: a change to an organization makes as many doubtful as it has streams.
const AT_ONCE: usize = 64;
/// How long reading callers again may take: as long as anything holds that nobody vouches for.
const PATIENCE: Duration = Duration::from_secs(1);

/// Ends what has ended by itself, and everything while this node can't know of changes. Waits for nobody: the store may hang.
pub(super) async fn lease(node: Arc<Node>, streams: Arc<OpenStreams>, stop: CancellationToken) {
    let (mut swept, mut was_lost) = (Instant::now(), false);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        let lost = !node.view.is_fresh();
        // What ends before the next look is no stream.
        let stale = lost && was_lost;
        was_lost = lost;
        if !stale && swept.elapsed() < SWEEP {
            continue;
        }
        swept = Instant::now();
        let now = node.now();
        let is_over = |stream: &OpenStream| {
            let has_ended = |p: &Arc<Principal>| stale || p.is_expired(now);
            let is_refused = stream.terms().bound && stream.principal().is_some_and(has_ended);
            !stream.cut.is_ending() && (is_refused || stream.terms().lack_certificate(&stream.came))
        };
        for picked in streams.pick(is_over) {
            let stream = &picked.stream;
            let why = match stream.principal() {
                Some(who) if stream.terms().bound && who.is_expired(now) => worthless(who, Refusal::Expired),
                Some(_) if stream.terms().bound && stale => Denial::Stale,
                Some(_) | None => Denial::Certificate,
            };
            end(&node, stream, why);
        }
    }
}

/// Asks again about what a change or another configuration has made doubtful, each caller once. Those whom a change names come
/// first, and are ended as soon as they are known to be refused.
pub(super) async fn changes(node: Arc<Node>, streams: Arc<OpenStreams>, stop: CancellationToken) {
    let mut applied = node.view.applied();
    let (mut swept, mut generation) = (Instant::now(), node.config.load().generation);
    let (mut waiting, mut asked) = (Vec::<Call>::new(), FuturesUnordered::new());
    // Tokens that are being asked about.
    let mut under_way = HashSet::new();
    loop {
        while asked.len() < ABREAST && !waiting.is_empty() {
            let calls = next(&mut waiting, |call| is_alone(&node, call));
            under_way.extend(calls.iter().map(|call| call.token.clone()));
            asked.push(ask(&node, calls));
        }
        tokio::select! {
            () = stop.cancelled() => return,
            changed = applied.changed() => if changed.is_err() { return },
            Some(answered) = asked.next() => {
                let mut stale = HashSet::new();
                for (call, found) in answered {
                    under_way.remove(&call.token);
                    judge(&node, &streams, &call, &found);
                    if let Again::Known(who) = &found.who
                        && !node.verifier.is_current(who, &node.config.load(), node.now())
                    {
                        stale.insert(call.token);
                    }
                }
                // What has changed since is asked about again at once: it was left out while this was under way.
                if !stale.is_empty() {
                    waiting.extend(doubtful(&node, &streams, &under_way).into_iter().filter(|other| stale.contains(&other.token)));
                }
                continue;
            }
            () = tokio::time::sleep(LOOK) => {
                if node.config.load().generation == generation && swept.elapsed() < SWEEP {
                    continue;
                }
            }
        }
        (swept, generation) = (Instant::now(), node.config.load().generation);
        waiting = doubtful(&node, &streams, &under_way);
    }
}

/// Requests under way with one token.
struct Call {
    token: String,
    who: Arc<Principal>,
    streams: Vec<Picked>,
}

/// Who calls with a token now.
enum Again {
    /// Somebody.
    Known(Arc<Principal>),
    /// The token is worth nothing.
    Refused(Refusal),
    /// Nobody can say.
    Unknown,
}

/// Who calls with a token now, and under which configuration.
struct Found {
    who: Again,
    config: Arc<Config>,
}

/// What has to be asked about, by token; those whom a change names, and those whose key is gone, at the end. What is under way is
/// left out. Where nobody has to be known another configuration is asked at once.
fn doubtful(node: &Node, streams: &OpenStreams, under_way: &HashSet<String>) -> Vec<Call> {
    let (config, now) = (node.config.load_full(), node.now());
    // A stream may be newer than the configuration that was just read: it is not asked about under one that has gone.
    let is_doubtful = |stream: &OpenStream| {
        let has_changed = |p: &Arc<Principal>| !node.verifier.is_current(p, &config, now);
        let is_unsure = stream.terms().bound && stream.principal().is_some_and(has_changed);
        !stream.cut.is_ending() && (is_unsure || stream.terms().generation < config.generation)
    };
    let mut calls = HashMap::<String, Call>::new();
    for picked in streams.pick(is_doubtful) {
        let stream = &picked.stream;
        let bound = stream.terms().binds(&config, &stream.came);
        let Some(who) = stream.principal().filter(|_| bound).cloned() else {
            match Terms::under(&config, &stream.permit, &stream.came, None) {
                Some(terms) => streams.renew(&picked, terms, None),
                None => end(node, stream, Denial::Changed),
            }
            continue;
        };
        if !under_way.contains(&who.claims.jti) {
            let token = who.claims.jti.clone();
            let call = calls.entry(token.clone()).or_insert_with(|| Call { token, who, streams: Vec::new() });
            call.streams.push(picked);
        }
    }
    let mut calls: Vec<_> = calls.into_values().collect();
    calls.sort_by_key(|call| !(call.who.is_unchanged(now) && node.verifier.has_key_of(&call.who)));
    calls
}

/// Whether a call is asked about by itself: of a token whose key is gone nobody needs to ask the store, which may not answer.
fn is_alone(node: &Node, call: &Call) -> bool {
    !node.verifier.has_key_of(&call.who)
}

/// Takes those from the end that are asked about together, or one that is asked about `alone`.
fn next<T>(waiting: &mut Vec<T>, alone: impl Fn(&T) -> bool) -> Vec<T> {
    let together = waiting.iter().rev().take(AT_ONCE).take_while(|one| !alone(one)).count();
    waiting.split_off(waiting.len().saturating_sub(together.max(1)))
}

/// Asks who calls now. A store that doesn't answer is one that nobody can ask.
async fn ask(node: &Node, calls: Vec<Call>) -> Vec<(Call, Found)> {
    let config = node.config.load_full();
    let mut known = tokio::time::timeout(PATIENCE, again(node, &calls, &config)).await.unwrap_or_default().into_iter();
    let is_fresh = node.view.is_fresh();
    let found = |call: Call| {
        let who = match known.next() {
            Some(Ok(who)) if is_fresh => Again::Known(who),
            Some(Err(Rejected::Refused { refusal, .. })) => Again::Refused(refusal),
            Some(Ok(_) | Err(Rejected::Guessing { .. } | Rejected::Fault(_))) | None => Again::Unknown,
        };
        (call, Found { who, config: Arc::clone(&config) })
    };
    calls.into_iter().map(found).collect()
}

/// Who calls now, in the order of the calls; nobody where the store fails. What can't be read of one is no reason to know nothing of the
/// others.
async fn again(node: &Node, calls: &[Call], config: &Config) -> Vec<Result<Arc<Principal>, Rejected>> {
    let (verifier, now) = (&node.verifier, node.now());
    if let [call] = calls {
        return vec![verifier.again(&call.who, config, now).await];
    }
    let before: Vec<_> = calls.iter().map(|call| Arc::clone(&call.who)).collect();
    match verifier.all_again(&before, config, now).await {
        Ok(found) => found,
        Err(StoreError::Inconsistent { .. }) => join_all(before.iter().map(|who| verifier.again(who, config, now))).await,
        Err(_) => Vec::new(),
    }
}

/// Ends the requests of a call that are not allowed any more, and keeps what was found with the others.
fn judge(node: &Node, streams: &OpenStreams, call: &Call, found: &Found) {
    let now = node.now();
    for picked in &call.streams {
        let stream = &picked.stream;
        let who = match &found.who {
            Again::Known(who) => who,
            // Nothing was taken away, or this node would know: only the configuration is another. It is asked about at the next
            // look.
            Again::Unknown if stream.principal().is_some_and(|p| p.is_unchanged(now)) => continue,
            // What may have been revoked must not go on.
            Again::Unknown => {
                let why = if node.view.is_fresh() { Denial::Store } else { Denial::Stale };
                end(node, stream, why);
                continue;
            }
            Again::Refused(refusal) => {
                end(node, stream, worthless(&call.who, *refusal));
                continue;
            }
        };
        match terms_of(stream, &found.config, who) {
            Err(why) => end(node, stream, why),
            // Lists that its client was told of may have changed.
            Ok(_) if stream.listens && !stream.permit.shows_alike(&found.config, &stream.config, who) => stream.cut.end(),
            Ok(terms) => streams.renew(picked, terms, Some(who)),
        }
    }
}

/// What holds for a request under `config`, where it may go on; otherwise why not, as far as one can say it of a request that was let
/// through by other rules.
fn terms_of(stream: &OpenStream, config: &Config, who: &Principal) -> Result<Terms, Denial> {
    if config.generation == stream.config.generation {
        stream.permit.check_again(who)?;
    } else if !stream.permit.holds_under(config, &stream.config, who) {
        return Err(Denial::Changed);
    }
    if stream.terms().generation == config.generation {
        return Ok(stream.terms());
    }
    Terms::under(config, &stream.permit, &stream.came, Some(who)).ok_or(Denial::Changed)
}

/// The refusal of what a caller presented, which is worth nothing any more.
fn worthless(who: &Principal, refusal: Refusal) -> Denial {
    match who.presented {
        Presented::ApiKey(_) => Denial::Key(refusal),
        Presented::AccessToken => Denial::Token(refusal),
    }
}

fn end(node: &Node, stream: &OpenStream, why: Denial) {
    if !stream.cut.is_ending() {
        stream.cut.refuse(why);
        node.metrics.streams_cut.inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_can_be_is_asked_about_together_in_order() {
        let is_alone = |one: &u32| *one >= 1_000;
        let mut waiting: Vec<u32> = (0..100).collect();
        waiting.extend([1_000, 1_001, 100, 101]);
        let mut taken = Vec::new();
        while !waiting.is_empty() {
            taken.push(next(&mut waiting, is_alone));
        }
        let few: Vec<_> = taken.iter().map(Vec::len).collect();
        assert_eq!(few, [2, 1, 1, AT_ONCE, 100 - AT_ONCE]);
        assert_eq!((&taken[0][..], &taken[1][..], taken[3][0]), (&[100, 101][..], &[1_001][..], 36));
    }
}
