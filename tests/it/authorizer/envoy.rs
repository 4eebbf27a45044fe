//! Envoy's `Check` over gRPC.

use bytes::Bytes;
use prost::Message as _;

use super::{Row, authorizer, row, trusting};
use crate::harness::{Gateway, http2};

/// What a `Check` came to.
#[derive(Debug, Default)]
pub(super) struct Checked {
    pub(super) grpc: String,
    pub(super) status: i32,
    pub(super) reason: String,
    pub(super) set: Vec<(String, String)>,
}

impl Checked {
    pub(super) fn verdict(&self) -> String {
        if self.status == 0 && self.grpc == "0" { "allowed".to_owned() } else { self.reason.clone() }
    }
}

/// Calls `Authorization/Check` as Envoy does.
pub(super) async fn check(gw: &Gateway, row: &Row) -> Checked {
    check_by(gw, row, "HTTP/1.1").await
}

pub(super) async fn check_by(gw: &Gateway, row: &Row, protocol: &str) -> Checked {
    let header = |(name, value): &(&str, String)| wire::HeaderText {
        key: name.to_ascii_lowercase(),
        raw_value: value.clone().into_bytes(),
        ..wire::HeaderText::default()
    };
    let http = wire::HttpRequest {
        method: row.method.to_owned(),
        path: row.target.to_owned(),
        host: "gw.test".to_owned(),
        protocol: protocol.to_owned(),
        header_map: Some(wire::HeaderList { headers: row.headers.iter().map(header).collect() }),
    };
    let asked = wire::CheckRequest { attributes: Some(wire::Attributes { request: Some(wire::Asked { http: Some(http) }) }) };
    let message = asked.encode_to_vec();
    let length = u32::try_from(message.len()).expect("short").to_be_bytes();
    let frame = Bytes::from([&[0], &length[..], &message].concat());
    let mut conn = http2::Conn::open(authorizer(gw)).await;
    let headers = [("content-type", "application/grpc"), ("te", "trailers")];
    let request = http2::request("POST", "/envoy.service.auth.v3.Authorization/Check", &headers);
    let (head, mut body) = conn.start(request, Some(frame)).await.expect("an answer");
    assert_eq!((head.status, head.header("content-type")), (200, Some("application/grpc")));
    let mut bytes = Vec::new();
    while let Some(data) = http2::data(&mut body).await {
        bytes.extend_from_slice(&data.expect("a frame"));
    }
    let trailers = body.trailers().await.expect("an end");
    let grpc = trailers.and_then(|t| t.get("grpc-status").cloned());
    let grpc =
        grpc.map_or_else(|| head.header("grpc-status").unwrap_or("none").to_owned(), |s| s.to_str().expect("text").to_owned());
    let Some(message) = bytes.get(5..) else { return Checked { grpc, ..Checked::default() } };
    let response = wire::CheckResponse::decode(message).expect("a response");
    let texts = |headers: Vec<wire::HeaderOption>| {
        headers.into_iter().filter_map(|h| h.header).map(|h| (h.key, h.value)).collect::<Vec<_>>()
    };
    match response.http_response {
        Some(wire::Answer::Denied(denied)) => {
            let set = texts(denied.headers);
            let reason = set.iter().find(|(n, _)| n == "x-tollgate-reason").map(|(_, v)| v.clone()).unwrap_or_default();
            assert_ne!(response.status.map(|s| s.code), Some(0), "a refusal is no success");
            Checked { grpc, status: denied.status.map_or(0, |s| s.code), reason, set }
        }
        Some(wire::Answer::Ok(ok)) => {
            for name in ["authorization", "cookie"] {
                assert!(ok.headers_to_remove.iter().any(|n| n == name), "{name} in {:?}", ok.headers_to_remove);
            }
            Checked { grpc, set: texts(ok.headers), ..Checked::default() }
        }
        None => panic!("neither allowed nor denied"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn envoy_is_told_the_path_that_the_upstream_receives() {
    let (gw, ..) = trusting().await;
    let acme = gw.caller("acme", &["reader"], "metrics:read dash:read").await;
    let checked = check(&gw, &row("GET", "/prometheus/api/v1/quer%79?query=up&access_token=x").bearer(&acme.token)).await;
    let said = |name: &str| checked.set.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect::<Vec<_>>();
    assert_eq!((checked.verdict().as_str(), said(":path")), ("allowed", vec!["/base/api/v1/query?query=up"]));
    assert_eq!((said("x-scope-orgid"), said("authorization")), (vec!["tenant-acme"], vec![]));
    let mut conn = http2::Conn::open(authorizer(&gw)).await;
    let request = http2::request("POST", "/envoy.service.auth.v3.Authorization/Check", &[("content-type", "application/grpc")]);
    let (_, mut body) = conn.start(request, Some(Bytes::from_static(b"\0\0\0\0\x03abc"))).await.expect("an answer");
    let answer = http2::data(&mut body).await.expect("a message").expect("a frame");
    assert!(answer.windows(18).any(|w| w == b"question_malformed"), "{answer:?}");
    gw.running.stop().await;
}

/// The messages as Envoy's own definitions have them, as far as they are used here.
mod wire {
    use prost::{Message, Oneof};

    #[derive(Clone, PartialEq, Message)]
    pub struct CheckRequest {
        #[prost(message, optional, tag = "1")]
        pub attributes: Option<Attributes>,
    }
    #[derive(Clone, PartialEq, Message)]
    pub struct Attributes {
        #[prost(message, optional, tag = "4")]
        pub request: Option<Asked>,
    }
    #[derive(Clone, PartialEq, Message)]
    pub struct Asked {
        #[prost(message, optional, tag = "2")]
        pub http: Option<HttpRequest>,
    }
    #[derive(Clone, PartialEq, Message)]
    pub struct HttpRequest {
        #[prost(string, tag = "2")]
        pub method: String,
        #[prost(string, tag = "4")]
        pub path: String,
        #[prost(string, tag = "5")]
        pub host: String,
        #[prost(string, tag = "10")]
        pub protocol: String,
        #[prost(message, optional, tag = "13")]
        pub header_map: Option<HeaderList>,
    }
    #[derive(Clone, PartialEq, Message)]
    pub struct HeaderList {
        #[prost(message, repeated, tag = "1")]
        pub headers: Vec<HeaderText>,
    }
    #[derive(Clone, PartialEq, Message)]
    pub struct HeaderText {
        #[prost(string, tag = "1")]
        pub key: String,
        #[prost(string, tag = "2")]
        pub value: String,
        #[prost(bytes = "vec", tag = "3")]
        pub raw_value: Vec<u8>,
    }
    #[derive(Clone, PartialEq, Message)]
    pub struct CheckResponse {
        #[prost(message, optional, tag = "1")]
        pub status: Option<Code>,
        #[prost(oneof = "Answer", tags = "2, 3")]
        pub http_response: Option<Answer>,
    }
    #[derive(Clone, PartialEq, Message)]
    pub struct Code {
        #[prost(int32, tag = "1")]
        pub code: i32,
    }
    #[derive(Clone, PartialEq, Oneof)]
    pub enum Answer {
        #[prost(message, tag = "2")]
        Denied(Denied),
        #[prost(message, tag = "3")]
        Ok(Allowed),
    }
    #[derive(Clone, PartialEq, Message)]
    pub struct Denied {
        #[prost(message, optional, tag = "1")]
        pub status: Option<Code>,
        #[prost(message, repeated, tag = "2")]
        pub headers: Vec<HeaderOption>,
    }
    #[derive(Clone, PartialEq, Message)]
    pub struct Allowed {
        #[prost(message, repeated, tag = "2")]
        pub headers: Vec<HeaderOption>,
        #[prost(string, repeated, tag = "5")]
        pub headers_to_remove: Vec<String>,
    }
    #[derive(Clone, PartialEq, Message)]
    pub struct HeaderOption {
        #[prost(message, optional, tag = "1")]
        pub header: Option<HeaderText>,
    }
}
