//! Bodies that name indices: a query refers to documents of others, `_msearch` and `_bulk` name an index per line.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::gzip::Gunzip;
use super::{Prefix, Refused};
use crate::config::IndexBody;
use crate::types::{Buffer, Memory};

/// Longest query, bytes.
const QUERY: usize = 1 << 20;
/// Longest line that says what to do with the next one, bytes.
const ACTION: usize = 64 * 1024;

/// What stands beside the name of an index where a query refers to documents.
const REFERRING: [&str; 5] = ["id", "_id", "doc", "path", "query"];
/// What has to be an object that names its index: without one, it is an index that is nobody's.
const SHAPE: &str = "indexed_shape";
/// A query that holds another one, as text. A field of this name looks the same below `match`, and so does a query in a bucket that
/// somebody calls `match`: it counts as a query wherever it is.
const WRAPPER: &str = "wrapper";
/// What the line before a document can send it through: a pipeline may give it another index.
const PIPELINE: &str = "pipeline";
/// Where a runtime field looks its values up.
const LOOKED_UP: &str = "target_index";
/// What names the index that a search is for.
const SEARCHED: [&str; 3] = ["index", "indices", "_index"];
/// What names the index that a document is in.
const HELD: [&str; 1] = ["_index"];

/// How a body comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// As it is.
    Plain,
    /// Compressed (RFC 9110 §8.4.1.3).
    Gzip,
}

impl Coding {
    /// The coding of a body that is JSON for every reader: neither YAML, CBOR or SMILE, which OpenSearch reads as well, nor in
    /// another coding, nor in two; `None` for any other body.
    #[must_use]
    pub fn of_json(headers: &HeaderMap) -> Option<Self> {
        let mut codings = headers.get_all(CONTENT_ENCODING).iter();
        let coding = match (codings.next(), codings.next()) {
            (None, _) => Self::Plain,
            (Some(one), None) if one.as_bytes().eq_ignore_ascii_case(b"gzip") => Self::Gzip,
            (Some(_), _) => return None,
        };
        is_json(headers).then_some(coding)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(Ok(text)), None) = (types.next().map(|v| v.to_str()), types.next()) else { return false };
    let (kind, parameters) = text.split_once(';').unwrap_or((text, ""));
    let kind = kind.trim().to_ascii_lowercase();
    let kinds = ["application/json", "application/x-ndjson"];
    let vendor = ["application/vnd.elasticsearch+json", "application/vnd.elasticsearch+x-ndjson"];
    let parameters = parameters.trim().to_ascii_lowercase();
    let plain = kinds.contains(&&*kind) && matches!(&*parameters, "" | "charset=utf-8");
    let versioned = vendor.contains(&&*kind) && parameters.strip_prefix("compatible-with=").is_some_and(|v| v.len() == 1);
    plain || versioned
}

/// Looks at a body as it passes.
#[derive(Debug)]
pub struct Check {
    prefix: Prefix,
    kind: IndexBody,
    memory: Arc<Memory>,
    held: Buffer,
    next: Line,
    /// Whether the path names an index, so that what is in the body need not.
    named: bool,
    gunzip: Option<Gunzip>,
}

/// What the next line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// It says what is done, or asked, and where.
    Head,
    /// The query of a search.
    Query,
    /// A document: whatever it is.
    Document,
}

impl Check {
    /// A check of a body of this kind.
    #[must_use]
    pub fn new(prefix: Prefix, kind: IndexBody, coding: Coding, memory: &Arc<Memory>) -> Self {
        let gunzip = (coding == Coding::Gzip).then(|| Gunzip::new(memory));
        Self { prefix, kind, memory: Arc::clone(memory), held: Buffer::new(memory), next: Line::Head, named: true, gunzip }
    }

    /// The same below a path that names no index: whatever is in the body has to.
    #[must_use]
    pub fn at_the_root(mut self) -> Self {
        self.named = false;
        self
    }

