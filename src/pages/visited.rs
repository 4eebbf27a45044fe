//! What the browser's tests are told to look at.

use std::collections::BTreeSet;

/// Every address of the pages, by what a browser does there.
const LIST: &str = include_str!("../../tests/browser/pages.txt");

/// The listed addresses below one of these; all that are below none of `others` when there is none.
pub(crate) fn visited(below: &[&str], others: &[&str]) -> BTreeSet<&'static str> {
    let lines = LIST.lines().filter(|line| !line.starts_with('#'));
    let paths = lines.map(|line| line.split_once(' ').map_or(line, |(_, path)| path));
    let under = |path: &str, roots: &[&str]| roots.iter().any(|root| path == *root || path.starts_with(&format!("{root}/")));
    paths.filter(|path| if below.is_empty() { !under(path, others) } else { under(path, below) }).collect()
}
