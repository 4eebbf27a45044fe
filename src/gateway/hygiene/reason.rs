//! Every rule of request hygiene, each with the code that audit and metrics use and the sentence that the client reads.

use http::StatusCode;

/// Methods that a route may allow at all: the `Allow` header of a 405 made here (RFC 9110 §15.5.6).
pub const POSSIBLE_METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// What a broken rule means for the answer and for the connection.
#[derive(Clone, Copy)]
enum Kind {
    /// 400: the message is understood in one way only, and it is wrong.
    Bad,
    /// 400, and nobody can say where the next request starts.
    Framing,
    /// Another status.
    Other(u16),
    /// The same, and what follows may be no request.
    Last(u16),
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident $code:literal $kind:expr, $detail:literal;)+) => {
        /// The rule that a request broke.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[$doc])* $name,)+
        }

        impl Reason {
            /// Every reason, for documentation and for metrics that must exist before they first count.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The stable `snake_case` name in audit records, metrics and problem documents.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// What the client should do about it. Never repeats anything that the client sent.
            #[must_use]
            pub const fn detail(self) -> &'static str {
                match self { $(Self::$name => $detail,)+ }
            }

            const fn kind(self) -> Kind {
                match self { $(Self::$name => $kind,)+ }
            }
        }
    };
}

