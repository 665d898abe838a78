//! The same answers as a Markdown file, for documents: one table a setting, one row a strategy.

use std::fmt::Write as _;
use std::path::Path;

use alfm_core::Error;
use alfm_lab::record::RunRecord;
use alfm_lab::savings::{Curve, mean, standard_error};

use super::format::{percent, points};
use super::trust;
use crate::figures::{describe, display_name, ordered};
use crate::summary::{Group, Metric, Strategy, groups};
use crate::versus::{leader, versus};
use crate::{none_of, save};

/// Builds the file: first the tables over all settings, then one a setting. Accuracies are balanced, in percent, mean and standard error over seeds.
///
/// # Errors
/// As [`html()`](super::html()).
pub fn markdown(title: &str, records: &[RunRecord]) -> Result<String, Error> {
    let groups = groups(records);
    if groups.is_empty() {
        return Err(none_of("runs to report"));
    }
    let mut text = format!("# {title}\n");
    text += &trust::against_best(&groups)?;
    text += &trust::stated_error(&groups);
    for group in &groups {
        section(group, &mut text)?;
    }
    Ok(text)
}

/// Writes the file.
///
/// # Errors
/// As [`markdown`], and [`ErrorKind::System`](alfm_core::ErrorKind); an older file is then still whole.
pub fn write_markdown(path: &Path, title: &str, records: &[RunRecord]) -> Result<(), Error> {
    let text = markdown(title, records)?;
    save(path, text.as_bytes())
}

fn section(group: &Group<'_>, text: &mut String) -> Result<(), Error> {
    let (pool, prior) = (&group.data.pool, &group.data.prior);
    let sizes = (pool.iter().min().unwrap_or(&0), pool.iter().max().unwrap_or(&0));
    let seeds = group.strategies.iter().map(|strategy| strategy.runs.len()).max().unwrap_or(0);
    put(
        text,
        format_args!(
            "\n## {}\n\n{} items in {} classes of {} to {}, {} wrong answers; prior {} right (balanced {}); \
             {seeds} seeds.\n\n",
            describe(group),
            pool.iter().sum::<usize>(),
            pool.len(),
            sizes.0,
            sizes.1,
            group.data.wrong_answers,
            percent(prior.accuracy),
            percent(prior.balanced_accuracy),
        ),
    );
    let Some(best) = leader(group, Metric::Test, |_| true)? else { return Ok(()) };
    let shown = shown_labels(best)?;
    let heads: Vec<String> = Metric::ALL
        .iter()
        .flat_map(|metric| shown.iter().map(|labels| format!("{} at {labels}", metric.slug())))
        .collect();
    let heads = heads.join(" | ");
    let winner = display_name(best.name);
    put(
        text,
        format_args!(
            "| strategy | {heads} | area, test | labels that {winner} saves | 95 % interval |\n"
        ),
    );
    put(text, format_args!("|---|{}---|---|---|\n", "---|".repeat(2 * shown.len())));
    for name in ordered(group.strategies.iter().map(|strategy| strategy.name)) {
        let Some(strategy) = group.strategy(name) else { continue };
        row(group, best, strategy, &shown, text)?;
    }
    Ok(())
}

/// The first, a middle and the last number of labels.
fn shown_labels(strategy: &Strategy<'_>) -> Result<Vec<f64>, Error> {
    let curve = Curve::mean(&strategy.curves(Metric::Test)?)?;
    let labels = curve.labels();
    let mut shown = vec![labels[0], labels[labels.len() / 2], labels[labels.len() - 1]];
    shown.dedup();
    Ok(shown)
}

fn row(
    group: &Group<'_>,
    best: &Strategy<'_>,
    strategy: &Strategy<'_>,
    shown: &[f64],
    text: &mut String,
) -> Result<(), Error> {
    put(text, format_args!("| {} |", display_name(strategy.name)));
    for metric in Metric::ALL {
        let curves = strategy.curves(metric)?;
        for labels in shown {
            let values: Vec<f64> = curves.iter().filter_map(|curve| curve.at(*labels)).collect();
            put(text, format_args!(" {} |", with_error(&values)));
        }
    }
    let areas: Vec<f64> = strategy.curves(Metric::Test)?.iter().map(Curve::area).collect();
    put(text, format_args!(" {} |", with_error(&areas)));
    if strategy.name == best.name {
        put(text, format_args!(" | |\n"));
        return Ok(());
    }
    let row = versus(group, best, strategy, Metric::Test)?;
    let comparison = row.at_their_best();
    let bounds =
        comparison.interval.map_or_else(|| "one seed".to_owned(), |bounds| bounds.to_string());
    put(text, format_args!(" {} | {bounds} |\n", comparison.saving));
    Ok(())
}

fn with_error(values: &[f64]) -> String {
    match standard_error(values) {
        _ if values.is_empty() => "–".into(),
        None => points(mean(values)),
        Some(error) => format!("{} ± {}", points(mean(values)), points(error)),
    }
}

/// Writing to a string cannot fail.
fn put(text: &mut String, what: std::fmt::Arguments<'_>) {
    let _ = text.write_fmt(what);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn every_strategy_has_a_row_and_every_row_every_column() {
        let names = ["random", "margin", "prioral"];
        let records: Vec<_> = names
            .iter()
            .flat_map(|name| [fixture::record(name, 1), fixture::record(name, 2)])
            .collect();
        let text = markdown("Title", &records).unwrap();
        assert!(text.starts_with("# Title\n\n## Against the best baseline"), "{text}");
        let text = &text[text.find("\n## made-up").unwrap()..];
        let rows: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
        assert_eq!(rows.len(), 2 + names.len());
        let bars = |row: &str| row.matches('|').count();
        assert!(rows.iter().all(|row| bars(row) == bars(rows[0])), "{text}");
        assert!(rows[2].starts_with("| PriorAL |") && rows[2].contains(" ± "), "{text}");
        assert!(markdown("Title", &[]).is_err());
    }
}
