//! An HTTP/1 client that sends exactly the bytes that it is given.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::within;

/// A request that is written as it stands.
pub struct Request {
    line: String,
    headers: String,
    body: Vec<u8>,
}

impl Request {
    pub fn new(method: &str, target: &str) -> Self {
        Self { line: format!("{method} {target} HTTP/1.1\r\nHost: gw.test\r\n"), headers: String::new(), body: Vec::new() }
    }

    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        let _ = write!(self.headers, "{name}: {value}\r\n");
        self
    }

    pub fn host(mut self, host: &str) -> Self {
        self.line = self.line.replace("Host: gw.test", &format!("Host: {host}"));
        self
    }

    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// A body whose length is declared.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        let length = self.body.len().to_string();
        self.header("Content-Length", &length)
    }

    /// A body in chunks of at most `size` bytes.
    pub fn chunked(mut self, body: &[u8], size: usize) -> Self {
        for chunk in body.chunks(size) {
            self.body.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            self.body.extend_from_slice(chunk);
            self.body.extend_from_slice(b"\r\n");
        }
        self.body.extend_from_slice(b"0\r\n\r\n");
        self.header("Transfer-Encoding", "chunked")
    }

    pub fn bytes(&self) -> Vec<u8> {
        [self.line.as_bytes(), self.headers.as_bytes(), b"\r\n", &self.body].concat()
    }
}

/// A response as it was written.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    /// The only value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
        let value = found.next().map(|(_, v)| v.as_str());
        assert!(found.next().is_none(), "{name} is there twice: {:?}", self.headers);
        value
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("no JSON ({e}): {} {:?}", self.status, self.text()))
    }

    /// The reason code of a refusal of ours.
    pub fn reason(&self) -> Option<String> {
        let body: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        Some(body.get("reason")?.as_str()?.to_owned())
    }

    /// Our name for the request.
    pub fn request_id(&self) -> &str {
        self.header("x-request-id").unwrap_or_else(|| panic!("an answer without X-Request-Id: {self:?}"))
    }
}

/// How a body ends.
enum Framing {
    None,
    Length(usize),
    Chunked,
    Close,
}

/// What requests are sent over.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Wire for S {}

/// One connection.
pub struct Conn {
    stream: Box<dyn Wire>,
    read: Vec<u8>,
}

impl Conn {
    pub async fn open(to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).await.expect("the gateway accepts");
        stream.set_nodelay(true).expect("a socket option");
        Self::over(stream)
    }

    /// On a connection that is there.
    pub fn over(stream: impl Wire + 'static) -> Self {
        Self { stream: Box::new(stream), read: Vec::new() }
    }

    /// From another address of this machine than usual.
    pub async fn open_from(from: IpAddr, to: SocketAddr) -> Self {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::new(from, 0)).expect("an address of this machine");
        let stream = socket.connect(to).await.expect("the gateway accepts");
        stream.set_nodelay(true).expect("a socket option");
        Self::over(stream)
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        // A peer that has refused early may have closed: what it said is read afterwards.
        let _ = self.stream.write_all(bytes).await;
    }

    /// Sends a request and reads its response.
    pub async fn ask(&mut self, request: &Request) -> Response {
        self.send(&request.bytes()).await;
        self.response().await
    }

    /// The next final response, whole.
    pub async fn response(&mut self) -> Response {
        within("a response", self.try_response()).await.expect("a whole response")
    }

    /// The next final response; `None` when the connection ended before it was whole.
    pub async fn try_response(&mut self) -> Option<Response> {
        let mut response = self.head().await?;
        match framing(&response) {
            Framing::None => {}
            Framing::Length(n) => response.body = self.take(n).await?,
            Framing::Chunked => {
                while let Some(chunk) = self.chunk().await? {
                    response.body.extend_from_slice(&chunk);
                }
            }
            Framing::Close => {
                while self.more().await {}
                response.body = std::mem::take(&mut self.read);
            }
        }
        Some(response)
    }

    /// The next final response's head.
    pub async fn head(&mut self) -> Option<Response> {
        loop {
            let end = self.until(b"\r\n\r\n").await?;
            let text = String::from_utf8_lossy(&end).into_owned();
            let mut lines = text.trim_end().split("\r\n");
            let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
            let header = |l: &str| l.split_once(':').map(|(n, v)| (n.to_owned(), v.trim().to_owned()));
            if status >= 200 {
                return Some(Response { status, headers: lines.filter_map(header).collect(), body: Vec::new() });
            }
        }
    }

    /// The next chunk: `None` when the connection ended, `Some(None)` after the last one.
    pub async fn chunk(&mut self) -> Option<Option<Vec<u8>>> {
        let line = self.until(b"\r\n").await?;
        let size = usize::from_str_radix(std::str::from_utf8(&line).ok()?.trim(), 16).ok()?;
        let data = self.take(size + 2).await?;
        Some((size > 0).then(|| data[..size].to_vec()))
    }

    /// Waits until the other side has closed; says whether nothing more came before.
    pub async fn closed(&mut self) -> bool {
        within("the end of a connection", async { while self.more().await {} }).await;
        self.read.is_empty()
    }

    async fn until(&mut self, mark: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.read.windows(mark.len()).position(|w| w == mark) {
                return Some(self.read.drain(..at + mark.len()).collect());
            }
            if !self.more().await {
                return None;
            }
        }
    }

    async fn take(&mut self, n: usize) -> Option<Vec<u8>> {
        while self.read.len() < n {
            if !self.more().await {
                return None;
            }
        }
        Some(self.read.drain(..n).collect())
    }

    async fn more(&mut self) -> bool {
        matches!(self.stream.read_buf(&mut self.read).await, Ok(n) if n > 0)
    }
}

fn framing(response: &Response) -> Framing {
    if matches!(response.status, 204 | 304) {
        return Framing::None;
    }
    match (response.header("transfer-encoding"), response.header("content-length")) {
        (Some(_), _) => Framing::Chunked,
        (None, Some(length)) => Framing::Length(length.parse().expect("a length")),
        (None, None) => Framing::Close,
    }
}

/// One request on a connection of its own.
pub async fn ask(to: SocketAddr, request: &Request) -> Response {
    Conn::open(to).await.ask(request).await
}
