//! A line to PostgreSQL that can be held: both ends stay connected, and nothing passes.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A line. It ends with its value.
pub struct Line {
    /// The address of the database at the other end, through the line.
    pub url: String,
    open: watch::Sender<bool>,
}

impl Line {
    /// A line to the database at `url`, an address of [`crate::postgres::fresh_database`].
    pub async fn to(url: &str) -> Self {
        let (before, rest) = url.split_once("127.0.0.1:").expect("an address of this machine");
        let (port, after) = rest.split_once('/').expect("a database");
        let port: u16 = port.parse().expect("a port");
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let own = socket.local_addr().expect("an address").port();
        let (open, opened) = watch::channel(true);
        tokio::spawn(accept(socket, port, opened));
        Self { url: format!("{before}127.0.0.1:{own}/{after}"), open }
    }

    /// What comes from now on waits.
    pub fn hold(&self) {
        self.open.send_replace(false);
    }

    /// Lets through what waits, and what comes.
    pub fn release(&self) {
        self.open.send_replace(true);
    }
}

async fn accept(socket: TcpListener, port: u16, opened: watch::Receiver<bool>) {
    while let Ok((near, _)) = socket.accept().await {
        let Ok(far) = TcpStream::connect(("127.0.0.1", port)).await else { continue };
        // As the driver does: what is asked leaves at once.
        let _ = (near.set_nodelay(true), far.set_nodelay(true));
        let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
        tokio::spawn(pass(near_in, far_out, opened.clone()));
        tokio::spawn(pass(far_in, near_out, opened.clone()));
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut opened: watch::Receiver<bool>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let there = opened.wait_for(|open| *open).await.is_ok();
        if !there || to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
