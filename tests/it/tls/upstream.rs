//! TLS towards upstreams: whom the gateway believes, and what it shows.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::harness::api::{HTTP2, OPEN};
use crate::harness::audit::outcome;
use crate::harness::certificates::{Authority, Leaf, write};
use crate::harness::grpc::{Collector, frame};
use crate::harness::http1::{Request, ask};
use crate::harness::{Api, Gateway, Setup, http2, within};

/// An upstream over TLS that wants client certificates of an authority and answers everything with 200.
async fn tls_upstream(leaf: &Leaf, clients: &Authority) -> std::net::SocketAddr {
    let acceptor = leaf.acceptor(clients);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut stream = acceptor.accept(stream).await?;
                let mut read = Vec::new();
                while !read.ends_with(b"\r\n\r\n") {
                    if stream.read_buf(&mut read).await? == 0 {
                        return Ok(());
                    }
                }
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}").await?;
                stream.shutdown().await
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_is_believed_for_its_authority_and_name_alone() {
    let (authority, ours, dir) = (Authority::new(), Authority::new(), tempfile::tempdir().expect("a directory"));
    let address = tls_upstream(&authority.leaf(&["inner.test"]), &ours).await;
    let expired = tls_upstream(&authority.leaf_until(&["inner.test"], (2026, 1, 1)), &ours).await;
    let early = tls_upstream(&authority.leaf_from(&["inner.test"], (2100, 1, 1)), &ours).await;
    write(&dir.path().join("ca.pem"), &authority.0.pem());
    write(&dir.path().join("wrong.pem"), &ours.0.pem());
    let (cert, key) = ours.leaf(&["gateway.test"]).write(dir.path(), "client");
    let ca = |file: &str| format!("ca = {:?}", dir.path().join(file));
    let client = format!("client_cert = {cert:?}, client_key = {key:?}");
    let name = |name: &str| format!("server_name = \"{name}\"");
    let cases = [
        ("right", format!("{}, {}, {client}", ca("ca.pem"), name("inner.test")), 200),
        ("expired", format!("{}, {}, {client}", ca("ca.pem"), name("inner.test")), 502),
        ("early", format!("{}, {}, {client}", ca("ca.pem"), name("inner.test")), 502),
        ("otherca", format!("{}, {}, {client}", ca("wrong.pem"), name("inner.test")), 502),
        ("system", format!("{}, {client}", name("inner.test")), 502),
        ("othername", format!("{}, {}, {client}", ca("ca.pem"), name("other.test")), 502),
        ("noname", format!("{}, {client}", ca("ca.pem")), 502),
        ("noclient", format!("{}, {}", ca("ca.pem"), name("inner.test")), 502),
    ];
    let mut more = String::new();
    for (case, tls, _) in &cases {
        let address = match *case {
            "expired" => expired,
            "early" => early,
            _ => address,
        };
        let api = Api::named(case).mount(&format!("/tls-{case}")).route("any", "GET", "/**", OPEN);
        more += &api.at_each(&[format!("https://{address}")], &format!("tls = {{ {tls} }}")).to_string();
    }
    let gw = Gateway::start_with(Setup { more, file: true, ..Setup::default() }).await;
    for (case, _, status) in &cases {
        let response = ask(gw.running.public, &Request::get(&format!("/tls-{case}/x"))).await;
        assert_eq!(response.status, *status, "{case}: {response:?}");
    }
    // Until the watcher has learned what to look at, a change is not one: it is told again, but not while it waits for the file to
    // stand still.
    within("another authority in the same file", async {
        let mut told: Option<Instant> = None;
        for turn in 0_u32.. {
            if told.is_none_or(|told| told.elapsed() > Duration::from_secs(2)) {
                write(&dir.path().join("wrong.pem"), &format!("{}\n# {turn}\n", authority.0.pem()));
                told = Some(Instant::now());
            }
            if ask(gw.running.public, &Request::get("/tls-otherca/x")).await.status == 200 {
                break;
            }
        }
    })
    .await;
    gw.running.stop().await;
}

