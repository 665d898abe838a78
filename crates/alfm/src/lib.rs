#![doc = include_str!("../README.md")]

#[cfg(feature = "models")]
mod texts;

pub use alfm_core as core;
#[cfg(feature = "data")]
pub use alfm_data as data;
#[cfg(feature = "lab")]
pub use alfm_lab as lab;
pub use alfm_learn as learn;
pub use alfm_loop::{
    ActiveLearner, Advice, Answer, ClassId, ClassSchema, CleanSet, Error, ErrorKind, Inputs,
    ItemState, Items, LabelLog, LoopConfig, Matrix, Probabilities, Query, Round, SampleId,
    Selector, Source, Strategy, Trust,
};
#[cfg(feature = "models")]
pub use alfm_models as models;
#[cfg(feature = "prior")]
pub use alfm_prior as prior;
#[cfg(feature = "report")]
pub use alfm_report as report;
pub use alfm_select as select;
#[cfg(feature = "models")]
pub use texts::learner_of_texts;
