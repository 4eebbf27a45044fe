//! The metrics, `tollgate_*`. Labels are bounded: APIs, routes, decisions, reasons, status classes; never a path, user, client or
//! organization.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use prometheus::core::Collector;
use prometheus::{
    Encoder as _, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use crate::types::{ApiName, RouteId};

/// Buckets for what takes microseconds to seconds.
const SECONDS: [f64; 14] =
    [0.000_01, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0];

/// Every metric of one node, in a registry of its own.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    rate_limited: IntCounterVec,
    gate: HistogramVec,
    upstream: HistogramVec,
    routes: ArcSwap<HashMap<(ApiName, RouteId), Arc<RouteMetrics>>>,
    /// Tokens by how they were answered (`hit`, `miss`).
    pub token_cache: IntCounterVec,
    /// Signatures checked.
    pub signature_checks: IntCounter,
    /// Grants issued.
    pub grants_issued: IntCounter,
    /// Grants revoked.
    pub grants_revoked: IntCounter,
    /// From a revocation's commit until no node serves from before it.
    pub revocation_seconds: Histogram,
    /// 1 once the store was seen to have lost changes that this node had applied.
    pub feed_forked: IntGauge,
    /// Device authorization by what happened.
    pub devices: IntCounterVec,
    /// Journal: records waiting to be shipped.
    pub audit_depth: IntGauge,
    /// Journal: lines written.
    pub audit_written: IntCounter,
    /// Journal: time to make lines safe.
    pub audit_fsync: Histogram,
    /// Journal: records lost. Must stay 0.
    pub audit_lost: IntCounter,
    /// Journal: lines that could not be read back.
    pub audit_corrupt: IntCounter,
    /// Journal: refused writes.
    pub audit_refused: IntCounter,
    /// Age of the oldest record that is not in the store yet, seconds.
    pub audit_lag: IntGauge,
    /// Calls whose outcome nobody saw.
    pub audit_unknown: IntCounter,
    /// Batches of records that the store did not take; each is tried again.
    pub audit_retried: IntCounter,
    /// Records that the store refuses for good.
    pub audit_set_aside: IntCounter,
    /// Batches of the log that this node sealed.
    pub audit_batches: IntCounter,
    /// Records that wait to be sealed, by any node.
    pub audit_unsealed: IntGauge,
    /// For how long the oldest of them has waited, seconds.
    pub audit_unsealed_age: IntGauge,
    /// Store operations that failed.
    pub store_errors: IntCounter,
    /// Time of a store probe.
    pub store_seconds: Histogram,
    /// Upstream health by upstream: 1 when its last connection or check succeeded.
    pub upstream_up: IntGaugeVec,
    /// Whether an endpoint is asked: 1, or 0 while its check fails or it is left out.
    pub endpoint_up: IntGaugeVec,
    /// Requests under way by endpoint.
    pub endpoint_in_flight: IntGaugeVec,
    /// Open connections by endpoint.
    pub endpoint_connections: IntGaugeVec,
    /// Requests that endpoints answered or failed, by outcome.
    pub endpoint_requests: IntCounterVec,
    /// gRPC calls that endpoints of an upstream ended, by code.
    pub upstream_calls: IntCounterVec,
    /// How often endpoints were ejected.
    pub endpoint_ejections: IntCounterVec,
    /// Whether requests to an upstream are refused because no connection could be had: 1 while they are.
    pub upstream_circuit_open: IntGaugeVec,
    /// Requests that were refused so.
    pub upstream_circuit_refused: IntCounterVec,
    /// Requests that wait for a place at an upstream.
    pub upstream_waiting: IntGaugeVec,
    /// Failed requests by upstream and whether the budget let them be sent again.
    pub upstream_retries: IntCounterVec,
    /// Seconds until certificates expire, by side and file; below 0 once they have.
    pub certificate_expiry: IntGaugeVec,
    /// Readings of changed certificates by outcome.
    pub certificate_reloads: IntCounterVec,
    /// Configuration reloads by outcome.
    pub reloads: IntCounterVec,
    /// 1 while the configuration's files are not what is in force, because they were refused.
    pub config_stale: IntGauge,
    /// Records that hooks were not told of when it was their turn, because they could not be read here.
    pub hook_records_skipped: IntCounter,
    /// Records that no hook was told of, because they could not be read.
    pub hook_records_unread: IntCounter,
    /// Steps of the housekeeping that failed, by step.
    pub housekeeping_failures: IntCounterVec,
    /// Attempts to tell hooks, by hook and outcome.
    pub hook_deliveries: IntCounterVec,
    /// Assertions signed for upstreams, by API.
    pub assertions: IntCounterVec,
    /// Tokens asked for at authorization servers of upstreams, by API and outcome.
    pub exchanges: IntCounterVec,
    /// What was dealt with in request heads and may point to an attack, by signal.
    pub signals: IntCounterVec,
    /// Requests under way that a revocation ended.
    pub streams_cut: IntCounter,
    /// Requests under way on the public listener.
    pub in_flight: IntGauge,
    /// Requests that wait for a place.
    pub waiting: IntGauge,
    /// Bytes of bodies that are held.
    pub buffer_bytes: IntGauge,
    /// How often there was no memory for a body.
    pub buffer_refused: IntCounter,
    /// How often that was because its owner held its share.
    pub buffer_share_refused: IntCounter,
    /// Requests that were shed, by reason.
    pub shed: IntCounterVec,
    /// What the node does not keep up with, by signal.
    pub strained: IntGaugeVec,
    /// Connections closed before anything was spent on them, by reason.
    pub connections_refused: IntCounterVec,
    /// TLS handshakes that waited for their turn.
    pub handshakes_delayed: IntCounter,
    /// Requests over HTTP/2 that were malformed, and reset before anybody could look at them.
    pub streams_malformed: IntCounter,
    /// Connections ended because they flooded.
    pub connections_thrown_out: IntCounter,
    /// Handlers that panicked.
    pub panics: IntCounter,
}

