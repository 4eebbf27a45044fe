use proptest::prelude::*;

use super::*;

/// What a writer does.
#[derive(Clone, Copy, Debug)]
enum Step {
    Open,
    Refuse,
    /// Closes one of the running calls.
    Close(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![3 => Just(Step::Open), 1 => Just(Step::Refuse), 3 => (0..8_usize).prop_map(Step::Close)];
    proptest::collection::vec(step, 1..30)
}

/// What was on the disk after each step: which record had which outcome, in which file, up to which byte.
struct History {
    site: Site,
    written: Vec<(String, Outcome, PathBuf, u64)>,
}

fn play(steps: &[Step], segment_bytes: u64) -> History {
    let site = Site::with_segments_of(segment_bytes);
    let (journal, _backlog) = site.open();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (mut running, mut written) = (Vec::new(), Vec::new());
    for (n, step) in steps.iter().enumerate() {
        let n = n as u64;
        let (id, outcome) = match step {
            Step::Open => {
                running.push((n, runtime.block_on(begin(&journal, &opening(n))).unwrap()));
                (n, Outcome::Unknown)
            }
            Step::Refuse => {
                journal.refused(&opening(n)).unwrap();
                (n, Outcome::Unknown)
            }
            Step::Close(which) if !running.is_empty() => {
                let (id, call) = running.swap_remove(which % running.len());
                call.close(completed(200));
                (id, completed(200))
            }
            Step::Close(_) => continue,
        };
        let file = site.segments().pop().unwrap();
        let end = fs::metadata(&file).unwrap().len();
        written.push((format!("rec_{id}"), outcome, file, end));
    }
    // The process dies: nobody closes what still runs.
    for (_, call) in running {
        std::mem::forget(call);
    }
    History { site, written }
}

impl History {
    /// Cuts the last file at byte `cut`, reads the directory, and compares with what had been written by then.
    fn check(&self, cut: u64) {
        let site = self.site.after_kill();
        let last = site.segments().pop().unwrap();
        fs::OpenOptions::new().write(true).open(&last).unwrap().set_len(cut).unwrap();
        let name = last.file_name();
        let survives = |file: &Path, end| file.file_name() != name || end <= cut;
        let mut expected = HashMap::new();
        for (id, outcome, _, _) in self.written.iter().filter(|(_, _, file, end)| survives(file, *end)) {
            expected.insert(id.clone(), outcome.clone());
        }
        let left = recover(site.path()).unwrap();
        assert_eq!(outcomes(&left.records), expected, "cut at {cut}");
        let at_border = cut == 0 || self.written.iter().any(|(_, _, file, end)| file.file_name() == name && *end == cut);
        assert_eq!(left.damage, Damage { torn: u64::from(!at_border), corrupt: 0 }, "cut at {cut}");
    }

    fn tail_length(&self) -> u64 {
        fs::metadata(self.site.segments().pop().unwrap()).unwrap().len()
    }
}

#[test]
fn every_cut_of_the_tail_keeps_what_was_written() {
    let history = play(&[Step::Open, Step::Open, Step::Close(0), Step::Refuse], u64::MAX);
    for cut in 0..=history.tail_length() {
        history.check(cut);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_crash_keeps_every_opening_once(steps in steps(), size in 600..4000_u64, cuts in proptest::collection::vec(0.0..1.0_f64, 4)) {
        let history = play(&steps, size);
        let length = history.tail_length();
        history.check(length);
        for cut in cuts {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "any byte will do")]
            history.check((length as f64 * cut) as u64);
        }
    }
}

#[test]
fn a_flipped_byte_costs_its_line_alone_and_is_told() {
    let history = play(&[Step::Refuse, Step::Refuse, Step::Refuse], u64::MAX);
    let file = history.site.segments().remove(0);
    let ends: Vec<u64> = history.written.iter().map(|w| w.3).collect();
    for at in ends[0]..ends[1] {
        let mut bytes = fs::read(&file).unwrap();
        bytes[usize::try_from(at).unwrap()] ^= 0x40;
        let site = Site::new();
        fs::write(site.path().join("0-a-1.log"), bytes).unwrap();
        let left = recover(site.path()).unwrap();
        let found = outcomes(&left.records);
        assert!(found.contains_key("rec_0") && !found.contains_key("rec_1"), "{at}");
        let Damage { torn, corrupt } = left.damage;
        assert!(torn + corrupt >= 1, "{at}");
    }
}
