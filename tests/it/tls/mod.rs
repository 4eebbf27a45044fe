//! TLS on both sides: who is shown what, who is believed, and that a change breaks nothing.

mod balancer;
mod clients;
mod expiry;
mod handshakes;
mod http2;
mod upstream;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use reqwest::header::HOST;
use rustls::pki_types::CertificateDer;
use tempfile::TempDir;

use crate::harness::certificates::{Authority, Leaf, write};
use crate::harness::http1::{Request, ask};
use crate::harness::{Gateway, Setup, within};

/// A gateway that shows certificates of an authority.
struct Rig {
    gw: Gateway,
    authority: Authority,
    dir: TempDir,
    first: Leaf,
    other: Leaf,
}

impl Rig {
    async fn start(clients: impl FnOnce(&Path) -> String) -> Self {
        Self::start_with("", clients).await
    }

    async fn start_with(more: &str, clients: impl FnOnce(&Path) -> String) -> Self {
        Self::set_up(Setup { more: more.to_owned(), ..Setup::default() }, clients).await
    }

    async fn set_up(setup: Setup, clients: impl FnOnce(&Path) -> String) -> Self {
        let (authority, dir) = (Authority::new(), tempfile::tempdir().expect("a directory"));
        let first = authority.leaf(&["gw.test"]);
        let other = authority.leaf(&["other.test", "*.apps.test"]);
        let (cert, key) = first.write(dir.path(), "first");
        let (more_cert, more_key) = other.write(dir.path(), "other");
        let listen = format!(
            "{}\ntls = {{ cert = '{}', key = '{}', more = [{{ cert = '{}', key = '{}' }}]{} }}",
            setup.listen,
            cert.display(),
            key.display(),
            more_cert.display(),
            more_key.display(),
            clients(dir.path())
        );
        let gw = Gateway::start_with(Setup { listen, ..setup }).await;
        Self { gw, authority, dir, first, other }
    }

    /// A client that believes the authority, with a new connection for each request.
    fn client(&self, identity: Option<&Leaf>) -> reqwest::Client {
        self.builder(identity).build().expect("a client")
    }

    fn builder(&self, identity: Option<&Leaf>) -> reqwest::ClientBuilder {
        let root = reqwest::Certificate::from_pem(self.authority.0.pem().as_bytes()).expect("a root");
        let mut client = reqwest::Client::builder().no_proxy().tls_certs_only([root]).tls_info(true).pool_max_idle_per_host(0);
        for name in ["gw.test", "other.test", "a.apps.test"] {
            client = client.resolve(name, self.gw.running.public);
        }
        if let Some(leaf) = identity {
            let pem = format!("{}{}", leaf.cert, leaf.key);
            client = client.identity(reqwest::Identity::from_pem(pem.as_bytes()).expect("an identity"));
        }
        client
    }

    fn request(&self, client: &reqwest::Client, name: &str) -> reqwest::RequestBuilder {
        client.get(format!("https://{name}:{}/open/x", self.gw.running.public.port())).header(HOST, "gw.test")
    }

    /// The certificate that a name is shown.
    async fn shown(&self, name: &str) -> CertificateDer<'static> {
        let answer = self.request(&self.client(None), name).send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{name}");
        let info = answer.extensions().get::<reqwest::tls::TlsInfo>().expect("TLS");
        CertificateDer::from(info.peer_certificate().expect("a certificate").to_vec())
    }
}

async fn metrics(gw: &Gateway) -> String {
    ask(gw.running.admin, &Request::get("/metrics").host("127.0.0.1")).await.text()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_name_is_shown_its_certificate() {
    let rig = Rig::start(|_| String::new()).await;
    assert_eq!(rig.shown("gw.test").await, rig.first.der());
    assert_eq!(rig.shown("other.test").await, rig.other.der());
    assert_eq!(rig.shown("a.apps.test").await, rig.other.der());
    within("the days that are left", async {
        while !metrics(&rig.gw).await.contains("tollgate_certificate_expiry_seconds{file=") {
            tokio::task::yield_now().await;
        }
    })
    .await;
    rig.gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_change_a_hundred_times_and_no_request_fails() {
    let rig = Arc::new(Rig::start(|_| String::new()).await);
    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let load = |kept: usize| {
        let (rig, stop, answered) = (Arc::clone(&rig), Arc::clone(&stop), Arc::clone(&answered));
        tokio::spawn(async move {
            let client = if kept == 0 { rig.client(None) } else { kept_client(&rig) };
            while !stop.load(Ordering::Acquire) {
                let answer = rig.request(&client, "gw.test").send().await;
                let answer = answer.unwrap_or_else(|e| panic!("a request failed: {e:?}"));
                assert_eq!(answer.status(), 200);
                answer.bytes().await.expect("a whole body");
                answered.fetch_add(1, Ordering::AcqRel);
            }
        })
    };
    let loads = [load(0), load(1)];
    for round in 0..100 {
        let next = rig.authority.leaf(&["gw.test"]);
        next.write(rig.dir.path(), "first");
        // The file has not changed; its certificates have.
        let _ = rig.gw.running.reload();
        assert_eq!(rig.shown("gw.test").await, next.der(), "round {round}");
        if round == 50 {
            write(&rig.dir.path().join("first.pem"), "no certificate");
            let _ = rig.gw.running.reload();
            assert_eq!(rig.shown("gw.test").await, next.der(), "a bad file changes nothing");
            assert!(metrics(&rig.gw).await.contains("tollgate_certificate_reloads_total{outcome=\"refused\"}"));
        }
    }
    stop.store(true, Ordering::Release);
    for load in loads {
        load.await.expect("no request failed");
    }
    assert!(answered.load(Ordering::Acquire) > 10, "{}", answered.load(Ordering::Acquire));
    let rig = Arc::into_inner(rig).expect("nobody else has it");
    rig.gw.running.stop().await;
}

/// A client that keeps its connection.
fn kept_client(rig: &Rig) -> reqwest::Client {
    let root = reqwest::Certificate::from_pem(rig.authority.0.pem().as_bytes()).expect("a root");
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([root]).resolve("gw.test", rig.gw.running.public);
    client.build().expect("a client")
}
