//! Request heads, as bytes, and what must become of them. Plain data: the unit tests feed it to the checks, the integration test
//! to a socket. The gateway under test answers for [`HOST`] as `https://` behind a listener without TLS, its peer is not trusted.

/// The host that the gateway answers for.
pub const HOST: &str = "gw.test";

/// What must become of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Accepted; this target is forwarded.
    Pass(&'static str),
    /// Answered here, without a refusal.
    Local(u16),
    /// Refused by us: status, reason code, whether the connection is closed.
    Refused(u16, &'static str, bool),
    /// Refused by the protocol library before we see it, and answered by us over HTTP/1: status and reason code. A reset over HTTP/2.
    Unparsed(u16, &'static str),
}

/// One HTTP/1 request.
#[derive(Clone, Debug)]
pub struct Row {
    /// What it tries.
    pub name: &'static str,
    /// The head, and a body where one belongs to it.
    pub raw: Vec<u8>,
    /// What must become of it.
    pub expect: Expect,
}

/// One HTTP/2 request.
#[derive(Clone, Debug)]
pub struct H2Row {
    /// What it tries.
    pub name: &'static str,
    /// `:method`
    pub method: &'static str,
    /// `:scheme`
    pub scheme: &'static str,
    /// `:authority`
    pub authority: Option<&'static str>,
    /// `:path`
    pub path: &'static str,
    /// The header fields, in order.
    pub headers: &'static [(&'static str, &'static str)],
    /// What must become of it.
    pub expect: Expect,
}

use Expect::{Local, Pass, Refused, Unparsed};

/// Names by which proxies tell servers who calls, or servers take a credential beside `Authorization`. What a client says under
/// one of them never arrives.
pub const IDENTITY: &[&str] = &[
    "X-DS-Authorization",
    "X-Grafana-User",
    "X-Grafana-Id",
    "X-ID-Token",
    "X-Access-Token",
    "X-API-Key",
    "es-secondary-authorization",
    "es-secondary-x-client-authentication",
    "es-client-authentication",
    "es-security-runas-user",
    "X-Client-Authentication",
    "X-SSL-Client-S-DN",
    "X-SSL-Client-Verify",
    "SSL-Client-Verify",
    "SSL-Client-Subject-DN",
    "X-Client-Cert",
    "X-Client-Verify",
    "Client-Cert",
    "Client-Cert-Chain",
    "X-Forwarded-Client-Cert",
    "X-User",
    "X-User-Id",
    "X-Username",
    "X-Email",
    "X-Groups",
    "X-Roles",
    "X-WEBAUTH-USER",
    "X-WEBAUTH-ROLE",
    "X-Remote-User",
    "X-Remote-Group",
    "X-Remote-Extra-Scopes",
    "Remote-User",
    "Remote-Groups",
    "Remote-Email",
    "X-Forwarded-User",
    "X-Forwarded-Email",
    "X-Forwarded-Groups",
    "X-Forwarded-Preferred-Username",
    "X-Forwarded-Access-Token",
    "X-Auth-Request-User",
    "X-Auth-Username",
    "X-Auth-Token",
    "X-Authenticated-Userid",
    "X-Consumer-Username",
    "X-Credential-Identifier",
    "X-Userinfo",
    "X-Scope-Org-Id",
    "X-OrgID",
    "X-Tenant-ID",
    "Cf-Access-Authenticated-User-Email",
    "Cf-Access-Jwt-Assertion",
    "CF-Connecting-IPv6",
    "Fastly-Client-IP",
    "X-Goog-Authenticated-User-Email",
    "X-Goog-IAP-JWT-Assertion",
    "X-Apigateway-Api-Userinfo",
    "X-Amzn-Oidc-Identity",
    "X-Amzn-Oidc-Data",
    "X-Amzn-Mtls-Clientcert-Subject",
    "X-MS-CLIENT-PRINCIPAL",
    "X-MS-CLIENT-PRINCIPAL-NAME",
    "X-MS-TOKEN-AAD-ID-TOKEN",
    "Tailscale-User-Login",
    "X-Pomerium-Jwt-Assertion",
    "X-Vouch-User",
    "X-authentik-username",
    "X-Token-User-Email",
    "X-JWT-Assertion",
    "Impersonate-User",
    "Impersonate-Group",
    "OIDC-Claim-Sub",
    "Shib-Identity-Provider",
    "Grpc-Metadata-X-Tenant",
];

const fn bad(code: &'static str) -> Expect {
    Refused(400, code, false)
}

const fn framing(code: &'static str) -> Expect {
    Refused(400, code, true)
}

fn raw(name: &'static str, raw: impl Into<Vec<u8>>, expect: Expect) -> Row {
    Row { name, raw: raw.into(), expect }
}

fn target(target: &'static str, expect: Expect) -> Row {
    raw(target, format!("GET {target} HTTP/1.1\r\nHost: gw.test\r\n\r\n"), expect)
}

fn host(host: &'static str, expect: Expect) -> Row {
    raw(host, format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"), expect)
}

fn method(method: &'static str, expect: Expect) -> Row {
    raw(method, format!("{method} / HTTP/1.1\r\nHost: gw.test\r\n\r\n"), expect)
}

fn fields(lines: &'static str, expect: Expect) -> Row {
    raw(lines, format!("POST / HTTP/1.1\r\nHost: gw.test\r\n{lines}\r\n\r\n"), expect)
}

fn identity(name: &'static str, spelt: impl Fn(&str) -> String) -> Row {
    let lines = IDENTITY.iter().map(|name| format!("{}: spoofed\r\n", spelt(name)));
    raw(name, format!("GET / HTTP/1.1\r\nHost: gw.test\r\n{}\r\n", lines.collect::<Vec<_>>().concat()), Pass("/"))
}

/// Every HTTP/1 row.
pub fn rows() -> Vec<Row> {
    [paths(), targets(), hosts(), methods(), headers(), credentials(), framings(), lines(), limits()].concat()
}

fn paths() -> Vec<Row> {
    vec![
        target("/v1/query", Pass("/v1/query")),
        target("/pub/../admin", bad("dot_segment")),
        target("/a/./b", bad("dot_segment")),
        target("/..", bad("dot_segment")),
        target("/a/%2e%2e/b", bad("dot_segment")),
        target("/a/%2E./b", bad("dot_segment")),
        target("/a/..%3Bx/b", bad("dot_segment")),
        target("/a/..%2Fb", bad("dot_segment")),
        target("//admin", bad("empty_segment")),
        target("/a//b", bad("empty_segment")),
        target("/a/", Pass("/a/")),
        target("/a%2fb", bad("encoded_slash")),
        target("/a%5cb", bad("backslash")),
        target("/a\\b", bad("backslash")),
        target("/a/%252e%252e/b", bad("double_encoding")),
        target("/a%252Fb", bad("double_encoding")),
        target("/a%255cb", bad("double_encoding")),
        target("/a%25%32%65b", bad("double_encoding")),
        target("/100%25", Pass("/100%25")),
        target("/..;/admin", bad("path_parameter")),
        target("/a;jsessionid=1", bad("path_parameter")),
        target("/a%00b", bad("encoded_control")),
        target("/a%0D%0Ab", bad("encoded_control")),
        target("/a%7Fb", bad("encoded_control")),
        target("/a\0b", bad("encoded_control")),
        target("/a\u{1}b", bad("encoded_control")),
        target("/%61dmin", Pass("/admin")),
        target("/a%3ab", Pass("/a:b")),
        target("/caf%c3%a9", Pass("/caf%C3%A9")),
        target("/%c0%ae%c0%ae/a", bad("percent_encoding_utf8")),
        target("/café", bad("target_character")),
        target("/a%zz", bad("percent_encoding")),
        target("/a%", bad("percent_encoding")),
        target("/a%2", bad("percent_encoding")),
        target("/a#frag", bad("fragment")),
        target("/a%23frag", Pass("/a%23frag")),
        target("/a?b#c", bad("fragment")),
        // The library escapes a raw space before anybody else sees the bytes; what is matched is still what is forwarded.
        target("/a b", Pass("/a%20b")),
    ]
}

fn targets() -> Vec<Row> {
    vec![
        target("admin", bad("target_form")),
        target("*", bad("target_form")),
        raw("OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: gw.test\r\n\r\n", Local(204)),
        raw("OPTIONS * without Host", "OPTIONS * HTTP/1.1\r\nAccept: */*\r\n\r\n", bad("host_missing")),
        target("http://gw.test/a?b=c", Pass("/a?b=c")),
        target("http://gw.test", Pass("/")),
        target("http://gw.test?b", Pass("/?b")),
        target("http://gw.test/a/../b", bad("dot_segment")),
        target("https://gw.test/a", bad("scheme_mismatch")),
        target("ftp://gw.test/a", bad("scheme_unsupported")),
        target("http://evil.test/a", Unparsed(400, "host_mismatch")),
        target("http://u@gw.test/a", Unparsed(400, "host_malformed")),
        target("/a?query=up%7Bjob%3D%22x%22%7D", Pass("/a?query=up%7Bjob%3D%22x%22%7D")),
        target("/a?b=/../c//d;e\\f", Pass("/a?b=/../c//d;e\\f")),
        // What command lines send as it is has one form before it is parsed, and that form is forwarded.
        target("/a?query=up{job=\"x\"}", Pass("/a?query=up{job=%22x%22}")),
        target("/a?query=up>0", Pass("/a?query=up%3E0")),
        target("/a?query=up<0&a=?\"", Pass("/a?query=up%3C0&a=?%22")),
        target("http://gw.test/a?b=\"", Pass("/a?b=%22")),
        target("/a?b=\"&access_token=s3cret", Pass("/a?b=%22")),
        target("/a?\"#b", bad("fragment")),
        raw(
            "quotes around the target alone",
            "GET /a?b=\"c\" HTTP/1.1\r\nHost: gw.test\r\nX-A: ?\"<>\r\n\r\n",
            Pass("/a?b=%22c%22"),
        ),
        target("/a\"b", bad("target_character")),
        target("/a<b", Unparsed(400, "target_character")),
        target("/a>b?c", Unparsed(400, "target_character")),
        target("/a?b=%zz", bad("percent_encoding")),
        target("/a?b=%00", bad("encoded_control")),
        target("/a?b=é", bad("target_character")),
        target("/a?", Pass("/a?")),
        target("/a?x=1&access_token=s3cret", Pass("/a?x=1")),
        raw(
            "invalid UTF-8 in the target",
            b"GET /\xff HTTP/1.1\r\nHost: gw.test\r\n\r\n".as_slice(),
            Unparsed(400, "target_character"),
        ),
    ]
}

fn hosts() -> Vec<Row> {
    vec![
        raw("no Host", "GET / HTTP/1.1\r\nAccept: */*\r\n\r\n", bad("host_missing")),
        raw("no header at all", "GET /longer/than/the/preface HTTP/1.1\r\n\r\n", bad("host_missing")),
        raw("HTTP/1.0 without Host", "GET / HTTP/1.0\r\nAccept: */*\r\n\r\n", bad("host_missing")),
        raw("HTTP/1.0 with Host", "GET / HTTP/1.0\r\nHost: gw.test\r\n\r\n", Pass("/")),
        raw(
            "two Hosts",
            "GET / HTTP/1.1\r\nHost: gw.test\r\nHost: gw.test\r\n\r\n",
            Unparsed(400, "host_repeated"),
        ),
        host("", bad("host_missing")),
        host("gw.test/x", bad("host_malformed")),
        host("gw test", bad("host_malformed")),
        host("u@gw.test", Unparsed(400, "host_malformed")),
        host("GW.TEST:443", Pass("/")),
        host("gw.test.", Pass("/")),
        host("gw.test..", Refused(421, "host_unknown", false)),
        host("gw.test:8443", Refused(421, "host_unknown", false)),
        host("gẃ.test", bad("host_malformed")),
        host("[::1]", Refused(421, "host_unknown", false)),
        host("evil.test", Refused(421, "host_unknown", false)),
    ]
}

fn methods() -> Vec<Row> {
    vec![
        method("get", Refused(501, "method_unknown", false)),
        method("FOO", Refused(501, "method_unknown", false)),
        method("TRACE", Refused(405, "method_forbidden", false)),
        raw(
            "a tunnel to somebody else",
            "CONNECT other.test:443 HTTP/1.1\r\nHost: other.test:443\r\n\r\n",
            Refused(405, "tunnel_refused", true),
        ),
        raw(
            "a tunnel to us",
            "CONNECT gw.test:443 HTTP/1.1\r\nHost: gw.test:443\r\n\r\n",
            Refused(405, "tunnel_refused", true),
        ),
        raw(
            "a tunnel by a path",
            "CONNECT /longer/than/the/preface HTTP/1.1\r\nHost: gw.test\r\n\r\n",
            Refused(405, "tunnel_refused", true),
        ),
        raw(
            "a tunnel to somebody else than Host",
            "CONNECT other.test:443 HTTP/1.1\r\nHost: gw.test\r\n\r\n",
            Unparsed(405, "tunnel_refused"),
        ),
        raw(
            "a method of 3 KB",
            format!("{} / HTTP/1.1\r\nHost: gw.test\r\n\r\n", "M".repeat(3072)),
            Refused(501, "method_unknown", false),
        ),
    ]
}

fn headers() -> Vec<Row> {
    vec![
        fields("X-HTTP-Method-Override: DELETE\r\nContent-Length: 0", Pass("/")),
        fields("X_Scope_OrgID: 1\r\nX.Scope.OrgID: 1\r\nx-scope-orgid: 1\r\nContent-Length: 0", Pass("/")),
        fields("X-Forwarded-For: 1.2.3.4\r\nForwarded: for=1.2.3.4\r\nX-Original-URL: /admin\r\nContent-Length: 0", Pass("/")),
        identity("who calls, by every known name", str::to_owned),
        identity("the same, with points", |name| name.replace('-', ".")),
        identity("the same, with underscores", |name| name.replace('-', "_")),
        fields("Content-Type: a/b\r\nContent-Type: c/d", bad("header_repeated")),
        fields("Mcp-Method: a\r\nmcp-method: b", bad("header_repeated")),
        fields("Connection: X-Scope-OrgID, Authorization\r\nContent-Length: 0", Pass("/")),
        fields("Connection: X-Forwarded-For", bad("connection_nomination")),
        fields("Connection: hOsT", bad("connection_nomination")),
        fields("Connection: :authority", bad("connection_nomination")),
        fields("Connection: \"X-Forwarded-For\"", bad("connection_nomination")),
        fields("Connection: a,b,c,d,e\r\nConnection: f,g,h,i,j", bad("connection_nomination")),
        fields("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: \r\nContent-Length: 0", Pass("/")),
        fields("Upgrade: a\r\nUpgrade: websocket", bad("header_repeated")),
    ]
}

fn credentials() -> Vec<Row> {
    vec![
        fields("Authorization: Bearer a.b-c\r\nContent-Length: 0", Pass("/")),
        fields("Authorization: Bearer a\r\nAuthorization: Bearer a", bad("credential_repeated")),
        fields("Authorization: Bearer a\r\nAuthorization: DPoP b", bad("credential_repeated")),
        fields("Authorization: Bearer a, Bearer b", bad("credential_repeated")),
        fields("Authorization: DPoP a, Bearer b", bad("credential_repeated")),
        fields("Authorization: Bearer  a", bad("credential_malformed")),
        fields("Authorization: Bearer a b", bad("credential_malformed")),
        fields("DPoP: a\r\nDPoP: b", bad("header_repeated")),
        raw(
            "a token of 9 KB",
            format!("GET / HTTP/1.1\r\nHost: gw.test\r\nAuthorization: Bearer {}\r\n\r\n", "a".repeat(9216)),
            Refused(431, "credential_too_long", false),
        ),
    ]
}

fn framings() -> Vec<Row> {
    vec![
        fields("Content-Length: 3\r\nTransfer-Encoding: chunked", framing("length_and_transfer_encoding")),
        fields("Transfer-Encoding: chunked\r\ncontent-LENGTH: 3", framing("length_and_transfer_encoding")),
        fields("Transfer-Encoding: chunked, chunked", framing("transfer_encoding")),
        fields("Transfer-Encoding: gzip, chunked", framing("transfer_encoding")),
        fields("Transfer-Encoding: Chunked", Pass("/")),
        fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", framing("transfer_encoding")),
        fields("Transfer-Encoding: xchunked", Unparsed(400, "transfer_encoding")),
        fields("Transfer-Encoding : chunked", Unparsed(400, "field_name")),
        fields("Transfer-Encoding: \u{b}chunked", Unparsed(400, "control_character")),
        raw(
            "HTTP/1.0 chunked",
            "POST / HTTP/1.0\r\nHost: gw.test\r\nTransfer-Encoding: chunked\r\n\r\n",
            Unparsed(400, "connection_specific_header"),
        ),
        fields("Content-Length: 2, 2", framing("content_length_repeated")),
        fields("Content-Length: 2\r\nContent-Length: 2", framing("content_length_repeated")),
        fields("Content-Length: 2\r\nContent-Length: 3", Unparsed(400, "content_length_repeated")),
        fields("Content-Length: +2", Unparsed(400, "content_length")),
        fields("Content-Length: 0x2", Unparsed(400, "content_length")),
        fields("Content-Length: 99999999999999999999", Unparsed(400, "content_length")),
    ]
}

fn lines() -> Vec<Row> {
    vec![
        raw("bare LF everywhere", "GET / HTTP/1.1\nHost: gw.test\n\n", framing("bare_line_feed")),
        raw("bare LF between headers", "GET / HTTP/1.1\r\nHost: gw.test\nA: b\r\n\r\n", framing("bare_line_feed")),
        raw("bare LF before the end", "GET / HTTP/1.1\r\nHost: gw.test\r\n\n", framing("bare_line_feed")),
        raw("bare LF first", "\nGET / HTTP/1.1\r\nHost: gw.test\r\n\r\n", framing("bare_line_feed")),
        raw("an empty line first", "\r\nGET / HTTP/1.1\r\nHost: gw.test\r\n\r\n", Pass("/")),
        raw("two empty lines first", "\r\n\r\nGET / HTTP/1.1\r\nHost: gw.test\r\n\r\n", framing("request_line")),
        fields("A: b\rC: d", Unparsed(400, "bare_carriage_return")),
        fields("A: b\r\n c", Unparsed(400, "folded_header")),
        fields("A: b\0c", Unparsed(400, "control_character")),
        fields("A B: c", Unparsed(400, "field_name")),
        raw("HTTP/2.0 by name", "GET / HTTP/2.0\r\nHost: gw.test\r\n\r\n", Unparsed(400, "request_line")),
    ]
}

fn limits() -> Vec<Row> {
    let many = |n: usize| format!("GET / HTTP/1.1\r\nHost: gw.test\r\n{}\r\n", "A: b\r\n".repeat(n));
    let large = |n: usize| format!("GET / HTTP/1.1\r\nHost: gw.test\r\nA: {}\r\n\r\n", "a".repeat(n));
    let long = |n: usize| format!("GET /{} HTTP/1.1\r\nHost: gw.test\r\n\r\n", "a".repeat(n));
    vec![
        raw("99 headers and Host", many(99), Pass("/")),
        raw("100 headers and Host", many(100), Refused(431, "headers_too_many", false)),
        raw("300 headers", many(300), Unparsed(431, "headers_too_many")),
        raw("a header of 33 KB", large(33 << 10), Refused(431, "headers_too_large", false)),
        raw("a header of 900 KB", large(900 << 10), Refused(431, "headers_too_large", false)),
        raw("a target of 9 KB", long(9 << 10), Refused(414, "target_too_long", false)),
        raw("a target of 64 KB", long(64 << 10), Unparsed(414, "target_too_long")),
    ]
}

/// Every HTTP/2 row.
pub fn h2_rows() -> Vec<H2Row> {
    let row =
        |name, path, headers, expect| H2Row { name, method: "GET", scheme: "http", authority: Some(HOST), path, headers, expect };
    vec![
        row("plain", "/a?b", &[], Pass("/a?b")),
        row("asterisk", "*", &[], bad("target_form")),
        H2Row { method: "OPTIONS", ..row("OPTIONS *", "*", &[], Local(204)) },
        row("dot segments", "/a/../b", &[], bad("dot_segment")),
        row("doubled slash", "//a", &[], bad("empty_segment")),
        row("encoded slash", "/a%2fb", &[], bad("encoded_slash")),
        H2Row { method: "get", ..row("lower-case method", "/", &[], Refused(501, "method_unknown", false)) },
        H2Row { method: "TRACE", ..row("TRACE", "/", &[], Refused(405, "method_forbidden", false)) },
        H2Row { scheme: "https", ..row("https on cleartext", "/", &[], bad("scheme_mismatch")) },
        H2Row { scheme: "ftp", ..row("another scheme", "/", &[], bad("scheme_unsupported")) },
        H2Row { authority: None, ..row("no authority", "/", &[], bad("host_missing")) },
        H2Row { authority: None, ..row("host instead of authority", "/", &[("host", HOST)], Pass("/")) },
        H2Row { authority: Some("evil.test"), ..row("another host", "/", &[], Refused(421, "host_unknown", false)) },
        row("host beside authority", "/", &[("host", HOST)], Pass("/")),
        row("another host beside authority", "/", &[("host", "evil.test")], bad("host_mismatch")),
        row("the host with its port beside authority", "/", &[("host", "gw.test:443")], bad("host_mismatch")),
        row("content-length twice", "/", &[("content-length", "2"), ("content-length", "2")], framing("content_length_repeated")),
        row("content-length list", "/", &[("content-length", "2, 2")], framing("content_length_repeated")),
        row("two cookies", "/", &[("cookie", "a=b"), ("cookie", "c=d")], Pass("/")),
        row("underscore identity", "/", &[("x_scope_orgid", "1"), ("x.scope.orgid", "1")], Pass("/")),
        row("two credentials", "/", &[("authorization", "Bearer a"), ("authorization", "Bearer b")], bad("credential_repeated")),
        row("te: trailers", "/", &[("te", "trailers")], Pass("/")),
    ]
}
