//! Tables for people, JSON for programs.

use std::io::{ErrorKind, Write};

use serde::Serialize;

use super::failure::CliError;

/// Writes to standard output. A reader that went away ends the command without complaint.
pub(super) fn print(text: &str) -> Result<(), CliError> {
    write(text.as_bytes())
}

/// The same of a part of a file, which may end within a character.
pub(super) fn write(bytes: &[u8]) -> Result<(), CliError> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(e) if e.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        written => written.map_err(|e| CliError::failed(format!("standard output can't be written: {e}"))),
    }
}

/// Prints a value as JSON, or what `human` makes of it.
pub(super) fn show<T: Serialize>(json: bool, value: &T, human: impl FnOnce(&T) -> String) -> Result<(), CliError> {
    if !json {
        return print(&human(value));
    }
    let mut text = serde_json::to_string_pretty(value).map_err(|e| CliError::chain(&e))?;
    text.push('\n');
    print(&text)
}

/// Rows below a head, in columns as wide as they need.
pub(super) fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut all = vec![head.map(ToOwned::to_owned)];
    all.extend(rows.into_iter().map(|row| row.map(|cell| plain(&cell))));
    let widths: [usize; N] = std::array::from_fn(|i| all.iter().map(|r| r[i].chars().count()).max().unwrap_or(0));
    let mut out = String::new();
    for row in &all {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        out.push_str(cells.join("  ").trim_end());
        out.push('\n');
    }
    out
}

/// One thing, a line for each of its fields.
#[expect(
    clippy::needless_pass_by_value,
    clippy::format_collect,
    reason = "callers build the fields in place; a card is a few lines"
)]
pub(super) fn card<const N: usize>(fields: [(&str, String); N]) -> String {
    let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    fields.iter().map(|(name, value)| format!("{name:width$}  {}\n", plain(value))).collect()
}

/// A text that others chose, without anything that a terminal would obey or show in disguise.
pub(super) fn plain(text: &str) -> String {
    let unsafe_here = |c: char| {
        c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    text.chars().map(|c| if unsafe_here(c) { '\u{fffd}' } else { c }).collect()
}

/// A dash where there is nothing.
pub(super) fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |v| v.to_string())
}

/// Names of serde's unit variants: what the JSON says.
pub(super) fn name_of(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}
