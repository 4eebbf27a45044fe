//! TLS on both sides: who is shown what, who is believed, and that a change breaks nothing.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pingora_core::tls::{ClientTlsStream, TlsConnector};
use reqwest::header::HOST;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tollgate::admin::{Administration as _, ExplainQuery, Local};

use crate::harness::audit::call;
use crate::harness::certificates::{Authority, Leaf, write};
use crate::harness::http1::{Request, ask};
use crate::harness::{Gateway, Setup, UPSTREAM_SECRET, within};

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
            "tls = {{ cert = '{}', key = '{}', more = [{{ cert = '{}', key = '{}' }}]{} }}",
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

#[tokio::test(flavor = "multi_thread")]
async fn clients_show_certificates_of_the_authority_or_none() {
    let theirs = Authority::new();
    let ca = |dir: &Path, more: &str| {
        write(&dir.join("clients.pem"), &theirs.0.pem());
        format!(", client_ca = {:?}{more}", dir.join("clients.pem"))
    };
    for (more, without) in [("", true), (", client_required = true", false)] {
        let rig = Rig::start(|dir| ca(dir, more)).await;
        let known = theirs.leaf(&["client.test"]);
        let stranger = Authority::new().leaf(&["client.test"]);
        let asked = async |identity: Option<&Leaf>| {
            rig.request(&rig.client(identity), "gw.test").send().await.is_ok_and(|a| a.status() == 200)
        };
        assert!(asked(Some(&known)).await, "{more}");
        assert!(!asked(Some(&stranger)).await, "{more}");
        assert_eq!(asked(None).await, without, "{more}");
        rig.gw.running.stop().await;
    }
}

/// A connection from there that begins with these bytes and says no more.
async fn silent(from: [u8; 4], to: SocketAddr, begin: &[u8]) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::new(from.into(), 0)).expect("an address of this machine");
    let mut stream = socket.connect(to).await.expect("the kernel accepts");
    let _ = stream.write_all(begin).await;
    stream
}

/// Whether it was closed within a moment that a served connection would not be.
async fn closed(stream: &mut TcpStream) -> bool {
    let read = tokio::time::timeout(Duration::from_millis(300), stream.read(&mut [0; 64])).await;
    read.is_ok_and(|read| read.is_err() || read.is_ok_and(|n| n == 0))
}

/// The first bytes of a handshake (RFC 8446 §5.1), whose rest never comes.
const HALF_A_HANDSHAKE: &[u8] = &[22, 3, 1, 2, 0, 1, 0, 1, 252];

