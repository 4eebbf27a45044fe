//! What a batch says of its records, and a chain of others, as bytes. There is one form of each: bytes that read are those that would
//! be written.

use std::collections::HashSet;

use super::{Digest, Head};
use crate::types::{ChainId, OrgId, RecordId, Timestamp};

/// What ids of records start with that are a UUID.
const GENERATED: &str = "rec_";

/// What a batch says of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which.
    pub id: RecordId,
    /// Its time.
    pub time: Timestamp,
    /// Whose log it is in.
    pub org: Option<OrgId>,
    /// The hash of its text.
    pub text: Digest,
}

/// The entries of a batch as bytes: the organizations, then time, organization, id and hash of each.
#[must_use]
pub(super) fn encode(entries: &[Entry]) -> Vec<u8> {
    let mut orgs: Vec<&OrgId> = Vec::new();
    let mut body = Vec::with_capacity(entries.len() * 60);
    for entry in entries {
        let place = entry.org.as_ref().map_or(0, |org| {
            let known = orgs.iter().position(|known| *known == org);
            1 + known.unwrap_or_else(|| {
                orgs.push(org);
                orgs.len() - 1
            })
        });
        body.extend_from_slice(&entry.time.millis().to_be_bytes());
        body.extend_from_slice(&short(place));
        put_id(&entry.id, &mut body);
        body.extend_from_slice(entry.text.bytes());
    }
    let mut all = short(orgs.len()).to_vec();
    for org in orgs {
        put_text(org.as_str(), &mut all);
    }
    all.append(&mut body);
    all
}

/// A count below 65 536: a batch has some hundred records.
fn short(count: usize) -> [u8; 2] {
    u16::try_from(count).unwrap_or(u16::MAX).to_be_bytes()
}

/// Ids have 128 characters at most.
fn put_text(text: &str, out: &mut Vec<u8>) {
    out.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(text.as_bytes());
}

/// A generated id as a zero and the UUID; any other as its text.
fn put_id(id: &RecordId, out: &mut Vec<u8>) {
    match generated(id.as_str()) {
        Some(uuid) => {
            out.push(0);
            out.extend_from_slice(uuid.as_bytes());
        }
        None => put_text(id.as_str(), out),
    }
}

fn generated(id: &str) -> Option<uuid::Uuid> {
    let digits = id.strip_prefix(GENERATED).filter(|d| d.len() == 32 && !d.bytes().any(|b| b.is_ascii_uppercase()))?;
    uuid::Uuid::try_parse(digits).ok()
}

/// Reads what [`encode`] wrote; `None` when nobody can have written it: organizations are there once, in the order of their first
/// records, and ids that are a UUID as one.
#[must_use]
pub(super) fn decode(bytes: &[u8]) -> Option<Vec<Entry>> {
    let mut rest = Reader(bytes);
    let (mut orgs, mut names) = (Vec::new(), HashSet::new());
    for _ in 0..rest.short()? {
        let name = rest.text()?;
        if !names.insert(name) {
            return None;
        }
        orgs.push(OrgId::parse(name).ok()?);
    }
    // So many organizations had records so far.
    let mut used = 0;
    let mut entries = Vec::with_capacity((rest.0.len() / 50).min(4096));
    while !rest.0.is_empty() {
        let time = Timestamp::from_millis(rest.number()?);
        let org = match usize::from(rest.short()?) {
            0 => None,
            place if place > used + 1 => return None,
            place => {
                used = used.max(place);
                Some(orgs.get(place - 1)?.clone())
            }
        };
        let id = match rest.take(1)?[0] {
            0 => RecordId::of(uuid::Uuid::from_slice(rest.take(16)?).ok()?),
            length => {
                let text = std::str::from_utf8(rest.take(length.into())?).ok()?;
                RecordId::parse(text).ok().filter(|_| generated(text).is_none())?
            }
        };
        entries.push(Entry { id, time, org, text: Digest::kept(rest.take(32)?)? });
    }
    (used == orgs.len()).then_some(entries)
}

/// Heads of chains as bytes.
#[must_use]
pub(super) fn encode_links(links: &[Head]) -> Vec<u8> {
    let mut all = Vec::with_capacity(links.len() * 96);
    for head in links {
        put_text(head.chain.as_str(), &mut all);
        for number in [head.seq.cast_signed(), head.at.millis(), head.newest.millis()] {
            all.extend_from_slice(&number.to_be_bytes());
        }
        all.extend_from_slice(head.digest.bytes());
    }
    all
}

