//! What is remembered, which login serves, and how a person signs in.

use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use clap::Parser;

use super::kept::{Access, Folder, Login as KeptLogin, Secret, Server};
use super::token::{Chosen, choose};
use super::{Login, Way, way};

#[derive(Parser)]
struct Typed {
    #[command(flatten)]
    login: Login,
}

fn login(resource: Option<&str>) -> KeptLogin {
    let access = Access {
        resource: None,
        asked: None,
        scope: "logs:read".into(),
        token: Secret("tg_hidden".into()),
        expires_at: 1_800_000_000,
    };
    let refresh_token = Some(Secret("tg_rt_hidden".into()));
    let resource = resource.map(ToOwned::to_owned);
    KeptLogin { resource, scope: "logs:read".into(), refresh_token, client_id: None, access: vec![access] }
}

fn server(issuer: &str, resources: &[Option<&str>]) -> Server {
    let logins = resources.iter().map(|r| login(*r)).collect();
    Server { issuer: issuer.into(), client_id: "cl_1".into(), grant_types: vec!["refresh_token".into()], logins }
}

#[test]
fn a_login_stays_its_clients() {
    let before = server("https://gw.test", &[None, Some("https://gw.test/a")]);
    let after = before.clone().with_client("cl_2".into(), vec!["refresh_token".into()]);
    let clients = |server: &Server| server.logins.iter().map(|l| server.client_of(l).to_owned()).collect::<Vec<_>>();
    assert_eq!((after.client_id.as_str(), clients(&after)), ("cl_2", vec!["cl_1".to_owned(); 2]));
    let mut more = after.clone();
    more.logins.push(login(Some("https://gw.test/b")));
    let back = more.with_client("cl_1".into(), vec![]);
    assert_eq!(clients(&back), ["cl_1", "cl_1", "cl_2"]);
    assert_eq!(after.with_client("cl_1".into(), before.grant_types.clone()), before);
}

#[test]
fn logins_are_for_their_user_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("made/logins");
    let folder = Folder::find(Some(&path), |_| None).expect("a folder");
    assert_eq!(folder.servers().expect("nothing yet"), []);
    let kept = server("https://gw.test:8443", &[None]);
    let other = server("https://gw.test_8443", &[]);
    for server in [&kept, &other] {
        let file = folder.lock(&server.issuer).expect("locked");
        file.write(server).expect("written");
        assert_eq!(file.read().expect("read"), Some(server.clone()));
    }
    assert_eq!(folder.servers().expect("read"), [kept, other.clone()], "names that look alike are two files");
    let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    let files: Vec<_> = std::fs::read_dir(&path).expect("a folder").map(|e| e.expect("an entry").path()).collect();
    assert_eq!(files.len(), 4, "two files and their locks: {files:?}");
    for file in &files {
        assert_eq!(mode(file), 0o600, "{}", file.display());
    }
    let opened = files.iter().find(|f| f.extension().is_some_and(|e| e == "json")).expect("a file");
    std::fs::set_permissions(opened, std::fs::Permissions::from_mode(0o640)).expect("changed");
    let error = folder.servers().expect_err("others could read it");
    assert!(error.to_string().contains("chmod 600"), "{error}");
}

#[test]
fn one_command_at_a_time_uses_a_server() {
    let dir = tempfile::tempdir().expect("a directory");
    let folder = Folder::find(Some(dir.path()), |_| None).expect("a folder");
    let held = folder.lock("https://gw.test").expect("locked");
    let (told, heard) = std::sync::mpsc::channel();
    let waiting = std::thread::spawn({
        let folder = folder.clone();
        move || {
            let file = folder.lock("https://gw.test").expect("locked");
            told.send(file.read().expect("read")).expect("somebody listens");
        }
    });
    drop(folder.lock("https://other.test").expect("another server is free"));
    held.write(&server("https://gw.test", &[None])).expect("written");
    assert!(heard.try_recv().is_err(), "it must not have come in");
    drop(held);
    waiting.join().expect("it ends");
    assert!(heard.recv().expect("told").is_some(), "it sees what was written before");
}

