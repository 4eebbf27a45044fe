//! Signing in.

use askama::Template;

use super::{Brand, Frame, Section};
use crate::pages::DisplayName;
use crate::pages::texts::{Text, sign_in as texts};

/// `/login`. Button `sign-in`; inputs `email`, `password`, `csrf`.
#[derive(Clone, Debug, Template)]
#[template(path = "login.html")]
pub struct LoginPage {
    /// The surrounding page; no viewer.
    pub frame: Frame,
    /// Where the form posts, with any query it needs.
    pub action: String,
    /// Value of the hidden field `csrf`.
    pub csrf: String,
    /// The client that the person continues to after signing in, if one sent them.
    pub continue_to: Option<DisplayName>,
    /// Identity providers, shown above the local account.
    pub providers: Vec<Provider>,
    /// Fills the email field after a refused attempt.
    pub email: String,
    /// Why the last attempt did not work.
    pub problem: Option<LoginProblem>,
}

/// One identity provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// "Acme SSO", for the button "Continue with Acme SSO".
    pub name: String,
    /// Path on this origin that starts the federation.
    pub href: String,
}

/// Why a sign-in was refused; never which part was wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginProblem {
    /// No such account, wrong password or disabled: one answer for all.
    Refused,
    /// Too many attempts.
    TooMany {
        /// "2 minutes".
        wait: String,
    },
    /// Somebody is signed in, and what they want takes a fresh sign-in.
    Again,
    /// Somebody is signed in, and what they are about to allow takes a sign-in of this moment.
    Once,
    /// The form was older than its token.
    Expired,
}

impl LoginPage {
    /// A page without problem, providers or prefilled email.
    #[must_use]
    pub fn new(brand: Brand, action: String, csrf: String) -> Self {
        let frame = Frame { brand, viewer: None, section: Section::Elsewhere };
        Self { frame, action, csrf, continue_to: None, providers: Vec::new(), email: String::new(), problem: None }
    }
}

impl LoginProblem {
    /// Tone, icon and role of its notice.
    fn look(&self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Again | Self::Once => ("info", "shield", "status"),
            Self::Refused | Self::TooMany { .. } | Self::Expired => ("danger", "alert", "alert"),
        }
    }

    fn text(&self) -> Text {
        match self {
            Self::Refused => texts::refused(),
            Self::TooMany { wait } => texts::too_many_attempts(wait),
            Self::Again => texts::again(),
            Self::Once => texts::once_more(),
            Self::Expired => texts::sign_in_expired(),
        }
    }
}
