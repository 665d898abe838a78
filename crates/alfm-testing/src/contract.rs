//! What every strategy keeps, whatever its rule.
//!
//! Each function panics, with the strategy's name and the smallest pool that shows it, where a strategy doesn't.
//! [`check`] is all that holds for any strategy; [`follows_permutations`] and [`first_follows_permutations`] hold for
//! strategies that don't draw.

use alfm_acquire::{Acquisition, Interactive, Pick, Pool, select_with_oracle};
use alfm_core::{ClassId, SeedTree};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::{OwnedPool, pools};

/// All that holds for any strategy: the functions below but for the two on permutations.
///
/// # Panics
/// If the strategy breaks its contract.
pub fn check(strategy: &dyn Acquisition) {
    names_its_needs(strategy);
    holds_at_the_edges(strategy);
    fills_the_batch(strategy);
    seed_decides_alone(strategy);
    asks_only_what_it_returns(strategy);
}

/// A batch is exactly `min(budget, candidates)` distinct candidates, none of them labelled, each with a score.
///
/// # Panics
/// If the strategy breaks its contract.
pub fn fills_the_batch(strategy: &dyn Acquisition) {
    let inputs = (pools(), 0usize..30, any::<u64>(), any::<u32>());
    for_all(strategy, &inputs, |(owned, budget, seed, barred)| {
        keeps_the_contract(
            strategy,
            &owned.select(strategy, budget, seed),
            &owned.unlabelled(),
            budget,
        )?;
        // A pool of which some rows are not to be asked.
        let candidates: Vec<usize> =
            owned.unlabelled().into_iter().filter(|row| barred >> row & 1 == 0).collect();
        let picks = owned.with_pool(|pool| {
            let pool = pool.restricted_to(candidates.iter().copied());
            strategy.select(&pool, budget, &SeedTree::new(seed)).unwrap()
        });
        keeps_the_contract(strategy, &picks, &candidates, budget)
    });
}

/// The same seed and inputs give the same picks and scores, on any number of threads.
///
/// # Panics
/// If the strategy breaks its contract.
pub fn seed_decides_alone(strategy: &dyn Acquisition) {
    let one = threads(1);
    let three = threads(3);
    for_all(strategy, &(pools(), any::<u64>()), |(owned, seed)| {
        let alone = one.install(|| owned.select(strategy, 5, seed));
        let together = three.install(|| owned.select(strategy, 5, seed));
        prop_assert_eq!(&alone, &together, "one thread and three");
        prop_assert_eq!(alone, owned.select(strategy, 5, seed), "asked again");
        Ok(())
    });
}

/// A strategy that asks within the batch keeps the contract whatever it is answered, asks each row once and no more at
/// a time than there are annotators, and what it asks depends on the answers before alone.
///
/// The answers are noise: a strategy may not rely on them. A strategy that doesn't ask within the batch keeps this.
///
/// # Panics
/// If the strategy breaks its contract.
pub fn asks_only_what_it_returns(strategy: &dyn Acquisition) {
    let Some(interactive) = strategy.interactive() else { return };
    let one = threads(1);
    let inputs = (pools(), 0usize..30, 1usize..6, any::<u64>(), 0usize..8);
    for_all(strategy, &inputs, |(owned, budget, annotators, seed, same)| {
        let answer = |row: usize| ClassId::from_index(row % owned.classes);
        let game = Game { owned: &owned, interactive, budget, annotators, seed };
        let (picks, waves) = game.play(&mut |_, row| answer(row));
        keeps_the_contract(strategy, &picks, &owned.unlabelled(), budget)?;
        let asked: Vec<usize> = waves.concat();
        prop_assert_eq!(asked, picks.iter().map(|pick| pick.row).collect::<Vec<_>>());
        prop_assert!(waves.iter().all(|wave| wave.len() <= annotators));
        let again = one.install(|| game.play(&mut |_, row| answer(row)));
        prop_assert_eq!((&again.0, &again.1), (&picks, &waves), "one thread");
        // Other answers from wave `same` on: what was asked up to then can't have known them.
        let (_, others) = game.play(&mut |wave, row| {
            if wave < same { answer(row) } else { answer(row + 1) }
        });
        prop_assert_eq!(
            others.iter().take(same + 1).collect::<Vec<_>>(),
            waves.iter().take(same + 1).collect::<Vec<_>>(),
            "a question depends on an answer that was not given yet"
        );
        Ok(())
    });
}

/// What a strategy names as its needs is enough, and each of them is missed by name.
///
/// # Panics
/// If the strategy breaks its contract.
pub fn names_its_needs(strategy: &dyn Acquisition) {
    let owned = identical(7);
    let select = |wanted: &dyn Fn(alfm_acquire::Input) -> bool| {
        owned.with_inputs(wanted, |pool| strategy.select(pool, 3, &SeedTree::new(0)))
    };
    let name = strategy.name();
    let picks = select(&|input| strategy.needs().contains(input));
    let picks = picks.unwrap_or_else(|error| panic!("{name} needs more than it names: {error}"));
    assert_eq!(picks.len(), 3, "{name}");
    for missing in strategy.needs().iter() {
        let error = select(&|input| input != missing).expect_err("an input is missing").to_string();
        assert!(error.contains(name) && error.contains(&missing.to_string()), "{name}: {error}");
    }
}

