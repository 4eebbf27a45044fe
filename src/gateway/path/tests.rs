use proptest::prelude::*;

use super::*;

fn text(path: &str) -> Result<String, Reason> {
    canonicalize(path).map(|p| p.as_str().to_owned())
}

#[test]
fn an_ordinary_path_is_not_copied() {
    let path = canonicalize("/loki/api/v1/label/app/values").expect("canonical");
    assert!(matches!(path.text, Cow::Borrowed(_)));
    assert!(!path.has_encoded_slash());
}

#[test]
fn spellings_of_one_path_become_one() {
    for (path, canonical) in [
        ("/", "/"),
        ("/a/", "/a/"),
        ("/%61%2D%2e%5F%7e", "/a-._~"),
        ("/a%3Ab%40c%24%2b", "/a:b@c$+"),
        ("/caf%c3%A9%20%3f%23%3b", "/caf%C3%A9%20%3F%23%3B"),
        ("/a%2fb", "/a%2Fb"),
        ("/100%25", "/100%25"),
        ("/a.b/..c/...", "/a.b/..c/..."),
    ] {
        assert_eq!(text(path).as_deref(), Ok(canonical), "{path}");
    }
}

#[test]
fn what_two_servers_read_differently_is_refused() {
    for (path, reason) in [
        ("", Reason::TargetForm),
        ("a", Reason::TargetForm),
        ("*", Reason::TargetForm),
        ("/..", Reason::DotSegment),
        ("/a/.", Reason::DotSegment),
        ("/a/%2e%2e/b", Reason::DotSegment),
        ("/a/.%2E", Reason::DotSegment),
        ("/a/..%3b/b", Reason::DotSegment),
        ("/a/..%2fb", Reason::DotSegment),
        ("/a%2f..", Reason::DotSegment),
        ("//", Reason::EmptySegment),
        ("//a", Reason::EmptySegment),
        ("/a//b", Reason::EmptySegment),
        ("/%2Fa", Reason::EmptySegment),
        ("/a%2F/b", Reason::EmptySegment),
        ("/a\\b", Reason::Backslash),
        ("/a%5Cb", Reason::Backslash),
        ("/a;b", Reason::PathParameter),
        ("/a%00", Reason::EncodedControl),
        ("/a%1f", Reason::EncodedControl),
        ("/a%7F", Reason::EncodedControl),
        ("/a%252e", Reason::DoubleEncoding),
        ("/a%252Fb", Reason::DoubleEncoding),
        ("/a%255c", Reason::DoubleEncoding),
        ("/a%2525", Reason::DoubleEncoding),
        ("/a%2500", Reason::DoubleEncoding),
        ("/%25%32%65", Reason::DoubleEncoding),
        ("/%25%25%32e", Reason::DoubleEncoding),
        ("/%c0%ae", Reason::PercentEncodingUtf8),
        ("/%ff", Reason::PercentEncodingUtf8),
        ("/%zz", Reason::PercentEncoding),
        ("/%", Reason::PercentEncoding),
        ("/%4", Reason::PercentEncoding),
        ("/a b", Reason::TargetCharacter),
        ("/é", Reason::TargetCharacter),
        ("/%é", Reason::TargetCharacter),
        ("/a?b", Reason::TargetCharacter),
        ("/a#b", Reason::Fragment),
    ] {
        assert_eq!(text(path), Err(reason), "{path}");
    }
}

fn path_text() -> impl Strategy<Value = String> {
    let escape = any::<u8>().prop_map(|b| format!("%{b:02x}"));
    let piece = prop_oneof![
        3 => prop::sample::select(vec!["/", "a", ".", "%25", "2", "e", "5", "%2e", "%2F", "~"]).prop_map(ToOwned::to_owned),
        1 => escape,
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..10).prop_map(|p| format!("/{}", p.concat()))
}

/// What a server makes of a path: its bytes, decoded.
fn decoded(path: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), path.as_bytes());
    while let Some((&first, tail)) = rest.split_first() {
        let value = (first == b'%').then(|| escape_value(tail)).flatten();
        bytes.push(value.unwrap_or(first));
        rest = if value.is_some() { &tail[2..] } else { tail };
    }
    bytes
}

