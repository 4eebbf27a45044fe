//! The public socket: connections with limits, requests with a switch that ends them, and the bridge to local endpoints.
//!
//! pingora has no cap on connections, no deadline for a whole request head and keeps idle connections for ever; the
//! [`entrance`] and the [`guard`] add what is missing around it.

mod announced;
mod body;
mod bridge;
mod connection;
mod ctx;
mod desk;
mod entrance;
mod entry;
mod exchange;
mod front;
mod guard;
mod handshakes;
mod hints;
mod http2;
mod length;
mod lines;
mod onward;
mod protocol;
mod rest;
mod tls;
mod turns;
mod waiting;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pingora_core::listeners::{ListenerConfig, Listeners};
use pingora_core::protocols::l4::stream::L4BufferSettings;
use pingora_core::server::Fds;
use pingora_core::server::configuration::ServerConf;
use pingora_core::services::Service as _;
use pingora_core::services::listening::Service;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use front::Front;
pub use tls::Served;

/// What is read of connections before pingora, for whoever looks for bytes that fool it.
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz {
    pub use super::announced::fuzz::announced;
    pub use super::http2::fuzz::frames;
}

use crate::config::Limits;
use crate::gateway::upstream::most_connections;
use connection::Connections;
use entrance::{Door, Entrance, Threshold};
use guard::{Dispatch, Guard};

/// Bytes that pingora reads ahead on each connection. Its default of 64 KiB is most of what an idle connection costs.
const READ_AHEAD: usize = 4 * 1024;
/// Bounds of the pool of idle connections to upstreams, which is as large as all of them together may need: room for those that a
/// reload adds, and no more than descriptors that anybody has.
const LEAST_KEPT: usize = 4 * 1024;
const MOST_KEPT: usize = 1 << 20;
/// Bytes of an answer that wait in the kernel to be sent, besides those on their way. Left alone it takes megabytes for each client
/// that reads nothing, and the time to copy them.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 128 * 1024;

/// A listener that accepts.
#[derive(Debug)]
pub struct Listener {
    /// Where it listens.
    pub address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    connections: Arc<Connections>,
}

impl Listener {
    /// Starts to accept on a bound socket, over TLS where there is something to show.
    ///
    /// # Errors
    /// When the socket can't be handed over.
    pub fn start(
        socket: std::net::TcpListener,
        front: Front,
        limits: Limits,
        served: Option<&Arc<Served>>,
    ) -> std::io::Result<Self> {
        use std::os::fd::IntoRawFd;

        socket.set_nonblocking(true)?;
        // Every connection inherits it.
        #[cfg(target_os = "linux")]
        socket2::SockRef::from(&socket).set_tcp_notsent_lowat(UNSENT)?;
        let address = socket.local_addr()?;
        let kept = most_connections(&front.prepared.load().config.upstreams).clamp(LEAST_KEPT, MOST_KEPT);
        let conf = ServerConf { max_retries: 3, upstream_keepalive_pool_size: kept, threads: 1, ..ServerConf::default() };
        let shared = (Arc::clone(&front.metrics), Arc::clone(&front.prepared));
        let proxy = pingora::proxy::http_proxy(&Arc::new(conf), front);
        let connections = Arc::new(Connections::new(limits));
        let dispatch = Dispatch::new(proxy, Arc::clone(&connections), limits.idle_timeout);
        let entrance = Entrance::new(Arc::clone(&connections), shared, served.is_some());
        let mut listeners = Listeners::new();
        listeners.set_pre_tls_callback(Arc::new(Threshold(entrance.clone())));
        let guard = Guard::new(dispatch, entrance.clone());
        let mut service = Service::with_listeners("tollgate".to_owned(), listeners, guard);
        let buffers = L4BufferSettings::default().read(READ_AHEAD);
        let mut listener = ListenerConfig::tcp(address.to_string()).l4_buffer(buffers);
        if let Some(served) = served {
            listener = listener.tls(tls::settings(served).map_err(std::io::Error::other)?);
        }
        service.add_listener(listener);
        service.set_connection_filter(Arc::new(Door(entrance)));
        let mut fds = Fds::new();
        fds.add(address.to_string(), socket.into_raw_fd());
        let (stop, stopped) = watch::channel(false);
        let fds = Some(Arc::new(parking_lot::Mutex::new(fds)));
        let task = tokio::spawn(async move { service.start_service(fds, stopped, 1).await });
        Ok(Self { address, stop, task, connections })
    }

    /// Stops accepting, lets requests end for at most `limit` or until `hurry`, and cuts the rest.
    pub async fn drain(self, limit: Duration, hurry: &CancellationToken) {
        self.stop.send_replace(true);
        let _ = self.task.await;
        let why = tokio::select! {
            () = self.connections.quiet() => None,
            () = hurry.cancelled() => Some("whoever stops the gateway does not wait for them"),
            () = tokio::time::sleep(limit) => Some("the drain limit was reached"),
        };
        if let Some(why) = why {
            tracing::warn!(left = self.connections.busy(), why, "requests were cut");
            self.connections.cut_all();
            let _ = tokio::time::timeout(Duration::from_secs(1), self.connections.quiet()).await;
        }
    }
}
