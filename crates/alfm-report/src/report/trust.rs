//! Two tables that sum up an experiment on trust: every setting against its best baseline, and whether what was
//! stated of the free labels was true.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use alfm_core::{Error, SeedTree};
use alfm_lab::record::RoundRecord;
use alfm_lab::savings::{Curve, Interval, area_difference, mean};

use super::format::{percent, points};
use crate::figures::{describe, display_name, is_co_decision, ordered};
use crate::summary::{Group, Metric, Strategy};
use crate::versus::best_baseline;

/// The area under the budget curve of balanced pool accuracy, co-decision against the best of all baselines.
///
/// Nothing without a baseline or without a strategy that co-decides. The best baseline is picked after the fact,
/// by its mean: no strategy that had to be chosen before could count on it.
pub(super) fn against_best(groups: &[Group<'_>]) -> Result<String, Error> {
    let names: BTreeSet<&str> =
        groups.iter().flat_map(|group| &group.strategies).map(|strategy| strategy.name).collect();
    let ours: Vec<&str> = ordered(names).into_iter().filter(|name| is_co_decision(name)).collect();
    let mut rows = String::new();
    for group in groups {
        let Some(best) = best_baseline(group, Metric::Pool)? else { continue };
        let areas: Vec<f64> = best.curves(Metric::Pool)?.iter().map(Curve::area).collect();
        let area = mean(&areas);
        let prior = percent(group.data.prior.accuracy);
        let name = display_name(best.name);
        let _ = write!(rows, "| {} | {prior} | {name} {} |", describe(group), points(area));
        for name in &ours {
            let cell = match group.strategy(name) {
                Some(strategy) => difference(group, strategy, best)?,
                None => "–".into(),
            };
            let _ = write!(rows, " {cell} |");
        }
        rows.push('\n');
    }
    if ours.is_empty() || rows.is_empty() {
        return Ok(String::new());
    }
    let heads: Vec<String> = ours.iter().map(|name| display_name(name).to_string()).collect();
    Ok(format!(
        "\n## Against the best baseline\n\nArea under the budget curve of balanced pool accuracy, in points. The \
         best baseline of a setting is picked after the fact; the others are differences to it, paired by seed, \
         with 95 % bootstrap intervals.\n\n| setting | prior right | best baseline | {} |\n|---|---|---|{}\n{rows}",
        heads.join(" | "),
        "---|".repeat(ours.len()),
    ))
}

fn difference(
    group: &Group<'_>,
    ours: &Strategy<'_>,
    theirs: &Strategy<'_>,
) -> Result<String, Error> {
    let (ours, theirs) = group.paired(ours, theirs, Metric::Pool)?;
    let (difference, interval) = area_difference(&ours, &theirs, &SeedTree::new(0).child("area"))?;
    let signed = |share: f64| format!("{:+.1}", 100.0 * share + 0.0);
    Ok(match interval {
        Some(Interval { low, high }) => {
            format!("{} ({} to {})", signed(difference), signed(low), signed(high))
        }
        None => signed(difference),
    })
}

/// How often the stated bound on the error of free labels held, and how good the certified labels were.
pub(super) fn stated_error(groups: &[Group<'_>]) -> String {
    let mut rows = String::new();
    for group in groups {
        for strategy in &group.strategies {
            let rounds = strategy.runs.values().flat_map(|run| &run.rounds);
            let stated: Vec<(&RoundRecord, f64)> = rounds
                .filter(|round| round.free.total() > 0)
                .filter_map(|round| Some((round, round.trust.as_ref()?.stated.bound)))
                .collect();
            if stated.is_empty() {
                continue;
            }
            let error = |round: &RoundRecord| round.free.error().unwrap_or(0.0);
            let held = stated.iter().filter(|(round, bound)| error(round) <= *bound).count();
            let errors: Vec<f64> = stated.iter().map(|(round, _)| error(round)).collect();
            let bounds: Vec<f64> = stated.iter().map(|(_, bound)| *bound).collect();
            let certified: Vec<&RoundRecord> = stated
                .iter()
                .map(|(round, _)| *round)
                .filter(|round| round.free.certified > 0)
                .collect();
            let wrong = |round: &&RoundRecord| {
                round.free.certified_wrong as f64 / round.free.certified as f64
            };
            let kept = certified.iter().filter(|round| wrong(round) <= EPSILON).count();
            let _ = writeln!(
                rows,
                "| {} | {} | {} | {} | {} | {} | {} | {} |",
                describe(group),
                display_name(strategy.name),
                stated.len(),
                percent(held as f64 / stated.len() as f64),
                percent(mean(&bounds)),
                percent(mean(&errors)),
                certified.len(),
                match certified.len() {
                    0 => "–".into(),
                    all => percent(kept as f64 / all as f64),
                },
            );
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    format!(
        "\n## What was stated of free labels\n\nRounds with free labels over all seeds; how often their error was at \
         most the stated bound (confidence 90 %); the mean bound and the mean error; rounds with certified labels, \
         and how often no more than 5 % of these were wrong.\n\n| setting | strategy | rounds | bound held | mean \
         bound | mean error | certified rounds | of these below 5 % |\n|---|---|---|---|---|---|---|---|\n{rows}"
    )
}

/// The default of the guard, which the table is about.
const EPSILON: f64 = 0.05;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::summary::groups;

    #[test]
    fn every_setting_has_its_best_baseline_and_the_differences_to_it() {
        let names = ["random", "margin", "prioral", "prioral-guarded"];
        let mut records = Vec::new();
        for noise in ["none", "uniform(0.2)"] {
            for name in names {
                for seed in 1..=3 {
                    let mut record = fixture::record(name, seed);
                    record.setting = fixture::setting(noise);
                    records.push(record);
                }
            }
        }
        let text = against_best(&groups(&records)).unwrap();
        let rows: Vec<&str> = text.lines().rev().take(2).collect();
        for row in &rows {
            assert!(row.contains("| Margin "), "{row}");
            // Two forms, each a difference and its two bounds.
            assert_eq!(row.matches('+').count() + row.matches(" -").count(), 6, "{row}");
            assert_eq!(row.matches('|').count(), 6, "{row}");
        }
        let alone: Vec<_> =
            records.iter().filter(|record| record.strategy == "random").cloned().collect();
        assert_eq!(against_best(&groups(&alone)).unwrap(), "");
    }

    /// The fixture's free labels are 6 of 60 wrong from the second round on.
    #[test]
    fn a_bound_below_the_error_is_counted_as_broken() {
        let mut record = fixture::record("prioral-guarded", 1);
        let rounds = record.rounds.len();
        for (round, bound) in record.rounds.iter_mut().zip([1.0, 0.3, 0.02].into_iter().cycle()) {
            round.trust = Some(fixture::trust(bound));
        }
        let text = stated_error(&groups(std::slice::from_ref(&record)));
        let cells: Vec<&str> = text.lines().last().unwrap().split('|').map(str::trim).collect();
        assert_eq!(cells[3], (rounds - 1).to_string(), "{text}");
        let with_free: Vec<_> =
            record.rounds.iter().filter(|round| round.free.total() > 0).collect();
        let held =
            with_free.iter().filter(|round| round.trust.as_ref().unwrap().stated.bound > 0.1);
        let expected = percent(held.count() as f64 / with_free.len() as f64);
        assert_eq!(cells[4], expected);
        assert_eq!(stated_error(&groups(&[fixture::record("prioral", 1)])), "");
    }
}
