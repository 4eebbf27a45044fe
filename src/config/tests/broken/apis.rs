//! What is wrong inside an API: its keys, where it is mounted, its routes.

use super::{api, paths};

#[test]
fn mistakes_inside_an_api_have_their_path() {
    assert_eq!(paths(&api("")), [""; 0]);
    let table: &[(&str, &[&str])] = &[
        ("pack = \"prometheus\"\nkind = \"mcp\"", &["apis[0].pack", "apis[0].routes"]),
        ("tools = { x = [] }", &["apis[0].tools"]),
        ("tools = { x = \"allow\" }", &["apis[0].tools.x"]),
        ("tools = { x = 5 }", &["apis[0].tools.x"]),
        ("kind = \"mcp\"\ntools = { x = { when = {} } }", &["apis[0].tools.x.scopes", "apis[0].routes"]),
        ("host = \"apps.example.com\"", &["apis[0].host"]),
        ("host = \"{org}.Apps\"", &["apis[0].host"]),
        ("tenant = { mode = \"header\", name = \"X-T\" }", &["apis[0].tenant.value"]),
        ("tenant = { name = \"X-T\", value = \"{org.id}\" }", &["apis[0].tenant.mode"]),
        ("tenant = { mode = \"header\", name = \"Host\", value = \"{org.id}\" }", &["apis[0].tenant.name"]),
        ("tenant = { mode = \"header\", name = \"X-T\", value = \"{org.name}\" }", &["apis[0].tenant.value"]),
        ("tenant = { mode = \"header\", name = \"X-T\", value = \"{org.id\" }", &["apis[0].tenant.value"]),
        ("tenant = { mode = \"index\", value = \"logs\" }", &["apis[0].tenant.value"]),
        ("tenant = { mode = \"index\", value = \"{org.slug}\" }", &["apis[0].tenant.value"]),
        ("tenant = { mode = \"index\", value = \"{org.slug}-\" }", &["apis[0].tenant.value"]),
        ("tenant = { mode = \"index\", value = \"{org.id}_\" }", &["apis[0].tenant.value"]),
        ("tenant = { mode = \"index\", value = \"*{org.slug}.\" }", &["apis[0].tenant.value"]),
        ("tenant = { mode = \"index\", value = \"{org.slug}.{org.id}.\" }", &["apis[0].tenant.value"]),
        ("tenant = { mode = \"path_prefix\", value = \"x/{org.id}\" }", &["apis[0].tenant.value"]),
        ("tenant = { mode = \"path_prefix\", name = \"X\", value = \"/{org.id}\" }", &["apis[0].tenant.name"]),
        ("strip_query = [\"a\", \"\", \"a\"]", &["apis[0].strip_query[1]", "apis[0].strip_query[2]"]),
        ("forbidden_query = [\"a\"]\nstrip_query = [\"a\"]", &["apis[0].strip_query[0]"]),
        ("advertise = [\"nothing\"]", &["apis[0].advertise[0]"]),
        ("allowed_origins = [\"https://a/\", \"null\"]", &["apis[0].allowed_origins[0]", "apis[0].allowed_origins[1]"]),
        ("aliases = [\"https://gw.example.com/mcp\"]", &["apis[0].aliases"]),
        ("aliases = [\"no uri\"]", &["apis[0].aliases[0]"]),
        ("identity_headers = [\"a b\"]", &["apis[0].identity_headers[0]"]),
        ("headers = [{ header = \"X-A\", value = \"{user.emil}{x}\" }]", &["apis[0].headers[0].value"; 2]),
        ("headers = [{ header = \"X-A\", value = \"{operation}\" }]", &["apis[0].headers[0].value"]),
        ("headers = [{ header = \"X-A\", value = \"{user.id\" }]", &["apis[0].headers[0].value"]),
        ("headers = [{ header = \"X-A\", value = \"\" }]", &["apis[0].headers[0].value"]),
        ("headers = [{ header = \"X-A\", value = \" {user.id}\" }]", &["apis[0].headers[0].value"]),
        ("headers = [{ header = \"X-A\", value = \"a\\nb\" }]", &["apis[0].headers[0].value"]),
        ("headers = [{ header = \"Host\", value = \"{org.id}\" }]", &["apis[0].headers[0].header"]),
        ("headers = [{ header = \"Content-Length\", value = \"{org.id}\" }]", &["apis[0].headers[0].header"]),
        ("headers = [{ header = \"Authorization\", value = \"{org.id}\" }]", &["apis[0].headers[0].header"]),
        ("headers = [{ header = \"X-Forwarded-User\", value = \"{org.id}\" }]", &["apis[0].headers[0].header"]),
        ("headers = [{ header = \"X-Request-Id\", value = \"{request.id}\" }]", &["apis[0].headers[0].header"]),
        ("headers = [{ header = \"X_User\", value = \"{user.id}\" }]", &["apis[0].headers[0].header"]),
        ("headers = [{ header = \"X-A\", value = \"a\" }, { header = \"x-a\", value = \"b\" }]", &["apis[0].headers[1].header"]),
        (
            "tenant = { mode = \"header\", name = \"X-T\", value = \"{org.id}\" }\nheaders = [{ header = \"X-T\", value = \"b\" }]",
            &["apis[0].tenant.name"],
        ),
    ];
    for (keys, expected) in table {
        assert_eq!(paths(&api(keys)), *expected, "{keys}");
    }
}

