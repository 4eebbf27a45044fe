//! Every kind of rate, exhausted in every form of answer: who is counted together, what they are told, what operators see, and how
//! the burst comes back. The caps of routes in the same forms.

use std::net::IpAddr;

use crate::harness::api::READERS;
use crate::harness::grpc::{Collector, frame};
use crate::harness::http1::{self, Request, Response};
use crate::harness::{Api, Caller, Gateway, Setup, http2, within};

/// What rates count.
const KINDS: [&str; 5] = ["organization", "client", "user", "tool", "address"];

/// Where requests come from, usually and otherwise.
const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
const ELSEWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2));

/// How a request is made and refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Http,
    Rpc,
    Grpc,
}

impl Form {
    const ALL: [Self; 3] = [Self::Http, Self::Rpc, Self::Grpc];

    /// What the names of its APIs start with.
    const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Rpc => "rpc",
            Self::Grpc => "grpc",
        }
    }
}

/// Who asks.
#[derive(Clone, Copy)]
struct Asker<'a> {
    token: &'a str,
    from: IpAddr,
    tool: &'static str,
}

impl<'a> Asker<'a> {
    fn new(caller: &'a Caller) -> Self {
        Self { token: &caller.token, from: HERE, tool: "echo" }
    }
}

/// An MCP server with these limits.
fn server(name: &str, of_api: &str) -> String {
    let server = Api::named(&format!("rpc-{name}")).mount(&format!("/rpc/{name}"));
    server.keys("kind = \"mcp\"\ntools = { default = [] }").keys(of_api).to_string()
}

/// The same for the other forms.
fn apis(name: &str, of_api: &str, of_route: &str) -> String {
    let of_route = format!("{READERS}\n{of_route}");
    let plain = Api::named(&format!("http-{name}")).mount(&format!("/http/{name}")).keys(of_api);
    let calls = Api::named(&format!("grpc-{name}")).mount(&format!("/grpc/{name}")).behind("collector").keys(of_api);
    let calls = calls.keys(&format!("services = [\"test.v1.{name}\"]"));
    let (plain, calls) =
        (plain.route("any", "POST", "/call", &of_route), calls.route("any", "POST", &format!("/test.v1.{name}/Call"), &of_route));
    format!("{plain}{calls}")
}

struct Bench {
    gw: Gateway,
    collector: Collector,
}

impl Bench {
    async fn start(apis: &str) -> Self {
        let collector = Collector::start().await;
        let invoke: Vec<_> = KINDS.iter().map(|kind| format!("\"mcp:rpc-{kind}:invoke\"")).collect();
        let upstream = format!(
            "\n[[upstreams]]\nname = \"collector\"\nendpoints = [\"http://{}\"]\nprotocol = \"http2\"\n",
            collector.address
        );
        let role = if apis.contains("rpc-tool") {
            format!("\n[roles.limited]\npermissions = [\"metrics:read\", {}]\n", invoke.join(", "))
        } else {
            String::new()
        };
        let more = format!("{role}{upstream}{apis}");
        Self { gw: Gateway::start_with(Setup { more, ..Setup::default() }).await, collector }
    }

    async fn ask(&self, form: Form, name: &str, asker: Asker<'_>) -> Response {
        let to = self.gw.running.public;
        if form == Form::Grpc {
            let mut conn = http2::Conn::open_from(asker.from, to).await;
            return conn.ask(call(name, asker.token, ""), Some(frame(b"some"))).await.expect("an answer");
        }
        http1::Conn::open_from(asker.from, to).await.ask(&post(form, name, asker)).await
    }

    async fn passes(&self, form: Form, name: &str, asker: Asker<'_>, who: &str) {
        let response = self.ask(form, name, asker).await;
        assert_eq!((response.status, response.header("grpc-status")), (200, None), "{form:?} {name}, {who}: {response:?}");
    }

    async fn is_refused(&self, form: Form, name: &str, asker: Asker<'_>, who: &str) {
        let response = self.ask(form, name, asker).await;
        refused(form, &response, "rate_limited", &format!("{form:?} {name}, {who}"));
        assert_eq!(response.header("retry-after"), Some("5"), "{form:?} {name}, {who}: {response:?}");
    }
}

fn call(name: &str, token: &str, behave: &str) -> http::Request<()> {
    let bearer = format!("Bearer {token}");
    let headers = [("content-type", "application/grpc"), ("te", "trailers"), ("authorization", &bearer), ("x-behave", behave)];
    http2::request("POST", &format!("/test.v1.{name}/Call"), &headers)
}

