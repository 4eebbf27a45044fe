//! One strict pass over a JSON body: the grammar of RFC 8259, no duplicate member anywhere, bounded depth, no lone surrogate.
//! Keeps the few values that the gate decides on, borrowed from the body, and skips the rest.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Index;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::request::BadReason;

/// Objects up to this size are searched for duplicates in a row; larger ones by tree, so that a body of nothing but members
/// costs `n log n`.
const ROW: usize = 16;

/// The places of a message that the gate looks at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    Root,
    Jsonrpc,
    Id,
    Method,
    Result,
    Error,
    Params,
    Name,
    Uri,
    TaskId,
    Meta,
    Version,
    Ref,
    RefType,
    RefName,
    RefUri,
    Listen,
    Uris,
    UrisItem,
    Task,
    TaskIds,
    Inner,
}

const PLACES: usize = At::Inner as usize + 1;

impl At {
    /// The members that matter in this object.
    const fn members(self) -> &'static [(&'static str, Self)] {
        match self {
            Self::Root => &[
                ("jsonrpc", Self::Jsonrpc),
                ("id", Self::Id),
                ("method", Self::Method),
                ("params", Self::Params),
                ("result", Self::Result),
                ("error", Self::Error),
            ],
            Self::Params => &[
                ("name", Self::Name),
                ("uri", Self::Uri),
                ("taskId", Self::TaskId),
                ("task", Self::Task),
                ("_meta", Self::Meta),
                ("ref", Self::Ref),
                ("notifications", Self::Listen),
                ("arguments", Self::Inner),
            ],
            Self::Meta => &[("io.modelcontextprotocol/protocolVersion", Self::Version)],
            Self::Ref => &[("type", Self::RefType), ("name", Self::RefName), ("uri", Self::RefUri)],
            Self::Listen => &[("resourceSubscriptions", Self::Uris), ("taskIds", Self::TaskIds)],
            _ => &[],
        }
    }

    const fn item(self) -> Self {
        if matches!(self, Self::Uris) { Self::UrisItem } else { Self::Inner }
    }
}

/// What was found at one place.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) enum Slot<'a> {
    #[default]
    Absent,
    Null,
    Text(Cow<'a, str>),
    Object,
    Other,
}

/// What one pass keeps.
#[derive(Default)]
pub(super) struct Found<'a> {
    slots: [Slot<'a>; PLACES],
    /// The id exactly as the client wrote it.
    pub id: Option<&'a RawValue>,
    /// `params.notifications.resourceSubscriptions`; `None` when an element is not text.
    pub uris: Option<Vec<Cow<'a, str>>>,
    /// Below the top level a member was spelled so that a lenient reader could take it for one that matters.
    pub lookalike: bool,
}

impl<'a> Index<At> for Found<'a> {
    type Output = Slot<'a>;
    fn index(&self, at: At) -> &Slot<'a> {
        &self.slots[at as usize]
    }
}

/// Reads `text`.
///
/// # Errors
/// The first fault, in reading order.
pub(super) fn scan(text: &str, depth: usize) -> Result<Found<'_>, BadReason> {
    let found = Found { uris: Some(Vec::new()), ..Found::default() };
    let mut scan = Scan { found, keys: Vec::with_capacity(ROW), depth, fault: None };
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = Node { scan: &mut scan, at: At::Root }.deserialize(&mut reader).and_then(|()| reader.end());
    match (scan.fault, read) {
        (Some(fault), _) => Err(fault),
        (None, Err(e)) => Err(BadReason::Json { line: e.line(), column: e.column() }),
        (None, Ok(())) => Ok(scan.found),
    }
}

struct Scan<'a> {
    found: Found<'a>,
    /// The members of the objects that are open, innermost last.
    keys: Vec<Cow<'a, str>>,
    depth: usize,
    fault: Option<BadReason>,
}

impl<'a> Scan<'a> {
    fn put(&mut self, at: At, slot: Slot<'a>) {
        match at {
            At::Inner => {}
            At::UrisItem => match (slot, &mut self.found.uris) {
                (Slot::Text(uri), Some(uris)) => uris.push(uri),
                _ => self.found.uris = None,
            },
            _ => self.found.slots[at as usize] = slot,
        }
    }

