//! Who is asking, and how much we know about them.

use crate::pages::texts::{Text, trust};
use crate::pages::{DisplayName, When};

/// A client as a person sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// What it calls itself, cleaned.
    pub name: DisplayName,
    /// How far that name can be believed.
    pub trust: Trust,
}

/// How a client signs in and where it is answered, for those who decide about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// How it came here.
    pub how: Registered,
    /// When.
    pub at: When,
    /// Whether it has a secret of its own.
    pub has_secret: bool,
    /// The `grant_type` values that it may use.
    pub grant_types: Vec<String>,
    /// Every address that its answers may go to, whole.
    pub redirect_uris: Vec<String>,
}

/// How a client came here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registered {
    /// By itself (RFC 7591).
    ByItself,
    /// By the operator.
    ByOperator,
    /// By the organization that owns it.
    ByOwner,
    /// With the app that it is a client of.
    WithApp,
}

impl Registered {
    const fn words(self) -> Text {
        match self {
            Self::ByItself => trust::came_by_itself(),
            Self::ByOperator => trust::came_by_operator(),
            Self::ByOwner => trust::came_by_owner(),
            Self::WithApp => trust::came_with_app(),
        }
    }
}

impl Registration {
    pub(in crate::pages) const fn came(&self) -> Text {
        self.how.words()
    }

    pub(in crate::pages) const fn kind(&self) -> Text {
        if self.has_secret { trust::has_a_secret() } else { trust::has_no_secret() }
    }
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
