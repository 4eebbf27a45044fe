//! The decision for proxies: the same as the gate's own, for whoever is believed, with everything on record.

mod bodies;
mod dialects;
mod envoy;
mod trust;

use std::net::SocketAddr;

use crate::harness::http1::{Conn, Request, Response};
use crate::harness::{Gateway, Setup};

const LISTEN: &str = "authorizer = \"127.0.0.1:0\"";
const QUERY: &str = "/prometheus/api/v1/query?query=up";

async fn gateway(policy: &str) -> (Gateway, Conn, Conn) {
    let more =
        format!("[authorizer]\ndialects = [\"nginx\", \"traefik\", \"caddy\", \"envoy_http\", \"envoy_grpc\"]\n{policy}\n");
    let gw = Gateway::start_with(Setup { listen: LISTEN.to_owned(), more, ..Setup::default() }).await;
    let (gate, asks) = (Conn::open(gw.running.public).await, Conn::open(authorizer(&gw)).await);
    (gw, gate, asks)
}

async fn trusting() -> (Gateway, Conn, Conn) {
    gateway("trusted_proxies = [\"127.0.0.1/32\"]\nstrips_headers = true\nuses_target = true").await
}

fn authorizer(gw: &Gateway) -> SocketAddr {
    gw.running.authorizer.expect("an authorizer")
}

/// One original request.
#[derive(Clone)]
struct Row {
    method: &'static str,
    target: &'static str,
    headers: Vec<(&'static str, String)>,
}

fn row(method: &'static str, target: &'static str) -> Row {
    Row { method, target, headers: Vec::new() }
}

impl Row {
    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn bearer(self, token: &str) -> Self {
        self.with("Authorization", &format!("Bearer {token}"))
    }

    fn plus(&self, request: Request) -> Request {
        self.headers.iter().fold(request, |request, (name, value)| request.header(name, value))
    }

    /// To the gate itself.
    fn direct(&self) -> Request {
        self.plus(Request::new(self.method, self.target))
    }

    /// As nginx asks.
    fn nginx(&self) -> Request {
        let asked = Request::get("/auth/nginx").header("X-Original-URI", self.target).header("X-Original-Method", self.method);
        self.plus(asked)
    }

    /// As Traefik (and Caddy) ask: what the client says in these headers is replaced.
    fn forwarded(&self, path: &str) -> Request {
        let asked = Request::get(path).host("tollgate:9902").header("X-Forwarded-Host", "gw.test");
        self.plus(asked.header("X-Forwarded-Uri", self.target).header("X-Forwarded-Method", self.method))
    }

    /// As Envoy asks over HTTP.
    fn envoy(&self) -> Request {
        self.plus(Request::new(self.method, &format!("/auth/envoy{}", self.target)))
    }
}

/// Allowed, or the reason of the refusal.
fn verdict(response: &Response) -> String {
    match response.status {
        200 => "allowed".to_owned(),
        _ => response.header("x-tollgate-reason").unwrap_or("none").to_owned(),
    }
}
