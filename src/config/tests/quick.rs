//! Starting without a file.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use super::super::{ApiKind, Config, ConfigErrors, Quickstart, Tell, ToolRule};
use super::env;
use crate::mcp::{Target, Verdict};
use crate::types::SeededEntropy;

fn quickstart(dir: &Path, gates: &[(&str, &str)], tools: &[&str]) -> Quickstart {
    Quickstart {
        public: "127.0.0.1:8080".parse().expect("an address"),
        admin: "127.0.0.1:9901".parse().expect("an address"),
        data_dir: dir.join("data"),
        gates: gates.iter().map(|(n, u)| ((*n).to_owned(), (*u).to_owned())).collect(),
        tools: tools.iter().map(|t| t.parse::<ToolRule>().expect("a tool rule")).collect(),
        access_token_ttl: Some(Duration::from_secs(5)),
    }
}

fn config(start: &Quickstart) -> Result<Config, ConfigErrors> {
    start.config(&env, &SeededEntropy::new(1), 1).map(|(config, _)| config)
}

#[test]
fn gates_become_what_they_are() {
    let dir = tempfile::tempdir().expect("a directory");
    let gates = [
        ("prometheus", "http://127.0.0.1:9090"),
        ("everything", "http://127.0.0.1:3001/mcp"),
        ("wiki", "https://wiki.internal/"),
    ];
    let config =
        config(&quickstart(dir.path(), &gates, &["everything:get-sum=mcp:everything:write"])).unwrap_or_else(|e| panic!("{e}"));
    let mounts: Vec<_> = config.apis.iter().map(|a| a.resource.as_str()).collect();
    let at = |path: &str| format!("http://127.0.0.1:8080{path}");
    assert_eq!(mounts, [at("/prometheus"), at("/mcp/everything"), at("/wiki"), at("/mcp"), at("/api/v1")]);
    assert!(
        matches!(&config.apis[0].tenancy.tell, Some(Tell::Header { name, template, label: None }) if name == "x-scope-orgid" && template.to_string() == "{org.tenant}")
    );
    assert_eq!(config.apis[1].advertised.to_string(), "mcp:everything:invoke");
    assert_eq!(config.apis[2].advertised.to_string(), "wiki:read wiki:write");
    assert_eq!(config.oauth.access_token_ttl, Duration::from_secs(5));
    let ApiKind::Mcp(policy) = &config.apis[1].kind else { panic!("an MCP server") };
    let asked = |tool: &str| policy.allows(&Target::Tool(tool.into()), &policy.invoke);
    assert_eq!(asked("echo"), Verdict::Allowed);
    let Verdict::Missing(missing) = asked("get-sum") else { panic!("a scope is missing") };
    assert_eq!(config.catalogue.scopes(&missing).to_string(), "mcp:everything:write");
}

#[test]
fn the_secret_is_made_once_and_for_its_owner_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let start = quickstart(dir.path(), &[], &[]);
    let first = config(&start).unwrap_or_else(|e| panic!("{e}"));
    let (second, _) = start.config(&env, &SeededEntropy::new(2), 2).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(first.secret.expose(), second.secret.expose());
    let mode = |path: &Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&start.data_dir), mode(&start.data_dir.join("secret.key"))), (0o700, 0o600));
}

#[test]
fn wrong_answers_are_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let gates = [("Bad Name", "http://h"), ("a", "ftp://h"), ("login", "http://h")];
    let errors = quickstart(dir.path(), &gates, &["nobody:x=y"]).raw().expect_err("three errors");
    let paths: Vec<_> = errors.iter().map(|e| e.path.as_str()).collect();
    assert_eq!(paths, ["--gate Bad Name=http://h", "--gate a=ftp://h", "--tool nobody:x=y"]);
    let errors = config(&quickstart(dir.path(), &gates[2..], &[])).expect_err("a reserved path");
    assert_eq!(errors.0[0].path, "apis[0].mount");
    let mut nowhere = quickstart(dir.path(), &[], &[]);
    nowhere.public = "0.0.0.0:0".parse().expect("an address");
    assert_eq!(nowhere.raw().expect_err("no port").len(), 1);
    nowhere.public = "192.0.2.1:80".parse().expect("an address");
    assert_eq!(nowhere.raw().expect_err("no loopback").len(), 1);
    assert!("everything".parse::<ToolRule>().is_err());
}
