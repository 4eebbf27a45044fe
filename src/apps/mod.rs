//! The life of an app: drafted, tried, published, changed and published again, carried to other sites.
//!
//! An organization's app has a **draft**, which its members change and try with the draft client, and **versions**, which never
//! change: publishing copies the draft, and the published client does what the last version says. Administration and pages do
//! everything here through one [`Workshop`], so what is refused, and why, is the same wherever it is asked.

mod difference;
mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod manifest;
mod offer;
mod private;
mod readiness;
mod secrets;
mod workshop;
mod written;

#[cfg(test)]
mod tests;

pub use difference::{Change, difference};
pub use error::{AppError, Refusal};
pub use manifest::{MANIFEST_VERSION, MAX_MANIFEST, Manifest, ManifestClient, ManifestFault};
pub use offer::{on_offer, seen_from};
pub use private::{MAX_REASON, PrivateScopes, private_scope, reason};
pub use readiness::{Condition, Need, conditions};
pub(crate) use secrets::first_secret;
pub use secrets::{MAX_SECRET_LIFE, NewSecret, add_secret, remove_secret};
pub use workshop::{Author, Import, Imported, Made, Release, Workshop};
pub use written::{Fault, Field, Flaw, MAX_NAME, MAX_SCOPES, MAX_TTL, MAX_URIS, MAX_URL, Written};
