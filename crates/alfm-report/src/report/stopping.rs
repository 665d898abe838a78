use alfm_lab::record::{LabelsOnlyAccuracy, RoundRecord, RunRecord};
use alfm_lab::savings::{mean, standard_error};
use alfm_select::AccuracyEstimate;
use maud::{Markup, html};

use super::curves::{strategies, strategy_head};
use super::format::{percent, points, scroll, with_error};
use crate::figures::display_name;
use crate::summary::{Group, Strategy};

/// When predictions had settled, what stopping there would have cost, and whether the advice was true.
pub(super) fn advice(group: &Group<'_>) -> Markup {
    let advised = |run: &RunRecord| run.rounds.iter().any(|round| round.advice.is_some());
    let rows: Vec<_> = strategies(group)
        .into_iter()
        .filter(|(_, strategy)| strategy.runs.values().any(|run| advised(run)))
        .collect();
    if rows.is_empty() {
        return html! {};
    }
    let runs = || rows.iter().flat_map(|(_, strategy)| strategy.runs.values().copied());
    html! {
        h3 { "When to stop" }
        (scroll(html! {
            table {
                thead {
                    tr {
                        th rowspan="2" { "Strategy" } th rowspan="2" { "Kappa, last round" }
                        th rowspan="2" { "Seeds that settled" }
                        th.span colspan="2" { "Settled at" }
                        th.span colspan="3" { "Balanced test accuracy (%)" }
                    }
                    tr {
                        th { "round" } th { "labels" }
                        th { "there" } th { "last round" } th { "given up" }
                    }
                }
                tbody { @for (place, strategy) in &rows { (row(strategy, *place)) } }
            }
        }))
        @for (_, strategy) in &rows { (interval(strategy)) }
        (gain(runs()))
        p.hint {
            "Predictions count as settled when Cohen's kappa of successive models on the pool has been at least \
             0.99 for three rounds. No run was stopped. Means are over the seeds that settled; given up: the last \
             round minus there, ± standard error, in points."
        }
    }
}

/// The first round of a run in which its predictions had settled.
fn settled(run: &RunRecord) -> Option<&RoundRecord> {
    run.rounds.iter().find(|round| round.advice.as_ref().is_some_and(|advice| advice.settled))
}

fn row(strategy: &Strategy<'_>, place: usize) -> Markup {
    let stops: Vec<(&RoundRecord, &RoundRecord)> = strategy
        .runs
        .values()
        .filter_map(|run| Some((settled(run)?, run.rounds.last()?)))
        .collect();
    let average = |of: fn(&(&RoundRecord, &RoundRecord)) -> f64| {
        mean(&stops.iter().map(of).collect::<Vec<_>>())
    };
    let lost: Vec<f64> = stops
        .iter()
        .map(|(there, last)| last.test.balanced_accuracy - there.test.balanced_accuracy)
        .collect();
    let kappa = |round: &RoundRecord| Some(round.advice.as_ref()?.agreement?.kappa);
    let kappas: Vec<f64> = strategy.last_rounds().filter_map(kappa).collect();
    html! {
        tr {
            (strategy_head(strategy.name, place))
            @if kappas.is_empty() { td.soft { "–" } } @else { td { (format!("{:.3}", mean(&kappas))) } }
            td { (stops.len()) " of " (strategy.runs.len()) }
            @if stops.is_empty() {
                @for _ in 0..5 { td.soft { "–" } }
            } @else {
                td { (format!("{:.1}", average(|(there, _)| there.round as f64))) }
                td { (format!("{:.0}", average(|(there, _)| there.labels as f64))) }
                td { (points(average(|(there, _)| there.test.balanced_accuracy))) }
                td { (points(average(|(_, last)| last.test.balanced_accuracy))) }
                td { (with_error(mean(&lost), standard_error(&lost))) }
            }
        }
    }
}

/// How often the stated interval of accuracy held a true accuracy.
#[derive(Debug, Default, PartialEq)]
struct Coverage {
    held: usize,
    /// Intervals that lay below the truth.
    too_low: usize,
    /// Intervals that lay above it.
    too_high: usize,
    /// Each estimate minus the truth.
    errors: Vec<f64>,
}

impl Coverage {
    fn new(stated: &[(AccuracyEstimate, LabelsOnlyAccuracy)], truth: Truth) -> Self {
        let mut coverage = Self::default();
        for (accuracy, of) in stated {
            let truth = truth(of);
            let count = match () {
                () if accuracy.high < truth => &mut coverage.too_low,
                () if accuracy.low > truth => &mut coverage.too_high,
                () => &mut coverage.held,
            };
            *count += 1;
            coverage.errors.push(accuracy.estimate - truth);
        }
        coverage
    }
}

type Truth = fn(&LabelsOnlyAccuracy) -> f64;

/// What was stated in every round and seed, and what was true.
fn stated(strategy: &Strategy<'_>) -> Vec<(AccuracyEstimate, LabelsOnlyAccuracy)> {
    let rounds = strategy.runs.values().flat_map(|run| &run.rounds);
    rounds
        .filter_map(|round| Some((round.advice.as_ref()?.accuracy?, round.labels_only?)))
        .collect()
}

