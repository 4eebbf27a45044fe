//! Trailers of a request: nothing of them reaches an upstream, whatever a client calls itself there.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Response};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::harness::api::{HTTP2, READERS};
use crate::harness::http2::{self, data};
use crate::harness::{Api, Gateway, within};

/// What an upstream received: head, body, trailers.
struct Received {
    headers: HeaderMap,
    body: Vec<u8>,
    trailers: Option<HeaderMap>,
}

/// An upstream over HTTP/2 that tells everything of each request once it is whole.
async fn upstream() -> (SocketAddr, mpsc::UnboundedReceiver<Received>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let (tell, received) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let tell = tell.clone();
            tokio::spawn(async move {
                let Ok(mut connection) = h2::server::handshake(stream).await else { return };
                while let Some(Ok((request, mut respond))) = connection.accept().await {
                    let tell = tell.clone();
                    tokio::spawn(async move {
                        let (head, mut stream) = request.into_parts();
                        let mut body = Vec::new();
                        while let Some(Ok(piece)) = data(&mut stream).await {
                            body.extend_from_slice(&piece);
                        }
                        let trailers = stream.trailers().await.expect("no fault");
                        let _ = tell.send(Received { headers: head.headers, body, trailers });
                        let _ = respond.send_response(Response::new(()), true);
                    });
                }
            });
        }
    });
    (address, received)
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_says_in_a_trailer_who_they_are() {
    let (address, mut received) = upstream().await;
    let push = Api::named("push").at(address, HTTP2).route("any", "POST", "/**", READERS);
    let push = push.keys(r#"tenant = { mode = "header", name = "X-Scope-OrgID", value = "{org.tenant}" }"#);
    let gw = Gateway::start_with(push.keys("identity_headers = [\"X-WEBAUTH-USER\"]").into()).await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let bearer = format!("Bearer {}", caller.token);
    for announced in [true, false] {
        let mut conn = http2::Conn::open(gw.running.public).await;
        let mut headers = vec![("authorization", bearer.as_str()), ("te", "trailers")];
        if announced {
            headers.push(("trailer", "x-scope-orgid, authorization, x-webauth-user, grpc-status"));
        }
        let (mut stream, begun) = conn.open_stream(http2::request("POST", "/push/a", &headers)).await.expect("a stream");
        stream.send_data(Bytes::from_static(b"whole"), false).expect("a body");
        let mut trailers = HeaderMap::new();
        for name in ["x-scope-orgid", "x_scope_orgid", "authorization", "x-webauth-user", "cookie", "x-checksum"] {
            trailers.insert(name, "tenant-beta".parse().expect("a value"));
        }
        stream.send_trailers(trailers).expect("trailers");
        assert_eq!(begun.response().await.expect("an answer").status, 200);
        let Received { headers, body, trailers } = within("the request", received.recv()).await.expect("it arrives");
        assert_eq!((body.as_slice(), headers["x-scope-orgid"].as_bytes()), (&b"whole"[..], &b"tenant-acme"[..]));
        assert!(trailers.is_none_or(|t| t.is_empty()), "nothing of what came behind the body");
    }
    gw.running.stop().await;
}
