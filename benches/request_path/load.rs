//! The load: connections that ask again as soon as they are answered, or at a pace.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shape {
    /// `GET` with a query.
    Query,
    /// An MCP `tools/call`.
    ToolCall,
}

/// One measurement.
pub(crate) struct Plan<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) mount: &'a str,
    /// One of them, by chance, with each request.
    pub(crate) tokens: &'a Arc<[String]>,
    pub(crate) shape: Shape,
    pub(crate) connections: u32,
    pub(crate) span: Duration,
    /// Requests per second over all connections; `None` is as fast as answers come.
    pub(crate) pace: Option<u32>,
}

/// What came back.
#[derive(Default)]
pub(crate) struct Loaded {
    pub(crate) failed: u64,
    /// What came in place of one good answer: its bytes, as far as they were read.
    pub(crate) failure: Option<String>,
    /// Sorted.
    pub(crate) latencies: Vec<Duration>,
    pub(crate) elapsed: Duration,
}

pub(crate) async fn run(plan: &Plan<'_>) -> Loaded {
    let started = Instant::now();
    let wire = Arc::new(Wire::of(plan));
    let each = plan.pace.map(|pace| Duration::from_secs(1) * plan.connections / pace);
    let tasks: Vec<_> = (0..plan.connections)
        .map(|i| {
            let phase = each.map_or(Duration::ZERO, |each| each * i / plan.connections);
            tokio::spawn(connection(plan.address, Arc::clone(&wire), started + plan.span, each, started + phase))
        })
        .collect();
    let mut all = Loaded::default();
    for task in tasks {
        let (failure, latencies) = task.await.unwrap_or_else(|error| (Some(error.to_string()), Vec::new()));
        all.failed += u64::from(failure.is_some());
        all.failure = failure.or(all.failure);
        all.latencies.extend(latencies);
    }
    all.latencies.sort_unstable();
    all.elapsed = started.elapsed();
    all
}

/// Requests that differ by their token alone.
struct Wire {
    before: Vec<u8>,
    after: Vec<u8>,
    tokens: Arc<[String]>,
}

impl Wire {
    fn of(plan: &Plan<'_>) -> Self {
        const TOKEN: &str = "<token>";
        let text = request(plan, TOKEN);
        let (before, after) = text.split_once(TOKEN).expect("a request has a token");
        Self { before: before.into(), after: after.into(), tokens: Arc::clone(plan.tokens) }
    }

    /// The next request of a connection; `state` is its chance (xorshift, never 0).
    fn next(&self, state: &mut u64, out: &mut Vec<u8>) {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        let token = &self.tokens[usize::try_from(*state).unwrap_or(0) % self.tokens.len()];
        out.clear();
        for part in [&self.before, token.as_bytes(), &self.after] {
            out.extend_from_slice(part);
        }
    }
}

fn request(plan: &Plan<'_>, token: &str) -> String {
    let (address, mount) = (plan.address, plan.mount);
    match plan.shape {
        Shape::Query => format!(
            "GET {mount}/q?query=up%7Bjob%3D%22x%22%7D&time=1 HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
             User-Agent: bench\r\nAccept: application/json\r\n\r\n"
        ),
        Shape::ToolCall => {
            let arguments = "a".repeat(200);
            let body = format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"echo","arguments":{{"message":"{arguments}"}}}}}}"#
            );
            let path = if mount.is_empty() { "/mcp".to_owned() } else { "/mcp/bench".to_owned() };
            format!(
                "POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nUser-Agent: bench\r\n\
                 Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2025-11-25\r\n\
                 Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
        }
    }
}

async fn connection(
    address: SocketAddr,
    wire: Arc<Wire>,
    until: Instant,
    each: Option<Duration>,
    mut due: Instant,
) -> (Option<String>, Vec<Duration>) {
    let mut latencies = Vec::with_capacity(100_000);
    let mut stream = match TcpStream::connect(address).await {
        Ok(stream) => stream,
        Err(error) => return (Some(error.to_string()), latencies),
    };
    let _ = stream.set_nodelay(true);
    let (mut read, mut request) = (Vec::with_capacity(8192), Vec::with_capacity(2048));
    // Each connection asks in an order of its own.
    let mut state = u64::from(stream.local_addr().map_or(1, |a| a.port())) << 32 | 0x9e37_79b9;
    while Instant::now() < until {
        wire.next(&mut state, &mut request);
        // Paced requests count from when they were due: a late start is latency too.
        let from = match each {
            None => Instant::now(),
            Some(each) => {
                tokio::time::sleep_until(due.into()).await;
                let was = due;
                due += each;
                was
            }
        };
        if exchange(&mut stream, &request, &mut read).await != Some(200) {
            return (Some(String::from_utf8_lossy(&read).into_owned()), latencies);
        }
        latencies.push(from.elapsed());
    }
    (None, latencies)
}

/// Sends a request and reads its answer whole; its status.
pub(crate) async fn exchange<S>(stream: &mut S, request: &[u8], read: &mut Vec<u8>) -> Option<u16>
where
    S: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    stream.write_all(request).await.ok()?;
    read.clear();
    let end = loop {
        if stream.read_buf(read).await.ok()? == 0 {
            return None;
        }
        if let Some(end) = read.windows(4).position(|w| w == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = std::str::from_utf8(&read[..end]).ok()?;
    let status = head.get(9..12)?.parse().ok()?;
    let field = head.lines().find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
    let length = field?;
    while read.len() < end + length {
        if stream.read_buf(read).await.ok()? == 0 {
            return None;
        }
    }
    Some(status)
}

/// The status of one `GET`.
pub(crate) async fn status(address: SocketAddr, path: &str, token: &str) -> u16 {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    get(&mut stream, address, path, token).await
}

/// The same over a connection that is there.
pub(crate) async fn get<S>(stream: &mut S, address: SocketAddr, path: &str, token: &str) -> u16
where
    S: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\r\n");
    exchange(stream, request.as_bytes(), &mut Vec::new()).await.unwrap_or(0)
}
