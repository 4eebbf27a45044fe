//! What can be typed, and what comes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use serde::Deserialize;

use super::args::{Cli, Command};
use super::failure::CliError;
use super::output::{plain, table};
use super::quickstart::prepare;
use crate::admin::tests::Fixture;
use crate::admin::{Administration, PageQuery};
use crate::manual::TOPICS;
use crate::types::RoleName;

fn code(line: &str) -> Option<i32> {
    Cli::try_parse_from(line.split_whitespace()).err().map(|e| e.exit_code())
}

#[test]
fn the_commands_are_sound() {
    Cli::command().debug_assert();
}

/// `tests/commands.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Commands {
    reads: BTreeSet<String>,
    tables: BTreeMap<String, Vec<String>>,
    changes: BTreeMap<String, String>,
}

/// Every command that does something, as it is typed.
fn leaves(command: &clap::Command, before: &[&str], into: &mut BTreeSet<String>) {
    for one in command.get_subcommands() {
        let words: Vec<_> = before.iter().copied().chain([one.get_name()]).collect();
        if one.has_subcommands() {
            leaves(one, &words, into);
        } else {
            into.insert(words.join(" "));
        }
    }
}

/// Why the test of a command is none: its check is missing, or its file never runs the command.
fn not_run(command: &str, test: &str) -> Option<String> {
    let (file, check) = test.split_once("::").unwrap_or((test, ""));
    let Ok(source) = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)) else {
        return Some(format!("{command}: there is no {file}"));
    };
    let quoted: Vec<_> = command.split(' ').map(|word| format!("\"{word}\"")).collect();
    match (check.is_empty() || !source.contains(check), source.contains(&quoted.join(", "))) {
        (true, _) => Some(format!("{command}: {file} has no check {check:?}")),
        (false, false) => Some(format!("{command}: {file} does not run it")),
        (false, true) => None,
    }
}

#[test]
fn every_command_that_changes_something_is_run_by_a_test() {
    let mut typed = BTreeSet::new();
    leaves(&Cli::command(), &[], &mut typed);
    let written =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/commands.toml")).expect("the table is there");
    let table: Commands = toml::from_str(&written).unwrap_or_else(|e| panic!("the table can be read: {e}"));
    let changes: BTreeSet<_> = table.changes.keys().cloned().collect();
    let listed: BTreeSet<_> = table.reads.union(&changes).cloned().collect();
    let mut faults: Vec<_> = typed.difference(&listed).map(|one| format!("{one} is not in the table")).collect();
    faults.extend(listed.difference(&typed).map(|one| format!("{one} can't be typed")));
    faults.extend(table.reads.intersection(&changes).map(|one| format!("{one} is there twice")));
    faults.extend(table.changes.iter().filter_map(|(command, test)| not_run(command, test)));
    faults.extend(table.tables.keys().filter(|one| !table.reads.contains(*one)).map(|one| format!("{one} reads nothing")));
    let untold = table.reads.iter().filter(|one| one.ends_with(" list") && !table.tables.contains_key(*one));
    faults.extend(untold.map(|one| format!("{one} prints a table that no test looks at")));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(not_run("me narrow", "tests/clients/commands.py::no such check").is_some());
    assert!(not_run("org list", "tests/clients/commands.py::own: me revoke stops the token").is_some(), "it is not run there");
}

