//! Choosing a password, first of all in place of a one-time one.

use askama::Template;

use super::{Brand, Frame, Section};
use crate::pages::DisplayName;
use crate::pages::texts::{Text, sign_in as texts};

/// Inputs `current-password`, `new-password`, `csrf`; button `change-password`.
#[derive(Clone, Debug, Template)]
#[template(path = "password.html")]
pub struct PasswordPage {
    /// The surrounding page; no viewer while the one-time password still counts.
    pub frame: Frame,
    /// Where the form posts, with any query it needs.
    pub action: String,
    /// Value of the hidden field `csrf`.
    pub csrf: String,
    /// Account, also offered to password managers as the user name.
    pub email: String,
    /// Why the page is shown.
    pub reason: PasswordReason,
    /// Fewest characters of a new password.
    pub minimum: usize,
    /// The client that the person continues to afterwards.
    pub continue_to: Option<DisplayName>,
    /// Why the last attempt did not work.
    pub problem: Option<PasswordProblem>,
}

/// Why a password is to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordReason {
    /// The account still has the password it was created with.
    OneTime,
    /// The person asked for it.
    Chosen,
}

/// Why a new password was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordProblem {
    /// The current one does not match.
    CurrentWrong,
    /// Fewer characters than the page's minimum.
    TooShort,
    /// Known from leaked lists or made of the account's own name.
    TooCommon,
    /// Same as the current one.
    Unchanged,
    /// The form was older than its token.
    Expired,
}

impl PasswordPage {
    /// The page that follows a sign-in with a one-time password.
    #[must_use]
    pub fn one_time(brand: Brand, action: String, csrf: String, email: String, minimum: usize) -> Self {
        let frame = Frame { brand, viewer: None, section: Section::Elsewhere };
        Self { frame, action, csrf, email, reason: PasswordReason::OneTime, minimum, continue_to: None, problem: None }
    }

    fn current_label(&self) -> Text {
        match self.reason {
            PasswordReason::OneTime => texts::one_time_password(),
            PasswordReason::Chosen => texts::current_password(),
        }
    }

    fn length_hint(&self) -> Text {
        texts::password_hint(self.minimum)
    }

    fn problem_text(&self) -> Option<Text> {
        self.problem.map(|problem| match (problem, self.reason) {
            (PasswordProblem::CurrentWrong, PasswordReason::OneTime) => texts::one_time_password_wrong(),
            _ => problem.text(self.minimum),
        })
    }
}

impl PasswordProblem {
    /// In words, for a password of at least `minimum` characters.
    pub(super) fn text(self, minimum: usize) -> Text {
        match self {
            Self::CurrentWrong => texts::current_password_wrong(),
            Self::TooShort => texts::password_too_short(minimum),
            Self::TooCommon => texts::password_too_common(),
            Self::Unchanged => texts::password_unchanged(),
            Self::Expired => texts::password_expired(),
        }
    }
}
