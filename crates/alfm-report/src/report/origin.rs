use std::collections::BTreeMap;

use alfm_lab::record::RunRecord;
use maud::{Markup, html};

use super::format::scroll;

/// What is needed to repeat the runs: configuration, seeds, data hashes, versions.
pub(super) fn section(records: &[RunRecord]) -> Markup {
    let mut seeds: Vec<u64> = records.iter().map(|run| run.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    let mut versions = BTreeMap::new();
    let mut digests = BTreeMap::new();
    for run in records {
        versions.extend(run.versions.iter());
        for (name, digest) in &run.data.digests {
            digests.insert((&run.setting.dataset, &run.setting.imbalance, name, digest), ());
        }
    }
    html! {
        section {
            h2 { "How to repeat this" }
            p {
                "Seeds: " (seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(", "))
                ". Every curve of a seed starts from the same initial batch. Label noise is drawn from a fixed \
                seed of its own. Metrics are measured against clean labels; strategies and trainings see oracle \
                answers only."
            }
            p { "Versions: "
                (versions.iter().map(|(name, version)| format!("{name} {version}")).collect::<Vec<_>>().join(", "))
                "."
            }
            details {
                summary { "SHA-256 of the inputs" }
                (scroll(html! {
                    table {
                        thead { tr { th { "Data set" } th.name { "Imbalance" } th.name { "Input" } th.name { "SHA-256" } } }
                        tbody {
                            @for (dataset, imbalance, name, digest) in digests.keys() {
                                tr {
                                    th scope="row" { (dataset) } td.name { (imbalance) } td.name { (name) }
                                    td.name { code { (digest) } }
                                }
                            }
                        }
                    }
                }))
            }
            @for (label, config) in configurations(records) {
                details {
                    summary { "Configuration: " (label) }
                    pre { (config) }
                }
            }
        }
    }
}

/// One configuration a setting and strategy: those of its other seeds differ in the seed only.
fn configurations(records: &[RunRecord]) -> Vec<(String, String)> {
    let mut first = BTreeMap::new();
    for run in records {
        first.entry((&run.setting, &run.strategy)).or_insert(run);
    }
    let one_setting = first.keys().all(|key| Some(key.0) == first.keys().next().map(|key| key.0));
    first
        .into_iter()
        .map(|((setting, strategy), run)| {
            let label = if one_setting {
                strategy.clone()
            } else {
                format!(
                    "{strategy} on {}, {}, noise {}, prior {}, learner {}",
                    setting.dataset,
                    setting.imbalance,
                    setting.noise,
                    setting.prior,
                    setting.learner
                )
            };
            let text = serde_json::to_string_pretty(&run.config);
            (label, text.unwrap_or_else(|_| run.config.to_string()))
        })
        .collect()
}
