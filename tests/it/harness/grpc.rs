//! A gRPC upstream over HTTP/2 with prior knowledge, that keeps what it receives and behaves as the call's `x-behave` asks; and
//! the client's side of a call.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, Request, Response};
use parking_lot::Mutex;
use pingora_core::tls::TlsAcceptor;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{broadcast, watch};

use super::http2::data;
use super::within;

/// One message with the prefix that it has on the wire.
pub fn frame(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).expect("a short message").to_be_bytes();
    [&[0][..], &length, message].concat().into()
}

/// A call as it came.
#[derive(Clone, Debug)]
pub struct Call {
    pub path: String,
    pub authority: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Call {
    /// The only value of a header.
    pub fn header(&self, name: &str) -> &str {
        let values: Vec<_> = self.headers.get_all(name).iter().collect();
        assert_eq!(values.len(), 1, "{name} once in {:?}", self.headers);
        values[0].to_str().expect("text")
    }
}

#[derive(Default)]
struct Log {
    calls: Vec<Call>,
    reset: Vec<Reason>,
}

struct Shared {
    log: Mutex<Log>,
    changed: watch::Sender<()>,
    messages: broadcast::Sender<Option<Bytes>>,
    failing: Mutex<Option<&'static str>>,
}

impl Shared {
    fn note(&self, change: impl FnOnce(&mut Log)) {
        change(&mut self.log.lock());
        self.changed.send_replace(());
    }
}

/// A running gRPC server.
pub struct Collector {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

impl Collector {
    pub async fn start() -> Self {
        Self::serve(None).await
    }

    /// One that speaks TLS.
    pub async fn start_over(tls: TlsAcceptor) -> Self {
        Self::serve(Some(tls)).await
    }

    async fn serve(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (messages, _) = broadcast::channel(64);
        let shared =
            Arc::new(Shared { log: Mutex::default(), changed: watch::Sender::new(()), messages, failing: Mutex::default() });
        let accept = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, shared) = (tls.clone(), Arc::clone(&accept));
                tokio::spawn(async move {
                    match tls {
                        None => connection(stream, shared).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                connection(stream, shared).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, shared }
    }

    /// Ends every call with this status, whatever it asks for: at its end, or in the head of the answer for `x-behave: at-once`.
    pub fn fail(&self, code: Option<&'static str>) {
        *self.shared.failing.lock() = code;
    }

    pub fn count(&self) -> usize {
        self.shared.log.lock().calls.len()
    }

    /// Waits for the call with this number, counted from one.
    pub async fn called(&self, number: usize) -> Call {
        self.until("a call at the upstream", |log| log.calls.get(number - 1).cloned()).await
    }

    /// Waits until a stream was reset.
    pub async fn reset(&self) -> Reason {
        self.until("a reset at the upstream", |log| log.reset.first().copied()).await
    }

    async fn until<T>(&self, what: &str, done: impl Fn(&Log) -> Option<T>) -> T {
        let mut changed = self.shared.changed.subscribe();
        within(what, async {
            loop {
                if let Some(out) = done(&self.shared.log.lock()) {
                    return out;
                }
                let _ = changed.changed().await;
            }
        })
        .await
    }

    /// Sends a message on every open stream.
    pub fn emit(&self, message: &[u8]) {
        let _ = self.shared.messages.send(Some(frame(message)));
    }
}

async fn connection(stream: impl AsyncRead + AsyncWrite + Unpin, shared: Arc<Shared>) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    while let Some(Ok((request, respond))) = connection.accept().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let _ = answer(request, respond, &shared).await;
        });
    }
}

fn trailers(status: &str, message: &str) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", status.parse().expect("a value"));
    trailers.insert("grpc-message", message.parse().expect("a value"));
    trailers
}

