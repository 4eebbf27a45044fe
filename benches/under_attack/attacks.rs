//! The attacks: what each one sends is made before it begins, so that it costs the attacker as little as it can.

mod scripts;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::load::exchange;
use super::tls::Connector;
use scripts::Script;

/// Connections that flood.
const FLOODS: usize = 8;
/// Connections of more clients than the gate can serve: sixteen keep it busy.
const CROWD: usize = 1_000;
/// Clients that send one byte a second.
const SLOW: usize = 500;
/// Requests that hang in an upstream.
const HANGING: usize = 200;
/// Bytes of a flood that are written at one time.
const PIECE: usize = 16 << 10;
/// From one byte of a slow client to the next, and before a request that was answered is sent again.
const SECOND: Duration = Duration::from_secs(1);
/// How long the socket that is not the gate's takes to close a connection.
const MOMENT: Duration = Duration::from_millis(1);

/// What is done to the gate beside its healthy client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Attack {
    /// Nothing: the attacker is busy with itself.
    Elsewhere,
    /// Nothing: the attacker sends what floods send to a socket of its own, which closes at once.
    OtherDoor,
    /// Requests that are refused, as fast as they are.
    Plain,
    /// More good requests than the gate gets done.
    Overload,
    /// Their beginning.
    OverloadBegins,
    /// The same, each on a connection of its own.
    OverloadAnew,
    /// HTTP/2 streams that are reset at once, by the client or by a fault that it makes.
    Resets,
    /// HTTP/2 heads that never end, and frames that say nothing.
    Frames,
    /// HTTP/2 answers without end, of which a byte is taken at a time.
    Windows,
    /// Clients that send a byte of a head or a body each second.
    SlowClients,
    /// Clients that read nothing of an answer without end.
    SlowReaders,
    /// Requests to upstreams to which nothing connects, or that answer nothing.
    BlackHole,
    /// Requests to an upstream that answers byte by byte.
    Drip,
    /// TLS handshakes that are never begun, or never go on.
    TlsSilence,
    /// TLS handshakes, one after another, and nothing else.
    TlsHandshakes,
}

