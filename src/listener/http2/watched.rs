//! A connection whose frames are watched as they pass.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_core::protocols::tls::{SslDigest, TlsRef};
use pingora_core::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, Stream, TimingDigest, UniqueID,
    UniqueIDType,
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

use super::allowance::Allowance;
use super::frames::{Frame, Frames, Speaks};
use crate::gateway::streams::HangUp;
use crate::listener::lines::{Begins, Lines};
use crate::listener::rest::{Rest, Resting};

/// Why somebody is thrown out (RFC 9113 §7).
const ENHANCE_YOUR_CALM: u32 = 11;
/// Why a stream is reset whose request nobody but the library has seen.
const PROTOCOL_ERROR: u32 = 1;
const COMPRESSION_ERROR: u32 = 9;

/// A `GOAWAY` that says so; any stream may have been worked on, so that nobody sends one again.
const CALM: [u8; 17] = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 11];

/// Called once, when the connection is thrown out.
type ThrownOut = Box<dyn FnOnce() + Send + Sync>;

/// Called for each request that is malformed.
type Malformed = Box<dyn Fn() + Send + Sync>;

/// What pingora reads and writes, looked at as it passes. What is HTTP/2 isn't changed, and of anything else only the request
/// line is looked at: see [`Lines`].
pub(in crate::listener) struct Watched {
    inner: Stream,
    /// What was looked at and is yet to be read.
    ahead: Bytes,
    speaks: Speaks,
    watch: Watch,
    hang_up: Arc<HangUp>,
    rest: Arc<Rest>,
    resting: Resting,
    lines: Lines,
}

struct Watch {
    received: Frames,
    sent: Frames,
    allowance: Allowance,
    thrown_out: Option<ThrownOut>,
    malformed: Malformed,
}

impl Watched {
    /// Tells when the connection is thrown out, whoever does it, and of each request that is reset as malformed; reads nothing more once `hang_up` is thrown, unless it
    /// speaks HTTP/2, and nothing while it rests.
    pub(in crate::listener) fn new(
        inner: Stream,
        (hang_up, rest, begins): (Arc<HangUp>, Arc<Rest>, Arc<Begins>),
        thrown_out: impl FnOnce() + Send + Sync + 'static,
        malformed: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let watch = Watch {
            received: Frames::default(),
            sent: Frames::default(),
            allowance: Allowance::new(Instant::now()),
            thrown_out: Some(Box::new(thrown_out)),
            malformed: Box::new(malformed),
        };
        let (resting, lines) = (Resting::default(), Lines::new(begins));
        Self { inner, ahead: Bytes::new(), speaks: Speaks::NOTHING, watch, hang_up, rest, resting, lines }
    }

    /// Reads what was looked at, and then what comes.
    fn poll_inner(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() {
            return Pin::new(&mut self.inner).poll_read(cx, buf);
        }
        let fitting = self.ahead.len().min(buf.remaining());
        buf.put_slice(&self.ahead.split_to(fitting));
        Poll::Ready(Ok(()))
    }

    fn received(&mut self, piece: &[u8]) -> io::Result<()> {
        let (speaks, rest) = self.speaks.hear(piece);
        self.speaks = speaks;
        if speaks == Speaks::Http2 { self.watch.received(rest) } else { Ok(()) }
    }

    /// What is sent may come before what is received tells the protocol.
    fn sent<'p>(&mut self, pieces: impl IntoIterator<Item = &'p [u8]>, mut taken: usize) {
        if self.speaks == Speaks::Other {
            return;
        }
        for piece in pieces {
            let piece = &piece[..piece.len().min(taken)];
            taken -= piece.len();
            self.watch.sent(piece);
        }
    }

    /// Tells the other side why, where a frame of ours may begin; there is no second try.
    fn part(&mut self, cx: &mut Context<'_>) {
        if self.watch.sent.is_between() {
            let _ = Pin::new(&mut self.inner).poll_write(cx, &CALM);
            let _ = Pin::new(&mut self.inner).poll_flush(cx);
        }
    }
}

