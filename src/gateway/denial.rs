//! Every reason for which the gate refuses, as a value. What a caller is told about each is [`super::respond`]'s to say.

use std::time::Duration;

use http::StatusCode;

use super::hygiene::Unclean;
use super::unfit::Unfit;
use super::upstream::places::NoPlace;
use crate::labels;
use crate::mcp;
use crate::telemetry::Metrics;
use crate::token::{Principal, Refusal};
use crate::types::{Exhausted, ScopeBits};

/// Why a request was refused.
#[derive(Debug)]
pub enum Denial {
    /// It could be read in more than one way, or is too large.
    Unclean(Unclean),
    /// The API has no such route.
    NoRoute,
    /// The route has no such method.
    Method {
        /// `Allow`.
        allow: String,
    },
    /// No credential, or one of a scheme that the gate does not take.
    NoToken,
    /// The token is worth nothing.
    Token(Refusal),
    /// The API key is worth nothing.
    Key(Refusal),
    /// The token is for another resource.
    Audience,
    /// The request names an organization that the token is not bound to.
    Organization(NamedBy),
    /// The request names an index of another organization.
    Index {
        /// What those of the caller's start with.
        prefix: String,
    },
    /// Scopes are missing.
    Scopes {
        /// What the operation needs.
        needed: ScopeBits,
        /// What of it is missing.
        missing: ScopeBits,
        /// Whether the user could grant it by authorizing again. If not, the user or the client may not do it at all.
        grantable: bool,
    },
    /// The MCP server's policy allows this target to nobody.
    Target(mcp::Target),
    /// An argument of a call has a value that the MCP server's policy does not allow.
    Argument {
        /// What was called.
        target: mcp::Target,
        /// The path of the argument.
        argument: String,
    },
    /// The MCP session was opened for another user, in another organization, or by nobody.
    Session,
    /// The MCP task is another user's, of another organization or server, or there is none.
    Task,
    /// The MCP server's tasks are open to nobody.
    Tasks(mcp::Era),
    /// A browser page of an origin that may not call this API.
    Origin,
    /// A browser that wants a script of the API to stand between our pages and us.
    ServiceWorker,
    /// A gRPC call in a version of HTTP that has no trailers.
    Http2Required,
    /// The route is a WebSocket, and the request asks for none, or not as RFC 6455 §4.1 says.
    UpgradeRequired,
    /// The route wants a client certificate, and none was shown.
    Certificate,
    /// The MCP message is not one.
    Message(Box<mcp::BadMessage>),
    /// The MCP headers do not say what the body says.
    Mismatch(Box<mcp::Mismatch>),
    /// The request can't be narrowed to the organization's label.
    Selector(labels::Refused),
    /// The organization has no silence with the id that the request names.
    Silence,
    /// Whose silence an id names can't be found out.
    SilenceUnread,
    /// A rate is used up.
    Rate {
        /// What it counts.
        of: Counting,
        /// When the next request would be in time.
        wait: Duration,
    },
    /// The route serves as many requests as it may at one time.
    Concurrency,
    /// The body is larger than allowed.
    BodyTooLarge,
    /// The length of a long message was not declared.
    LengthRequired,
    /// The body broke off or took too long.
    BodyBroken,
    /// This node can't know of revocations at the moment.
    Stale,
    /// Another configuration is in force than the one that let the request through.
    Changed,
    /// The store can't be asked.
    Store,
    /// The request can't be recorded.
    Journal,
    /// The upstream can't be told who calls.
    Identity(IdentityFault),
    /// The upstream did not do its part.
    Upstream(UpstreamFault),
    /// It can't be decided for somebody else who forwards.
    Unfit(Unfit),
    /// The node has more to do than it may.
    Overloaded,
    /// A fault of ours.
    Panic,
}

/// What a rate counts together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// Everybody's requests of an organization.
    Organization,
    /// A client's in an organization.
    Client,
    /// A user's in an organization.
    User,
    /// An organization's of one tool.
    Tool,
    /// Those of a network.
    Address,
    /// What was refused to one caller, beyond every rate of the configuration.
    Refusals,
    /// API keys of a network that are none.
    Guesses,
}

