//! What an application that embeds the gate sees of the library: these names, and no others. Everything else is hidden from the
//! documentation, and may change; what changes here is a change for others.

use std::fs;
use std::path::Path;

/// The names at the root, those of `plugin`, and what can be done with each.
const VISIBLE: &str = "
pub use boot::{BootError, Options, Running, signalled, start}
pub use config::{ConfigError, ConfigErrors, Warning}
pub use types::RequestId
pub mod plugin
plugin: pub use gate::Gate
plugin: pub use pass::Pass
Gate: pub fn watching_bodies(self) -> Self
Gate: pub async fn enter(&self, session: &mut Session, entered: &mut Option<Pass>) -> Result<bool>
Pass: pub const fn request_id(&self) -> &RequestId
Pass: pub fn limit(pass: Option<&mut Self>, peer: &mut HttpPeer)
Pass: pub fn prepare(&self, head: &mut RequestHeader) -> Result<()>
Pass: pub fn answer(&mut self, head: &mut ResponseHeader) -> Result<()>
Pass: pub fn end(pass: Option<Self>, session: &Session, error: Option<&Error>)
Pass: pub fn body(&mut self, piece: &mut Option<Bytes>, end: bool) -> Result<()>
Pass: pub fn piece(&mut self, body: &mut Option<Bytes>, end: bool) -> Result<()>
Options: pub fn load(path: PathBuf) -> Result<(Self, Vec<Warning>), ConfigErrors>
Running: pub public: SocketAddr
Running: pub admin: SocketAddr
Running: pub authorizer: Option<SocketAddr>
Running: pub gate: Gate
Running: pub fn reload(&self) -> bool
Running: pub async fn stop(self)
pub async fn start(options: Options) -> Result<Running, BootError>
pub async fn signalled(hangup: impl Fn())
";

fn source(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("a source file")
}

/// Public items of a file that documentation shows, with the type that they belong to; of these types alone.
fn shown(path: &str, of: &[&str]) -> Vec<String> {
    let text = source(path);
    let (mut found, mut hidden, mut owner) = (Vec::new(), false, None::<String>);
    let lines: Vec<_> = text.split("\nmod tests {").next().unwrap_or_default().lines().collect();
    for (at, line) in lines.iter().enumerate() {
        let bare = line.trim_start();
        if bare.starts_with("#[doc(hidden)]") {
            hidden = true;
        } else if let Some(item) = bare.strip_prefix("pub ").filter(|_| line.len() - bare.len() <= 4) {
            let name = item.trim_start_matches("struct ").split([' ', '{', '<', '(']).next().unwrap_or_default();
            match (line.starts_with("pub struct "), &owner) {
                (true, _) => owner = of.contains(&name).then(|| name.to_owned()),
                (false, Some(owner)) if !hidden => found.push(format!("{owner}: {}", signature(&lines[at..]))),
                (false, None) if !hidden && line.starts_with("pub ") && of.contains(&function(item)) => {
                    found.push(signature(&lines[at..]));
                }
                _ => {}
            }
            hidden = false;
        } else if let Some(name) = line.strip_prefix("impl ").map(|rest| rest.trim_end_matches(" {")) {
            owner = of.contains(&name).then(|| name.to_owned());
        } else if line.starts_with('}') {
            owner = None;
        } else if !bare.starts_with("#[") && !bare.starts_with("//") {
            hidden = false;
        }
    }
    found
}

fn function(item: &str) -> &str {
    item.trim_start_matches("async ").trim_start_matches("fn ").split('(').next().unwrap_or_default()
}

/// An item up to its body or end, on one line.
fn signature(lines: &[&str]) -> String {
    let mut text = String::new();
    for line in lines {
        text = format!("{text} {}", line.trim());
        if text.ends_with(['{', ';']) || (text.ends_with(',') && !text.contains('(')) {
            break;
        }
    }
    text.trim().trim_end_matches(['{', ';', ',']).trim().replace("( ", "(").replace(", )", ")")
}

/// What the documentation of these modules names: exports that are not hidden.
fn exports(path: &str) -> Vec<String> {
    let (text, mut hidden, mut found) = (source(path), false, Vec::new());
    let text = text.replace(",\n    ", ", ").replace("{\n    ", "{").replace(",\n}", "}");
    for line in text.lines() {
        if line.starts_with("pub ") && !hidden {
            found.push(line.trim_end_matches(';').to_owned());
        }
        hidden = line == "#[doc(hidden)]" || (hidden && line.starts_with("#["));
    }
    found
}

#[test]
fn these_names_are_the_library_and_no_others() {
    let mut visible = exports("src/lib.rs");
    visible.extend(exports("src/plugin/mod.rs").into_iter().map(|line| format!("plugin: {line}")));
    for file in ["gate", "session", "pass", "body", "lists"] {
        visible.extend(shown(&format!("src/plugin/{file}.rs"), &["Gate", "Pass"]));
    }
    visible.extend(shown("src/boot/mod.rs", &["Options", "Running", "start"]));
    visible.extend(shown("src/boot/drain.rs", &["signalled"]));
    visible.sort();
    let mut wanted: Vec<_> = VISIBLE.lines().filter(|line| !line.is_empty()).collect();
    wanted.sort_unstable();
    assert_eq!(visible, wanted, "what others build on has changed: tell it in the release, or hide it");
}

#[test]
fn the_example_and_the_manual_need_nothing_that_is_hidden() {
    let manual = source("src/manual/plugin.md");
    let (_, library) = manual.split_once("\n## As a library").expect("a chapter");
    for name in ["Options::load", "start", "Running", "signalled", "ConfigErrors", "BootError", "Gate::enter", "watching_bodies"]
    {
        assert!(library.contains(name), "{name} is not in the manual");
    }
    for call in ["limit", "prepare", "answer", "piece", "body", "end"] {
        assert!(library.contains(&format!("`Pass::{call}`")), "{call} is not in the manual");
    }
    for hidden in ["tollgate::boot", "tollgate::config", "tollgate::gateway"] {
        assert!(!library.contains(hidden), "{hidden} is hidden");
    }
    for file in ["main", "app"] {
        for line in source(&format!("examples/plugin/{file}.rs")).lines().filter(|line| line.contains("tollgate::")) {
            let (_, name) = line.split_once("tollgate::").expect("a name");
            let open = ["Options", "start", "signalled", "plugin::{Gate, Pass}"];
            assert!(open.iter().any(|open| name.starts_with(open)), "{file}: {line}");
        }
    }
}
