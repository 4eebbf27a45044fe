//! What a node does about its upstreams by itself: asks endpoints how they are, resolves their names, counts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use pingora_core::connectors::http::Connector;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::admin::{CircuitCondition, EndpointCondition, EndpointView, UpstreamView, Upstreams};
use crate::gateway::prepared::Prepared;
use crate::gateway::upstream::{self, Member, Pool, check};
use crate::node::Node;
use crate::telemetry::Metrics;
use crate::types::{Chain, Timestamp};

/// How often it is looked for what is due.
const TICK: Duration = Duration::from_millis(100);
/// Every how many ticks the counts are carried into the metrics.
const CARRY: u32 = 10;

/// Checks endpoints and resolves names as they are due, until `stop`.
pub(super) async fn tend(node: Arc<Node>, prepared: Arc<ArcSwap<Prepared>>, stop: CancellationToken) {
    let mut tender = Tender {
        node,
        connector: None,
        under_way: JoinSet::new(),
        shown: BTreeSet::new(),
        carried: Carried::default(),
        gone: BTreeSet::new(),
    };
    for tick in 0_u32.. {
        let now = tender.node.now();
        let current = prepared.load_full();
        for pool in current.fleet.pools() {
            tender.tend(pool, now);
        }
        if tick % CARRY == 0 {
            tender.carry(&current, now);
        }
        while tender.under_way.try_join_next().is_some() {}
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

struct Tender {
    node: Arc<Node>,
    /// Made for the first check: it reads the system's certificates.
    connector: Option<Arc<Connector>>,
    under_way: JoinSet<()>,
    /// Endpoints that the metrics show, with their upstreams.
    shown: BTreeSet<(String, String)>,
    carried: Carried,
    /// Upstreams that are gone: the end of what was under way may tell of one once more.
    gone: BTreeSet<String>,
}

impl Tender {
    fn tend(&mut self, pool: &Arc<Pool>, now: Timestamp) {
        let upstream = pool.upstream();
        for (index, member) in pool.members().iter().enumerate() {
            if member.addresses().is_due(upstream.resolve, now) {
                let (member, believed) = (Arc::clone(member), upstream.resolve);
                self.under_way.spawn(async move { member.addresses().refresh(believed, now).await });
            }
            if upstream.health.is_some() && member.check_is_due(&upstream.checks, now) {
                let connector = Arc::clone(self.connector.get_or_insert_with(|| Arc::new(Connector::new(None))));
                self.under_way.spawn(ask(connector, Arc::clone(pool), index, Arc::clone(&self.node)));
            }
        }
    }

    fn carry(&mut self, prepared: &Prepared, now: Timestamp) {
        let metrics = &self.node.metrics;
        let mut shown = BTreeSet::new();
        for pool in prepared.fleet.pools() {
            let upstream = pool.upstream().name.as_str();
            for member in pool.members() {
                let endpoint = member.endpoint.to_string();
                show(metrics, &mut self.carried, (upstream, &endpoint), member, now);
                shown.insert((upstream.to_owned(), endpoint));
            }
            metrics.upstream_waiting.with_label_values(&[upstream]).set(i64::from(pool.places().waiting()));
            let open = pool.circuit(now) != upstream::Circuit::Closed;
            metrics.upstream_circuit_open.with_label_values(&[upstream]).set(i64::from(open));
            let refused = self.carried.more((upstream, WHOLE, "refused by its circuit"), pool.short_circuited());
            metrics.upstream_circuit_refused.with_label_values(&[upstream]).inc_by(refused);
            let (made, refused) = pool.retries();
            for (outcome, total) in [("made", made), ("refused", refused)] {
                let more = self.carried.more((upstream, WHOLE, outcome), total);
                metrics.upstream_retries.with_label_values(&[upstream, outcome]).inc_by(more);
            }
        }
        self.forget(&shown);
        self.shown = shown;
    }

    /// Takes the gauges of what is gone away, and begins to count anew should it come back. Only what was shown is taken away, so
    /// that nothing can fail.
    fn forget(&mut self, shown: &BTreeSet<(String, String)>) {
        let metrics = &self.node.metrics;
        for (upstream, endpoint) in self.shown.difference(shown) {
            for gauges in [&metrics.endpoint_up, &metrics.endpoint_in_flight, &metrics.endpoint_connections] {
                let _ = gauges.remove_label_values(&[upstream, endpoint]);
            }
            self.carried.forget(upstream, endpoint);
            if !shown.iter().any(|(left, _)| left == upstream) {
                for gauges in [&metrics.upstream_waiting, &metrics.upstream_circuit_open] {
                    let _ = gauges.remove_label_values(&[upstream]);
                }
                self.carried.forget(upstream, WHOLE);
                self.gone.insert(upstream.clone());
            }
        }
        self.gone.retain(|upstream| !shown.iter().any(|(left, _)| left == upstream));
        for upstream in &self.gone {
            let _ = metrics.upstream_up.remove_label_values(&[upstream]);
        }
    }
}

/// Stands where an upstream as a whole is counted, and no endpoint of it.
const WHOLE: &str = "";

/// How far totals were carried into the metrics: of an upstream, an endpoint, and what is counted.
#[derive(Debug, Default)]
struct Carried(BTreeMap<(String, String, &'static str), u64>);

impl Carried {
    /// How much a total has grown since the last time. One that begins anew, since its endpoint was away, has grown from nothing.
    fn more(&mut self, (upstream, endpoint, what): (&str, &str, &'static str), total: u64) -> u64 {
        let before = self.0.insert((upstream.to_owned(), endpoint.to_owned(), what), total).unwrap_or(0);
        total.checked_sub(before).unwrap_or(total)
    }

    fn forget(&mut self, upstream: &str, endpoint: &str) {
        self.0.retain(|(u, e, _), _| u != upstream || e != endpoint);
    }
}

fn show(metrics: &Metrics, carried: &mut Carried, (upstream, endpoint): (&str, &str), member: &Member, now: Timestamp) {
    let tally = member.tally();
    let labels = &[upstream, endpoint];
    let up = member.condition(now) == upstream::Condition::Up;
    metrics.endpoint_up.with_label_values(labels).set(i64::from(up));
    metrics.endpoint_in_flight.with_label_values(labels).set(i64::from(tally.in_flight));
    metrics.endpoint_connections.with_label_values(labels).set(tally.connections);
    let ejected = carried.more((upstream, endpoint, "ejected"), tally.ejections);
    metrics.endpoint_ejections.with_label_values(labels).inc_by(ejected);
    for (outcome, total) in [("answered", tally.answered), ("failed", tally.failed)] {
        let more = carried.more((upstream, endpoint, outcome), total);
        metrics.endpoint_requests.with_label_values(&[upstream, endpoint, outcome]).inc_by(more);
    }
}

async fn ask(connector: Arc<Connector>, pool: Arc<Pool>, index: usize, node: Arc<Node>) {
    let (upstream, member) = (pool.upstream(), &pool.members()[index]);
    let checked = check::check(&connector, &pool, index, node.now()).await;
    if checked.is_ok() {
        pool.reached();
    }
    if member.checked(checked.is_ok(), &upstream.checks, node.now()) {
        match &checked {
            Ok(()) => tracing::info!(upstream = %upstream.name, endpoint = %member.endpoint, "an endpoint is well"),
            Err(error) => {
                let error = Chain(error);
                tracing::warn!(upstream = %upstream.name, endpoint = %member.endpoint, %error, "an endpoint is not well");
            }
        }
    }
    let up = pool.members().iter().any(|m| m.condition(node.now()) == upstream::Condition::Up);
    node.metrics.upstream_up.with_label_values(&[&upstream.name]).set(i64::from(up));
}

/// What the admin listener shows of the upstreams.
pub(super) struct Condition {
    node: Arc<Node>,
    prepared: Arc<ArcSwap<Prepared>>,
}

impl Condition {
    pub(super) const fn new(node: Arc<Node>, prepared: Arc<ArcSwap<Prepared>>) -> Self {
        Self { node, prepared }
    }
}

impl Upstreams for Condition {
    fn all(&self) -> Vec<UpstreamView> {
        let now = self.node.now();
        let mut all: Vec<_> = self.prepared.load().fleet.pools().map(|pool| view(pool, now)).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }
}

fn view(pool: &Pool, now: Timestamp) -> UpstreamView {
    let (retries, refused_retries) = pool.retries();
    let endpoints = pool.members().iter().zip(&pool.upstream().endpoints);
    let (circuit, circuit_open_until) = match pool.circuit(now) {
        upstream::Circuit::Closed => (CircuitCondition::Closed, None),
        upstream::Circuit::Open(until) => (CircuitCondition::Open, Some(until.to_string())),
        upstream::Circuit::HalfOpen => (CircuitCondition::HalfOpen, None),
    };
    UpstreamView {
        name: pool.upstream().name.clone(),
        in_flight: pool.places().taken(),
        waiting: pool.places().waiting(),
        retries,
        refused_retries,
        circuit,
        circuit_open_until,
        short_circuited: pool.short_circuited(),
        endpoints: endpoints.map(|(member, endpoint)| endpoint_view(pool, member, endpoint.weight, now)).collect(),
    }
}

fn endpoint_view(pool: &Pool, member: &Member, weight: u32, now: Timestamp) -> EndpointView {
    let tally = member.tally();
    let (condition, ejected_until) = match member.condition(now) {
        upstream::Condition::Up => (EndpointCondition::Up, None),
        upstream::Condition::Unhealthy => (EndpointCondition::Unhealthy, None),
        upstream::Condition::Ejected(until) => (EndpointCondition::Ejected, Some(until.to_string())),
    };
    EndpointView {
        url: member.endpoint.to_string(),
        weight,
        condition,
        ejected_until,
        share_percent: u32::try_from(member.share(pool.upstream().slow_start, now) / 10).unwrap_or(100),
        addresses: member.addresses().known().iter().map(ToString::to_string).collect(),
        left_out: member.addresses().left_out(now).iter().map(ToString::to_string).collect(),
        answered: tally.answered,
        failed: tally.failed,
        ejections: tally.ejections,
        in_flight: tally.in_flight,
        connections: tally.connections,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_that_begins_anew_is_counted_from_nothing() {
        let mut carried = Carried::default();
        let (one, two) = (("u", "http://a.test", "answered"), ("u", "http://b.test", "answered"));
        assert_eq!([carried.more(one, 5), carried.more(one, 8), carried.more(two, 2)], [5, 3, 2]);
        assert_eq!(carried.more(one, 2), 2, "it was away");
        carried.forget("u", "http://a.test");
        assert_eq!([carried.more(one, 7), carried.more(two, 3)], [7, 1]);
    }
}
