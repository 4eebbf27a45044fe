//! A gateway in this process, on sockets of its own, with a clock that the test moves.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use tempfile::TempDir;
use tollgate::audit::Disk;
use tollgate::boot::{self, Options, Running};
use tollgate::config::Config;
use tollgate::gateway::upstream::Resolver;
use tollgate::types::{ManualClock, SeededEntropy, Timestamp};

use super::Upstream;

/// What the gateway presents to its upstream.
pub const UPSTREAM_SECRET: &str = "Bearer upstream-credential-5up3r";

const START: Timestamp = Timestamp::from_millis(1_795_219_200_000);

/// Tests run beside each other on busy machines: none of their gateways is late.
const PATIENT: &str = "max_delay = \"10m\"";

/// The configuration of a gateway that reads it again.
const FILE: &str = "gateway.toml";

const CONFIG: &str = r#"
public_url = "https://gw.test"
[data]
dir = "{dir}"
[keys]
secret = "env:SECRET"
[store]
url = "env:STORE"
[listen]
{listen}
[limits]
{patient}
{limits}
[scopes."dash:read"]
description = "See dashboards"
group = "Dashboards"
risk = "low"
[scopes."mcp:tools:write"]
description = "Use tools that change something"
group = "MCP servers"
[roles.reader]
permissions = ["metrics:read", "dash:read"]
[roles.operator]
permissions = ["metrics:read", "metrics:write", "rules:read", "alerts:read"]
[roles.clerk]
permissions = ["members:read", "members:write", "clients:read", "clients:write", "metrics:read"]
[roles.agent]
permissions = ["mcp:few:invoke", "mcp:tools:invoke", "mcp:tools:write", "metrics:read"]

[[upstreams]]
name = "metrics"
endpoints = ["http://{upstream}/base"]
timeouts = { connect = "2s", read = "{read}", stream_idle = "1h", write = "30s" }
[[upstreams.inject]]
header = "Authorization"
value_file = "{dir}/upstream.secret"
[[upstreams]]
name = "plain"
endpoints = ["http://{upstream}"]
[[upstreams]]
name = "nobody"
endpoints = ["http://127.0.0.1:{closed}"]

[[apis]]
name = "prometheus"
mount = "/prometheus"
pack = "prometheus"
upstream = "metrics"
tenant = { mode = "header", name = "X-Scope-OrgID", value = "{org.tenant}" }
forbidden_query = ["tenant"]
allowed_origins = ["https://app.test"]
aliases = ["urn:test:metrics"]

[[apis]]
name = "shared"
mount = "/shared"
pack = "prometheus"
upstream = "plain"
tenant = { mode = "label", label = "tenant", value = "{org.tenant}" }

[[apis]]
name = "tight"
mount = "/tight"
upstream = "plain"
rates = [{ per = "organization", requests = 100, every = "10s" }]
[[apis.routes]]
id = "tight.rate"
match = "/rate"
methods = ["GET"]
scopes = ["metrics:read"]
rates = [{ per = "client", requests = 2, every = "10s" }]
[[apis.routes]]
id = "tight.address"
match = "/address"
methods = ["GET"]
public = true
rates = [{ per = "user", requests = 1, every = "10s", burst = 3 }]
[[apis.routes]]
id = "tight.one"
match = "/one"
methods = ["GET"]
scopes = ["metrics:read"]
max_concurrent = 1
[[apis.routes]]
id = "tight.small"
match = "/small"
methods = ["POST"]
scopes = ["metrics:read"]
max_body = "10B"

[[apis]]
name = "few"
mount = "/mcp/few"
kind = "mcp"
upstream = "plain"
tools = { default = [] }
rates = [{ per = "tool", requests = 1, every = "1m" }]

[[apis]]
name = "dash"
mount = "/dash"
upstream = "plain"
host = "{org}.apps.test"
tenant = { mode = "path_prefix", value = "/o/{org.tenant}" }
identity_headers = ["X-WEBAUTH-USER"]
[[apis.routes]]
id = "dash.health"
match = "/health"
methods = ["GET", "POST"]
public = true
[[apis.routes]]
id = "dash.account"
match = "/api/{account}/dashboards/{uid}"
methods = ["GET"]
scopes = ["dash:read"]
org_captures = ["account"]
[[apis.routes]]
id = "dash.folders"
match = "/api/folders/**"
methods = ["GET", "POST"]
scopes = ["dash:read"]
encoded_slash = true

[[apis]]
name = "open"
mount = "/open"
upstream = "plain"
[[apis.routes]]
id = "open.any"
match = "/**"
methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
public = true

[[apis]]
name = "gone"
mount = "/gone"
upstream = "nobody"
[[apis.routes]]
id = "gone.any"
match = "/**"
methods = ["GET", "POST"]
public = true

[[apis]]
name = "tools"
mount = "/mcp/tools"
kind = "mcp"
upstream = "plain"
tools = { echo = [], "get-*" = ["metrics:read"], "write-*" = ["mcp:tools:write"], default = "deny" }
"#;

