//! One pass over the header fields: limits, framing, duplicates, and what must not travel on.

use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::names::Class;
use super::{Head, HygienePolicy, Peer, Protocol, Reason, Signals, Upgrade};

/// `Connection` with this many options or more is an attack on whoever removes them.
const MAX_NOMINATIONS: usize = 10;

/// What the pass found.
#[derive(Default)]
pub(super) struct Fields<'h> {
    pub host: Option<&'h HeaderValue>,
    pub authorization: Option<&'h HeaderValue>,
    pub upgrade: Upgrade,
    pub remove: Vec<HeaderName>,
    pub signals: Signals,
    pub has_transfer_encoding: bool,
    length: bool,
    singles: u16,
    upgrade_nominated: bool,
    nominations: usize,
    size: usize,
}

/// Reads every header field of `head` once.
pub(super) fn read<'h>(head: &Head<'h>, policy: &HygienePolicy) -> Result<Fields<'h>, Reason> {
    let headers: &'h HeaderMap = head.headers;
    if headers.len() > policy.limits.headers {
        return Err(Reason::HeadersTooMany);
    }
    let mut fields = Fields::default();
    for (name, value) in headers {
        // `name: value CRLF`
        fields.size += name.as_str().len() + value.len() + 4;
        fields.field(name, value, head, policy)?;
    }
    if fields.size > policy.limits.header_bytes {
        return Err(Reason::HeadersTooLarge);
    }
    if fields.length && fields.has_transfer_encoding {
        return Err(Reason::LengthAndTransferEncoding);
    }
    if !fields.upgrade_nominated {
        fields.upgrade = Upgrade::None;
    }
    Ok(fields)
}

impl<'h> Fields<'h> {
    fn field(
        &mut self,
        name: &HeaderName,
        value: &'h HeaderValue,
        head: &Head<'_>,
        policy: &HygienePolicy,
    ) -> Result<(), Reason> {
        let class = policy.identity_headers.classify(name.as_str());
        let connection_specific = matches!(class, Class::Connection | Class::Upgrade | Class::HopByHop | Class::TransferEncoding);
        if connection_specific && head.protocol == Protocol::Http2 {
            return Err(Reason::ConnectionSpecificHeader);
        }
        match class {
            Class::Plain | Class::HopByHop => Ok(()),
            Class::Host => once(&mut self.host, value, Reason::HostRepeated),
            Class::Authorization => once(&mut self.authorization, value, Reason::CredentialRepeated),
            Class::ContentLength => self.content_length(value),
            Class::TransferEncoding => self.transfer_encoding(value, head.protocol),
            Class::Connection => self.connection(value, policy),
            Class::Upgrade => self.upgrade(value),
            Class::Te => te(value, head.protocol),
            Class::Single(number) => self.single(number),
            Class::Forwarding | Class::Identity | Class::MethodOverride | Class::Lookalike => {
                self.strip(name, class, head.peer);
                Ok(())
            }
        }
    }

    fn content_length(&mut self, value: &HeaderValue) -> Result<(), Reason> {
        if self.length || value.as_bytes().contains(&b',') {
            return Err(Reason::ContentLengthRepeated);
        }
        self.length = true;
        // Nineteen digits are always fewer than 2^64.
        let sound = (1..=19).contains(&value.len()) && value.as_bytes().iter().all(u8::is_ascii_digit);
        if sound { Ok(()) } else { Err(Reason::ContentLength) }
    }

    fn transfer_encoding(&mut self, value: &HeaderValue, protocol: Protocol) -> Result<(), Reason> {
        if protocol == Protocol::Http10 {
            return Err(Reason::ConnectionSpecificHeader);
        }
        if self.has_transfer_encoding || !value.as_bytes().eq_ignore_ascii_case(b"chunked") {
            return Err(Reason::TransferEncoding);
        }
        self.has_transfer_encoding = true;
        Ok(())
    }

    fn connection(&mut self, value: &HeaderValue, policy: &HygienePolicy) -> Result<(), Reason> {
        let options = value.as_bytes().split(|b| *b == b',').map(<[u8]>::trim_ascii).filter(|o| !o.is_empty());
        for option in options {
            self.nominations += 1;
            if self.nominations >= MAX_NOMINATIONS {
                return Err(Reason::ConnectionNomination);
            }
            if option.eq_ignore_ascii_case(b"keep-alive") || option.eq_ignore_ascii_case(b"close") {
                continue;
            }
            self.nomination(option, policy)?;
        }
        Ok(())
    }

    fn nomination(&mut self, option: &[u8], policy: &HygienePolicy) -> Result<(), Reason> {
        if !option.iter().copied().all(is_token) {
            return Err(Reason::ConnectionNomination);
        }
        let name = HeaderName::from_bytes(option).map_err(|_| Reason::ConnectionNomination)?;
        match policy.identity_headers.classify(name.as_str()) {
            Class::Upgrade => self.upgrade_nominated = true,
            Class::Plain | Class::Te | Class::HopByHop => {}
            Class::Host
            | Class::ContentLength
            | Class::TransferEncoding
            | Class::Connection
            | Class::Forwarding
            | Class::Single(_) => {
                return Err(Reason::ConnectionNomination);
            }
            Class::Authorization | Class::Identity | Class::MethodOverride | Class::Lookalike => {
                self.signals.insert(Signals::NOMINATED_IDENTITY);
            }
        }
        Ok(())
    }

    fn upgrade(&mut self, value: &HeaderValue) -> Result<(), Reason> {
        if self.upgrade != Upgrade::None {
            return Err(Reason::HeaderRepeated);
        }
        let websocket = value.as_bytes().eq_ignore_ascii_case(b"websocket");
        self.upgrade = if websocket { Upgrade::WebSocket } else { Upgrade::Other };
        Ok(())
    }

    fn single(&mut self, number: u8) -> Result<(), Reason> {
        let bit = 1 << number;
        if self.singles & bit != 0 {
            return Err(Reason::HeaderRepeated);
        }
        self.singles |= bit;
        Ok(())
    }

    fn strip(&mut self, name: &HeaderName, class: Class, peer: Peer) {
        match class {
            Class::MethodOverride => self.signals.insert(Signals::METHOD_OVERRIDE),
            // A trusted peer speaks the truth, to us; the upstream hears it from us.
            Class::Forwarding if peer == Peer::Trusted => {}
            Class::Forwarding => self.signals.insert(Signals::SPOOFED_FORWARDING),
            _ => self.signals.insert(Signals::SPOOFED_IDENTITY),
        }
        // The map yields the values of one name in a row.
        if self.remove.last() != Some(name) {
            self.remove.push(name.clone());
        }
    }
}

fn once<'h>(slot: &mut Option<&'h HeaderValue>, value: &'h HeaderValue, repeated: Reason) -> Result<(), Reason> {
    if slot.replace(value).is_some() { Err(repeated) } else { Ok(()) }
}

fn te(value: &HeaderValue, protocol: Protocol) -> Result<(), Reason> {
    let trailers = value.as_bytes().eq_ignore_ascii_case(b"trailers");
    if trailers || protocol != Protocol::Http2 { Ok(()) } else { Err(Reason::ConnectionSpecificHeader) }
}

/// `tchar` of RFC 9110 §5.6.2.
const fn is_token(b: u8) -> bool {
    b.is_ascii_alphanumeric()
        || matches!(b, b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~')
}
