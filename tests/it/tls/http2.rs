//! HTTP/2 over TLS, with clients and with upstreams.

use std::path::Path;

use http::Request as Head;
use pingora_core::tls::ClientTlsStream;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Rig;
use crate::harness::certificates::{Authority, Leaf, write};
use crate::harness::grpc::{Collector, frame, rest};
use crate::harness::http2::{Conn, request_at};
use crate::harness::{Gateway, Setup};

const ORIGIN: &str = "https://gw.test";

/// A connection to a name, with what client and gateway agreed on.
async fn connect(
    rig: &Rig,
    name: &str,
    protocols: &[&str],
    identity: Option<&Leaf>,
) -> std::io::Result<ClientTlsStream<TcpStream>> {
    let stream = TcpStream::connect(rig.gw.running.public).await?;
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    rig.authority.connector(protocols, identity).connect(name, stream).await
}

/// A connection that speaks HTTP/2.
async fn open(rig: &Rig, name: &str, identity: Option<&Leaf>) -> Conn {
    let stream = connect(rig, name, &["h2"], identity).await.expect("a handshake");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    Conn::over(stream).await
}

fn get(origin: &str, target: &str) -> Head<()> {
    request_at(origin, "GET", target, &[])
}

fn call(origin: &str, path: &str, token: &str) -> Head<()> {
    let bearer = format!("Bearer {token}");
    let headers = [("content-type", "application/grpc"), ("te", "trailers"), ("authorization", &*bearer)];
    request_at(origin, "POST", path, &headers)
}