impl Attack {
    pub(crate) const ALL: [Self; 15] = [
        Self::Elsewhere,
        Self::OtherDoor,
        Self::Plain,
        Self::Overload,
        Self::OverloadBegins,
        Self::OverloadAnew,
        Self::Resets,
        Self::Frames,
        Self::Windows,
        Self::SlowClients,
        Self::SlowReaders,
        Self::BlackHole,
        Self::Drip,
        Self::TlsSilence,
        Self::TlsHandshakes,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Elsewhere => "elsewhere",
            Self::OtherDoor => "other-door",
            Self::Plain => "plain",
            Self::Overload => "overload",
            Self::OverloadBegins => "overload-begins",
            Self::OverloadAnew => "overload-anew",
            Self::Resets => "resets",
            Self::Frames => "frames",
            Self::Windows => "windows",
            Self::SlowClients => "slow-clients",
            Self::SlowReaders => "slow-readers",
            Self::BlackHole => "black-hole",
            Self::Drip => "drip",
            Self::TlsSilence => "tls-silence",
            Self::TlsHandshakes => "tls-handshakes",
        }
    }

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Elsewhere => "(an attacker that leaves the gate alone)",
            Self::OtherDoor => "(the same frames as below, to a socket that is not the gate's and closes in a millisecond)",
            Self::Plain => "(plain requests without a token, 8 connections)",
            Self::Overload => "requests of another organization, 1000 connections",
            Self::OverloadBegins => "overload, its beginning: the same, measured from before they come",
            Self::OverloadAnew => "requests of another organization, 100 clients that connect for each",
            Self::Resets => "HTTP/2 rapid resets, 8 connections",
            Self::Frames => "HTTP/2 heads without end and empty frames, 8 connections",
            Self::Windows => "HTTP/2 windows of one byte, 100 answers on each of 8 connections",
            Self::SlowClients => "500 clients that send a byte a second",
            Self::SlowReaders => "200 clients that read nothing",
            Self::BlackHole => "200 requests in black-holed upstreams",
            Self::Drip => "200 answers that drip",
            Self::TlsSilence => "500 TLS handshakes that stall",
            Self::TlsHandshakes => "TLS handshakes one after another, 8 connections",
        }
    }

    pub(crate) const fn touches_the_gate(self) -> bool {
        !matches!(self, Self::Elsewhere | Self::OtherDoor)
    }

    /// Whether it is done to a gate that speaks TLS, whose healthy client does too.
    pub(crate) const fn is_over_tls(self) -> bool {
        matches!(self, Self::TlsSilence | Self::TlsHandshakes)
    }

    /// Whether it is told what became of its requests.
    pub(crate) const fn is_counted(self) -> bool {
        matches!(self, Self::Overload | Self::OverloadBegins | Self::OverloadAnew)
    }

    /// Whether it is measured from before it begins, and not once it is under way.
    pub(crate) const fn is_beginning(self) -> bool {
        matches!(self, Self::OverloadBegins)
    }

    /// Whether all of its connections are there, and those that are answered have been.
    pub(crate) fn is_under_way(self, tally: &Tally) -> bool {
        let (connections, answers) = match self {
            Self::Elsewhere => (0, 0),
            Self::Plain | Self::TlsHandshakes => (FLOODS, FLOODS),
            Self::Overload | Self::OverloadBegins => (CROWD, CROWD),
            Self::OverloadAnew => (CROWD / 10, CROWD / 10),
            Self::OtherDoor | Self::Resets | Self::Frames | Self::Windows => (FLOODS, 0),
            Self::SlowClients | Self::TlsSilence => (SLOW, 0),
            Self::SlowReaders | Self::BlackHole => (HANGING, 0),
            Self::Drip => (HANGING, HANGING),
        };
        let of = |count: &AtomicU64| usize::try_from(count.load(Ordering::Relaxed)).unwrap_or(usize::MAX);
        of(&tally.connections) >= connections && of(&tally.answers).saturating_add(of(&tally.shed)) >= answers
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.name() == name)
    }

    /// Attacks until it is stopped.
    pub(crate) async fn run(self, targets: Targets, tally: Arc<Tally>, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        let to = if self == Self::OtherDoor { closing(&tasks, &stop).await } else { targets.address };
        let clients: Vec<Client> = match self {
            Self::Elsewhere => {
                tasks.spawn(until(stop.clone(), busy()));
                Vec::new()
            }
            Self::Plain => {
                let script = Arc::new(scripts::plain(&targets));
                repeated(FLOODS, |_| Client { script: Arc::clone(&script), pace: Pace::Ask, reads: true })
            }
            Self::Overload | Self::OverloadBegins | Self::OverloadAnew => {
                let script = Arc::new(scripts::get_with(&targets, &targets.others, "/bench/q"));
                let anew = self == Self::OverloadAnew;
                let (times, pace) = if anew { (CROWD / 10, Pace::AskAnew) } else { (CROWD, Pace::Ask) };
                repeated(times, |_| Client { script: Arc::clone(&script), pace, reads: true })
            }
            Self::Resets => alternated(FLOODS, &scripts::resets(&targets)),
            Self::Frames | Self::OtherDoor => alternated(FLOODS, &scripts::frames(&targets)),
            Self::Windows => alternated(FLOODS, &[scripts::windows(&targets)]),
            Self::SlowClients => {
                let scripts = scripts::slow(&targets);
                repeated(SLOW, |i| Client {
                    script: Arc::clone(&scripts[i % scripts.len()]),
                    pace: Pace::Slow(share(i, SLOW)),
                    reads: true,
                })
            }
            Self::SlowReaders => {
                let script = Arc::new(scripts::get(&targets, "/hose/x"));
                repeated(HANGING, |i| Client { script: Arc::clone(&script), pace: Pace::Hang(share(i, HANGING)), reads: false })
            }
            Self::BlackHole => {
                let scripts = ["/hole/x", "/silent/x"].map(|path| Arc::new(scripts::get(&targets, path)));
                repeated(HANGING, |i| Client {
                    script: Arc::clone(&scripts[i % 2]),
                    pace: Pace::Hang(share(i, HANGING)),
                    reads: true,
                })
            }
            Self::Drip => {
                let script = Arc::new(scripts::get(&targets, "/drip/x"));
                repeated(HANGING, |i| Client { script: Arc::clone(&script), pace: Pace::Hang(share(i, HANGING)), reads: true })
            }
            Self::TlsSilence => {
                let scripts = scripts::silent_handshakes();
                repeated(SLOW, |i| Client { script: Arc::clone(&scripts[i % 2]), pace: Pace::Hang(share(i, SLOW)), reads: true })
            }
            Self::TlsHandshakes => {
                let tls = Connector::of(targets.authority.as_deref().expect("an authority of a gate that speaks TLS"));
                for _ in 0..FLOODS {
                    tasks.spawn(until(stop.clone(), shake_hands((targets.from, to), tls.clone(), Arc::clone(&tally))));
                }
                Vec::new()
            }
        };
        for client in clients {
            tasks.spawn(until(stop.clone(), client.run((targets.from, to), Arc::clone(&tally))));
        }
        tasks.close();
        tasks.wait().await;
    }
}