    /// Whether what goes on is not compressed any more.
    #[must_use]
    pub const fn inflates(&self) -> bool {
        self.gunzip.is_some()
    }

    /// Starts anew: the body is sent again.
    pub fn restart(&mut self) {
        self.held.clear();
        self.next = Line::Head;
        self.gunzip = self.gunzip.take().map(|_| Gunzip::new(&self.memory));
    }

    /// The prefix that names must have.
    #[must_use]
    pub const fn prefix(&self) -> &Prefix {
        &self.prefix
    }

    /// Takes a piece of the body and gives what may be sent of it. A query is sent once it is whole; lines pass as they come, for
    /// an upstream acts on none before its end. There is nothing to be sent (`None`) at the end alone.
    ///
    /// # Errors
    /// When the request must not go on.
    pub fn pass(&mut self, piece: Option<Bytes>, end: bool) -> Result<Option<Bytes>, Refused> {
        let came = piece.unwrap_or_default();
        let plain = match &mut self.gunzip {
            Some(gunzip) => gunzip.pass(&came, end)?,
            None => came,
        };
        let sent = match (self.kind, end) {
            (IndexBody::Query | IndexBody::Documents, false) => self.hold(&plain, QUERY).map(|()| Bytes::new())?,
            (IndexBody::Query | IndexBody::Documents, true) => self.hold(&plain, QUERY).and_then(|()| self.whole())?,
            (IndexBody::Searches | IndexBody::Bulk, _) => self.lines(&plain, end).map(|()| plain)?,
        };
        // At the end, no bytes would be written as a second end.
        Ok((!end || !sent.is_empty()).then_some(sent))
    }

    fn lines(&mut self, bytes: &[u8], end: bool) -> Result<(), Refused> {
        let mut rest = bytes;
        while let Some(at) = rest.iter().position(|b| *b == b'\n') {
            self.keep(&rest[..at])?;
            self.line()?;
            rest = &rest[at + 1..];
        }
        self.keep(rest)?;
        // OpenSearch wants a line end after the last line too: without it, what is held would be read by nobody else.
        if end && (self.next != Line::Head || !self.held.iter().all(u8::is_ascii_whitespace)) {
            return Err(Refused::Unreadable);
        }
        Ok(())
    }

    fn hold(&mut self, bytes: &[u8], most: usize) -> Result<(), Refused> {
        if self.held.len() + bytes.len() > most {
            return Err(Refused::TooLong);
        }
        Ok(self.held.push(bytes)?)
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        match self.next {
            Line::Head => self.hold(bytes, ACTION),
            Line::Query => self.hold(bytes, QUERY),
            Line::Document => Ok(()),
        }
    }

    fn whole(&mut self) -> Result<Bytes, Refused> {
        let body = self.held.take();
        match self.kind {
            _ if body.is_empty() => {}
            IndexBody::Documents => documents(&self.prefix, &body, self.named)?,
            _ => refers(&self.prefix, &body)?,
        }
        Ok(body.freeze())
    }

    fn line(&mut self) -> Result<(), Refused> {
        let line = self.held.take();
        self.next = match (self.next, self.kind) {
            (Line::Head, IndexBody::Bulk) if line.iter().all(u8::is_ascii_whitespace) => Line::Head,
            (Line::Head, IndexBody::Bulk) => action(&self.prefix, &line, self.named)?,
            (Line::Head, _) => search(&self.prefix, &line, self.named).map(|()| Line::Query)?,
            (Line::Query, _) => refers(&self.prefix, &line).map(|()| Line::Head)?,
            (Line::Document, _) => Line::Head,
        };
        self.held = line;
        self.held.clear();
        Ok(())
    }
}

