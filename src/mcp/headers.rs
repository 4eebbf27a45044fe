//! The mirrored headers of MCP 2026-07-28 ("Request Metadata") and whether they agree with the body.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::request::{Call, Message};

const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
/// What a modern request names.
pub const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// Markers of an encoded value; case-sensitive (MCP 2026-07-28 "Value Encoding").
const SENTINEL: (&str, &str) = ("=?base64?", "?=");

/// Longest part of a client's text that an error repeats.
const QUOTED_CHARS: usize = 100;

/// How a protocol version does its business (MCP 2026-07-28 "Versioning", Terminology).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Era {
    /// `initialize`, sessions, GET streams: 2025-11-25 and earlier.
    Legacy,
    /// Every request on its own, with mirrored headers: 2026-07-28.
    Modern,
}

/// The revisions of the protocol that the gate understands. A later one may move what the gate decides on, so it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProtocolVersion {
    /// 2024-11-05; the header did not exist, some clients send it all the same.
    V20241105,
    /// 2025-03-26; what a request without the header is taken for.
    V20250326,
    /// 2025-06-18.
    V20250618,
    /// 2025-11-25.
    V20251125,
    /// 2026-07-28.
    V20260728,
}

impl ProtocolVersion {
    /// All of them, newest first, as an error lists them.
    pub const SUPPORTED: [Self; 5] = [Self::V20260728, Self::V20251125, Self::V20250618, Self::V20250326, Self::V20241105];

    /// The version as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V20241105 => "2024-11-05",
            Self::V20250326 => "2025-03-26",
            Self::V20250618 => "2025-06-18",
            Self::V20251125 => "2025-11-25",
            Self::V20260728 => "2026-07-28",
        }
    }

    /// Its era.
    #[must_use]
    pub const fn era(self) -> Era {
        if matches!(self, Self::V20260728) { Era::Modern } else { Era::Legacy }
    }
}

/// Why headers and body do not belong together. Maps to an error in [`super::Answer::mismatch`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Mismatch {
    /// A header that the version requires is not there (`-32020`).
    #[error("Header mismatch: {0} is required")]
    Missing(&'static str),
    /// The header came more than once (`-32020`): readers differ on which one counts.
    #[error("Header mismatch: {0} must come once")]
    Repeated(&'static str),
    /// Characters outside visible ASCII, space and tab, or a Base64 value that is not UTF-8 in Base64 (`-32020`).
    #[error("Header mismatch: {0} has characters that are not allowed or a broken Base64 value")]
    Malformed(&'static str),
    /// Header and body say different things (`-32020`).
    #[error("Header mismatch: {header} header value '{said}' does not match the body")]
    Differs {
        /// The header's name.
        header: &'static str,
        /// Its value, decoded, shortened.
        said: String,
    },
    /// A modern request without its version in `_meta` (`-32602`, MCP 2026-07-28 "Per-request protocol fields").
    #[error("params._meta must carry io.modelcontextprotocol/protocolVersion")]
    NoMetaVersion,
    /// Modern clients send no answers (`-32600`, MCP 2026-07-28 "Sending Messages" rule 4).
    #[error("a client must not send responses in this protocol version")]
    Response,
    /// A version that the gate does not know (`-32022`).
    #[error("Unsupported protocol version")]
    Unsupported {
        /// What the client asked for, shortened.
        requested: String,
        /// The era that it speaks, as far as its body says so.
        era: Era,
    },
}

/// The headers of one request, each at most once, values decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headers<'h> {
    /// The version that counts: the header's, or 2025-03-26 when there is none.
    pub version: ProtocolVersion,
    /// Whether the version was said or assumed.
    pub version_present: bool,
    /// `Mcp-Method`.
    pub method: Option<&'h str>,
    /// `Mcp-Name`, decoded.
    pub name: Option<Cow<'h, str>>,
}

impl<'h> Headers<'h> {
    /// Reads the three headers.
    ///
    /// # Errors
    /// When one is repeated or malformed, or the version is unknown.
    pub fn read(map: &'h HeaderMap) -> Result<Self, Mismatch> {
        let said = single(map, &PROTOCOL_VERSION, "MCP-Protocol-Version")?;
        let version = match said {
            None => ProtocolVersion::V20250326,
            Some(text) => ProtocolVersion::SUPPORTED
                .into_iter()
                .find(|v| v.as_str() == text)
                .ok_or_else(|| Mismatch::Unsupported { requested: shorten(text), era: Era::Legacy })?,
        };
        let method = single(map, &METHOD, "Mcp-Method")?;
        let name = single(map, &NAME, "Mcp-Name")?.map(decode).transpose()?;
        Ok(Self { version, version_present: said.is_some(), method, name })
    }

    /// `Mcp-Name` for a name.
    #[must_use]
    pub fn named(name: &str) -> Option<HeaderValue> {
        let plain = !name.starts_with(SENTINEL.0) && name.bytes().all(|b| b.is_ascii_graphic());
        let text =
            if plain { Cow::Borrowed(name) } else { Cow::Owned([SENTINEL.0, &STANDARD.encode(name), SENTINEL.1].concat()) };
        HeaderValue::from_str(&text).ok()
    }

    /// The era of the version.
    #[must_use]
    pub const fn era(&self) -> Era {
        self.version.era()
    }
}

impl Mismatch {
    /// The same about a request of this body: one that says its version itself can only be sent in versions of the modern era.
    #[must_use]
    pub fn about(self, message: Option<&Message>) -> Self {
        match self {
            Self::Unsupported { requested, .. } if message.and_then(Message::call).is_some_and(|call| call.version.is_some()) => {
                Self::Unsupported { requested, era: Era::Modern }
            }
            other => other,
        }
    }
}

fn single<'h>(map: &'h HeaderMap, name: &HeaderName, shown: &'static str) -> Result<Option<&'h str>, Mismatch> {
    let mut values = map.get_all(name).iter();
    let (first, second) = (values.next(), values.next());
    if second.is_some() {
        return Err(Mismatch::Repeated(shown));
    }
    let text = first.map(|value| value.to_str().map_err(|_| Mismatch::Malformed(shown))).transpose()?;
    Ok(text.map(|text| text.trim_matches([' ', '\t'])))
}

fn decode(value: &str) -> Result<Cow<'_, str>, Mismatch> {
    let Some(inner) = value.strip_prefix(SENTINEL.0).and_then(|rest| rest.strip_suffix(SENTINEL.1)) else {
        return Ok(Cow::Borrowed(value));
    };
    let bytes = STANDARD.decode(inner).map_err(|_| Mismatch::Malformed("Mcp-Name"))?;
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| Mismatch::Malformed("Mcp-Name"))
}

