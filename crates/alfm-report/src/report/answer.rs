use alfm_core::Error;
use alfm_lab::metrics::Scores;
use alfm_lab::savings::{Reach, Saving, mean};
use maud::{Markup, html};

use super::anchor;
use super::format::{percent, saving, scroll};
use crate::figures::{describe, display_name};
use crate::summary::{Group, Metric, Strategy};
use crate::versus::{Versus, best_baseline, leader, versus};

/// The strategy to use in a setting, and what it is compared with.
struct Answer<'g, 'a> {
    winner: &'g Strategy<'a>,
    against: Vec<Versus>,
}

fn answer<'g, 'a>(group: &'g Group<'a>) -> Result<Option<Answer<'g, 'a>>, Error> {
    let Some(winner) = leader(group, Metric::Test, |_| true)? else { return Ok(None) };
    let mut others = Vec::new();
    let rival = best_baseline(group, Metric::Test)?.filter(|rival| rival.name != winner.name);
    let runner_up = leader(group, Metric::Test, |name| name != winner.name)?;
    others.extend(rival.or(runner_up));
    others.extend(group.strategy("random").filter(|random| {
        random.name != winner.name && others.iter().all(|other| other.name != "random")
    }));
    let shared =
        |theirs: &&Strategy<'_>| winner.runs.keys().any(|seed| theirs.runs.contains_key(seed));
    let compare = |theirs| versus(group, winner, theirs, Metric::Test);
    let against = others.into_iter().filter(shared).map(compare).collect::<Result<_, _>>()?;
    Ok(Some(Answer { winner, against }))
}

/// The opening of a setting: one sentence an answer, then the numbers behind it.
pub(super) fn headline(group: &Group<'_>) -> Result<Markup, Error> {
    let Some(Answer { winner, against }) = answer(group)? else { return Ok(html! {}) };
    let name = display_name(winner.name);
    let last = |of: fn(&Scores) -> f64| {
        mean(&winner.last_rounds().map(|round| of(&round.test)).collect::<Vec<_>>())
    };
    let labels = winner.last_rounds().next().map_or(0, |round| round.labels);
    let mut tiles: Vec<Markup> = against.iter().map(saving_tile).collect();
    tiles.push(tile(
        &percent(last(|scores| scores.balanced_accuracy)),
        &format!("balanced test accuracy of {name} at {labels} labels"),
        &format!("lowest class recall {}", percent(last(|scores| scores.lowest_recall))),
    ));
    tiles.extend(free_tile(winner));
    Ok(html! {
        div.answer {
            p.verdict {
                "Use " strong { (name) } ": it has the best learning curve here. "
                @for other in &against { (sentence(other)) " " }
                @if against.is_empty() { "There is no other strategy to compare it with." }
            }
            div.tiles { @for tile in tiles { (tile) } }
        }
    })
}

fn sentence(row: &Versus) -> String {
    let comparison = row.at_their_best();
    let (ours, theirs) = (display_name(&row.ours), display_name(&row.theirs));
    let level = percent(comparison.level);
    let sure = comparison.interval.map_or_else(
        || " (one seed, so no interval)".to_owned(),
        |bounds| format!(" (95 % interval {}, {} seeds)", bounds, row.seeds),
    );
    match (comparison.saving, comparison.ours, comparison.theirs) {
        (Saving::Share(share), Reach::At(a), Reach::At(b)) => format!(
            "{theirs} needs {b:.0} labels for its best balanced test accuracy of {level}; {ours} needs \
             {a:.0}, {} {} labels{sure}.",
            format_args!("{:.0} %", share.abs() * 100.0),
            if share < 0.0 { "more" } else { "fewer" },
        ),
        _ => format!(
            "{ours} does not reach the best of {theirs}, {level}, within {} labels{sure}.",
            comparison.ours.to_string().trim_start_matches("> "),
        ),
    }
}

fn tile(number: &str, what: &str, note: &str) -> Markup {
    html! { div.tile { div.number { (number) } div.what { (what) } div.note { (note) } } }
}

fn saving_tile(row: &Versus) -> Markup {
    let comparison = row.at_their_best();
    let note = comparison.interval.map_or_else(
        || "one seed: no interval".to_owned(),
        |bounds| format!("95 % interval {}", bounds),
    );
    let what = format!(
        "fewer labels than {} for its best, {}",
        display_name(&row.theirs),
        percent(comparison.level)
    );
    tile(&comparison.saving.to_string(), &what, &note)
}

fn free_tile(winner: &Strategy<'_>) -> Option<Markup> {
    let last: Vec<_> = winner.last_rounds().map(|round| &round.free).collect();
    let errors: Vec<f64> = last.iter().filter_map(|free| free.error()).collect();
    let totals: Vec<f64> = last.iter().map(|free| free.total() as f64).collect();
    (!errors.is_empty()).then(|| {
        tile(
            &format!("{:.0}", mean(&totals)),
            "items labelled for free in the last round",
            &format!("{} of them wrong", percent(mean(&errors))),
        )
    })
}

/// One row a setting: who leads, and by how much.
pub(super) fn overview(groups: &[Group<'_>]) -> Result<Markup, Error> {
    let mut rows = Vec::new();
    for (number, group) in groups.iter().enumerate() {
        let Some(Answer { winner, against }) = answer(group)? else { continue };
        let last: Vec<f64> =
            winner.last_rounds().map(|round| round.test.balanced_accuracy).collect();
        let random = against.iter().find(|row| row.theirs == "random");
        let baseline = against.first().filter(|row| row.theirs != "random");
        rows.push(html! {
            tr {
                th scope="row" { a href={ "#" (anchor(number)) } { (describe(group)) } }
                td.name { (display_name(winner.name)) }
                td { (percent(mean(&last))) }
                @for row in [baseline, random] {
                    td {
                        @if let Some(row) = row {
                            (saving(row.at_their_best()))
                            @if row.theirs != "random" { br; span.spread { "vs " (display_name(&row.theirs)) } }
                        } @else { "–" }
                    }
                }
            }
        });
    }
    Ok(html! {
        section {
            h2 { "All settings" }
            (scroll(html! {
                table {
                    thead { tr {
                        th { "Setting" } th.name { "Best learning curve" }
                        th { "Balanced test accuracy, last round" }
                        th { "Labels saved against the best baseline" }
                        th { "Labels saved against Random" }
                    } }
                    tbody { @for row in rows { (row) } }
                }
            }))
            p.hint { "Savings at the other strategy's own best value; below each, its 95 % interval over seeds." }
        }
    })
}
