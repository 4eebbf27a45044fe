//! What stands around pingora's proxy: the deadlines, and the switch that ends a request.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora::proxy::HttpProxy;
use pingora_core::apps::{HttpServerApp, HttpServerOptions, ReusedHttpStream, ServerApp};
use pingora_core::protocols::Stream;
use pingora_core::protocols::http::ServerSession;
use pingora_core::protocols::http::v2::server::{H2Options, default_h2_options};
use pingora_core::server::ShutdownWatch;

use super::connection::{Connection, Connections};
use super::entrance::{Entrance, peer};
use super::exchange::{CONNECTION, EXCHANGE, Exchange};
use super::front::Front;
use super::http2::Watched;
use super::turns::in_turns;

/// Bytes of an HTTP/2 answer that wait for its client: `h2` takes 400 KiB for each stream, however little is read of it.
const UNSENT: usize = 64 * 1024;

/// Accepts connections, or drops them at once when there are too many, and ends those that ask for nothing.
pub(super) struct Guard {
    app: Arc<Dispatch>,
    entrance: Entrance,
}

impl Guard {
    pub(super) fn new(app: Dispatch, entrance: Entrance) -> Self {
        Self { app: Arc::new(app), entrance }
    }

    fn watched(&self, stream: Stream, from: Option<IpAddr>, connection: &Connection) -> Stream {
        let Entrance { connections, metrics, .. } = self.entrance.clone();
        let Connection { hang_up, rest, begins, .. } = connection;
        let counted = Arc::clone(&metrics);
        let thrown_out = move || {
            metrics.connections_thrown_out.inc();
            connections.floods.note(from);
        };
        let waits = (Arc::clone(hang_up), Arc::clone(rest), Arc::clone(begins));
        Box::new(Watched::new(stream, waits, thrown_out, move || counted.streams_malformed.inc()))
    }
}

#[async_trait]
impl ServerApp for Guard {
    async fn process_new(self: &Arc<Self>, mut stream: Stream, shutdown: &ShutdownWatch) -> Option<Stream> {
        let (apart, _admitted) = match stream.get_ssl_digest() {
            // It was admitted before its handshake, and holds its place itself.
            Some(_) => (self.entrance.apart(peer(&*stream)), None),
            None => {
                let (apart, admitted) = self.entrance.enter(&mut *stream).await?;
                (apart, Some(admitted))
            }
        };
        let open = self.entrance.connections.open(stream.get_socket_digest()?);
        let connection = Arc::clone(&open.connection);
        let stream = self.watched(stream, apart, &connection);
        let serve = in_turns(CONNECTION.scope(Arc::clone(&connection), self.app.process_new(stream, shutdown)));
        tokio::select! {
            biased;
            reusable = serve => reusable,
            () = connection.over() => None,
        }
    }

    async fn cleanup(&self) {
        self.app.cleanup().await;
    }
}

fn http2() -> H2Options {
    let mut options = default_h2_options();
    options.max_send_buffer_size(UNSENT);
    options
}

/// Gives every request its switch before pingora reads its head.
pub(super) struct Dispatch {
    proxy: Arc<HttpProxy<Front>>,
    connections: Arc<Connections>,
    options: HttpServerOptions,
}

impl Dispatch {
    pub(super) fn new(proxy: HttpProxy<Front>, connections: Arc<Connections>, idle: Duration) -> Self {
        let mut options = HttpServerOptions::default();
        options.h2c = true;
        options.h2_idle_timeout = Some(idle);
        Self { proxy: Arc::new(proxy), connections, options }
    }
}

#[async_trait]
impl HttpServerApp for Dispatch {
    async fn process_new_http(self: &Arc<Self>, session: ServerSession, shutdown: &ShutdownWatch) -> Option<ReusedHttpStream> {
        let connection = CONNECTION.try_with(Arc::clone).ok().or_else(|| {
            let socket = session.digest()?.socket_digest.as_ref()?;
            self.connections.of(socket)
        });
        if session.as_http1().is_some()
            && let Some(connection) = &connection
        {
            // Nothing of the request has been read, and nothing of another is left.
            connection.begins.tell();
        }
        let exchange = Arc::new(Exchange { connection, cut: Arc::default(), hang_up: Arc::default() });
        let cut = Arc::clone(&exchange.cut);
        let serve = EXCHANGE.scope(exchange, self.proxy.process_new_http(session, shutdown));
        tokio::select! {
            biased;
            // Of a client that was hung up on nothing more can be read.
            reusable = serve => reusable.filter(|_| cut.finish().is_ok()),
            () = cut.wait() => None,
        }
    }

    fn h2_options(&self) -> Option<H2Options> {
        Some(http2())
    }

    fn server_options(&self) -> Option<&HttpServerOptions> {
        Some(&self.options)
    }

    async fn http_cleanup(&self) {
        self.proxy.http_cleanup().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_waits_in_a_small_buffer() {
        let options = format!("{:?}", http2());
        assert!(options.contains("max_send_buffer_size: 65536"), "{options}");
    }
}
