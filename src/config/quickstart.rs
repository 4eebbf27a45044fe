//! The configuration of `tollgate quickstart`: no file, a directory for everything that must last.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, Method};

use super::error::{ConfigError, ConfigErrors, Warning};
use super::list::List;
use super::raw::{
    RawApi, RawAudit, RawAuthorizer, RawConfig, RawData, RawKeys, RawKind, RawLimits, RawListen, RawNeed, RawOAuth, RawRoute,
    RawRouteTimeouts, RawScope, RawStore, RawTenant, RawUpstream,
};
use super::secrets::Environment;
use super::written::{Kind, Written};
use super::{Config, Endpoint, Enforcement, Risk, UpstreamProtocol, Visibility, pack};
use crate::types::{ApiName, Entropy, Issuer, RouteId, ScopeToken};

/// The answers of the command line.
#[derive(Clone, Debug)]
pub struct Quickstart {
    /// Where everybody connects. Its port becomes part of the public URL, so it must not be 0.
    pub public: SocketAddr,
    /// Metrics, health, administration.
    pub admin: SocketAddr,
    /// Where everything that must last is kept.
    pub data_dir: PathBuf,
    /// `--gate NAME=URL`, in order.
    pub gates: Vec<(String, String)>,
    /// `--tool API:PATTERN=SCOPE,…`, in order.
    pub tools: Vec<ToolRule>,
    /// Lifetime of access tokens that act for a user; `None` for the default.
    pub access_token_ttl: Option<Duration>,
}

/// What tools of a gated MCP server need besides reaching it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolRule {
    /// The name of the gate.
    pub api: String,
    /// Names of tools, with `*`; `default` for all others.
    pub pattern: String,
    /// All of these.
    pub scopes: Vec<String>,
}

impl std::str::FromStr for ToolRule {
    type Err = String;

    /// `API:PATTERN=SCOPE[,SCOPE…]`, for example `everything:get-sum=mcp:everything:write`.
    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once(':').and_then(|(api, rest)| rest.split_once('=').map(|(p, s)| (api, p, s)));
        let (api, pattern, scopes) =
            parts.ok_or("expected API:PATTERN=SCOPE, for example everything:get-sum=mcp:everything:write")?;
        let scopes = scopes.split(',').filter(|s| !s.is_empty()).map(ToOwned::to_owned).collect();
        Ok(Self { api: api.to_owned(), pattern: pattern.to_owned(), scopes })
    }
}

impl Quickstart {
    /// The configuration, proved. Makes `data_dir` (mode 0700) and the deployment's secret in it (mode 0600) when they are not there.
    ///
    /// # Errors
    /// Everything that is wrong with the answers; paths name the command-line option or the key that it became.
    pub fn config(
        &self,
        env: &dyn Environment,
        entropy: &dyn Entropy,
        generation: u64,
    ) -> Result<(Config, Vec<Warning>), ConfigErrors> {
        let raw = self.raw().map_err(ConfigErrors)?;
        let secret = self.secret_file();
        make_secret(&self.data_dir, &secret, entropy).map_err(|e| {
            let problem = format!("{} can't be made: {e}", secret.display());
            ConfigErrors(vec![ConfigError::new("data.dir", problem, "choose a directory that you may write to")])
        })?;
        Config::from_raw(&raw, env, generation)
    }

    fn secret_file(&self) -> PathBuf {
        self.data_dir.join("secret.key")
    }

