//! Finds what to administer: a running gateway, or the store when none runs.

use std::fs;
use std::future::Future;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use tokio::net::TcpStream;

use super::args::Place;
use super::failure::{CliError, absolute};
use super::quickstart;
use crate::admin::AdminError;
use crate::admin::{Administration, Local, RefusalCode, Remote, read_secret, secret_path};
use crate::boot;
use crate::config::{Config, ProcessEnvironment, Whereabouts};

/// How long a gateway may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(2);

/// Runs `work` on the gateway of `place`, or on its store.
pub(super) async fn administer<T, F>(place: &Place, work: impl FnOnce(Box<dyn Administration>) -> F) -> Result<T, CliError>
where
    F: Future<Output = Result<T, CliError>>,
{
    // A gateway that runs needs neither the rest of its file nor its secrets from whoever administers it: both may be broken when
    // there is something to revoke.
    if let Some(found) = whereabouts(place)?
        && let Some(remote) = running(&found).await?
    {
        return work(Box::new(remote)).await;
    }
    let direct = boot::open(config(place)?).await?;
    let result = work(Box::new(Local::new(std::sync::Arc::clone(&direct.node)))).await;
    direct.close().await;
    result
}

/// The data directory of a quick start that nobody named.
const DATA: &str = "data";

/// The configuration of a place.
fn config(place: &Place) -> Result<Config, CliError> {
    match (&place.config, &place.data) {
        (Some(file), _) => Ok(Config::load(file, &ProcessEnvironment, 1)?.0),
        (None, data) => quickstart::stored(data.as_deref().unwrap_or_else(|| Path::new(DATA))),
    }
}

/// Where the gateway of a place would be. `None` when its file does not say it so that it can be read.
fn whereabouts(place: &Place) -> Result<Option<Whereabouts>, CliError> {
    match (&place.config, &place.data) {
        (Some(file), _) => Ok(fs::read_to_string(file).ok().and_then(|text| Whereabouts::read(&text))),
        (None, data) => quickstart::whereabouts(data.as_deref().unwrap_or_else(|| Path::new(DATA))).map(Some),
    }
}

/// The gateway that is there, when it runs.
async fn running(found: &Whereabouts) -> Result<Option<Remote>, CliError> {
    let admin = reachable(found.admin);
    match tokio::time::timeout(CONNECT, TcpStream::connect(admin)).await {
        Ok(Ok(_)) => {}
        Ok(Err(e)) if e.kind() == ErrorKind::ConnectionRefused => return Ok(None),
        Ok(Err(e)) => return Err(CliError::failed(format!("can't tell whether a gateway runs at {admin}: {e}"))),
        Err(_) => return Err(CliError::failed(format!("can't tell whether a gateway runs at {admin}: it doesn't answer"))),
    }
    let path = absolute(&secret_path(&found.data_dir));
    let secret = read_secret(&found.data_dir).map_err(|e| {
        let way_out = "run this as the gateway's user, where it was started if data.dir is relative, with the configuration that it \
                       runs with";
        let path = path.display();
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
