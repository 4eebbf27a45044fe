use proptest::prelude::*;

use super::super::fuzz::{announced, read};
use super::*;

fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn passed(from: &str, to: &str) -> Header {
    Header::Passed { from: at(from), to: at(to) }
}

/// Version 2 with something behind its addresses.
fn with(header: Header, more: &[u8]) -> Vec<u8> {
    let mut bytes = encode(header);
    bytes.extend_from_slice(more);
    let length = u16::try_from(bytes.len() - FIXED).expect("a short one");
    bytes[14..16].copy_from_slice(&length.to_be_bytes());
    bytes
}

/// It with a checksum at its end.
fn summed(header: Header, more: &[u8]) -> Vec<u8> {
    let mut bytes = with(header, &[more, &[CHECKSUM, 0, 4, 0, 0, 0, 0]].concat());
    let (sum, end) = (crc32c(bytes.iter().copied()), bytes.len() - 4);
    bytes[end..].copy_from_slice(&sum.to_be_bytes());
    bytes
}

#[test]
fn lines_of_version_1_are_read_as_they_are_specified() {
    let longest = format!("PROXY UNKNOWN {}\r\n", "f".repeat(LONGEST_LINE - 16));
    let cases = [
        ("PROXY TCP4 192.0.2.1 10.0.0.1 56324 443\r\n", passed("192.0.2.1:56324", "10.0.0.1:443")),
        ("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", passed("255.255.255.255:65535", "255.255.255.255:65535")),
        ("PROXY TCP6 2001:db8::1 ::1 0 443\r\n", passed("[2001:db8::1]:0", "[::1]:443")),
        ("PROXY UNKNOWN\r\n", Header::Own),
        ("PROXY UNKNOWN ffff::1 what ever\r\n", Header::Own),
        (longest.as_str(), Header::Own),
    ];
    for (line, wanted) in cases {
        let followed = format!("{line}GET / HTTP/1.1\r\n");
        assert_eq!(read(followed.as_bytes()), Ok(Some((wanted, line.len()))), "{line:?}");
        announced(followed.as_bytes());
    }
}

#[test]
fn what_is_nearly_a_line_is_none() {
    let too_long = format!("PROXY UNKNOWN {}\r\n", "f".repeat(LONGEST_LINE - 15));
    for line in [
        "PROXY TCP4 192.0.2.1 10.0.0.1 56324\r\n",
        "PROXY TCP4 192.0.2.1 10.0.0.1 56324 443 \r\n",
        "PROXY TCP4 192.0.2.1 10.0.0.1 56324 443 9\r\n",
        "PROXY TCP4  192.0.2.1 10.0.0.1 56324 443\r\n",
        "PROXY TCP4 192.0.2.1 10.0.0.1 56324 443\n",
        "PROXY TCP4 192.0.2.1 10.0.0.1 56324 443\r\r\n",
        "PROXY TCP4 192.0.2.1 10.0.0.1 56324 65536\r\n",
        "PROXY TCP4 192.0.2.1 10.0.0.1 56324 +443\r\n",
        "PROXY TCP4 192.0.2.1 10.0.0.1 56324 0443\r\n",
        "PROXY TCP4 192.0.2.1 10.0.0.1 56324 \r\n",
        "PROXY TCP4 192.0.2.01 10.0.0.1 56324 443\r\n",
        "PROXY TCP4 192.0.2 10.0.0.1 56324 443\r\n",
        "PROXY TCP4 2001:db8::1 ::1 56324 443\r\n",
        "PROXY TCP6 192.0.2.1 10.0.0.1 56324 443\r\n",
        "PROXY TCP6 fe80::1%eth0 ::1 56324 443\r\n",
        "PROXY TCP5 192.0.2.1 10.0.0.1 56324 443\r\n",
        "PROXY UNKNOWNS\r\n",
        "PROXY \r\n",
        "PROXY\r\n",
        "proxy TCP4 192.0.2.1 10.0.0.1 56324 443\r\n",
        "GET / HTTP/1.1\r\n",
        "\r\nPROXY UNKNOWN\r\n",
        too_long.as_str(),
    ] {
        assert!(read(line.as_bytes()).is_err(), "{line:?}");
    }
    assert_eq!(parse(&too_long.as_bytes()[..=LONGEST_LINE - 2]), Err(Malformed::Length), "nobody waits for its end");
}

