//! An upstream that keeps every byte it receives, and behaves as the request's `X-Behave` asks.

use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, watch};

use super::within;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub head: Vec<u8>,
    pub body: Vec<u8>,
}

impl Seen {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.head).into_owned()
    }

    pub fn method(&self) -> String {
        self.text().split(' ').next().unwrap_or_default().to_owned()
    }

    pub fn target(&self) -> String {
        self.text().split(' ').nth(1).unwrap_or_default().to_owned()
    }

    /// Every value of a header.
    pub fn values(&self, name: &str) -> Vec<String> {
        let text = self.text();
        let fields = text.split("\r\n").skip(1).filter_map(|l| l.split_once(':'));
        fields.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim().to_owned()).collect()
    }

    /// The only value of a header.
    pub fn header(&self, name: &str) -> String {
        let values = self.values(name);
        assert_eq!(values.len(), 1, "{name} once in {}", self.text());
        values[0].clone()
    }
}

#[derive(Default)]
struct Log {
    seen: Vec<Seen>,
    connections: usize,
    ended: usize,
}

struct Shared {
    log: Mutex<Log>,
    changed: watch::Sender<()>,
    events: broadcast::Sender<Option<Vec<u8>>>,
    forced: Mutex<Option<&'static str>>,
}

impl Shared {
    fn note<T>(&self, change: impl FnOnce(&mut Log) -> T) -> T {
        let out = change(&mut self.log.lock());
        self.changed.send_replace(());
        out
    }
}

/// A running upstream.
pub struct Upstream {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

impl Upstream {
    pub async fn start() -> Self {
        Self::start_at(0).await
    }

    /// An upstream at a port that was free a moment ago.
    pub async fn start_at(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (events, _) = broadcast::channel(1024);
        let shared =
            Arc::new(Shared { log: Mutex::default(), changed: watch::Sender::new(()), events, forced: Mutex::default() });
        let accept = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                accept.note(|log| log.connections += 1);
                let shared = Arc::clone(&accept);
                tokio::spawn(async move {
                    let _ = serve(stream, &shared).await;
                    shared.note(|log| log.ended += 1);
                });
            }
        });
        Self { address, shared }
    }

    /// Behaves like this, whatever requests ask for; `None` listens to them again.
    pub fn force(&self, behave: Option<&'static str>) {
        *self.shared.forced.lock() = behave;
    }

    /// Everything that came so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.log.lock().seen.clone()
    }

    /// What came after so many.
    pub fn seen_after(&self, count: usize) -> Vec<Seen> {
        self.shared.log.lock().seen[count..].to_vec()
    }

    /// How many requests came so far.
    pub fn count(&self) -> usize {
        self.shared.log.lock().seen.len()
    }

    /// What came last.
    pub fn last(&self) -> Seen {
        self.seen().pop().expect("the upstream was asked")
    }

    /// How many connections were made so far.
    pub fn connections(&self) -> usize {
        self.shared.log.lock().connections
    }

    /// Waits for the request with this number, counted from one.
    pub async fn asked(&self, number: usize) -> Seen {
        self.until("a request at the upstream", |log| log.seen.get(number - 1).cloned()).await
    }

    /// Waits until so many connections have ended.
    pub async fn ended(&self, connections: usize) {
        self.until("the end of a connection at the upstream", |log| (log.ended >= connections).then_some(())).await;
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

    /// Sends bytes on every open stream, and lets held requests be answered.
    pub fn emit(&self, bytes: &str) {
        let _ = self.shared.events.send(Some(bytes.as_bytes().to_vec()));
    }

    /// Ends every open stream.
    pub fn finish(&self) {
        let _ = self.shared.events.send(None);
    }
}

