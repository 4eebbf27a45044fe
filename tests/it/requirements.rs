//! `tests/requirements.toml` and `tests/journeys.toml`: every requirement of the source documents and every way of every journey
//! has tests that show it, and they are there.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

/// Requirements R1 to this one.
const LAST: u32 = 44;

/// A requirement and what shows it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Requirement {
    says: String,
    /// Each thing that it says, with the tests that show that.
    sentences: BTreeMap<String, Vec<String>>,
    /// What stands in for what a gateway can't do.
    equivalent: Option<String>,
    /// What is not yet shown.
    missing: Option<String>,
}

/// A journey, and the tests that go it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Journey {
    pages: Vec<String>,
    api: Vec<String>,
    commands: Vec<String>,
}

impl Requirement {
    /// What its sentences name.
    fn all(&self) -> impl Iterator<Item = &String> {
        self.sentences.values().flatten()
    }

    /// The sentences that nothing shows.
    fn bare(&self) -> impl Iterator<Item = &String> {
        self.sentences.iter().filter(|(_, tests)| tests.is_empty()).map(|(said, _)| said)
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn table() -> BTreeMap<String, Requirement> {
    let text = fs::read_to_string(root().join("tests/requirements.toml")).expect("the table is there");
    toml::from_str(&text).unwrap_or_else(|e| panic!("the table can be read: {e}"))
}

/// Whether `text` of a Rust file has a test of this name: a function with a test attribute right above it.
fn is_test(text: &str, name: &str) -> bool {
    let lines: Vec<_> = text.lines().map(str::trim_start).collect();
    let wanted = [format!("fn {name}("), format!("async fn {name}(")];
    let starts = |line: &str| wanted.iter().any(|w| line.starts_with(w.as_str()));
    lines.iter().enumerate().filter(|(_, line)| starts(line)).any(|(at, _)| {
        let mut above = lines[..at].iter().rev().take_while(|l| l.starts_with("#[") || l.starts_with("//"));
        above.any(|l| l.starts_with("#[test]") || l.starts_with("#[tokio::test"))
    })
}

/// Whether `text` of a suite that is not Rust has a check of this name, behind who or what it is checked for.
fn is_check(text: &str, name: &str) -> bool {
    let ends: Vec<_> = ['"', '\'', '`'].iter().map(|quote| format!("{name}{quote}")).collect();
    text.lines().any(|line| line.contains("check(") && ends.iter().any(|end| line.contains(end.as_str())))
}

/// The ways in which a suite makes each of its checks, where it does so in more than one: the names of the classes that its loop lists,
/// which are in the text of `classes`.
fn ways(suite: &str, classes: &str) -> Vec<String> {
    let listed = suite.lines().find_map(|line| line.trim().strip_prefix("for way in (")?.strip_suffix("):"));
    let name = |class: &str| {
        let (_, rest) = classes.split_once(&format!("\nclass {}:\n", class.trim()))?;
        let body = rest.split("\nclass ").next()?;
        body.lines().find_map(|line| line.trim().strip_prefix("name = \"")?.strip_suffix('"').map(ToOwned::to_owned))
    };
    listed.into_iter().flat_map(|all| all.split(',')).filter_map(name).collect()
}

/// Whether a suite that makes its checks in these ways prints this name: the way, and a check that says it of whichever way goes.
fn is_check_by(ways: &[String], text: &str, name: &str) -> bool {
    let Some((_, check)) = name.split_once(": ").filter(|(way, _)| ways.iter().any(|known| known == way)) else { return false };
    let written = ["say", "acts.name"].map(|says| format!("check(f\"{{{says}}}: {check}\")"));
    text.lines().any(|line| written.iter().any(|w| line.contains(w.as_str())))
}

/// Why a test of the table is not one.
fn wrong(test: &str) -> Option<String> {
    let Some((file, name)) = test.split_once("::") else { return Some(format!("{test}: write FILE::NAME")) };
    let Ok(source) = fs::read_to_string(root().join(file)) else { return Some(format!("{test}: no such file")) };
    let there = if file.starts_with("src/store/contract/") {
        // The suite runs what its list names, on both engines.
        let suite = fs::read_to_string(root().join("src/store/contract/mod.rs")).expect("the suite is there");
        source.contains(&format!("async fn {name}(")) && suite.lines().any(|line| line.trim() == name)
    } else if Path::new(file).extension().is_some_and(|e| e == "rs") {
        is_test(&source, name)
    } else {
        let classes = fs::read_to_string(root().join("tests/clients/ways.py")).expect("the ways are there");
        is_check(&source, name) || is_check_by(&ways(&source, &classes), &source, name)
    };
    (!there).then(|| format!("{test}: no such test"))
}

#[test]
fn every_requirement_is_shown_or_said_to_be_missing() {
    let table = table();
    let mut faults = Vec::new();
    for number in 1..=LAST {
        let id = format!("R{number}");
        match table.get(&id) {
            None => faults.push(format!("{id} is not in the table")),
            Some(r) if r.says.is_empty() => faults.push(format!("{id} says nothing")),
            Some(r) if r.all().next().is_none() && r.missing.is_none() => faults.push(format!("{id}: nothing shows it")),
            Some(r) => {
                faults.extend(r.bare().map(|said| format!("{id}: nothing shows {said:?}")));
                faults.extend(r.all().filter_map(|t| wrong(t)).map(|fault| format!("{id}: {fault}")));
            }
        }
    }
    let known = |id: &str| id.strip_prefix('R').and_then(|n| n.parse().ok()).is_some_and(|n: u32| (1..=LAST).contains(&n));
    faults.extend(table.keys().filter(|id| !known(id)).map(|id| format!("{id} is no requirement")));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let missing: Vec<_> = table.iter().filter_map(|(id, r)| Some(format!("{id}: {}", r.missing.as_ref()?))).collect();
    let otherwise = table.values().filter(|r| r.equivalent.is_some()).count();
    println!("{LAST} requirements, {otherwise} by an equivalent, {} not yet shown whole", missing.len());
    for one in missing {
        println!("not yet shown: {one}");
    }
}

/// The way that a check of a suite with several says of itself.
fn by(name: &str) -> Option<&str> {
    name.split_once(": ").map(|(way, _)| way)
}

#[test]
fn every_journey_is_gone_on_the_pages_through_the_api_and_by_commands() {
    let written = fs::read_to_string(root().join("tests/journeys.toml")).expect("the table is there");
    let table: BTreeMap<String, Journey> = toml::from_str(&written).unwrap_or_else(|e| panic!("the table can be read: {e}"));
    let mut faults = Vec::new();
    for (journey, Journey { pages, api, commands }) in &table {
        for (way, tests) in [("pages", pages), ("api", api), ("commands", commands)] {
            if tests.is_empty() {
                faults.push(format!("{journey}: nothing goes it by {way}"));
            }
            faults.extend(tests.iter().filter_map(|test| wrong(test)).map(|fault| format!("{journey}: {fault}")));
            let of_both = |test: &&String| test.split_once("partner_api.py::").is_some_and(|(_, name)| by(name) != Some(way));
            faults.extend(tests.iter().filter(of_both).map(|test| format!("{journey}: {test} is not said to go by {way}")));
        }
        for test in api.iter().filter(|test| commands.contains(test)) {
            faults.push(format!("{journey}: {test} stands for both ways"));
        }
    }
    assert!(faults.is_empty() && table.len() >= 8, "{} journeys\n{}", table.len(), faults.join("\n"));
}

#[test]
fn the_table_finds_tests_and_only_tests() {
    let text = "#[test]\n/// About it.\nfn one() {}\n    #[tokio::test(flavor = \"multi_thread\")]\n    async fn two() {}\nfn three() {}\n";
    assert!(is_test(text, "one") && is_test(text, "two"));
    assert!(!is_test(text, "three") && !is_test(text, "on") && !is_test(text, "four"));
    let suite =
        "  await t.check(`${mode}: it works`, async () => {\n    with checks.check(f\"{say}: they're right\"):\n // it fails";
    assert!(is_check(suite, "it works") && is_check(suite, "they're right"));
    assert!(!is_check(suite, "it fails") && !is_check(suite, "it"));
    let (loops, classes) = ("for way in (A, B):", "import x\n\n\nclass A:\n    name = \"a\"\n\n\nclass B:\n    name = \"b\"\n");
    let both = ways(loops, classes);
    assert_eq!(both, ["a", "b"]);
    assert!(ways("for way in (A,):", classes) == ["a"] && ways("", classes).is_empty());
    let suite = "with checks.check(f\"{say}: it works\"):\nwith checks.check(\"b: alone\"):";
    assert!(is_check_by(&both, suite, "a: it works") && is_check_by(&both, suite, "b: it works"));
    assert!(!is_check_by(&both[..1], suite, "b: it works"), "one way is left");
    assert!(
        !is_check_by(&both, suite, "c: it works")
            && !is_check_by(&both, suite, "it works")
            && !is_check_by(&both, suite, "b: alone")
    );
    assert!(wrong("src/store/contract/grants.rs::ids").is_some(), "a helper is no test");
    assert!(wrong("src/nothing.rs::one").is_some() && wrong("one").is_some());
}
