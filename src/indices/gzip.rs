//! Bodies that come compressed (RFC 1952), inflated as they pass: what is looked at is what goes on.

use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use flate2::{Decompress, FlushDecompress, Status};

use super::Refused;
use crate::types::{Buffer, Memory};

/// How much longer a body may become, on the whole.
const GROWTH: u64 = 100;
/// What it may become in any case, bytes.
const FREE: u64 = 64 * 1024;
/// Longest name of a file in a head, bytes.
const NAME: usize = 255;
/// Bytes that are inflated at a time.
const BLOCK: usize = 8 * 1024;
/// Bytes of a head, and of what stands behind the data.
const HEAD: usize = 10;
const TAIL: usize = 8;
/// The flag of a head with a name (RFC 1952 §2.3.1); that of text says nothing.
const NAMED: u8 = 0b1000;
const TEXT: u8 = 0b1;

/// Inflates one member of gzip, piece by piece. Whatever servers could read in two ways is an error: a second member, bytes
/// behind the first, heads with more than a name.
#[derive(Debug)]
pub(super) struct Gunzip {
    memory: Arc<Memory>,
    part: Part,
    /// What of a head or tail has come.
    held: Vec<u8>,
    inflate: Decompress,
    /// The CRC-32 of what was given.
    sum: u32,
}

/// Which part of the member comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Head,
    Name,
    Data,
    Tail,
    End,
}

impl Gunzip {
    pub(super) fn new(memory: &Arc<Memory>) -> Self {
        Self { memory: Arc::clone(memory), part: Part::Head, held: Vec::new(), inflate: Decompress::new(false), sum: 0 }
    }

    /// What a piece becomes. `end` says that it is the last one.
    pub(super) fn pass(&mut self, piece: &[u8], end: bool) -> Result<Bytes, Refused> {
        let (mut rest, mut out) = (piece, Buffer::new(&self.memory));
        while !rest.is_empty() {
            rest = match self.part {
                Part::Head => self.head(rest)?,
                Part::Name => self.name(rest)?,
                Part::Data => self.data(rest, &mut out)?,
                Part::Tail => self.tail(rest)?,
                Part::End => return Err(Refused::Coding),
            };
        }
        if end && self.part != Part::End { Err(Refused::Coding) } else { Ok(out.freeze()) }
    }

    /// Collects `most` bytes; `None` until they are there.
    fn collect<'p>(&mut self, piece: &'p [u8], most: usize) -> (&'p [u8], Option<Vec<u8>>) {
        let (taken, rest) = piece.split_at(piece.len().min(most - self.held.len()));
        self.held.extend_from_slice(taken);
        (rest, (self.held.len() == most).then(|| std::mem::take(&mut self.held)))
    }

    fn head<'p>(&mut self, piece: &'p [u8]) -> Result<&'p [u8], Refused> {
        let (rest, head) = self.collect(piece, HEAD);
        if let Some(head) = head {
            let flags = head[3] & !TEXT;
            // 8 is deflate, the only method there is.
            if head[..3] != [0x1f, 0x8b, 8] || (flags != 0 && flags != NAMED) {
                return Err(Refused::Coding);
            }
            self.part = if flags == NAMED { Part::Name } else { Part::Data };
        }
        Ok(rest)
    }

    fn name<'p>(&mut self, piece: &'p [u8]) -> Result<&'p [u8], Refused> {
        let end = piece.iter().position(|b| *b == 0);
        self.held.extend_from_slice(&piece[..end.unwrap_or(piece.len())]);
        if self.held.len() > NAME {
            return Err(Refused::Coding);
        }
        let Some(end) = end else { return Ok(&[]) };
        self.held.clear();
        self.part = Part::Data;
        Ok(&piece[end + 1..])
    }

    fn data<'p>(&mut self, piece: &'p [u8], out: &mut Buffer) -> Result<&'p [u8], Refused> {
        let mut rest = piece;
        let mut block = [0; BLOCK];
        loop {
            let (read, made) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self.inflate.decompress(rest, &mut block, FlushDecompress::None).map_err(|_| Refused::Coding)?;
            let took = usize::try_from(self.inflate.total_in() - read).unwrap_or(rest.len());
            let gave = usize::try_from(self.inflate.total_out() - made).unwrap_or(BLOCK);
            rest.advance(took);
            self.give(&block[..gave], out)?;
            match status {
                Status::StreamEnd => {
                    self.part = Part::Tail;
                    return Ok(rest);
                }
                // With room left in the block, nothing more is in what has come.
                Status::Ok | Status::BufError if rest.is_empty() && gave < BLOCK => return Ok(rest),
                Status::Ok | Status::BufError if took == 0 && gave == 0 => return Err(Refused::Coding),
                Status::Ok | Status::BufError => {}
            }
        }
    }

    fn give(&mut self, inflated: &[u8], out: &mut Buffer) -> Result<(), Refused> {
        // By what was read of the data, not by what has come: where a body is cut must not matter.
        if self.inflate.total_out() > self.inflate.total_in().saturating_mul(GROWTH).saturating_add(FREE) {
            return Err(Refused::Grows);
        }
        let mut sum = crc32fast::Hasher::new_with_initial(self.sum);
        sum.update(inflated);
        self.sum = sum.finalize();
        Ok(out.push(inflated)?)
    }

    fn tail<'p>(&mut self, piece: &'p [u8]) -> Result<&'p [u8], Refused> {
        let (rest, tail) = self.collect(piece, TAIL);
        if let Some(tail) = tail {
            let mut tail = &*tail;
            let length = self.inflate.total_out() & u64::from(u32::MAX);
            if tail.get_u32_le() != self.sum || u64::from(tail.get_u32_le()) != length {
                return Err(Refused::Coding);
            }
            self.part = Part::End;
        }
        Ok(rest)
    }
}