#[tokio::test(flavor = "multi_thread")]
async fn handshakes_that_stall_count_towards_the_share_of_their_address() {
    let limits = "max_connections = 20\nmax_connections_per_address = 3";
    let rig = Rig::set_up(Setup { limits, ..Setup::default() }, |_| String::new()).await;
    let public = rig.gw.running.public;
    for (stalling, begin) in [([127, 0, 0, 2], &b""[..]), ([127, 0, 0, 3], HALF_A_HANDSHAKE)] {
        let mut stalled = Vec::new();
        for _ in 0..3 {
            stalled.push(silent(stalling, public, begin).await);
        }
        let before = rig.gw.running.metrics.connections_refused.get();
        within("a refusal", async {
            // The last of them may not have been looked at yet.
            while !closed(&mut silent(stalling, public, begin).await).await {}
        })
        .await;
        assert!(rig.gw.running.metrics.connections_refused.get() > before);
        assert!(!closed(&mut stalled[0]).await, "what was admitted stays");
        let answer = rig.request(&rig.client(None), "gw.test").send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "another address is served at once");
        drop(stalled);
    }
    // Handshakes that fail or end free their places, many more times than there are places.
    let stalling = [127, 0, 0, 2];
    let from = |client: reqwest::ClientBuilder| client.local_address(Some(stalling.into())).build().expect("a client");
    let client = from(rig.builder(None));
    for round in 0..12 {
        drop(silent(stalling, public, b"GET / HTTP/1.1\r\n\r\n").await);
        let served = within("room for another", async {
            loop {
                if let Ok(answer) = rig.request(&client, "gw.test").send().await {
                    return answer.status();
                }
            }
        });
        assert_eq!(served.await, 200, "{round}");
    }
    rig.gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_begin_a_handshake_is_not_waited_for() {
    let limits = "header_timeout = \"200ms\"";
    let rig = Rig::set_up(Setup { limits, ..Setup::default() }, |_| String::new()).await;
    let mut stream = silent([127, 0, 0, 1], rig.gw.running.public, b"").await;
    let read = within("its end", stream.read(&mut [0; 64])).await;
    assert_eq!(read.expect("an end in order"), 0);
    let read = rig.request(&rig.client(None), "gw.test").send().await.expect("an answer");
    assert_eq!(read.status(), 200);
    rig.gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_clients_are_asked_for_certificates_takes_a_restart() {
    let (theirs, others) = (Authority::new(), Authority::new());
    let held = tempfile::tempdir().expect("a directory");
    let (one, two) = (held.path().join("one.pem"), held.path().join("two.pem"));
    write(&one, &theirs.0.pem());
    write(&two, &others.0.pem());
    let (none, first, second) = (String::new(), format!(", client_ca = {one:?}"), format!(", client_ca = {two:?}"));
    let required = format!("{first}, client_required = true");
    for (was, next, key) in [
        (&none, &first, Some("listen.tls.client_ca")),
        (&first, &none, Some("listen.tls.client_ca")),
        (&first, &required, Some("listen.tls.client_required")),
        (&first, &second, None),
    ] {
        let rig = Rig::set_up(Setup { file: true, ..Setup::default() }, |_| was.clone()).await;
        let text = rig.gw.text();
        let (before, after) = (format!("}}]{was} }}"), format!("}}]{next} }}"));
        assert!(text.contains(&before), "{text}");
        rig.gw.rewrite(&text.replacen(&before, &after, 1));
        assert_eq!(rig.gw.running.reload(), key.is_none(), "{was} becomes {next}");
        let answer = ask(rig.gw.running.admin, &Request::get("/readyz").host("127.0.0.1")).await.json();
        let errors = answer["configuration"]["refused"]["errors"].clone();
        let named = errors.as_array().and_then(|e| e[0].as_str()).map(|e| e.split(':').next().unwrap_or(e).to_owned());
        assert_eq!(named.as_deref(), key, "{errors}");
        let applied = metrics(&rig.gw).await.contains("tollgate_certificate_reloads_total{outcome=\"applied\"}");
        assert_eq!(applied, key.is_none(), "what is not in force is not counted as applied: {was} becomes {next}");
        let (known, stranger) = (theirs.leaf(&["client.test"]), others.leaf(&["client.test"]));
        let asked =
            async |leaf: &Leaf| rig.request(&rig.client(Some(leaf)), "gw.test").send().await.is_ok_and(|a| a.status() == 200);
        if key.is_none() {
            assert_eq!((asked(&known).await, asked(&stranger).await), (false, true), "other authorities need no restart");
        } else if was == &first {
            assert_eq!((asked(&known).await, asked(&stranger).await), (true, false), "what was in force stays in force");
        }
        rig.gw.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_wants_a_certificate_and_its_record_names_it() {
    let theirs = Authority::new();
    let more = "[[apis]]\nname = \"sealed\"\nmount = \"/sealed\"\nupstream = \"plain\"\n\
                [[apis.routes]]\nid = \"sealed.any\"\nmatch = \"/**\"\nmethods = [\"GET\"]\npublic = true\nclient_certificate = true\n";
    let rig = Rig::start_with(more, |dir| {
        write(&dir.join("clients.pem"), &theirs.0.pem());
        format!(", client_ca = {:?}", dir.join("clients.pem"))
    })
    .await;
    let known = theirs.leaf(&["client.test"]);
    let url = format!("https://gw.test:{}/sealed/x", rig.gw.running.public.port());
    let asked = async |identity: Option<&Leaf>| {
        let answer = rig.client(identity).get(&url).header(HOST, "gw.test").send().await.expect("an answer");
        let id = answer.headers()["x-request-id"].to_str().expect("text").to_owned();
        let certificate = rig.gw.record_of_request(&id).await.origin.certificate;
        let query = ExplainQuery { request: Some(id), ..ExplainQuery::default() };
        let told = Local::new(rig.gw.running.node.clone()).explain(query).await.expect("an explanation");
        (answer.status().as_u16(), certificate, told.reason)
    };
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &known.der());
    let named = digest.as_ref().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    assert_eq!(asked(Some(&known)).await, (200, Some(named), None));
    assert_eq!(asked(None).await, (403, None, Some("client_certificate_missing".to_owned())));
    rig.gw.running.stop().await;
}

/// A client that keeps its sessions, and shows a certificate.
fn resuming(rig: &Rig, identity: &Leaf, version: &'static rustls::SupportedProtocolVersion) -> TlsConnector {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(rig.authority.0.der().clone()).expect("a root");
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("a key");
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[version])
        .expect("a version")
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![identity.der()], key)
        .expect("an identity");
    TlsConnector::from(Arc::new(config))
}