#[tokio::test(flavor = "multi_thread")]
async fn client_and_gateway_agree_on_a_protocol() {
    let rig = Rig::start(|_| String::new()).await;
    let cases: [(&[&str], Option<&str>); 5] = [
        (&["h2", "http/1.1"], Some("h2")),
        (&["http/1.1", "h2"], Some("h2")),
        (&["h2"], Some("h2")),
        (&["http/1.1"], Some("http/1.1")),
        (&[], None),
    ];
    for (offered, chosen) in cases {
        let mut stream = connect(&rig, "gw.test", offered, None).await.expect("a handshake");
        assert_eq!(stream.get_ref().1.alpn_protocol(), chosen.map(str::as_bytes), "{offered:?}");
        if chosen == Some("h2") {
            let answer = Conn::over(stream).await.ask(get(ORIGIN, "/open/x"), None).await.expect("an answer");
            assert_eq!(answer.status, 200, "{offered:?}");
        } else {
            stream.write_all(b"GET /open/x HTTP/1.1\r\nHost: gw.test\r\n\r\n").await.expect("it is written");
            let mut begin = [0; 15];
            stream.read_exact(&mut begin).await.expect("an answer");
            assert_eq!(&begin, b"HTTP/1.1 200 OK", "{offered:?}");
        }
    }
    assert!(connect(&rig, "gw.test", &["h3"], None).await.is_err(), "who speaks nothing of it is told so (RFC 7301 §3.2)");
    rig.gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_goes_on_when_the_certificate_changes() {
    let rig = Rig::start(|_| String::new()).await;
    let mut old = open(&rig, "gw.test", None).await;
    assert_eq!(old.ask(get(ORIGIN, "/open/x"), None).await.expect("an answer").status, 200);
    let held = request_at(ORIGIN, "GET", "/open/held", &[("x-behave", "hold")]);
    let held = old.begin(held, None).await.expect("a stream");
    rig.gw.upstream.asked(2).await;
    let next = rig.authority.leaf(&["gw.test"]);
    next.write(rig.dir.path(), "first");
    let _ = rig.gw.running.reload();
    assert_eq!(rig.shown("gw.test").await, next.der());
    let mut begun = Vec::new();
    for n in 0..20 {
        begun.push(old.begin(get(ORIGIN, &format!("/open/{n}")), None).await.expect("a stream"));
    }
    for answer in begun {
        assert_eq!(answer.response().await.expect("an answer").status, 200);
    }
    rig.gw.upstream.emit("");
    assert_eq!(held.response().await.expect("an answer").status, 200, "what was under way ends well");
    rig.gw.running.stop().await;
}

/// An API whose calls take a certificate besides a token.
fn sealed(upstream: &str) -> String {
    format!(
        "[[upstreams]]\nname = \"collector\"\nprotocol = \"http2\"\n{upstream}\n\
         [[apis]]\nname = \"echo\"\nmount = \"/echo\"\nservices = [\"test.v1.Echo\"]\nupstream = \"collector\"\n\
         [[apis.routes]]\nid = \"echo.sealed\"\nmatch = \"/test.v1.Echo/Sealed\"\nmethods = [\"POST\"]\n\
         scopes = [\"metrics:read\"]\nclient_certificate = true\n\
         [[apis.routes]]\nid = \"echo.call\"\nmatch = \"/test.v1.Echo/Call\"\nmethods = [\"POST\"]\nscopes = [\"metrics:read\"]\n\
         [[apis]]\nname = \"sealed\"\nmount = \"/sealed\"\nupstream = \"plain\"\n\
         [[apis.routes]]\nid = \"sealed.any\"\nmatch = \"/**\"\nmethods = [\"GET\"]\npublic = true\nclient_certificate = true\n"
    )
}

async fn with_clients(theirs: &Authority, more: &str) -> Rig {
    Rig::start_with(more, |dir: &Path| {
        write(&dir.join("clients.pem"), &theirs.0.pem());
        format!(", client_ca = \"{}\"", dir.join("clients.pem").display())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_takes_its_certificate_and_keeps_its_trailers() {
    let (theirs, collector) = (Authority::new(), Collector::start().await);
    let rig = with_clients(&theirs, &sealed(&format!("endpoints = [\"http://{}\"]", collector.address))).await;
    let known = theirs.leaf(&["client.test"]);
    let caller = rig.gw.open_caller("acme", &["operator"], "metrics:read").await;
    let (mut with, mut without) = (open(&rig, "gw.test", Some(&known)).await, open(&rig, "gw.test", None).await);
    for number in 1..=3 {
        let sealed = call(ORIGIN, "/test.v1.Echo/Sealed", &caller.token);
        let (head, mut body) = with.start(sealed, Some(frame(b"hello"))).await.expect("an answer");
        assert_eq!((head.status, head.header("grpc-status")), (200, None), "{head:?}");
        let (answer, trailers) = rest(&mut body).await;
        assert_eq!((answer, &trailers["grpc-status"]), (frame(b"done").to_vec(), &http::HeaderValue::from_static("0")));
        assert_eq!(collector.called(number).await.body, frame(b"hello").to_vec());
        assert!(rig.gw.record_of(&head).await.origin.certificate.is_some(), "the record names it on every stream");
    }
    let refused =
        without.ask(call(ORIGIN, "/test.v1.Echo/Sealed", &caller.token), Some(frame(b"hello"))).await.expect("an answer");
    assert_eq!((refused.status, refused.header("grpc-status")), (200, Some("7")), "{refused:?}");
    let open = without.ask(call(ORIGIN, "/test.v1.Echo/Call", &caller.token), Some(frame(b"hello"))).await.expect("an answer");
    assert_eq!((open.status, open.header("grpc-status")), (200, None), "{open:?}");
    assert_eq!(collector.count(), 4, "what was refused never came");
    rig.gw.running.stop().await;
}

/// Who is asked for certificates is settled for the listener, and who needs one by the route of the request alone: the name of the
/// handshake opens nothing, so that a connection may be used for every host whose certificate it was shown (RFC 9113 §9.1.1).
#[tokio::test(flavor = "multi_thread")]
async fn the_name_of_the_handshake_opens_no_route() {
    let (theirs, collector) = (Authority::new(), Collector::start().await);
    let rig = with_clients(&theirs, &sealed(&format!("endpoints = [\"http://{}\"]", collector.address))).await;
    let known = theirs.leaf(&["client.test"]);
    for name in ["gw.test", "other.test"] {
        for (identity, sealed) in [(Some(&known), 200), (None, 403)] {
            let mut conn = open(&rig, name, identity).await;
            let mut status = async |origin, target| conn.ask(get(origin, target), None).await.expect("an answer").status;
            assert_eq!(status(ORIGIN, "/open/x").await, 200, "{name}");
            assert_eq!(status(ORIGIN, "/sealed/x").await, sealed, "{name}");
            for stranger in ["https://other.test", "https://nobody.test"] {
                assert_eq!(status(stranger, "/open/x").await, 421, "{name}: {stranger} (RFC 9110 §15.5.20)");
            }
        }
    }
    rig.gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_is_spoken_to_over_http2_when_both_agree_on_it() {
    let (authority, ours, dir) = (Authority::new(), Authority::new(), tempfile::tempdir().expect("a directory"));
    write(&dir.path().join("ca.pem"), &authority.0.pem());
    let (cert, key) = ours.leaf(&["gateway.test"]).write(dir.path(), "client");
    let leaf = authority.leaf(&["inner.test"]);
    let cases: [(&[&str], bool); 4] = [(&["h2"], true), (&["h2", "http/1.1"], true), (&["http/1.1"], false), (&[], false)];
    for (spoken, works) in cases {
        let collector = Collector::start_over(leaf.acceptor_of(&ours, spoken)).await;
        let tls = format!("ca = {:?}, server_name = \"inner.test\"", dir.path().join("ca.pem"));
        let upstream = format!(
            "endpoints = [\"https://{}\"]\ntls = {{ {tls}, client_cert = {cert:?}, client_key = {key:?} }}",
            collector.address
        );
        let more = sealed(&upstream).replace("client_certificate = true\n", "");
        let gw = Gateway::start_with(Setup { more, ..Setup::default() }).await;
        let caller = gw.open_caller("acme", &["operator"], "metrics:read").await;
        let mut conn = Conn::open(gw.running.public).await;
        for number in 1..=2 {
            let (head, mut body) = conn
                .start(call("http://gw.test", "/test.v1.Echo/Call", &caller.token), Some(frame(b"hello")))
                .await
                .expect("an answer");
            if !works {
                assert_eq!((head.status, head.header("grpc-status")), (200, Some("14")), "{spoken:?}: {head:?}");
                continue;
            }
            let (answer, trailers) = rest(&mut body).await;
            assert_eq!((answer, &trailers["grpc-status"]), (frame(b"done").to_vec(), &http::HeaderValue::from_static("0")));
            let seen = collector.called(number).await;
            assert_eq!((&*seen.path, seen.body), ("/test.v1.Echo/Call", frame(b"hello").to_vec()), "{spoken:?}");
            assert!(!seen.headers.contains_key("authorization"));
        }
        assert_eq!(collector.count(), if works { 2 } else { 0 }, "{spoken:?}");
        gw.running.stop().await;
    }
}
