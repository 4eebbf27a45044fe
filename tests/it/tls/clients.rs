//! Certificates of clients: who has to show one, who is believed, and for how long.

use std::path::Path;
use std::sync::Arc;

use pingora_core::tls::{ClientTlsStream, TlsConnector};
use reqwest::header::HOST;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tollgate::admin::{Administration as _, ExplainQuery, Local};
use tollgate::config::Matrix;

use super::{Rig, metrics};
use crate::harness::api::{OPEN, READERS};
use crate::harness::audit::call;
use crate::harness::certificates::{Authority, Leaf, write};
use crate::harness::http1::{Request, ask};
use crate::harness::{Api, Setup, UPSTREAM_SECRET, within};

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

/// An API for everybody who has a certificate.
fn sealed() -> String {
    Api::named("sealed").route("any", "GET", "/**", &format!("{OPEN}\nclient_certificate = true")).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_wants_a_certificate_and_its_record_names_it() {
    let theirs = Authority::new();
    let rig = Rig::start_with(&sealed(), |dir| {
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

/// An API says it for all of its routes, an override for a route of a pack, and an MCP server for its one URL.
#[tokio::test(flavor = "multi_thread")]
async fn what_wants_certificates_may_be_an_api_or_an_override() {
    let theirs = Authority::new();
    let apis = "[[apis]]\nname = \"m\"\nmount = \"/mcp/m\"\nkind = \"mcp\"\nupstream = \"plain\"\ntools = { default = [] }\n\
                client_certificate = true\n\
                [[apis]]\nname = \"p\"\nmount = \"/p\"\npack = \"prometheus\"\nupstream = \"plain\"\n\
                overrides = { query = { client_certificate = true } }\n\
                [[apis]]\nname = \"a\"\nmount = \"/a\"\npack = \"prometheus\"\nupstream = \"plain\"\nclient_certificate = true\n\
                overrides = { query = { client_certificate = false } }\n\
                [roles.sealed]\npermissions = [\"mcp:m:invoke\", \"metrics:read\"]\n";
    let rig = Rig::start_with(apis, |dir| {
        write(&dir.join("clients.pem"), &theirs.0.pem());
        format!(", client_ca = {:?}", dir.join("clients.pem"))
    })
    .await;
    let caller = rig.gw.open_caller("acme", &["sealed"], "mcp:m:invoke metrics:read").await;
    let known = theirs.leaf(&["client.test"]);
    let port = rig.gw.running.public.port();
    let message = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","arguments":{}}}"#;
    let mut answers = Vec::new();
    for (path, body) in [
        ("/mcp/m", Some(message)),
        ("/p/api/v1/query?query=up", None),
        ("/p/api/v1/series?match[]=up", None),
        ("/a/api/v1/query?query=up", None),
        ("/a/api/v1/series?match[]=up", None),
    ] {
        for identity in [None, Some(&known)] {
            let (client, url) = (rig.client(identity), format!("https://gw.test:{port}{path}"));
            let request = match body {
                Some(body) => client.post(&url).header("Content-Type", "application/json").body(body),
                None => client.get(&url),
            };
            let sent = request.header(HOST, "gw.test").bearer_auth(&caller.token).send().await;
            answers.push((path, identity.is_some(), sent.expect("an answer").status().as_u16()));
        }
    }
    assert_eq!(
        answers,
        [
            ("/mcp/m", false, 403),
            ("/mcp/m", true, 200),
            ("/p/api/v1/query?query=up", false, 403),
            ("/p/api/v1/query?query=up", true, 200),
            ("/p/api/v1/series?match[]=up", false, 200),
            ("/p/api/v1/series?match[]=up", true, 200),
            ("/a/api/v1/query?query=up", false, 200),
            ("/a/api/v1/query?query=up", true, 200),
            ("/a/api/v1/series?match[]=up", false, 403),
            ("/a/api/v1/series?match[]=up", true, 200),
        ]
    );
    let config = rig.gw.running.node.config.load_full();
    let matrix = Matrix::new(&config, &[]).to_string();
    let sealed = |id: &str| matrix.lines().any(|l| l.contains(id) && l.ends_with("(with a client certificate)"));
    assert_eq!(["m.mcp ", "p.query ", "p.series ", "a.query "].map(sealed), [true, true, false, false], "{matrix}");
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
    for (version, required) in [(&TLS13, false), (&TLS12, false), (&TLS13, true)] {
        let rig = Rig::start_with(&sealed(), |dir| {
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
    let sealed = format!("{READERS}\nclient_certificate = true");
    let sealed = Api::named("sealed").behind("metrics").keys("enforce = \"shadow\"").route("any", "GET", "/**", &sealed);
    let rig = Rig::start_with(&sealed.to_string(), |dir| {
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

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_when_the_authority_of_its_certificate_is_gone() {
    let (theirs, others) = (Authority::new(), Authority::new());
    let known = theirs.leaf(&["client.test"]);
    let rig = Rig::start_with(&sealed(), |dir| {
        write(&dir.join("clients.pem"), &theirs.0.pem());
        format!(", client_ca = {:?}", dir.join("clients.pem"))
    })
    .await;
    let client = rig.client(Some(&known));
    let stream = async |path: &str| {
        let url = format!("https://gw.test:{}{path}", rig.gw.running.public.port());
        let request = client.get(&url).header(HOST, "gw.test").header("X-Behave", "events").header("Accept", "text/event-stream");
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
        answer
    };
    let (mut sealed, mut open) = (stream("/sealed/x").await, stream("/open/x").await);
    write(&rig.dir.path().join("clients.pem"), &others.0.pem());
    let _ = rig.gw.running.reload();
    assert!(within("the end of the stream", sealed.chunk()).await.is_err(), "cut, not ended");
    rig.gw.upstream.emit("data: on\n\n");
    let event = within("an event", open.chunk()).await.expect("no end").expect("an event");
    assert_eq!(event.as_ref(), b"data: on\n\n", "it needs no certificate");
    drop(open);
    rig.gw.running.stop().await;
}
