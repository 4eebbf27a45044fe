//! Which apps organizations have, and how they part with them.

use async_trait::async_trait;

use super::StoreError;
use crate::record::Cause;
use crate::types::{AppId, OrgId, Timestamp, UserId};

/// An app in an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Install {
    /// The organization.
    pub org: OrgId,
    /// The app.
    pub app: AppId,
    /// Since when.
    pub at: Timestamp,
    /// Through whom: who consented first, or the administrator who said so.
    pub by: Option<UserId>,
}

/// What an app has in an organization, or what ended when it was uninstalled there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footing {
    /// Live grants.
    pub grants: u64,
    /// The users they are of.
    pub users: u64,
    /// API keys that work.
    pub keys: u64,
}

/// An app in an organization, as the organization sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// That it has it.
    pub install: Install,
    /// The app's name: of its draft where it was made, elsewhere of its last version.
    pub name: String,
    /// What it has there.
    pub footing: Footing,
}

/// Verbs on installations. The first consent to a client of an app installs it, in the transaction of the consent; one for a trial
/// installs it until nothing of the trial lives, unless somebody consents for good, or an administrator installs it, meanwhile.
#[async_trait]
pub trait InstallStore {
    /// Installs an app before anybody consents, and lets its clients through the organization's approval, those of an app that is
    /// installed as well; `false` when it is installed and none of them needs that, or there is no such app.
    async fn install_app(&self, org: &OrgId, app: &AppId, cause: &Cause) -> Result<bool, StoreError>;
    /// Ends everything that an app has in an organization, at once: its grants, its API keys, the installation. `None` when it has
    /// nothing there.
    async fn uninstall_app(&self, org: &OrgId, app: &AppId, cause: &Cause) -> Result<Option<Footing>, StoreError>;
    /// Uninstalls what trials installed that ended by themselves, and disables the API keys that were made in them; how many
    /// installations that were.
    async fn end_trial_installs(&self, cause: &Cause) -> Result<u64, StoreError>;
    /// The apps that an organization has, the latest first.
    async fn installs(&self, org: &OrgId) -> Result<Vec<Install>, StoreError>;
    /// The apps that an organization has and what each has there at `at`, the newest apps first: at most `limit` behind `after`, in one
    /// read.
    async fn installs_behind(
        &self,
        org: &OrgId,
        at: Timestamp,
        after: Option<&AppId>,
        limit: u32,
    ) -> Result<Vec<Installed>, StoreError>;
    /// What an app has in an organization.
    async fn footing(&self, org: &OrgId, app: &AppId, at: Timestamp) -> Result<Footing, StoreError>;
}
