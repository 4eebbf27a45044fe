//! Who is asking, and how much we know about them.

use crate::pages::DisplayName;
use crate::pages::texts::{Text, trust};

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
    pub(in crate::pages) fn badge(&self) -> Text {
        match self {
            Self::Published { by } => trust::published_by(by),
            Self::Draft { by } => trust::draft_of(by),
            Self::VerifiedDocument { host } => trust::document_at(host),
            Self::Registered { .. } => trust::registered_itself(),
            Self::Preregistered => trust::added(),
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
    pub(in crate::pages) fn explanation(&self) -> Option<Text> {
        match self {
            Self::Draft { .. } => Some(trust::is_a_draft()),
            Self::Registered { ago, used } => Some(match used {
                UsedHere::Nobody => trust::unused_stranger(ago),
                UsedHere::Somebody => trust::used_stranger(ago),
                UsedHere::Unasked => trust::stranger(ago),
            }),
            Self::Published { .. } | Self::VerifiedDocument { .. } | Self::Preregistered => None,
        }
    }
}
