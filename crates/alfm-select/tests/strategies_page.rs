//! `docs/strategies.md` is made from the registry; `ALFM_UPDATE_DOCS=1 cargo test` writes it anew.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use alfm_select::acquire::{Needs, OptionInfo, Summary, registry};
use alfm_select::prioral_summaries;

const HEAD: &str = "# Which strategy when

Made from the registry by the test `strategies_page` of `alfm-select`; `alfm select --list` prints the same.

* **A prior, and no way to tell how good it is:** `prioral-guarded`, which finds out.
* **A prior that is right more often than not, rare classes, noisy answers:** `prioral`, with `badge` as its
  query rule where near copies are common.
* **No prior:** `balanced-margin`, which is `margin` where no class is short of labels. The guarded form does
  much the same once it has given a prior up; without one it came within 0.8 points of the best baseline, picked after the
  fact, in 22 of 24 settings, and was 3.3 behind and 1.4 ahead in the other two (docs/results).
* **Nothing labelled yet:** a `random` batch, which also keeps error estimates honest; `typiclust`,
  `probcover` or `facility-location` where the budget is tiny; `alps` with a masked language model.
* **Rare classes, answers while you wait:** `direct` (bears wrong answers) or `galaxy` (does not).
* **Some labels of a rare class, and more of it wanted:** `similar`, `mlp`.

Time and memory are those of one batch, beside the inputs: `N` pool, `L` labelled, `D` embedding, `K` classes,
`b` batch. Strategies marked * ask within the batch: each answer moves the next question. Those marked + are
around another strategy, their option `inner`, whose needs come in addition.

";

const OPTIONS: &str = "
## Options

Set where a strategy is named: `{ name = \"badge\", first = \"uniform\" }`, and around another one
`{ name = \"oversampled\", factor = 10, inner = { name = \"power-margin\", beta = 2.0 } }`. They are checked when the
strategy is built; `none` means that an option is not set.

";

fn needs(inputs: Needs) -> String {
    let name = |input| serde_json::to_value(input).unwrap().as_str().unwrap().to_owned();
    inputs.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn page() -> String {
    let all: Vec<Summary> =
        prioral_summaries().into_iter().chain(registry().map(|entry| entry.summary())).collect();
    let mut page = HEAD.to_owned();
    page += "| strategy | needs | time | memory | good for | source |\n|---|---|---|---|---|---|\n";
    for summary in &all {
        let Summary { name, interactive, wrapper, paper, time, memory, good_for, .. } = summary;
        let mark = if *interactive {
            " *"
        } else if *wrapper {
            " +"
        } else {
            ""
        };
        let needs = needs(summary.needs);
        page +=
            &format!("| `{name}`{mark} | {needs} | {time} | {memory} | {good_for} | {paper} |\n");
    }
    page += OPTIONS;
    page += "| strategy | option | meaning | default | range |\n|---|---|---|---|---|\n";
    for summary in &all {
        for OptionInfo { name, meaning, default, range, .. } in &summary.options {
            let default = if default.is_empty() { "" } else { &format!("`{default}`") };
            page +=
                &format!("| `{}` | `{name}` | {meaning} | {default} | {range} |\n", summary.name);
        }
    }
    page
}

#[test]
fn the_page_is_the_registry() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/strategies.md");
    if std::env::var_os("ALFM_UPDATE_DOCS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page(), "docs/strategies.md is out of date: set ALFM_UPDATE_DOCS=1 once");
}