fn interval(strategy: &Strategy<'_>) -> Markup {
    let stated = stated(strategy);
    if stated.is_empty() {
        return html! {};
    }
    let widths: Vec<f64> =
        stated.iter().map(|(accuracy, _)| accuracy.high - accuracy.low).collect();
    let truths: [(&str, Truth); 2] = [
        ("with every labelled item predicted by a model that has not seen its label", |of| {
            of.unseen
        }),
        ("as it is, seen labels included", |of| of.seen),
    ];
    html! {
        p {
            (display_name(strategy.name)) " estimates the accuracy of its small model without free labels from labels \
            asked at random. The 95 % interval is " (points(mean(&widths))) " points wide on average. "
            @for (what, truth) in truths {
                @let coverage = Coverage::new(&stated, truth);
                "Of the true accuracy on the pool, " (what) ", it held " strong { (coverage.held) " of " (stated.len()) }
                " rounds, and lay too low in " (coverage.too_low) " and too high in " (coverage.too_high)
                "; the estimate is off by " (format!("{:+.1}", 100.0 * mean(&coverage.errors))) " points on average. "
            }
            "Rounds of one run share their labels."
        }
    }
}

/// Whether accuracy on the pool rose by no more than was stated the round before.
fn gain<'a>(runs: impl Iterator<Item = &'a RunRecord>) -> Markup {
    let steps: Vec<(f64, f64)> = runs
        .flat_map(|run| run.rounds.windows(2))
        .filter_map(|pair| {
            let limit = pair[0].advice.as_ref()?.largest_gain?;
            Some((limit, pair[1].pool.accuracy - pair[0].pool.accuracy))
        })
        .collect();
    if steps.is_empty() {
        return html! {};
    }
    let held = steps.iter().filter(|(limit, gain)| gain <= limit).count();
    let (limits, gains): (Vec<f64>, Vec<f64>) = steps.iter().copied().unzip();
    html! {
        p {
            "The stated limit of what a further batch adds to the accuracy on the pool held in " (held) " of "
            (steps.len()) " rounds of all strategies; it was " (percent(mean(&limits))) " on average, and the gain "
            (percent(mean(&gains))) "."
        }
    }
}

#[cfg(test)]
mod tests {
    use alfm_select::Advice;

    use super::*;
    use crate::{fixture, summary};

    /// A made-up run whose predictions settle in round `settled`.
    fn advised(strategy: &str, seed: u64, settled: usize) -> RunRecord {
        let mut record = fixture::record(strategy, seed);
        for round in &mut record.rounds {
            let mut advice = Advice::default();
            advice.settled = round.round >= settled;
            advice.largest_gain = (round.round > 1).then_some(0.25);
            round.advice = Some(advice);
            round.test.balanced_accuracy = 0.1 * round.round as f64;
            round.pool.accuracy = 0.1 * round.round as f64;
        }
        record
    }

    fn page(records: &[RunRecord]) -> String {
        advice(&summary::groups(records)[0]).into_string()
    }

    #[test]
    fn stopping_is_held_against_the_last_round() {
        let page =
            page(&[advised("margin", 1, 3), advised("margin", 2, 5), advised("margin", 3, 9)]);
        // Rounds 3 and 5 of six: 60 and 100 labels; 30 and 50 % against 60 %.
        for cell in
            ["2 of 3", ">4.0<", ">80<", ">40.0<", ">60.0<", ">20.0<span class=\"spread\"> ± 10.0"]
        {
            assert!(page.contains(cell), "{cell} is missing: {page}");
        }
        // Four limits a run, each held.
        assert!(
            page.contains("12 of 12") && page.contains("25.0 %") && page.contains("10.0 %"),
            "{page}"
        );
    }

    #[test]
    fn what_never_settles_has_a_row_without_numbers() {
        let page = page(&[advised("margin", 1, 9)]);
        assert!(page.contains("0 of 1") && page.matches("–").count() == 6, "{page}");
        assert!(!page.contains("NaN") && !page.contains("interval"), "{page}");
    }

    #[test]
    fn records_without_advice_have_no_section() {
        assert_eq!(page(&[fixture::record("margin", 1)]), "");
    }

    /// 8 of 10 right: 0.444 to 0.975.
    #[test]
    fn an_interval_counts_as_held_only_where_the_truth_is_inside() {
        let mut record = advised("prioral-guarded", 1, 9);
        let truths = [0.4, 0.5, 0.8, 0.97, 0.99];
        for (round, unseen) in record.rounds.iter_mut().zip(truths) {
            round.labels_only = Some(LabelsOnlyAccuracy { seen: 0.99, unseen });
            if let Some(advice) = &mut round.advice {
                advice.accuracy = AccuracyEstimate::new(8, 10, 0.0, 5);
            }
        }
        let records = [record];
        let groups = summary::groups(&records);
        let coverage = Coverage::new(&stated(&groups[0].strategies[0]), |of| of.unseen);
        assert_eq!((coverage.held, coverage.too_low, coverage.too_high), (3, 1, 1));
        assert!((mean(&coverage.errors) - (0.8 - 0.732)).abs() < 1e-9);
        let page = page(&records);
        assert!(page.contains("3 of 5") && page.contains("0 of 5"), "{page}");
    }
}
