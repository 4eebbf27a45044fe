//! Where a gateway is found, read from a file that may be broken otherwise.

use std::net::SocketAddr;
use std::path::PathBuf;

use toml::de::{DeTable, DeValue};

use super::raw::{RawData, RawListen};

/// What it takes to reach a gateway that runs: no more of a file must be sound for somebody to revoke a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whereabouts {
    /// Where it is administered.
    pub admin: SocketAddr,
    /// Where its secret is.
    pub data_dir: PathBuf,
}

impl Whereabouts {
    /// From the text of a configuration file, whatever is wrong with the rest of it. `None` when it is these keys that are wrong.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (table, _) = DeTable::parse_recoverable(text);
        let admin = match key(table.get_ref(), "listen", "admin") {
            Some(value) => value.as_str()?.parse::<SocketAddr>().ok()?,
            None => RawListen::default().admin.0,
        };
        let data_dir = match key(table.get_ref(), "data", "dir") {
            Some(value) => PathBuf::from(value.as_str()?),
            None => RawData::default().dir,
        };
        Some(Self { admin, data_dir })
    }
}

fn key<'t, 'i>(table: &'t DeTable<'i>, section: &str, name: &str) -> Option<&'t DeValue<'i>> {
    entry(entry(table, section)?.as_table()?, name)
}

fn entry<'t, 'i>(table: &'t DeTable<'i>, key: &str) -> Option<&'t DeValue<'i>> {
    table.iter().find(|(name, _)| &**name.get_ref() == key).map(|(_, value)| value.get_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<(String, String)> {
        Whereabouts::read(text).map(|found| (found.admin.to_string(), found.data_dir.display().to_string()))
    }

    #[test]
    fn only_two_keys_have_to_be_sound() {
        let own = Some(("127.0.0.1:7".to_owned(), "/srv/tg".to_owned()));
        let keys = "listen.admin = \"127.0.0.1:7\"\ndata = { dir = \"/srv/tg\" }\n";
        for rest in ["", "public_url = 7", "[oauth\nx = 1", "[[apis]]\nname = \"unended", "x = \n[keys]\nsecret = \"env:NONE\""] {
            assert_eq!(found(&format!("{keys}{rest}")), own, "{rest}");
        }
        assert_eq!(found(""), Some(("127.0.0.1:9901".to_owned(), "data".to_owned())));
        assert_eq!(found("listen.admin = \"here\""), None);
        assert_eq!(found("data.dir = 1"), None);
    }
}
