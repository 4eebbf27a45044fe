//! Who is asking, and how much we know about them.

use crate::pages::{DisplayName, display_name};

/// A client as a person sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// What it calls itself, cleaned.
    pub name: DisplayName,
    /// How far that name can be believed.
    pub trust: Trust,
}

/// How a client came to be known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Published by an organization of this gateway.
    Published {
        /// Name of the organization that owns the app.
        by: DisplayName,
    },
    /// The draft of an app: only members of the organization that makes it get this far.
    Draft {
        /// Name of that organization.
        by: DisplayName,
    },
    /// Its `client_id` is a metadata document that was fetched and matched.
    VerifiedDocument {
        /// Host that serves the document.
        host: String,
    },
    /// It registered itself (RFC 7591).
    Registered {
        /// "2 minutes ago".
        ago: String,
        /// Who in the viewer's organizations has granted it something.
        used: UsedHere,
    },
    /// Entered by the operator or an administrator.
    Preregistered,
}

/// Who around the viewer uses a client that registered itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsedHere {
    /// Nobody in the viewer's organizations.
    Nobody,
    /// Somebody in the viewer's organizations.
    Somebody,
    /// The viewer looks at it for no organization.
    Unasked,
}

impl Trust {
    pub(in crate::pages) fn badge(&self) -> String {
        match self {
            Self::Published { by } => format!("Published by {by}"),
            Self::Draft { by } => format!("Draft of {by}"),
            Self::VerifiedDocument { host } => format!("Verified document at {}", display_name(host)),
            Self::Registered { .. } => "Registered itself".to_owned(),
            Self::Preregistered => "Added by your administrator".to_owned(),
        }
    }

    pub(in crate::pages) fn tone(&self) -> &'static str {
        match self {
            Self::Published { .. } | Self::VerifiedDocument { .. } | Self::Preregistered => "known",
            Self::Draft { .. } | Self::Registered { used: UsedHere::Somebody | UsedHere::Unasked, .. } => "plain",
            Self::Registered { used: UsedHere::Nobody, .. } => "caution",
        }
    }

    pub(in crate::pages) fn icon(&self) -> &'static str {
        match self {
            Self::Published { .. } | Self::VerifiedDocument { .. } | Self::Preregistered => "check",
            Self::Draft { .. } => "pencil",
            Self::Registered { .. } => "question",
        }
    }

    pub(in crate::pages) fn notice_tone(&self) -> &'static str {
        match self.tone() {
            "caution" => "caution",
            _ => "info",
        }
    }

    /// The sentence under the name when the badge alone says too little.
    pub(in crate::pages) fn explanation(&self) -> Option<String> {
        match self {
            Self::Draft { .. } => {
                Some("This is not published yet: members of its organization try it. It works with your real data.".to_owned())
            }
            Self::Registered { ago, used: UsedHere::Nobody } => Some(format!(
                "This application registered itself {ago}, and nobody in your organization uses it. Its name is its own claim. Continue only if you started this yourself."
            )),
            Self::Registered { ago, used: UsedHere::Unasked } => {
                Some(format!("This application registered itself {ago}. Its name is its own claim."))
            }
            Self::Registered { ago, used: UsedHere::Somebody } => {
                Some(format!("This application registered itself {ago}. Others in your organization use it too."))
            }
            _ => None,
        }
    }
}
