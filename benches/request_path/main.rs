//! A bare pingora pass-through and the gate with everything on, in one run, on one upstream, turn by turn.
//!
//! `cargo bench --profile dist --bench request_path [-- --seconds N --rounds N] [--growth [--million] [--within TIMES]]`. Each contestant
//! is a process of its own with one worker on one core; the load and the upstream share the other core. CPU is user and system time of the contestant's whole
//! process per request, read from `/proc`, and beside it that of the thread that serves requests: the difference is what carries
//! audit records into the store behind them. It hardly depends on how fast the load comes. Before anything is measured the gate is
//! seen to refuse what it must refuse.
//!
//! `--growth` asks instead whether a request costs more with more routes, live tokens and revocations: a gate of each size takes turns with a
//! small one, and the run fails where a large one costs more than `--within` times that.

mod contestants;
mod growth;
mod load;
#[path = "../support/process.rs"]
mod process;
mod report;
mod upstream;

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use load::{Plan, Shape};
use process::{cpu_micros, memory, pin};
use report::{Measured, Table};
use tempfile::TempDir;

/// Both contestants and the load generator allocate alike.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Which core the contestants run on, and which the load.
const CONTESTANT_CORE: &str = "0";
const LOAD_CORE: &str = "1";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |name: &str| arguments.iter().position(|a| a == name).and_then(|i| arguments.get(i + 1));
    match value("--role").map(String::as_str) {
        Some("pass") => {
            contestants::pass(value("--upstream").expect("--upstream").parse().expect("an address"));
            return ExitCode::SUCCESS;
        }
        Some("gate") => {
            let count = |name: &str| value(name).and_then(|v| v.parse().ok()).unwrap_or(1);
            let size =
                contestants::Size { routes: count("--routes"), tokens: count("--tokens"), revocations: count("--revocations") };
            let upstream = value("--upstream").expect("--upstream").parse().expect("an address");
            contestants::gate(upstream, size, value("--data").expect("--data").as_ref());
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    let number = |name: &str, default: u64| value(name).and_then(|v| v.parse().ok()).unwrap_or(default);
    let (span, rounds) = (Duration::from_secs(number("--seconds", 3)), number("--rounds", 7));
    if arguments.iter().any(|a| a == "--growth") {
        let within = value("--within").map_or(f64::INFINITY, |v| v.parse().expect("--within takes a number"));
        return growth::drive(span, rounds, arguments.iter().any(|a| a == "--million"), within);
    }
    drive(span, rounds);
    ExitCode::SUCCESS
}

/// A contestant that runs.
struct Contestant {
    name: &'static str,
    process: Child,
    /// The thread that serves requests.
    worker: u32,
    address: SocketAddr,
    tokens: Arc<[String]>,
    mount: &'static str,
    /// Where it keeps what it has; removed behind it.
    _data: TempDir,
}

impl Drop for Contestant {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn start(name: &'static str, mount: &'static str, upstream: SocketAddr, more: &[String]) -> Contestant {
    let data = tempfile::tempdir().expect("a folder");
    let own = std::env::current_exe().expect("the bench knows its own path");
    let mut process = Command::new("taskset")
        .args(["-c", CONTESTANT_CORE])
        .arg(own)
        .args(["--role", name, "--upstream", &upstream.to_string()])
        .arg("--data")
        .arg(data.path())
        .args(more)
        .stdout(Stdio::piped())
        .spawn()
        .expect("taskset starts the contestant");
    let mut line = String::new();
    BufReader::new(process.stdout.take().expect("stdout is piped")).read_line(&mut line).expect("a line when it is up");
    let mut words = line.split_whitespace();
    let address = words.next().and_then(|a| a.parse().ok()).expect("its address");
    let worker = words.next().and_then(|w| w.parse().ok()).expect("its worker");
    let tokens = match words.next() {
        Some(file) => {
            let tokens = std::fs::read_to_string(file).expect("its tokens").lines().map(ToOwned::to_owned).collect();
            std::fs::remove_file(file).expect("a file that nobody needs any more");
            tokens
        }
        None => Arc::from(["none".to_owned()]),
    };
    Contestant { name, process, worker, address, tokens, mount, _data: data }
}

fn drive(span: Duration, rounds: u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    pin(LOAD_CORE);
    let upstream = runtime.block_on(upstream::start());
    let contestants = [start("pass", "", upstream, &[]), start("gate", "/bench", upstream, &[])];
    runtime.block_on(refuses(&contestants[1]));
    let mut table = Table::default();
    for shape in [Shape::Query, Shape::ToolCall] {
        for round in 0..=rounds {
            for contestant in &contestants {
                let plan = Plan {
                    address: contestant.address,
                    mount: contestant.mount,
                    tokens: &contestant.tokens,
                    shape,
                    connections: 32,
                    span: if round == 0 { Duration::from_secs(1) } else { span },
                    pace: None,
                };
                let measured = measure(&runtime, contestant, &plan);
                if round > 0 {
                    table.add(shape, contestant.name, measured);
                }
            }
        }
    }
    for _ in 0..rounds.min(3) {
        for contestant in &contestants {
            let plan = Plan {
                address: contestant.address,
                mount: contestant.mount,
                tokens: &contestant.tokens,
                shape: Shape::Query,
                connections: 32,
                span,
                pace: Some(4000),
            };
            table.add_paced(contestant.name, measure(&runtime, contestant, &plan));
        }
    }
    table.print(&contestants.each_ref().map(|c| (c.name, resident(c.process.id()))));
}

fn measure(runtime: &tokio::runtime::Runtime, contestant: &Contestant, plan: &Plan<'_>) -> Measured {
    let used = || {
        let process = contestant.process.id();
        (cpu_micros(&format!("/proc/{process}/stat")), cpu_micros(&format!("/proc/{process}/task/{}/stat", contestant.worker)))
    };
    let before = used();
    let loaded = runtime.block_on(load::run(plan));
    let after = used();
    let answer = loaded.failure.as_deref().unwrap_or_default();
    assert_eq!(loaded.failed, 0, "{}: {} connections failed; one was answered {answer:?}", contestant.name, loaded.failed);
    Measured::new(&loaded, after.0 - before.0, after.1 - before.1)
}

/// What is measured must refuse what it must refuse.
async fn refuses(gate: &Contestant) {
    let good = gate.tokens[0].as_str();
    let mut broken = good.to_owned();
    broken.pop();
    for (token, path) in [("x", "/bench/q"), (broken.as_str(), "/bench/q"), (good, "/bench/../q"), (good, "/none")] {
        let status = load::status(gate.address, path, token).await;
        assert!((400..500).contains(&status), "the gate answered {status} to {path}");
    }
    assert_eq!(load::status(gate.address, "/bench/q", good).await, 200);
}

/// Resident memory in MiB.
fn resident(pid: u32) -> u64 {
    memory(pid, "VmRSS:") / 1024
}