/// Reads what [`encode_links`] wrote; `None` when nobody can have written it.
#[must_use]
pub(super) fn decode_links(bytes: &[u8]) -> Option<Vec<Head>> {
    let mut rest = Reader(bytes);
    let mut links = Vec::new();
    while !rest.0.is_empty() {
        let chain = ChainId::parse(rest.text()?).ok()?;
        let seq = u64::try_from(rest.number()?).ok()?;
        let (at, newest) = (Timestamp::from_millis(rest.number()?), Timestamp::from_millis(rest.number()?));
        links.push(Head { chain, seq, at, newest, digest: Digest::kept(rest.take(32)?)? });
    }
    Some(links)
}

/// What is left to be read.
struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn short(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn number(&mut self) -> Option<i64> {
        Some(i64::from_be_bytes(self.take(8)?.try_into().ok()?))
    }

    fn text(&mut self) -> Option<&'b str> {
        let length = self.take(1)?[0];
        std::str::from_utf8(self.take(length.into())?).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry() -> impl Strategy<Value = Entry> {
        let id =
            prop_oneof![any::<u128>().prop_map(|n| RecordId::of(uuid::Uuid::from_u128(n)).to_string()), "[A-Za-z0-9._~-]{1,128}"];
        (id, any::<i64>(), 0_u8..4, any::<[u8; 8]>()).prop_map(|(id, time, org, text)| Entry {
            id: RecordId::parse(&id).expect("an id"),
            time: Timestamp::from_millis(time),
            org: OrgId::parse(&format!("org_{org}")).ok().filter(|_| org > 0),
            text: Digest::of(&text),
        })
    }

    proptest! {
        #[test]
        fn entries_come_back(entries in prop::collection::vec(entry(), 0..40)) {
            prop_assert_eq!(decode(&encode(&entries)), Some(entries));
        }

        #[test]
        fn what_strangers_wrote_is_read_as_it_stands_or_not_at_all(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Some(entries) = decode(&bytes) {
                prop_assert_eq!(encode(&entries), bytes.clone());
            }
            if let Some(links) = decode_links(&bytes) {
                prop_assert_eq!(encode_links(&links), bytes);
            }
        }

        #[test]
        fn changed_bytes_say_something_else(entries in prop::collection::vec(entry(), 1..9), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
            let mut bytes = encode(&entries);
            let at = at.index(bytes.len());
            bytes[at] ^= 1_u8 << bit;
            prop_assert_ne!(decode(&bytes), Some(entries));
        }
    }

    #[test]
    fn links_come_back() {
        let head = |n: u64| Head {
            chain: ChainId::parse(&format!("chain_{n}")).expect("an id"),
            seq: n,
            at: Timestamp::from_millis(5),
            newest: Timestamp::from_millis(-5),
            digest: Digest::of(&n.to_be_bytes()),
        };
        let links = [head(1), head(u64::from(u32::MAX))];
        assert_eq!(decode_links(&encode_links(&links)).as_deref(), Some(&links[..]));
        assert_eq!(decode_links(b"").as_deref(), Some(&[][..]));
    }

    #[test]
    fn organizations_have_one_form() {
        let org = |name: &str| OrgId::parse(name).ok();
        let entry = |time, org| {
            let id = RecordId::of(uuid::Uuid::from_u128(7));
            Entry { id, time: Timestamp::from_millis(time), org, text: Digest::of(b"") }
        };
        let bytes = encode(&[entry(1, org("org_1")), entry(2, org("org_2")), entry(3, None), entry(4, org("org_1"))]);
        assert!(decode(&bytes).is_some());
        let (names, place) = (2 + 2 * 6, 8);
        let with = |changes: &[(usize, u8)]| {
            let mut bytes = bytes.clone();
            for (at, byte) in changes {
                bytes[*at] = *byte;
            }
            decode(&bytes)
        };
        let nth = |entry: usize| names + entry * 59 + place + 1;
        assert_eq!(with(&[(13, b'1')]), None, "one twice");
        assert_eq!(with(&[(nth(0), 2), (nth(1), 1)]), None, "in another order");
        assert_eq!(with(&[(nth(1), 1)]), None, "one without a record");
        assert_eq!(with(&[(nth(3), 3)]), None, "one that is not there");
        assert!(with(&[(nth(3), 2)]).is_some(), "another record");
    }

    #[test]
    fn an_id_has_one_form() {
        let id = RecordId::of(uuid::Uuid::from_u128(7));
        let mut bytes = encode(&[Entry { id: id.clone(), time: Timestamp::from_millis(1), org: None, text: Digest::of(b"") }]);
        assert_eq!(bytes.len(), 2 + 8 + 2 + 17 + 32);
        let text = [&[36], id.as_str().as_bytes()].concat();
        bytes.splice(12..29, text);
        assert_eq!(decode(&bytes), None, "the same id as text");
    }
}
