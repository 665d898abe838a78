//! Which strategy leads, and how many labels it saves against which other.

use alfm_core::{Error, SeedTree};
use alfm_lab::savings::{Comparison, Curve, Interval, Target, area_difference, compare, mean};

use crate::figures::{is_co_decision, ordered};
use crate::summary::{Group, Metric, Strategy};

/// One strategy against another, under every convention.
#[derive(Clone, Debug)]
pub struct Versus {
    /// Our strategy.
    pub ours: String,
    /// The other.
    pub theirs: String,
    /// Seeds that both have run.
    pub seeds: usize,
    /// At the other's own best, at the fixed level, at the most favourable level.
    pub comparisons: [Comparison; 3],
    /// Mean paired difference of the areas under the curves.
    pub area: f64,
    /// Its 95 % interval.
    pub area_interval: Option<Interval>,
}

impl Versus {
    /// The comparison at the other's own best: the one that headlines here quote.
    pub fn at_their_best(&self) -> &Comparison {
        &self.comparisons[0]
    }
}

/// Compares two strategies of a group over their common seeds.
///
/// The fixed level is the data set's own, or else [`Group::common_level`].
///
/// # Errors
/// [`ErrorKind::Missing`](alfm_core::ErrorKind) without common seeds, otherwise as [`compare`].
pub fn versus(
    group: &Group<'_>,
    ours: &Strategy<'_>,
    theirs: &Strategy<'_>,
    metric: Metric,
) -> Result<Versus, Error> {
    let level = match group.data.target {
        Some(level) => level,
        None => group.common_level(metric)?,
    };
    let (a, b) = group.paired(ours, theirs, metric)?;
    let seed = SeedTree::new(0).child("bootstrap");
    let at = |target| compare(&a, &b, target, &seed);
    let (area, area_interval) = area_difference(&a, &b, &seed)?;
    Ok(Versus {
        ours: ours.name.into(),
        theirs: theirs.name.into(),
        seeds: a.len(),
        comparisons: [at(Target::TheirBest)?, at(Target::Level(level))?, at(Target::Largest)?],
        area,
        area_interval,
    })
}

/// Every co-decision strategy (or, where none was run, the leader) against every other strategy.
///
/// # Errors
/// As [`versus`].
pub fn savings_table(group: &Group<'_>, metric: Metric) -> Result<Vec<Versus>, Error> {
    let names = ordered(group.strategies.iter().map(|strategy| strategy.name));
    let engines = names.iter().filter(|name| is_co_decision(name));
    let mut ours: Vec<&Strategy<'_>> = engines.filter_map(|name| group.strategy(name)).collect();
    if ours.is_empty() {
        ours.extend(leader(group, metric, |_| true)?);
    }
    let mut rows = Vec::new();
    for ours in ours {
        for theirs in names.iter().filter_map(|name| group.strategy(name)) {
            if theirs.name != ours.name && shares_a_seed(ours, theirs) {
                rows.push(versus(group, ours, theirs, metric)?);
            }
        }
    }
    Ok(rows)
}

fn shares_a_seed(ours: &Strategy<'_>, theirs: &Strategy<'_>) -> bool {
    ours.runs.keys().any(|seed| theirs.runs.contains_key(seed))
}

/// The strategy with the largest mean area under its curve, among those that `counts` lets in.
///
/// # Errors
/// As [`Strategy::curves`].
pub fn leader<'g, 'a>(
    group: &'g Group<'a>,
    metric: Metric,
    counts: impl Fn(&str) -> bool,
) -> Result<Option<&'g Strategy<'a>>, Error> {
    let mut best: Option<(f64, &Strategy<'_>)> = None;
    for strategy in group.strategies.iter().filter(|strategy| counts(strategy.name)) {
        let areas: Vec<f64> = strategy.curves(metric)?.iter().map(Curve::area).collect();
        let area = mean(&areas);
        if best.is_none_or(|(highest, _)| area > highest) {
            best = Some((area, strategy));
        }
    }
    Ok(best.map(|(_, strategy)| strategy))
}

/// The leader among the strategies that are not the engine's own.
///
/// # Errors
/// As [`leader`].
pub fn best_baseline<'g, 'a>(
    group: &'g Group<'a>,
    metric: Metric,
) -> Result<Option<&'g Strategy<'a>>, Error> {
    leader(group, metric, |name| !is_co_decision(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fixture, summary};

    #[test]
    fn the_engine_is_compared_with_everything_else() {
        let names = ["random", "margin", "prioral", "prioral-guarded"];
        let records: Vec<_> = names.iter().map(|name| fixture::record(name, 1)).collect();
        let groups = summary::groups(&records);
        let rows = savings_table(&groups[0], Metric::Test).unwrap();
        let pairs: Vec<_> =
            rows.iter().map(|row| (row.ours.as_str(), row.theirs.as_str())).collect();
        let expected = [
            ("prioral", "prioral-guarded"),
            ("prioral", "random"),
            ("prioral", "margin"),
            ("prioral-guarded", "prioral"),
            ("prioral-guarded", "random"),
            ("prioral-guarded", "margin"),
        ];
        assert_eq!(pairs, expected);
        assert!(rows[1].at_their_best().saving.claimed().unwrap() > 0.5);
        assert_eq!(leader(&groups[0], Metric::Test, |_| true).unwrap().unwrap().name, "prioral");
    }

    #[test]
    fn without_the_engine_the_leader_is_compared() {
        let records = [fixture::record("random", 1), fixture::record("margin", 1)];
        let groups = summary::groups(&records);
        let rows = savings_table(&groups[0], Metric::Test).unwrap();
        assert_eq!((rows.len(), rows[0].ours.as_str()), (1, "margin"));
        assert_eq!(best_baseline(&groups[0], Metric::Test).unwrap().unwrap().name, "margin");
    }

    #[test]
    fn strategies_without_a_common_seed_are_not_compared() {
        let records = [fixture::record("random", 1), fixture::record("prioral", 2)];
        let groups = summary::groups(&records);
        assert!(savings_table(&groups[0], Metric::Test).unwrap().is_empty());
    }

    #[test]
    fn a_data_sets_own_level_is_used() {
        let mut records = [fixture::record("random", 1), fixture::record("prioral", 1)];
        for record in &mut records {
            record.data.target = Some(0.47);
        }
        let groups = summary::groups(&records);
        let rows = savings_table(&groups[0], Metric::Test).unwrap();
        assert_eq!(rows[0].comparisons[1].level, 0.47);
    }
}