    /// The same as a file would say it.
    ///
    /// # Errors
    /// When an option can't be read.
    pub fn raw(&self) -> Result<RawConfig, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let mut raw = self.base(&mut errors);
        for (name, url) in &self.gates {
            let at = format!("--gate {name}={url}");
            match (ApiName::read(name), Endpoint::read(url)) {
                (Ok(name), Ok(endpoint)) => gate(&mut raw, name, endpoint),
                (name, endpoint) => {
                    errors.extend(name.err().map(|e| ConfigError::new(&at, format!("the name {e}"), ApiName::EXPECTED)));
                    errors.extend(endpoint.err().map(|e| ConfigError::new(&at, format!("the URL {e}"), Endpoint::EXPECTED)));
                }
            }
        }
        for rule in &self.tools {
            add_tool(&mut raw, rule, &mut errors);
        }
        if errors.is_empty() { Ok(raw) } else { Err(errors) }
    }

    fn base(&self, errors: &mut Vec<ConfigError>) -> RawConfig {
        let host = if self.public.ip().is_unspecified() { "127.0.0.1".to_owned() } else { self.public.ip().to_string() };
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let port = if self.public.port() == 80 { String::new() } else { format!(":{}", self.public.port()) };
        let url = format!("http://{host}{port}");
        let issuer = Issuer::parse(&url).or_else(|_| {
            let way_out = "listen on 127.0.0.1, or write a configuration file with an https public_url";
            errors.push(ConfigError::new("--listen", format!("{} is no loopback address", self.public), way_out));
            Issuer::parse("http://127.0.0.1")
        });
        if self.public.port() == 0 {
            errors.push(ConfigError::new("--listen", "port 0 can't stand in the public URL", "name a port"));
        }
        // Everybody on this machine shares one address, and trying things out registers often.
        let mut oauth = RawOAuth { registrations_per_hour: 1_000, ..RawOAuth::default() };
        if let Some(ttl) = self.access_token_ttl {
            oauth.access_token_ttl = Written(ttl);
        }
        RawConfig {
            public_url: Written(issuer.expect("a loopback origin is an issuer")),
            listen: RawListen { public: Written(self.public), admin: Written(self.admin), ..RawListen::default() },
            limits: RawLimits::default(),
            store: RawStore::default(),
            data: RawData { dir: self.data_dir.clone() },
            keys: RawKeys { secret_file: Some(self.secret_file()), secret: None },
            oauth,
            audit: RawAudit::default(),
            scopes: BTreeMap::new(),
            roles: BTreeMap::new(),
            upstreams: List::default(),
            apis: List::default(),
            hooks: List::default(),
            authorizer: RawAuthorizer::default(),
            sites: List::default(),
        }
    }
}

/// What `--gate` adds: an upstream and an API of the kind that its name and URL show.
fn gate(raw: &mut RawConfig, name: ApiName, endpoint: Endpoint) {
    let text = name.as_str().to_owned();
    let mcp = text == "mcp" || endpoint.base_path.ends_with("/mcp");
    let protocol = if pack::serves_grpc(&text) { UpstreamProtocol::Http2 } else { UpstreamProtocol::Http1 };
    raw.upstreams.push(RawUpstream { protocol, ..RawUpstream::new(name.clone(), endpoint) });
    let mut api = bare_api(name, if mcp { format!("/mcp/{text}") } else { format!("/{text}") });
    if mcp {
        api.kind = RawKind::Mcp;
        for names in [&mut api.tools, &mut api.prompts, &mut api.resources] {
            names.insert("default".to_owned(), RawNeed::Scopes(List::default()));
        }
    } else if pack::is_for_http(&text) {
        api.pack = Some(text.clone());
        if !pack::tells_tenant(&text) {
            let name = Written(HeaderName::from_static("x-scope-orgid"));
            api.tenant = Some(RawTenant::Header { name, value: "{org.tenant}".to_owned(), label: None });
        }
    } else {
        generic(raw, &mut api);
    }
    raw.apis.push(api);
}

fn bare_api(name: ApiName, mount: String) -> RawApi {
    RawApi {
        upstream: Written(name.clone()),
        name: Written(name),
        mount,
        services: None,
        kind: RawKind::Http,
        pack: None,
        enforce: Enforcement::On,
        aliases: List::default(),
        host: None,
        tenant: None,
        forbidden_query: Vec::new(),
        strip_query: Vec::new(),
        identity_headers: List::default(),
        headers: List::default(),
        assertion: None,
        exchange: None,
        routes: List::default(),
        rates: List::default(),
        client_certificate: false,
        max_concurrent: None,
        max_body: None,
        timeouts: RawRouteTimeouts::default(),
        overrides: BTreeMap::new(),
        tools: BTreeMap::new(),
        prompts: BTreeMap::new(),
        resources: BTreeMap::new(),
        tasks: false,
        advertise: None,
        allowed_origins: List::default(),
        token_ttl: None,
    }
}