async fn serve(mut stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut read = Vec::new();
    while let Some((head, body)) = request(&mut stream, &mut read).await? {
        let mut events = shared.events.subscribe();
        let seen = Seen { head, body };
        let forced = shared.forced.lock().map(str::to_owned);
        let behave = forced.unwrap_or_else(|| seen.values("x-behave").pop().unwrap_or_default());
        let answer = answer(&behave, &seen);
        shared.note(|log| log.seen.push(seen));
        match behave.as_str() {
            "drop" => return Ok(()),
            "broken" => return stream.write_all(answer.as_bytes()).await,
            "silent" => while stream.read_buf(&mut read).await? > 0 {},
            "hold" => tokio::select! {
                _ = events.recv() => stream.write_all(answer.as_bytes()).await?,
                n = stream.read_buf(&mut read) => if n? == 0 { return Ok(()) },
            },
            "half" => {
                let (first, second) = answer.split_at(answer.len() / 2);
                stream.write_all(first.as_bytes()).await?;
                let _ = events.recv().await;
                stream.write_all(second.as_bytes()).await?;
            }
            "events" => {
                stream.write_all(answer.as_bytes()).await?;
                return pour(stream, events).await;
            }
            _ => stream.write_all(answer.as_bytes()).await?,
        }
    }
    Ok(())
}

/// Sends events until there are no more, or nobody is there any more.
async fn pour(mut stream: TcpStream, mut events: broadcast::Receiver<Option<Vec<u8>>>) -> std::io::Result<()> {
    let mut rest = Vec::new();
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Ok(Some(bytes)) => {
                    let chunk = [format!("{:x}\r\n", bytes.len()).as_bytes(), &bytes, b"\r\n"].concat();
                    stream.write_all(&chunk).await?;
                }
                Ok(None) | Err(_) => return stream.write_all(b"0\r\n\r\n").await,
            },
            n = stream.read_buf(&mut rest) => if n? == 0 { return Ok(()) },
        }
    }
}

fn answer(behave: &str, seen: &Seen) -> String {
    let json = |extra: &str, status: &str, body: &str| {
        format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{extra}\r\n{body}", body.len())
    };
    match behave {
        "unauthorized" => json("WWW-Authenticate: Basic realm=\"inner\"\r\n", "401 Unauthorized", "{}"),
        "cookie" => json("Set-Cookie: a=b; Path=/\r\nX-Upstream: yes\r\nX-Request-Id: theirs\r\n", "200 OK", "{}"),
        "redirect" => {
            let to = seen.header("x-to");
            let named = format!("Location: {to}\r\nContent-Location: {to}\r\nRefresh: 0; url={to}\r\nLink: <{to}>; rel=next\r\n");
            json(&named, "307 Temporary Redirect", "{}")
        }
        "created" => json(&format!("Location: {}\r\n", seen.header("x-to")), "201 Created", "{}"),
        "page" => PAGE.replace("{length}", &SCRIPT.len().to_string()) + SCRIPT,
        "fail" => json("", "500 Internal Server Error", "{}"),
        "open" => json(
            "Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Credentials: true\r\nVary: Accept-Encoding\r\n",
            "200 OK",
            "{}",
        ),
        "missing" => json("", "404 Not Found", "{\"status\":\"error\"}"),
        "broken" => "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789".to_owned(),
        "events" => "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(),
        "chunked" => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n".to_owned(),
        "alerts" => json("", "200 OK", ALERTS),
        "half" => json("", "200 OK", &large(&seen.header("x-size"))),
        "compressed" => json("Content-Encoding: gzip\r\n", "200 OK", ALERTS),
        "initialize" => json("", "200 OK", INITIALIZED),
        "tools" => json("", "200 OK", &tools()),
        "prompts" => json("", "200 OK", PROMPTS),
        "resources" => json("", "200 OK", RESOURCES),
        "templates" => json("", "200 OK", TEMPLATES),
        "say" => json("", "200 OK", &seen.header("x-say")),
        "say-events" => {
            let body = format!("event: message\ndata: {}\n\n", seen.header("x-say"));
            format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        }
        "session" => json("Mcp-Session-Id: up-1\r\n", "200 OK", "{}"),
        "sessions" => json("Mcp-Session-Id: up-1\r\nMcp-Session-Id: up-2\r\n", "200 OK", "{}"),
        _ if seen.method() == "GET" && seen.target().contains("/api/v2/silence/") => match seen.target().chars().last() {
            Some('a') => json("", "200 OK", &silence(seen, "tenant-acme")),
            Some('b') => json("", "200 OK", &silence(seen, "tenant-beta")),
            Some('c') => json("", "500 Internal Server Error", "{}"),
            Some('d') => json("", "200 OK", "<html>"),
            Some('f') => json("", "401 Unauthorized", "{}"),
            _ => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
        },
        _ => json("", "200 OK", &format!("{{\"target\":{:?},\"body\":{}}}", seen.target(), seen.body.len())),
    }
}

