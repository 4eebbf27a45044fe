//! Positions in a log as text that only we can write.
//!
//! A position gives no access by itself: the organization always comes from who asks. The MAC keeps strangers from making the
//! store search from places that no page ended at, and a cursor of one log from being used in another.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::store::Cursor;
use crate::token::KeyRing;
use crate::types::{OrgId, RecordId, Timestamp};

/// Bytes of the MAC that are kept.
const MAC: usize = 16;
/// Longest cursor, characters.
const LONGEST: usize = 4096;
/// Pages that can be leafed back.
const MOST: usize = 16;

/// The ends of the pages that were left behind, oldest first, as text. Only the last few are kept.
#[must_use]
pub fn seal_cursor(keys: &KeyRing, org: &OrgId, ends: &[Cursor]) -> String {
    let kept = &ends[ends.len().saturating_sub(MOST)..];
    let text: Vec<_> = kept.iter().map(|c| format!("{} {}", c.time.millis(), c.id)).collect();
    let text = text.join("\n");
    let mut sealed = mac(keys, org, &text).to_vec();
    sealed.extend_from_slice(text.as_bytes());
    URL_SAFE_NO_PAD.encode(sealed)
}

/// The positions of a cursor of ours for this log; `None` for any other text.
#[must_use]
pub fn open_cursor(keys: &KeyRing, org: &OrgId, sealed: &str) -> Option<Vec<Cursor>> {
    if sealed.len() > LONGEST {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
    let (presented, text) = bytes.split_at_checked(MAC)?;
    let text = std::str::from_utf8(text).ok()?;
    verify_slices_are_equal(presented, &mac(keys, org, text)).ok()?;
    text.lines().map(position).collect()
}

fn mac(keys: &KeyRing, org: &OrgId, text: &str) -> [u8; MAC] {
    let whole = keys.derive("audit-cursor", format!("{org}\n{text}").as_bytes());
    let mut short = [0; MAC];
    short.copy_from_slice(&whole[..MAC]);
    short
}

fn position(line: &str) -> Option<Cursor> {
    let (time, id) = line.split_once(' ')?;
    Some(Cursor { time: Timestamp::from_millis(time.parse().ok()?), id: RecordId::parse(id).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use crate::config::DeploymentSecret;

    fn keys(seed: u8) -> KeyRing {
        KeyRing::empty(Arc::new(DeploymentSecret::new([seed; 32])))
    }

    fn at(n: i64) -> Cursor {
        Cursor { time: Timestamp::from_millis(n), id: RecordId::parse(&format!("rec_{n}")).expect("a valid id") }
    }

    #[test]
    fn a_cursor_is_good_where_it_was_made_and_nowhere_else() {
        let (acme, evil) = (OrgId::parse("org_a").expect("an id"), OrgId::parse("org_b").expect("an id"));
        let sealed = seal_cursor(&keys(1), &acme, &[at(5), at(3)]);
        assert_eq!(open_cursor(&keys(1), &acme, &sealed), Some(vec![at(5), at(3)]));
        assert_eq!(open_cursor(&keys(1), &evil, &sealed), None);
        assert_eq!(open_cursor(&keys(2), &acme, &sealed), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("ASCII");
            let opened = open_cursor(&keys(1), &acme, &changed);
            // The last character may hold bits that stand for nothing; then the text is not canonical and refused too.
            assert_eq!(opened, None, "{at}");
        }
        for bad in ["", "AAAA", "é", "%%%"] {
            assert_eq!(open_cursor(&keys(1), &acme, bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_cursor_does_not_grow_without_end() {
        let acme = OrgId::parse("org_a").expect("an id");
        let ends: Vec<_> = (0..100).map(at).collect();
        let opened = open_cursor(&keys(1), &acme, &seal_cursor(&keys(1), &acme, &ends)).expect("ours");
        assert_eq!((opened.len(), opened.last()), (16, Some(&at(99))));
    }
}