#[test]
fn a_folder_is_found_or_asked_for() {
    let find = |pairs: &[(&str, &str)]| {
        let known: HashMap<_, _> = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Folder::find(None, |name| known.get(name).cloned()).map(|f| format!("{f:?}"))
    };
    assert_eq!(find(&[("HOME", "/h")]), Ok(r#"Folder("/h/.config/tollgate/logins")"#.to_owned()));
    assert_eq!(find(&[("HOME", "/h"), ("XDG_CONFIG_HOME", "/c")]), Ok(r#"Folder("/c/tollgate/logins")"#.to_owned()));
    assert_eq!(
        find(&[("HOME", "/h"), ("XDG_CONFIG_HOME", "relative")]),
        Ok(r#"Folder("/h/.config/tollgate/logins")"#.to_owned())
    );
    assert!(find(&[("HOME", "")]).is_err());
}

#[test]
fn the_closest_login_serves() {
    let gw = "https://gw.test";
    let servers =
        [server(gw, &[None, Some("https://gw.test/logs")]), server("https://other.test", &[Some("https://api.test/x")])];
    let found = |at: &str| choose(&servers, Some(at)).ok();
    let chosen = |issuer: &str, resource: Option<&str>| {
        Some(Chosen { issuer: issuer.to_owned(), resource: resource.map(ToOwned::to_owned) })
    };
    assert_eq!(found("https://gw.test/logs"), chosen(gw, Some("https://gw.test/logs")));
    assert_eq!(found("https://gw.test/logs/read?q=1"), chosen(gw, Some("https://gw.test/logs")));
    assert_eq!(found("https://gw.test/logstash"), chosen(gw, None), "a name that only begins alike is another API");
    assert_eq!(found("https://gw.test/"), chosen(gw, None));
    assert_eq!(found("https://api.test/x"), chosen("https://other.test", Some("https://api.test/x")));
    for strange in ["https://gw.test.evil/logs", "https://other.test", "https://api.test", "http://gw.test"] {
        assert_eq!(found(strange), None, "{strange}");
    }
    let several = choose(&servers, None).expect_err("which one?").to_string();
    assert!(several.contains("--resource") && several.contains("https://gw.test/logs"), "{several}");
    assert!(choose(&servers[1..], None).is_ok());
    assert!(choose(&[], None).expect_err("none").to_string().contains("tollgate login"));
}

#[test]
fn a_machine_without_a_display_shows_a_code() {
    let case = |typed: &[&str], devices: bool, variables: &[&str]| {
        let line = ["login", "https://gw.test"].into_iter().chain(typed.iter().copied());
        let args = Typed::try_parse_from(line).expect("it can be typed").login;
        way(&args, devices, |name| variables.contains(&name).then(|| format!("a {name}")))
    };
    let opens = |command: &str| Way::Browser(Some(command.to_owned()));
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    assert_eq!(case(&[], true, &["DISPLAY"]), opens(opener));
    assert_eq!(case(&[], true, &["WAYLAND_DISPLAY"]), opens(opener));
    assert_eq!(case(&[], true, &["DISPLAY", "SSH_CONNECTION"]), Way::Device, "the display is elsewhere");
    assert_eq!(case(&[], true, &["BROWSER"]), opens("a BROWSER"));
    assert_eq!(case(&["--device"], true, &["DISPLAY"]), Way::Device);
    assert_eq!(case(&["--browser"], true, &["SSH_CONNECTION"]), opens(opener));
    if !cfg!(target_os = "macos") {
        assert_eq!(case(&[], true, &[]), Way::Device);
        assert_eq!(case(&[], false, &[]), Way::Browser(None), "it prints the address");
    }
}

#[test]
fn tokens_do_not_print() {
    let text = format!("{:?}", server("https://gw.test", &[None]));
    assert!(!text.contains("hidden"), "{text}");
}