async fn answer(request: Request<RecvStream>, mut respond: SendResponse<Bytes>, shared: &Shared) -> Result<(), h2::Error> {
    let (head, mut body) = request.into_parts();
    let behave = head.headers.get("x-behave").and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let call = Call {
        path: head.uri.path().to_owned(),
        authority: head.uri.authority().map(ToString::to_string).unwrap_or_default(),
        headers: head.headers,
        body: Vec::new(),
    };
    let ok = Response::builder().header("content-type", "application/grpc");
    if behave == "stream" || behave == "echo" {
        let messages = shared.messages.subscribe();
        let send = respond.send_response(ok.body(()).expect("a response"), false)?;
        shared.note(|log| log.calls.push(call));
        return if behave == "stream" { pour(send, messages, shared).await } else { echo(body, send).await };
    }
    if behave == "silent" {
        shared.note(|log| log.calls.push(call));
        let reason = std::future::poll_fn(|cx| respond.poll_reset(cx)).await?;
        shared.note(|log| log.reset.push(reason));
        return Ok(());
    }
    let mut received = Vec::new();
    while let Some(data) = body.data().await {
        let data = data?;
        let _ = body.flow_control().release_capacity(data.len());
        received.extend_from_slice(&data);
    }
    if call.path == "/grpc.health.v1.Health/Check" {
        let status = if shared.failing.lock().is_none() { 1 } else { 2 };
        let mut send = respond.send_response(ok.body(()).expect("a response"), false)?;
        send.send_data(frame(&[8, status]), false)?;
        return send.send_trailers(trailers("0", ""));
    }
    shared.note(|log| log.calls.push(Call { body: received, ..call }));
    let failing = *shared.failing.lock();
    if let Some(code) = failing {
        if behave == "at-once" {
            respond.send_response(ok.header("grpc-status", code).body(()).expect("a response"), true)?;
            return Ok(());
        }
        let mut send = respond.send_response(ok.body(()).expect("a response"), false)?;
        return send.send_trailers(trailers(code, "not now"));
    }
    if behave == "refuse-at-once" {
        let whole = ok.header("grpc-status", "16").header("grpc-message", "who are you").body(()).expect("a response");
        respond.send_response(whole, true)?;
        return Ok(());
    }
    let mut send = respond.send_response(ok.body(()).expect("a response"), false)?;
    match behave.as_str() {
        "refuse" => send.send_trailers(trailers("16", "who are you")),
        "missing" => send.send_trailers(trailers("5", "no such thing")),
        _ => {
            send.send_data(frame(b"done"), false)?;
            send.send_trailers(trailers("0", ""))
        }
    }
}

/// Sends messages until there are no more, or the stream is reset.
async fn pour(
    mut send: SendStream<Bytes>,
    mut messages: broadcast::Receiver<Option<Bytes>>,
    shared: &Shared,
) -> Result<(), h2::Error> {
    loop {
        let message = tokio::select! {
            message = messages.recv() => message.unwrap_or(None),
            reason = std::future::poll_fn(|cx| send.poll_reset(cx)) => {
                let reason = reason?;
                shared.note(|log| log.reset.push(reason));
                return Ok(());
            }
        };
        match message {
            Some(message) => send.send_data(message, false)?,
            None => return send.send_trailers(trailers("0", "")),
        }
    }
}

/// Sends back each piece as it comes.
async fn echo(mut body: RecvStream, mut send: SendStream<Bytes>) -> Result<(), h2::Error> {
    while let Some(data) = body.data().await {
        let data = data?;
        let _ = body.flow_control().release_capacity(data.len());
        send.send_data(data, false)?;
    }
    send.send_trailers(trailers("0", ""))
}

/// The rest of an answer: its body, and the trailers at its end.
pub async fn rest(stream: &mut RecvStream) -> (Vec<u8>, HeaderMap) {
    let mut body = Vec::new();
    while let Some(piece) = data(stream).await {
        body.extend_from_slice(&piece.expect("a whole answer"));
    }
    let trailers = within("the trailers", stream.trailers()).await.expect("a clean end");
    (body, trailers.unwrap_or_default())
}
