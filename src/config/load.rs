//! From a file to a [`Config`].

use std::fs;
use std::path::Path;

use super::Config;
use super::error::{ConfigError, ConfigErrors, Warning};
use super::prove::{Surroundings, prove};
use super::raw::RawConfig;
use super::read::{CONFIG_SCHEMA, Reading, read};
use super::secrets::Environment;

/// Stands in for a `public_url` that was reported, so that the rest is proved too.
const STAND_IN: [(&str, &str); 1] = [("public_url", "https://gateway.invalid")];

impl Config {
    /// Reads and proves the file at `path`, with the secrets that it points at. `generation` is the number of the result.
    ///
    /// # Errors
    /// Everything that is wrong with the file, or that it can't be read.
    pub fn load(path: &Path, env: &dyn Environment, generation: u64) -> Result<(Self, Vec<Warning>), ConfigErrors> {
        let text = fs::read_to_string(path).map_err(|e| {
            let problem = format!("can't be read: {e}");
            // Whoever stands in another folder than they think sees where was looked.
            let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
            ConfigErrors(vec![ConfigError::new(path.display(), problem, "name the configuration file with --config")])
        })?;
        Self::parse(&text, env, generation)
    }

    /// Like [`Self::load`], from the text of a file.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(text: &str, env: &dyn Environment, generation: u64) -> Result<(Self, Vec<Warning>), ConfigErrors> {
        let Reading { document, mut errors, dropped } = read::<RawConfig>(text, &CONFIG_SCHEMA, &STAND_IN);
        let Some(raw) = document else { return Err(ConfigErrors(errors)) };
        match prove(&raw, &Surroundings { env, generation, dropped: &dropped }) {
            Ok(proved) if errors.is_empty() => Ok(proved),
            Ok(_) => Err(ConfigErrors(errors)),
            Err(meaning) => {
                errors.extend(meaning);
                Err(ConfigErrors(errors))
            }
        }
    }

    /// Proves a configuration that no file holds.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_raw(raw: &RawConfig, env: &dyn Environment, generation: u64) -> Result<(Self, Vec<Warning>), ConfigErrors> {
        prove(raw, &Surroundings { env, generation, dropped: &[] }).map_err(ConfigErrors)
    }
}
