//! The client that does nothing wrong: a modest fixed rate, whatever happens.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use super::load::{self, exchange};
use super::tls::{Connector, Wire};

/// Connections, each of which asks at its own turn.
const CONNECTIONS: u32 = 8;
/// From one request of a connection to its next: 200 a second over all of them.
const EACH: Duration = Duration::from_millis(40);
/// Every so many connections one connects anew for each request.
const ANEW: u32 = 4;
/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is asked, and where.
pub(crate) struct Healthy {
    way: Way,
    request: Arc<[u8]>,
}

/// How the gate is reached.
#[derive(Clone)]
struct Way {
    address: SocketAddr,
    tls: Option<Connector>,
}

/// What came back.
#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) latencies: Vec<Duration>,
    /// Answers that were wrong or did not come.
    pub(crate) wrong: u64,
}

impl Healthy {
    pub(crate) fn new(address: SocketAddr, token: &str, tls: Option<Connector>) -> Self {
        let request = format!(
            "GET /bench/q?query=up HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nUser-Agent: bench\r\n\
             Accept: application/json\r\n\r\n"
        );
        Self { way: Way { address, tls }, request: request.into_bytes().into() }
    }

    /// The status of one `GET`.
    pub(crate) async fn status(&self, path: &str, token: &str) -> u16 {
        let mut stream = self.way.connect().await.expect("a connection");
        load::get(&mut *stream, self.way.address, path, token).await
    }

    /// Asks for so long.
    pub(crate) async fn ask(&self, span: Duration) -> Heard {
        let started = Instant::now();
        let tasks: Vec<_> = (0..CONNECTIONS)
            .map(|i| {
                let turn = started + EACH * i / CONNECTIONS;
                let keeps = i % ANEW != 0;
                tokio::spawn(connection(self.way.clone(), Arc::clone(&self.request), (turn, started + span), keeps))
            })
            .collect();
        let mut all = Heard::default();
        for task in tasks {
            let heard = task.await.expect("a client ends by itself");
            all.latencies.extend(heard.latencies);
            all.wrong += heard.wrong;
        }
        all
    }
}

async fn connection(way: Way, request: Arc<[u8]>, (mut due, until): (Instant, Instant), keeps: bool) -> Heard {
    let mut heard = Heard::default();
    let mut kept = None;
    let mut read = Vec::with_capacity(8192);
    while due < until {
        // Who is late because the answer before was counts from when it wanted to ask; the timer's own delay is nobody's fault.
        let late = Instant::now() > due;
        tokio::time::sleep_until(due.into()).await;
        let from = if late { due } else { Instant::now() };
        let answer = async {
            let mut stream = match kept.take() {
                Some(stream) => stream,
                None => way.connect().await?,
            };
            let status = exchange(&mut *stream, &request, &mut read).await?;
            Some((stream, status))
        };
        match tokio::time::timeout(PATIENCE, answer).await.ok().flatten() {
            Some((stream, 200)) => {
                heard.latencies.push(from.elapsed());
                kept = keeps.then_some(stream);
            }
            _ => heard.wrong += 1,
        }
        due += EACH;
    }
    heard
}

impl Way {
    async fn connect(&self) -> Option<Box<dyn Wire>> {
        let stream = TcpStream::connect(self.address).await.ok()?;
        stream.set_nodelay(true).ok()?;
        Some(match &self.tls {
            None => Box::new(stream),
            Some(tls) => Box::new(tls.connect(stream).await.ok()?),
        })
    }
}
