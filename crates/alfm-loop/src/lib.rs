#![doc = include_str!("../README.md")]

mod config;
mod evidence;
mod features;
mod learner;
mod saved;
mod training;
mod tuner;

pub use alfm_core::{
    Answer, ClassId, ClassSchema, Error, ErrorKind, ItemState, Items, LabelLog, Matrix, MatrixView,
    Probabilities, SampleId, SeedTree, Source,
};
pub use alfm_learn::{Capabilities, Classifier, Learner, LearnerConfig};
pub use alfm_select::{
    AccuracyEstimate, Advice, CleanSet, Inputs, Query, Round, Selector, Strategy, Suspect, Trust,
};
pub use config::{Dropout, LoopConfig};
pub use features::{Features, Prior};
pub use learner::ActiveLearner;
pub use tuner::{Tuned, Tuner, TuningExamples};