#[test]
fn mistakes_about_scopes_of_which_one_is_enough_have_their_path() {
    let route = |keys: &str| {
        let scopes = "[scopes.\"a:read\"]\ndescription = \"A\"\n[scopes.\"b:read\"]\ndescription = \"B\"\n";
        let head =
            "[[apis]]\nname = \"a\"\nmount = \"/a\"\nupstream = \"u\"\n[[apis.routes]]\nmatch = \"/a\"\nmethods = [\"GET\"]";
        format!("{}{scopes}{head}\n{keys}\n", super::UPSTREAM)
    };
    let table: &[(&str, &[&str])] = &[
        ("scopes_any = [\"a:read\", \"b:read\"]", &[]),
        ("scopes = [\"a:read\"]\nscopes_any = [\"b:read\"]", &[]),
        ("", &["scopes"]),
        ("scopes_any = []", &["scopes_any"]),
        ("scopes = [\"a:read\"]\nscopes_any = []", &["scopes_any"]),
        ("scopes = [\"a:read\"]\nscopes_any = [\"b:read\", \"a:read\"]", &["scopes_any[1]"]),
        ("scopes_any = [\"a:read\", \"a:read\"]", &["scopes_any[1]"]),
        ("scopes_any = [\"a:read\", \"c:read\"]", &["scopes_any[1]"]),
        ("public = true\nscopes_any = [\"a:read\"]", &["public"]),
    ];
    for (keys, expected) in table {
        let expected: Vec<_> = expected.iter().map(|key| format!("apis[0].routes[0].{key}")).collect();
        assert_eq!(paths(&route(keys)), expected, "{keys}");
    }
}

#[test]
fn mistakes_in_what_an_api_says_of_its_routes_have_their_path() {
    let table: &[(&str, &[&str])] = &[
        ("max_concurrent = 0", &["max_concurrent"]),
        ("max_body = \"many\"", &["max_body"]),
        ("timeouts = { total = \"0s\" }", &["timeouts.total"]),
        ("timeouts = { first_byte = \"1s\" }", &["timeouts"]),
        ("client_certificate = true", &["client_certificate"]),
        ("max_concurrent = 1\nmax_body = \"1KiB\"\ntimeouts = { idle = \"1s\", total = \"2s\" }", &[]),
    ];
    let mcp = format!("{}[[apis]]\nname = \"m\"\nmount = \"/m\"\nkind = \"mcp\"\nupstream = \"u\"\n", super::UPSTREAM);
    for (keys, expected) in table {
        let expected: Vec<_> = expected.iter().map(|key| format!("apis[0].{key}")).collect();
        assert_eq!(paths(&api(keys)), expected, "{keys}");
        assert_eq!(paths(&format!("{mcp}{keys}\n")), expected, "MCP: {keys}");
    }
}

