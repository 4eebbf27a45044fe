//! What a person is told when something did not work.

use axum::response::Response;
use http::StatusCode;

use super::{ParamError, Peer, page};
use crate::config::Config;
use crate::pages::views::{Brand, ErrorPage, Frame, Link, Section};
use crate::store::StoreError;
use crate::token::TokenFault;

/// A refusal or failure as a page. Its texts are ours: nothing that was sent is repeated.
#[derive(Debug)]
pub struct Trouble {
    /// HTTP status.
    pub status: StatusCode,
    /// The page's title.
    pub title: &'static str,
    /// What happened and why.
    pub happened: String,
    /// What the person can do.
    pub advice: &'static str,
    /// A way on.
    pub next: Option<Link>,
}

/// Whose gateway this is.
#[must_use]
pub fn brand(config: &Config) -> Brand {
    Brand { name: config.oauth.operator_name.clone(), logo: None }
}

/// The frame of a page outside the menu that nobody needs to be signed in for.
#[must_use]
pub fn frame(config: &Config) -> Frame {
    Frame { brand: brand(config), viewer: None, section: Section::Elsewhere }
}

impl Trouble {
    /// A refusal of what the browser sent.
    #[must_use]
    pub fn refused(title: &'static str, happened: impl Into<String>, advice: &'static str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, title, happened: happened.into(), advice, next: None }
    }

    /// A form that no page of ours sent.
    #[must_use]
    pub fn forged() -> Self {
        let happened =
            "The form did not come from one of this site's own pages, or the page was open for too long. Nothing was changed.";
        let advice = "Go back, reload the page and try again.";
        Self { status: StatusCode::FORBIDDEN, ..Self::refused("This form can't be accepted", happened, advice) }
    }

    /// The page.
    #[must_use]
    pub fn page(self, config: &Config, peer: &Peer) -> Response {
        let view = ErrorPage {
            frame: frame(config),
            title: self.title.to_owned(),
            happened: self.happened,
            advice: self.advice.to_owned(),
            reference: peer.request.to_string(),
            next: self.next,
        };
        page(self.status, &view)
    }

    fn fault(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error, "a page could not be served");
        let happened = "A part of this service can't be reached at the moment. Nothing was changed.";
        let advice = "Wait a moment, then try again. If it goes on, tell your administrator the reference below.";
        Self { status: StatusCode::SERVICE_UNAVAILABLE, ..Self::refused("This can't be done right now", happened, advice) }
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
        let advice = "Start again from the application that sent you here. If it happens again, tell its maker.";
        Self::refused("This request can't be read", format!("It is malformed: {error}."), advice)
    }
}
