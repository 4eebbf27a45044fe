//! Connections that are upgraded (WebSocket), and a race in pingora that would close them.
//!
//! pingora does two things side by side: it sends the end of the request's empty body, and it reads the answer. If it reads the
//! `101` first, it takes the end of the body, which it has not sent yet, for the end of the upgraded connection, and closes
//! that. An upstream on the same host answers fast enough for this. So the first reads after a write answer "not yet"
//! ([`HELD`]), and pingora sends what it still has to send before it sees the answer.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use pingora::upstreams::peer::{HttpPeer, HttpUpstreamRequestPolicy};
use pingora::{Error, ErrorType, Result};
use pingora_core::connectors::L4Connect;
use pingora_core::protocols::l4::socket::SocketAddr;
use pingora_core::protocols::l4::stream::Stream;
use pingora_core::protocols::l4::virt::{VirtualSockOpt, VirtualSocket, VirtualSocketStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::coop::has_budget_remaining;

/// Reads after a write that say "not yet". pingora polls the half that hands over the end of the body and the half that sends it
/// in any order: in the turn of the first read it is handed over at the latest, in that of the second it is sent.
const HELD: u8 = 2;

/// Lets the connection to a peer change its protocol.
pub fn allow(peer: &mut HttpPeer) {
    peer.options.http_upstream_request_policy = HttpUpstreamRequestPolicy::standard();
    peer.options.custom_l4 = Some(Arc::new(Unhurried));
    // Connections that hurry are pooled under the other key.
    peer.group_key = !peer.group_key;
}

/// Connects as pingora does by itself.
#[derive(Debug)]
struct Unhurried;

#[async_trait]
impl L4Connect for Unhurried {
    async fn connect(&self, addr: &SocketAddr) -> Result<Stream> {
        let SocketAddr::Inet(addr) = addr else {
            return Error::e_explain(ErrorType::ConnectError, "an upstream is reached over TCP");
        };
        let stream = TcpStream::connect(addr).await.map_err(|error| {
            let kind = match error.kind() {
                io::ErrorKind::ConnectionRefused => ErrorType::ConnectRefused,
                io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => ErrorType::ConnectNoRoute,
                _ => ErrorType::ConnectError,
            };
            Error::because(kind, "connecting for an upgrade", error).into_up()
        })?;
        Ok(Stream::from(VirtualSocketStream::new(Box::new(Socket { stream, held: 0 }))))
    }
}

#[derive(Debug)]
struct Socket {
    stream: TcpStream,
    /// Reads that still say "not yet".
    held: u8,
}

impl VirtualSocket for Socket {
    fn set_socket_option(&self, option: VirtualSockOpt) -> io::Result<()> {
        match option {
            VirtualSockOpt::NoDelay => self.stream.set_nodelay(true),
            _ => Ok(()),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.held > 0 {
            // In a turn that is used up nothing is handed over or sent, so that its reads don't count.
            if has_budget_remaining() {
                self.held -= 1;
            }
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.held = HELD;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