/// The metrics of one route, looked up once.
#[derive(Debug)]
pub struct RouteMetrics {
    allowed: [IntCounter; 6],
    gate: Histogram,
    upstream: Histogram,
}

impl RouteMetrics {
    /// An allowed request has ended with `status` (0 when nothing was written).
    pub fn ended(&self, status: u16, gate: Duration, upstream: Option<Duration>) {
        self.allowed[usize::from(status / 100).min(5)].inc();
        self.gate.observe(gate.as_secs_f64());
        if let Some(upstream) = upstream {
            self.upstream.observe(upstream.as_secs_f64());
        }
    }
}

struct Build<'r>(&'r Registry);

impl Build<'_> {
    fn keep<C: Collector + Clone + 'static>(&self, made: prometheus::Result<C>) -> C {
        let metric = made.expect("names and labels of metrics are constants");
        self.0.register(Box::new(metric.clone())).expect("each metric is registered once");
        metric
    }

    fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.keep(IntCounter::new(name, help))
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        self.keep(IntCounterVec::new(Opts::new(name, help), labels))
    }

    fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.keep(IntGauge::new(name, help))
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.keep(IntGaugeVec::new(Opts::new(name, help), labels))
    }

    fn histogram(&self, name: &str, help: &str) -> Histogram {
        self.keep(Histogram::with_opts(HistogramOpts::new(name, help).buckets(SECONDS.to_vec())))
    }

    fn histograms(&self, name: &str, help: &str, labels: &[&str]) -> HistogramVec {
        self.keep(HistogramVec::new(HistogramOpts::new(name, help).buckets(SECONDS.to_vec()), labels))
    }
}

