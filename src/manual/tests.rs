//! The manual says what the code does: names in the code occur in it, and what it points at is there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{TOPICS, topic};
use crate::config::Config;
use crate::gateway::hygiene::Reason;
use crate::gateway::unfit::Unfit;
use crate::labels::Refused;
use crate::oauth::Code;
use crate::record::Operation;

const README: &str = include_str!("../../README.md");

fn page(name: &str) -> &'static str {
    topic(name).unwrap_or_else(|| panic!("no topic {name}")).text
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every text with the folder that its links start from.
fn pages() -> impl Iterator<Item = (&'static str, &'static str, PathBuf)> {
    let manual = TOPICS.iter().map(|t| (t.name, t.text, root().join("src/manual")));
    manual.chain([("README", README, root().to_owned())])
}

/// What stands between `open` and `close`, each time.
fn between<'t>(text: &'t str, open: &'t str, close: &'t str) -> impl Iterator<Item = &'t str> {
    text.split(open).skip(1).filter_map(move |rest| rest.split_once(close).map(|(inside, _)| inside))
}

/// Text in backticks, outside code blocks.
fn quoted(text: &str) -> Vec<&str> {
    let prose = text.split("```").step_by(2);
    prose.flat_map(|p| p.lines().flat_map(|line| line.split('`').skip(1).step_by(2))).collect()
}

/// The literals in the first function `code` of a source.
fn codes(source: &'static str) -> Vec<&'static str> {
    let body = source.split_once("fn code(").and_then(|(_, rest)| rest.split_once("\n    }\n")).map_or("", |(body, _)| body);
    between(body, "=> \"", "\"").collect()
}

fn assert_named<'n>(page_name: &str, names: impl IntoIterator<Item = &'n str>, least: usize) {
    let quoted: BTreeSet<_> = quoted(page(page_name)).into_iter().collect();
    let names: BTreeSet<_> = names.into_iter().collect();
    assert!(names.len() >= least, "only {} names were found in the code", names.len());
    let missing: Vec<_> = names.difference(&quoted).collect();
    assert!(missing.is_empty(), "{page_name}.md does not name {missing:?}");
}

#[test]
fn every_part_of_the_code_is_on_the_map() {
    let parts = std::fs::read_dir(root().join("src")).expect("the folder is there").map(|part| part.expect("an entry").path());
    let stems = parts.filter_map(|part| Some(part.file_stem()?.to_str()?.to_owned())).filter(|stem| stem != "lib");
    let is_there = |stem: &String| ["", ".rs"].iter().any(|end| README.contains(&format!("`src/{stem}{end}`")));
    let missing: Vec<_> = stems.filter(|stem| !is_there(stem)).collect();
    assert!(missing.is_empty(), "the README does not say what is in {missing:?}");
}

#[test]
fn every_reason_is_explained() {
    assert_named("errors", Reason::ALL.iter().map(|r| r.code()), 30);
    assert_named("errors", codes(include_str!("../gateway/denial.rs")), 20);
    assert_named("errors", Unfit::ALL.iter().map(|u| u.code()), 7);
    assert_named("errors", Refused::ALL.iter().map(|r| r.code()), 9);
    assert_named("errors", codes(include_str!("../token/refusal.rs")), 10);
    assert_named("errors", Code::ALL.iter().map(|c| c.wire().0), 15);
}

#[test]
fn every_operation_is_explained() {
    assert_named("audit-log", Operation::ALL.iter().map(|o| o.name()), 30);
}

#[test]
fn every_metric_is_explained_and_none_is_made_up() {
    let source = include_str!("../telemetry/metrics.rs").split("#[cfg(test)]").next().unwrap_or_default();
    let made: BTreeSet<_> = between(source, "\"tollgate_", "\"").map(|n| format!("tollgate_{n}")).collect();
    assert_named("metrics", made.iter().map(String::as_str), 20);
    for (name, text, _) in pages() {
        for rest in text.split("tollgate_").skip(1) {
            let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(rest.len());
            let metric = format!("tollgate_{}", &rest[..end]);
            assert!(made.contains(&metric), "{name} speaks of {metric}, which is no metric");
        }
    }
}

#[test]
fn every_readiness_reason_is_in_the_runbook() {
    let source = include_str!("../boot/ready.rs");
    let reasons = between(source, "unless(", ");").filter_map(|call| call.split('"').nth(1));
    assert_named("runbook", reasons, 5);
}

#[test]
fn every_page_is_a_topic_with_a_title() {
    let files = std::fs::read_dir(root().join("src/manual")).expect("the folder is there").map(|f| f.expect("an entry").path());
    let stems =
        files.filter(|p| p.extension().is_some_and(|e| e == "md")).filter_map(|p| Some(p.file_stem()?.to_str()?.to_owned()));
    let names: BTreeSet<_> = TOPICS.iter().map(|t| t.name.to_owned()).collect();
    assert_eq!(stems.collect::<BTreeSet<_>>(), names);
    for topic in TOPICS {
        assert!(topic.text.starts_with("# ") && !topic.title().is_empty(), "{}", topic.name);
        assert!(README.contains(&format!("](src/manual/{}.md)", topic.name)), "the README does not lead to {}", topic.name);
    }
}

#[test]
fn links_lead_somewhere() {
    let mut seen = 0;
    for (name, text, from) in pages() {
        for target in between(text, "](", ")").chain(between(text, "src=\"", "\"")) {
            let path = target.split('#').next().unwrap_or_default();
            if path.is_empty() || path.contains("://") {
                continue;
            }
            seen += 1;
            assert!(from.join(path).exists(), "{name} links to {target}");
        }
    }
    assert!(seen > 20, "only {seen} links were found");
}

/// Files are named from the root of the repository, or from `src/`.
#[test]
fn files_that_are_named_are_there() {
    let ours = ["src/", "config/", "tests/", "benches/", "vendor/"];
    let modules = ["listener/", "gateway/", "oauth/", "token/", "audit/", "boot/", "mcp/", "store/", "routing/"];
    let mut seen = 0;
    for (name, text, _) in pages() {
        for word in quoted(text) {
            let plain = word.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-".contains(&b));
            let base = match () {
                () if !plain => continue,
                () if ours.iter().any(|o| word.starts_with(o)) => root().to_owned(),
                () if modules.iter().any(|m| word.starts_with(m)) => root().join("src"),
                () => continue,
            };
            seen += 1;
            let there = base.join(word).exists() || root().join("src").join(word).exists();
            assert!(there, "{name} names {word}");
        }
    }
    assert!(seen > 40, "only {seen} files were found");
}

#[test]
fn the_configuration_in_the_readme_is_sound() {
    let file = between(README, "```toml\n", "```").next().expect("the README has one");
    let text = format!("{file}\n[keys]\nsecret = \"env:SECRET\"\n");
    let env = |name: &str| (name == "SECRET").then(|| "0".repeat(64));
    let (config, warnings) = Config::parse(&text, &env, 1).expect("the README's configuration has no errors");
    assert!(warnings.is_empty(), "{warnings:?}");
    assert!(config.apis.iter().any(|a| a.mount == "/prometheus"));
}