impl Counting {
    /// The name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::Client => "client",
            Self::User => "user",
            Self::Tool => "tool",
            Self::Address => "address",
            Self::Refusals => "refusals",
            Self::Guesses => "guesses",
        }
    }

    /// Which requests were too many, for whoever sent them.
    const fn which(self) -> &'static str {
        match self {
            Self::Organization => "of your organization",
            Self::Client => "of this application",
            Self::User => "of yours",
            Self::Tool => "for this tool",
            Self::Address => "from your address",
            Self::Refusals => "that you may not make",
            Self::Guesses => "with keys that are not known",
        }
    }
}

/// Where a request names an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedBy {
    /// In its path.
    Path,
    /// In its host.
    Host,
    /// In a header that tells upstreams the organization.
    Header,
    /// In a query parameter that tells upstreams the organization.
    Query,
    /// In its body, or it can't be told that it does not.
    Body,
}

/// Why an upstream can't be told who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityFault {
    /// Nothing can be signed, or its authorization server does not answer.
    Unavailable,
    /// Its authorization server issues no token for this caller.
    Refused,
    /// Its authorization server takes no requests of ours.
    Misconfigured,
}

/// What an upstream did not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamFault {
    /// Its name or connection could not be had.
    Connect,
    /// It took too long.
    Timeout,
    /// It broke off before its answer began.
    Broken,
    /// It does not speak the version of HTTP that it is asked in.
    Protocol,
    /// It does not accept our credentials.
    Credentials,
    /// It has as many requests under way and waiting as it may have.
    Overloaded,
    /// Few of its places are left, and the caller holds many.
    Share,
    /// No connection to it could be had for a while, and it is not asked.
    Circuit {
        /// When it is tried again.
        wait: Duration,
    },
}

impl UpstreamFault {
    /// The fault as JSON-RPC answers name it.
    #[must_use]
    pub const fn for_mcp(self) -> mcp::UpstreamFault {
        match self {
            Self::Timeout => mcp::UpstreamFault::Timeout,
            Self::Overloaded | Self::Share | Self::Circuit { .. } => mcp::UpstreamFault::Unavailable,
            Self::Connect | Self::Broken | Self::Protocol | Self::Credentials => mcp::UpstreamFault::Unreachable,
        }
    }

    /// The same for whoever called.
    fn detail(self) -> String {
        match self {
            Self::Timeout => "The service behind the gateway took too long. Try again.".into(),
            Self::Protocol => {
                "The service behind the gateway does not speak the version of HTTP that it is asked in. Tell your operator."
                    .into()
            }
            Self::Credentials => {
                "The service behind the gateway does not accept the gateway's own credentials. Tell your operator.".into()
            }
            Self::Overloaded => {
                "The service behind the gateway has as many requests under way as it may have. Try again shortly.".into()
            }
            Self::Share => {
                "The service behind the gateway has few places left, and you or your organization hold many of them. Close streams \
                 that you do not need, or try again shortly."
                    .into()
            }
            Self::Circuit { wait } => format!(
                "The service behind the gateway can't be reached and is not asked for a while. Try again in {} s.",
                whole_seconds(wait)
            ),
            Self::Connect | Self::Broken => "The service behind the gateway can't be reached. Try again shortly.".into(),
        }
    }
}

impl From<NoPlace> for UpstreamFault {
    fn from(why: NoPlace) -> Self {
        match why {
            NoPlace::Full(_) => Self::Overloaded,
            NoPlace::TooMany(_) => Self::Share,
        }
    }
}

impl From<Exhausted> for Denial {
    fn from(_: Exhausted) -> Self {
        Self::Overloaded
    }
}

impl Denial {
    /// The refusal of a principal that does not hold all that is needed.
    #[must_use]
    pub fn lacking(principal: &Principal, needed: &ScopeBits) -> Self {
        let missing = needed.without(&principal.effective.now);
        let grantable = principal.effective.could_be_granted(&missing);
        Self::Scopes { needed: *needed, missing, grantable }
    }

