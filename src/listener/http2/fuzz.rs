//! The frames of a connection, for whoever looks for bytes that make us lose count.

use super::frames::{Frames, Speaks};

/// Where bytes are cut makes no difference, and another reading finds the same number of frames. The first byte says how they are cut.
pub fn frames(data: &[u8]) {
    let Some((cut, bytes)) = data.split_first() else { return };
    let cut = usize::from(*cut).max(1);
    let follow = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let (mut frames, mut told) = (Frames::default(), Vec::new());
        pieces.for_each(|piece| frames.follow(piece, |frame| told.push(frame)));
        (told, frames.is_between())
    };
    let whole = follow(&mut std::iter::once(bytes));
    assert_eq!(follow(&mut bytes.chunks(cut)), whole);
    let (mut rest, mut count) = (bytes, 0);
    while let [a, b, c, _, _, _, _, _, _, payload @ ..] = rest {
        let length = (usize::from(*a) << 16) | (usize::from(*b) << 8) | usize::from(*c);
        let Some(next) = payload.get(length..) else { break };
        (rest, count) = (next, count + 1);
    }
    assert_eq!((whole.0.len(), whole.1), (count, rest.is_empty()));
    let spoken = bytes.chunks(cut).fold(Speaks::NOTHING, |speaks, piece| speaks.hear(piece).0);
    assert_eq!(spoken, if bytes.is_empty() { Speaks::NOTHING } else { Speaks::NOTHING.hear(bytes).0 });
}