/// A connection over TLS, asked byte by byte.
struct Asking {
    stream: ClientTlsStream<TcpStream>,
    resumed: bool,
}

impl Asking {
    async fn connect(rig: &Rig, connector: &TlsConnector) -> Self {
        let stream = TcpStream::connect(rig.gw.running.public).await.expect("a connection");
        let name = ServerName::try_from("gw.test").expect("a name");
        let mut this = Self { stream: connector.connect(name, stream).await.expect("a handshake"), resumed: false };
        this.resumed = this.stream.get_ref().1.handshake_kind() == Some(rustls::HandshakeKind::Resumed);
        this
    }

    /// The status of an answer, which is read whole, and with it what the session can be resumed with.
    async fn status(&mut self, path: &str) -> u16 {
        let request = format!("GET {path} HTTP/1.1\r\nHost: gw.test\r\n\r\n");
        self.stream.write_all(request.as_bytes()).await.expect("it is written");
        let mut read = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&read).to_ascii_lowercase();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.lines().find_map(|l| l.strip_prefix("content-length: ")).expect("a length");
                if body.len() >= length.parse().expect("a number") {
                    return head[9..12].parse().expect("a status");
                }
            }
            assert_ne!(self.stream.read_buf(&mut read).await.expect("an answer"), 0, "{text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_worth_nothing_once_its_authority_is_gone() {
    let (theirs, others) = (Authority::new(), Authority::new());
    let known = theirs.leaf(&["client.test"]);
    let more = "[[apis]]\nname = \"sealed\"\nmount = \"/sealed\"\nupstream = \"plain\"\n\
                [[apis.routes]]\nid = \"sealed.any\"\nmatch = \"/**\"\nmethods = [\"GET\"]\npublic = true\nclient_certificate = true\n";
    for (version, required) in [(&TLS13, false), (&TLS12, false), (&TLS13, true)] {
        let rig = Rig::start_with(more, |dir| {
            write(&dir.join("clients.pem"), &theirs.0.pem());
            format!(", client_ca = {:?}, client_required = {required}", dir.join("clients.pem"))
        })
        .await;
        let change = |authorities: String| {
            write(&rig.dir.path().join("clients.pem"), &authorities);
            let _ = rig.gw.running.reload();
        };
        let connector = resuming(&rig, &known, version);
        let mut living = Asking::connect(&rig, &connector).await;
        assert_eq!(living.status("/sealed/x").await, 200);
        let mut again = Asking::connect(&rig, &connector).await;
        assert_eq!((again.resumed, again.status("/sealed/x").await), (true, 200));

        change(others.0.pem());
        let mut resumed = Asking::connect(&rig, &connector).await;
        assert_eq!((resumed.resumed, resumed.status("/sealed/x").await), (true, 403), "{version:?}");
        // Where everybody must show one, who shows none that counts is told so once.
        assert_eq!(living.status("/sealed/x").await, 403, "{version:?}");
        if !required {
            assert_eq!((living.status("/open/x").await, resumed.status("/open/x").await), (200, 200));
        }

        change(theirs.0.pem() + &others.0.pem());
        let mut back = Asking::connect(&rig, &connector).await;
        assert_eq!(back.status("/sealed/x").await, 200, "its authority is back");
        if !required {
            assert_eq!(living.status("/sealed/x").await, 200, "a connection that lives on is judged anew as well");
        }
        rig.gw.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn shadow_mode_lets_pass_who_shows_no_certificate_and_lends_them_nothing() {
    let theirs = Authority::new();
    let more = "[[apis]]\nname = \"sealed\"\nmount = \"/sealed\"\nupstream = \"metrics\"\nenforce = \"shadow\"\n\
                [[apis.routes]]\nid = \"sealed.any\"\nmatch = \"/**\"\nmethods = [\"GET\"]\nscopes = [\"metrics:read\"]\n\
                client_certificate = true\n";
    let rig = Rig::start_with(more, |dir| {
        write(&dir.join("clients.pem"), &theirs.0.pem());
        format!(", client_ca = {:?}", dir.join("clients.pem"))
    })
    .await;
    let (gw, known) = (&rig.gw, theirs.leaf(&["client.test"]));
    let caller = gw.open_caller("acme", &["reader"], "metrics:read").await;
    let url = format!("https://gw.test:{}/sealed/x", gw.running.public.port());
    for (identity, credential, wanted) in
        [(Some(&known), vec![UPSTREAM_SECRET.to_owned()], None), (None, vec![], Some("client_certificate_missing"))]
    {
        let request = rig.client(identity).get(&url).header(HOST, "gw.test").bearer_auth(&caller.token);
        let answer = request.send().await.expect("an answer");
        assert_eq!((answer.status().as_u16(), gw.upstream.last().values("authorization")), (200, credential), "{wanted:?}");
        let record = gw.record_of_request(answer.headers()["x-request-id"].to_str().expect("text")).await;
        assert_eq!(call(&record).would_deny.as_ref().map(|w| w.reason.as_str()), wanted);
        assert_eq!(record.actor.client.as_ref(), Some(&caller.client.id), "whom it would hit is known");
    }
    rig.gw.running.stop().await;
}

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
    write(&dir.path().join("ca.pem"), &authority.0.pem());
    write(&dir.path().join("wrong.pem"), &ours.0.pem());
    let (cert, key) = ours.leaf(&["gateway.test"]).write(dir.path(), "client");
    let ca = |file: &str| format!("ca = {:?}", dir.path().join(file));
    let client = format!("client_cert = {cert:?}, client_key = {key:?}");
    let name = |name: &str| format!("server_name = \"{name}\"");
    let cases = [
        ("right", format!("{}, {}, {client}", ca("ca.pem"), name("inner.test")), 200),
        ("otherca", format!("{}, {}, {client}", ca("wrong.pem"), name("inner.test")), 502),
        ("system", format!("{}, {client}", name("inner.test")), 502),
        ("othername", format!("{}, {}, {client}", ca("ca.pem"), name("other.test")), 502),
        ("noname", format!("{}, {client}", ca("ca.pem")), 502),
        ("noclient", format!("{}, {}", ca("ca.pem"), name("inner.test")), 502),
    ];
    let mut more = String::new();
    for (case, tls, _) in &cases {
        more += &format!(
            "[[upstreams]]\nname = \"{case}\"\nendpoints = [\"https://{address}\"]\ntls = {{ {tls} }}\n\
             [[apis]]\nname = \"{case}\"\nmount = \"/tls-{case}\"\nupstream = \"{case}\"\n\
             [[apis.routes]]\nid = \"{case}.any\"\nmatch = \"/**\"\nmethods = [\"GET\"]\npublic = true\n"
        );
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
