//! HTTP/2 clients that wait for a stream to begin. Many requests share one connection, so the connection can't be closed to end
//! the waiting of one of them; here reading from that one client can be ended, and it is then answered that nothing comes.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::Stream;
use http::header::TE;
use http::{HeaderMap, Version};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::Session;
use pingora::{Error, ErrorType, Result};
use pingora_core::protocols::Digest;
use pingora_core::protocols::http::custom::CustomMessageWrite;
use pingora_core::protocols::http::custom::server::Session as Custom;
use pingora_core::protocols::http::v2::server::HttpSession;
use pingora_core::protocols::http::{HttpTask, ServerSession};
use pingora_core::protocols::l4::socket::SocketAddr;

use crate::gateway::streams::HangUp;

/// Whether a request came over HTTP/2. pingora's own answer is that of the session, which [`wait`] changes.
pub(super) fn is_http2(session: &Session) -> bool {
    session.req_header().version == Version::HTTP_2
}

/// Lets what is read of this HTTP/2 client be ended by `hang_up`. Over HTTP/1.1 the connection is the client's alone, and its stream
/// does that; here all are read from one. Nothing else is another than before.
pub(super) fn wait(session: &mut Session, hang_up: &Arc<HangUp>) {
    let place = &mut *session.downstream_session;
    // The unit is pingora's placeholder: nobody sees it.
    *place = match std::mem::replace(place, ServerSession::new_custom(Box::new(()))) {
        ServerSession::H2(client) => ServerSession::new_custom(Box::new(Waiting { client, hang_up: Arc::clone(hang_up) })),
        other => other,
    };
}

/// Keeps `TE: trailers`, which is no field of one hop alone over HTTP/2 (RFC 9113 §8.2.2): pingora takes it off for sessions that are
/// not its own, and servers of gRPC may want it.
pub(super) fn keep_te(session: &Session, head: &mut RequestHeader) -> Result<()> {
    let waits = session.as_downstream().is_custom() && head.version == Version::HTTP_2;
    match session.req_header().headers.get(TE).filter(|te| waits && te.as_bytes() == b"trailers") {
        Some(te) => head.insert_header(TE, te.clone()),
        None => Ok(()),
    }
}

/// One HTTP/2 request that can be read no more and still be answered.
struct Waiting {
    client: HttpSession,
    hang_up: Arc<HangUp>,
}

#[async_trait]
impl Custom for Waiting {
    fn req_header(&self) -> &RequestHeader {
        self.client.req_header()
    }

    fn req_header_mut(&mut self) -> &mut RequestHeader {
        self.client.req_header_mut()
    }

    async fn read_body_bytes(&mut self) -> Result<Option<Bytes>> {
        self.client.read_body_bytes().await
    }

    async fn drain_request_body(&mut self) -> Result<()> {
        self.client.drain_request_body().await
    }

    async fn write_response_header(&mut self, head: Box<ResponseHeader>, end: bool) -> Result<()> {
        self.client.write_response_header(head, end)
    }

    async fn write_response_header_ref(&mut self, head: &ResponseHeader, end: bool) -> Result<()> {
        self.client.write_response_header_ref(head, end)
    }

    async fn write_body(&mut self, data: Bytes, end: bool) -> Result<()> {
        self.client.write_body(data, end).await
    }

    async fn write_trailers(&mut self, trailers: HeaderMap) -> Result<()> {
        self.client.write_trailers(trailers)
    }

    async fn response_duplex_vec(&mut self, tasks: Vec<HttpTask>) -> Result<bool> {
        self.client.response_duplex_vec(tasks).await
    }

    /// HTTP/2 has none.
    fn set_read_timeout(&mut self, _: Option<Duration>) {}

    fn get_read_timeout(&self) -> Option<Duration> {
        None
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) {
        self.client.set_write_timeout(timeout);
    }

    fn get_write_timeout(&self) -> Option<Duration> {
        self.client.get_write_timeout()
    }

    fn set_total_drain_timeout(&mut self, timeout: Option<Duration>) {
        self.client.set_total_drain_timeout(timeout);
    }

    fn get_total_drain_timeout(&self) -> Option<Duration> {
        self.client.get_total_drain_timeout()
    }

    fn request_summary(&self) -> String {
        self.client.request_summary()
    }

    fn response_written(&self) -> Option<&ResponseHeader> {
        self.client.response_written()
    }

    async fn shutdown(&mut self, _: u32, _: &str) {
        self.client.shutdown();
    }

    fn is_body_done(&mut self) -> bool {
        self.client.is_body_done()
    }

    async fn finish(&mut self) -> Result<()> {
        self.client.finish()
    }

    fn is_body_empty(&mut self) -> bool {
        self.client.is_body_empty()
    }

    /// The one thing that is different: pingora waits here for the client while it waits for the upstream.
    async fn read_body_or_idle(&mut self, no_body_expected: bool) -> Result<Option<Bytes>> {
        let Self { client, hang_up } = self;
        let mut reading = pin!(client.read_body_or_idle(no_body_expected));
        std::future::poll_fn(|cx| match reading.as_mut().poll(cx) {
            Poll::Pending if hang_up.wait(cx) => Poll::Ready(Error::e_explain(ErrorType::ReadTimedout, "read no more")),
            polled => polled,
        })
        .await
    }

    fn body_bytes_sent(&self) -> usize {
        self.client.body_bytes_sent()
    }

    fn body_bytes_read(&self) -> usize {
        self.client.body_bytes_read()
    }

    fn digest(&self) -> Option<&Digest> {
        self.client.digest()
    }

    fn digest_mut(&mut self) -> Option<&mut Digest> {
        self.client.digest_mut()
    }

    fn client_addr(&self) -> Option<&SocketAddr> {
        self.client.client_addr()
    }

    fn server_addr(&self) -> Option<&SocketAddr> {
        self.client.server_addr()
    }

    fn pseudo_raw_h1_request_header(&self) -> Bytes {
        self.client.pseudo_raw_h1_request_header()
    }

    fn enable_retry_buffering(&mut self) {
        self.client.enable_retry_buffering();
    }

    fn retry_buffer_truncated(&self) -> bool {
        self.client.retry_buffer_truncated()
    }

    fn get_retry_buffer(&self) -> Option<Bytes> {
        self.client.get_retry_buffer()
    }

    async fn finish_custom(&mut self) -> Result<()> {
        Ok(())
    }

    fn take_custom_message_reader(&mut self) -> Option<Box<dyn Stream<Item = Result<Bytes>> + Unpin + Send + Sync + 'static>> {
        None
    }

    fn restore_custom_message_reader(
        &mut self,
        _: Box<dyn Stream<Item = Result<Bytes>> + Unpin + Send + Sync + 'static>,
    ) -> Result<()> {
        Ok(())
    }

    fn take_custom_message_writer(&mut self) -> Option<Box<dyn CustomMessageWrite>> {
        None
    }

    fn restore_custom_message_writer(&mut self, _: Box<dyn CustomMessageWrite>) -> Result<()> {
        Ok(())
    }
}
