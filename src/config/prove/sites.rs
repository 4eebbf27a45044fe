//! The deployments of the service.

use super::Findings;
use crate::config::Site;
use crate::config::error::KeyPath;
use crate::config::raw::RawConfig;

/// Longest name.
const MAX_NAME: usize = 100;

/// Every site. Either none is named, or this one is among them: an app that is told of sites must find the one it is at.
pub(super) fn all(raw: &RawConfig, found: &mut Findings<'_>) -> Vec<Site> {
    let at = KeyPath::root().key("sites");
    let mut sites: Vec<Site> = Vec::new();
    for (n, raw) in raw.sites.numbered() {
        let (at, issuer) = (at.index(n), &raw.issuer.0);
        if !is_name(&raw.name) {
            found.error(at.key("name"), "is not a name", "write up to 100 of a-z 0-9 . : -, for example \"eu1\"");
        }
        if sites.iter().any(|s| s.name == raw.name) {
            found.error(at.key("name"), format!("{:?} is the name of another site", raw.name), "give each a name of its own");
        }
        if sites.iter().any(|s| s.issuer == *issuer) {
            found.error(at.key("issuer"), format!("{issuer} is another site's issuer"), "name each issuer once");
        }
        sites.push(Site { name: raw.name.clone(), issuer: issuer.clone() });
    }
    if !sites.is_empty() && sites.iter().all(|s| s.issuer != raw.public_url.0) {
        found.unknown(
            &["sites"],
            at,
            "name other sites but not this one",
            format!("add [[sites]] with issuer = \"{}\"", raw.public_url.0),
        );
    }
    sites
}

fn is_name(text: &str) -> bool {
    let fine = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b':' | b'-');
    (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(fine)
}