#[test]
fn what_upstreams_are_told_is_ours_to_say_and_said_once() {
    let assertion = |keys: &str| format!("assertion = {{ audience = \"a\", {keys} }}");
    let exchange = |keys: &str| format!("exchange = {{ token_endpoint = \"https://idp/t\", client_id = \"c\", {keys} }}");
    let none = "authentication = \"none\"";
    let tls = |keys: &str| format!("{none}, tls = {{ {keys} }}");
    assert_eq!(paths(&api(&format!("{}\n{}", assertion("lifetime = \"1h\""), exchange(none)))), [""; 0]);
    assert_eq!(paths(&api(&exchange(&tls("server_name = \"idp.inner\"")))), [""; 0]);
    let table: Vec<(String, &[&str])> = vec![
        ("assertion = { audience = \"https://gw.example.com\" }".into(), &["apis[0].assertion.audience"]),
        ("assertion = { audience = \"https://gw.example.com/a\" }".into(), &["apis[0].assertion.audience"]),
        ("assertion = { audience = \"\" }".into(), &["apis[0].assertion.audience"]),
        ("assertion = { audience = \"a b\" }".into(), &["apis[0].assertion.audience"]),
        ("assertion = {}".into(), &["apis[0].assertion.audience"]),
        (assertion("lifetime = \"29s\""), &["apis[0].assertion.lifetime"]),
        (assertion("lifetime = \"61m\""), &["apis[0].assertion.lifetime"]),
        (assertion("header = \"Cookie\""), &["apis[0].assertion.header"]),
        (assertion("header = \"Content-Type\""), &["apis[0].assertion.header"]),
        (assertion("header = \"X_A\""), &["apis[0].assertion.header"]),
        (assertion("header = \"X-A\"") + "\nheaders = [{ header = \"x-a\", value = \"b\" }]", &["apis[0].assertion.header"]),
        (assertion("header = \"Authorization\"") + "\n" + &exchange(none), &["apis[0].exchange.header"]),
        (exchange("client_secret = \"plain\""), &["apis[0].exchange.client_secret"]),
        (exchange("client_secret = \"env:EMPTY\""), &["apis[0].exchange.client_secret"]),
        (exchange("client_secret_file = \"/nowhere\""), &["apis[0].exchange.client_secret_file"]),
        (exchange("scope = \"s\""), &["apis[0].exchange"]),
        (exchange("authentication = \"none\", client_secret = \"env:KEY\""), &["apis[0].exchange.authentication"]),
        (exchange("authentication = \"tls\", client_secret = \"env:KEY\""), &["apis[0].exchange.authentication"]),
        (exchange("authentication = \"none\", issuer = \"https://gw.example.com\""), &["apis[0].exchange.issuer"]),
        (exchange("authentication = \"none\", audience = \"\""), &["apis[0].exchange.audience"]),
        (exchange("authentication = \"none\", timeout = \"31s\""), &["apis[0].exchange.timeout"]),
        (exchange(none).replace("https://idp/t", "ftp://idp/t"), &["apis[0].exchange.token_endpoint"]),
        (exchange(none).replace("https://idp/t", "https://u@idp/t"), &["apis[0].exchange.token_endpoint"]),
        (exchange(none).replace("https://idp/t", "https://gw.example.com/oauth2/token"), &["apis[0].exchange.token_endpoint"]),
        (exchange(none).replace("\"c\"", "\"\""), &["apis[0].exchange.client_id"]),
        (exchange(&tls("ca = \"/nowhere\"")), &["apis[0].exchange.tls.ca"]),
        (exchange(&tls("client_cert = \"/nowhere\"")), &["apis[0].exchange.tls.client_key"]),
        (exchange(&tls("client_key = \"/nowhere\"")), &["apis[0].exchange.tls.client_cert"]),
        (exchange(&tls("server_name = \"a b\"")), &["apis[0].exchange.tls.server_name"]),
        (exchange(&tls("server_name = \"10.0.0.1\"")), &["apis[0].exchange.tls.server_name"]),
        (exchange(&tls("server_name = \"10.1\"")), &["apis[0].exchange.tls.server_name"]),
        (exchange(&tls("verify = false")), &["apis[0].exchange.tls.verify"]),
        (exchange(&tls("server_name = \"idp\"")).replace("https://idp/t", "http://127.0.0.1/t"), &["apis[0].exchange.tls"]),
    ];
    for (keys, expected) in table {
        assert_eq!(paths(&api(&keys)), *expected, "{keys}");
    }
    let injected = "inject = [{ header = \"Authorization\", value = \"env:KEY\" }]";
    let text = api(&exchange(none)).replacen("[[apis]]", &format!("{injected}\n[[apis]]"), 1);
    assert_eq!(paths(&text), ["apis[0].exchange.header"], "two credentials would be one of the upstream's choice");
}