impl Watch {
    fn received(&mut self, piece: &[u8]) -> io::Result<()> {
        let Self { received, allowance, .. } = self;
        let mut within = Ok(());
        received.follow(piece, |frame| {
            if within.is_ok() {
                within = allowance.received(frame, Instant::now);
            }
        });
        within.map_err(|_| {
            self.throw_out();
            io::Error::new(io::ErrorKind::ConnectionAborted, "a flood of frames that say nothing")
        })
    }

    fn sent(&mut self, piece: &[u8]) {
        let Self { sent, allowance, malformed, .. } = self;
        let mut calmed = false;
        sent.follow(piece, |frame| {
            allowance.sent(frame);
            if frame == Frame::Reset(PROTOCOL_ERROR) {
                malformed();
            }
            calmed |= matches!(frame, Frame::Goaway(ENHANCE_YOUR_CALM | COMPRESSION_ERROR));
        });
        if calmed {
            self.throw_out();
        }
    }

    fn throw_out(&mut self) {
        if let Some(tell) = self.thrown_out.take() {
            tell();
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.resting.poll(&this.rest, cx) {
            return Poll::Pending;
        }
        if this.lines.hand_on(buf) {
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        match this.poll_inner(cx, buf) {
            Poll::Ready(read) => read?,
            // Over HTTP/2 each request has its own: see `super::super::waiting`.
            Poll::Pending if this.speaks != Speaks::Http2 && this.hang_up.wait(cx) => {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            Poll::Pending => return Poll::Pending,
        }
        if this.speaks != Speaks::Other {
            let within = this.received(&buf.filled()[before..]);
            if within.is_err() {
                this.part(cx);
                return Poll::Ready(within);
            }
        }
        this.lines.pass(buf, before);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let taken = ready!(Pin::new(&mut this.inner).poll_write(cx, buf))?;
        this.sent([buf], taken);
        Poll::Ready(Ok(taken))
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let taken = ready!(Pin::new(&mut this.inner).poll_write_vectored(cx, bufs))?;
        this.sent(bufs.iter().map(|b| &**b), taken);
        Poll::Ready(Ok(taken))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watched").field("inner", &self.inner).field("speaks", &self.speaks).finish_non_exhaustive()
    }
}

#[async_trait]
impl Shutdown for Watched {
    async fn shutdown(&mut self) {
        self.inner.shutdown().await;
    }
}

#[async_trait]
impl Peek for Watched {
    /// Looks at what comes first, for as long as it may be what a client of HTTP/2 begins with: a request that is none may be shorter
    /// than that, and who sent it waits for an answer. What has not come is zeros.
    async fn try_peek(&mut self, buf: &mut [u8]) -> io::Result<bool> {
        let (mut known, mut speaks) = (0, Speaks::NOTHING);
        while known < buf.len() && matches!(speaks, Speaks::Unknown(_)) {
            let read = self.inner.read(&mut buf[known..]).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            speaks = speaks.hear(&buf[known..known + read]).0;
            known += read;
        }
        self.ahead = Bytes::copy_from_slice(&buf[..known]);
        Ok(true)
    }
}

impl UniqueID for Watched {
    fn id(&self) -> UniqueIDType {
        self.inner.id()
    }
}

impl Ssl for Watched {
    fn get_ssl(&self) -> Option<&TlsRef> {
        self.inner.get_ssl()
    }

    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.inner.get_ssl_digest()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.inner.selected_alpn_proto()
    }
}

impl GetTimingDigest for Watched {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.inner.get_timing_digest()
    }

    fn get_read_pending_time(&self) -> Duration {
        self.inner.get_read_pending_time()
    }

    fn get_write_pending_time(&self) -> Duration {
        self.inner.get_write_pending_time()
    }
}

impl GetProxyDigest for Watched {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.inner.get_proxy_digest()
    }

    fn set_proxy_digest(&mut self, digest: ProxyDigest) {
        self.inner.set_proxy_digest(digest);
    }
}

impl GetSocketDigest for Watched {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.inner.get_socket_digest()
    }

    fn set_socket_digest(&mut self, digest: SocketDigest) {
        self.inner.set_socket_digest(digest);
    }
}