/// Reads the line before a document: what is done, and the index where it is another than the path's.
fn action(prefix: &Prefix, line: &[u8], named: bool) -> Result<Line, Refused> {
    let objects = read(prefix, line, Rule::Every)?;
    let next = match objects.first().map(String::as_str) {
        Some("index" | "create" | "update") if objects.len() == 1 => Line::Document,
        Some("delete") if objects.len() == 1 => Line::Head,
        _ => return Err(Refused::Unreadable),
    };
    if !named {
        name_theirs(json(line)?.as_object().into_iter().flat_map(Map::values), &HELD)?;
    }
    Ok(next)
}

/// Reads the line before a query. An empty one means something else at the start than later on.
fn search(prefix: &Prefix, line: &[u8], named: bool) -> Result<(), Refused> {
    read(prefix, line, Rule::Every)?;
    let head = json(line)?;
    // OpenSearch makes text of an object there, and cuts it at its commas.
    if SEARCHED.iter().any(|member| head.get(member).is_some_and(Value::is_object)) {
        return Err(Refused::Foreign);
    }
    if named { Ok(()) } else { name_theirs([&head], &SEARCHED) }
}

/// Reads a list of documents. Those of `ids` are in the index of the path.
fn documents(prefix: &Prefix, list: &[u8], named: bool) -> Result<(), Refused> {
    let members = read(prefix, list, Rule::Every)?;
    match (named, &json(list)?["docs"]) {
        (true, _) => Ok(()),
        (false, Value::Array(documents)) if members.len() == 1 => name_theirs(documents, &HELD),
        (false, _) => Err(Refused::Foreign),
    }
}

/// Whether each of these names its index, by one of these members. Whose it is was looked at before, and that no member is there
/// twice.
fn name_theirs<'v>(each: impl IntoIterator<Item = &'v Value>, by: &[&str]) -> Result<(), Refused> {
    let names = |one: &Value| by.iter().any(|member| one.get(member).is_some());
    if each.into_iter().all(names) { Ok(()) } else { Err(Refused::Foreign) }
}

fn json(text: &[u8]) -> Result<Value, Refused> {
    serde_json::from_slice(text).map_err(|_| Refused::Unreadable)
}

/// Looks for documents that a query refers to: terms look-up, `more_like_this`, `percolate`, `geo_shape`.
fn refers(prefix: &Prefix, query: &[u8]) -> Result<(), Refused> {
    read(prefix, query, Rule::Documents).map(drop)
}

/// Which names count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// Every member that can name an index.
    Every,
    /// Such a member beside one that names a document; elsewhere it is a field of somebody's documents.
    Documents,
}

/// Reads one JSON object, every member of it once; the names of its members.
fn read(prefix: &Prefix, text: &[u8], rule: Rule) -> Result<Vec<String>, Refused> {
    read_within(prefix, text, rule, Within::Nothing)
}

fn read_within(prefix: &Prefix, text: &[u8], rule: Rule, within: Within) -> Result<Vec<String>, Refused> {
    let (foreign, mut reader) = (Cell::new(false), serde_json::Deserializer::from_slice(text));
    let walk = Walk { prefix, rule, foreign: &foreign, within };
    let read = walk.deserialize(&mut reader).and_then(|seen| reader.end().map(|()| seen));
    match read {
        _ if foreign.get() => Err(Refused::Foreign),
        Ok(Seen::Object(names)) => Ok(names),
        Ok(_) | Err(_) => Err(Refused::Unreadable),
    }
}

/// What a value turned out to be.
enum Seen<'de> {
    Text(Cow<'de, str>),
    Texts(Vec<Cow<'de, str>>),
    Object(Vec<String>),
    Other,
}

impl Seen<'_> {
    /// Whether the value names indices of the organization alone.
    fn is_covered(&self, prefix: &Prefix) -> bool {
        match self {
            Self::Text(name) => prefix.covers(name),
            // An empty list is every index there is.
            Self::Texts(names) => !names.is_empty() && names.iter().all(|name| prefix.covers(name)),
            Self::Object(_) | Self::Other => false,
        }
    }
}

/// What a value is the value of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Nothing,
    /// A member that may be a query which holds another.
    Wrapper,
    /// Something of a query that another one held.
    Wrapped,
}

