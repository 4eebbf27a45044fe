//! How long a body may be, as far as that is known before it comes.

use super::authorize::Permit;
use super::denial::Denial;

/// Whether the route takes a body of this length; one that is not declared is counted while it passes.
///
/// # Errors
/// [`Denial::BodyTooLarge`].
pub fn of_route(permit: &Permit, length: Option<u64>) -> Result<(), Denial> {
    within(permit.rule().max_body, length)
}

/// Whether a body of this length may be read whole, to decide by it.
///
/// # Errors
/// [`Denial::BodyTooLarge`].
pub fn of_message(most: usize, length: Option<u64>) -> Result<(), Denial> {
    within(u64::try_from(most).ok(), length)
}

/// The longest MCP message that is read, bytes: `most`, or what its route takes where that is less. No more is held of one that does
/// not say how long it is.
#[must_use]
pub fn longest_message(most: usize, permit: &Permit) -> usize {
    // What shadow mode would refuse goes on, and so has to be read.
    let of_route = permit.rule().max_body.filter(|_| permit.is_enforced());
    of_route.map_or(most, |of_route| usize::try_from(of_route).map_or(most, |of_route| most.min(of_route)))
}

fn within(most: Option<u64>, length: Option<u64>) -> Result<(), Denial> {
    let too_long = most.zip(length).is_some_and(|(most, length)| length > most);
    if too_long { Err(Denial::BodyTooLarge) } else { Ok(()) }
}
