//! The header of the PROXY protocol, in which a balancer says whose connection it passes on: both versions of `HAProxy`'s
//! `proxy-protocol.txt`. Nothing here reads: [`parse`] says how many more bytes surely belong to the header, so that whoever reads
//! takes none of what comes behind it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::checksum::crc32c;

/// How version 1 begins.
const WORD: &[u8] = b"PROXY ";
/// Most bytes of version 1, with its line end.
const LONGEST_LINE: usize = 107;
/// How version 2 begins.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Its bytes before the addresses: signature, version and command, family, length.
const FIXED: usize = 16;
/// Most bytes of version 2: what nginx takes too. Its length field goes to 64 KiB.
const LONGEST: usize = 4096;
/// TCP over IPv4, and over IPv6.
const TCP4: u8 = 0x11;
const TCP6: u8 = 0x21;
/// The type of the checksum among what follows the addresses.
const CHECKSUM: u8 = 3;

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// The balancer speaks for itself, as in a health check (`LOCAL`), or can't say for whom (`UNKNOWN`).
    Own,
    /// It passes a connection on.
    Passed {
        /// Who connected.
        from: SocketAddr,
        /// To what.
        to: SocketAddr,
    },
}

/// How far a header has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// At least so many bytes are missing.
    More(usize),
    /// It is whole.
    Whole(Header),
}

/// Why bytes are no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::listener) enum Malformed {
    /// It begins like neither version.
    #[error("it begins with something else")]
    Beginning,
    /// It goes on for longer than it may.
    #[error("it is too long")]
    Length,
    /// A line of version 1 that is none.
    #[error("its line can't be read")]
    Line,
    /// A version or command that nobody knows.
    #[error("its version or command is unknown")]
    Command,
    /// Addresses that no client of ours can have.
    #[error("it is not for TCP over IPv4 or IPv6")]
    Family,
    /// The addresses, or what follows them, end behind the end.
    #[error("its parts are longer than all of it")]
    Parts,
    /// It was changed on its way.
    #[error("its checksum is wrong")]
    Checksum,
}

/// Reads a header, or says how many more bytes of it there are.
///
/// # Errors
/// When these bytes are not the beginning of a header, nor the whole of it.
pub(super) fn parse(bytes: &[u8]) -> Result<Progress, Malformed> {
    if begins(bytes, WORD) && bytes.len() >= WORD.len() {
        line(bytes)
    } else if begins(bytes, SIGNATURE) && bytes.len() >= SIGNATURE.len() {
        block(bytes)
    } else if begins(bytes, WORD) || begins(bytes, SIGNATURE) {
        Ok(Progress::More(1))
    } else {
        Err(Malformed::Beginning)
    }
}

/// Whether bytes begin so, as far as they go.
fn begins(bytes: &[u8], with: &[u8]) -> bool {
    bytes.iter().zip(with).all(|(a, b)| a == b)
}

/// Version 1.
fn line(bytes: &[u8]) -> Result<Progress, Malformed> {
    let room = LONGEST_LINE - "\r\n".len();
    let Some(end) = bytes.iter().position(|b| matches!(b, b'\r' | b'\n')) else {
        return if bytes.len() <= room { Ok(Progress::More(1)) } else { Err(Malformed::Length) };
    };
    if end > room {
        return Err(Malformed::Length);
    }
    match &bytes[end..] {
        b"\r" => Ok(Progress::More(1)),
        b"\r\n" => said(&bytes[..end]).map(Progress::Whole).ok_or(Malformed::Line),
        _ => Err(Malformed::Line),
    }
}

fn said(line: &[u8]) -> Option<Header> {
    let mut words = line.split(|b| *b == b' ').skip(1);
    let family = words.next()?;
    if family == b"UNKNOWN" {
        // Whatever follows is to be ignored.
        return Some(Header::Own);
    }
    let (from, to) = (address(family, words.next()?)?, address(family, words.next()?)?);
    let (from_port, to_port) = (port(words.next()?)?, port(words.next()?)?);
    let whole = words.next().is_none();
    whole.then_some(Header::Passed { from: SocketAddr::new(from, from_port), to: SocketAddr::new(to, to_port) })
}

fn address(family: &[u8], word: &[u8]) -> Option<IpAddr> {
    let word = std::str::from_utf8(word).ok()?;
    match family {
        b"TCP4" => word.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        b"TCP6" => word.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        _ => None,
    }
}

