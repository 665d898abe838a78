//! The configuration of an experiment.

#![no_main]

use alfm_lab::experiment::ExperimentConfig;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = ExperimentConfig::from_toml(text);
});
