//! Manifests, for whoever looks for one that is not what it says.

use super::{Manifest, Refusal};

/// A manifest is what it writes; what is none is told why.
pub fn manifest(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Manifest::read(text) {
        Ok(manifest) => assert_eq!(Manifest::read(&manifest.to_text()).ok(), Some(manifest)),
        Err(Refusal::Manifest(fault)) => assert!(!fault.to_string().is_empty()),
        Err(other) => panic!("{other:?}"),
    }
}
