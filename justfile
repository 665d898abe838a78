# Short names for what is typed often; `just` lists them. The work itself is in .ci/run.

_default:
    @just --list --unsorted

# all that must pass, or parts of it: `just ci format prose lints`
ci *parts:
    .ci/run {{ parts }}

# the tests, or those of one crate: `just test -p alfm-select`
test *arguments:
    cargo test {{ if arguments == "" { "--workspace" } else { arguments } }}

# the demo of the README
demo:
    cargo run --release -p alfm-cli -- demo

# the pages that are made from code
pages:
    ALFM_UPDATE_DOCS=1 cargo test -p alfm-select --test strategies_page

# the benches of one file: `just bench co_decision`
bench name:
    cargo bench -p alfm-benches --bench {{ name }}

# feeds random files to a reader: `just fuzz npy`; needs cargo-fuzz and nightly Rust
fuzz target seconds="60":
    cargo +nightly fuzz run {{ target }} -- -max_total_time={{ seconds }}
