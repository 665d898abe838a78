//! Runs grouped for comparison: one group a setting, one member a strategy, its runs ordered by seed.

use std::collections::BTreeMap;

use alfm_core::Error;
use alfm_lab::record::{DataFacts, RoundRecord, RunRecord, Setting};
use alfm_lab::savings::Curve;
use serde::{Deserialize, Serialize};

/// Which of the two headline metrics a curve or a table shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// Balanced accuracy on the held-out test set.
    Test,
    /// Balanced accuracy on the entire pool: how well the campaign labels it.
    Pool,
}

impl Metric {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Test, Self::Pool];

    /// Its name in file names.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Pool => "pool",
        }
    }

    /// Its name in titles.
    pub fn title(self) -> &'static str {
        match self {
            Self::Test => "Balanced test accuracy",
            Self::Pool => "Balanced pool accuracy",
        }
    }

    /// Its value in a round.
    pub fn of(self, round: &RoundRecord) -> f64 {
        match self {
            Self::Test => round.test.balanced_accuracy,
            Self::Pool => round.pool.balanced_accuracy,
        }
    }
}

/// The runs of one strategy in one setting.
#[derive(Clone, Debug)]
pub struct Strategy<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its runs, by seed.
    pub runs: BTreeMap<u64, &'a RunRecord>,
}

impl Strategy<'_> {
    /// One curve a run, ordered by seed.
    ///
    /// # Errors
    /// As [`Curve::new`], for records that were damaged.
    pub fn curves(&self, metric: Metric) -> Result<Vec<Curve>, Error> {
        self.runs.values().map(|run| curve(run, metric)).collect()
    }

    /// The last round of every run.
    pub fn last_rounds(&self) -> impl Iterator<Item = &RoundRecord> {
        self.runs.values().filter_map(|run| run.rounds.last())
    }

    /// Trainings that look as if they had failed, as seed and round.
    pub fn diverged(&self) -> Vec<(u64, usize)> {
        let flagged = self.runs.iter().flat_map(|(seed, run)| {
            run.rounds.iter().filter(|round| round.diverged).map(|round| (*seed, round.round))
        });
        flagged.collect()
    }
}

/// The strategies that were run in one setting.
#[derive(Clone, Debug)]
pub struct Group<'a> {
    /// The setting.
    pub setting: &'a Setting,
    /// What its runs were measured on.
    pub data: &'a DataFacts,
    /// Its strategies by name.
    pub strategies: Vec<Strategy<'a>>,
}

impl<'a> Group<'a> {
    /// The strategy of a name.
    pub fn strategy(&self, name: &str) -> Option<&Strategy<'a>> {
        self.strategies.iter().find(|strategy| strategy.name == name)
    }

    /// The curves of two strategies over the seeds that both have run, in the same order.
    ///
    /// # Errors
    /// As [`Strategy::curves`].
    pub fn paired(
        &self,
        ours: &Strategy<'_>,
        theirs: &Strategy<'_>,
        metric: Metric,
    ) -> Result<(Vec<Curve>, Vec<Curve>), Error> {
        let shared = ours.runs.iter().filter_map(|(seed, run)| Some((run, theirs.runs.get(seed)?)));
        shared.map(|(a, b)| Ok((curve(a, metric)?, curve(b, metric)?))).collect()
    }

    /// The default fixed level of savings: the highest multiple of 5 points that the mean curve of every
    /// strategy reaches.
    ///
    /// # Errors
    /// As [`Strategy::curves`].
    pub fn common_level(&self, metric: Metric) -> Result<f64, Error> {
        let mut level = 1.0f64;
        for strategy in &self.strategies {
            level = level.min(Curve::mean(&strategy.curves(metric)?)?.best());
        }
        // The small addend keeps .65 from becoming .60 by its float error.
        Ok(((level * 20.0 + 1e-9).floor() / 20.0).max(0.0))
    }
}

fn curve(run: &RunRecord, metric: Metric) -> Result<Curve, Error> {
    let labels = run.rounds.iter().map(|round| round.labels as f64).collect();
    Curve::new(labels, run.rounds.iter().map(|round| metric.of(round)).collect())
}

/// Groups records by setting, then by strategy; of two records of one seed the later one counts.
///
/// `O(n log n)`.
pub fn groups(records: &[RunRecord]) -> Vec<Group<'_>> {
    let mut settings: BTreeMap<&Setting, BTreeMap<&str, BTreeMap<u64, &RunRecord>>> =
        BTreeMap::new();
    for record in records {
        let strategies = settings.entry(&record.setting).or_default();
        strategies.entry(&record.strategy).or_default().insert(record.seed, record);
    }
    settings.into_iter().filter_map(|(setting, strategies)| group(setting, strategies)).collect()
}

fn group<'a>(
    setting: &'a Setting,
    strategies: BTreeMap<&'a str, BTreeMap<u64, &'a RunRecord>>,
) -> Option<Group<'a>> {
    let data = &strategies.values().next()?.values().next()?.data;
    let strategies = strategies.into_iter().map(|(name, runs)| Strategy { name, runs }).collect();
    Some(Group { setting, data, strategies })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn runs_are_grouped_and_paired_by_seed() {
        let records = [
            fixture::record("random", 2),
            fixture::record("random", 1),
            fixture::record("prioral", 2),
        ];
        let groups = groups(&records);
        assert_eq!(groups.len(), 1);
        let names: Vec<&str> = groups[0].strategies.iter().map(|strategy| strategy.name).collect();
        assert_eq!(names, ["prioral", "random"]);
        let (ours, theirs) = (&groups[0].strategies[0], &groups[0].strategies[1]);
        let (a, b) = groups[0].paired(ours, theirs, Metric::Pool).unwrap();
        assert_eq!((a.len(), b.len()), (1, 1));
        assert_eq!(b[0].values()[0], Metric::Pool.of(&records[0].rounds[0]));
    }

    #[test]
    fn the_common_level_is_reached_by_all() {
        let records = [fixture::record("random", 1), fixture::record("prioral", 1)];
        let groups = groups(&records);
        let level = groups[0].common_level(Metric::Test).unwrap();
        for strategy in &groups[0].strategies {
            let best = Curve::mean(&strategy.curves(Metric::Test).unwrap()).unwrap().best();
            assert!(level <= best && best < 1.0);
        }
        assert!((level * 20.0 - (level * 20.0).round()).abs() < 1e-9 && level > 0.0);
    }
}
