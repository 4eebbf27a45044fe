//! A pingora application of somebody else's, with the gate in its hooks.

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::{ProxyHttp, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, Result};
use tollgate::plugin::{Gate, Pass};

type Ctx = Option<Pass>;

/// What the application was before: it sends everything to one upstream.
pub struct App {
    /// The gate.
    pub gate: Gate,
    /// The upstream.
    pub upstream: SocketAddr,
}

#[async_trait]
impl ProxyHttp for App {
    type CTX = Ctx;
    fn new_ctx(&self) -> Ctx {
        None
    }
    async fn upstream_peer(&self, _: &mut Session, pass: &mut Ctx) -> Result<Box<HttpPeer>> {
        let mut peer = HttpPeer::new(self.upstream, false, String::new());
        Pass::limit(pass.as_mut(), &mut peer); // of the gate too
        Ok(Box::new(peer))
    }

    // The gate, from here
    async fn request_filter(&self, session: &mut Session, pass: &mut Ctx) -> Result<bool> {
        self.gate.enter(session, pass).await
    }
    async fn upstream_request_filter(&self, _: &mut Session, head: &mut RequestHeader, pass: &mut Ctx) -> Result<()> {
        pass.as_ref().map_or(Ok(()), |pass| pass.prepare(head))
    }
    async fn response_filter(&self, _: &mut Session, head: &mut ResponseHeader, pass: &mut Ctx) -> Result<()> {
        pass.as_mut().map_or(Ok(()), |pass| pass.answer(head))
    }
    fn response_body_filter(&self, _: &mut Session, b: &mut Option<Bytes>, end: bool, ctx: &mut Ctx) -> Result<Option<Duration>> {
        ctx.as_mut().map_or(Ok(None), |pass| pass.piece(b, end).map(|()| None))
    }
    async fn logging(&self, session: &mut Session, error: Option<&Error>, pass: &mut Ctx) {
        Pass::end(pass.take(), session, error);
    }
    // to here.

    // Where bodies need looking at (`Gate::watching_bodies`), this as well
    async fn request_body_filter(&self, _: &mut Session, body: &mut Option<Bytes>, end: bool, pass: &mut Ctx) -> Result<()> {
        pass.as_mut().map_or(Ok(()), |pass| pass.body(body, end))
    }
}
