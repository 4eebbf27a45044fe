//! Who may know whom: the arrows of the design, read off the `use` lines.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What each layer may use. Nothing points up: `gateway` and `oauth` never meet below `listener` and `boot`.
const ALLOWED: [(&str, &[&str]); 36] = [
    ("types", &[]),
    ("record", &["types"]),
    ("routing", &[]),
    ("mcp", &["types"]),
    ("telemetry", &["types"]),
    ("config", &["mcp", "routing", "types"]),
    ("egress", &["config"]),
    ("store", &["record", "types"]),
    ("audit", &["record", "store", "types"]),
    ("token", &["config", "record", "store", "types"]),
    ("node", &["config", "record", "store", "telemetry", "token", "types"]),
    ("review", &["config", "node", "record", "store", "token", "types"]),
    ("counts", &["node", "store", "types"]),
    ("roster", &["config", "node", "record", "store", "types"]),
    ("labels", &["config", "types"]),
    ("indices", &["config", "types"]),
    (
        "gateway",
        &["config", "egress", "indices", "labels", "mcp", "node", "record", "routing", "store", "telemetry", "token", "types"],
    ),
    ("plugin", &["audit", "config", "gateway", "indices", "labels", "mcp", "node", "record", "telemetry", "types"]),
    ("authorizer", &["config", "gateway", "plugin", "record", "types"]),
    ("pages", &["config", "types"]),
    ("hooks", &["config", "egress", "node", "pages", "record", "store", "types"]),
    ("web", &["config", "node", "pages", "record", "store", "token", "types"]),
    ("apps", &["config", "node", "record", "store", "types"]),
    ("clients", &["apps", "config", "node", "record", "store", "token", "types"]),
    ("oauth", &["config", "node", "pages", "password", "record", "store", "token", "types", "web"]),
    (
        "account",
        &["apps", "clients", "config", "counts", "node", "pages", "record", "review", "roster", "store", "token", "types", "web"],
    ),
    (
        "admin",
        &[
            "apps",
            "audit",
            "clients",
            "config",
            "counts",
            "gateway",
            "node",
            "password",
            "record",
            "review",
            "roster",
            "store",
            "telemetry",
            "token",
            "types",
            "web",
        ],
    ),
    (
        "api",
        &[
            "account", "admin", "apps", "clients", "config", "counts", "node", "record", "review", "roster", "store", "token",
            "types", "web",
        ],
    ),
    ("operator", &["admin", "config", "node", "pages", "record", "store", "types", "web"]),
    ("own_mcp", &["account", "config", "gateway", "node", "pages", "record", "store", "token", "types"]),
    (
        "listener",
        &["audit", "config", "gateway", "indices", "labels", "mcp", "node", "record", "telemetry", "token", "types", "web"],
    ),
    ("boot", &["*"]),
    ("cli", &["*"]),
    // Seen by tests and fuzzers alone.
    ("fuzz", &["*"]),
    ("manual", &[]),
    ("password", &["types"]),
];

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// Every source file with the layer it belongs to, without what only tests see.
fn layers() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    sources(&root, &mut paths);
    let layer = |path: &Path| {
        let below = path.strip_prefix(&root).expect("below src");
        let first = below.components().next().expect("a component").as_os_str().to_string_lossy().into_owned();
        first.trim_end_matches(".rs").to_owned()
    };
    let of_tests =
        |path: &Path| path.iter().any(|part| part == "tests" || part == "tests.rs" || part == "contract" || part == "samples.rs");
    let kept = paths.into_iter().filter(|p| !of_tests(p));
    kept.map(|path| {
        let text = fs::read_to_string(&path).expect("a source file");
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
        (layer(&path), path, text)
    })
    .collect()
}

/// The first segment behind every `crate::` in code, comments aside; braces right behind it are opened.
fn uses(text: &str) -> BTreeSet<String> {
    let code: Vec<&str> = text.lines().filter(|l| !l.trim_start().starts_with("//")).collect();
    let code = code.join("\n");
    let word = |t: &str| t.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut found = BTreeSet::new();
    for (at, mark) in code.match_indices("crate::") {
        let rest = &code[at + mark.len()..];
        match rest.strip_prefix('{') {
            Some(list) => found.extend(top_level(list).iter().map(|t| word(t))),
            None => drop(found.insert(word(rest))),
        }
    }
    found
}

