//! Where APIs are mounted.

use std::collections::HashMap;

use super::hash::BuildFnv;

/// Why a text is not a place to mount an API, or not a free one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MountError {
    /// Not `/` followed by segments of plain characters, without a slash at the end.
    #[error("{0:?} is not a mount: write / or /one/or/more/segments of letters, digits and -._~")]
    Malformed(String),
    /// Something is mounted there.
    #[error("{0:?} is mounted twice")]
    Taken(String),
}

/// Mounts by path. The longest one that ends at the end of a segment wins.
#[derive(Debug)]
pub struct MountTable<T> {
    mounts: HashMap<Box<str>, T, BuildFnv>,
    depth: usize,
}

impl<T> MountTable<T> {
    /// Builds a table.
    ///
    /// # Errors
    /// With the first mount that is malformed or taken.
    pub fn build<'a>(mounts: impl IntoIterator<Item = (&'a str, T)>) -> Result<Self, MountError> {
        let mut table = Self { mounts: HashMap::default(), depth: 0 };
        for (mount, value) in mounts {
            let prefix = check(mount)?;
            table.depth = table.depth.max(prefix.matches('/').count());
            if table.mounts.insert(prefix.into(), value).is_some() {
                return Err(MountError::Taken(mount.to_owned()));
            }
        }
        Ok(table)
    }

    /// What is mounted at or above a canonical `path`, and the rest of the path: empty, or starting with `/`.
    #[must_use]
    pub fn lookup<'p>(&self, path: &'p str) -> Option<(&T, &'p str)> {
        let borders = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        // The first border is the root. No mount ends behind the deepest one.
        let found = borders.take(self.depth + 1).filter_map(|at| self.mounts.get(&path[..at]).map(|value| (value, at)));
        found.last().map(|(value, at)| (value, &path[at..]))
    }
}

/// The prefix that a mount stands for: empty for `/`.
fn check(mount: &str) -> Result<&str, MountError> {
    let plain = |s: &str| {
        !matches!(s, "" | "." | "..") && s.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'))
    };
    match mount.strip_prefix('/') {
        Some("") => Ok(""),
        Some(body) if body.split('/').all(plain) => Ok(mount),
        _ => Err(MountError::Malformed(mount.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> MountTable<u8> {
        MountTable::build([("/prometheus", 1), ("/mcp/everything", 2), ("/mcp", 3)]).expect("mounts")
    }

    #[test]
    fn mounts_end_with_a_segment() {
        for (path, found) in [
            ("/prometheus", Some((1, ""))),
            ("/prometheus/", Some((1, "/"))),
            ("/prometheus/api/v1/query", Some((1, "/api/v1/query"))),
            ("/prometheusx", None),
            ("/prom", None),
            ("/mcp", Some((3, ""))),
            ("/mcp/else/where", Some((3, "/else/where"))),
            ("/mcp/everything", Some((2, ""))),
            ("/mcp/everything/x", Some((2, "/x"))),
            ("/mcp/everythingx", Some((3, "/everythingx"))),
            ("/", None),
        ] {
            assert_eq!(table().lookup(path).map(|(v, rest)| (*v, rest)), found, "{path}");
        }
    }

    #[test]
    fn the_root_takes_what_nobody_else_takes() {
        let table = MountTable::build([("/", 0), ("/a", 1)]).expect("mounts");
        assert_eq!(table.lookup("/b/c"), Some((&0, "/b/c")));
        assert_eq!(table.lookup("/"), Some((&0, "/")));
        assert_eq!(table.lookup("/a/c"), Some((&1, "/c")));
    }

    #[test]
    fn what_no_path_can_have_is_no_mount() {
        for bad in ["", "a", "/a/", "//", "/a//b", "/..", "/a b", "/%61", "/{a}"] {
            assert_eq!(MountTable::build([(bad, ())]).err(), Some(MountError::Malformed(bad.to_owned())), "{bad}");
        }
        assert_eq!(MountTable::build([("/a", ()), ("/a", ())]).err(), Some(MountError::Taken("/a".to_owned())));
    }
}