fn port(word: &[u8]) -> Option<u16> {
    let plain = word.iter().all(u8::is_ascii_digit) && (word == b"0" || !word.starts_with(b"0"));
    std::str::from_utf8(word).ok().filter(|_| plain)?.parse().ok()
}

/// Version 2.
fn block(bytes: &[u8]) -> Result<Progress, Malformed> {
    let Some((fixed, rest)) = bytes.split_at_checked(FIXED) else { return Ok(Progress::More(FIXED - bytes.len())) };
    let [.., command, family, high, low] = *fixed else { return Err(Malformed::Parts) };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if !matches!(command, 0x20 | 0x21) {
        return Err(Malformed::Command);
    }
    if FIXED + length > LONGEST || rest.len() > length {
        return Err(Malformed::Length);
    }
    if rest.len() < length {
        return Ok(Progress::More(length - rest.len()));
    }
    if command == 0x20 {
        // LOCAL: whatever follows is to be ignored.
        return Ok(Progress::Whole(Header::Own));
    }
    let (header, more) = passed(family, rest)?;
    checked(bytes, more)?;
    Ok(Progress::Whole(header))
}

/// The addresses, and what follows them.
fn passed(family: u8, rest: &[u8]) -> Result<(Header, &[u8]), Malformed> {
    let (from, to, ports, more) = match family {
        TCP4 => {
            let (from, more) = rest.split_first_chunk::<4>().ok_or(Malformed::Parts)?;
            let (to, more) = more.split_first_chunk::<4>().ok_or(Malformed::Parts)?;
            (IpAddr::from(*from), IpAddr::from(*to), more.first_chunk::<4>(), more.get(4..))
        }
        TCP6 => {
            let (from, more) = rest.split_first_chunk::<16>().ok_or(Malformed::Parts)?;
            let (to, more) = more.split_first_chunk::<16>().ok_or(Malformed::Parts)?;
            (IpAddr::from(*from), IpAddr::from(*to), more.first_chunk::<4>(), more.get(4..))
        }
        _ => return Err(Malformed::Family),
    };
    let ([a, b, c, d], more) = ports.zip(more).ok_or(Malformed::Parts)?;
    let (from, to) = (SocketAddr::new(from, u16::from_be_bytes([*a, *b])), SocketAddr::new(to, u16::from_be_bytes([*c, *d])));
    Ok((Header::Passed { from, to }, more))
}

/// Whether what follows the addresses is well-formed, and a checksum among it is that of the whole. Nothing else in it is looked at:
/// whether there was TLS in front of the balancer, and with whom, is no proof of anything here.
fn checked(bytes: &[u8], mut more: &[u8]) -> Result<(), Malformed> {
    let mut found = false;
    while let [kind, high, low, rest @ ..] = more {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (value, next) = rest.split_at_checked(length).ok_or(Malformed::Parts)?;
        if *kind == CHECKSUM {
            if std::mem::replace(&mut found, true) {
                return Err(Malformed::Checksum);
            }
            let at = bytes.len() - rest.len();
            let stated = <[u8; 4]>::try_from(value).map_err(|_| Malformed::Checksum)?;
            let zero = [0; 4];
            let all = bytes[..at].iter().chain(&zero).chain(&bytes[at + zero.len()..]);
            if crc32c(all.copied()) != u32::from_be_bytes(stated) {
                return Err(Malformed::Checksum);
            }
        }
        more = next;
    }
    if more.is_empty() { Ok(()) } else { Err(Malformed::Parts) }
}

/// The form of version 2 that has nothing but what is read.
#[cfg(any(test, fuzzing))]
pub(super) fn encode(header: Header) -> Vec<u8> {
    let of = |ip: IpAddr| match ip {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    let (command, family, rest) = match header {
        Header::Own => (0x20, 0, Vec::new()),
        Header::Passed { from, to } => {
            let ports = [from.port().to_be_bytes(), to.port().to_be_bytes()].concat();
            let family = if from.is_ipv4() { TCP4 } else { TCP6 };
            (0x21, family, [of(from.ip()), of(to.ip()), ports].concat())
        }
    };
    let length = u16::try_from(rest.len()).expect("a few bytes");
    [SIGNATURE, &[command, family], &length.to_be_bytes(), &rest].concat()
}

#[cfg(test)]
mod tests;
