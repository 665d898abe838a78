use alfm_acquire::{Acquisition, Error, Pick, Pool, select_with_oracle};
use alfm_core::{ClassId, SeedTree};

/// One batch; a strategy that asks within the batch gets one answer at a time, out of `truth`.
///
/// # Errors
/// As [`Acquisition::select`].
pub fn select(
    strategy: &dyn Acquisition,
    pool: &Pool<'_>,
    budget: usize,
    truth: &[ClassId],
) -> Result<Vec<Pick>, Error> {
    let seed = SeedTree::new(0);
    let mut oracle = |rows: &[usize]| Some(rows.iter().map(|row| truth[*row]).collect());
    match strategy.interactive() {
        Some(asking) => select_with_oracle(asking, pool, budget, 1, &seed, &mut oracle),
        None => strategy.select(pool, budget, &seed),
    }
}
