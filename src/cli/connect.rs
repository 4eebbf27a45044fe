//! Finds what to administer: a running gateway, or the store when none runs.

use std::future::Future;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use tokio::net::TcpStream;

use super::args::Place;
use super::failure::CliError;
use super::quickstart;
use crate::admin::AdminError;
use crate::admin::{Administration, Local, RefusalCode, Remote, read_secret, secret_path};
use crate::boot;
use crate::config::{Config, ProcessEnvironment};

/// How long a gateway may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(2);

/// Runs `work` on the gateway of `place`, or on its store.
pub(super) async fn administer<T, F>(place: &Place, work: impl FnOnce(Box<dyn Administration>) -> F) -> Result<T, CliError>
where
    F: Future<Output = Result<T, CliError>>,
{
    let config = config(place)?;
    if let Some(remote) = running(&config).await? {
        return work(Box::new(remote)).await;
    }
    let direct = boot::open(config).await?;
    let result = work(Box::new(Local::new(std::sync::Arc::clone(&direct.node)))).await;
    direct.close().await;
    result
}

/// The configuration of a place.
fn config(place: &Place) -> Result<Config, CliError> {
    match (&place.config, &place.data) {
        (Some(file), _) => Ok(Config::load(file, &ProcessEnvironment, 1)?.0),
        (None, data) => quickstart::stored(data.as_deref().unwrap_or_else(|| Path::new("data"))),
    }
}

/// The gateway of this configuration, when it runs.
async fn running(config: &Config) -> Result<Option<Remote>, CliError> {
    let admin = reachable(config.listen.admin);
    match tokio::time::timeout(CONNECT, TcpStream::connect(admin)).await {
        Ok(Ok(_)) => {}
        Ok(Err(e)) if e.kind() == ErrorKind::ConnectionRefused => return Ok(None),
        Ok(Err(e)) => return Err(CliError::failed(format!("can't tell whether a gateway runs at {admin}: {e}"))),
        Err(_) => return Err(CliError::failed(format!("can't tell whether a gateway runs at {admin}: it doesn't answer"))),
    }
    let path = secret_path(&config.data_dir);
    let secret = read_secret(&config.data_dir).map_err(|e| {
        let (path, way_out) = (path.display(), "run this as the gateway's user, with the configuration that it runs with");
        CliError::failed(format!("a gateway runs at {admin}, but its secret {path} can't be read: {e} ({way_out})"))
    })?;
    let remote = Remote::new(admin, secret)?;
    match remote.roles().await {
        Ok(_) => Ok(Some(remote)),
        Err(AdminError::Refused(refusal)) if refusal.code == RefusalCode::Unauthorized => {
            let way_out = "name the configuration or data directory of the gateway that runs there";
            Err(CliError::failed(format!("the gateway at {admin} does not know the secret in {} ({way_out})", path.display())))
        }
        Err(error) => Err(error.into()),
    }
}

/// Where to connect to reach a socket that listens everywhere.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}
