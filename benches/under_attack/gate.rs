//! The gate, as a process of its own: one healthy API, and one for each kind of upstream that is not.

use std::io::Write as _;
use std::net::TcpListener;
use std::sync::Arc;

use secrecy::ExposeSecret as _;
use tollgate::boot::{self, Options};
use tollgate::config::Config;

use super::attacks::Upstreams;
use super::tls;

#[path = "../support/node.rs"]
mod support;

/// Serves until it is killed; tells its address, a token, and one of another organization first.
pub(crate) fn serve(upstream: &str, hostile: &str, penalty: Option<&str>, authority: Option<&str>) {
    let hostile = Upstreams::parse(hostile).expect("the addresses of upstreams");
    let runtime = boot::runtime().expect("a runtime");
    runtime.block_on(async {
        let data = tempfile::tempdir().expect("a folder");
        let bound = || TcpListener::bind("127.0.0.1:0").expect("a port");
        let (public, admin) = (bound(), bound());
        let address = public.local_addr().expect("an address");
        let tls = authority.map(|authority| tls::listen(authority.as_ref())).unwrap_or_default();
        let more = apis(upstream, &hostile) + &limits(penalty) + &tls;
        let config = support::configuration(data.path(), &address.to_string(), &more);
        let environment: Arc<dyn tollgate::config::Environment + Send + Sync> = Arc::new(tollgate::config::ProcessEnvironment);
        let (config, _) = Config::parse(&config, &*environment, 1).unwrap_or_else(|e| panic!("{e}"));
        let options = Options { sockets: Some((public, admin)), ..Options::new(config, None, environment) };
        let running = boot::start(options).await.unwrap_or_else(|e| panic!("{e}"));
        let grant = support::grant(&running.node).await;
        let token = support::token(&running.node, &grant, "bench");
        let others = support::grant_of(&running.node, "others").await;
        let others = support::token(&running.node, &others, "others");
        println!("{address} {} {}", token.expose_secret(), others.expose_secret());
        std::io::stdout().flush().expect("stdout is open");
        std::future::pending::<()>().await;
    });
}

/// Where a penalty is named, the healthy client has the attacker's address: nothing that counts by address may hit it.
fn limits(penalty: Option<&str>) -> String {
    let apart = |penalty| format!("[limits]\nflood_penalty = \"{penalty}\"\nmax_handshakes_per_address = 100000\n");
    penalty.map(apart).unwrap_or_default()
}

fn apis(upstream: &str, hostile: &Upstreams) -> String {
    let Upstreams { hole, silent, drip, hose } = hostile;
    let addresses = [("bench", upstream), ("hole", hole), ("silent", silent), ("drip", drip), ("hose", hose)];
    let mut text = String::new();
    for (name, address) in addresses {
        let route = if name == "bench" { "/q" } else { "/**" };
        text += &format!(
            "[[upstreams]]\nname = \"{name}\"\nendpoints = [\"http://{address}\"]\n\
             [[apis]]\nname = \"{name}\"\nmount = \"/{name}\"\nupstream = \"{name}\"\n\
             [[apis.routes]]\nid = \"{name}.any\"\nmatch = \"{route}\"\nmethods = [\"GET\"]\nscopes = [\"metrics:read\"]\n"
        );
    }
    text + "[[apis]]\nname = \"open\"\nmount = \"/open\"\nupstream = \"silent\"\n\
            [[apis.routes]]\nid = \"open.any\"\nmatch = \"/**\"\nmethods = [\"GET\", \"POST\"]\npublic = true\n\
            [[apis]]\nname = \"tools\"\nmount = \"/mcp/bench\"\nkind = \"mcp\"\nupstream = \"silent\"\n\
            tools = { echo = [\"metrics:read\"], default = \"deny\" }\n"
}
