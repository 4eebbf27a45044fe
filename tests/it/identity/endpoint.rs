//! TLS towards a token endpoint: who is believed there, and what is shown.

use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use super::token_server::{SECRET, Server};
use crate::harness::api::READERS;
use crate::harness::audit::reason;
use crate::harness::certificates::{Authority, Leaf, write};
use crate::harness::http1::{Request, ask};
use crate::harness::{Api, Gateway, Setup, within};

/// TLS in front of a server, for clients of an authority; keeps the names that were asked for (RFC 6066 §3).
async fn front(leaf: &Leaf, clients: &Authority, to: SocketAddr) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let acceptor = leaf.acceptor(clients);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let names = Arc::new(Mutex::new(Vec::new()));
    let asked = Arc::clone(&names);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, asked) = (acceptor.clone(), Arc::clone(&asked));
            tokio::spawn(async move {
                let mut stream = acceptor.accept(stream).await?;
                asked.lock().push(stream.get_ref().1.server_name().unwrap_or_default().to_owned());
                let mut behind = TcpStream::connect(to).await?;
                copy_bidirectional(&mut stream, &mut behind).await
            });
        }
    });
    (address, names)
}

/// One API for each case, with its own TLS towards the same token endpoint.
fn apis(endpoint: &str, cases: &[(&str, String, u16)]) -> String {
    let api = |(case, tls, _): &(&str, String, u16)| {
        let keys = Server::keys_at(endpoint, &format!("{SECRET}, tls = {{ {tls} }}"));
        Api::named(case).mount(&format!("/idp-{case}")).keys(&keys).route("any", "GET", "/**", READERS).to_string()
    };
    cases.iter().map(api).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_believed_for_its_authority_and_name_alone() {
    let (authority, ours, dir) = (Authority::new(), Authority::new(), tempfile::tempdir().expect("a directory"));
    let server = Server::start().await;
    let (address, names) = front(&authority.leaf(&["idp.test"]), &ours, server.address).await;
    write(&dir.path().join("ca.pem"), &authority.0.pem());
    write(&dir.path().join("wrong.pem"), &ours.0.pem());
    let (cert, key) = ours.leaf(&["gateway.test"]).write(dir.path(), "client");
    let (stranger, its_key) = authority.leaf(&["gateway.test"]).write(dir.path(), "stranger");
    let ca = |file: &str| format!("ca = {:?}", dir.path().join(file));
    let client = format!("client_cert = {cert:?}, client_key = {key:?}");
    let stranger = format!("client_cert = {stranger:?}, client_key = {its_key:?}");
    let name = |name: &str| format!("server_name = \"{name}\"");
    let cases = [
        ("right", format!("{}, {}, {client}", ca("ca.pem"), name("idp.test")), 200),
        ("otherca", format!("{}, {}, {client}", ca("wrong.pem"), name("idp.test")), 503),
        ("system", format!("{}, {client}", name("idp.test")), 503),
        ("othername", format!("{}, {}, {client}", ca("ca.pem"), name("other.test")), 503),
        ("noname", format!("{}, {client}", ca("ca.pem")), 503),
        ("noclient", format!("{}, {}", ca("ca.pem"), name("idp.test")), 503),
        ("otherclient", format!("{}, {}, {stranger}", ca("ca.pem"), name("idp.test")), 503),
        ("nothing", String::new(), 503),
    ];
    let more = apis(&format!("https://{address}/token"), &cases);
    let gw = Gateway::start_with(Setup { more, ..Setup::default() }).await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    for (case, _, status) in &cases {
        let forwarded = gw.upstream.count();
        let answer = ask(gw.running.public, &Request::get(&format!("/idp-{case}/x")).bearer(&caller.token)).await;
        assert_eq!(answer.status, *status, "{case}: {answer:?}");
        if *status == 200 {
            assert_eq!(gw.upstream.last().header("authorization"), "Bearer upstream-1");
        } else {
            assert_eq!(reason(&gw.record_of(&answer).await), "identity_unavailable", "{case}");
            assert_eq!(gw.upstream.count(), forwarded, "{case}: nothing is forwarded without a token");
        }
    }
    assert_eq!(server.count(), 1, "no assertion goes to whom is not believed, or does not believe us");
    assert_eq!(server.last().host, address.to_string(), "what is asked is the configured place");
    assert_eq!(names.lock()[0], "idp.test");
    let metrics = || gw.running.metrics.text();
    within("the days that are left", async {
        while !metrics().contains("side=\"exchange\"") {
            tokio::task::yield_now().await;
        }
    })
    .await;
    gw.running.stop().await;
}