/// One alert, with so many bytes of text.
fn large(size: &str) -> String {
    let text = "x".repeat(size.parse().expect("a size"));
    format!(r#"{{"status":"success","data":{{"alerts":[{{"labels":{{"tenant":"tenant-acme"}},"text":"{text}"}}]}}}}"#)
}

/// The silence that a path ends in, as an Alertmanager shows one of this tenant.
fn silence(seen: &Seen, tenant: &str) -> String {
    let target = seen.target();
    let id = target.rsplit('/').next().unwrap_or_default();
    let matcher = format!(r#"{{"isEqual":true,"isRegex":false,"name":"tenant","value":"{tenant}"}}"#);
    format!(r#"{{"id":"{id}","matchers":[{matcher}],"status":{{"state":"active"}}}}"#)
}

/// A page that says all that it can for its origin.
const PAGE: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\
    Content-Security-Policy: script-src 'self'\r\nService-Worker-Allowed: /\r\nClear-Site-Data: \"*\"\r\n\
    Alt-Svc: h3=\":444\"\r\nStrict-Transport-Security: max-age=0\r\n\r\n";
const SCRIPT: &str = "<script>fetch('/consent')</script>";

/// Alerts of two tenants.
const ALERTS: &str =
    r#"{"status":"success","data":{"alerts":[{"labels":{"tenant":"tenant-acme"}},{"labels":{"tenant":"tenant-beta"}}]}}"#;

const INITIALIZED: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{"listChanged":false},"prompts":{},"logging":{}}}}"#;
const PROMPTS: &str =
    r#"{"jsonrpc":"2.0","id":1,"result":{"prompts":[{"name":"greet"},{"name":"ask-org"},{"name":"secret"}],"nextCursor":"2"}}"#;
const RESOURCES: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"resources":[{"uri":"log:///a"},{"uri":"log:///private/b"},{"uri":"log:///x/../private/b"},{"uri":"file:///c"}]}}"#;
const TEMPLATES: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"resourceTemplates":[{"uriTemplate":"log:///{a}"},{"uriTemplate":"log:///{a}/../{b}"},{"uriTemplate":"file:///{a}"}]}}"#;

/// The answer to `tools/list` with id 1, in pieces that are easy to recognise.
pub fn tools() -> String {
    let tool =
        |name: &str| format!("{{\"name\":\"{name}\",\"description\":\"does {name}\",\"inputSchema\":{{\"type\":\"object\"}}}}");
    let all = ["echo", "get-sum", "write-note", "forbidden"].map(tool).join(",");
    format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{{\"tools\":[{all}]}}}}")
}

type Whole = Option<(Vec<u8>, Vec<u8>)>;

async fn request(stream: &mut TcpStream, read: &mut Vec<u8>) -> std::io::Result<Whole> {
    let end = loop {
        if let Some(at) = read.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(read).await? == 0 {
            return Ok(None);
        }
    };
    let head: Vec<u8> = read.drain(..end).collect();
    let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let value = |name: &str| text.split("\r\n").find_map(|l| Some(l.strip_prefix(name)?.trim().to_owned()));
    if value("transfer-encoding:").is_some() {
        return Ok(chunks(stream, read).await?.map(|body| (head, body)));
    }
    let length = value("content-length:").and_then(|v| v.parse().ok()).unwrap_or(0);
    while read.len() < length {
        if stream.read_buf(read).await? == 0 {
            return Ok(None);
        }
    }
    Ok(Some((head, read.drain(..length).collect())))
}

async fn chunks(stream: &mut TcpStream, read: &mut Vec<u8>) -> std::io::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    loop {
        let Some(line) = read.windows(2).position(|w| w == b"\r\n") else {
            if stream.read_buf(read).await? == 0 {
                return Ok(None);
            }
            continue;
        };
        let size = std::str::from_utf8(&read[..line]).ok().and_then(|t| usize::from_str_radix(t.trim(), 16).ok());
        let Some(size) = size else { return Ok(None) };
        while read.len() < line + 2 + size + 2 {
            if stream.read_buf(read).await? == 0 {
                return Ok(None);
            }
        }
        body.extend_from_slice(&read[line + 2..line + 2 + size]);
        read.drain(..line + 2 + size + 2);
        if size == 0 {
            return Ok(Some(body));
        }
    }
}
