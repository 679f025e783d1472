//! The set of tokens that may come next.
//!
//! One bit a token id, in 32-bit words from the lowest id up: the layout that the grammar engine computes and that a
//! compute device can read as is. A mask says nothing of why a token is allowed; see `constraint` for that.

use toktrie::SimpleVob;

/// A set of token ids, as large as the vocabulary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenMask(SimpleVob);

impl TokenMask {
    /// A mask over `vocabulary_size` tokens that allows only `ids`; ids beyond the vocabulary are left out.
    pub fn only(vocabulary_size: usize, ids: impl IntoIterator<Item = u32>) -> Self {
        let mut bits = SimpleVob::alloc(vocabulary_size);
        for id in ids.into_iter().filter(|&id| (id as usize) < vocabulary_size) {
            bits.allow_token(id);
        }
        Self(bits)
    }

    pub(super) fn from_bits(bits: SimpleVob) -> Self {
        Self(bits)
    }

    /// Tokens in the vocabulary, allowed or not.
    pub fn vocabulary_size(&self) -> usize {
        self.0.len()
    }

    /// Whether `id` may come next; an id beyond the vocabulary may not.
    pub fn allows(&self, id: u32) -> bool {
        (id as usize) < self.0.len() && self.0.is_allowed(id)
    }

    /// The allowed ids in ascending order.
    pub fn ids(&self) -> impl Iterator<Item = u32> + '_ {
        let vocabulary_size = self.0.len();
        self.0.iter().take_while(move |&id| (id as usize) < vocabulary_size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_exactly_the_given_ids() {
        let mask = TokenMask::only(70, [3, 69, 32, 70, 4_000_000_000]);
        assert_eq!(mask.ids().collect::<Vec<_>>(), [3, 32, 69]);
        assert!(mask.allows(69) && !mask.allows(68) && !mask.allows(70) && !mask.allows(u32::MAX));
    }

    #[test]
    fn empty_vocabulary_allows_nothing() {
        let mask = TokenMask::only(0, [0]);
        assert_eq!((mask.ids().count(), mask.allows(0)), (0, false));
    }
}
