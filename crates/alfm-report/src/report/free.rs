use alfm_lab::record::{FreeLabels, RoundRecord};
use alfm_lab::savings::mean;
use maud::{Markup, html};

use super::classes::rarest_first;
use super::curves::strategies;
use super::format::{heat, percent, points, scroll};
use crate::figures::display_name;
use crate::summary::{Group, Strategy};

/// How many items were labelled for free and how many of those labels are wrong, by class and round.
pub(super) fn labels(group: &Group<'_>) -> Markup {
    let using: Vec<_> = strategies(group)
        .into_iter()
        .map(|(_, strategy)| strategy)
        .filter(|strategy| strategy.last_rounds().any(|round| round.free.total() > 0))
        .collect();
    if using.is_empty() {
        return html! {};
    }
    html! {
        h3 { "Free labels: how many, how good" }
        @for strategy in using { (of_strategy(group, strategy)) }
        p.hint {
            "Coverage: share of the class's pool items that were labelled for free, whatever the label. \
             Wrong: share of the free labels naming the class that are wrong. Both against clean labels, which no \
             strategy sees; mean over seeds, in %."
        }
    }
}

fn of_strategy(group: &Group<'_>, strategy: &Strategy<'_>) -> Markup {
    let numbers = round_numbers(strategy);
    let coverage =
        |free: &FreeLabels, class: usize| share(*free.covered.get(class)?, group.data.pool[class]);
    let wrong =
        |free: &FreeLabels, class: usize| share(*free.wrong.get(class)?, *free.given.get(class)?);
    let error = |free: &FreeLabels| free.error();
    let items: usize = group.data.pool.iter().sum();
    let total = |free: &FreeLabels| share(free.total(), items);
    let over_rounds = |of: &dyn Fn(&FreeLabels) -> Option<f64>| -> Vec<Option<f64>> {
        numbers.iter().map(|number| over_seeds(strategy, *number, of)).collect()
    };
    html! {
        h4 { (display_name(strategy.name)) }
        (scroll(html! {
            table.classes {
                thead {
                    tr {
                        th rowspan="2" { "Class" }
                        th.span colspan=(numbers.len()) { "Coverage (%) in round" }
                        th.span.bar colspan=(numbers.len()) { "Wrong (%) in round" }
                    }
                    tr { @for _ in 0..2 { @for number in &numbers { th { (number) } } } }
                }
                tbody {
                    tr.total {
                        th scope="row" { "all classes" }
                        @for value in over_rounds(&total) { (cell(value, "cover")) }
                        @for value in over_rounds(&error) { (cell(value, "wrong")) }
                    }
                    @for class in rarest_first(&group.data.pool) {
                        tr {
                            th scope="row" { (group.data.classes[class]) }
                            @for value in over_rounds(&|free| coverage(free, class)) { (cell(value, "cover")) }
                            @for value in over_rounds(&|free| wrong(free, class)) { (cell(value, "wrong")) }
                        }
                    }
                }
            }
        }))
        (queries(group, strategy))
    }
}

/// The class mix of what was asked, by prior label.
fn queries(group: &Group<'_>, strategy: &Strategy<'_>) -> Markup {
    let asked = |class: usize| {
        let of_run = |run: &&alfm_lab::record::RunRecord| {
            let rounds = run.rounds.iter().skip(1);
            rounds.filter_map(|round| round.queries_by_prior.get(class)).sum::<usize>() as f64
        };
        mean(&strategy.runs.values().map(of_run).collect::<Vec<_>>())
    };
    let counts: Vec<f64> = (0..group.data.classes.len()).map(asked).collect();
    let total: f64 = counts.iter().sum::<f64>().max(1.0);
    html! {
        p.soft {
            "Queries by the class that the prior gave them: "
            @for (at, class) in rarest_first(&group.data.pool).into_iter().enumerate() {
                @if at > 0 { ", " }
                (group.data.classes[class]) " " (percent(counts[class] / total))
            }
            "."
        }
    }
}

fn round_numbers(strategy: &Strategy<'_>) -> Vec<usize> {
    let longest = strategy.runs.values().max_by_key(|run| run.rounds.len());
    longest.map_or(Vec::new(), |run| run.rounds.iter().map(|round| round.round).collect())
}

fn over_seeds(
    strategy: &Strategy<'_>,
    number: usize,
    of: &dyn Fn(&FreeLabels) -> Option<f64>,
) -> Option<f64> {
    let in_round = |round: &&RoundRecord| round.round == number;
    let rounds = strategy.runs.values().filter_map(|run| run.rounds.iter().find(in_round));
    let values: Vec<f64> = rounds.filter_map(|round| of(&round.free)).collect();
    (!values.is_empty()).then(|| mean(&values))
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn cell(value: Option<f64>, kind: &str) -> Markup {
    match (value, kind) {
        (Some(value), "wrong") => {
            html! { td.heat.wrong style=(format!("--v:{:.3}", (value * 2.0).min(1.0))) { (points(value)) } }
        }
        (Some(value), _) => heat(value, &points(value)),
        (None, _) => html! { td.soft { "–" } },
    }
}
