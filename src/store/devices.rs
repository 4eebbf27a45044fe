//! Device authorization requests (RFC 8628): a device that waits while a person decides elsewhere.

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;

use super::{Approve, Created, Grant, NewAccess, NewRefreshToken, StillAsks, StoreError};
use crate::record::Cause;
use crate::types::{AuthRequestId, ClientId, GrantId, HashedToken, ResourceId, ScopeSet, Timestamp, UserCode};

/// A request that a device made, frozen as it came, with what a person needs to recognise it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceRequest {
    /// Its id, for records.
    pub id: AuthRequestId,
    /// Who asks.
    pub client: ClientId,
    /// What the person types.
    pub user_code: UserCode,
    /// What is asked for.
    pub scopes: ScopeSet,
    /// For which resources; empty when none was named.
    pub resources: Vec<ResourceId>,
    /// The address that it came from.
    pub from: Option<IpAddr>,
    /// The program that it came from, as it called itself.
    pub user_agent: Option<String>,
    /// How long the device has to wait between two questions. Grows when it asks too fast.
    pub interval: Duration,
    /// When it came.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// What its user agreed to, once they did.
    pub grant: Option<GrantId>,
}

/// The outcome of a device asking whether its user has decided (RFC 8628 §3.5).
#[derive(Clone, Debug)]
pub enum DevicePoll {
    /// The user agreed, and this caller is the one that gets the tokens.
    Won(Box<Grant>),
    /// Nobody decided yet.
    Pending,
    /// Nobody decided yet, and the device did not wait. From now on it has to wait this long.
    TooFast(Duration),
    /// The user declined.
    Denied,
    /// Nobody decided in time, or the tokens were not fetched in time.
    Expired,
    /// No such request of this client, or its tokens were given out, or its grant has ended.
    Unknown,
}

/// Verbs on device authorization requests.
#[async_trait]
pub trait DeviceStore {
    /// Freezes a request; [`Created::Taken`] when its user code is in use.
    async fn begin_device(&self, request: &DeviceRequest, device: &HashedToken, cause: &Cause) -> Result<Created, StoreError>;
    /// A request that waits for its decision.
    async fn waiting_device(&self, code: &UserCode, at: Timestamp) -> Result<Option<DeviceRequest>, StoreError>;
    /// The request of a device code, whatever became of it.
    async fn device_request(&self, device: &HashedToken) -> Result<Option<DeviceRequest>, StoreError>;
    /// Agrees: makes the grant, which must be the request's client's. One decision counts, and only while the client is active and
    /// `still` asks.
    async fn approve_device(
        &self,
        code: &UserCode,
        grant: &Grant,
        still: &dyn StillAsks,
        cause: &Cause,
    ) -> Result<Approve, StoreError>;
    /// Declines. One decision counts.
    async fn deny_device(&self, code: &UserCode, cause: &Cause) -> Result<Approve, StoreError>;
    /// The device asks. Of all that ask for an approved request exactly one wins: `access` goes on record and `refresh` is stored
    /// with that, ending with its grant at the latest. Without `access` nobody wins, and an approved request waits as before.
    async fn poll_device(
        &self,
        device: &HashedToken,
        client: &ClientId,
        access: Option<&NewAccess>,
        refresh: Option<&NewRefreshToken>,
        cause: &Cause,
    ) -> Result<DevicePoll, StoreError>;
}
