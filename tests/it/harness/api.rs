//! One more API in front of an upstream, for tests that only need to have one: its tables are written here and nowhere else. What a
//! configuration may say, and what becomes of it when it changes, is tried with text that the test itself holds.

use std::fmt;

use super::Setup;

/// A route for everybody.
pub const OPEN: &str = "public = true";

/// A route for who may read metrics.
pub const READERS: &str = "scopes = [\"metrics:read\"]";

/// An upstream that is spoken to by HTTP/2.
pub const HTTP2: &str = "protocol = \"http2\"";

/// An API. Without more it is mounted at its name, leads to the upstream `plain` and has no route.
#[derive(Clone, Default)]
pub struct Api {
    name: String,
    mount: String,
    upstream: String,
    /// The tables of an upstream of its own.
    own: String,
    keys: String,
    routes: String,
}

impl Api {
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), mount: format!("/{name}"), upstream: "plain".to_owned(), ..Self::default() }
    }

    /// An MCP server, mounted as they usually are.
    pub fn mcp(name: &str) -> Self {
        Self::named(name).mount(&format!("/mcp/{name}")).keys("kind = \"mcp\"")
    }

    pub fn mount(self, mount: &str) -> Self {
        Self { mount: mount.to_owned(), ..self }
    }

    /// In front of an upstream that is there already.
    pub fn behind(self, upstream: &str) -> Self {
        Self { upstream: upstream.to_owned(), ..self }
    }

    /// In front of an upstream of its own, which has its name, at this address and with these lines.
    pub fn at(self, address: impl fmt::Display, lines: &str) -> Self {
        self.at_each(&[format!("http://{address}")], lines)
    }

    /// The same at more than one endpoint.
    pub fn at_each(self, endpoints: &[String], lines: &str) -> Self {
        let own = format!("[[upstreams]]\nname = {:?}\nendpoints = {endpoints:?}\n{lines}\n", self.name);
        Self { own, upstream: self.name.clone(), ..self }
    }

    /// The routes and scopes of a pack.
    pub fn pack(self, pack: &str) -> Self {
        self.keys(&format!("pack = {pack:?}"))
    }

    /// Lines of its own table.
    pub fn keys(mut self, lines: &str) -> Self {
        self.keys += &format!("{lines}\n");
        self
    }

    /// A route: the rest of its id, its methods with spaces between them, its pattern and the lines that it has besides.
    pub fn route(mut self, id: &str, methods: &str, pattern: &str, lines: &str) -> Self {
        let methods: Vec<_> = methods.split(' ').collect();
        let route = format!("id = \"{}.{id}\"\nmatch = {pattern:?}\nmethods = {methods:?}\n{lines}\n", self.name);
        self.routes += &format!("[[apis.routes]]\n{route}");
        self
    }
}

/// The tables as text, whatever stands before them.
impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, mount, upstream, own, keys, routes } = self;
        write!(f, "\n{own}[[apis]]\nname = {name:?}\nmount = {mount:?}\nupstream = {upstream:?}\n{keys}{routes}")
    }
}

/// A gateway that has it besides.
impl From<Api> for Setup {
    fn from(api: Api) -> Self {
        Self { more: api.to_string(), ..Self::default() }
    }
}

#[test]
fn an_api_is_its_tables() {
    let server = Api::mcp("told").keys("tools = { default = [] }").behind("metrics");
    let keys = "kind = \"mcp\"\ntools = { default = [] }\n";
    assert_eq!(server.to_string(), format!("\n[[apis]]\nname = \"told\"\nmount = \"/mcp/told\"\nupstream = \"metrics\"\n{keys}"));
    let calls = Api::named("calls").mount("/c").at("127.0.0.1:1", HTTP2).pack("otlp-grpc");
    let calls = calls.route("any", "GET POST", "/**", OPEN).route("one", "PUT", "/one", READERS);
    let wanted = r#"
[[upstreams]]
name = "calls"
endpoints = ["http://127.0.0.1:1"]
protocol = "http2"
[[apis]]
name = "calls"
mount = "/c"
upstream = "calls"
pack = "otlp-grpc"
[[apis.routes]]
id = "calls.any"
match = "/**"
methods = ["GET", "POST"]
public = true
[[apis.routes]]
id = "calls.one"
match = "/one"
methods = ["PUT"]
scopes = ["metrics:read"]
"#;
    assert_eq!(Setup::from(calls).more, wanted);
}
