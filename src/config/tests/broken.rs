//! Broken files and everything that is said about each.

mod apis;

use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;

use super::super::{Config, ConfigErrors};
use super::{env, parse};

/// Paths of the errors of a file, in order.
fn paths(text: &str) -> Vec<String> {
    match parse(text) {
        Ok(_) => Vec::new(),
        Err(ConfigErrors(errors)) => errors.into_iter().map(|e| e.path).collect(),
    }
}

const UPSTREAM: &str = "[[upstreams]]\nname = \"u\"\nendpoints = [\"http://h\"]\n";

/// A file with one HTTP API, whose table holds `keys` before its only route.
fn api(keys: &str) -> String {
    let route = "[[apis.routes]]\nid = \"a.all\"\nmatch = \"/**\"\nmethods = [\"GET\"]\nscopes = [\"audit:read\"]\n";
    format!("{UPSTREAM}[[apis]]\nname = \"a\"\nmount = \"/a\"\nupstream = \"u\"\n{keys}\n{route}")
}

#[test]
fn everything_is_said_at_once() {
    let text = r#"
        oops = 1
        [listen]
        public = "everywhere"
        [oauth]
        code_ttl = "11m"
        acess_token_ttl = "5m"
        [scopes."a:read"]
        [scopes."b:*"]
        description = "All of b"
        [roles.reader]
        permissions = ["a:read", "nothing"]
        [[upstreams]]
        name = "u"
        endpoints = ["ftp://h"]
        inject = [{ header = "X-Key", value = "plain" }, { header = "Host", value_file = "/x" }]
        [[apis]]
        name = "a"
        mount = "/oauth2/a"
        upstream = "v"
        pack = "prometeus"
        tenant = { mode = "heder", name = "X" }
        [[apis.routes]]
        match = "no slash"
        methods = ["get"]
        scopes = ["a:read"]
        public = true
    "#;
    let errors = parse(text).expect_err("nothing is right").to_string();
    insta::assert_snapshot!(errors, @r##"
    apis[0].routes[0].methods[0]: "get" is not a method that can be routed (expected GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS, in capitals)
    apis[0].tenant.mode: "heder" is not known here (use "header" or "path_prefix" or "label" or "index" or "none")
    listen.public: "everywhere" is not a socket address (expected an address and a port, for example "0.0.0.0:8443")
    oauth.acess_token_ttl: unknown key (known here: access_token_ttl, code_ttl, dynamic_client_ttl, dynamic_registration, grant_ttl, login_attempts, machine_token_ttl, max_clients_per_org, operator_logo, operator_name, refresh_grace, refresh_idle, registrations_per_hour, request_ttl, session_idle, session_ttl)
    oops: unknown key (known here: apis, audit, authorizer, data, hooks, keys, limits, listen, oauth, public_url, roles, scopes, sites, store, upstreams)
    upstreams[0].endpoints[0]: "ftp://h" is neither http nor https (expected an http or https URL without user, query and fragment, for example "http://127.0.0.1:9090")
    upstreams[0].inject[1].header: "Host" is reserved (expected the name of a header that may be set, for example "X-Scope-OrgID")
    apis[0].pack: unknown pack "prometeus" (known: account-api, alertmanager, grafana, jaeger, loki, mcp, mimir, opensearch, otlp-grpc, otlp-http, prometheus, tempo, thanos, victorialogs, victoriametrics, victoriatraces)
    scopes."a:read".description: is missing (say in one sentence what it lets an application do)
    scopes."b:*": names more than one scope (expected a scope of RFC 6749 appendix A.4 without * and comma, for example "metrics:read")
    roles.reader.permissions[1]: unknown scope "nothing" (known: a:read, api_keys:write, applications:read, applications:write, audit:read, clients:read, clients:write, grants:read, grants:write, mcp:tollgate:invoke, members:read, members:write, sessions:read, sessions:write; add [scopes."nothing"])
    upstreams[0].inject[0].value: a secret must not stand in the file (use env:NAME, or the key that ends in _file)
    apis[0].mount: /oauth2/a collides with the gateway's own /oauth2 (choose another path)
    apis[0].upstream: unknown upstream "v" (known: u; add [[upstreams]] name = "v")
    apis[0].routes[0].public: contradicts scopes (keep public = true or scopes, not both)
    apis[0].routes[0].match: a pattern starts with / (write /a/{name}/{b,c}, with /** at the end for everything below)
    oauth.code_ttl: 11m is out of range (keep it between 1s and 10m)
    "##);
}

#[test]
fn each_mistake_has_its_path() {
    let table: &[(&str, &[&str])] = &[
        ("limits.max_connections = 0", &["limits.max_connections"]),
        ("limits.max_connections = -1", &["limits.max_connections"]),
        (
            "limits.max_connections_per_address = 0\nlimits.max_in_flight_per_address = 0",
            &["limits.max_connections_per_address", "limits.max_in_flight_per_address"],
        ),
        ("limits.max_handshakes_per_address = 0", &["limits.max_handshakes_per_address"]),
        ("limits.max_mcp_body = \"1 MB\"", &["limits.max_mcp_body"]),
        ("limits.max_token_cache = \"1KiB\"", &["limits.max_token_cache"]),
        ("limits.buffer_memory = \"1KiB\"", &["limits.buffer_memory"]),
        ("limits.buffer_memory_share = \"257MiB\"", &["limits.buffer_memory_share"]),
        ("limits.buffer_memory_share = \"1KiB\"", &["limits.buffer_memory_share"]),
        ("limits = { buffer_memory = \"1MiB\", max_mcp_body = \"2MiB\" }", &["limits.buffer_memory"]),
        ("limits.max_local_body = \"1B\"\nlimits.idle_timeout = \"0s\"", &["limits.idle_timeout", "limits.max_local_body"]),
        ("listen.admin = \"127.0.0.1:8080\"", &["listen.admin"]),
        ("listen.extra_hosts = [\"ok\", \"NOT\", \"u@h\"]", &["listen.extra_hosts[1]", "listen.extra_hosts[2]"]),
        ("listen.trusted_proxies = [\"10.0.0.0/40\"]", &["listen.trusted_proxies[0]"]),
        ("listen.proxy_protocol = { from = [\"10.0.0.1/32\", \"balancer\"] }", &["listen.proxy_protocol.from[1]"]),
        ("listen.proxy_protocol = [\"10.0.0.0/8\"]", &["listen.proxy_protocol"]),
        ("store.url = \"mysql://h\"", &["store.url"]),
        ("store.url = \"env:NOBODY\"", &["store.url"]),
        ("store.url = \"sqlite:a\"\nstore.url_file = \"/b\"", &["store.url"]),
        ("keys.secret_file = \"/x\"", &["keys.secret"]),
        ("oauth.access_token_ttl = \"61m\"", &["oauth.access_token_ttl"]),
        ("oauth.refresh_idle = \"91d\"", &["oauth.refresh_idle"]),
        ("oauth.registrations_per_hour = 0", &["oauth.registrations_per_hour"]),
        ("oauth.registrations_per_hour = 5000000000", &["oauth.registrations_per_hour"]),
        ("oauth.operator_name = \" \"", &["oauth.operator_name"]),
        ("oauth.dynamic_registration = \"yes\"", &["oauth.dynamic_registration"]),
        ("audit.retention = \"6d\"", &["audit.retention"]),
        ("audit.durability = \"none\"", &["audit.durability"]),
        ("audit.retention = 1979-05-27", &["audit.retention"]),
        ("oauth = 5", &["oauth"]),
        ("scopes.x = { description = \"\" }", &["scopes.x.description"]),
        ("scopes.\"a b\" = { description = \"x\", risk = \"huge\" }", &["scopes.\"a b\".risk", "scopes.\"a b\""]),
        (
            "scopes.x = { description = \"x\", implies = [\"nothing\", \"audit:read\", \"audit:read\"] }",
            &["scopes.x.implies[0]", "scopes.x.implies[2]"],
        ),
        ("scopes.x = { description = \"x\", implies = [\"api_keys:write\"] }", &["scopes.x.implies"]),
        ("scopes.x = { description = \"x\", max_token_ttl = \"0s\" }", &["scopes.x.max_token_ttl"]),
        ("scopes.x = { description = \"x\", max_token_ttl = \"61m\" }", &["scopes.x.max_token_ttl"]),
        ("scopes.x = { description = \"x\", grants_allowed = [] }", &["scopes.x.grants_allowed"]),
        (
            "scopes.x = { description = \"x\", grants_allowed = [\"refresh_token\", \"device_code\", \"device_code\"] }",
            &["scopes.x.grants_allowed[0]", "scopes.x.grants_allowed[2]"],
        ),
        ("scopes.x = { description = \"x\", replaced_by = \"audit:read\" }", &["scopes.x.replaced_by"]),
        ("scopes.x = { description = \"x\", deprecated = true, replaced_by = \"x\" }", &["scopes.x.replaced_by"]),
        ("scopes.x = { description = \"x\", deprecated = true, replaced_by = \"nothing\" }", &["scopes.x.replaced_by"]),
        ("scopes.x = { description = \"x\", title = \" \" }", &["scopes.x.title"]),
        ("scopes.x = { description = \"x\", title = \"a\\nb\" }", &["scopes.x.title"]),
        (
            "scopes.x = { description = \"x\", visibility = \"internal\" }\nscopes.y = { description = \"x\", implies = [\"x\"] }",
            &["scopes.y.implies"],
        ),
        ("scopes.x = { description = \"x\", requires_permission = \"nothing\" }", &["scopes.x.requires_permission"]),
        ("scopes.x = { description = \"x\", requires_permission = \"x\" }", &["scopes.x.requires_permission"]),
        (
            "scopes.x = { description = \"x\", requires_permission = \"y\" }\nscopes.y = { description = \"x\", requires_permission = \"x\" }",
            &["scopes.x.requires_permission"],
        ),
        ("scopes.x = { description = \"x\", implies = [\"x\"] }", &["scopes.x.implies"]),
        (
            "scopes.a = { description = \"x\", implies = [\"b\"] }\nscopes.b = { description = \"x\", implies = [\"audit:read\"] }",
            &["scopes.a.implies"],
        ),
        ("roles.\"No Name\" = { permissions = [] }", &["roles.\"No Name\""]),
        ("roles.x = {}", &["roles.x.permissions"]),
        ("roles.x = { permissions = [\"audit:read\", \"audit:read\"] }", &["roles.x.permissions[1]"]),
        ("roles.x = { permissions = [], selectors.\"audit:read\" = { team = \"a\" } }", &["roles.x.selectors.\"audit:read\""]),
        (
            "roles.x = { permissions = [\"audit:read\"], selectors.\"audit:read\" = { team = \"a\" } }",
            &["roles.x.selectors.\"audit:read\""],
        ),
        (
            "roles.x = { permissions = [\"audit:read\"], selectors.\"audit:read\" = { \"1\" = \"a\" } }",
            &["roles.x.selectors.\"audit:read\"", "roles.x.selectors.\"audit:read\""],
        ),
        ("upstreams = [{ name = \"u\", endpoints = [] }]", &["upstreams[0].endpoints"]),
        ("upstreams = [{ name = \"u\", endpoints = [\"http://a:b@h\"] }]", &["upstreams[0].endpoints[0]"]),
        ("upstreams = [{ name = \"u\", endpoints = [\"http://h\"], health = \"ready\" }]", &["upstreams[0].health"]),
        ("upstreams = [{ name = \"u\", endpoints = [\"http://h\"], health = { grpc = \"\" } }]", &["upstreams[0].health"]),
        ("upstreams = [{ name = \"u\", endpoints = [\"http://h\"], timeouts.read = \"0s\" }]", &["upstreams[0].timeouts.read"]),
        (
            "upstreams = [{ name = \"u\", endpoints = [\"http://h\"], inject = [{ header = \"A\" }, { header = \"B\", value = \"env:EMPTY\" }] }]",
            &["upstreams[0].inject[0]", "upstreams[0].inject[1].value"],
        ),
        ("listen.tls = { cert = \"/no\", key = \"/no\" }", &["listen.tls.cert"]),
        (
            "listen.tls = { cert = \"/no\", key = \"/no\", verify = false, client_required = true }",
            &["listen.tls.verify", "listen.tls.client_required"],
        ),
        ("apis = [{ name = \"a\", mount = \"/a\", upstream = \"u\" }]", &["apis[0].upstream", "apis[0].routes"]),
    ];
    for (text, expected) in table {
        assert_eq!(paths(text), *expected, "{text}");
    }
}

#[test]
fn a_broken_upstream_is_not_missed_as_well() {
    let text =
        "upstreams = [{ name = \"u\" }]\napis = [{ name = \"a\", mount = \"/a\", upstream = \"u\", pack = \"prometheus\" }]";
    assert_eq!(paths(text), ["upstreams[0].endpoints"]);
}

#[test]
fn mistakes_about_grpc_and_websockets_have_their_path() {
    let http2 = |text: String| text.replace("[\"http://h\"]", "[\"http://h\"]\nprotocol = \"http2\"");
    let grpc = |keys: &str| http2(api(keys));
    let socket = |methods: &str| {
        let route = format!(
            "[[apis.routes]]\nmatch = \"/ws\"\nmethods = [{methods}]\nscopes = [\"audit:read\"]\nupgrade = \"websocket\"\n"
        );
        format!("{}{route}", api(""))
    };
    let second = format!(
        "{}[[apis]]\nname = \"b\"\nmount = \"/b\"\npack = \"otlp-grpc\"\nupstream = \"u\"\n",
        grpc("services = [\"opentelemetry.proto.collector.logs.v1.LogsService\"]")
    );
    let table: &[(String, &[&str])] = &[
        (grpc("services = [\"a.v1.S\", \"b.S\"]"), &[]),
        (
            grpc("services = [\"a v1\", \"/a.S\", \"a..S\", \"1.S\", \"oauth2\"]"),
            &["apis[0].services[0]", "apis[0].services[1]", "apis[0].services[2]", "apis[0].services[3]", "apis[0].services[4]"],
        ),
        (grpc("services = [\"a\"]"), &["apis[0].services"]),
        (grpc("services = [\"s.S\", \"s.S\"]"), &["apis[0].services"]),
        (api("services = [\"a.v1.S\"]"), &["apis[0].services"]),
        (api("pack = \"otlp-grpc\""), &["apis[0].services"]),
        (api("pack = \"otlp-grpc\"\nservices = []"), &[]),
        (second, &["apis[1].services"]),
        (socket("\"GET\""), &[]),
        (socket("\"GET\", \"POST\""), &["apis[0].routes[1].upgrade"]),
        (http2(socket("\"GET\"")), &["apis[0].upstream"]),
    ];
    for (text, expected) in table {
        assert_eq!(paths(text), *expected, "{text}");
    }
}

#[test]
fn mistakes_about_endpoints_have_their_path() {
    let upstream = |url: &str, keys: &str| format!("upstreams = [{{ name = \"u\", endpoints = [{url}], {keys} }}]");
    let plain = |keys: &str| upstream("\"http://h\"", keys);
    let tls = |keys: &str| upstream("\"https://h\"", keys);
    let table: &[(String, &[&str])] = &[
        (upstream("\"http://h\", { url = \"http://g\", weight = 3 }", "slow_start = \"1s\""), &[]),
        (upstream("{ url = \"http://g\", weight = 0 }", "slow_start = \"1s\""), &["upstreams[0].endpoints[0].weight"]),
        (upstream("\"http://h\", \"http://h/\"", "slow_start = \"1s\""), &["upstreams[0].endpoints[1]"]),
        (upstream("7", "slow_start = \"1s\""), &["upstreams[0].endpoints[0]"]),
        (plain("checks.healthy = 0"), &["upstreams[0].checks.healthy"]),
        (plain("ejection = { base = \"1m\", longest = \"1s\" }"), &["upstreams[0].ejection.longest"]),
        (plain("breaker = { base = \"1m\", longest = \"1s\" }"), &["upstreams[0].breaker.longest"]),
        (
            plain("breaker = { failures = 10001, base = \"1ms\" }"),
            &["upstreams[0].breaker.base", "upstreams[0].breaker.failures"],
        ),
        (plain("retries = { tries = 4, budget = 101 }"), &["upstreams[0].retries.tries", "upstreams[0].retries.budget"]),
        (plain("limits.in_flight = 0"), &["upstreams[0].limits.in_flight"]),
        (plain("timeouts.first_byte = \"1s\""), &["upstreams[0].timeouts.first_byte"]),
        (plain("tls.server_name = \"g\""), &["upstreams[0].tls"]),
        (plain("tls.verify = false"), &["upstreams[0].tls.verify"]),
        (tls("tls.ca = \"/no\""), &["upstreams[0].tls.ca"]),
        (tls("tls.server_name = \"a b\""), &["upstreams[0].tls.server_name"]),
        (tls("tls.client_cert = \"/no\""), &["upstreams[0].tls.client_key"]),
        (tls("tls.client_key = \"/no\""), &["upstreams[0].tls.client_cert"]),
    ];
    for (text, expected) in table {
        assert_eq!(paths(text), *expected, "{text}");
    }
    let route = api("").replace("match = \"/**\"", "client_certificate = true\nmatch = \"/**\"");
    assert_eq!(paths(&route), ["apis[0].routes"]);
    let route = api("").replace("match = \"/**\"", "timeouts.first_byte = \"1s\"\nmatch = \"/**\"");
    assert_eq!(paths(&route), ["apis[0].routes"]);
}

#[test]
fn mistakes_about_hooks_have_their_path() {
    let hook = |keys: &str| format!("hooks = [{{ name = \"h\", {keys} }}]");
    let url = "url = \"https://h/\", secret = \"env:TOLLGATE_SOC_SECRET\"";
    let table: &[(String, &[&str])] = &[
        (hook(url), &[]),
        (hook("command = [\"/bin/sh\", \"-c\", \"cat\"]"), &[]),
        ("hooks = [{ name = \"h\" }]".to_owned(), &["hooks[0]"]),
        (hook(&format!("{url}, command = [\"/bin/sh\"]")), &["hooks[0].command"]),
        (hook("url = \"ftp://h/\", secret = \"env:TOLLGATE_SOC_SECRET\""), &["hooks[0].url"]),
        (hook("url = \"https://u:p@h/\", secret = \"env:TOLLGATE_SOC_SECRET\""), &["hooks[0].url"]),
        (hook("url = \"https://h/\""), &["hooks[0]"]),
        (hook("url = \"https://h/\", secret = \"plain\""), &["hooks[0].secret"]),
        (hook("url = \"https://h/\", secret = \"env:KEY\""), &["hooks[0].secret"]),
        (hook("command = [\"/bin/sh\"], secret = \"env:TOLLGATE_SOC_SECRET\""), &["hooks[0].secret"]),
        (hook("command = []"), &["hooks[0].command"]),
        (hook("command = [\"sh\"]"), &["hooks[0].command[0]"]),
        (hook("command = [\"/nonexistent/sh\"]"), &["hooks[0].command[0]"]),
        (hook(&format!("{url}, organization = \"No Slug\"")), &["hooks[0].organization"]),
        (hook(&format!("{url}, events = []")), &["hooks[0].events"]),
        (hook(&format!("{url}, events = [\"login\"]")), &["hooks[0].events[0]"]),
        (format!("hooks = [{{ name = \"h\", {url} }}, {{ name = \"h\", {url} }}]"), &["hooks[1].name"]),
    ];
    for (text, expected) in table {
        assert_eq!(paths(text), *expected, "{text}");
    }
}

#[test]
fn mistakes_about_the_authorizer_have_their_path() {
    let file = |listen: &str, policy: &str| format!("listen = {{ {listen} }}\nauthorizer = {{ {policy} }}");
    let (socket, believed) = ("authorizer = \"127.0.0.1:9902\"", "trusted_proxies = [\"127.0.0.1/32\"]");
    let table: &[(String, &[&str])] = &[
        (file(socket, &format!("dialects = [\"nginx\"], {believed}")), &[]),
        (file(socket, "dialects = [\"envoy_grpc\"], secret = \"env:KEY\""), &[]),
        (file("", ""), &[]),
        (file(socket, believed), &["authorizer.dialects"]),
        (file("", &format!("dialects = [\"nginx\"], {believed}")), &["listen.authorizer"]),
        (file(socket, "dialects = [\"nginx\"]"), &["authorizer.trusted_proxies"]),
        (file(socket, &format!("dialects = [\"apache\"], {believed}")), &["authorizer.dialects[0]"]),
        (file(socket, "dialects = [\"nginx\"], trusted_proxies = [\"all\"]"), &["authorizer.trusted_proxies[0]"]),
        (file(socket, "dialects = [\"nginx\"], secret = \"plain\""), &["authorizer.secret"]),
        (file("authorizer = \"127.0.0.1:9901\"", &format!("dialects = [\"nginx\"], {believed}")), &["listen.authorizer"]),
    ];
    for (text, expected) in table {
        assert_eq!(paths(text), *expected, "{text}");
    }
}

/// A proxy that asks never sees lists; only where Envoy may ask does an MCP server get any messages.
#[test]
fn lists_that_nobody_filters_are_warned_of() {
    let warned = |dialects: &str, tools: &str| {
        let file = format!(
            "listen = {{ authorizer = \"127.0.0.1:9902\" }}\nauthorizer = {{ dialects = {dialects}, trusted_proxies = [\"127.0.0.1/32\"] }}\n\
             [[upstreams]]\nname = \"u\"\nendpoints = [\"http://127.0.0.1:9\"]\n\
             [[apis]]\nname = \"tools\"\nmount = \"/mcp/x\"\nkind = \"mcp\"\nupstream = \"u\"\n{tools}\n"
        );
        let (_, warnings) = parse(&file).unwrap_or_else(|e| panic!("{file}: {e}"));
        warnings.iter().any(|warning| warning.to_string().starts_with("authorizer.dialects: tools: Envoy"))
    };
    let (some, all) = (
        "tools = { default = [], drop = \"deny\" }",
        "tools = { default = [] }\nprompts = { default = [] }\nresources = { default = [] }",
    );
    assert!(warned("[\"envoy_grpc\"]", some) && warned("[\"nginx\", \"envoy_http\"]", some));
    assert!(!warned("[\"nginx\", \"caddy\", \"traefik\"]", some), "no message gets through there");
    assert!(!warned("[\"envoy_grpc\"]", all), "there is nothing to hide");
}

#[test]
fn secrets_are_read_with_care() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("secret");
    let text = format!("public_url = \"https://gw\"\nkeys.secret_file = {:?}", file.to_string_lossy());
    let problem = |text: &str| {
        let errors = Config::parse(text, &env, 1).map(drop).map_err(|e| e.0);
        errors.err().map_or_else(String::new, |e| format!("{}: {} ({})", e[0].path, e[0].problem, e[0].way_out))
    };
    assert!(problem(&text).contains("can't be read"), "{}", problem(&text));
    for (content, mode, expected) in [
        ("", 0o600, "is empty"),
        ("c2hvcnQ=", 0o600, "does not hold 32 bytes"),
        (super::KEY, 0o644, "chmod 600"),
        (super::KEY, 0o640, "mode 0640"),
        (super::KEY, 0o600, ""),
        ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", 0o400, ""),
    ] {
        let _ = std::fs::remove_file(&file);
        std::fs::write(&file, content).expect("written");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("set");
        let said = problem(&text);
        assert!(said.contains(expected) && said.is_empty() == expected.is_empty(), "{content:?} {mode:o}: {said}");
        assert!(content.is_empty() || !said.contains(content), "the secret is in the error: {said}");
    }
}

#[test]
fn a_password_does_not_stand_in_the_file() {
    for url in [
        "postgres://u:hunter2@h/d",
        "postgresql://u:hunter2@h/d?sslmode=require",
        "postgres://h/d?user=u&password=hunter2",
        "postgres://u:hunt:er2 [@h:x/d",
    ] {
        let Err(ConfigErrors(errors)) = parse(&format!("store.url = \"{url}\"")) else { panic!("{url}") };
        let said = errors[0].to_string();
        assert!(errors[0].path == "store.url" && said.contains("url_file") && said.contains("env:"), "{said}");
        assert!(!said.contains("hunt"), "the password is in the error: {said}");
    }
    for url in ["postgres://u@h/d", "postgres://h/d?sslmode=disable", "sqlite:data/a:b@c.db", "env:TOLLGATE_STORE_URL"] {
        assert_eq!(paths(&format!("store.url = \"{url}\"")), [""; 0], "{url}");
    }
}

#[test]
fn oddities_are_warnings() {
    let warned = |text: &str| {
        let (_, warnings) = parse(text).unwrap_or_else(|e| panic!("{e}"));
        warnings.into_iter().map(|w| w.path).collect::<Vec<_>>()
    };
    assert_eq!(warned("scopes.x.description = \"X\""), ["scopes.x"]);
    assert_eq!(warned("listen.admin = \"0.0.0.0:9\""), ["listen.admin"]);
    let passed_on = |trusted: &str, from: &str| {
        warned(&format!("listen = {{ trusted_proxies = [{trusted}], proxy_protocol = {{ from = [{from}] }} }}"))
    };
    assert_eq!(passed_on("\"10.1.0.0/16\"", "\"10.0.0.0/8\""), ["listen.trusted_proxies[0]"]);
    assert_eq!(passed_on("\"10.9.0.0/16\", \"10.0.0.1/32\"", "\"10.0.0.1/32\""), ["listen.trusted_proxies[1]"]);
    // Peers besides the balancers are left, or there are none in both.
    assert!(passed_on("\"10.0.0.0/8\"", "\"10.1.0.0/16\"").is_empty() && passed_on("\"10.0.0.0/8\"", "\"fd00::/8\"").is_empty());
    let posted =
        |to: &str| warned(&format!("hooks = [{{ name = \"h\", url = \"{to}\", secret = \"env:TOLLGATE_SOC_SECRET\" }}]"));
    assert_eq!(posted("http://soc.example.com/"), ["hooks[0].url"]);
    assert!(posted("http://127.0.0.1:9/").is_empty() && posted("https://10.0.0.9/").is_empty());
    assert_eq!(warned(UPSTREAM), ["upstreams[0].name"]);
    assert_eq!(warned(&api("tenant = { mode = \"header\", name = \"X-T\", value = \"all\" }")), ["apis[0].tenant.value"]);
}

#[test]
fn what_is_no_toml_is_placed() {
    let errors = Config::parse("a = \n[b\n", &env, 1).expect_err("no TOML");
    assert!(errors.0.len() >= 2 && errors.0[0].path.starts_with("line 1, column"), "{errors}");
    let errors = Config::load(std::path::Path::new("/nonexistent/gw.toml"), &env, 1).expect_err("no file");
    assert_eq!(errors.0[0].path, "/nonexistent/gw.toml");
    let errors = Config::parse("keys.secret = \"env:KEY\"\noauth.code_ttl = \"1d\"", &env, 1).expect_err("two mistakes");
    assert_eq!(errors.0.iter().map(|e| e.path.as_str()).collect::<Vec<_>>(), ["public_url", "oauth.code_ttl"]);
}

/// TOML values of every kind, under keys that the file knows and others.
fn value() -> impl Strategy<Value = toml::Value> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(toml::Value::Integer),
        any::<f64>().prop_map(toml::Value::Float),
        any::<bool>().prop_map(toml::Value::Boolean),
        ".{0,12}".prop_map(toml::Value::String),
        prop::sample::select(vec![
            "10m",
            "/a/**",
            "{org.id}",
            "u",
            "http",
            "mcp",
            "GET",
            "audit:read",
            "http://h",
            "env:KEY",
            "header"
        ])
        .prop_map(|s| toml::Value::String(s.to_owned())),
    ];
    leaf.prop_recursive(5, 64, 6, |inner| {
        let keys = prop::sample::select(vec![
            "public_url",
            "listen",
            "limits",
            "store",
            "data",
            "keys",
            "oauth",
            "audit",
            "scopes",
            "roles",
            "upstreams",
            "apis",
            "name",
            "mount",
            "kind",
            "pack",
            "upstream",
            "tenant",
            "mode",
            "value",
            "routes",
            "match",
            "methods",
            "tools",
            "default",
            "é",
            "",
            "permissions",
            "description",
            "endpoints",
            "inject",
            "header",
            "x",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(toml::Value::Array),
            prop::collection::btree_map(keys.prop_map(ToOwned::to_owned), inner, 0..8)
                .prop_map(|m| toml::Value::Table(m.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_file_panics(value in value()) {
        let text = toml::to_string(&value).unwrap_or_default();
        let _ = Config::parse(&text, &env, 1);
    }

    #[test]
    fn no_text_panics(text in "[\\[\\]{}=\"a-c.\n é\\\\]{0,60}") {
        let _ = Config::parse(&text, &env, 1);
        let _ = Config::parse(&api(&text), &env, 1);
    }

    #[test]
    fn no_name_or_pattern_panics(name in ".{0,8}", pattern in "[/a{},*.]{0,12}") {
        let text = api("").replace("\"/**\"", &format!("{pattern:?}"));
        let _ = parse(&format!("scopes.{name:?}.description = \"x\"\n{text}"));
    }
}

#[test]
fn sites_are_named_once_and_this_one_is_among_them() {
    let site = |name: &str, issuer: &str| format!("[[sites]]\nname = \"{name}\"\nissuer = \"{issuer}\"\n");
    let this = site("eu1", "https://gw.example.com");
    let table: &[(String, &[&str])] = &[
        (this.clone(), &[]),
        (format!("{this}{}", site("us1", "https://us1.test")), &[]),
        (site("us1", "https://us1.test"), &["sites"]),
        (format!("{this}{}", site("eu1", "https://us1.test")), &["sites[1].name"]),
        (format!("{this}{}", site("us1", "https://gw.example.com")), &["sites[1].issuer"]),
        (format!("{this}{}", site("US 1", "https://us1.test")), &["sites[1].name"]),
        (format!("{this}{}", site("us1", "http://us1.test")), &["sites[1].issuer"]),
        (format!("{this}{}", site("us1", "https://us1.test/path")), &["sites[1].issuer"]),
        (api("token_ttl = \"0s\""), &["apis[0].token_ttl"]),
        (api("token_ttl = \"61m\""), &["apis[0].token_ttl"]),
        (api("token_ttl = \"60m\""), &[]),
    ];
    for (text, expected) in table {
        assert_eq!(paths(text), *expected, "{text}");
    }
}

#[test]
fn a_circle_of_scopes_is_named_once() {
    let entry = |name: &str, implies: &str| format!("[scopes.\"{name}\"]\ndescription = \"x\"\nimplies = [{implies}]\n");
    let text = [entry("a:read", "\"a:write\""), entry("a:write", "\"a:admin\""), entry("a:admin", "\"a:read\"")].concat();
    let Err(ConfigErrors(errors)) = parse(&text) else { panic!("a circle is no order") };
    let said: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        ["scopes.\"a:admin\".implies: goes in a circle: a:admin -> a:read -> a:write -> a:admin (take one of them out)"]
    );
}

#[test]
fn what_still_needs_a_deprecated_scope_is_a_warning() {
    let old = "[scopes.\"a:old\"]\ndescription = \"x\"\ndeprecated = true\nreplaced_by = \"audit:read\"\n\
        [scopes.\"a:more\"]\ndescription = \"x\"\nimplies = [\"a:old\"]\n";
    let text = format!("{old}{}", api("").replace("\"audit:read\"", "\"a:old\""));
    let (_, warnings) = parse(&text).unwrap_or_else(|e| panic!("{e}"));
    let said: Vec<_> = warnings.iter().map(ToString::to_string).filter(|w| w.contains("deprecated")).collect();
    assert_eq!(
        said,
        [
            "scopes.\"a:old\".deprecated: a:old is deprecated and still needed by a.all: let them need audit:read",
            "scopes.\"a:old\".deprecated: a:old is deprecated and still comes with a:more",
        ]
    );
    let named = format!("{old}{}", api("advertise = [\"a:old\"]"));
    let Err(ConfigErrors(errors)) = parse(&named) else { panic!("it must not be advertised") };
    assert!(errors.iter().any(|e| e.path == "apis[0].advertise" && e.to_string().contains("is deprecated")), "{errors:?}");
}
