//! Patterns and verdicts.

use proptest::prelude::*;

use super::bits;
use crate::mcp::{NamePolicy, Need, PolicyError, ServerPolicy, Target, Verdict};
use crate::types::ScopeBits;

fn scope(position: usize) -> Need {
    Need::Scopes(bits([position]))
}

#[test]
fn the_most_specific_pattern_wins() {
    let patterns = [
        ("get_*", scope(1)),
        ("get_secret*", Need::Denied),
        ("get_secret_name", scope(2)),
        ("*_x", scope(3)),
        ("a*b*c", scope(4)),
    ];
    let policy = NamePolicy::new(patterns, Need::Denied).unwrap();
    let both = Need::Scopes(bits([3, 4]));
    let table = [
        ("get_a", scope(1)),
        ("get_", scope(1)),
        ("get_secret_x", Need::Denied),
        ("get_secret_name", scope(2)),
        ("get_secret_name2", Need::Denied),
        ("put_x", scope(3)),
        ("abc", scope(4)),
        ("a1b22bc", scope(4)),
        ("abcb", Need::Denied),
        ("Get_a", Need::Denied),
        ("other", Need::Denied),
        ("", Need::Denied),
    ];
    for (name, need) in table {
        assert_eq!(policy.needed(name), need, "{name}");
    }
    // Two globs of one length hold together, whichever comes first.
    for patterns in [[("ab*", scope(3)), ("*bc", scope(4))], [("*bc", scope(4)), ("ab*", scope(3))]] {
        assert_eq!(NamePolicy::new(patterns, Need::Denied).unwrap().needed("abc"), both);
    }
    let either = NamePolicy::new([("ab*", scope(3)), ("*bc", Need::Denied)], scope(1)).unwrap();
    assert_eq!(either.needed("abc"), Need::Denied);
}

/// A policy that opens a server's resources but for some.
fn guarded() -> NamePolicy {
    let patterns = [
        ("log:///*", scope(1)),
        ("log:///private/*", scope(2)),
        ("log:///caf%C3%A9", scope(2)),
        ("file:///pub/*", scope(1)),
        ("https://Docs.test/*", scope(1)),
        ("https://docs.test/", scope(2)),
    ];
    NamePolicy::for_uris(patterns, Need::Denied).unwrap()
}

#[test]
fn a_resource_is_judged_by_what_every_reader_takes_it_for() {
    let table = [
        ("log:///a", scope(1)),
        ("log:///a/b.txt", scope(1)),
        ("log:///...", scope(1)),
        ("log:///a/", scope(1)),
        ("log:///a?b=/x//y", scope(1)),
        ("log:///a%20b", scope(1)),
        ("log:///a{#b}", scope(1)),
        ("log:///{+a}/{b}{?c*}", scope(1)),
        ("log:///private/b", scope(2)),
        ("LOG:///private/b", scope(2)),
        ("log:/private/b", scope(2)),
        ("log:///private/{b}", scope(2)),
        ("log:///caf\u{e9}", scope(2)),
        ("log:///caf%c3%a9", scope(2)),
        ("file://LOCALHOST/pub/a", scope(1)),
        ("https://DOCS.test/a", scope(1)),
        ("https://docs.test", scope(2)),
    ];
    for (uri, need) in table {
        assert_eq!(guarded().needed(uri), need, "{uri}");
    }
}

/// Spellings of `log:///private/b`, `file:///etc/x` and the like that some reader takes for them.
const UNCLEAN: [&str; 33] = [
    "log:///x/../private/b",
    "log:///./private/b",
    "log:///x/..",
    "log:///x/.. /private/b",
    "log:///x/..;a/private/b",
    "log:///x?/../private/b",
    "log://../private/b",
    "log:///%70rivate/b",
    "log:///x/%2e%2e/private/b",
    "log:///x/.%2E/private/b",
    "log:///x/%252e%252e/private/b",
    "log:///private%2fb",
    "log:///private%5Cb",
    "log:///private\\b",
    "log:////private/b",
    "log:///x//private/b",
    "log:///private/%",
    "log:///private/%4",
    "log:///private/%+1",
    "log:///private/%00",
    "log:///private/%ff",
    "log:///private/b#x",
    " log:///private/b",
    "log:///private/b%20",
    "log:///{a}/../private",
    "log:///{a}//{b}",
    "file:///pub/../etc/x",
    "file:pub/x",
    "https:docs.test/a",
    "https:/docs.test/a",
    "https://docs.test:443/a",
    "https://docs.test:/a",
    "https://a@docs.test/a",
];