fn post(form: Form, name: &str, asker: Asker<'_>) -> Request {
    let (path, body) = match form {
        Form::Rpc => {
            let params = serde_json::json!({"name": asker.tool, "arguments": {}});
            let message = serde_json::json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params});
            (format!("/rpc/{name}"), message.to_string())
        }
        Form::Http | Form::Grpc => (format!("/http/{name}/call"), "{}".to_owned()),
    };
    Request::new("POST", &path).bearer(asker.token).header("Content-Type", "application/json").body(body)
}

/// Checks that something of which there was too much is refused as `form` says it.
fn refused(form: Form, response: &Response, reason: &str, what: &str) {
    match form {
        Form::Http => {
            assert_eq!((response.status, response.reason().as_deref()), (429, Some(reason)), "{what}: {response:?}");
            assert_eq!(response.header("content-type"), Some("application/problem+json"), "{what}");
        }
        Form::Rpc => {
            assert_eq!(
                (response.status, response.header("content-type")),
                (429, Some("application/json")),
                "{what}: {response:?}"
            );
            let body = response.json();
            assert_eq!((&body["id"], &body["error"]["code"]), (&7.into(), &429.into()), "{what}: {body}");
            assert_eq!(body["error"]["data"]["reason"], reason, "{what}: {body}");
        }
        Form::Grpc => {
            assert_eq!((response.status, response.header("grpc-status")), (200, Some("8")), "{what}: {response:?}");
        }
    }
    assert!(response.header("retry-after").is_some(), "{what}: {response:?}");
}

