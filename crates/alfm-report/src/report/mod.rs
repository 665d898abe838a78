//! One self-contained `report.html`: no network, no script, figures inline.
//!
//! It opens with what a user wants to know (which strategy, how many labels saved, which classes are
//! recognised and were asked about, how good the free labels were) and ends with what is needed to repeat
//! it. It holds no clock times: the same records give the same bytes.

mod answer;
mod classes;
mod curves;
mod format;
mod free;
mod markdown;
mod origin;
mod stopping;
mod trust;

pub use markdown::{markdown, write_markdown};

use std::path::Path;

use alfm_core::Error;
use alfm_lab::record::RunRecord;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::figures::describe;
use crate::summary::{Group, Metric, groups};
use crate::{none_of, save};

const STYLE: &str = include_str!("style.css");

/// Builds the page.
///
/// # Errors
/// [`ErrorKind::Missing`](alfm_core::ErrorKind) without records; otherwise as the figures and comparisons in it.
pub fn html(title: &str, records: &[RunRecord]) -> Result<String, Error> {
    let groups = groups(records);
    if groups.is_empty() {
        return Err(none_of("runs to report"));
    }
    let mut sections = Vec::new();
    for (number, group) in groups.iter().enumerate() {
        sections.push(section(number, group, groups.len() > 1)?);
    }
    let overview = if groups.len() > 1 { Some(answer::overview(&groups)?) } else { None };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    header.page {
                        h1 { (title) }
                        p.lead { (extent(records, &groups)) }
                    }
                    @if let Some(overview) = overview { (overview) }
                    @for section in sections { (section) }
                    (origin::section(records))
                }
            }
        }
    };
    Ok(page.into_string())
}

/// Writes the page.
///
/// # Errors
/// As [`html()`], and [`ErrorKind::System`](alfm_core::ErrorKind); an older file is then still whole.
pub fn write(path: &Path, title: &str, records: &[RunRecord]) -> Result<(), Error> {
    let page = html(title, records)?;
    save(path, page.as_bytes())
}

fn extent(records: &[RunRecord], groups: &[Group<'_>]) -> String {
    let count = |n: usize, thing: &str| format!("{n} {thing}{}", if n == 1 { "" } else { "s" });
    let seeds: std::collections::BTreeSet<u64> = records.iter().map(|run| run.seed).collect();
    let names: std::collections::BTreeSet<&str> =
        records.iter().map(|run| run.strategy.as_str()).collect();
    format!(
        "Simulated labelling campaign{}: {} in {} over {}.",
        if records.len() == 1 { "" } else { "s" },
        count(names.len(), "strategy").replace("strategys", "strategies"),
        count(groups.len(), "setting"),
        count(seeds.len(), "seed"),
    )
}

fn section(number: usize, group: &Group<'_>, several: bool) -> Result<Markup, Error> {
    Ok(html! {
        section id=(anchor(number)) {
            @if several { h2.setting { (describe(group)) } }
            (answer::headline(group)?)
            (curves::figure(group, Metric::Test)?)
            (classes::recall(group))
            (classes::labels(group))
            (free::labels(group))
            (curves::figure(group, Metric::Pool)?)
            (curves::table(group)?)
            (curves::savings(group)?)
            (stopping::advice(group))
            (classes::data(group))
        }
    })
}

fn anchor(number: usize) -> String {
    format!("setting-{}", number + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn records(noises: &[&str], strategies: &[&str], seeds: u64) -> Vec<RunRecord> {
        let mut records = Vec::new();
        for noise in noises {
            for name in strategies {
                for seed in 1..=seeds {
                    let mut record = fixture::record(name, seed);
                    record.setting = fixture::setting(noise);
                    records.push(record);
                }
            }
        }
        records
    }

    #[test]
    fn the_page_stands_alone_and_repeats() {
        let records = records(&["none"], &["random", "badge", "prioral"], 3);
        let page = html("Made-up <numbers>", &records).unwrap();
        assert!(page.contains("Made-up &lt;numbers&gt;"));
        for outside in ["<script", "<link", "src=", "@import", "url("] {
            assert!(!page.contains(outside), "{outside} reaches outside the page");
        }
        for expected in ["fewer labels", "Recall of each class", "alpha", "Free labels", "SHA-256"]
        {
            assert!(page.contains(expected), "{expected} is missing");
        }
        assert_eq!(page, html("Made-up <numbers>", &records).unwrap());
    }

    #[test]
    fn several_settings_get_an_overview_that_links_to_each() {
        let records = records(&["none", "uniform(0.2)"], &["random", "prioral"], 2);
        let page = html("Two settings", &records).unwrap();
        assert!(page.contains("href=\"#setting-2\"") && page.contains("id=\"setting-2\""));
        assert!(page.contains("uniform(0.2) noise"));
    }

    #[test]
    fn a_single_baseline_with_one_seed_is_enough() {
        let page = html("Alone", &records(&["none"], &["random"], 1)).unwrap();
        assert!(page.contains("no other strategy") && !page.contains("NaN"));
        assert_eq!(html("None", &[]).unwrap_err().kind(), alfm_core::ErrorKind::Missing);
    }
}