/// An API that we know nothing of: one scope to read, one to write.
fn generic(raw: &mut RawConfig, api: &mut RawApi) {
    let name = api.name.0.as_str();
    let reading = (":read", "read", vec![Method::GET, Method::HEAD], Risk::Low);
    let writing = (":write", "write", vec![Method::POST, Method::PUT, Method::PATCH, Method::DELETE], Risk::Medium);
    for (suffix, verb, methods, risk) in [reading, writing] {
        let scope = format!("{name}{suffix}");
        let description =
            if verb == "read" { format!("Read from {name}") } else { format!("Create, change and delete in {name}") };
        let (Ok(token), Ok(id)) = (ScopeToken::parse(&scope), RouteId::parse(&format!("{name}.{verb}"))) else { continue };
        raw.scopes.insert(scope, described(description, name, risk));
        api.routes.push(RawRoute {
            id: Some(Written(id)),
            pattern: "/**".to_owned(),
            methods: methods.into_iter().map(Written).collect(),
            scopes: std::iter::once(Written(token)).collect(),
            scopes_any: None,
            public: false,
            keys: false,
            client_certificate: None,
            encoded_slash: false,
            org_captures: Vec::new(),
            namespace_captures: Vec::new(),
            index_captures: Vec::new(),
            index_body: None,
            body_without: Vec::new(),
            rates: List::default(),
            max_concurrent: None,
            max_body: None,
            timeouts: RawRouteTimeouts::default(),
            operation: None,
            enforce: None,
            blind_to: Vec::new(),
            upgrade: None,
            errors: None,
            headers: List::default(),
        });
    }
}

fn described(description: String, group: &str, risk: Risk) -> RawScope {
    RawScope {
        description: Some(description),
        group: Some(group.to_owned()),
        risk: Some(risk),
        visibility: Some(Visibility::Public),
        ..RawScope::default()
    }
}

/// Adds a tool rule. A scope that exists nowhere yet is made: it is what the option is for.
fn add_tool(raw: &mut RawConfig, rule: &ToolRule, errors: &mut Vec<ConfigError>) {
    let at = format!("--tool {}:{}={}", rule.api, rule.pattern, rule.scopes.join(","));
    let mut scopes = List::default();
    for scope in &rule.scopes {
        match ScopeToken::read(scope) {
            Ok(token) => scopes.push(Written(token)),
            Err(problem) => errors.push(ConfigError::new(&at, problem, ScopeToken::EXPECTED)),
        }
    }
    let known: Vec<_> = raw.apis.iter().filter(|a| a.kind == RawKind::Mcp).map(|a| a.name.0.clone()).collect();
    let Some(api) = raw.apis.iter_mut().find(|a| a.kind == RawKind::Mcp && a.name.0.as_str() == rule.api) else {
        let known = known.iter().map(ApiName::as_str).collect::<Vec<_>>().join(", ");
        errors.push(ConfigError::new(at, format!("no gate to an MCP server is named {:?}", rule.api), format!("known: {known}")));
        return;
    };
    for scope in scopes.iter().map(|s| s.0.as_str()).filter(|s| s.starts_with(&format!("mcp:{}:", rule.api))) {
        let description = format!("Use tools of the MCP server {} that need {scope}", rule.api);
        let entry = described(description, "MCP servers", Risk::Medium);
        if !scope.ends_with(":invoke") {
            raw.scopes.entry(scope.to_owned()).or_insert(entry);
        }
    }
    api.tools.insert(rule.pattern.clone(), RawNeed::Scopes(scopes));
}

/// Makes the secret once. A second start, even at the same instant, finds the first one's.
fn make_secret(dir: &Path, file: &Path, entropy: &dyn Entropy) -> std::io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let mut bytes = [0_u8; 32];
    entropy.fill(&mut bytes);
    match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        Ok(mut made) => {
            writeln!(made, "{}", STANDARD.encode(bytes))?;
            made.sync_all()
        }
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(e),
    }
}