impl Default for Metrics {
    #[expect(clippy::too_many_lines, reason = "a list of all there are")]
    fn default() -> Self {
        let registry = Registry::new();
        let b = Build(&registry);
        let info = b.keep(IntGaugeVec::new(Opts::new("tollgate_build_info", "The running build"), &["version"]));
        info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let route = &["api", "route"];
        let (of_upstream, endpoint) = (&["upstream"], &["upstream", "endpoint"]);
        Self {
            requests: b.counters(
                "tollgate_requests_total",
                "Requests that ended, by decision and outcome",
                &["api", "route", "decision", "reason", "status_class"],
            ),
            rate_limited: b.counters(
                "tollgate_rate_limited_total",
                "Requests over a rate, by what the rate counts",
                &["api", "route", "per"],
            ),
            gate: b.histograms("tollgate_gate_seconds", "Time that the gate took before forwarding", route),
            upstream: b.histograms("tollgate_upstream_seconds", "From forwarding to the first byte of the answer", route),
            routes: ArcSwap::default(),
            token_cache: b.counters("tollgate_token_cache_total", "Token look-ups by result", &["result"]),
            signature_checks: b.counter("tollgate_signature_checks_total", "Token signatures checked"),
            grants_issued: b.counter("tollgate_grants_issued_total", "Grants issued by consent"),
            grants_revoked: b.counter("tollgate_grants_revoked_total", "Grants revoked through this node"),
            devices: b.counters("tollgate_device_authorizations_total", "Device authorization by what happened", &["outcome"]),
            revocation_seconds: b
                .histogram("tollgate_revocation_seconds", "From a change's commit until no node serves from before it"),
            feed_forked: b.gauge("tollgate_feed_forked", "1 once the store has lost changes that were applied here"),
            audit_depth: b.gauge("tollgate_audit_queue_depth", "Journal records not in the store yet"),
            audit_written: b.counter("tollgate_audit_written_total", "Journal lines written"),
            audit_fsync: b.histogram("tollgate_audit_fsync_seconds", "Time of a group commit"),
            audit_lost: b.counter("tollgate_audit_records_lost_total", "Audit records lost; must stay 0"),
            audit_corrupt: b.counter("tollgate_audit_corrupt_lines_total", "Journal lines that could not be read back"),
            audit_refused: b
                .counter("tollgate_audit_refused_writes_total", "Journal writes that failed; their requests were refused"),
            audit_lag: b.gauge("tollgate_audit_lag_seconds", "Age of the oldest journal record that is not in the store yet"),
            audit_retried: b.counter("tollgate_audit_retried_batches_total", "Batches the store did not take; tried again"),
            audit_set_aside: b.counter("tollgate_audit_set_aside_total", "Records the store refuses; they stay in the journal"),
            audit_unknown: b.counter("tollgate_audit_outcome_unknown_total", "Calls whose outcome a crash hid"),
            audit_batches: b.counter("tollgate_audit_batches_total", "Batches of the audit log that were sealed"),
            audit_unsealed: b.gauge("tollgate_audit_unsealed_records", "Records that wait to be sealed"),
            audit_unsealed_age: b.gauge("tollgate_audit_unsealed_age_seconds", "How long the oldest of them has waited"),
            store_errors: b.counter("tollgate_store_errors_total", "Store probes that failed"),
            store_seconds: b.histogram("tollgate_store_seconds", "Time of a store probe"),
            upstream_up: b.gauges(
                "tollgate_upstream_up",
                "Whether the upstream's last connection or health check succeeded",
                of_upstream,
            ),
            endpoint_up: b.gauges(
                "tollgate_upstream_endpoint_up",
                "Whether the endpoint is asked: its check does not fail and it is not ejected",
                endpoint,
            ),
            endpoint_in_flight: b.gauges("tollgate_upstream_in_flight", "Requests under way at the endpoint", endpoint),
            endpoint_connections: b.gauges("tollgate_upstream_connections", "Open connections to the endpoint", endpoint),
            upstream_calls: b.counters(
                "tollgate_upstream_calls_total",
                "gRPC calls that the upstream ended, by the code of their status",
                &["upstream", "code"],
            ),
            endpoint_requests: b.counters(
                "tollgate_upstream_requests_total",
                "Requests that the endpoint answered or failed",
                &["upstream", "endpoint", "outcome"],
            ),
            endpoint_ejections: b.counters(
                "tollgate_upstream_ejections_total",
                "How often the endpoint, or an address of its name, was ejected",
                endpoint,
            ),
            upstream_circuit_open: b.gauges(
                "tollgate_upstream_circuit_open",
                "1 while it is not asked, as no connection could be had",
                of_upstream,
            ),
            upstream_circuit_refused: b.counters(
                "tollgate_upstream_circuit_refused_total",
                "Requests refused while it was not asked",
                of_upstream,
            ),
            upstream_waiting: b.gauges("tollgate_upstream_waiting", "Requests that wait for a place", of_upstream),
            upstream_retries: b.counters(
                "tollgate_upstream_retries_total",
                "Failed requests that could be sent again, by whether the budget allowed it",
                &["upstream", "outcome"],
            ),
            certificate_expiry: b.gauges("tollgate_certificate_expiry_seconds", "Seconds until it expires", &["side", "file"]),
            certificate_reloads: b.counters(
                "tollgate_certificate_reloads_total",
                "Readings of changed certificates of the listener by outcome",
                &["outcome"],
            ),
            reloads: b.counters("tollgate_config_reloads_total", "Configuration reloads by outcome", &["outcome"]),
            config_stale: b.gauge("tollgate_config_stale", "Whether the configuration's files were refused and are not in force"),
            hook_records_skipped: b.counter(
                "tollgate_hook_records_skipped_total",
                "Records that could not be read when it was their turn, and were left to a node that can",
            ),
            hook_records_unread: b.counter(
                "tollgate_hook_records_unread_total",
                "Records that no hook was told of, because they could not be read",
            ),
            housekeeping_failures: b.counters(
                "tollgate_housekeeping_failures_total",
                "Steps of the housekeeping that failed, and are tried again",
                &["step"],
            ),
            hook_deliveries: b.counters(
                "tollgate_hook_deliveries_total",
                "Attempts to tell hooks of security events, by outcome",
                &["hook", "outcome"],
            ),
            assertions: b.counters("tollgate_identity_assertions_total", "Assertions signed for upstreams", &["api"]),
            exchanges: b.counters(
                "tollgate_identity_exchanges_total",
                "Tokens asked for at the authorization servers of upstreams, by outcome",
                &["api", "outcome"],
            ),
            signals: b.counters("tollgate_hygiene_signals_total", "Spoofed or misplaced things removed from heads", &["signal"]),
            streams_cut: b.counter("tollgate_streams_cut_total", "Requests under way that a revocation or an expiry ended"),
            in_flight: b.gauge("tollgate_requests_in_flight", "Requests under way on the public listener"),
            waiting: b.gauge("tollgate_requests_waiting", "Requests that wait for a place"),
            buffer_bytes: b.gauge("tollgate_buffer_bytes", "Bytes of bodies that are held as a whole"),
            buffer_refused: b.counter("tollgate_buffer_refused_total", "How often there was no memory for a body"),
            buffer_share_refused: b
                .counter("tollgate_buffer_share_refused_total", "How often an organization or address held its share"),
            shed: b.counters("tollgate_requests_shed_total", "Requests refused because there was too much to do", &["reason"]),
            strained: b.gauges("tollgate_strained", "1 while requests are shed for this signal", &["signal"]),
            connections_refused: b.counters(
                "tollgate_connections_refused_total",
                "Connections closed before anything was spent on them",
                &["reason"],
            ),
            handshakes_delayed: b
                .counter("tollgate_handshakes_delayed_total", "TLS handshakes that waited because their address begins many"),
            streams_malformed: b
                .counter("tollgate_streams_malformed_total", "Requests over HTTP/2 that were malformed, and reset"),
            connections_thrown_out: b.counter("tollgate_connections_thrown_out_total", "Connections ended because they flooded"),
            panics: b.counter("tollgate_panics_total", "Requests whose handler panicked"),
            registry,
        }
    }
}