#[test]
fn what_there_is_can_be_typed() {
    for line in [
        "tollgate quickstart",
        "tollgate quickstart --gate prometheus=http://127.0.0.1:9090 --gate everything=http://127.0.0.1:3001/mcp --json",
        "tollgate quickstart --data d --listen 127.0.0.1:1 --admin 127.0.0.1:2 --access-token-ttl 5 --tool e:get-*=mcp:e:write",
        "tollgate serve --config gateway.toml",
        "tollgate check --config gateway.toml",
        "tollgate org list --json",
        "tollgate org create acme --name Acme --tenant t --tenant-for prometheus=t1 --config gateway.toml",
        "tollgate org policy show acme --json",
        "tollgate org policy new-clients acme approval",
        "tollgate org policy restrict acme cl_1 --scopes metrics:read",
        "tollgate org policy block acme cl_1 --data d",
        "tollgate org policy revoke acme cl_1",
        "tollgate org review acme --csv",
        "tollgate user create ann@example.com --password-file - --data d",
        "tollgate user create ci-bot --service",
        "tollgate member set acme ann@example.com --role admin --role viewer",
        "tollgate role list",
        "tollgate client create CI --kind machine --org acme --subject ci-bot --scopes metrics:read --secret-lives 86400",
        "tollgate client secret rotate cl_1 --overlap 60 --lives 3600",
        "tollgate client secret remove cl_1 1234",
        "tollgate client create Probe --kind public --device --org acme",
        "tollgate invitation list acme --json",
        "tollgate invitation create acme ann@example.com --role viewer --role admin",
        "tollgate invitation withdraw acme inv_1",
        "tollgate user sessions list ann@example.com",
        "tollgate user sessions end ann@example.com 0123456789abcdef",
        "tollgate user sessions end ann@example.com --all --json",
        "tollgate audit verify --heads a.json --write-heads b.json --json",
        "tollgate audit rotate-key --data d",
        "tollgate grant narrow gr_1 --scopes metrics:read",
        "tollgate grant end gr_1 --at 2026-12-31T00:00:00Z",
        "tollgate scope list metrics",
        "tollgate app list --org acme",
        "tollgate app create Sync --org acme --redirect-uri https://a.example/cb --onboarding https://a.example/ --json",
        "tollgate app edit app_1 --scopes metrics:read --revision 2",
        "tollgate app stable app_1 --undo",
        "tollgate app diff app_1",
        "tollgate app publish app_1 --app-uuid 1",
        "tollgate app secret add app_1 --of published --overlap 60 --lives 3600",
        "tollgate app secret remove app_1 1234 --of draft",
        "tollgate app export app_1 --version 2",
        "tollgate app import --org acme -",
        "tollgate org freeze acme",
        "tollgate client thaw cl_1",
        "tollgate client change cl_1 --access-token-ttl 60 --require-state",
        "tollgate client change cl_1 --default-token-ttl --require-state false --json",
        "tollgate app edit app_1 --access-token-ttl 900 --require-state true",
        "tollgate client private list --org acme",
        "tollgate client private request cl_1 metrics:delete --reason because",
        "tollgate client private cancel cl_1 metrics:delete --json",
        "tollgate client private approve cl_1 metrics:delete --lives 60",
        "tollgate client freeze cl_1",
        "tollgate app scopes list --org acme",
        "tollgate app scopes request app_1 api_keys:write --reason because",
        "tollgate app scopes approve app_1 api_keys:write --lives 60 --comment fine",
        "tollgate app scopes cancel app_1 api_keys:write",
        "tollgate app scopes deny app_1 api_keys:write",
        "tollgate app scopes withdraw app_1 api_keys:write --json",
        "tollgate app installed --org acme",
        "tollgate app install app_1 --org acme",
        "tollgate app uninstall app_1 --org acme",
        "tollgate api-key list --org acme",
        "tollgate api-key show ak_1",
        "tollgate api-key disable ak_1 --json",
        "tollgate grant revoke gr_1",
        "tollgate key rotate --overlap 0",
        "tollgate audit search --org acme --since 24h --decision denied --tool echo --limit 5",
        "tollgate audit tail --json",
        "tollgate audit counts --org acme --by app --since 7d --until 1h --limit 5 --decision denied",
        "tollgate audit counts --by route --buckets 48 --json",
        "tollgate audit searches list acme ada@example.com",
        "tollgate audit searches save acme ada@example.com denials decision=denied&tool=echo --json",
        "tollgate audit searches delete acme ada@example.com denials",
        "tollgate audit export --org acme --operation grant.* --status 4xx --since 7d --until 1h --csv",
        "tollgate audit export --json",
        "tollgate login https://gw.example.com/prometheus --device --scope metrics:read",
        "tollgate login https://gw.example.com --browser --resource https://gw.example.com/loki --client-id cl_1 --json",
        "tollgate token --resource https://gw.example.com/prometheus --scope metrics:read --valid-for 60 --json",
        "tollgate me show --json",
        "tollgate me apps --gateway https://gw.example.com --logins /tmp/logins",
        "tollgate me app gr_1",
        "tollgate me activity gr_1 --from 2026-11-01T00:00:00Z --api loki --decision denied --status 4xx --limit 5 --cursor c",
        "tollgate me narrow gr_1 --scopes metrics:read --selector metrics:read/team=a,b",
        "tollgate me end gr_1 --at 2026-12-31T00:00:00Z",
        "tollgate me revoke gr_1 --json",
        "tollgate me sessions",
        "tollgate me sign-out 0123456789abcdef",
        "tollgate me sign-out --all",
        "tollgate me events --limit 10",
        "tollgate logout --all --force",
        "tollgate logout https://gw.example.com/prometheus",
        "tollgate manual request-path",
        "tollgate health",
    ] {
        assert_eq!(code(line), None, "{line}");
    }
}

