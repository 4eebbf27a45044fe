//! What an operator meets on a bad day: a second start, a broken file, a store that is gone.

use std::path::Path;
use std::process::Output;

use tokio::process::Command;

use crate::crash::Ground;
use crate::harness::gateway::{free_port, secret};
use crate::harness::http1::{Conn, Request};
use crate::harness::within;

/// The program, with what the gateway's environment has.
fn program(ground: &Ground, words: &[&str], config: &Path) -> Command {
    let mut command = bare(words, config);
    command.env("SECRET", secret()).env("STORE", &ground.store_url);
    command
}

/// The program without the gateway's environment.
fn bare(words: &[&str], config: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.args(words).arg("--config").arg(config).env("TOLLGATE_LOG", "error").kill_on_drop(true);
    command
}

async fn output(mut command: Command) -> Output {
    within("the end of a command", command.output()).await.expect("the program runs")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// What a command that must succeed says.
async fn run(ground: &Ground, words: &[&str]) -> String {
    let done = output(program(ground, words, &ground.config)).await;
    assert!(done.status.success(), "{words:?}: {}", said(&done));
    said(&done)
}

/// What the token is answered with now.
async fn status(ground: &Ground) -> u16 {
    let request = Request::get("/prometheus/api/v1/query?query=up").bearer(&ground.token);
    Conn::open(ground.public).await.ask(&request).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_takes_nothing_from_the_first() {
    let ground = Ground::new().await;
    let mut first = ground.spawn().await;
    let text = std::fs::read_to_string(&ground.config).expect("a configuration");
    let elsewhere = [ground.public, ground.admin]
        .into_iter()
        .fold(text, |text, address| text.replace(&address.to_string(), &format!("127.0.0.1:{}", free_port())));
    let other = ground.dir.path().join("other.toml");
    std::fs::write(&other, elsewhere).expect("a file");
    let second = output(program(&ground, &["serve"], &other)).await;
    assert!(!second.status.success() && said(&second).contains("in use by another process"), "{}", said(&second));
    let listed = output(program(&ground, &["grant", "list"], &ground.config)).await;
    assert!(listed.status.success(), "{}", said(&listed));
    first.kill().await.expect("the end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_keeps_nobody_from_revoking() {
    let ground = Ground::new().await;
    let mut child = ground.spawn().await;
    assert_eq!(status(&ground).await, 200);
    let text = std::fs::read_to_string(&ground.config).expect("a configuration");
    let grant = ground.grant.to_string();
    for broken in [
        text.replace("upstream = \"metrics\"", "upstream = \"metrix\""),
        text.replace("[roles.reader]", "[roles.reader"),
        text.clone(),
    ] {
        std::fs::write(&ground.config, broken).expect("a file");
        let shown = output(bare(&["grant", "show", &grant], &ground.config)).await;
        assert!(shown.status.success(), "{}", said(&shown));
    }
    let revoked = output(bare(&["grant", "revoke", &grant], &ground.config)).await;
    assert!(revoked.status.success(), "{}", said(&revoked));
    assert_eq!(status(&ground).await, 401);
    let rotated = output(bare(&["key", "rotate"], &ground.config)).await;
    assert!(rotated.status.success(), "{}", said(&rotated));
    child.kill().await.expect("the end");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_stands_in_another_folder_is_told_where_was_looked() {
    let ground = Ground::new().await;
    let mut child = ground.spawn().await;
    let elsewhere = tempfile::tempdir().expect("another folder");
    let text = std::fs::read_to_string(&ground.config).expect("a configuration");
    let file = elsewhere.path().join("gateway.toml");
    let data = format!("dir = \"{}\"", ground.dir.path().display());
    std::fs::write(&file, text.replacen(&data, "dir = \"data\"", 1)).expect("a file");
    let mut command = bare(&["grant", "list"], Path::new("gateway.toml"));
    command.current_dir(elsewhere.path());
    let failed = output(command).await;
    let looked = elsewhere.path().canonicalize().expect("a path").join("data/admin.token");
    assert!(!failed.status.success() && said(&failed).contains(&looked.display().to_string()), "{}", said(&failed));
    assert!(!said(&failed).contains("openssl"), "a new secret would end every token: {}", said(&failed));
    child.kill().await.expect("the end");
}

/// The blocks of shell in a section of a page.
fn blocks<'p>(page: &'p str, heading: &str) -> Vec<&'p str> {
    let (_, section) = page.split_once(heading).expect("the section");
    let section = section.split("\n## ").next().unwrap_or_default();
    section.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

/// What the README and the manual say to type, typed in an empty folder.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_commands_of_the_pages_work_in_an_empty_folder() {
    use std::os::unix::fs::PermissionsExt as _;

    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = |name: &str| std::fs::read_to_string(root.join(name)).expect("a page");
    let (readme, clients) = (page("README.md"), page("src/manual/clients.md"));
    let heading = "## Put it in front of Prometheus for good";
    let (_, section) = readme.split_once(heading).expect("the section");
    let file = section.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a configuration");
    let folder = tempfile::tempdir().expect("a folder");
    let own = format!("public = \"127.0.0.1:{}\"\nadmin = \"127.0.0.1:{}\"", free_port(), free_port());
    let file = file.replacen("public = \"127.0.0.1:8080\"", &own, 1);
    assert!(file.contains(&own), "the ports of this machine are not the test's to take: {file}");
    std::fs::write(folder.path().join("gateway.toml"), file).expect("a file");
    let programs = Path::new(env!("CARGO_BIN_EXE_tollgate")).parent().expect("a folder");
    let machine = blocks(&clients, "## A machine, with curl").into_iter().take(1);
    for block in blocks(&readme, heading).into_iter().chain(machine) {
        let script: Vec<&str> = block.lines().filter(|line| !line.starts_with("tollgate serve")).collect();
        let mut shell = Command::new("sh");
        shell.args(["-ec", &format!("PATH=\"{}:$PATH\"\n{}", programs.display(), script.join("\n"))]);
        shell.current_dir(folder.path()).env("TOLLGATE_CONFIG", "gateway.toml").kill_on_drop(true);
        let done = output(shell).await;
        assert!(done.status.success(), "{block}\n{}", said(&done));
    }
    let mode = |name: &str| std::fs::metadata(folder.path().join(name)).expect("it was made").permissions().mode() & 0o777;
    assert_eq!((mode("data"), mode("data/secret.key")), (0o700, 0o600));
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_read_names() {
    let ground = Ground::new().await;
    let mut child = ground.spawn().await;
    run(&ground, &["user", "create", "bot", "--service"]).await;
    run(&ground, &["member", "set", "acme", "bot", "--role", "reader"]).await;
    let words = ["client", "create", "Bot", "--kind", "machine", "--org", "acme", "--subject", "bot", "--scopes", "metrics:read"];
    run(&ground, &words).await;
    let clients = run(&ground, &["client", "list"]).await;
    let bot = clients.lines().find(|line| line.contains("Bot")).expect("the client");
    assert!(bot.contains("machine") && bot.contains("acme") && !bot.contains("org_"), "{clients}");

    let request = Request::get("/prometheus/api/v1/query?query=up").bearer(&ground.token);
    let answer = Conn::open(ground.public).await.ask(&request).await;
    let found = within("the record", async {
        loop {
            let found = run(&ground, &["audit", "search", "--request", answer.request_id()]).await;
            if found.contains(" for ") {
                return found;
            }
        }
    })
    .await;
    assert!(found.contains('@') && !found.contains("usr_"), "{found}");
    let told = run(&ground, &["explain", answer.request_id()]).await;
    assert!(told.contains('@') && !told.lines().next().unwrap_or_default().contains("usr_"), "{told}");

    let refused = output(program(&ground, &["org", "create", "Not A Slug"], &ground.config)).await;
    assert!(!refused.status.success() && said(&refused).matches("lug: ").count() == 1, "{}", said(&refused));
    child.kill().await.expect("the end");
}

/// Somebody who waits for a stop that takes as long as it may tells it again, and loses nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_the_stop_at_once_and_keeps_every_record() {
    for signals in [["TERM", "TERM"], ["INT", "TERM"], ["INT", "INT"]] {
        let ground = Ground::new().await;
        let text = std::fs::read_to_string(&ground.config).expect("a configuration");
        std::fs::write(&ground.config, text.replacen("[limits]", "[limits]\ndrain_timeout = \"1h\"", 1)).expect("a file");
        let mut child = ground.spawn().await;
        let id = child.id().expect("it runs").to_string();
        let tell = async |signal: &str| {
            let told = Command::new("kill").args(["-s", signal, &id]).status().await.expect("the command runs");
            assert!(told.success(), "{signal}");
        };
        let request = Request::get("/prometheus/api/v1/query?query=up").bearer(&ground.token).header("X-Behave", "hold");
        let mut held = Conn::open(ground.public).await;
        held.send(&request.bytes()).await;
        ground.upstream.asked(1).await;
        tell(signals[0]).await;
        within("no new connections", async {
            while tokio::net::TcpStream::connect(ground.public).await.is_ok() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert!(child.try_wait().expect("a status").is_none(), "the request may end");
        tell(signals[1]).await;
        let ended = within("the end", child.wait()).await.expect("a status");
        assert_eq!(ended.code(), Some(0), "{signals:?}: an orderly end");
        let records = run(&ground, &["audit", "search", "--json"]).await;
        assert!(records.contains("/prometheus/api/v1/query") && records.contains("broken"), "{signals:?}: {records}");
    }
}