/// What a test changes about its gateway.
#[derive(Default)]
pub struct Setup {
    /// Lines of `[listen]`.
    pub listen: String,
    /// Lines of `[limits]`.
    pub limits: &'static str,
    /// Read timeout of the upstream with a credential; 60 s when empty.
    pub read_timeout: &'static str,
    /// Where the store is; a file of its own when `None`.
    pub store: Option<String>,
    /// Where the clock stands at the start; a fixed instant when `None`.
    pub at: Option<Timestamp>,
    /// What knows the names of upstreams, when that is not the system.
    pub resolver: Option<Arc<dyn Resolver>>,
    /// What the journal is written to, when not to files as they are.
    pub disk: Option<Box<dyn Disk>>,
    /// What the configuration has at its end.
    pub more: String,
    /// Whether the configuration is a file that is read again when it changes: see [`Gateway::rewrite`].
    pub file: bool,
}

/// A running gateway and its upstream.
pub struct Gateway {
    pub running: Running,
    pub clock: Arc<ManualClock>,
    pub upstream: Upstream,
    pub dir: TempDir,
    pub store_url: String,
}

impl Gateway {
    pub async fn start() -> Self {
        Self::start_with(Setup::default()).await
    }

    /// On PostgreSQL.
    pub async fn start_on_postgres() -> Self {
        let store = crate::postgres::fresh_database().await;
        Self::start_with(Setup { store: Some(store), ..Setup::default() }).await
    }

    pub async fn start_with(setup: Setup) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let upstream = Upstream::start().await;
        let store_url = setup.store.clone().unwrap_or_else(|| format!("sqlite:{}/store.db", dir.path().display()));
        let clock = Arc::new(ManualClock::starting_at(setup.at.unwrap_or(START)));
        let running = boot(setup, &dir, &upstream, &store_url, &clock).await;
        Self { running, clock, upstream, dir, store_url }
    }

    /// The configuration file as it is.
    pub fn text(&self) -> String {
        std::fs::read_to_string(self.dir.path().join(FILE)).expect("a gateway with a file")
    }

    /// Puts another text in the place of the configuration file, in one step.
    pub fn rewrite(&self, text: &str) {
        self.replace(FILE, text);
    }

    /// Puts another file in the place of one beside the configuration, in one step and for its owner only.
    pub fn replace(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;

        let (new, old) = (self.dir.path().join(format!("{name}.new")), self.dir.path().join(name));
        std::fs::write(&new, text).expect("a file");
        std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o600)).expect("a mode");
        std::fs::rename(&new, &old).expect("a file in the place of another");
    }

    /// The clock, moved.
    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

async fn boot(setup: Setup, dir: &TempDir, upstream: &Upstream, store: &str, clock: &Arc<ManualClock>) -> Running {
    let text = config_text(dir.path(), upstream.address, &setup, &setup.listen);
    let store = store.to_owned();
    let environment = move |name: &str| match name {
        "SECRET" => Some(secret()),
        "STORE" => Some(store.clone()),
        "HOOK" => Some(format!("whsec_{}", base64::engine::general_purpose::STANDARD.encode("twenty-four bytes of key"))),
        _ => None,
    };
    let (config, _) = Config::parse(&text, &environment, 1).unwrap_or_else(|e| panic!("a sound configuration: {e:?}"));
    let socket = || TcpListener::bind("127.0.0.1:0").expect("a free port");
    let file = setup.file.then(|| dir.path().join(FILE));
    if let Some(file) = &file {
        std::fs::write(file, &text).expect("a configuration file");
    }
    let fresh = Options::new(config, file, Arc::new(environment));
    let options = Options {
        resolver: setup.resolver.unwrap_or(fresh.resolver),
        disk: setup.disk.unwrap_or(fresh.disk),
        sockets: Some((socket(), socket())),
        clock: Arc::clone(clock) as _,
        entropy: Arc::new(SeededEntropy::new(u64::from(upstream.address.port()))),
        ..fresh
    };
    boot::start(options).await.unwrap_or_else(|e| panic!("the gateway starts: {e:?}"))
}

/// A port at which nobody listens.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port()
}

/// What the environment calls `SECRET`.
pub fn secret() -> String {
    base64::engine::general_purpose::STANDARD.encode([7_u8; 32])
}

/// The text of a configuration file, whose secret file is made.
pub fn config_text(dir: &Path, upstream: SocketAddr, setup: &Setup, listen: &str) -> String {
    use std::os::unix::fs::OpenOptionsExt as _;

    let path = dir.join("upstream.secret");
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path).expect("a file");
    std::io::Write::write_all(&mut file, UPSTREAM_SECRET.as_bytes()).expect("a secret");
    CONFIG
        .replace("{dir}", &dir.display().to_string())
        .replace("{listen}", listen)
        .replace("{patient}", if setup.limits.contains("max_delay") { "" } else { PATIENT })
        .replace("{limits}", setup.limits)
        .replace("{read}", if setup.read_timeout.is_empty() { "60s" } else { setup.read_timeout })
        .replace("{upstream}", &upstream.to_string())
        .replace("{closed}", &free_port().to_string())
        + &setup.more
}