#[test]
fn every_list_that_can_grow_has_pages() {
    for list in [
        "org list",
        "org review acme",
        "org policy show acme",
        "user list",
        "user operator list",
        "user sessions list ann@example.com",
        "member list acme",
        "invitation list acme",
        "client list --org acme",
        "client private list",
        "grant list --user ann@example.com",
        "api-key list --state live",
        "app list",
        "app scopes list",
        "app installed --org acme",
    ] {
        assert_eq!(code(&format!("tollgate {list} --limit 1000 --cursor waits,1,app_1,a:b --json")), None, "{list}");
        for wrong in ["--limit 0", "--limit 1001"] {
            assert_eq!(code(&format!("tollgate {list} {wrong}")), Some(2), "{list} {wrong}");
        }
    }
    assert_eq!(code("tollgate org review acme --csv --limit 5"), Some(2), "a file is whole");
}

/// The words of a line as a shell reads them, up to a comment or a redirection.
fn shell_words(line: &str) -> Vec<String> {
    let (mut words, mut quote) = (vec![String::new()], None);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, ' ') => words.push(String::new()),
            (_, c) => words.last_mut().expect("one word at least").push(c),
        }
    }
    words.into_iter().filter(|word| !word.is_empty()).take_while(|word| word != "#" && word != ">" && word != "|").collect()
}

/// Every command of ours that a text shows: in a block, whole; inside of a sentence it may be the beginning of one.
fn shown(text: &str) -> (Vec<String>, Vec<String>) {
    let mut blocks = Vec::new();
    for block in text.split("\n```").skip(1).step_by(2) {
        blocks.extend(block.replace("\\\n", " ").lines().filter(|line| line.starts_with("tollgate ")).map(ToOwned::to_owned));
    }
    let inline = text.split('`').filter(|code| code.starts_with("tollgate ") && !code.contains('\n')).map(ToOwned::to_owned);
    (blocks, inline.collect())
}

