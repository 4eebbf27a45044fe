use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::TARGETS;

/// Texts made from each seed, and as many of random bytes.
const CASES: u32 = 64;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

fn seeds(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(fuzz().join("corpus").join(name)).unwrap_or_else(|e| panic!("{name} has no seeds: {e}"));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).expect("a seed"))).collect()
}

#[test]
fn every_function_has_a_program_and_seeds() {
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).expect("a manifest");
    for (name, _) in TARGETS {
        assert!(!seeds(name).is_empty(), "{name} has no seed");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is no program");
        let program = fs::read_to_string(fuzz().join(format!("fuzz_targets/{name}.rs"))).expect("a program");
        assert!(program.contains(&format!("tollgate::fuzz::{name}(")), "{name} does something else");
    }
    let programs = fs::read_dir(fuzz().join("fuzz_targets")).expect("programs").count();
    assert_eq!(programs, TARGETS.len());
}

#[test]
fn no_seed_and_nothing_made_from_one_breaks_a_promise() {
    for (name, run) in TARGETS {
        for (path, seed) in seeds(name) {
            println!("{}", path.display());
            run(&seed);
            let change = (any::<prop::sample::Index>(), 0_usize..4, prop::collection::vec(any::<u8>(), 0..4));
            check(&prop::collection::vec(change, 1..4), |changes| {
                let mut bytes = seed.clone();
                for (at, gone, put) in changes {
                    let at = at.index(bytes.len() + 1);
                    let end = bytes.len().min(at + gone);
                    bytes.splice(at..end, put);
                }
                run(&bytes);
            });
        }
    }
}

#[test]
fn no_bytes_break_a_promise() {
    for (name, run) in TARGETS {
        println!("{name}");
        check(&prop::collection::vec(any::<u8>(), 0..300), |bytes| run(&bytes));
        // Bytes that parsers care for.
        let texts = "[-a-z0-9{}\\[\\]()\"'`:;,.=/%&?#+* \\\\\r\n]{0,120}";
        check(&texts, |text| run(text.as_bytes()));
    }
}

fn check<S: Strategy>(strategy: &S, run: impl Fn(S::Value)) {
    let mut runner = TestRunner::new(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() });
    runner
        .run(strategy, |value| {
            run(value);
            Ok(())
        })
        .unwrap_or_else(|e| panic!("{e}"));
}
