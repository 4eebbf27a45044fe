//! The two contestants, each as a process of its own with one worker thread.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora::Result;
use pingora::proxy::{ProxyHttp, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora_core::listeners::ListenerConfig;
use pingora_core::protocols::l4::stream::L4BufferSettings;
use pingora_core::server::Fds;
use pingora_core::server::configuration::ServerConf;
use pingora_core::services::Service as _;
use pingora_core::services::listening::Service;
use secrecy::ExposeSecret as _;
use tollgate::boot::{self, Options};
use tollgate::config::Config;
use tollgate::node::Node;
use tollgate::store::Grant;

#[path = "../support/node.rs"]
mod support;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
}

/// The id of the thread that serves requests: the runtime's one worker.
async fn worker() -> String {
    let own = async { std::fs::read_link("/proc/thread-self").expect("Linux") };
    let path = tokio::spawn(own).await.expect("the worker runs");
    path.file_name().expect("a thread's folder").to_string_lossy().into_owned()
}

fn announce(line: &str) {
    println!("{line}");
    std::io::stdout().flush().expect("stdout is open");
}

struct Pass(SocketAddr);

#[async_trait]
impl ProxyHttp for Pass {
    type CTX = ();

    fn new_ctx(&self) {}

    async fn upstream_peer(&self, _: &mut Session, (): &mut ()) -> Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.0, false, String::new())))
    }
}

/// pingora, and nothing else: same allocator, same profile, same read-ahead.
pub(crate) fn pass(upstream: SocketAddr) {
    use std::os::fd::IntoRawFd as _;

    runtime().block_on(async {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
        socket.set_nonblocking(true).expect("a socket");
        let address = socket.local_addr().expect("an address");
        let proxy = pingora::proxy::http_proxy(&Arc::new(ServerConf::default()), Pass(upstream));
        let mut service = Service::new("pass".to_owned(), proxy);
        service.add_listener(ListenerConfig::tcp(address.to_string()).l4_buffer(L4BufferSettings::default().read(4096)));
        let mut fds = Fds::new();
        fds.add(address.to_string(), socket.into_raw_fd());
        let (_stop, stopped) = tokio::sync::watch::channel(false);
        announce(&format!("{address} {}", worker().await));
        service.start_service(Some(Arc::new(parking_lot::Mutex::new(fds))), stopped, 1).await;
    });
}

/// How much a gate knows.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    /// Routes of its API, beside the one that is asked for.
    pub(crate) routes: u32,
    /// Live tokens, each seen once before the load begins.
    pub(crate) tokens: u32,
    /// Tokens that were seen and then revoked, one by one.
    pub(crate) revocations: u32,
}

/// The gate with everything on: a verified token from the cache, organization, scopes, journal, metrics.
/// Keeps what it has in `data`, which is the driver's: this process is killed.
pub(crate) fn gate(upstream: SocketAddr, size: Size, data: &Path) {
    runtime().block_on(async {
        let bound = || TcpListener::bind("127.0.0.1:0").expect("a port");
        let (public, admin) = (bound(), bound());
        let address = public.local_addr().expect("an address");
        let config = support::configuration(data, &address.to_string(), &apis(upstream, size.routes));
        let environment: Arc<dyn tollgate::config::Environment + Send + Sync> = Arc::new(tollgate::config::ProcessEnvironment);
        let (config, _) = Config::parse(&config, &*environment, 1).unwrap_or_else(|e| panic!("{e}"));
        let options = Options { sockets: Some((public, admin)), ..Options::new(config, None, environment) };
        let running = boot::start(options).await.unwrap_or_else(|e| panic!("{e}"));
        let grant = support::grant(&running.node).await;
        for number in 0..size.revocations {
            revoke(&running.node, &grant, &format!("revoked-{number}")).await;
        }
        running.node.settle().await.expect("a change that is known");
        let file = data.join("tokens");
        let mut lines = std::io::BufWriter::new(std::fs::File::create(&file).expect("a file"));
        let config = running.node.config.load_full();
        for number in 0..size.tokens {
            let token = support::token(&running.node, &grant, &format!("bench-{number}"));
            let known = running.node.verifier.principal(token.expose_secret(), &config, running.node.now()).await;
            known.expect("a good token");
            writeln!(lines, "{}", token.expose_secret()).expect("a line");
        }
        lines.flush().expect("a file");
        announce(&format!("{address} {} {}", worker().await, file.display()));
        std::future::pending::<()>().await;
    });
}

/// Has a token seen, and revokes it.
async fn revoke(node: &Node, grant: &Grant, jti: &str) {
    let (token, config) = (support::token(node, grant, jti), node.config.load_full());
    node.verifier.principal(token.expose_secret(), &config, node.now()).await.expect("a good token");
    let until = node.now().plus(Duration::from_secs(24 * 3600));
    node.store.revoke_access_token(jti, &grant.id, until, &node.own_cause()).await.expect("a revocation");
}

/// The route that is asked for stands among as many others of its API.
fn apis(upstream: SocketAddr, routes: u32) -> String {
    let others = (0..routes).map(|number| {
        let version = number % 7;
        format!(
            "[[apis.routes]]\nid = \"bench.r{number}\"\nmatch = \"/v{version}/things/{{id}}/part{number}\"\nmethods = [\"GET\"]\n\
             scopes = [\"metrics:read\"]\n"
        )
    });
    let others = others.collect::<Vec<_>>().concat();
    format!(
        r#"
[limits]
max_token_cache = "2GiB"
[[upstreams]]
name = "bench"
endpoints = ["http://{upstream}"]
[[upstreams]]
name = "tools"
endpoints = ["http://{upstream}/mcp"]
[[apis]]
name = "bench"
mount = "/bench"
upstream = "bench"
tenant = {{ mode = "header", name = "X-Scope-OrgID", value = "{{org.tenant}}" }}
[[apis.routes]]
id = "bench.q"
match = "/q"
methods = ["GET"]
scopes = ["metrics:read"]
{others}
[[apis]]
name = "tools"
mount = "/mcp/bench"
kind = "mcp"
upstream = "tools"
tools = {{ echo = ["metrics:read"], default = "deny" }}
"#
    )
}
