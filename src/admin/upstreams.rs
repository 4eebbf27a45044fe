//! What the node knows about its upstreams.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::AdminState;
use super::openapi::Refusals;

/// Says how the upstreams are.
pub trait Upstreams: Send + Sync {
    /// Every upstream of the configuration, by name.
    fn all(&self) -> Vec<UpstreamView>;
}

/// An upstream as this node sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct UpstreamView {
    /// Its name.
    pub name: String,
    /// Requests under way.
    pub in_flight: u32,
    /// Requests that wait for a place.
    pub waiting: u32,
    /// Requests that were sent again.
    pub retries: u64,
    /// Requests that were not sent again because the budget was used up.
    pub refused_retries: u64,
    /// Whether requests may connect.
    pub circuit: CircuitCondition,
    /// Until when none may, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub circuit_open_until: Option<String>,
    /// Requests that were refused because no connection could be had for a while.
    pub short_circuited: u64,
    /// Its endpoints, in the order of the configuration.
    pub endpoints: Vec<EndpointView>,
}

/// An endpoint as this node sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct EndpointView {
    /// Where it is.
    pub url: String,
    /// Its weight.
    pub weight: u32,
    /// Whether it is asked.
    pub condition: EndpointCondition,
    /// Until when it is left out, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ejected_until: Option<String>,
    /// How much of its weight it gets at the moment: little after it came back.
    pub share_percent: u32,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// Those of them that could not be reached or failed requests, and are left to the others for a while.
    pub left_out: Vec<String>,
    /// Requests that it answered.
    pub answered: u64,
    /// Requests that it failed.
    pub failed: u64,
    /// How often it, or an address of its name, was ejected.
    pub ejections: u64,
    /// Requests under way.
    pub in_flight: u32,
    /// Open connections.
    pub connections: i64,
}

/// Whether an endpoint is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndpointCondition {
    /// It is.
    Up,
    /// Its health check fails.
    Unhealthy,
    /// It failed requests and is left out for a while.
    Ejected,
}

/// Whether requests may connect to an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CircuitCondition {
    /// They may.
    Closed,
    /// No connection could be had, and they may not for a while.
    Open,
    /// One at a time may, to find out whether the upstream can be reached again.
    HalfOpen,
}

/// The upstreams as this node sees them; other nodes have their own view.
#[utoipa::path(
    get, path = "/admin/v1/upstreams", tag = "node",
    responses((status = 200, description = "Done", body = Vec<UpstreamView>), Refusals)
)]
pub(super) async fn list_upstreams(State(state): State<AdminState>) -> Json<Vec<UpstreamView>> {
    Json(state.upstreams.all())
}
