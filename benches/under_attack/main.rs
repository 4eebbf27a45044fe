//! What a healthy client feels of attacks on others: its latencies beside floods, slow clients and broken upstreams.
//!
//! `cargo bench --bench under_attack [-- --seconds N --rounds N --gate-cores LIST --only NAME --attack-from ADDRESS --within TIMES]`. The
//! gate is a process of its own on one core. On the other one run the healthy client, which asks a healthy route 200 times a second, and
//! at the lowest priority another process with everything that attacks. Before each attack the same client is measured without it: the ratio of the two
//! says what the attack does, whatever else the machine is busy with. Three rows are no attacks: an attacker that leaves the gate
//! alone, and one that floods another socket, tell what of the ratio is the machine's; plain requests without a token what it costs
//! to share the gate's core. Attacks on TLS are done to another gate, whose healthy client speaks TLS too.
//!
//! Attacks come from an address of their own, 127.0.0.2. With `--attack-from 127.0.0.1` the healthy client has the same one, as behind
//! one NAT, and the gate refuses no address (`limits.flood_penalty = "0s"`) and lets each begin as many handshakes as it wants.
//!
//! The rows of `overload` are ten times as many requests at one time as the gate gets done, and more: good ones, of another
//! organization and address, from clients that ask again at once whatever they are told. Below the table stands what became of them, and
//! what each cost the gate at most: all of its CPU, over all that was asked. Every attack is measured once it is under way: its connections
//! are there, and those that are answered have been. The row of the beginning is measured from before the first of them.
//!
//! The gate's memory is what `/proc` says of it before, at its highest, and after. The run fails when the healthy client gets a wrong
//! answer or none, when an attack did not happen, or when the p99 beside one is beyond `--within` times the quiet one.

mod attacker;
mod attacks;
mod gate;
mod healthy;
#[expect(dead_code, reason = "only the exchange of one request is used here")]
#[path = "../request_path/load.rs"]
mod load;
#[path = "../support/process.rs"]
mod process;
mod report;
mod tls;
#[path = "../request_path/upstream.rs"]
mod upstream;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use attacks::{Attack, Targets};
use healthy::{Healthy, Heard};
use process::{cpu_micros, memory, pin};
use report::{Measured, Table};