reasons! {
    /// Not `method SP target SP version CRLF` (RFC 9112 §3), or not the line that was parsed.
    RequestLine "request_line" Kind::Framing, "Send the request line as method, one space, target, one space, HTTP/1.1.";
    /// A line ended by LF alone (RFC 9112 §2.2 allows it; two readers then see different lines).
    BareLineFeed "bare_line_feed" Kind::Framing, "End every line of the head with CR LF.";
    /// CR without LF (RFC 9112 §2.2).
    BareCarriageReturn "bare_carriage_return" Kind::Framing, "Do not send a CR that is not followed by LF.";
    /// A header continued on the next line (RFC 9112 §5.2).
    FoldedHeader "folded_header" Kind::Framing, "Send every header field on one line.";
    /// A field without a name, or with one that is no token (RFC 9110 §5.1); a space before the colon makes it one (RFC 9112 §5.1).
    FieldName "field_name" Kind::Framing, "Send every header field as its name, a colon and its value, with no space in or behind the name.";
    /// What HTTP/1 does not have, and none of the other reasons says.
    Unreadable "head_unreadable" Kind::Framing, "Send a request as HTTP/1.1 or HTTP/2 writes it; this port speaks nothing else.";
    /// NUL or another control character in the head (RFC 9110 §5.5).
    ControlCharacter "control_character" Kind::Framing, "Remove the control characters from the request's head.";
    /// Content-Length beside Transfer-Encoding (RFC 9112 §6.1).
    LengthAndTransferEncoding "length_and_transfer_encoding" Kind::Framing,
        "Send either Content-Length or Transfer-Encoding, not both.";
    /// Content-Length is not one number.
    ContentLength "content_length" Kind::Framing, "Send Content-Length as one decimal number.";
    /// Content-Length more than once, or a list (RFC 9112 §6.3 lets a list of equal values pass; upstreams differ).
    ContentLengthRepeated "content_length_repeated" Kind::Framing, "Send Content-Length once, with one value.";
    /// Transfer-Encoding is not exactly `chunked`.
    TransferEncoding "transfer_encoding" Kind::Framing, "Send Transfer-Encoding once, as chunked.";
    /// A header that HTTP/2 does not have (RFC 9113 §8.2.2), or Transfer-Encoding in HTTP/1.0.
    ConnectionSpecificHeader "connection_specific_header" Kind::Framing,
        "Do not send connection-specific headers in this version of HTTP.";
    /// `Connection` nominates too much, something that is no token, or a field that we need (RFC 9110 §7.6.1).
    ConnectionNomination "connection_nomination" Kind::Bad,
        "Name only hop-by-hop fields in Connection, fewer than ten, never Host or forwarding fields.";
    /// No Host, or an empty one.
    HostMissing "host_missing" Kind::Bad, "Send one Host header that names this server.";
    /// Host more than once (RFC 9112 §3.2).
    HostRepeated "host_repeated" Kind::Framing, "Send one Host header only.";
    /// Host is not `host [":" port]`.
    HostMalformed "host_malformed" Kind::Bad, "Send Host as a host name and, if needed, a port.";
    /// Host differs from the authority of the target.
    HostMismatch "host_mismatch" Kind::Bad, "Make Host equal to the authority of the request target.";
    /// A host that is not ours (RFC 9110 §15.5.20).
    HostUnknown "host_unknown" Kind::Other(421), "This server does not answer for that host; use its published URL.";
    /// Absolute form with a scheme that is not http or https.
    SchemeUnsupported "scheme_unsupported" Kind::Bad, "Use an http or https URL.";
    /// The scheme is not the one of this listener.
    SchemeMismatch "scheme_mismatch" Kind::Bad, "Use the scheme that this port speaks.";
    /// The target is neither a path nor a URL of ours (RFC 9112 §3.2).
    TargetForm "target_form" Kind::Bad, "Send a target that starts with a slash.";
    /// The target is longer than we read.
    TargetTooLong "target_too_long" Kind::Other(414), "Shorten the URL, or send the parameters in a POST body.";
    /// A fragment in the target (RFC 9112 §3.2 has none).
    Fragment "fragment" Kind::Bad, "Do not send the fragment of a URL; write # as %23.";
    /// A character that a target cannot have.
    TargetCharacter "target_character" Kind::Bad, "Percent-encode spaces, control and non-ASCII characters in the URL.";
    /// `%` that is not followed by two hexadecimal digits.
    PercentEncoding "percent_encoding" Kind::Bad, "Write % as %25, and escapes as % with two hexadecimal digits.";
    /// Escapes that do not decode to UTF-8 (overlong forms among them).
    PercentEncodingUtf8 "percent_encoding_utf8" Kind::Bad, "Percent-encode the UTF-8 form of the path.";
    /// An escaped control character.
    EncodedControl "encoded_control" Kind::Bad, "Remove the encoded control characters from the URL.";
    /// `.` or `..` as a segment, however written.
    DotSegment "dot_segment" Kind::Bad, "Resolve . and .. before sending the path.";
    /// An empty segment.
    EmptySegment "empty_segment" Kind::Bad, "Remove the doubled slash from the path.";
    /// `%2F` on a route that does not take it.
    EncodedSlash "encoded_slash" Kind::Bad, "This path must not contain %2F.";
    /// `\` or `%5C`.
    Backslash "backslash" Kind::Bad, "Remove the backslash from the path.";
    /// An escape that is an escape again when it is decoded.
    DoubleEncoding "double_encoding" Kind::Bad, "Percent-encode the path once only.";
    /// `;` in a path: some servers cut it off, others do not.
    PathParameter "path_parameter" Kind::Bad, "Remove the ; parameters from the path.";
    /// A method that no route can allow: TRACE.
    MethodForbidden "method_forbidden" Kind::Other(405), "Use another method.";
    /// CONNECT: a client that takes us for its proxy (RFC 9110 §9.3.6). What it sends next is meant for somebody else.
    Tunnel "tunnel_refused" Kind::Last(405), "This is no forward proxy. Send requests to it as to any server.";
    /// A method that we do not know. Methods are case-sensitive.
    MethodUnknown "method_unknown" Kind::Other(501), "Use a standard method, written in capitals.";
    /// More header fields than we read.
    HeadersTooMany "headers_too_many" Kind::Other(431), "Send fewer header fields.";
    /// More bytes of header fields than we read.
    HeadersTooLarge "headers_too_large" Kind::Other(431), "Send smaller header fields.";
    /// A header that decisions rest on, more than once.
    HeaderRepeated "header_repeated" Kind::Bad, "Send each of Content-Type, Content-Encoding, Origin, DPoP, Expect, Upgrade and the Mcp headers once.";
    /// More than one Authorization header, or several credentials in one.
    CredentialRepeated "credential_repeated" Kind::Bad, "Send one Authorization header with one credential.";
    /// A credential that does not follow RFC 6750 §2.1.
    CredentialMalformed "credential_malformed" Kind::Bad, "Send Authorization as Bearer, one space and the token.";
    /// A credential that is longer than we read.
    CredentialTooLong "credential_too_long" Kind::Other(431), "Get a new token; this one is too long to be ours.";
}

impl Reason {
    /// The status of the answer.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self.kind() {
            Kind::Bad | Kind::Framing => StatusCode::BAD_REQUEST,
            Kind::Other(code) | Kind::Last(code) => StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_REQUEST),
        }
    }

    /// Whether the connection must be closed after the answer, because the next request could not be told from this one.
    #[must_use]
    pub const fn closes(self) -> bool {
        matches!(self.kind(), Kind::Framing | Kind::Last(_))
    }

    /// The `Allow` header of the answer, where the status needs one.
    #[must_use]
    pub const fn allow(self) -> Option<&'static str> {
        match self {
            Self::MethodForbidden | Self::Tunnel => Some(POSSIBLE_METHODS),
            _ => None,
        }
    }
}
