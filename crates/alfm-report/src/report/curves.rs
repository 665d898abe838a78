use alfm_core::Error;
use alfm_lab::savings::{Comparison, Curve, mean, standard_error};
use maud::{Markup, PreEscaped, html};

use super::format::{points, saving, scroll, with_error};
use crate::figures::{LearningCurves, colour_of, display_name, ordered};
use crate::summary::{Group, Metric, Strategy};
use crate::versus::{Versus, savings_table};

/// The learning curves, inline; inks become the page's own, so that the figure follows its colours.
pub(super) fn figure(group: &Group<'_>, metric: Metric) -> Result<Markup, Error> {
    let curves = LearningCurves::new(group, metric)?;
    let svg = curves
        .svg()?
        .replace("#1F2328", "var(--ink)")
        .replace("#59636E", "var(--soft)")
        .replace("#E2E5E9", "var(--line)");
    // An XML declaration has no place inside HTML.
    let svg = svg.find("<svg").map_or("", |start| &svg[start..]);
    Ok(html! {
        figure role="img" aria-label={ (curves.title) ", " (curves.subtitle) } {
            div.scroll tabindex="0" { (PreEscaped(svg)) }
        }
    })
}

/// The head cell of a strategy, with the colour of its curve.
pub(super) fn strategy_head(name: &str, place: usize) -> Markup {
    html! { th.strategy style=(format!("--c:{}", colour_of(name, place))) { (display_name(name)) } }
}

/// The strategies of a group in display order, with their places.
pub(super) fn strategies<'g, 'a>(group: &'g Group<'a>) -> Vec<(usize, &'g Strategy<'a>)> {
    let names = ordered(group.strategies.iter().map(|strategy| strategy.name));
    let found = names.into_iter().enumerate();
    found.filter_map(|(place, name)| Some((place, group.strategy(name)?))).collect()
}

/// Accuracy along the way and the other metrics at the end.
pub(super) fn table(group: &Group<'_>) -> Result<Markup, Error> {
    let mut rows = Vec::new();
    let mut heads = Vec::new();
    for (place, strategy) in strategies(group) {
        let curves = strategy.curves(Metric::Test)?;
        let at = milestones(&curves[0]);
        if heads.is_empty() {
            heads = at.iter().map(|point| curves[0].labels()[*point]).collect();
        }
        let mean_curve = Curve::mean(&curves)?;
        let errors = Curve::standard_errors(&curves)?;
        let median = Curve::median(&curves)?.last();
        let areas: Vec<f64> = curves.iter().map(Curve::area).collect();
        let last = |of: fn(&alfm_lab::record::RoundRecord) -> f64| {
            mean(&strategy.last_rounds().map(of).collect::<Vec<_>>())
        };
        let flagged = strategy.diverged();
        rows.push(html! {
            tr {
                (strategy_head(strategy.name, place))
                @for point in &at {
                    td { (with_error(mean_curve.values()[*point], errors.as_ref().map(|e| e[*point]))) }
                }
                td { (points(median)) }
                td { (with_error(mean(&areas), standard_error(&areas))) }
                td { (points(last(|round| round.pool.balanced_accuracy))) }
                td { (points(last(|round| round.test.macro_f1))) }
                td { (points(last(|round| round.test.lowest_recall))) }
                td { (points(last(|round| round.test.recall_deviation))) }
                td { (points(last(|round| round.test.ece))) }
                td { (format!("{:.0}", last(|round| round.minority_labels as f64))) }
                td { @if flagged.is_empty() { "0" } @else {
                    span.warn title=(list(&flagged)) { (flagged.len()) }
                } }
            }
        });
    }
    Ok(html! {
        h3 { "All strategies in numbers" }
        (scroll(html! {
            table {
                thead {
                    tr {
                        th rowspan="2" { "Strategy" }
                        th.span colspan=(heads.len()) { "Balanced test accuracy (%) at … labels" }
                        th rowspan="2" { "Median, last" }
                        th rowspan="2" { "Area under curve" }
                        th.span colspan="7" { "Last round" }
                    }
                    tr {
                        @for labels in &heads { th { (format!("{labels:.0}")) } }
                        th { "Balanced pool" } th { "Macro F1" } th { "Lowest recall" }
                        th { "Recall spread" } th { "ECE" } th { "Minority labels" } th { "Failed trainings" }
                    }
                }
                tbody { @for row in rows { (row) } }
            }
        }))
        p.hint {
            "Mean ± standard error over seeds, in points. Minority labels are counted by their clean class. \
             A training counts as failed when its balanced pool accuracy is near chance."
        }
    })
}

/// First, second, middle and last points of a curve.
fn milestones(curve: &Curve) -> Vec<usize> {
    let last = curve.labels().len() - 1;
    let mut points = vec![0, 1.min(last), last / 2, last];
    points.sort_unstable();
    points.dedup();
    points
}

fn list(flagged: &[(u64, usize)]) -> String {
    let words = flagged.iter().map(|(seed, round)| format!("seed {seed}, round {round}"));
    words.collect::<Vec<_>>().join("; ")
}

/// Savings under each convention, on both metrics.
pub(super) fn savings(group: &Group<'_>) -> Result<Markup, Error> {
    let mut tables = Vec::new();
    for metric in Metric::ALL {
        let rows = savings_table(group, metric)?;
        if !rows.is_empty() {
            tables.push((metric, rows));
        }
    }
    if tables.is_empty() {
        return Ok(html! {});
    }
    Ok(html! {
        h3 { "Labels saved, under each convention" }
        @for (metric, rows) in &tables { (savings_of(*metric, rows)) }
        p.hint {
            "Saving = 1 − labels needed ÷ labels the other needs, on the mean curve made non-decreasing. \
             Below each: its 95 % bootstrap interval over paired seeds; “none” means that the target was \
             missed in those resamples, “not reached” that it was missed in all but a few. The most favourable level is what headline figures usually quote."
        }
    })
}

fn savings_of(metric: Metric, rows: &[Versus]) -> Markup {
    let level = rows[0].comparisons[1].level;
    html! {
        h4 { (metric.title()) }
        (scroll(html! {
            table {
                thead {
                    tr {
                        th rowspan="2" { "Strategy" } th.name rowspan="2" { "against" }
                        th.span colspan="3" { "at the other's best" }
                        th.span colspan="3" { "at " (points(level)) " %" }
                        th.span colspan="3" { "most favourable level" }
                        th rowspan="2" { "Area difference" }
                    }
                    tr { @for _ in 0..3 { th { "level" } th { "labels" } th { "saved" } } }
                }
                tbody {
                    @for row in rows {
                        tr {
                            th scope="row" { (display_name(&row.ours)) }
                            td.name { (display_name(&row.theirs)) }
                            @for comparison in &row.comparisons { (comparison_cells(comparison)) }
                            td {
                                (format!("{:+.1}", row.area * 100.0))
                                @if let Some(bounds) = row.area_interval { br; span.spread { (bounds) } }
                            }
                        }
                    }
                }
            }
        }))
    }
}

fn comparison_cells(comparison: &Comparison) -> Markup {
    html! {
        td { (points(comparison.level)) }
        td { (comparison.ours) span.spread { " / " (comparison.theirs) } }
        td.key { (saving(comparison)) }
    }
}
