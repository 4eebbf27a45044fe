//! Events at their borders.

use std::sync::Arc;

use super::bits;
use crate::mcp::{Era, Framing, ListFilter, NamePolicy, Need, ServerPolicy};
use crate::types::Memory;

fn filter() -> ListFilter {
    let policy = ServerPolicy::for_tools(bits([]), NamePolicy::uniform(Need::Denied));
    ListFilter::new(Arc::new(policy), bits([]), Era::Legacy, Framing::Sse, &Memory::unlimited())
}

fn push(filter: &mut ListFilter, chunk: &str) -> String {
    String::from_utf8(filter.push(chunk.as_bytes()).unwrap().to_vec()).unwrap()
}

const LIST: &str = r#"{"result":{"tools":[{"name":"z"}]}}"#;
const EMPTY: &str = r#"{"result":{"tools":[]}}"#;

#[test]
fn line_ends_and_forms_of_data_lines() {
    for eol in ["\n", "\r\n", "\r"] {
        for colon in ["data: ", "data:"] {
            let event = format!("{colon}{LIST}{eol}{eol}");
            assert_eq!(push(&mut filter(), &event), format!("data: {EMPTY}{eol}{eol}"), "{event:?}");
        }
    }
    let (a, b) = LIST.split_at(10);
    // A break inside a string would be no JSON; between tokens it is.
    assert_eq!(push(&mut filter(), &format!("data: {a}\r\nid: 4\r\ndata: {b}\r\nevent: message\r\n\r\n")), {
        let (c, d) = EMPTY.split_at(10);
        format!("data: {c}\r\ndata: {d}\r\nid: 4\r\nevent: message\r\n\r\n")
    });
}

#[test]
fn hiding_places() {
    // A byte order mark leads the stream, white space the payload, the name is escaped, the event never ends.
    let mut first = filter();
    assert_eq!(push(&mut first, &format!("\u{feff}data: {LIST}\n\n")), format!("\u{feff}data: {EMPTY}\n\n"));
    assert_eq!(push(&mut filter(), &format!("data: \t {LIST}\n\n")), format!("data: \t {EMPTY}\n\n"));
    let escaped = LIST.replace("tools", "\\u0074ools");
    assert_eq!(push(&mut filter(), &format!("event: other\ndata: {escaped}\n\n")), {
        format!("event: other\ndata: {}\n\n", EMPTY.replace("tools", "\\u0074ools"))
    });
    let mut cut = filter();
    assert_eq!(push(&mut cut, &format!("data: {LIST}")), "");
    assert_eq!(cut.finish().unwrap(), format!("data: {EMPTY}"));
    assert_eq!(push(&mut filter(), &format!("data: [{LIST}, {LIST}]\n\n")), format!("data: [{EMPTY}, {EMPTY}]\n\n"));
    // Not the field `data`.
    for line in ["data : ", "Data: ", "datas: ", " data: ", ":data: "] {
        let event = format!("{line}{LIST}\n\n");
        assert_eq!(push(&mut filter(), &event), event);
    }
}

#[test]
fn nothing_waits_longer_than_it_must() {
    let mut filter = filter();
    assert_eq!(push(&mut filter, ":\r"), ":\r");
    assert_eq!(push(&mut filter, "\n: ping"), "\n");
    assert_eq!(push(&mut filter, "\n"), ": ping\n");
    assert_eq!(push(&mut filter, "data: 1\r"), "");
    assert_eq!(push(&mut filter, "\r"), "data: 1\r\r");
    assert_eq!(push(&mut filter, "data: 2\r\n"), "");
    assert_eq!(push(&mut filter, "\r"), "data: 2\r\n\r");
    assert_eq!(push(&mut filter, "\ndata: 3\n\ndata: 4"), "\ndata: 3\n\n");
    assert_eq!(filter.finish().unwrap(), "data: 4");
}
