//! `audit verify` and the keys of the log.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use clap::Args;
use futures::StreamExt as _;
use serde::{Deserialize, Serialize};

use super::args::Place;
use super::connect::administer;
use super::failure::CliError;
use super::output::{plain, print, show, table};
use crate::admin::{AuditKeyView, VerifyAsked, VerifyStep};
use crate::audit::{Fault, Report};
use crate::store::Head;

/// Faults that an answer in JSON names; the others are counted.
const NAMED: usize = 10_000;

#[derive(Debug, Args)]
pub(super) struct Verify {
    /// Where chains ended at an earlier time, kept elsewhere: what --write-heads wrote. Without it nobody sees that the newest records
    /// are gone
    #[arg(long, value_name = "FILE")]
    heads: Option<PathBuf>,
    /// Write where chains end now, once the log is proved
    #[arg(long, value_name = "FILE")]
    write_heads: Option<PathBuf>,
}

/// What is kept elsewhere.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    heads: Vec<Head>,
}

#[derive(Debug, Serialize)]
struct Answer {
    report: Report,
    faults: Vec<Fault>,
}

pub(super) async fn verify(place: &Place, verify: Verify) -> Result<(), CliError> {
    let json = place.json;
    let heads = verify.heads.as_deref().map(read).transpose()?.unwrap_or_default();
    let answer = administer(place, |admin| async move {
        let mut steps = admin.verify_audit(VerifyAsked { heads }).await?;
        let (mut faults, shows) = (Vec::new(), std::io::stderr().is_terminal());
        while let Some(step) = steps.next().await {
            match step? {
                VerifyStep::Proved(records) if shows => eprint!("\r{records} records"),
                VerifyStep::Proved(_) => {}
                VerifyStep::Fault(fault) if json => {
                    if faults.len() < NAMED {
                        faults.push(fault);
                    }
                }
                VerifyStep::Fault(fault) => print(&line(&fault))?,
                VerifyStep::Done(report) => {
                    if shows {
                        eprint!("\r");
                    }
                    return Ok(Answer { report: *report, faults });
                }
            }
        }
        Err(CliError::failed("the gateway ended the proof; is it stopping?"))
    })
    .await?;
    show(json, &answer, |answer| summary(&answer.report))?;
    if !answer.report.proved {
        return Err(CliError::failed(format!("the log is not as it was sealed: {} faults", answer.report.faults)));
    }
    match &verify.write_heads {
        Some(path) => write(path, answer.report.heads),
        None => Ok(()),
    }
}

fn read(path: &Path) -> Result<Vec<Head>, CliError> {
    let wrong = |why: String| CliError::failed(format!("{} can't be read: {why}", path.display()));
    let text = std::fs::read(path).map_err(|e| wrong(e.to_string()))?;
    serde_json::from_slice::<Kept>(&text).map(|kept| kept.heads).map_err(|e| wrong(e.to_string()))
}

/// Beside the file first: what is there is whole at every moment.
fn write(path: &Path, heads: Vec<Head>) -> Result<(), CliError> {
    let wrong = |e: std::io::Error| CliError::failed(format!("{} can't be written: {e}", path.display()));
    let mut text = serde_json::to_string_pretty(&Kept { heads }).map_err(|e| CliError::chain(&e))?;
    text.push('\n');
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, path)).map_err(wrong)
}

/// What is wrong, and where.
fn line(fault: &Fault) -> String {
    let mut text = format!("{}:", fault.kind.text());
    let batch = fault.batch.map(|batch| batch.to_string());
    let places = [
        ("record", fault.record.clone()),
        ("time", fault.time.map(|time| time.to_string())),
        ("org", fault.org.clone()),
        ("chain", fault.chain.clone()),
        ("batch", batch),
    ];
    for (name, place) in places.into_iter().filter_map(|(name, place)| Some((name, place?))) {
        text.push_str(&format!(" {name} {}", plain(&place)));
    }
    text.push('\n');
    text
}

fn summary(report: &Report) -> String {
    let Report { proved, chains, batches, records, unread, waiting, before, expired, trimmed, until, .. } = report;
    let mut text = String::new();
    if *proved {
        let until = until.map_or_else(|| "nothing is sealed yet".to_owned(), |until| format!("sealed up to {until}"));
        text.push_str(&format!("Proved, {until}.\n"));
    }
    text.push_str(&format!("{records} records are as they were sealed, in {batches} batches of {chains} chains.\n"));
    if *unread > 0 {
        text.push_str(&format!("{unread} of them are of a later version: what they are searched by was not compared.\n"));
    }
    if *waiting > 0 {
        text.push_str(&format!("{waiting} wait to be sealed.\n"));
    }
    if *before > 0 {
        text.push_str(&format!("{before} are from before there were chains: nothing is known of them.\n"));
    }
    if let Some(trimmed) = trimmed {
        text.push_str(&format!("Those from before {trimmed} may be gone; of {expired} that are, a trace was found.\n"));
    }
    text
}

pub(super) fn keys(keys: &[AuditKeyView]) -> String {
    let row = |key: &AuditKeyView| {
        let ours = if key.ours { "yes" } else { "no: what it signed proves nothing" };
        [key.id.to_string(), key.created_at.to_string(), key.public.clone(), ours.to_owned()]
    };
    table(["ID", "MADE", "PUBLIC KEY (ED25519)", "OURS"], keys.iter().map(row))
}
