//! Everything that is hostile, in a process of its own at the lowest priority: clients, and upstreams.

use std::io::{BufRead as _, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;

use super::attacks::{Attack, Tally, Targets, Upstreams};

/// How long an attack may take until it is under way, and how often it is looked.
const BEGINS: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(10);
/// From one byte of a dripping answer to the next.
const DRIP: Duration = Duration::from_millis(100);

/// Tells where its upstreams are, then does what it is told line by line, until its input ends.
pub(crate) fn serve() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let (upstreams, _held) = runtime.block_on(upstreams());
    answer(&upstreams.line());
    let mut targets = None;
    let mut under_way = None;
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("a line");
        if let Some(named) = Targets::parse(&line) {
            targets = Some(named);
            answer("known");
        } else if let Some(attack) = line.strip_prefix("start ").and_then(Attack::named) {
            let targets: Targets = targets.clone().expect("a target before an attack");
            let (tally, stop) = (Tally::shared(), CancellationToken::new());
            if attack.touches_the_gate()
                && runtime.block_on(async { tokio::time::timeout(BEGINS, targets.let_in()).await }).is_err()
            {
                answer("not let in");
                continue;
            }
            let task = runtime.spawn(attack.run(targets, Arc::clone(&tally), stop.clone()));
            answer(if attack.is_beginning() { "started" } else { wait(attack, &tally) });
            under_way = Some((attack, tally, stop, task));
        } else if let Some((attack, tally, stop, task)) = under_way.take() {
            stop.cancel();
            runtime.block_on(task).expect("an attack ends by itself");
            answer(&if attack.is_counted() { tally.served() } else { tally.line() });
        }
    }
}

/// Waits until an attack is under way; says whether it is.
fn wait(attack: Attack, tally: &Tally) -> &'static str {
    let begun = Instant::now();
    while !attack.is_under_way(tally) {
        if begun.elapsed() > BEGINS {
            return "not started";
        }
        std::thread::sleep(LOOK);
    }
    "started"
}

fn answer(line: &str) {
    println!("{line}");
    std::io::stdout().flush().expect("stdout is open");
}

/// Starts the upstreams; what comes with their addresses has to be held.
async fn upstreams() -> (Upstreams, (TcpListener, Vec<TcpStream>)) {
    let (hole, held) = hole().await;
    let addresses = Upstreams {
        hole,
        silent: listen(|stream| Box::pin(silent(stream))).await,
        drip: listen(|stream| Box::pin(drip(stream))).await,
        hose: listen(|stream| Box::pin(hose(stream))).await,
    };
    (addresses, held)
}

/// A socket whose queue is full and never emptied: no connection to it ever comes to be.
async fn hole() -> (String, (TcpListener, Vec<TcpStream>)) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
    let listener = socket.listen(1).expect("a listener");
    let address = listener.local_addr().expect("an address");
    let mut waiting = Vec::new();
    while let Ok(Ok(stream)) = tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(address)).await {
        waiting.push(stream);
    }
    (address.to_string(), (listener, waiting))
}

type Serving = std::pin::Pin<Box<dyn Future<Output = std::io::Result<()>> + Send>>;

async fn listen(serve: fn(TcpStream) -> Serving) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}

/// Takes everything and says nothing.
async fn silent(mut stream: TcpStream) -> std::io::Result<()> {
    let mut read = [0; 4096];
    while stream.read(&mut read).await? > 0 {}
    Ok(())
}

/// Reads a request and writes the head of its answer, with a line that says how the body ends.
async fn head(stream: &mut TcpStream, framing: &str) -> std::io::Result<()> {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut read).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    stream.write_all(format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n{framing}\r\n\r\n").as_bytes()).await
}

/// Answers byte by byte. Nobody knows its length, so each byte is sent on when it comes; what has a length pingora gathers.
async fn drip(mut stream: TcpStream) -> std::io::Result<()> {
    head(&mut stream, "Connection: close").await?;
    loop {
        stream.write_all(b"x").await?;
        tokio::time::sleep(DRIP).await;
    }
}

/// Answers as much as is taken.
async fn hose(mut stream: TcpStream) -> std::io::Result<()> {
    head(&mut stream, "Content-Length: 1000000000000").await?;
    let piece = vec![b'x'; 64 << 10];
    loop {
        stream.write_all(&piece).await?;
    }
}