/// The part of a second after which a client begins: they don't all come at once.
fn share(i: usize, of: usize) -> Duration {
    SECOND * u32::try_from(i).unwrap_or(0) / u32::try_from(of).unwrap_or(1)
}

fn repeated(times: usize, client: impl Fn(usize) -> Client) -> Vec<Client> {
    (0..times).map(client).collect()
}

fn alternated(times: usize, scripts: &[Arc<Script>]) -> Vec<Client> {
    repeated(times, |i| Client::flood(Arc::clone(&scripts[i % scripts.len()])))
}

async fn until(stop: CancellationToken, work: impl Future<Output = ()>) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}

async fn busy() {
    let mut state = 1_u64;
    loop {
        for _ in 0..10_000 {
            state = std::hint::black_box(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        }
        tokio::task::yield_now().await;
    }
}

/// One client, which connects again when it was thrown out.
struct Client {
    script: Arc<Script>,
    pace: Pace,
    /// Whether it reads what it is sent.
    reads: bool,
}

/// How fast a script is sent.
#[derive(Clone, Copy)]
enum Pace {
    /// Again as soon as it is answered.
    Ask,
    /// The same, on another connection.
    AskAnew,
    /// As fast as it is taken.
    Flood,
    /// Its beginning at once, the rest a byte a second; begins after this.
    Slow(Duration),
    /// At once; then the answer is waited for. Begins after this.
    Hang(Duration),
}

impl Client {
    fn flood(script: Arc<Script>) -> Self {
        Self { script, pace: Pace::Flood, reads: true }
    }

    async fn run(self, (from, to): (IpAddr, SocketAddr), tally: Arc<Tally>) {
        if let Pace::Slow(first) | Pace::Hang(first) = self.pace {
            tokio::time::sleep(first).await;
        }
        loop {
            if let Ok(stream) = connect(from, to).await {
                tally.connections.fetch_add(1, Ordering::Relaxed);
                match self.pace {
                    Pace::Ask | Pace::AskAnew => self.ask(stream, &tally).await,
                    _ => self.once(stream, &tally).await,
                }
            }
            // A flood comes back at once; others are patient.
            match self.pace {
                Pace::Ask | Pace::AskAnew | Pace::Flood => tokio::task::yield_now().await,
                Pace::Slow(_) | Pace::Hang(_) => tokio::time::sleep(SECOND).await,
            }
        }
    }

    /// One connection with one request after another.
    async fn ask(&self, mut stream: TcpStream, tally: &Tally) {
        let mut read = Vec::with_capacity(8192);
        while let Some(status) = exchange(&mut stream, &self.script.begin, &mut read).await {
            let of = if status == 503 { &tally.shed } else { &tally.answers };
            of.fetch_add(1, Ordering::Relaxed);
            if matches!(self.pace, Pace::AskAnew) {
                return;
            }
        }
    }

    /// One connection, until either side has enough.
    async fn once(&self, stream: TcpStream, tally: &Tally) {
        let (mut read, mut write) = stream.into_split();
        let listens = async {
            if !self.reads {
                std::future::pending::<()>().await;
            }
            let mut taken = [0; 4096];
            while read.read(&mut taken).await.is_ok_and(|n| n > 0) {
                tally.answers.fetch_add(1, Ordering::Relaxed);
            }
        };
        let sends = async {
            let sent = match self.pace {
                Pace::Flood => self.script.pour(&mut write, tally).await,
                Pace::Slow(_) => self.script.trickle(&mut write, tally).await,
                Pace::Ask | Pace::AskAnew | Pace::Hang(_) => write.write_all(&self.script.begin).await,
            };
            // What was sent whole is waited for.
            if sent.is_ok() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = listens => {}
            () = sends => {}
        }
    }
}

/// One whole handshake after another.
async fn shake_hands((from, to): (IpAddr, SocketAddr), tls: Connector, tally: Arc<Tally>) {
    loop {
        if let Ok(stream) = connect(from, to).await {
            tally.connections.fetch_add(1, Ordering::Relaxed);
            if tls.connect(stream).await.is_ok() {
                tally.answers.fetch_add(1, Ordering::Relaxed);
            }
        }
        tokio::task::yield_now().await;
    }
}

/// A socket that closes each connection a moment after it is there, as a busy program would.
async fn closing(tasks: &TaskTracker, stop: &CancellationToken) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tasks.spawn(until(stop.clone(), async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                tokio::time::sleep(MOMENT).await;
                drop(stream);
            });
        }
    }));
    address
}