    /// The stable reason code of audit records, metrics and answers.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unclean(unclean) => unclean.reason.code(),
            Self::NoRoute => "no_route",
            Self::Method { .. } => "method_not_allowed",
            Self::NoToken => "no_token",
            Self::Token(refusal) | Self::Key(refusal) => refusal.code(),
            Self::Audience => "wrong_audience",
            Self::Organization(NamedBy::Path) => "other_organization_path",
            Self::Organization(NamedBy::Host) => "other_organization_host",
            Self::Organization(NamedBy::Header) => "other_organization_header",
            Self::Organization(NamedBy::Query) => "other_organization_query",
            Self::Organization(NamedBy::Body) => "other_organization_body",
            Self::Index { .. } => "other_organization_index",
            Self::Scopes { grantable: true, .. } => "insufficient_scope",
            Self::Scopes { grantable: false, .. } => "permission_missing",
            Self::Target(_) => "target_denied",
            Self::Argument { .. } => "argument_denied",
            Self::Session => "session_not_yours",
            Self::Task => "task_not_yours",
            Self::Tasks(_) => "tasks_closed",
            Self::Origin => "origin_not_allowed",
            Self::ServiceWorker => "service_worker",
            Self::Http2Required => "http2_required",
            Self::UpgradeRequired => "upgrade_required",
            Self::Certificate => "client_certificate_missing",
            Self::Message(_) => "message_malformed",
            Self::Mismatch(_) => "header_mismatch",
            Self::Selector(refused) => refused.code(),
            Self::Silence => "silence_not_yours",
            Self::SilenceUnread => "silence_unread",
            Self::Rate { .. } => "rate_limited",
            Self::Concurrency => "too_many_at_once",
            Self::BodyTooLarge => "body_too_large",
            Self::LengthRequired => "length_required",
            Self::BodyBroken => "body_broken",
            Self::Stale => "node_stale",
            Self::Changed => "configuration_changed",
            Self::Store => "store_unavailable",
            Self::Journal => "journal_unavailable",
            Self::Overloaded => "overloaded",
            Self::Panic => "panic",
            Self::Unfit(unfit) => unfit.code(),
            Self::Identity(IdentityFault::Unavailable) => "identity_unavailable",
            Self::Identity(IdentityFault::Refused) => "identity_refused",
            Self::Identity(IdentityFault::Misconfigured) => "identity_misconfigured",
            Self::Upstream(UpstreamFault::Connect) => "upstream_unreachable",
            Self::Upstream(UpstreamFault::Timeout) => "upstream_timeout",
            Self::Upstream(UpstreamFault::Broken) => "upstream_broken",
            Self::Upstream(UpstreamFault::Protocol) => "upstream_protocol",
            Self::Upstream(UpstreamFault::Credentials) => "upstream_refused_us",
            Self::Upstream(UpstreamFault::Overloaded) => "upstream_overloaded",
            Self::Upstream(UpstreamFault::Share) => "upstream_share_used",
            Self::Upstream(UpstreamFault::Circuit { .. }) => "upstream_circuit_open",
        }
    }

    /// Counts the refusal of a request.
    pub fn count(&self, metrics: &Metrics, api: &str, route: &str) {
        metrics.refused(api, route, self.code(), self.status().as_u16());
        if let Some(of) = self.counting() {
            metrics.rate_limited(api, route, of.name());
        }
    }

    /// Whether the caller asks more often or for more at one time than may be, and for nothing else that is wrong.
    #[must_use]
    pub const fn is_of_limit(&self) -> bool {
        matches!(self, Self::Rate { .. } | Self::Concurrency | Self::Upstream(UpstreamFault::Share))
    }

    /// What the rate counts that is used up.
    #[must_use]
    pub const fn counting(&self) -> Option<Counting> {
        match self {
            Self::Rate { of, .. } => Some(*of),
            _ => None,
        }
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Unclean(unclean) => unclean.status,
            // A legacy client would take 404 for the end of its session.
            Self::NoRoute
            | Self::Session
            | Self::Tasks(mcp::Era::Modern)
            | Self::Silence
            | Self::Organization(NamedBy::Path | NamedBy::Host) => StatusCode::NOT_FOUND,
            Self::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::NoToken | Self::Token(_) | Self::Key(_) | Self::Audience => StatusCode::UNAUTHORIZED,
            Self::Organization(_)
            | Self::Index { .. }
            | Self::Scopes { .. }
            | Self::Target(_)
            | Self::Argument { .. }
            | Self::Tasks(mcp::Era::Legacy)
            | Self::Origin
            | Self::ServiceWorker
            | Self::Certificate
            | Self::Identity(IdentityFault::Refused) => StatusCode::FORBIDDEN,
            Self::Http2Required => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::UpgradeRequired => StatusCode::UPGRADE_REQUIRED,
            Self::Selector(refused) if refused.is_final() => StatusCode::FORBIDDEN,
            Self::Message(_) | Self::Mismatch(_) | Self::Selector(_) | Self::Task => StatusCode::BAD_REQUEST,
            Self::Rate { .. } | Self::Concurrency | Self::Upstream(UpstreamFault::Share) => StatusCode::TOO_MANY_REQUESTS,
            Self::Unfit(unfit) => unfit.status(),
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::LengthRequired => StatusCode::LENGTH_REQUIRED,
            Self::BodyBroken => StatusCode::REQUEST_TIMEOUT,
            Self::Stale
            | Self::Changed
            | Self::Store
            | Self::Journal
            | Self::Overloaded
            | Self::Panic
            | Self::SilenceUnread
            | Self::Identity(IdentityFault::Unavailable)
            | Self::Upstream(UpstreamFault::Overloaded | UpstreamFault::Circuit { .. }) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Upstream(UpstreamFault::Timeout) => StatusCode::GATEWAY_TIMEOUT,
            Self::Identity(IdentityFault::Misconfigured) | Self::Upstream(_) => StatusCode::BAD_GATEWAY,
        }
    }

    /// One sentence for whoever called: what was wrong and what to do.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::Unclean(unclean) => unclean.reason.detail().to_owned(),
            Self::NoRoute => {
                "This API has no such route, or it is not open to tokens. Ask your operator for its route list.".into()
            }
            Self::Method { allow } => format!("This route takes {allow} only."),
            Self::NoToken => {
                "Send an access token in `Authorization: Bearer …`; `WWW-Authenticate` says where to get one.".into()
            }
            Self::Key(refusal) => of_key(*refusal),
            Self::Token(refusal) => {
                format!("{}; get a new token, by refresh or by authorizing again.", capital(&refusal.to_string()))
            }
            Self::Audience => "The token was issued for another resource. Request one with this API as `resource`.".into(),
            Self::Organization(NamedBy::Body) => {
                "The body names other tenants, or can't be read for certain. Write it without, in UTF-8, not compressed.".into()
            }
            Self::Organization(_) => {
                "The request names an organization that the token is not bound to. Authorize again and choose that organization."
                    .into()
            }
            Self::Index { prefix } => {
                format!(
                    "The request names an index of another organization, or all of them. Names of yours start with `{prefix}`."
                )
            }
            Self::Scopes { grantable: true, .. } => {
                "The token lacks scopes that this operation needs. Authorize the application again with the scopes listed.".into()
            }
            Self::Scopes { .. } => {
                "You do not hold a permission that this operation needs, or your organization does not allow it to this \
                 application. Ask an administrator; authorizing again will not help."
                    .into()
            }
            Self::Target(target) => {
                format!("The {} `{}` is not open to anybody here. Ask your operator.", target.kind(), target.as_str())
            }
            Self::Argument { target, argument } => {
                format!("The {} `{}` is open only with certain values of `{argument}`.", target.kind(), target.as_str())
            }
            Self::Session => "There is no such session of yours in this organization. Open a new one with `initialize`.".into(),
            Self::Task => "There is no such task of yours in this organization at this server.".into(),
            Self::Tasks(_) => "Tasks are not available here. Make the call without one, or ask the operator to open them.".into(),
            Self::Origin => "Pages of this origin may not call this API. The operator lists allowed origins.".into(),
            Self::ServiceWorker => {
                "A script of this API can't be a service worker: it would stand before the gateway's own pages.".into()
            }
            Self::Http2Required => "gRPC needs HTTP/2 all the way. Send it without a proxy that speaks HTTP/1 in between.".into(),
            Self::UpgradeRequired => {
                "This route is a WebSocket. Open it over HTTP/1.1 with a handshake of version 13 (RFC 6455).".into()
            }
            Self::Certificate => {
                "This route wants a client certificate of an authority that the operator names. Connect again with one.".into()
            }
            Self::Message(bad) => format!("The body is not one JSON-RPC message: {bad}."),
            Self::Mismatch(mismatch) => format!("{mismatch}."),
            Self::Selector(refused) => format!("{refused}."),
            Self::Silence => "Your organization has no silence with this id. List the silences to see which there are.".into(),
            Self::SilenceUnread => {
                "The service behind the gateway can't be asked whose silence this is at the moment. Try again shortly.".into()
            }
            Self::Rate { of, wait } => {
                format!("Too many requests {}. The next one is in time in {} s.", of.which(), whole_seconds(*wait))
            }
            Self::Concurrency => "Too many requests are under way here. Try again when one has ended.".into(),
            Self::BodyTooLarge => "The body is larger than this gateway accepts here. Send less.".into(),
            Self::LengthRequired => "Messages over 64 KiB must declare their Content-Length.".into(),
            Self::BodyBroken => "The body did not arrive whole in time. Send it again.".into(),
            Self::Stale => {
                "This node can't learn of revocations at the moment and refuses until it can. Try again shortly.".into()
            }
            Self::Changed => {
                "The gateway's rules were changed while the request was under way, and it may be refused now. Send it again.".into()
            }
            Self::Store => "The gateway's store can't be used at the moment. Try again shortly.".into(),
            Self::Unfit(unfit) => unfit.detail().to_owned(),
            Self::Overloaded => "The gateway has more to do than it may. Try again shortly.".into(),
            Self::Panic => "The gateway failed on this request. Tell your operator, with the request id.".into(),
            Self::Journal => "The request can't be recorded at the moment and was not forwarded. Try again shortly.".into(),
            Self::Identity(IdentityFault::Unavailable) => {
                "The service behind the gateway can't be told who you are at the moment. Try again shortly.".into()
            }
            Self::Identity(IdentityFault::Refused) => {
                "The service behind the gateway has no access for you: its authorization server refused. Ask your operator."
                    .into()
            }
            Self::Identity(IdentityFault::Misconfigured) => {
                "The authorization server of the service behind the gateway takes no requests of the gateway. Tell your operator."
                    .into()
            }
            Self::Upstream(fault) => fault.detail(),
        }
    }

    /// `Retry-After`, where trying again helps (RFC 9110 §10.2.3).
    #[must_use]
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Rate { wait, .. } | Self::Upstream(UpstreamFault::Circuit { wait }) => Some(whole_seconds(*wait)),
            Self::Concurrency
            | Self::Stale
            | Self::Changed
            | Self::Store
            | Self::Journal
            | Self::Overloaded
            | Self::SilenceUnread
            | Self::Identity(IdentityFault::Unavailable)
            | Self::Upstream(UpstreamFault::Overloaded | UpstreamFault::Share) => Some(1),
            _ => None,
        }
    }

    /// Whether the connection must end with the answer.
    #[must_use]
    pub const fn closes(&self) -> bool {
        match self {
            Self::Unclean(unclean) => unclean.close,
            Self::BodyTooLarge | Self::LengthRequired | Self::BodyBroken => true,
            _ => false,
        }
    }
}

