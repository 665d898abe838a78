use alfm_lab::savings::mean;
use maud::{Markup, html};

use super::curves::{strategies, strategy_head};
use super::format::{heat, percent, points, scroll};
use crate::summary::{Group, Strategy};

/// Recall of each class on the test set after the last round.
pub(super) fn recall(group: &Group<'_>) -> Markup {
    let cell = |strategy: &Strategy<'_>, class: usize| {
        let values: Vec<f64> =
            strategy.last_rounds().filter_map(|round| *round.test.recall.get(class)?).collect();
        (!values.is_empty()).then(|| mean(&values))
    };
    let table = by_class(group, |strategy, class| match cell(strategy, class) {
        Some(recall) => heat(recall, &points(recall)),
        None => html! { td { "–" } },
    });
    html! {
        h3 { "Recall of each class" }
        (table)
        p.hint { "Test set, last round, mean over seeds, in %. The rarest classes of the pool come first." }
    }
}

/// Labels that each class got, by clean class.
pub(super) fn labels(group: &Group<'_>) -> Markup {
    let bought = |strategy: &Strategy<'_>, class: usize| {
        let counts: Vec<f64> = strategy
            .last_rounds()
            .filter_map(|round| round.labelled.get(class).map(|count| *count as f64))
            .collect();
        if counts.is_empty() { 0.0 } else { mean(&counts) }
    };
    let classes = group.data.classes.len();
    let most = strategies(group)
        .iter()
        .flat_map(|(_, strategy)| (0..classes).map(|class| bought(strategy, class)))
        .fold(1.0, f64::max);
    let table = by_class(group, |strategy, class| {
        let count = bought(strategy, class);
        heat(count / most, &format!("{count:.1}"))
    });
    html! {
        h3 { "Which classes got labels" }
        (table)
        p.hint { "Oracle labels bought by the last round, counted by the item's clean class, mean over seeds." }
    }
}

/// One row a class, the rarest first, one column a strategy.
fn by_class(group: &Group<'_>, cell: impl Fn(&Strategy<'_>, usize) -> Markup) -> Markup {
    let strategies = strategies(group);
    scroll(html! {
        table.classes {
            thead { tr {
                th { "Class" } th { "in pool" }
                @for (place, strategy) in &strategies { (strategy_head(strategy.name, *place)) }
            } }
            tbody {
                @for class in rarest_first(&group.data.pool) {
                    tr {
                        th scope="row" { (group.data.classes[class]) }
                        td.soft { (group.data.pool[class]) }
                        @for (_, strategy) in &strategies { (cell(strategy, class)) }
                    }
                }
            }
        }
    })
}

pub(super) fn rarest_first(counts: &[usize]) -> Vec<usize> {
    let mut classes: Vec<usize> = (0..counts.len()).collect();
    classes.sort_by_key(|class| (counts[*class], *class));
    classes
}

/// What the setting was measured on.
pub(super) fn data(group: &Group<'_>) -> Markup {
    let data = group.data;
    let items: usize = data.pool.iter().sum();
    let test: usize = data.test.iter().sum();
    html! {
        h3 { "The data" }
        p {
            (items) " pool items and " (test) " test items of " (data.classes.len()) " classes. The rarest class \
            has " (format!("{:.3}", data.gamma)) " times the items of the largest (γ); minorities together have "
            (format!("{:.3}", data.epsilon)) " times the items of the largest (ε). The oracle answers wrongly for "
            (data.wrong_answers) " items (" (percent(data.wrong_answers as f64 / items.max(1) as f64)) "). The prior \
            alone labels " (percent(data.prior.accuracy)) " of the pool right (balanced "
            (percent(data.prior.balanced_accuracy)) ", calibration error " (percent(data.prior.ece)) ")."
        }
        details {
            summary { "Counts of each class" }
            (scroll(html! {
                table.classes {
                    thead { tr {
                        th { "Class" } th { "Pool, clean" } th { "Pool, as answered" } th { "Test" }
                        th { "Recall of the prior (%)" }
                    } }
                    tbody {
                        @for class in rarest_first(&data.pool) {
                            tr {
                                th scope="row" { (data.classes[class]) }
                                td { (data.pool[class]) } td { (data.observed[class]) } td { (data.test[class]) }
                                @match data.prior.recall[class] {
                                    Some(recall) => (heat(recall, &points(recall))),
                                    None => td { "–" },
                                }
                            }
                        }
                    }
                }
            }))
        }
    }
}
