use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// A tree of independent random streams, addressed by name and number.
///
/// A stream depends on its path from the root only, never on what was drawn elsewhere: adding a strategy,
/// a round or a thread leaves every other stream as it was. Node seeds are SHA-256 of the parent's seed and
/// the branch; streams are ChaCha8, whose output is fixed by its specification.
///
/// ```
/// use alfm_core::SeedTree;
/// use rand::Rng;
/// let round = SeedTree::new(7).child("badge").index(3);
/// assert_eq!(round.rng().next_u64(), round.rng().next_u64());
/// assert_ne!(round.rng().next_u64(), round.child("k-means").rng().next_u64());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeedTree([u8; 32]);

impl SeedTree {
    /// The root of seed `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Sha256::digest(seed.to_le_bytes()).into())
    }

    /// The branch called `name`.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        self.branch(0, name.as_bytes())
    }

    /// The branch numbered `number`.
    #[must_use]
    pub fn index(&self, number: u64) -> Self {
        self.branch(1, &number.to_le_bytes())
    }

    /// The random stream of this node, from its beginning.
    pub fn rng(&self) -> ChaCha8Rng {
        ChaCha8Rng::from_seed(self.0)
    }

    /// One number of this node, for what takes a seed of 64 bits; not a part of its stream.
    pub fn number(&self) -> u64 {
        let bytes = self.branch(2, &[]).0;
        u64::from_le_bytes(std::array::from_fn(|at| bytes[at]))
    }

    /// `kind` keeps a name and a number with the same bytes apart.
    fn branch(&self, kind: u8, bytes: &[u8]) -> Self {
        Self(
            Sha256::new()
                .chain_update(self.0)
                .chain_update([kind])
                .chain_update(bytes)
                .finalize()
                .into(),
        )
    }
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;

    /// The numbers are part of the contract: a change here changes every recorded result.
    #[test]
    fn streams_never_change() {
        let draw = |tree: SeedTree| tree.rng().next_u32();
        let root = SeedTree::new(0);
        assert_eq!(
            [draw(root), draw(root.child("a")), draw(root.index(0))],
            [2_379_803_234, 3_320_366_923, 2_434_183_086]
        );
    }

    #[test]
    fn names_and_numbers_are_different_branches() {
        let root = SeedTree::new(0);
        assert_ne!(root.index(0), root.child("\0\0\0\0\0\0\0\0"));
        assert_ne!(root.child("a").child("b"), root.child("b").child("a"));
    }
}