#[test]
fn a_resource_that_readers_could_take_for_another_is_nobodys() {
    let open = [("*", scope(1)), ("log:///private/*", scope(2))];
    let open = NamePolicy::for_uris(open, scope(1)).unwrap();
    let uniform = NamePolicy::for_uris(Vec::<(&str, Need)>::new(), scope(1)).unwrap();
    for uri in UNCLEAN {
        assert_eq!((guarded().needed(uri), open.needed(uri)), (Need::Denied, Need::Denied), "{uri}");
        assert_eq!(uniform.needed(uri), scope(1), "where all are alike the spelling is the server's: {uri}");
        let same = NamePolicy::for_uris([(uri, scope(1))], Need::Denied).unwrap_err();
        assert_eq!(same, PolicyError::Spelling(uri.to_owned()), "as a pattern it would match nothing");
    }
    let twice = NamePolicy::for_uris([("LOG:///a", scope(1)), ("log:///a", scope(1))], Need::Denied);
    assert_eq!(twice.unwrap_err(), PolicyError::Repeated("log:///a".to_owned()));
}

#[test]
fn patterns_are_checked() {
    let build = |patterns: &[&str]| NamePolicy::new(patterns.iter().map(|p| (p, Need::Denied)), Need::Denied).map(|_| ());
    assert_eq!(build(&["a", "a*", "*", "a**"]), Ok(()));
    assert_eq!(build(&[""]), Err(PolicyError::Empty));
    assert_eq!(build(&["a", "a"]), Err(PolicyError::Repeated("a".to_owned())));
    assert_eq!(build(&["a*", "a*"]), Err(PolicyError::Repeated("a*".to_owned())));
    assert_eq!(build(&["a\n"]), Err(PolicyError::Control("a\n".to_owned())));
}

#[test]
fn verdicts_name_what_is_missing() {
    let tools =
        NamePolicy::new([("echo", Need::Scopes(ScopeBits::NONE)), ("q", Need::Scopes(bits([1, 2])))], Need::Denied).unwrap();
    let policy = ServerPolicy::for_tools(bits([0]), tools);
    let allows = |target: Option<Target>, held: &[usize]| policy.allows(&target.unwrap(), &bits(held.iter().copied()));
    assert_eq!(allows(Target::tool("echo"), &[0]), Verdict::Allowed);
    assert_eq!(allows(Target::tool("echo"), &[1]), Verdict::Missing(bits([0])));
    assert_eq!(allows(Target::tool("q"), &[0, 2]), Verdict::Missing(bits([1])));
    assert_eq!(allows(Target::tool("q"), &[0, 1, 2]), Verdict::Allowed);
    assert_eq!(allows(Target::tool("z"), &[0, 1, 2]), Verdict::Denied);
    assert_eq!(allows(Target::prompt("z"), &[0]), Verdict::Allowed);
    assert_eq!(allows(Target::resource("z:"), &[]), Verdict::Missing(bits([0])));
}

/// The obvious definition of a glob, in exponential time.
fn reference(pattern: &[u8], text: &[u8]) -> bool {
    match pattern {
        [] => text.is_empty(),
        [b'*', rest @ ..] => (0..=text.len()).any(|i| reference(rest, &text[i..])),
        [b, rest @ ..] => text.first() == Some(b) && reference(rest, &text[1..]),
    }
}

proptest! {
    #[test]
    fn globs_match_as_defined(pattern in "[ab*]{1,8}", text in "[ab*]{0,10}") {
        let policy = NamePolicy::new([(&pattern, scope(1))], Need::Denied).unwrap();
        prop_assert_eq!(policy.needed(&text) == scope(1), if pattern.contains('*') { reference(pattern.as_bytes(), text.as_bytes()) } else { pattern == text });
    }
}
