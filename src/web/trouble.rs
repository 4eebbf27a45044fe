//! What a person is told when something did not work.

use axum::response::Response;
use http::StatusCode;

use super::params::MAX_PAIRS;
use super::{ParamError, Peer, page};
use crate::config::Config;
use crate::pages::texts::{Explained, troubles};
use crate::pages::views::{Brand, ErrorPage, Frame, Link, Section};
use crate::store::StoreError;
use crate::token::TokenFault;

/// A refusal or failure as a page. Its texts are ours: nothing that was sent is repeated.
#[derive(Debug)]
pub struct Trouble {
    /// HTTP status.
    pub status: StatusCode,
    /// What the person reads.
    pub said: Explained,
    /// A way on.
    pub next: Option<Link>,
}

/// Whose gateway this is.
#[must_use]
pub fn brand(config: &Config) -> Brand {
    Brand { name: config.oauth.operator_name.clone(), logo: config.oauth.operator_logo.as_ref().map(|logo| logo.path.clone()) }
}

/// The frame of a page outside the menu that nobody needs to be signed in for.
#[must_use]
pub fn frame(config: &Config) -> Frame {
    Frame { brand: brand(config), viewer: None, section: Section::Elsewhere }
}

impl Trouble {
    /// A refusal of what the browser sent.
    #[must_use]
    pub const fn refused(said: Explained) -> Self {
        Self::at(StatusCode::BAD_REQUEST, said)
    }

    /// A refusal or failure with its own status.
    #[must_use]
    pub const fn at(status: StatusCode, said: Explained) -> Self {
        Self { status, said, next: None }
    }

    /// A form that no page of ours sent.
    #[must_use]
    pub fn forged() -> Self {
        Self::at(StatusCode::FORBIDDEN, troubles::forged())
    }

    /// The page.
    #[must_use]
    pub fn page(self, config: &Config, peer: &Peer) -> Response {
        let view = ErrorPage { frame: frame(config), said: self.said, reference: peer.request.to_string(), next: self.next };
        page(self.status, &view)
    }

    fn fault(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error, "a page could not be served");
        Self::at(StatusCode::SERVICE_UNAVAILABLE, troubles::unavailable())
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::fault(&error)
    }
}

impl From<TokenFault> for Trouble {
    fn from(error: TokenFault) -> Self {
        Self::fault(&error)
    }
}

impl From<ParamError> for Trouble {
    fn from(error: ParamError) -> Self {
        Self::refused(match error {
            ParamError::TooMany => troubles::too_many_parameters(MAX_PAIRS),
            ParamError::Encoding => troubles::not_form_encoded(),
            ParamError::Repeated(name) => troubles::repeated_parameter(name),
        })
    }
}
