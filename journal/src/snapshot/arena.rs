//! Payloads that stay in memory with the snapshot that was made of them.

use std::sync::OnceLock;

/// Bytes that are put here one piece after the other and stay where they are, so that what is
/// decoded of them can borrow from them.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    first: NextPiece,
}

type NextPiece = OnceLock<Box<Piece>>;

#[derive(Debug)]
struct Piece {
    bytes: Vec<u8>,
    next: NextPiece,
}

/// Where the next piece goes.
#[derive(Debug)]
pub(crate) struct Keeper<'p> {
    end: &'p NextPiece,
}

impl Arena {
    pub(super) fn keeper(&self) -> Keeper<'_> {
        Keeper { end: &self.first }
    }
}

impl<'p> Keeper<'p> {
    /// Keeps the bytes as long as all others.
    pub(crate) fn keep(&mut self, bytes: Vec<u8>) -> &'p [u8] {
        if bytes.is_empty() {
            return &[];
        }
        let next = NextPiece::new();
        let mut piece = Box::new(Piece { bytes, next });
        // Another keeper may have put pieces of its own here.
        while let Err(back) = self.end.set(piece) {
            piece = back;
            self.end = self.end.get().map_or(self.end, |other| &other.next);
        }
        let Some(kept) = self.end.get() else {
            return &[];
        };
        self.end = &kept.next;
        &kept.bytes
    }
}

impl Drop for Arena {
    /// Piece by piece: left to themselves, each would drop the next one on top of itself.
    fn drop(&mut self) {
        let mut next = self.first.take();
        while let Some(mut piece) = next {
            next = piece.next.take();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_stay_as_they_were_kept_whoever_keeps_them() {
        let arena = Arena::default();
        let mut keepers = [arena.keeper(), arena.keeper()];
        let mut kept = Vec::new();
        for number in 0..=u8::MAX {
            let keeper = &mut keepers[usize::from(number % 3 == 0)];
            kept.push((number, keeper.keep(vec![number; 3])));
        }
        for (number, bytes) in kept {
            assert_eq!(bytes, [number; 3]);
        }
    }

    #[test]
    fn a_million_pieces_are_dropped() {
        let arena = Arena::default();
        let mut keeper = arena.keeper();
        for _ in 0..1_000_000 {
            keeper.keep(vec![0]);
        }
    }
}