#[test]
fn our_own_paths_stay_ours() {
    for mount in [
        "",
        "/",
        "a",
        "/a/",
        "/a//b",
        "/../a",
        "/a b",
        "/%61",
        "/{a}",
        "/mcp",
        "/MCP",
        "/login",
        "/oauth2",
        "/oauth2/x",
        "/.well-known/x",
        "/api",
        "/api/v1",
        "/api/v1/x",
        "/settings/x",
        "/orgs",
        "/device",
        "/assets",
        "/consent",
        "/logout",
    ] {
        let text = api("").replace("\"/a\"", &format!("{mount:?}"));
        assert_eq!(paths(&text), ["apis[0].mount"], "{mount}");
    }
    for mount in ["/mcp/a", "/loginx", "/api/v2", "/a/login"] {
        let text = api("").replace("\"/a\"", &format!("{mount:?}"));
        assert_eq!(paths(&text), [""; 0], "{mount}");
    }
}

#[test]
fn routes_that_nobody_could_tell_apart_are_refused() {
    let route = |id: &str, pattern: &str, rest: &str| format!("[[apis.routes]]\nid = \"{id}\"\nmatch = \"{pattern}\"\n{rest}\n");
    let get = "methods = [\"GET\"]\nscopes = [\"audit:read\"]";
    let table: &[(String, &[&str])] = &[
        (route("b", "/**", "methods = [\"GET\", \"POST\"]\npublic = true"), &["apis[0].routes[1].match"]),
        (route("a.all", "/x", get), &["apis[0].routes[1].id"]),
        (route("b", "/{x}", get) + &route("c", "/{y}", get), &["apis[0].routes[2].match"]),
        (route("b", "/x/**/y", get), &["apis[0].routes[1].match"]),
        (route("b", "/x", "methods = []\nscopes = [\"audit:read\"]"), &["apis[0].routes[1].methods"]),
        (route("b", "/x", "methods = [\"GET\", \"GET\"]\npublic = true"), &["apis[0].routes[1].methods[1]"]),
        (route("b", "/x", "methods = [\"TRACE\"]\npublic = true"), &["apis[0].routes[1].methods[0]"]),
        (route("b", "/x", "methods = [\"GET\"]"), &["apis[0].routes[1].scopes"]),
        (route("b", "/x", "methods = [\"GET\"]\nscopes = []"), &["apis[0].routes[1].scopes"]),
        (route("b", "/x", "methods = [\"GET\"]\nscopes = [\"audit:read\"]\npublic = true"), &["apis[0].routes[1].public"]),
        (route("b", "/x", &format!("{get}\norg_captures = [\"x\"]")), &["apis[0].routes[1].org_captures[0]"]),
        (route("b", "/x", &format!("{get}\nbody_without = [\"\"]")), &["apis[0].routes[1].body_without[0]"]),
        (
            "[[apis]]\nname = \"a\"\nmount = \"/a\"\nupstream = \"u\"\npack = \"prometheus\"\n".to_owned(),
            &["apis[1].name", "apis[1].mount"],
        ),
        (
            "[[apis]]\nname = \"tollgate\"\nmount = \"/t\"\nupstream = \"u\"\npack = \"prometheus\"\n".to_owned(),
            &["apis[1].name"],
        ),
    ];
    for (more, expected) in table {
        assert_eq!(paths(&(api("") + more)), *expected, "{more}");
    }
}
