//! Why the gate gives no decision to somebody else who would forward the request: a proxy that asks, or an application with the
//! gate in it.

use http::StatusCode;

/// Why a request can't be decided for somebody else who forwards it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Whoever asks is not believed.
    Proxy,
    /// The question does not say which request it is about, or says it twice.
    Question,
    /// Nothing is mounted there that somebody else could forward to.
    NoApi,
    /// The body decides, and it was not sent.
    Body,
    /// Headers must be removed, and whoever forwards can't be told so.
    Headers,
    /// The target must be replaced, and whoever forwards does not do that.
    Target,
    /// Query, body or answer must be narrowed to the organization's label.
    Label,
    /// A browser asks whether a page may call.
    Preflight,
}

impl Unfit {
    /// Every reason.
    pub const ALL: [Self; 8] =
        [Self::Proxy, Self::Question, Self::NoApi, Self::Body, Self::Headers, Self::Target, Self::Label, Self::Preflight];

    /// The stable reason code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Proxy => "proxy_not_trusted",
            Self::Question => "question_malformed",
            Self::NoApi => "no_api",
            Self::Body => "body_not_sent",
            Self::Headers => "headers_not_removable",
            Self::Target => "target_not_replaceable",
            Self::Label => "label_not_enforceable",
            Self::Preflight => "preflight_not_decided",
        }
    }

    /// The status of the answer.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::NoApi => StatusCode::NOT_FOUND,
            Self::Question | Self::Headers => StatusCode::BAD_REQUEST,
            Self::Proxy | Self::Body | Self::Target | Self::Label | Self::Preflight => StatusCode::FORBIDDEN,
        }
    }

    /// One sentence: what was wrong and what to do.
    #[must_use]
    pub const fn detail(self) -> &'static str {
        match self {
            Self::Proxy => "Decisions are for proxies that the operator lists. Add this one to authorizer.trusted_proxies.",
            Self::Question => "The question does not name one method, one target and one host of the original request.",
            Self::NoApi => "No API is mounted there. Ask your operator for the list of APIs.",
            Self::Body => "The body decides here and the proxy did not send it whole. Call the gateway itself.",
            Self::Headers => "The request has headers that only a gateway may set. Send it without them.",
            Self::Target => {
                "The request must be rewritten before it is forwarded, which this proxy does not do. Send a plain path."
            }
            Self::Label => {
                "Requests of this API are narrowed to one organization, which no proxy can do. Call the gateway itself."
            }
            Self::Preflight => "The proxy has to answer what browsers ask before they call. Ask your operator.",
        }
    }
}