/// Items that are all the same fill a batch; no budget and nothing left to choose give an empty one; experts may be
/// certain and embeddings zero.
///
/// # Panics
/// If the strategy breaks its contract.
pub fn holds_at_the_edges(strategy: &dyn Acquisition) {
    let name = strategy.name();
    for rows in [1, 2, 7] {
        let owned = identical(rows);
        assert_eq!(owned.select(strategy, 4, 0).len(), rows.min(4), "{name}: {rows} alike");
        assert_eq!(owned.select(strategy, 0, 0), [], "{name}: no budget");
        let labelled = vec![Some(ClassId::new(0)); rows];
        let labelled = OwnedPool { observed: labelled, ..owned.clone() };
        assert_eq!(labelled.select(strategy, 4, 0), [], "{name}: nothing is left");
        let certain = OwnedPool {
            probabilities: [1.0, 0.0, 0.0].repeat(rows),
            embeddings: vec![0.0; 2 * rows],
            ..owned
        };
        let picks = certain.select(strategy, rows, 0);
        keeps_the_contract(strategy, &picks, &certain.unlabelled(), rows)
            .unwrap_or_else(|fault| panic!("{name}, certain of zeros: {fault}"));
    }
}

/// Rows in another order give picks with the same scores: for strategies that neither draw nor sum over rows.
///
/// Strategies that draw do so by position, so they need not keep this.
///
/// # Panics
/// If the scores differ.
pub fn follows_permutations(strategy: &dyn Acquisition) {
    for_all(strategy, &pools(), |mut owned| {
        owned.observed[0] = Some(ClassId::new(0));
        let scores = |picks: Vec<Pick>| picks.iter().map(|pick| pick.score).collect::<Vec<_>>();
        let straight = scores(owned.select(strategy, 4, 0));
        prop_assert_eq!(straight, scores(reversed(&owned).select(strategy, 4, 0)));
        Ok(())
    });
}

/// Rows in another order give a first pick with the same score, to five digits: for strategies that sum over rows.
///
/// A permutation may move the last bits of their scores, and with them what follows a tie.
///
/// # Panics
/// If the scores differ.
pub fn first_follows_permutations(strategy: &dyn Acquisition) {
    for_all(strategy, &pools(), |owned| {
        let straight = owned.select(strategy, 4, 0);
        let reversed = reversed(&owned).select(strategy, 4, 0);
        if let (Some(a), Some(b)) = (straight.first(), reversed.first()) {
            prop_assert!((a.score - b.score).abs() < 1e-5, "{:?} {:?}", a, b);
        }
        Ok(())
    });
}

fn keeps_the_contract(
    strategy: &dyn Acquisition,
    picks: &[Pick],
    candidates: &[usize],
    budget: usize,
) -> Result<(), TestCaseError> {
    let name = strategy.name();
    prop_assert_eq!(picks.len(), budget.min(candidates.len()), "{} of {}", name, budget);
    prop_assert!(picks.iter().all(|pick| !pick.score.is_nan()), "{}: a score is NaN", name);
    let mut rows: Vec<usize> = picks.iter().map(|pick| pick.row).collect();
    prop_assert!(rows.iter().all(|row| candidates.contains(row)), "{} picks no candidate", name);
    rows.sort_unstable();
    rows.dedup();
    prop_assert_eq!(rows.len(), picks.len(), "{} repeats a row", name);
    Ok(())
}

/// A batch that is asked within.
struct Game<'a> {
    owned: &'a OwnedPool,
    interactive: &'a dyn Interactive,
    budget: usize,
    annotators: usize,
    seed: u64,
}

impl Game<'_> {
    /// The picks, and the rows that were asked together; `answer` takes the number of a wave and a row.
    fn play(
        &self,
        answer: &mut (dyn FnMut(usize, usize) -> ClassId + Send),
    ) -> (Vec<Pick>, Vec<Vec<usize>>) {
        let mut waves: Vec<Vec<usize>> = Vec::new();
        let mut oracle = |rows: &[usize]| {
            let wave = waves.len();
            waves.push(rows.to_vec());
            Some(rows.iter().map(|row| answer(wave, *row)).collect())
        };
        let seed = SeedTree::new(self.seed);
        let select = |pool: &Pool<'_>| {
            let budget = self.budget;
            let annotators = self.annotators;
            select_with_oracle(self.interactive, pool, budget, annotators, &seed, &mut oracle)
        };
        let picks = self.owned.with_pool(select).unwrap();
        (picks, waves)
    }
}

/// Items that nothing tells apart.
fn identical(rows: usize) -> OwnedPool {
    OwnedPool {
        observed: vec![None; rows],
        probabilities: [0.5, 0.25, 0.25].repeat(rows),
        embeddings: [1.0, 2.0].repeat(rows),
        classes: 3,
    }
}

fn reversed(owned: &OwnedPool) -> OwnedPool {
    owned.permuted(&(0..owned.rows()).rev().collect::<Vec<_>>())
}

fn threads(count: usize) -> ThreadPool {
    ThreadPoolBuilder::new().num_threads(count).build().unwrap()
}

/// Tests many inputs, and panics with the smallest that fails.
fn for_all<S: Strategy>(
    strategy: &dyn Acquisition,
    inputs: &S,
    test: impl Fn(S::Value) -> Result<(), TestCaseError>,
) {
    let config = Config { failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(inputs, test);
    outcome.unwrap_or_else(|fault| panic!("strategy `{}`: {fault}", strategy.name()));
}