/// The parts of a brace list up to its own closing brace.
fn top_level(list: &str) -> Vec<String> {
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for c in list.chars() {
        match c {
            '}' if depth == 0 => break,
            ',' if depth == 0 => parts.push(String::new()),
            _ => {
                depth += i32::from(c == '{') - i32::from(c == '}');
                parts.last_mut().expect("never empty").push(c);
            }
        }
    }
    parts
}

#[test]
fn no_layer_knows_one_above_it() {
    let allowed: BTreeMap<_, _> = ALLOWED.into_iter().collect();
    let mut wrong = Vec::new();
    for (layer, path, text) in layers() {
        if matches!(layer.as_str(), "lib" | "main") {
            continue;
        }
        let Some(may) = allowed.get(layer.as_str()) else {
            wrong.push(format!("{layer} is no layer that this table knows"));
            continue;
        };
        for used in uses(&text) {
            let known = allowed.contains_key(used.as_str());
            if known && used != layer && !may.contains(&used.as_str()) && !may.contains(&"*") {
                wrong.push(format!("{}: {layer} uses {used}", path.display()));
            }
        }
    }
    wrong.sort();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// An arrow that nothing follows would let the first one pass that nobody meant.
#[test]
fn every_arrow_of_the_table_is_followed_and_none_leads_back() {
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (layer, _, text) in layers() {
        used.entry(layer).or_default().extend(uses(&text));
    }
    let followed = |layer: &str, below: &str| used.get(layer).is_some_and(|used| used.contains(below));
    let mut idle = Vec::new();
    for (layer, may) in ALLOWED {
        let unused = may.iter().filter(|below| **below != "*" && !followed(layer, below));
        idle.extend(unused.map(|below| format!("{layer} never uses {below}")));
    }
    assert!(idle.is_empty(), "{}", idle.join("\n"));
    // Who may use everything stands above all who may not.
    let may_all = |may: &[&str]| may.contains(&"*");
    let others: BTreeSet<&str> = ALLOWED.into_iter().filter(|(_, may)| !may_all(may)).map(|(layer, _)| layer).collect();
    let below = |may: &[&'static str]| if may_all(may) { others.clone() } else { may.iter().copied().collect() };
    let mut left: BTreeMap<&str, BTreeSet<&str>> = ALLOWED.into_iter().map(|(layer, may)| (layer, below(may))).collect();
    // Who uses nobody that is left goes, until nobody goes.
    loop {
        let free = left.iter().filter(|(_, may)| !may.iter().any(|below| left.contains_key(below)));
        let free: Vec<&str> = free.map(|(layer, _)| *layer).collect();
        if free.is_empty() {
            break;
        }
        left.retain(|layer, _| !free.contains(layer));
    }
    assert!(left.is_empty(), "these use each other: {:?}", left.keys());
}

#[test]
fn the_table_reads_the_lines_it_is_for() {
    let text = "use crate::{a::{b, c}, d};\n/// crate::comment\nuse crate::e::F;\nlet x = crate::g::h();";
    assert_eq!(uses(text).into_iter().collect::<Vec<_>>(), ["a", "d", "e", "g"]);
}

#[test]
fn only_the_store_holds_sql_and_only_boot_names_it() {
    let mut wrong = Vec::new();
    for (layer, path, text) in layers() {
        let below = path.to_string_lossy().replace('\\', "/");
        if below.contains("/src/store/sql") {
            continue;
        }
        let code = text.lines().filter(|l| !l.trim_start().starts_with("//"));
        for line in code {
            let sql = ["SELECT ", "INSERT INTO", "UPDATE ", "DELETE FROM", "CREATE TABLE"]
                .iter()
                .any(|k| line.contains(&format!("\"{k}")));
            if sql || line.contains("sqlx::") {
                wrong.push(format!("{below}: SQL: {line}"));
            }
            let names_engine = line.contains("store::sql")
                || line.contains("sql::open")
                || (line.contains("use crate::store::{") && line.contains(" sql"));
            if names_engine && !matches!(layer.as_str(), "boot" | "cli" | "store") {
                wrong.push(format!("{below}: names the engine: {line}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
