//! An invitation into an organization, as the invited person sees it.

use askama::Template;

use super::{Brand, Frame, PasswordProblem, Section};
use crate::pages::texts::{Text, sign_in as texts};
use crate::pages::{DisplayName, When};

/// `/invitations/{link}`. Its form posts `csrf` to `action` with the button `accept`; a guest who is not signed in also sends
/// `name`, `new-password`.
#[derive(Clone, Debug, Template)]
#[template(path = "invitation.html")]
pub struct InvitationPage {
    /// The surrounding page.
    pub frame: Frame,
    /// Where the form posts.
    pub action: String,
    /// Value of the hidden field `csrf`.
    pub csrf: String,
    /// Organization name.
    pub organization: DisplayName,
    /// Who invited, if they are still here.
    pub by: Option<String>,
    /// Whom it is for.
    pub email: String,
    /// What it gives.
    pub roles: Vec<String>,
    /// When it ends.
    pub ends: When,
    /// Who opened it.
    pub guest: Guest,
    /// The name that a guest gave.
    pub name: String,
    /// Fewest characters of a password.
    pub shortest: usize,
    /// Why the last answer could not be taken.
    pub problem: Option<InvitationProblem>,
}

/// Who opened an invitation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guest {
    /// The invited person, signed in.
    Invited,
    /// Somebody else, signed in.
    Other {
        /// As whom.
        email: String,
    },
    /// Nobody is signed in; whether the address has an account is not said.
    Unknown {
        /// Where to sign in and come back from.
        sign_in: String,
    },
}

/// Why an answer could not be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvitationProblem {
    /// The page was open for too long.
    Expired,
    /// The name is missing, too long, or none.
    Name,
    /// The password can't be chosen.
    Password(PasswordProblem),
}

impl InvitationProblem {
    fn text(self, shortest: usize) -> Text {
        match self {
            Self::Expired => texts::invitation_expired(),
            Self::Name => texts::invitation_name(),
            Self::Password(problem) => problem.text(shortest),
        }
    }
}

impl InvitationPage {
    fn length_hint(&self) -> Text {
        texts::password_hint(self.shortest)
    }

    fn invited(&self) -> Text {
        match &self.by {
            Some(inviter) => texts::invited_by(inviter, &self.email),
            None => texts::invited_by_an_administrator(&self.email),
        }
    }

    /// The frame of a page for somebody who is not signed in.
    #[must_use]
    pub const fn guest_frame(brand: Brand) -> Frame {
        Frame { brand, viewer: None, section: Section::Elsewhere }
    }
}