/// The same for whoever showed an API key, which nothing refreshes.
fn of_key(refusal: Refusal) -> String {
    let why = capital(&refusal.to_string());
    match refusal {
        Refusal::KeyNotAccepted => "API keys are taken on routes that receive data only. Send an access token here.".into(),
        Refusal::KeyUnknown | Refusal::KeyDisabled | Refusal::KeyNotApproved => {
            format!("{why}; its application has to make a new one.")
        }
        Refusal::ClientBlocked | Refusal::ClientNotApproved => {
            format!("{why}; this key works again once an administrator of the organization allows the application.")
        }
        _ => format!("{why}; this key works again once that is undone, and a new one would not work either."),
    }
}

/// Rounded up, and at least one: who comes back earlier is refused again.
fn whole_seconds(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX).max(1)
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_ascii_uppercase()).into_iter().chain(chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_shows_a_key_is_not_sent_for_a_token() {
        for refusal in [Refusal::ClientNotApproved, Refusal::ClientBlocked, Refusal::ClientDisabled, Refusal::OrgDisabled] {
            let (token, key) = (Denial::Token(refusal), Denial::Key(refusal));
            assert_eq!((token.code(), token.status()), (key.code(), key.status()));
            assert!(token.detail().contains("by refresh"), "{}", token.detail());
            let told = key.detail();
            assert!(told.contains("this key works again once") && !told.contains("refresh"), "{told}");
        }
        let gone = Denial::Key(Refusal::KeyDisabled).detail();
        assert_eq!(gone, "The API key was disabled; its application has to make a new one.");
    }
}
