//! `envoy.service.auth.v3.Authorization/Check`: gRPC over cleartext HTTP/2, one message each way.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST};
use ::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::body::Body as Sent;
use axum::extract::Request;
use axum::response::Response;
use bytes::{BufMut as _, Bytes, BytesMut};
use futures::stream;
use http_body::Frame;
use http_body_util::StreamBody;
use prost::Message as _;

use super::answer::{self, REASON, TARGET};
use super::http::{PARTIAL, Received, Unread, whole};
use super::original::{Original, able};
use super::proto::{
    AttributeContext, CheckRequest, CheckResponse, DeniedHttpResponse, HeaderOption, HeaderText, HttpAnswer, HttpRequest,
    HttpStatus, OkHttpResponse, RpcStatus,
};
use super::trust;
use crate::gateway::denial::Denial;
use crate::gateway::hygiene::Protocol;
use crate::gateway::seen::Seen;
use crate::gateway::unfit::Unfit;
use crate::plugin::{Gate, Pass, Question, Refused, Told};
use crate::record::Forwarder;
use crate::types::{Dialect, Exhausted, Held, Memory};

/// The method.
pub(super) const PATH: &str = "/envoy.service.auth.v3.Authorization/Check";

/// What a head adds to a body, at most, bytes: Envoy's own limit is 60 KiB.
const HEAD: usize = 256 * 1024;
/// Compression flag and length of a message.
const PREFIX: usize = 5;

/// gRPC status codes.
#[derive(Clone, Copy)]
enum Code {
    Ok = 0,
    PermissionDenied = 7,
    Unimplemented = 12,
    Unavailable = 14,
    Unauthenticated = 16,
}

/// Answers a call.
pub(super) async fn check(gate: &Gate, peer: SocketAddr, request: Request) -> Response {
    let prepared = gate.prepared.load_full();
    let policy = &prepared.config.authorizer;
    if !policy.dialects.contains(&Dialect::EnvoyGrpc) {
        return failed(Code::Unimplemented);
    }
    let (parts, body) = request.into_parts();
    let believed = trust::believes(policy, peer, &parts.headers);
    let most = prepared.config.listen.limits.max_mcp_body + HEAD;
    let asked = if believed { message(body, most, &gate.node.memory).await } else { Ok(None) };
    let no_room = asked.is_err();
    let (asked, _held) = asked.unwrap_or_default().unzip();
    let http = asked.and_then(|a| a.attributes).map(|a| (client(&a, peer), a.request.and_then(|r| r.http)));
    let (from, http) = http.unwrap_or((peer, None));
    let (body, original) = http.map_or((Received::Unsent, None), read);
    let (method, headers) = original.as_ref().map_or((&Method::POST, &parts.headers), |o| (&o.method, &o.headers));
    let seen = Seen::of(&gate.node, headers, Some(from));
    let nothing =
        Original { method: method.clone(), target: "/".to_owned(), headers: HeaderMap::new(), protocol: Protocol::Http11 };
    let question = Question {
        head: original.as_ref().unwrap_or(&nothing).head(),
        seen: &seen,
        body: body.as_body(),
        length: headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok()),
        forwarder: Some(Forwarder { peer, dialect: Dialect::EnvoyGrpc }),
        able: able(Dialect::EnvoyGrpc, policy),
    };
    let unfit = match () {
        () if !believed => Some(Denial::Unfit(Unfit::Proxy)),
        () if no_room => Some(Denial::Overloaded),
        () if original.is_none() => Some(Denial::Unfit(Unfit::Question)),
        () => None,
    };
    let decided = match unfit {
        Some(denial) => Err(gate.turn_away(&prepared, &question, denial)),
        None => gate.ask(&prepared, &question).await,
    };
    match decided {
        Ok(pass) => allowed(pass, headers, policy),
        Err(refused) => answered(&denied(refused)),
    }
}

/// The one message of a call, with the memory that it takes; `None` when it is none.
async fn message(body: Sent, most: usize, memory: &Arc<Memory>) -> Result<Option<(CheckRequest, Held)>, Exhausted> {
    let whole = match whole(body, most, memory).await {
        Ok(whole) => whole,
        Err(Unread::Broken) => return Ok(None),
        Err(Unread::NoRoom) => return Err(Exhausted),
    };
    // What is read from it is a copy.
    let held = memory.take(whole.len())?;
    Ok(decode(&whole).map(|message| (message, held)))
}

pub(super) fn decode(frame: &[u8]) -> Option<CheckRequest> {
    let (prefix, message) = frame.split_at_checked(PREFIX)?;
    let length = u32::from_be_bytes(prefix[1..].try_into().ok()?);
    if prefix[0] != 0 || usize::try_from(length).ok()? != message.len() {
        return None;
    }
    CheckRequest::decode(message).ok()
}