/// The value of a counter, 0 where it is not there.
fn counted(gw: &Gateway, metric: &str, labels: &[&str]) -> u64 {
    let text = gw.running.metrics.text();
    let lines = text.lines().filter(|line| line.starts_with(metric) && labels.iter().all(|label| line.contains(label)));
    lines.filter_map(|line| line.rsplit(' ').next()).filter_map(|value| value.parse::<u64>().ok()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_rate_counts_its_own_in_every_form() {
    let rates = |kind| format!("rates = [{{ per = \"{kind}\", requests = 2, every = \"10s\" }}]");
    let others = KINDS.iter().filter(|kind| **kind != "tool").map(|kind| apis(kind, &rates(kind), ""));
    let bench = Bench::start(&KINDS.iter().map(|kind| server(kind, &rates(kind))).chain(others).collect::<String>()).await;
    let gw = &bench.gw;
    let granted = format!("metrics:read {}", KINDS.map(|kind| format!("mcp:rpc-{kind}:invoke")).join(" "));
    let ada = gw.open_caller("acme", &["limited"], &granted).await;
    let ada_elsewhere = gw.grant_to(&ada.org, &ada.user, &gw.client(None).await, &granted).await;
    let (bob, eve) = (gw.user("bob@acme.test").await, gw.user("eve@globex.test").await);
    let globex = gw.org("globex").await;
    gw.member(&ada.org, &bob, &["limited"]).await;
    gw.member(&globex, &eve, &["limited"]).await;
    let bob = gw.grant_to(&ada.org, &bob, &ada.client, &granted).await;
    let eve = gw.grant_to(&globex, &eve, &ada.client, &granted).await;
    let [first, second, bob, eve] = [&ada, &ada_elsewhere, &bob, &eve].map(Asker::new);
    for form in Form::ALL {
        for kind in KINDS {
            if kind == "tool" && form != Form::Rpc {
                continue;
            }
            let (with, apart): (Vec<_>, Vec<_>) = match kind {
                "organization" => (vec![("another user", bob), ("another client", second)], vec![("another organization", eve)]),
                "client" => (vec![("another user", bob)], vec![("another client", second), ("another organization", eve)]),
                "user" => (vec![("another client", second)], vec![("another user", bob), ("another organization", eve)]),
                "tool" => {
                    let other = Asker { tool: "other", ..first };
                    (vec![("another user", bob)], vec![("another tool", other), ("another organization", eve)])
                }
                _ => (
                    vec![("another user", bob), ("another organization", eve)],
                    vec![("elsewhere", Asker { from: ELSEWHERE, ..first })],
                ),
            };
            for _ in 0..2 {
                bench.passes(form, kind, first, "the burst").await;
            }
            bench.is_refused(form, kind, first, "over it").await;
            for (who, asker) in &with {
                bench.is_refused(form, kind, *asker, who).await;
            }
            for (who, asker) in &apart {
                bench.passes(form, kind, *asker, who).await;
            }
            gw.advance(5);
            bench.passes(form, kind, first, "one more").await;
            bench.is_refused(form, kind, first, "and no other").await;
            gw.advance(10);
            for _ in 0..2 {
                bench.passes(form, kind, first, "the burst again").await;
            }
            bench.is_refused(form, kind, first, "no more than that").await;
            let (api, refusals) = (format!("api=\"{}-{kind}\"", form.name()), 3 + with.len() as u64);
            let per = format!("per=\"{kind}\"");
            assert_eq!(counted(gw, "tollgate_rate_limited_total", &[&api, &per]), refusals, "{api}");
            assert_eq!(counted(gw, "tollgate_rate_limited_total", &[&api]), refusals, "{api}: of no other kind");
            assert_eq!(
                counted(gw, "tollgate_requests_total", &[&api, "reason=\"rate_limited\"", "status_class=\"4xx\""]),
                refusals
            );
        }
    }
    bench.gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_with_the_name_of_its_api_has_a_count_of_its_own() {
    let of_api = "rates = [{ per = \"client\", requests = 1000, every = \"1s\" }]";
    let of_route = "rates = [{ per = \"client\", requests = 2, every = \"60s\" }]";
    let same = Api::named("same").mount("/same").keys(of_api);
    let route = format!("[[apis.routes]]\nid = \"same\"\nmatch = \"/x\"\nmethods = [\"GET\"]\n{READERS}\n{of_route}\n");
    let gw = Gateway::start_with(Setup { more: format!("{same}{route}"), ..Setup::default() }).await;
    let caller = gw.open_caller("acme", &["operator"], "metrics:read").await;
    let mut conn = http1::Conn::open(gw.running.public).await;
    let mut asked = Vec::new();
    for _ in 0..5 {
        asked.push(conn.ask(&Request::get("/same/x").bearer(&caller.token)).await.status);
        gw.advance(1);
    }
    assert_eq!(asked, [200, 200, 429, 429, 429], "the shorter count forgets nothing of the longer one");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_has_caps_in_every_form() {
    let bench = Bench::start(&apis("capped", "", "max_concurrent = 1\nmax_body = \"10B\"")).await;
    let gw = &bench.gw;
    let caller = gw.open_caller("acme", &["operator"], "metrics:read").await;
    let asker = Asker::new(&caller);
    let (mut http, mut grpc) = (http1::Conn::open(gw.running.public).await, http2::Conn::open(gw.running.public).await);
    http.send(&post(Form::Http, "capped", asker).header("X-Behave", "hold").bytes()).await;
    gw.upstream.asked(1).await;
    let stream = call("capped", asker.token, "stream");
    let (head, body) = grpc.start(stream, Some(frame(b"some"))).await.expect("an answer that goes on");
    assert_eq!((head.status, head.header("grpc-status")), (200, None), "{head:?}");
    for form in [Form::Http, Form::Grpc] {
        let response = bench.ask(form, "capped", asker).await;
        refused(form, &response, "too_many_at_once", &format!("{form:?}"));
        assert_eq!((gw.upstream.count(), bench.collector.count()), (1, 1), "{form:?}: nothing of it goes on");
        assert_eq!(response.header("retry-after"), Some("1"));
        let api = format!("api=\"{}-capped\"", form.name());
        assert_eq!(counted(gw, "tollgate_requests_total", &[&api, "reason=\"too_many_at_once\""]), 1);
    }
    gw.upstream.emit("");
    assert_eq!(http.response().await.status, 200);
    drop((body, grpc));
    for form in [Form::Http, Form::Grpc] {
        within("room for another", async {
            loop {
                let response = bench.ask(form, "capped", asker).await;
                if (response.status, response.header("grpc-status")) == (200, None) {
                    return;
                }
            }
        })
        .await;
    }
    let large = Request::new("POST", "/http/capped/call").bearer(asker.token).body("0123456789a");
    let response = http1::ask(gw.running.public, &large).await;
    assert_eq!((response.status, response.reason().as_deref()), (413, Some("body_too_large")), "{response:?}");
    let mut conn = http2::Conn::open(gw.running.public).await;
    let response = conn.ask(call("capped", asker.token, ""), Some(frame(&[0; 32]))).await.expect("an answer");
    assert_eq!((response.status, response.header("grpc-status")), (200, Some("3")), "a body never fits: {response:?}");
    for form in [Form::Http, Form::Grpc] {
        let api = format!("api=\"{}-capped\"", form.name());
        let refused = || counted(gw, "tollgate_requests_total", &[&api, "reason=\"body_too_large\""]);
        within("the count of a call that was refused on its way", async {
            while refused() != 1 {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    bench.gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_keys_make_nothing_grow_that_stays() {
    let rates = KINDS.map(|kind| format!("{{ per = \"{kind}\", requests = 1000, every = \"1s\" }}")).join(", ");
    let keyed = Api::mcp("keyed").mount("/keyed").keys("tools = { default = [] }").keys(&format!("rates = [{rates}]"));
    let more = format!("[roles.limited]\npermissions = [\"mcp:keyed:invoke\"]{keyed}");
    let listen = "trusted_proxies = [\"127.0.0.1/32\"]".to_owned();
    let gw = Gateway::start_with(Setup { listen, more, ..Setup::default() }).await;
    let caller = gw.open_caller("acme", &["limited"], "mcp:keyed:invoke").await;
    let mut conn = http1::Conn::open(gw.running.public).await;
    let series = || gw.running.metrics.text().lines().count();
    let ask = async |conn: &mut http1::Conn, number: u32| {
        let params = serde_json::json!({"name": format!("tool-{number}"), "arguments": {}});
        let message = serde_json::json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params}).to_string();
        let from = std::net::Ipv4Addr::from(0x0A00_0000 + number).to_string();
        let call = Request::new("POST", "/keyed").bearer(&caller.token).header("X-Forwarded-For", &from);
        let response = conn.ask(&call.header("Content-Type", "application/json").body(message)).await;
        assert_eq!(response.status, 200, "{number}: {response:?}");
        // Whoever is nobody: another path, another token, another address.
        let nobody = Request::get(&format!("/keyed/{number}")).bearer(&format!("no-token-{number}"));
        let response = conn.ask(&nobody.header("X-Forwarded-For", &from)).await;
        assert!((400..500).contains(&response.status), "{number}: {response:?}");
    };
    ask(&mut conn, 0).await;
    let before = series();
    for number in 1..=500 {
        ask(&mut conn, number).await;
    }
    assert_eq!(series(), before, "no series for a tool, an address, a path or a token");
    // Tables that a caller's key reaches are empty when nothing is under way; those that keep something have a size of their own
    // (`rates::tests`, `guesses`, `admission`, `holders`), or bytes that they may take (the caches of tokens).
    let gate = &gw.running.gate;
    let held = || (gate.overload.load(), gate.overload.networks(), gw.running.node.memory.held());
    within("nothing that is held", async {
        while held() != ((0, 0), 0, 0) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(gate.rates.counted(), 0, "no count of a route without a cap");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_that_a_reload_takes_out_is_counted_no_longer() {
    let gw = Gateway::start_with(Setup { file: true, ..Setup::default() }).await;
    let caller = gw.open_caller("acme", &["operator"], "metrics:read").await;
    let counted = || gw.running.gate.rates.counted();
    let mut held = http1::Conn::open(gw.running.public).await;
    held.send(&Request::get("/tight/one").bearer(&caller.token).header("X-Behave", "hold").bytes()).await;
    gw.upstream.asked(1).await;
    let text = gw.text();
    let uncapped = text.replace("max_concurrent = 1\n", "");
    let reload = |text: &str| {
        gw.rewrite(text);
        assert!(gw.running.reload(), "{text}");
    };
    assert!(uncapped != text);
    reload(&uncapped);
    assert_eq!(counted(), 1, "one runs");
    reload(&text);
    let answer = http1::ask(gw.running.public, &Request::get("/tight/one").bearer(&caller.token)).await;
    assert_eq!(answer.reason().as_deref(), Some("too_many_at_once"), "it counts when the cap is back: {answer:?}");
    gw.upstream.emit("");
    assert_eq!(held.response().await.status, 200);
    within("the end of the one that ran", async {
        while http1::ask(gw.running.public, &Request::get("/tight/one").bearer(&caller.token)).await.status != 200 {}
    })
    .await;
    reload(&text);
    assert_eq!(counted(), 1, "a route with a cap stays");
    within("no count of a route that has no cap", async {
        while counted() != 0 {
            reload(&uncapped);
        }
    })
    .await;
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_shadow_mode_lets_pass_is_counted_too() {
    let rates = "enforce = \"shadow\"\nrates = [{ per = \"user\", requests = 1, every = \"10s\" }]";
    let bench = Bench::start(&apis("noted", rates, "")).await;
    let gw = &bench.gw;
    let caller = gw.open_caller("acme", &["operator"], "metrics:read").await;
    for _ in 0..3 {
        let response = bench.ask(Form::Http, "noted", Asker::new(&caller)).await;
        assert_eq!(response.status, 200, "{response:?}");
        gw.record_of(&response).await;
    }
    let labels = ["api=\"http-noted\"", "per=\"user\""];
    assert_eq!(counted(gw, "tollgate_rate_limited_total", &labels), 2);
    bench.gw.running.stop().await;
}