fn shorten(text: &str) -> String {
    text.chars().take(QUOTED_CHARS).collect()
}

/// Whether the headers say what the body says (MCP 2026-07-28 "Server Validation").
///
/// In the modern era the headers are required as the specification says, except on notifications, for which it says nothing. In
/// the legacy era they are not, but one that is there must be true all the same: something behind us may believe it.
///
/// # Errors
/// The first disagreement.
pub fn agree(headers: &Headers<'_>, message: &Message) -> Result<(), Mismatch> {
    let Some(call) = message.call() else {
        return match headers {
            _ if headers.era() == Era::Modern => Err(Mismatch::Response),
            Headers { method: Some(said), .. } => Err(differs("Mcp-Method", said)),
            Headers { name: Some(said), .. } => Err(differs("Mcp-Name", said)),
            _ => Ok(()),
        };
    };
    let required = headers.era() == Era::Modern && matches!(message, Message::Request { .. });
    version_agrees(headers, call, required)?;
    match headers.method {
        Some(said) if said != call.method => return Err(differs("Mcp-Method", said)),
        None if required => return Err(Mismatch::Missing("Mcp-Method")),
        _ => {}
    }
    match headers.name.as_deref() {
        Some(said) if call.named.as_deref() != Some(said) => Err(differs("Mcp-Name", said)),
        None if required && name_required(&call.method) => Err(Mismatch::Missing("Mcp-Name")),
        _ => Ok(()),
    }
}

fn version_agrees(headers: &Headers<'_>, call: &Call, required: bool) -> Result<(), Mismatch> {
    match &call.version {
        // A body of the modern era without the header that makes everybody check it.
        Some(_) if !headers.version_present => Err(Mismatch::Missing("MCP-Protocol-Version")),
        Some(said) if said != headers.version.as_str() => Err(differs("MCP-Protocol-Version", headers.version.as_str())),
        None if required => Err(Mismatch::NoMetaVersion),
        _ => Ok(()),
    }
}

fn name_required(method: &str) -> bool {
    matches!(method, "tools/call" | "resources/read" | "prompts/get")
}

fn differs(header: &'static str, said: &str) -> Mismatch {
    Mismatch::Differs { header, said: shorten(said) }
}