impl Metrics {
    /// The metrics of a route.
    #[must_use]
    pub fn route(&self, api: &ApiName, route: &RouteId) -> Arc<RouteMetrics> {
        let key = (api.clone(), route.clone());
        if let Some(known) = self.routes.load().get(&key) {
            return Arc::clone(known);
        }
        let (api, route) = (api.as_str(), route.as_str());
        let class = |class: &str| self.requests.with_label_values(&[api, route, "allowed", "", class]);
        let made = Arc::new(RouteMetrics {
            allowed: ["none", "1xx", "2xx", "3xx", "4xx", "5xx"].map(class),
            gate: self.gate.with_label_values(&[api, route]),
            upstream: self.upstream.with_label_values(&[api, route]),
        });
        self.routes.rcu(|routes| {
            let mut routes = HashMap::clone(routes);
            routes.insert(key.clone(), Arc::clone(&made));
            routes
        });
        made
    }

    /// The metrics of requests to a route that shadow mode let pass, and that enforcement would have refused for `reason`.
    #[must_use]
    pub fn waived(&self, api: &str, route: &str, reason: &str) -> Arc<RouteMetrics> {
        self.decided((api, route), "would_deny", reason)
    }

    /// The metrics of requests to a route that were refused for `reason` on their way.
    #[must_use]
    pub fn stopped(&self, api: &str, route: &str, reason: &str) -> Arc<RouteMetrics> {
        self.decided((api, route), "denied", reason)
    }

    fn decided(&self, (api, route): (&str, &str), decision: &str, reason: &str) -> Arc<RouteMetrics> {
        let class = |class: &str| self.requests.with_label_values(&[api, route, decision, reason, class]);
        Arc::new(RouteMetrics {
            allowed: ["none", "1xx", "2xx", "3xx", "4xx", "5xx"].map(class),
            gate: self.gate.with_label_values(&[api, route]),
            upstream: self.upstream.with_label_values(&[api, route]),
        })
    }

    /// A request was refused.
    pub fn refused(&self, api: &str, route: &str, reason: &str, status: u16) {
        let class = format!("{}xx", status / 100);
        self.requests.with_label_values(&[api, route, "denied", reason, &class]).inc();
    }

    /// A request was over a rate that counts `per`.
    pub fn rate_limited(&self, api: &str, route: &str, per: &str) {
        self.rate_limited.with_label_values(&[api, route, per]).inc();
    }

    /// Everything in Prometheus' text format.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = Vec::new();
        // Encoding metrics of our own registry into memory has nothing that could fail; an empty page would say so.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut out);
        String::from_utf8(out).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_nodes_in_one_process_do_not_collide() {
        let (a, b) = (Metrics::default(), Metrics::default());
        let api = ApiName::parse("prometheus").expect("a name");
        let route = RouteId::parse("prom.query").expect("a name");
        a.route(&api, &route).ended(200, Duration::from_micros(20), None);
        a.refused("prometheus", "prom.query", "no_token", 401);
        assert!(a.text().contains(r#"tollgate_requests_total{api="prometheus",decision="allowed",reason="",route="prom.query",status_class="2xx"} 1"#), "{}", a.text());
        assert!(a.text().contains(r#"decision="denied",reason="no_token""#));
        assert!(!b.text().contains("prom.query"));
    }
}