/// An upstream of `protocol = "http2"` that negotiates none gets nothing: in HTTP/1.1 a call of gRPC would lose its end.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_to_speak_http2_and_negotiates_none_is_not_asked() {
    let (authority, ours, dir) = (Authority::new(), Authority::new(), tempfile::tempdir().expect("a directory"));
    write(&dir.path().join("ca.pem"), &authority.0.pem());
    let (cert, key) = ours.leaf(&["gateway.test"]).write(dir.path(), "client");
    let leaf = || authority.leaf(&["inner.test"]);
    let silent = tls_upstream(&leaf(), &ours).await;
    let other = Collector::start_over(leaf().acceptor_of(&ours, &["http/1.1"])).await;
    let right = Collector::start_over(leaf().acceptor_of(&ours, &["h2", "http/1.1"])).await;
    let ca = dir.path().join("ca.pem");
    let tls = format!("tls = {{ ca = {ca:?}, server_name = \"inner.test\", client_cert = {cert:?}, client_key = {key:?} }}");
    let mut more = String::new();
    for (case, address, health) in [
        ("silent", silent, ""),
        ("checked", silent, "health = \"/\"\n"),
        ("other", other.address, ""),
        ("right", right.address, ""),
    ] {
        let api = Api::named(case).keys(&format!("services = [\"test.v1.{case}\"]"));
        let api = api.route("call", "POST", &format!("/test.v1.{case}/Call"), OPEN).route("any", "GET", "/x", OPEN);
        more += &api.at_each(&[format!("https://{address}")], &format!("{HTTP2}\n{health}{tls}")).to_string();
    }
    let gw = Gateway::start_with(Setup { more, ..Setup::default() }).await;
    for (case, status, reason) in
        [("silent", 502, Some("upstream_protocol")), ("other", 502, Some("upstream_unreachable")), ("right", 200, None)]
    {
        let answer = ask(gw.running.public, &Request::get(&format!("/{case}/x"))).await;
        assert_eq!((answer.status, answer.reason().as_deref()), (status, reason), "{case}: {answer:?}");
        let outcome = outcome(&gw.record_of(&answer).await);
        assert_eq!(outcome, if status == 200 { "200" } else { "Upstream" }, "{case}");
    }
    let mut conn = http2::Conn::open(gw.running.public).await;
    let call = http2::request("POST", "/test.v1.silent/Call", &[("content-type", "application/grpc"), ("te", "trailers")]);
    let told = conn.ask(call, Some(frame(b"a call"))).await.expect("an answer");
    assert_eq!((told.status, told.header("grpc-status")), (200, Some("14")), "{told:?}");
    assert!(told.header("grpc-message").is_some_and(|text| text.contains("version of HTTP")), "{told:?}");
    let metrics = ask(gw.running.admin, &Request::get("/metrics").host("127.0.0.1")).await.text();
    assert!(metrics.contains("tollgate_upstream_up{upstream=\"silent\"} 0"), "{metrics}");
    within("a check that fails", async {
        let well = "tollgate_upstream_endpoint_up{";
        loop {
            gw.advance(1);
            let metrics = ask(gw.running.admin, &Request::get("/metrics").host("127.0.0.1")).await.text();
            if metrics.lines().any(|l| l.starts_with(well) && l.contains("upstream=\"checked\"") && l.ends_with(" 0")) {
                break;
            }
        }
    })
    .await;
    gw.running.stop().await;
}

/// What one endpoint was not asked for is not what a request is told that timed out at the next.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_told_what_was_wrong_with_the_endpoint_that_it_was_at_last() {
    let (authority, ours, dir) = (Authority::new(), Authority::new(), tempfile::tempdir().expect("a directory"));
    write(&dir.path().join("ca.pem"), &authority.0.pem());
    let (cert, key) = ours.leaf(&["gateway.test"]).write(dir.path(), "client");
    let leaf = || authority.leaf(&["inner.test"]);
    let other = tls_upstream(&leaf(), &ours).await;
    // It takes everything and says nothing.
    let acceptor = leaf().acceptor_of(&ours, &["h2"]);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let mute = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
                }
            });
        }
    });
    let ca = dir.path().join("ca.pem");
    let lines = format!(
        "{HTTP2}\nejection = {{ failures = 0 }}\nretries = {{ tries = 2, reserve = 100 }}\n\
         timeouts = {{ connect = \"5s\", read = \"500ms\" }}\n\
         tls = {{ ca = {ca:?}, server_name = \"inner.test\", client_cert = {cert:?}, client_key = {key:?} }}"
    );
    let both = Api::named("both").at_each(&[other, mute].map(|address| format!("https://{address}")), &lines);
    let gw = Gateway::start_with(both.route("any", "GET", "/x", OPEN).into()).await;
    // Whichever is asked first: who is late is not asked twice.
    for _ in 0..2 {
        let answer = ask(gw.running.public, &Request::get("/both/x")).await;
        assert_eq!((answer.status, answer.reason().as_deref()), (504, Some("upstream_timeout")), "{answer:?}");
    }
    gw.running.stop().await;
}
