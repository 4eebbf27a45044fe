//! What can go wrong on any page.

use super::{Explained, Text};

/// Nothing is at an address.
#[must_use]
pub const fn missing() -> Explained {
    Explained::fixed(
        "Nothing is here",
        "There is no page at this address, or you may not see it.",
        "Check the address, or start again from your applications.",
    )
}

/// The same answer for what is not there and for what somebody may not see.
#[must_use]
pub const fn not_yours() -> Explained {
    Explained::fixed(
        "This page isn't here",
        "There is nothing at this address that you may see.",
        "Check the address. If somebody sent it to you, ask them whether you should have access.",
    )
}

/// A form that no page of ours sent.
#[must_use]
pub const fn forged() -> Explained {
    Explained::fixed(
        "This form can't be accepted",
        "The form did not come from one of this site's own pages, or the page was open for too long. Nothing was changed.",
        "Go back, reload the page and try again.",
    )
}

/// A part of the gateway failed.
#[must_use]
pub const fn unavailable() -> Explained {
    Explained::fixed(
        "This can't be done right now",
        "A part of this service can't be reached at the moment. Nothing was changed.",
        "Wait a moment, then try again. If it goes on, tell your administrator the reference below.",
    )
}

const fn unreadable(happened: Text) -> Explained {
    Explained {
        title: Text::fixed("This request can't be read"),
        happened,
        advice: Text::fixed("Start again from the application that sent you here. If it happens again, tell its maker."),
    }
}

/// A request with more parameters than anything sends.
#[must_use]
pub fn too_many_parameters(most: usize) -> Explained {
    unreadable(Text::filled(format!("It is malformed: the request has more than {most} parameters.")))
}

/// A query or body that is no form.
#[must_use]
pub const fn not_form_encoded() -> Explained {
    unreadable(Text::fixed("It is malformed: the parameters are not form-encoded UTF-8 (RFC 6749 appendix B)."))
}

/// A parameter that stands there twice.
#[must_use]
pub fn repeated_parameter(name: &str) -> Explained {
    unreadable(Text::filled(format!("It is malformed: the parameter {name} is given more than once (RFC 6749 section 3.1).")))
}

/// More requests for authorization than people make.
#[must_use]
pub const fn too_many_requests() -> Explained {
    Explained {
        title: Text::fixed("Too many requests"),
        happened: Text::fixed("Very many requests to authorize an application came from your network. This one was not kept."),
        advice: Text::fixed("Wait some minutes, then start again from the application that sent you here."),
    }
}

/// A form of an authorization request that is longer than any is.
#[must_use]
pub const fn unusual_request() -> Explained {
    unreadable(Text::fixed("It is too large, or has parameters in both its URL and its form."))
}
