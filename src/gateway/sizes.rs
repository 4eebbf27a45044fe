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

fn within(most: Option<u64>, length: Option<u64>) -> Result<(), Denial> {
    let too_long = most.zip(length).is_some_and(|(most, length)| length > most);
    if too_long { Err(Denial::BodyTooLarge) } else { Ok(()) }
}