#[derive(Clone, Copy)]
struct Walk<'a> {
    prefix: &'a Prefix,
    rule: Rule,
    foreign: &'a Cell<bool>,
    within: Within,
}

impl Walk<'_> {
    /// The walk through the value of this member.
    fn into(self, member: &str) -> Self {
        let within = match self.within {
            Within::Wrapped => Within::Wrapped,
            _ if member == WRAPPER => Within::Wrapper,
            _ => Within::Nothing,
        };
        Self { within, ..self }
    }

    /// Reads the query that another one holds: base64 of JSON, with no further one inside of it. Whatever else it may be is refused,
    /// for OpenSearch reads YAML, CBOR and SMILE there too.
    fn unwrap(self, text: &str) -> Result<(), Refused> {
        let held = STANDARD.decode(text).map_err(|_| Refused::Unreadable)?;
        read_within(self.prefix, &held, self.rule, Within::Wrapped).map(drop)
    }

    /// Whether an object with these members names nothing foreign. What an action does is a member as well: its value is an
    /// object, whose own members name the index.
    fn is_fine(&self, members: &[(Cow<'_, str>, Seen<'_>)]) -> bool {
        let refers = members.iter().any(|(name, _)| REFERRING.contains(&name.as_ref()));
        let mut counted = members.iter().filter(|(name, value)| match (name.as_ref(), self.rule) {
            ("index" | "_index" | "indices", Rule::Every) => !matches!(value, Seen::Object(_)),
            ("index" | "_index" | "indices", Rule::Documents) => refers,
            (name, _) => name == LOOKED_UP,
        });
        let named = |value: &Seen<'_>| matches!(value, Seen::Object(names) if names.iter().any(|name| name == "index"));
        let mut shapes = members.iter().filter(|(name, _)| name == SHAPE);
        let is_led = self.rule == Rule::Every && members.iter().any(|(name, _)| name == PIPELINE);
        !is_led && shapes.all(|(_, value)| named(value)) && counted.all(|(_, value)| value.is_covered(self.prefix))
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = Seen<'de>;

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Seen<'de>, D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = Seen<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Seen<'de>, E> {
        Ok(Seen::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Seen<'de>, E> {
        Ok(Seen::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Seen<'de>, E> {
        Ok(Seen::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Seen<'de>, E> {
        Ok(Seen::Other)
    }

    fn visit_unit<E>(self) -> Result<Seen<'de>, E> {
        Ok(Seen::Other)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Seen<'de>, E> {
        Ok(Seen::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Seen<'de>, E> {
        Ok(Seen::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Seen<'de>, A::Error> {
        let (mut texts, mut all) = (Vec::new(), true);
        let within = if self.within == Within::Wrapped { Within::Wrapped } else { Within::Nothing };
        while let Some(item) = items.next_element_seed(Self { within, ..self })? {
            match item {
                Seen::Text(text) => texts.push(text),
                _ => all = false,
            }
        }
        Ok(if all { Seen::Texts(texts) } else { Seen::Other })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Seen<'de>, A::Error> {
        let (mut members, mut names) = (Vec::new(), BTreeSet::new());
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value_seed(self.into(&name))?;
            if self.within == Within::Wrapped && name == WRAPPER {
                return Err(A::Error::custom("a query in a query in a query"));
            }
            if let (Within::Wrapper, "query", Seen::Text(text)) = (self.within, name.as_str(), &value) {
                match self.unwrap(text) {
                    Err(Refused::Foreign) => self.foreign.set(true),
                    held => held.map_err(A::Error::custom)?,
                }
            }
            if !names.insert(name.clone()) {
                return Err(A::Error::custom("a member twice"));
            }
            members.push((Cow::Owned(name), value));
        }
        if !self.is_fine(&members) {
            self.foreign.set(true);
        }
        Ok(Seen::Object(members.into_iter().map(|(name, _)| name.into_owned()).collect()))
    }
}
