//! Tests of the module as its users see it.

mod answer;
mod arguments;
mod filter;
mod headers;
mod listening;
mod lists;
mod policy;
mod request;
mod sse;
mod tasks;

use crate::types::ScopeBits;

fn bits(positions: impl IntoIterator<Item = usize>) -> ScopeBits {
    let mut bits = ScopeBits::NONE;
    for position in positions {
        bits.set(position);
    }
    bits
}
