//! The sockets beside the public one: where the admin API answers, and where proxies ask for decisions.
//!
//! Whoever reaches them is trusted more than strangers are, and may still hang: a head that does not come ends its connection,
//! connections are counted, and a stop waits for nobody for long.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::connect_info::IntoMakeServiceWithConnectInfo;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower::Service as _;

use super::BootError;

/// How long the next head of a connection may take to come, whole. Proxies keep connections for a while.
const HEAD: Duration = Duration::from_secs(75);
/// Connections at one time; others wait until there is room.
const MOST: usize = 1_024;
/// From a connection that could not be had, of descriptors that are missing mostly, to the next.
const PAUSE: Duration = Duration::from_millis(100);

type Make = IntoMakeServiceWithConnectInfo<axum::Router, SocketAddr>;

/// Answers at a socket until `stop`; what is under way may end within `grace` then.
pub(super) fn serve(
    socket: TcpListener,
    (router, grace): (axum::Router, Duration),
    stop: CancellationToken,
    tasks: &mut Vec<JoinHandle<()>>,
) -> Result<SocketAddr, BootError> {
    let serve = || {
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        Ok((tokio::net::TcpListener::from_std(socket)?, address))
    };
    let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
    let (socket, address) = serve().map_err(|source: std::io::Error| BootError::Listen { address: unknown, source })?;
    tasks.push(tokio::spawn(answer(socket, router.into_make_service_with_connect_info(), stop, grace)));
    Ok(address)
}

async fn answer(socket: tokio::net::TcpListener, mut make: Make, stop: CancellationToken, grace: Duration) {
    let (places, graceful, mut serving) = (Arc::new(Semaphore::new(MOST)), GracefulShutdown::new(), JoinSet::new());
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(_) = serving.join_next() => continue,
            accepted = accept(&socket, &places) => accepted,
        };
        let Some((stream, peer, place)) = accepted else { continue };
        // Making a service of a router can't fail; so the type says.
        let Ok(service) = make.call(peer).await;
        let mut http = Builder::new(TokioExecutor::new());
        http.http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
        http.http2().timer(TokioTimer::new());
        let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).into_owned();
        let connection = graceful.watch(connection);
        serving.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error, "a connection beside the public listener ended");
            }
            drop(place);
        });
    }
    // Nobody else connects.
    drop(socket);
    if timeout(grace, graceful.shutdown()).await.is_err() {
        tracing::warn!(connections = serving.len(), "connections beside the public listener did not end in time, and are cut");
    }
    serving.shutdown().await;
}

/// The next connection, once there is room for it. `None` when it can't be had.
async fn accept(
    socket: &tokio::net::TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match socket.accept().await {
        Ok((stream, peer)) => {
            // Answers are small: none waits for what comes behind it.
            let _ = stream.set_nodelay(true);
            Some((stream, peer, place))
        }
        Err(error) => {
            tracing::warn!(%error, "no connection can be had beside the public listener");
            sleep(PAUSE).await;
            None
        }
    }
}
