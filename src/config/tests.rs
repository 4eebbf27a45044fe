//! The configuration as a whole: files in, proved values or errors out.

mod broken;
mod documents;
mod packs;
mod quick;

use super::{Config, ConfigErrors, Warning};

/// 32 zero bytes in hexadecimal, for `[keys] secret = "env:KEY"`.
const KEY: &str = "0000000000000000000000000000000000000000000000000000000000000000";

fn env(name: &str) -> Option<String> {
    match name {
        "KEY" | "TOLLGATE_SECRET" => Some(KEY.to_owned()),
        "TOLLGATE_STORE_URL" => Some("sqlite:data/tollgate.db".to_owned()),
        "GRAFANA_AUTHORIZATION" => Some("Bearer upstream".to_owned()),
        "TOLLGATE_SOC_SECRET" | "TOLLGATE_IDP_SECRET" => Some("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()),
        "EMPTY" => Some(" ".to_owned()),
        _ => None,
    }
}

/// The file `text`, with what every file needs put before it.
fn parse(text: &str) -> Result<(Config, Vec<Warning>), ConfigErrors> {
    Config::parse(&format!("public_url = \"https://gw.example.com\"\nkeys.secret = \"env:KEY\"\n{text}"), &env, 1)
}

fn proved(text: &str) -> Config {
    match parse(text) {
        Ok((config, _)) => config,
        Err(errors) => panic!("{errors}"),
    }
}