/// The address that Envoy sees its client at, and that is not believed from anybody else.
fn client(attributes: &AttributeContext, peer: SocketAddr) -> SocketAddr {
    let socket = attributes.source.as_ref().and_then(|s| s.address.as_ref()).and_then(|a| a.socket_address.as_ref());
    let seen = socket.and_then(|s| Some(SocketAddr::new(s.address.parse::<IpAddr>().ok()?, u16::try_from(s.port_value).ok()?)));
    seen.unwrap_or(peer)
}

/// Body and head of the request that is asked about.
pub(super) fn read(http: HttpRequest) -> (Received, Option<Original>) {
    let HttpRequest { method, headers, path, host, protocol, raw_body, header_map } = http;
    let listed = header_map.map(|list| {
        let value = |h: HeaderText| if h.raw_value.is_empty() { h.value.into_bytes() } else { h.raw_value };
        list.headers.into_iter().map(|h| (h.key.clone(), value(h))).collect::<Vec<_>>()
    });
    let joined = || headers.into_iter().map(|(name, value)| (name, value.into_bytes())).collect();
    let Some(mut map) = fields(listed.unwrap_or_else(joined)) else { return (Received::Unsent, None) };
    map.remove(trust::SECRET);
    let body = if raw_body.is_empty() && map.get(CONTENT_LENGTH).is_some_and(|l| l != "0") {
        Received::Unsent
    } else {
        Received::said(&map, raw_body.into())
    };
    let Ok(host) = HeaderValue::from_str(&host) else { return (body, None) };
    map.insert(HOST, host);
    let protocol = match protocol.as_str() {
        "HTTP/1.0" => Protocol::Http10,
        "HTTP/2" | "HTTP/3" => Protocol::Http2,
        _ => Protocol::Http11,
    };
    (body, Original::of(&method, path, map).map(|original| Original { protocol, ..original }))
}

/// Headers without pseudo-headers; `None` when one of them is none.
fn fields(all: Vec<(String, Vec<u8>)>) -> Option<HeaderMap> {
    let mut map = HeaderMap::with_capacity(all.len());
    for (name, value) in all.into_iter().filter(|(name, _)| !name.starts_with(':')) {
        map.append(HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_bytes(&value).ok()?);
    }
    Some(map)
}

fn allowed(pass: Pass, headers: &HeaderMap, policy: &crate::config::AuthorizerPolicy) -> Response {
    let Ok(Told { set, remove, target }) = answer::told(pass, headers, policy) else { return failed(Code::Unavailable) };
    let mut headers: Vec<_> = set.iter().map(|(name, value)| option(name.as_str(), value.as_bytes())).collect();
    headers.push(option(":path", target.as_bytes()));
    headers.push(option(TARGET.as_str(), target.as_bytes()));
    let headers_to_remove = remove.iter().map(ToString::to_string).chain([PARTIAL.to_owned()]).collect();
    answered(&CheckResponse {
        status: Some(RpcStatus { code: Code::Ok as i32, message: String::new() }),
        http_response: Some(HttpAnswer::Ok(OkHttpResponse { headers, headers_to_remove })),
    })
}

fn denied(refused: Refused) -> CheckResponse {
    let answer = refused.answer;
    let status = answer.status;
    let code = if status == ::http::StatusCode::UNAUTHORIZED { Code::Unauthenticated } else { Code::PermissionDenied };
    let mut headers: Vec<_> = answer.headers.iter().map(|(name, value)| option(name.as_str(), value.as_bytes())).collect();
    headers.push(option(REASON.as_str(), refused.reason.as_bytes()));
    CheckResponse {
        status: Some(RpcStatus { code: code as i32, message: refused.reason.to_owned() }),
        http_response: Some(HttpAnswer::Denied(DeniedHttpResponse {
            status: Some(HttpStatus { code: i32::from(status.as_u16()) }),
            headers,
            body: String::from_utf8_lossy(&answer.body).into_owned(),
        })),
    }
}

/// Values of ours are ASCII.
fn option(name: &str, value: &[u8]) -> HeaderOption {
    let value = String::from_utf8_lossy(value).into_owned();
    HeaderOption { header: Some(HeaderText { key: name.to_owned(), value, raw_value: Vec::new() }) }
}

/// One message and a good end.
fn answered(message: &CheckResponse) -> Response {
    let mut frame = BytesMut::with_capacity(PREFIX + message.encoded_len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.encoded_len()).unwrap_or(u32::MAX));
    frame.extend_from_slice(&message.encode_to_vec());
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from(Code::Ok as u16));
    let frames: [Result<Frame<Bytes>, std::convert::Infallible>; 2] =
        [Ok(Frame::data(frame.freeze())), Ok(Frame::trailers(trailers))];
    typed(Response::new(Sent::new(StreamBody::new(stream::iter(frames)))))
}

/// No message: the proxy refuses by itself.
fn failed(code: Code) -> Response {
    let mut response = typed(Response::new(Sent::empty()));
    response.headers_mut().insert("grpc-status", HeaderValue::from(code as u16));
    response
}

fn typed(mut response: Response) -> Response {
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}
