//! A way to the store that can fall silent, as a network does that loses packets: connections stay, and nothing comes.

use std::future::pending;
use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The way. It is there as long as this is.
pub struct Way {
    /// The address of the store, by this way.
    pub url: String,
    /// Whether connections that are made now get through. Every change of it loses those of before.
    open: watch::Sender<bool>,
}

impl Way {
    /// A way to the PostgreSQL at `store`.
    pub async fn to(store: &str) -> Self {
        let (_, behind) = store.split_once('@').expect("a user");
        let (place, _) = behind.split_once('/').expect("a database");
        let server: SocketAddr = place.parse().expect("an address");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let here = listener.local_addr().expect("an address");
        let (open, state) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, server, state.clone()));
            }
        });
        Self { url: store.replace(place, &here.to_string()), open }
    }

    /// Falls silent for every connection, and for those that are made from now on.
    pub fn lose(&self) {
        self.open.send_replace(false);
    }

    /// Lets new connections through. Those of before stay lost.
    pub fn find(&self) {
        self.open.send_replace(true);
    }
}

async fn carry(mut client: TcpStream, server: SocketAddr, mut open: watch::Receiver<bool>) {
    let is_open = *open.borrow_and_update();
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    if is_open {
        tokio::select! {
            biased;
            _ = open.changed() => {}
            _ = copy_bidirectional(&mut client, &mut server) => return,
        }
    }
    // Both sides stay open, and neither hears the other.
    pending::<()>().await;
}
