//! The sockets beside the public one: where the admin API answers, and where proxies ask for decisions.
//!
//! Whoever reaches them is trusted more than strangers are, and may still hang: a head that does not come ends its connection,
//! connections are counted, and a stop waits for nobody for long.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::connect_info::IntoMakeServiceWithConnectInfo;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Sleep, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower::Service as _;

use super::BootError;

/// How long the next head of a connection may take to come, whole. Proxies keep connections for a while.
const HEAD: Duration = Duration::from_secs(75);
/// Connections at one time; others wait until there is room.
const MOST: usize = 1_024;
/// From a connection that could not be had, of descriptors that are missing mostly, to the next.
const PAUSE: Duration = Duration::from_millis(100);

/// What a connection over HTTP/2 begins with (RFC 9113 §3.4). Until it is whole, or something else came, nobody knows which version
/// is spoken, and no limit of either holds.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Until when a socket is served.
#[derive(Clone)]
pub(super) struct Until {
    /// Nobody else connects.
    pub(super) stop: CancellationToken,
    /// What is under way is cut.
    pub(super) hurry: CancellationToken,
    /// How long what is under way may go on after the stop.
    pub(super) grace: Duration,
}

type Make = IntoMakeServiceWithConnectInfo<axum::Router, SocketAddr>;

/// Answers at a socket until it is told to stop; what is under way may end then.
pub(super) fn serve(
    socket: TcpListener,
    router: axum::Router,
    until: Until,
    tasks: &mut Vec<JoinHandle<()>>,
) -> Result<SocketAddr, BootError> {
    let serve = || {
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        Ok((tokio::net::TcpListener::from_std(socket)?, address))
    };
    let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
    let (socket, address) = serve().map_err(|source: std::io::Error| BootError::Listen { address: unknown, source })?;
    tasks.push(tokio::spawn(answer(socket, router.into_make_service_with_connect_info(), until)));
    Ok(address)
}

async fn answer(socket: tokio::net::TcpListener, mut make: Make, until: Until) {
    let (places, graceful, mut serving) = (Arc::new(Semaphore::new(MOST)), GracefulShutdown::new(), JoinSet::new());
    loop {
        let accepted = tokio::select! {
            biased;
            () = until.stop.cancelled() => break,
            Some(_) = serving.join_next() => continue,
            accepted = accept(&socket, &places) => accepted,
        };
        let Some((stream, peer, place)) = accepted else { continue };
        // Making a service of a router can't fail; so the type says.
        let Ok(service) = make.call(peer).await;
        let mut http = Builder::new(TokioExecutor::new());
        http.http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
        http.http2().timer(TokioTimer::new());
        let connection = http.serve_connection(TokioIo::new(Begins::new(stream)), TowerToHyperService::new(service)).into_owned();
        let connection = graceful.watch(connection);
        serving.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error, "a connection beside the public listener ended");
            }
            drop(place);
        });
    }
    // Nobody else connects.
    drop(socket);
    let ended = tokio::select! {
        ended = timeout(until.grace, graceful.shutdown()) => ended.is_ok(),
        () = until.hurry.cancelled() => serving.is_empty(),
    };
    if !ended {
        tracing::warn!(connections = serving.len(), "connections beside the public listener did not end in time, and are cut");
    }
    serving.shutdown().await;
}

/// The next connection, once there is room for it. `None` when it can't be had.
async fn accept(
    socket: &tokio::net::TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match socket.accept().await {
        Ok((stream, peer)) => {
            // Answers are small: none waits for what comes behind it.
            let _ = stream.set_nodelay(true);
            Some((stream, peer, place))
        }
        Err(error) => {
            tracing::warn!(%error, "no connection can be had beside the public listener");
            sleep(PAUSE).await;
            None
        }
    }
}

/// A connection whose first bytes, which say what it speaks, have to come within the time of a head.
struct Begins<S> {
    stream: S,
    /// How much of the preface has come, and when that is late; `None` once it is known what is spoken.
    awaited: Option<(usize, Pin<Box<Sleep>>)>,
}

impl<S> Begins<S> {
    fn new(stream: S) -> Self {
        Self { stream, awaited: Some((0, Box::pin(sleep(HEAD)))) }
    }

    /// Takes note of what came.
    fn note(&mut self, came: &[u8]) {
        let Some((seen, _)) = &mut self.awaited else { return };
        let rest = &PREFACE[*seen..];
        *seen += came.len().min(rest.len());
        let is_whole = came.len() >= rest.len();
        if came.is_empty() || is_whole || !rest.starts_with(came) {
            self.awaited = None;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Begins<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        match (&mut self.awaited, &read) {
            (Some((_, late)), Poll::Pending) => {
                ready!(late.as_mut().poll(cx));
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            (Some(_), Poll::Ready(Ok(()))) => self.note(&buffer.filled()[before..]),
            (None, _) | (_, Poll::Ready(Err(_))) => {}
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Begins<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, all: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, all)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::Instant;

    use super::*;

    /// The clock stands still but for what is waited for: who waits in vain sees how long.
    #[tokio::test(start_paused = true)]
    async fn a_connection_that_does_not_say_what_it_speaks_ends() {
        for sent in [&b""[..], b"P", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r"] {
            let (mut client, stream) = tokio::io::duplex(1024);
            let (mut begins, start) = (Begins::new(stream), Instant::now());
            client.write_all(sent).await.expect("room");
            let mut read = Vec::new();
            let ended = timeout(HEAD * 2, begins.read_to_end(&mut read)).await.expect("an end");
            assert_eq!(ended.expect_err("no preface").kind(), io::ErrorKind::TimedOut, "{sent:?}");
            assert_eq!((read.as_slice(), start.elapsed()), (sent, HEAD), "{sent:?}");
        }
    }

    /// What comes bit by bit has no more time than what does not come.
    #[tokio::test(start_paused = true)]
    async fn every_byte_brings_no_time() {
        let (mut client, stream) = tokio::io::duplex(1024);
        let (mut begins, start) = (Begins::new(stream), Instant::now());
        let sends = async {
            for byte in PREFACE {
                sleep(HEAD / 4).await;
                client.write_all(&[*byte]).await.expect("room");
            }
        };
        let mut read = Vec::new();
        tokio::select! {
            ended = begins.read_to_end(&mut read) => assert_eq!(ended.expect_err("late").kind(), io::ErrorKind::TimedOut),
            () = sends => panic!("the whole preface was waited for"),
        }
        assert_eq!(start.elapsed(), HEAD);
    }

    /// Each version has limits of its own from there.
    #[tokio::test(start_paused = true)]
    async fn a_connection_that_says_what_it_speaks_goes_on() {
        for pieces in [&[PREFACE][..], &[&PREFACE[..5], &PREFACE[5..]], &[b"GET / HTTP/1.1\r\n"], &[b"PRI", b"NT / HTTP/1.1"]] {
            let (mut client, stream) = tokio::io::duplex(1024);
            let (mut begins, mut buffer) = (Begins::new(stream), [0; 64]);
            for piece in pieces {
                client.write_all(piece).await.expect("room");
                assert_eq!(begins.read(&mut buffer).await.expect("bytes"), piece.len());
            }
            assert!(timeout(HEAD * 2, begins.read(&mut buffer)).await.is_err(), "{pieces:?}");
        }
    }
}