proptest! {
    #[test]
    fn canonical_paths_are_fixed_points(path in path_text()) {
        let Ok(first) = canonicalize(&path) else { return Ok(()) };
        let second = canonicalize(first.as_str());
        prop_assert_eq!(second.as_ref().map(CanonicalPath::as_str), Ok(first.as_str()));
        prop_assert_eq!(second.map(|p| p.has_encoded_slash()), Ok(first.has_encoded_slash()));
    }

    #[test]
    fn canonical_paths_hold_nothing_to_resolve(path in path_text()) {
        let Ok(canonical) = canonicalize(&path) else { return Ok(()) };
        // Decoded twice, as a careless chain of servers would.
        for text in [canonical.as_str().as_bytes().to_vec(), decoded(canonical.as_str())] {
            prop_assert!(!text.windows(2).any(|w| w == b"//"), "{}", text.escape_ascii());
            prop_assert!(!text.contains(&b'\\') && !text.iter().any(u8::is_ascii_control));
            prop_assert!(!text.split(|b| *b == b'/').any(|s| s == b"." || s == b".."));
            let again = decoded(&String::from_utf8_lossy(&text));
            prop_assert!(!again.split(|b| *b == b'/').any(|s| s == b"." || s == b".."), "{}", again.escape_ascii());
        }
        prop_assert_eq!(canonical.has_encoded_slash(), canonical.as_str().contains("%2F"));
        prop_assert!(!canonical.as_str().contains("%2f") && !canonical.as_str().contains("%00"));
    }

    #[test]
    fn paths_that_decode_alike_are_alike(path in path_text(), escaped in prop::collection::vec(any::<bool>(), 40)) {
        let Ok(canonical) = canonicalize(&path) else { return Ok(()) };
        prop_assert_eq!(decoded(canonical.as_str()), decoded(&path));
        // Any other spelling of the same characters, slashes apart, has the same form.
        let mut respelt = String::new();
        for (at, byte) in canonical.as_str().bytes().enumerate() {
            let keep = byte == b'/' || byte == b'%' || canonical.as_str().as_bytes()[..at].iter().rev().take(2).any(|b| *b == b'%');
            if keep || !escaped.get(at).copied().unwrap_or_default() {
                respelt.push(char::from(byte));
            } else {
                respelt.extend([format!("%{byte:02x}")]);
            }
        }
        let respelt = canonicalize(&respelt);
        prop_assert_eq!(respelt.as_ref().map(CanonicalPath::as_str), Ok(canonical.as_str()));
    }
}

#[test]
fn a_path_is_read_in_every_way_that_merges_and_cuts() {
    for (path, kept, cut) in [
        ("/a/b", "/a/b", "/a/b"),
        ("//a///b/", "/a/b/", "/a/b/"),
        ("/a%2Fb%2f%2Fc", "/a/b/c", "/a/b/c"),
        ("/a;x=1/b;/c", "/a,x=1/b,/c", "/a/b/c"),
        ("/a/;x/b", "/a/,x/b", "/a/b"),
        ("/%61//b", "/a/b", "/a/b"),
    ] {
        assert_eq!(readings(path), Some([kept.to_owned(), cut.to_owned()]), "{path}");
    }
    for path in [
        "/a/../b",
        "/a/..;x/b",
        "/a/.%2Fb",
        "/a;x=%2F..%2Fb",
        "/a//%2e%2e/b",
        "/a;%5cb",
        "//a%252Fb",
        "/a//%00",
        "/a//é",
        "a//b",
        "/a//%zz",
    ] {
        assert_eq!(readings(path), None, "{path}");
    }
}

proptest! {
    /// What passes as it came in shadow mode climbs nowhere, by whatever a browser resolves, and each reading of it has one form.
    #[test]
    fn what_is_read_differently_climbs_nowhere(
        pieces in prop::collection::vec(
            prop::sample::select(vec!["/", "//", "%2F", "%2f", ";", ";x=1", ".", "..", "%2e", "%252e", "a", "b.c", "%61", "\\", "%5C", "%00", "%zz"]),
            0..8,
        ),
    ) {
        let path = format!("/{}", pieces.concat());
        if let Some(all) = readings(&path) {
            let url = url::Url::parse(&format!("http://gw.test{path}")).expect("a URL");
            prop_assert_eq!(url.path(), path.as_str());
            for read in all {
                prop_assert_eq!(text(&read), Ok(read));
            }
        }
    }
}
