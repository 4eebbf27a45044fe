//! The table of hostile requests, parsed by the very library that parses them in production.

use std::collections::BTreeSet;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use super::fuzz::{parse, policy, with_head};
use super::{Head, Inspected, Peer, Protocol, TOLD_BY, Unclean, inspect, unread};

#[path = "../../../tests/it/hygiene/rows.rs"]
mod rows;

use rows::{Expect, H2Row, Row};

fn outcome(result: Result<Inspected<'_>, Unclean>) -> (Option<String>, Result<u16, Unclean>) {
    match result {
        Ok(Inspected::Request { request, .. }) => (Some(request.origin_form().to_owned()), Ok(200)),
        Ok(local @ Inspected::OptionsAsterisk) => (None, Ok(local.local_status().map_or(0, |s| s.as_u16()))),
        Err(unclean) => (None, Err(unclean)),
    }
}

fn agrees(expect: Expect, result: Result<Inspected<'_>, Unclean>) -> Result<(), String> {
    let seen = outcome(result);
    let agreed = match (expect, &seen) {
        (Expect::Pass(target), (Some(forwarded), _)) => target == forwarded,
        (Expect::Local(status), (None, Ok(seen))) => status == *seen,
        (Expect::Refused(status, code, close), (None, Err(unclean))) => {
            unclean.status.as_u16() == status && unclean.reason.code() == code && unclean.close == close
        }
        _ => false,
    };
    if agreed { Ok(()) } else { Err(format!("expected {expect:?}, saw {seen:?}")) }
}

#[tokio::test]
async fn every_http1_row_ends_as_it_must() {
    let mut wrong = Vec::new();
    for Row { name, raw, expect } in rows::rows() {
        let verdict = match (parse(&raw).await, expect) {
            (None, Expect::Unparsed(status, code)) => {
                let why = unread(&raw[..raw.len().min(TOLD_BY)]);
                let told = (why.status().as_u16(), why.code());
                if told == (status, code) { Ok(()) } else { Err(format!("told as {why:?}")) }
            }
            (None, _) => Err("the library refused it".to_owned()),
            (Some(session), _) => with_head(&session, |head| agrees(expect, inspect(head, &policy()))),
        };
        wrong.extend(verdict.err().map(|why| format!("{name:?}: {why}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_http2_row_ends_as_it_must() {
    let mut wrong = Vec::new();
    for row in rows::h2_rows() {
        wrong.extend(h2_row(&row).err().map(|why| format!("{:?}: {why}", row.name)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The HTTP/2 library hands over a [`Uri`]; what that does to a path is part of what is tested.
fn h2_row(row: &H2Row) -> Result<(), String> {
    let uri = match row.authority {
        Some(authority) => Uri::builder().scheme(row.scheme).authority(authority).path_and_query(row.path).build(),
        None => Uri::builder().path_and_query(row.path).build(),
    }
    .map_err(|e| e.to_string())?;
    let mut headers = HeaderMap::new();
    for (name, value) in row.headers {
        headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let method = Method::from_bytes(row.method.as_bytes()).map_err(|e| e.to_string())?;
    let head = Head {
        protocol: Protocol::Http2,
        peer: Peer::Direct,
        raw: None,
        method: &method,
        target: uri.path_and_query().map_or("", |p| p.as_str()),
        scheme: Some(row.scheme),
        authority: uri.authority().map(http::uri::Authority::as_str),
        headers: &headers,
        tls: false,
        has_body: false,
    };
    agrees(row.expect, inspect(&head, &policy()))
}

#[test]
fn every_code_is_one_of_a_reason() {
    let codes: BTreeSet<&str> = super::Reason::ALL.iter().map(|r| r.code()).collect();
    assert_eq!(codes.len(), super::Reason::ALL.len());
    for expect in rows::rows().iter().map(|r| r.expect).chain(rows::h2_rows().iter().map(|r| r.expect)) {
        if let Expect::Refused(_, code, _) = expect {
            assert!(codes.contains(code), "{code}");
        }
    }
}
