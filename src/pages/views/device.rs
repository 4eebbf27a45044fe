//! Connecting a device that has no browser (RFC 8628 §3.3).

use askama::Template;

use super::Frame;
use crate::pages::DisplayName;
use crate::pages::texts::{Text, sign_in as texts};

/// `/device`. Input `user_code`, button `continue`, hidden `csrf`.
///
/// A link may fill the field in, never more: the person compares and goes on by hand.
#[derive(Clone, Debug, Template)]
#[template(path = "device.html")]
pub struct DevicePage {
    /// The surrounding page.
    pub frame: Frame,
    /// Value of the hidden field `csrf`.
    pub csrf: String,
    /// What stands in the field; empty when the person came without a code.
    pub code: String,
    /// The organization that was chosen before the person had to sign in once more.
    pub org: Option<String>,
    /// Why the last code could not be taken.
    pub problem: Option<DeviceProblem>,
}

/// Why a code could not be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceProblem {
    /// No device waits with this code.
    Unknown,
    /// Too many codes were tried.
    TooMany {
        /// "2 minutes".
        wait: String,
    },
    /// The form was older than its token.
    Expired,
}

/// After the decision.
#[derive(Clone, Debug, Template)]
#[template(path = "device-done.html")]
pub struct DeviceDonePage {
    /// The surrounding page.
    pub frame: Frame,
    /// Who asked.
    pub client: DisplayName,
    /// What was decided.
    pub allowed: bool,
}

impl DeviceProblem {
    fn text(&self) -> Text {
        match self {
            Self::Unknown => texts::no_such_code(),
            Self::TooMany { wait } => texts::too_many_codes(wait),
            Self::Expired => texts::code_expired(),
        }
    }
}