#[test]
fn what_the_manual_shows_can_be_typed() {
    let (mut blocks, mut inline, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
    for text in TOPICS.iter().map(|topic| topic.text).chain([include_str!("../../README.md")]) {
        let (more_blocks, more_inline) = shown(text);
        blocks.extend(more_blocks);
        inline.extend(more_inline);
    }
    assert!(blocks.len() > 40 && inline.len() > 50, "{} and {} commands", blocks.len(), inline.len());
    let refused = |line: &String| Cli::try_parse_from(shell_words(line)).err();
    wrong.extend(blocks.iter().filter_map(|line| refused(line).map(|e| format!("{line}\n{e}"))));
    wrong.extend(inline.iter().filter_map(|line| {
        let begun = [
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
            ErrorKind::MissingSubcommand,
            ErrorKind::MissingRequiredArgument,
        ];
        refused(line).filter(|e| !begun.contains(&e.kind())).map(|e| format!("{line}\n{e}"))
    }));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn commands_of_a_text_are_found() {
    let text = "Say `tollgate grant` or\n```sh\ntollgate key \\\n  list   # all\ncurl x\n```\nor `tollgate key\nlist`.";
    assert_eq!(shown(text), (vec!["tollgate key    list   # all".to_owned()], vec!["tollgate grant".to_owned()]));
    assert_eq!(
        shell_words("tollgate app create \"Acme Sync\" --org 'a b' > x"),
        ["tollgate", "app", "create", "Acme Sync", "--org", "a b"]
    );
}

/// The commands that the image and the unit of systemd start.
#[test]
fn what_is_packaged_can_be_typed() {
    let unit = include_str!("../../config/examples/tollgate.service");
    let started = unit.lines().filter_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/")).collect::<Vec<_>>();
    assert_eq!(started.len(), 1, "{unit}");
    let image = include_str!("../../Dockerfile");
    let listed = |line: &str| serde_json::from_str::<Vec<String>>(&line[line.find('[')?..]).ok();
    let line = |start: &str| image.lines().find(|line| line.starts_with(start)).and_then(listed).expect("a list of words");
    let entry = [line("ENTRYPOINT "), line("CMD ")].concat();
    // What the image says in its environment.
    let served = [entry.as_slice(), &["--config".to_owned(), "/data/gateway.toml".to_owned()]].concat();
    let words = started.iter().map(|line| shell_words(line)).chain([served, line("HEALTHCHECK ")]);
    for words in words {
        assert!(Cli::try_parse_from(&words).is_ok(), "{words:?}");
    }
}

#[test]
fn what_makes_no_sense_is_a_usage_error() {
    for line in [
        "tollgate",
        "tollgate serve",
        "tollgate user create ann@example.com --password secret",
        "tollgate user create ann@example.com --password-prompt --password-env P",
        "tollgate org list --config a --data b",
        "tollgate audit search --limit 0",
        "tollgate audit counts --limit 101",
        "tollgate audit counts --buckets 201",
        "tollgate audit counts --by weather",
        "tollgate audit searches",
        "tollgate quickstart --access-token-ttl 0",
        "tollgate client create CI",
        "tollgate login",
        "tollgate login https://gw.example.com --device --browser",
        "tollgate logout https://gw.example.com --all",
        "tollgate user sessions end ann@example.com",
        "tollgate user sessions end ann@example.com 0123 --all",
        "tollgate grant end gr_1",
        "tollgate app create Sync",
        "tollgate app secret add app_1",
    ] {
        assert_eq!(code(line), Some(2), "{line}");
    }
}

#[test]
fn health_asks_this_machine_by_default() {
    let Command::Health(args) = Cli::parse_from(["tollgate", "health"]).command else { panic!("health") };
    assert_eq!(args.url, "http://127.0.0.1:9901/healthz");
}

#[test]
fn errors_say_every_cause_on_a_line_of_its_own() {
    let source = std::io::Error::other("connection reset");
    let error = crate::store::StoreError::Unavailable { what: "read", source: Box::new(source) };
    let error = CliError::from(crate::admin::AdminError::from(error));
    assert_eq!(error.to_string(), "the store can't be used\nthe store can't be used: read\nconnection reset");
    assert_eq!((error.code(), CliError::usage("x").code()), (1, 2));
}

#[test]
fn tables_line_up_and_terminals_obey_nobody() {
    let text = table(["A", "LONG"], [["xx".to_owned(), "y\u{1b}[2J".to_owned()]]);
    assert_eq!(text, "A   LONG\nxx  y\u{fffd}[2J\n");
    assert_eq!(plain("a\u{202e}b\n"), "a\u{fffd}b\u{fffd}");
}

#[tokio::test]
async fn a_quick_start_resumes() {
    let fixture = Fixture::start().await;
    let first = prepare(&fixture.node).await.expect("prepared");
    assert!(first.password.is_some());
    assert!(!format!("{first:?}").contains(first.password.as_deref().unwrap_or_default()));
    let admin = fixture.local();
    let roles: Vec<_> =
        admin.members("default", PageQuery::default()).await.expect("members").data.into_iter().flat_map(|m| m.roles).collect();
    assert_eq!(roles.iter().map(RoleName::as_str).collect::<Vec<_>>(), ["admin"]);
    let record = fixture.node.store.password(&admin.user(&first.email).await.expect("a user").id).await.expect("read");
    assert!(record.is_some_and(|r| r.one_time));
    let second = prepare(&Arc::clone(&fixture.node)).await.expect("prepared");
    assert_eq!((second.password, second.email, second.org), (None, first.email, first.org));
}
