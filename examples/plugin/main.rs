//! The gate as a library: `cargo run --example plugin -- gateway.toml 127.0.0.1:8000 127.0.0.1:9090`
//!
//! The gateway of the file runs beside the application, for pages and tokens; the application listens on the second address, asks the
//! gate about every request, and sends what is allowed to the third.

mod app;

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use pingora::proxy::http_proxy;
use pingora_core::server::configuration::ServerConf;
use pingora_core::services::Service as _;
use pingora_core::services::listening::Service;
use tollgate::Options;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let mut word = || words.next().ok_or("usage: plugin CONFIG LISTEN UPSTREAM");
    let (file, listen, upstream): (PathBuf, SocketAddr, SocketAddr) = (word()?.into(), word()?.parse()?, word()?.parse()?);
    let (options, warnings) = Options::load(file)?;
    for warning in warnings {
        eprintln!("{warning}");
    }
    let gateway = tollgate::start(options).await?;

    let app = app::App { gate: gateway.gate.clone().watching_bodies(), upstream };
    let mut service = Service::new("app".to_owned(), http_proxy(&Arc::new(ServerConf::default()), app));
    service.add_tcp(&listen.to_string());
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let serving = tokio::spawn(async move { service.start_service(None, stopped, 1).await });

    tollgate::signalled(|| {
        let _ = gateway.reload();
    })
    .await;
    stop.send_replace(true);
    serving.await?;
    gateway.stop().await;
    Ok(())
}
