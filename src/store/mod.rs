//! What the product remembers, as verbs of the domain.
//!
//! Each verb is one transaction. A verb that changes something takes a [`Cause`] and writes its audit record and its line in
//! the change feed in that same transaction, so neither can be missing. Where several callers may race, one conditional
//! statement decides, and the losers are told in the verb's result: a refusal is an outcome, committed like any other, and
//! `Err` is for faults alone.

mod accounts;
mod api_keys;
mod apps;
mod audit_log;
mod clients;
#[cfg(test)]
mod contract;
mod devices;
mod feed;
mod grants;
mod hooks;
mod installs;
mod keys;
mod lists;
mod nodes;
mod operators;
mod people;
mod policy;
mod proof;
mod repeats;
mod review;
mod scope_requests;
mod searches;
mod sessions;
pub mod sql;
mod tokens;
mod trials;

use std::sync::Arc;

use async_trait::async_trait;

pub use accounts::{
    AccountStore, Created, Membership, NewUser, Org, OrgState, OrgUpdate, PasswordRecord, User, UserKind, UserState,
};
pub use api_keys::{ApiKey, ApiKeyFacts, ApiKeySearch, ApiKeyStanding, ApiKeyState, ApiKeyStore, DisableReason, Minted};
pub use apps::{App, AppState, AppStore, AppVersion, Definition, Drafted, Edit, Maturity, Publication, Published, Via};
pub use audit_log::{
    AuditFilter, AuditLogStore, AuditPage, AuditRow, Bucket, Cursor, DecisionFilter, Facet, GrantUse, ShadowCount, ShadowFilter,
    ShadowPage, Statuses, Tally,
};
pub use clients::{
    Added, AppClient, Client, ClientAuth, ClientChange, ClientKind, ClientOrigin, ClientSecret, ClientState, ClientStore,
    ClientTerms, GrantType, Hand, KnownClient, MAX_SECRETS, Machine, Removed, Stage,
};
pub use devices::{DevicePoll, DeviceRequest, DeviceStore};
pub use feed::{Change, FeedStore, Mark, Point, Subject};
pub use grants::{
    Grant, GrantFacts, GrantSearch, GrantStanding, GrantState, GrantStore, Idle, Narrowed, Narrowing, RevokeReason,
};
pub use hooks::{HookDelivery, HookStore, NewDelivery, WaitingRecord};
pub use installs::{Footing, Install, InstallStore, Installed};
pub use keys::{KeyState, KeyStore, SealedKey};
pub use lists::ListStore;
pub use nodes::{FeedHead, Listing, NodeRole, NodeRow, NodeStore};
pub use operators::{ClientSearch, Counted, Holding, OperatorStore, OrgSummary, Resting, UserSearch, UserSummary};
pub use people::{
    Accepted, Accepting, Bounds, Guarded, Invitation, MemberSearch, PeopleStore, Reach, ServiceMade, ServiceSwitched,
};
pub use policy::{ClientPolicy, ClientUse, ClientUseSearch, Listed, NewClients, PolicyStore, Stance, UseStanding, Verdict};
#[cfg(any(test, fuzzing))]
pub(crate) use proof::fuzz;
pub use proof::{
    AuditKey, Batch, BatchPage, Digest, Entry, Head, Place, Placed, ProofStore, Proved, SealStore, Signer, Stored, UNREADABLE,
};
pub use repeats::{Once, RepeatStore};
pub use review::ReviewStore;
pub use scope_requests::{
    Approvals, Holder, Refused, ScopeRefusal, ScopeRequest, ScopeRequestState, ScopeRequestStore, ScopeRequests,
};
pub use searches::{MAX_SEARCHES, SavedSearch, SearchStore, Unsaveable};
pub use sessions::{Approve, ApprovedRequest, AuthRequest, Session, SessionDetails, SessionFacts, SessionStore, StillAsks};
pub use tokens::{CodeRecord, NewAccess, NewRefreshToken, Redeem, RefreshState, Rotate, TokenStore};
pub use trials::{Trial, TrialStore};

/// A fault of the store: nothing is known about what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused, failed or could not be reached.
    #[error("the store can't be used: {what}")]
    Unavailable {
        /// What was being done.
        what: &'static str,
        /// Why it failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database is well and does not take this: asked again, it says the same.
    #[error("the store does not take it: {what}")]
    Rejected {
        /// What was being done.
        what: &'static str,
        /// Why it is not taken.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A row holds what no version of this program writes.
    #[error("the store holds an impossible value in {table}.{column} of {row}")]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's key.
        row: String,
    },
    /// The store's address or schema is not one that this program can use.
    #[error("{0}")]
    Unusable(String),
}

/// Everything that a running gateway asks of its store.
#[async_trait]
pub trait Store:
    AccountStore
    + ApiKeyStore
    + AppStore
    + ClientStore
    + GrantStore
    + HookStore
    + InstallStore
    + ListStore
    + OperatorStore
    + PeopleStore
    + PolicyStore
    + ReviewStore
    + ScopeRequestStore
    + SearchStore
    + TokenStore
    + TrialStore
    + SessionStore
    + DeviceStore
    + RepeatStore
    + KeyStore
    + AuditLogStore
    + FeedStore
    + NodeStore
    + ProofStore
    + SealStore
    + Send
    + Sync
    + 'static
{
    /// Reads and writes once, to say whether the store can be used now.
    ///
    /// # Errors
    /// When it can't.
    async fn ping(&self) -> Result<(), StoreError>;

    /// Finishes what runs and lets go of every connection.
    async fn close(&self);
}

/// The store as everything above it holds it.
pub type SharedStore = Arc<dyn Store>;