#[test]
fn version_2_is_read_with_what_follows_its_addresses() {
    let (four, six) = (passed("192.0.2.1:1", "10.0.0.1:443"), passed("[2001:db8::1]:65535", "[::1]:443"));
    let authority = [&[2, 0, 7][..], b"gw.test"].concat();
    let padded = [&[4, 15, 200][..], &[0; 4040]].concat();
    for (bytes, wanted) in [
        (encode(four), four),
        (encode(six), six),
        (encode(Header::Own), Header::Own),
        (with(four, &authority), four),
        (with(six, &[0xea, 0, 0]), six),
        (with(four, &padded), four),
        (summed(four, &authority), four),
        (summed(six, &[]), six),
        (with(Header::Own, &[1, 2, 3]), Header::Own),
    ] {
        let followed = [&bytes[..], &[22, 3, 1]].concat();
        assert_eq!(read(&followed), Ok(Some((wanted, bytes.len()))), "{bytes:?}");
        announced(&followed);
    }
}

#[test]
fn what_no_client_of_ours_can_have_is_refused() {
    let four = passed("192.0.2.1:1", "10.0.0.1:443");
    let changed = |at: usize, to: u8| {
        let mut bytes = encode(four);
        bytes[at] = to;
        read(&bytes)
    };
    for family in [0x00, 0x10, 0x12, 0x22, 0x31, 0x32, 0xff] {
        assert_eq!(changed(13, family), Err(Malformed::Family), "{family:x}");
    }
    for command in [0x22, 0x2f, 0x11, 0x31, 0x01] {
        assert_eq!(changed(12, command), Err(Malformed::Command), "{command:x}");
    }
    assert_eq!(changed(13, TCP6), Err(Malformed::Parts), "addresses of IPv6 have no room");
    assert_eq!(changed(15, 11), Err(Malformed::Parts), "nor those of IPv4 in a shorter one");
    assert_eq!(changed(14, 0x10), Err(Malformed::Length), "it is refused before its bytes are waited for");
    for more in [&[1][..], &[1, 0], &[1, 0, 1], &[1, 255, 255, 0], &[1, 0, 0, 9]] {
        assert_eq!(read(&with(four, more)), Err(Malformed::Parts), "{more:?}");
    }
}

#[test]
fn a_checksum_is_held_against_every_byte() {
    let bytes = summed(passed("192.0.2.1:1", "10.0.0.1:443"), &[2, 0, 1, b'a']);
    for at in (FIXED..FIXED + 12).chain([bytes.len() - 8, bytes.len() - 1]) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert_eq!(read(&changed), Err(Malformed::Checksum), "{at}");
    }
    let four = passed("192.0.2.1:1", "10.0.0.1:443");
    assert_eq!(read(&with(four, &[CHECKSUM, 0, 3, 0, 0, 0])), Err(Malformed::Checksum));
    assert_eq!(read(&summed(four, &[CHECKSUM, 0, 4, 0, 0, 0, 0])), Err(Malformed::Checksum), "there is one at most");
}

proptest! {
    #[test]
    fn nothing_hostile_breaks_a_promise(bytes in prop::collection::vec(any::<u8>(), 0..80), which in 0_usize..4) {
        let begun: &[u8] = [&b""[..], SIGNATURE, b"PROXY TCP4 ", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x20"][which];
        announced(&[begun, &bytes].concat());
    }

    #[test]
    fn what_is_written_is_read(from: [u8; 16], to: [u8; 16], ports: (u16, u16), four: bool, tail in prop::collection::vec(any::<u8>(), 0..9)) {
        let ip = |octets: [u8; 16]| if four { IpAddr::from([octets[0], octets[1], octets[2], octets[3]]) } else { IpAddr::from(octets) };
        let header = Header::Passed { from: SocketAddr::new(ip(from), ports.0), to: SocketAddr::new(ip(to), ports.1) };
        let (block, family) = (encode(header), if four { "TCP4" } else { "TCP6" });
        prop_assert_eq!(read(&[&block[..], &tail].concat()), Ok(Some((header, block.len()))));
        let line = format!("PROXY {family} {} {} {} {}\r\n", ip(from), ip(to), ports.0, ports.1);
        prop_assert_eq!(read(&[line.as_bytes(), &tail].concat()), Ok(Some((header, line.len()))));
        announced(&[&block[..], &tail].concat());
    }
}
