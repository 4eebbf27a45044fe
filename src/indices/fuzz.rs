//! Bodies that name indices, for whoever looks for one that names somebody else's.

use bytes::Bytes;
use serde_json::Value;

use super::{Check, Coding, Prefix, Refused};
use crate::config::IndexBody;
use crate::types::Memory;

/// The verdict of a body, and what was sent of it, cut into pieces of this size.
fn passed(kind: IndexBody, coding: Coding, body: &[u8], piece: usize) -> (Result<(), Refused>, Vec<u8>) {
    let mut check = Check::new(Prefix::new("", "acme", ".").expect("a prefix"), kind, coding, &Memory::unlimited());
    let mut sent = Vec::new();
    let mut pieces = body.chunks(piece).peekable();
    if pieces.peek().is_none() {
        return (check.pass(None, true).map(drop), sent);
    }
    while let Some(piece) = pieces.next() {
        match check.pass(Some(Bytes::copy_from_slice(piece)), pieces.peek().is_none()) {
            Ok(bytes) => sent.extend(bytes.unwrap_or_default()),
            Err(why) => return (Err(why), sent),
        }
    }
    (Ok(()), sent)
}

/// Where a body is cut changes nothing, and one that passes names nobody else's index to any reader of JSON. The first byte says
/// which kind it is and how it is cut.
pub fn indices(data: &[u8]) {
    let Some((how, body)) = data.split_first() else { return };
    let kind = [IndexBody::Query, IndexBody::Searches, IndexBody::Bulk, IndexBody::Documents][usize::from(how % 4)];
    let cut = usize::from(how / 8).max(1);
    let coding = if how / 4 % 2 == 0 { Coding::Plain } else { Coding::Gzip };
    let (verdict, sent) = passed(kind, coding, body, usize::MAX);
    let (verdict_cut, sent_cut) = passed(kind, coding, body, cut);
    assert_eq!(verdict.is_ok(), verdict_cut.is_ok(), "{verdict:?} and {verdict_cut:?}");
    if verdict.is_err() {
        return;
    }
    assert_eq!(sent, sent_cut);
    if coding == Coding::Plain {
        assert_eq!(sent, body);
    }
    let mut lines = sent.split(|b| *b == b'\n').map(|line| serde_json::from_slice(line).unwrap_or(Value::Null));
    match kind {
        IndexBody::Query => {}
        IndexBody::Documents => {
            let list: Value = serde_json::from_slice(&sent).unwrap_or(Value::Null);
            list["docs"].as_array().into_iter().flatten().for_each(|document| assert_ours(&document["_index"]));
        }
        IndexBody::Searches => lines.step_by(2).for_each(|head| assert_ours(&head["index"])),
        IndexBody::Bulk => {
            while let Some(head) = lines.next() {
                let Some((action, target)) = head.as_object().and_then(|o| o.iter().next()) else { continue };
                assert_ours(&target["_index"]);
                if action != "delete" {
                    lines.next();
                }
            }
        }
    }
}

fn assert_ours(names: &Value) {
    let all = match names {
        Value::String(names) => vec![names.as_str()],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    for name in all.iter().flat_map(|names| names.split(',')) {
        assert!(name.strip_prefix('-').unwrap_or(name).starts_with("acme."), "{names}");
    }
}