/// The production allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const GATE_CORE: &str = "0";
const LOAD_CORE: &str = "1";
/// Where attacks come from.
const ATTACKER: &str = "127.0.0.2";
/// Where the healthy client is.
const HEALTHY: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// How long an attack that is under way runs before anything is measured, and how long its end is waited for.
const BEGUN: Duration = Duration::from_secs(2);
const OVER: Duration = Duration::from_secs(1);
/// What is measured of the beginning of an attack, and how much of that is before it.
const BEGINNING: Duration = Duration::from_secs(2);
const BEFORE: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |name: &str| arguments.iter().position(|a| a == name).and_then(|i| arguments.get(i + 1)).map(String::as_str);
    match value("--role") {
        Some("gate") => {
            let (upstream, hostile) = (value("--upstream").expect("--upstream"), value("--hostile").expect("--hostile"));
            gate::serve(upstream, hostile, value("--penalty"), value("--authority"));
            return ExitCode::SUCCESS;
        }
        Some("attacker") => {
            attacker::serve();
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    let number = |name: &str, default: u64| value(name).and_then(|v| v.parse().ok()).unwrap_or(default);
    let (span, rounds) = (Duration::from_secs(number("--seconds", 6)), number("--rounds", 3));
    let is_meant =
        |a: &Attack, only: &str| a.name().strip_prefix(only).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    let attacks: Vec<_> = Attack::ALL.into_iter().filter(|a| value("--only").is_none_or(|only| is_meant(a, only))).collect();
    assert!(!attacks.is_empty(), "no attack has the name that --only says");
    let from = value("--attack-from").unwrap_or(ATTACKER).parse().expect("an address");
    let within = value("--within").map_or(f64::INFINITY, |v| v.parse().expect("--within takes a number"));
    let table = drive((span, rounds), &attacks, value("--gate-cores").unwrap_or(GATE_CORE), from);
    table.print();
    if table.is_sound() && table.is_within(within) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Another process of this program.
struct Other {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Other {
    fn start(command: &mut Command, role: &str, more: &[&str]) -> Self {
        let own = std::env::current_exe().expect("the bench knows its own path");
        command.arg(own).args(["--role", role]).args(more).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("taskset and nice start a process");
        let input = process.stdin.take().expect("stdin is piped");
        let output = BufReader::new(process.stdout.take().expect("stdout is piped"));
        Self { process, input, output }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }

    fn tell(&mut self, line: &str) -> String {
        writeln!(self.input, "{line}").expect("the process listens");
        self.line()
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A gate that is attacked, and its healthy client.
struct Gate {
    other: Other,
    healthy: Healthy,
    targets: Targets,
}

impl Gate {
    /// Starts one that speaks TLS where there is an authority.
    fn start((upstream, hostile): (&str, &str), cores: &str, from: IpAddr, authority: Option<&Path>) -> Self {
        let mut more = vec!["--upstream", upstream, "--hostile", hostile];
        if from == HEALTHY {
            more.extend(["--penalty", "0s"]);
        }
        if let Some(path) = authority {
            more.extend(["--authority", path.to_str().expect("a path of plain text")]);
        }
        let mut other = Other::start(Command::new("taskset").args(["-c", cores]), "gate", &more);
        let up = other.line();
        let mut words = up.split_whitespace();
        let address: SocketAddr = words.next().and_then(|a| a.parse().ok()).expect("the gate's address");
        let [token, others] = [(); 2].map(|()| words.next().expect("a token").to_owned());
        let healthy = Healthy::new(address, &token, authority.map(tls::Connector::of));
        Self { other, healthy, targets: Targets { from, address, token, others, authority: authority.map(Into::into) } }
    }

    /// The gate must refuse what it must refuse, before the attacks and after them.
    async fn refuses(&self) {
        let token = &*self.targets.token;
        for (token, path) in [("x", "/bench/q"), (token, "/bench/../q"), (token, "/none")] {
            let status = self.healthy.status(path, token).await;
            assert!((400..500).contains(&status), "the gate answered {status} to {path}");
        }
        assert_eq!(self.healthy.status("/bench/q", token).await, 200);
    }
}

fn drive((span, rounds): (Duration, u64), attacks: &[Attack], gate_cores: &str, from: IpAddr) -> Table {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    pin(LOAD_CORE);
    let files = tempfile::tempdir().expect("a folder");
    let authority = tls::write(files.path());
    let upstream = runtime.block_on(upstream::start()).to_string();
    let mut attacker = Other::start(Command::new("nice").args(["-n", "19"]), "attacker", &[]);
    let hostile = attacker.line();
    let gate = |over_tls: bool| {
        let wanted = attacks.iter().any(|attack| attack.is_over_tls() == over_tls);
        wanted.then(|| Gate::start((&upstream, &hostile), gate_cores, from, over_tls.then_some(&*authority)))
    };
    let gates = [gate(false), gate(true)];
    for gate in gates.iter().flatten() {
        runtime.block_on(gate.refuses());
        let _warm = runtime.block_on(gate.healthy.ask(Duration::from_secs(2)));
    }
    let mut table = Table::default();
    for _ in 0..rounds {
        for attack in attacks {
            let gate = gates[usize::from(attack.is_over_tls())].as_ref().expect("a gate for each attack");
            attacker.tell(&gate.targets.line());
            let quiet = runtime.block_on(gate.healthy.ask(span));
            table.add(*attack, beside(&runtime, (&gate.other, &mut attacker), *attack, &gate.healthy, span), quiet);
        }
    }
    for gate in gates.iter().flatten() {
        runtime.block_on(gate.refuses());
    }
    table
}

/// Measures the healthy client beside an attack.
fn beside(
    runtime: &tokio::runtime::Runtime,
    (gate, attacker): (&Other, &mut Other),
    attack: Attack,
    healthy: &Healthy,
    span: Duration,
) -> Measured {
    let pid = gate.process.id();
    let file = format!("/proc/{pid}/stat");
    let before = memory(pid, "VmRSS:");
    // 5 makes now the start of what is the highest, see proc(5); where that is not allowed, it stays the start of the run.
    let _ = std::fs::write(format!("/proc/{pid}/clear_refs"), "5");
    let mut start = || assert_eq!(attacker.tell(&format!("start {}", attack.name())), "started", "{attack:?} got under way");
    let mut before_it = Duration::ZERO;
    if !attack.is_beginning() {
        start();
        std::thread::sleep(BEGUN);
        before_it = BEGUN;
    }
    let (used, asked) = (cpu_micros(&file), Instant::now());
    let Heard { latencies, wrong } = runtime.block_on(async {
        if !attack.is_beginning() {
            return healthy.ask(span).await;
        }
        let begins = async {
            tokio::time::sleep(BEFORE).await;
            start();
        };
        tokio::join!(healthy.ask(BEGINNING), begins).0
    });
    // Answers may come long after the last was asked for, and the attack goes on until then.
    let (used, lasted) = (cpu_micros(&file) - used, asked.elapsed());
    let tally = attacker.tell("stop");
    let most = memory(pid, "VmHWM:");
    std::thread::sleep(OVER);
    let busy = Duration::from_micros(used).as_secs_f64() / lasted.as_secs_f64();
    let tally = if attack.is_counted() { costs(&tally, busy, before_it + lasted) } else { tally };
    Measured { heard: Heard { latencies, wrong }, busy, memory: [before, most, memory(pid, "VmRSS:")], tally }
}

/// What an attacker counted in so long, with what each request cost a gate that was so busy.
fn costs(tally: &str, busy: f64, span: Duration) -> String {
    let asked: u32 = tally
        .split(", ")
        .filter_map(|part| part.strip_suffix(" served").or(part.strip_suffix(" shed"))?.parse::<u32>().ok())
        .sum();
    let each = f64::from(asked) / span.as_secs_f64();
    format!("{tally}, {each:.0} a second, {:.0} µs of CPU each", busy / each * 1e6)
}