async fn connect(from: IpAddr, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(from, 0))?;
    socket.connect(to).await
}

/// What an attack did.
#[derive(Default)]
pub(crate) struct Tally {
    connections: AtomicU64,
    answers: AtomicU64,
    bytes: AtomicU64,
    shed: AtomicU64,
}

impl Tally {
    pub(crate) fn shared() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn line(&self) -> String {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        format!("{} connections, {} KiB sent, {} pieces read", of(&self.connections), of(&self.bytes) / 1024, of(&self.answers))
    }

    /// What became of requests.
    pub(crate) fn served(&self) -> String {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        format!("{} connections, {} served, {} shed", of(&self.connections), of(&self.answers), of(&self.shed))
    }
}

/// Whom to attack, and from where.
#[derive(Clone)]
pub(crate) struct Targets {
    pub(crate) from: IpAddr,
    pub(crate) address: SocketAddr,
    pub(crate) token: String,
    /// A token of another organization.
    pub(crate) others: String,
    /// Where the authority of its certificate is, when it speaks TLS.
    pub(crate) authority: Option<PathBuf>,
}

impl Targets {
    pub(crate) fn line(&self) -> String {
        let authority = self.authority.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        format!("target {} {} {} {} {authority}", self.from, self.address, self.token, self.others)
    }

    /// Completes when the gate lets the attacker in: after a flood it refuses the address for a while, and what is refused at the door
    /// is no attack.
    pub(crate) async fn let_in(&self) {
        let tls = self.authority.as_deref().map(Connector::of);
        while self.ask(tls.as_ref()).await != Some(200) {
            tokio::time::sleep(SECOND / 4).await;
        }
    }

    /// The answer to one good request.
    async fn ask(&self, tls: Option<&Connector>) -> Option<u16> {
        let script = scripts::get_with(self, &self.others, "/bench/q");
        let mut stream = connect(self.from, self.address).await.ok()?;
        let mut read = Vec::new();
        match tls {
            Some(tls) => exchange(&mut tls.connect(stream).await.ok()?, &script.begin, &mut read).await,
            None => exchange(&mut stream, &script.begin, &mut read).await,
        }
    }

    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut words = line.strip_prefix("target ")?.splitn(5, ' ');
        let (from, address) = (words.next()?, words.next()?);
        let (token, others, authority) = (words.next()?, words.next()?, words.next()?);
        let authority = (!authority.is_empty()).then(|| authority.into());
        let (token, others) = (token.to_owned(), others.to_owned());
        Some(Self { from: from.parse().ok()?, address: address.parse().ok()?, token, others, authority })
    }
}

/// Where the hostile upstreams are.
pub(crate) struct Upstreams {
    pub(crate) hole: String,
    pub(crate) silent: String,
    pub(crate) drip: String,
    pub(crate) hose: String,
}

impl Upstreams {
    pub(crate) fn line(&self) -> String {
        [&*self.hole, &self.silent, &self.drip, &self.hose].join(",")
    }

    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut all = line.split(',').map(ToOwned::to_owned);
        Some(Self { hole: all.next()?, silent: all.next()?, drip: all.next()?, hose: all.next()? })
    }
}