    fn fail<E: de::Error>(&mut self, fault: BadReason) -> E {
        let e = E::custom(fault);
        self.fault = Some(fault);
        e
    }

    fn enter<E: de::Error>(&mut self) -> Result<(), E> {
        if self.depth == 0 {
            return Err(self.fail(BadReason::Depth));
        }
        self.depth -= 1;
        Ok(())
    }

    /// Where the value of `key` belongs.
    fn child<E: de::Error>(&mut self, at: At, key: &str) -> Result<At, E> {
        let members = at.members();
        if let Some((_, child)) = members.iter().find(|(name, _)| *name == key) {
            return Ok(*child);
        }
        if lookalike(members, key) {
            if at == At::Root {
                return Err(self.fail(BadReason::Lookalike));
            }
            self.found.lookalike = true;
        }
        Ok(At::Inner)
    }
}

/// Whether a reader that folds case, or stops at NUL, could take `key` for `name`.
pub(super) fn may_pass_for(name: &str, key: &str) -> bool {
    key.chars().any(char::is_control) || folded(name) == folded(key)
}

/// Unicode has letters that fold to ASCII ones: the long s, the Kelvin sign.
fn folded(text: &str) -> String {
    text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

/// The same for any of `members`.
fn lookalike(members: &[(&str, At)], key: &str) -> bool {
    if members.is_empty() {
        return false;
    }
    if key.is_ascii() {
        return key.bytes().any(|b| b.is_ascii_control()) || members.iter().any(|(name, _)| name.eq_ignore_ascii_case(key));
    }
    let folded = folded(key);
    key.chars().any(char::is_control) || members.iter().any(|(name, _)| name.eq_ignore_ascii_case(&folded))
}

struct Node<'s, 'a> {
    scan: &'s mut Scan<'a>,
    at: At,
}

impl<'a> DeserializeSeed<'a> for Node<'_, 'a> {
    type Value = ();
    fn deserialize<D: Deserializer<'a>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Node<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        self.scan.put(self.at, Slot::Null);
        Ok(())
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<(), E> {
        self.scan.put(self.at, Slot::Other);
        Ok(())
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<(), E> {
        self.scan.put(self.at, Slot::Other);
        Ok(())
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<(), E> {
        self.scan.put(self.at, Slot::Other);
        Ok(())
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<(), E> {
        self.scan.put(self.at, Slot::Other);
        Ok(())
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'a str) -> Result<(), E> {
        self.scan.put(self.at, Slot::Text(Cow::Borrowed(text)));
        Ok(())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        if self.at != At::Inner {
            self.scan.put(self.at, Slot::Text(Cow::Owned(text.to_owned())));
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { scan, at } = self;
        scan.enter()?;
        scan.put(at, Slot::Other);
        while seq.next_element_seed(Node { scan, at: at.item() })?.is_some() {}
        scan.depth += 1;
        Ok(())
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { scan, at } = self;
        scan.enter()?;
        scan.put(at, Slot::Object);
        let base = scan.keys.len();
        let mut more = BTreeSet::new();
        while let Some(key) = map.next_key_seed(Key)? {
            if scan.keys[base..].contains(&key) || more.contains(&key) {
                return Err(scan.fail(BadReason::Duplicate));
            }
            let child = scan.child(at, &key)?;
            if scan.keys.len() - base < ROW {
                scan.keys.push(key);
            } else {
                more.insert(key);
            }
            if child == At::Id {
                scan.found.id = Some(map.next_value()?);
            } else {
                map.next_value_seed(Node { scan, at: child })?;
            }
        }
        scan.keys.truncate(base);
        scan.depth += 1;
        Ok(())
    }
}

/// A member name, borrowed where it has no escape.
pub(super) struct Key;

impl<'a> DeserializeSeed<'a> for Key {
    type Value = Cow<'a, str>;
    fn deserialize<D: Deserializer<'a>>(self, d: D) -> Result<Cow<'a, str>, D::Error> {
        d.deserialize_str(self)
    }
}

impl<'a> Visitor<'a> for Key {
    type Value = Cow<'a, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'a str) -> Result<Cow<'a, str>, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Cow<'a, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}
