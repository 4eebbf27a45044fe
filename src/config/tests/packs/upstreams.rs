//! The tables of the packs against the upstreams' own route lists in `routes/*.txt`, whose heads say where each comes from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use http::Method;

use super::packs;
use crate::config::raw::RawKind;
use crate::routing::{Lookup, MethodSet, Pattern, RouteTable};

/// Packs whose upstream has no list here: what they take is one protocol, or ours.
const UNLISTED: [&str; 3] = ["account-api", "otlp-grpc", "otlp-http"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config/tests/packs")
}

fn read(file: &str) -> String {
    std::fs::read_to_string(folder().join(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

/// The lines of a file that are no comments.
fn lines(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

/// The upstream's routes, each with the number of its line.
fn routes(name: &str, lines: &[&str]) -> RouteTable<usize> {
    let route = |(number, line): (usize, &&str)| {
        let (methods, pattern) = line.split_once(' ').unwrap_or_else(|| panic!("{name}: {line}"));
        let methods = match methods {
            "ANY" => MethodSet::ALL,
            some => MethodSet::parse(some.split(',')).unwrap_or_else(|e| panic!("{name}: {line}: {e}")),
        };
        (Pattern::parse(pattern.trim()).unwrap_or_else(|e| panic!("{name}: {line}: {e}")), methods, number)
    };
    RouteTable::build(lines.iter().enumerate().map(route)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Whether a line of a list is decided about by requests with these methods: each that it names, or one where it names none.
fn is_decided(line: &str, methods: &BTreeSet<String>) -> bool {
    match line.split(' ').next() {
        None | Some("ANY") => !methods.is_empty(),
        Some(names) => names.split(',').all(|name| methods.contains(name)),
    }
}

/// What a pack lets through is a route of its upstream's, and each of the upstream's routes was thought of.
#[test]
fn tables_decide_about_every_route_of_their_upstreams() {
    let listed = packs(RawKind::Http).map(|(name, _)| name).filter(|name| !UNLISTED.contains(name));
    for name in listed {
        let list = read(&format!("routes/{name}.txt"));
        assert!(list.lines().next().is_some_and(|head| head.contains(|c: char| c.is_ascii_digit())), "{name}: of which version");
        let upstream = lines(&list);
        let table = routes(name, &upstream);
        let mut decided: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
        for line in lines(&read(&format!("{name}.txt"))) {
            let words: Vec<_> = line.split_whitespace().collect();
            let [method, path, needs] = words[..] else { panic!("{name}.txt: {line}") };
            let method: Method = method.parse().expect("a method");
            match table.lookup(path, &method) {
                Lookup::Found { route, .. } => {
                    decided.entry(*route).or_default().insert(method.to_string());
                }
                Lookup::MethodNotAllowed { .. } | Lookup::NotFound => {
                    let refused = matches!(needs, "none" | "method" | "reserved");
                    assert!(refused, "{name}: {method} {path} is no route of the upstream's");
                }
            }
        }
        let is_open = |number: usize, line: &str| decided.get(&number).is_none_or(|methods| !is_decided(line, methods));
        let open: Vec<_> = upstream.iter().enumerate().filter(|(number, line)| is_open(*number, line)).collect();
        assert!(open.is_empty(), "{name}.txt decides nothing about {open:?}");
    }
}

/// A list that no pack has would be held against nothing.
#[test]
fn every_list_is_of_a_pack() {
    let names: BTreeSet<_> = packs(RawKind::Http).map(|(name, _)| format!("{name}.txt")).collect();
    for file in std::fs::read_dir(folder().join("routes")).expect("the lists") {
        let file = file.expect("a file").file_name().into_string().expect("a name");
        assert!(names.contains(&file), "{file}");
    }
}
