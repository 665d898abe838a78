#![doc = include_str!("../README.md")]
//!
//! * [`LogisticRegression`]: multinomial, to convergence; the default.
//! * [`Mlp`]: one or two hidden layers, for classes that no hyperplane separates.
//! * [`LearnerConfig`]: one of them, or fine-tuning, by `kind`, as a configuration file names it.
//!
//! [`out_of_fold`] predicts each example by a model that has not seen it, and [`LabelQuality`] reads from such
//! predictions which labels are probably wrong, how many, and how much each may weigh.
//!
//! Both minimise the same loss with the same full-batch method, on one thread: experiments run many fits
//! at once. The same examples and seed give the same bytes whatever the number of threads.
//!
//! With the feature `fine-tune`, [`FineTune`] trains the encoder as well, from [`FineTuneConfig`].

mod by_class;
mod config;
mod examples;
#[cfg(feature = "fine-tune")]
mod fine_tune;
mod fine_tune_config;
mod label_quality;
mod lbfgs;
mod learner;
mod logistic;
mod loss;
mod mlp;
mod network;
mod out_of_fold;
mod trained;

pub use alfm_core::{Error, ErrorKind};
pub use config::LearnerConfig;
pub use examples::{Examples, Reduced};
#[cfg(feature = "fine-tune")]
pub use fine_tune::{FineTuneStep, FineTuneSummary, FineTuned, ItemExamples};
pub use fine_tune_config::{FineTune, FineTuneConfig};
pub use label_quality::{LabelQuality, Suspect};
pub use learner::{Capabilities, Classifier, Fit, Learner, LinearLayer, Stop};
pub use logistic::{LogisticRegression, LogisticRegressionConfig};
pub use mlp::{Activation, Mlp, MlpConfig};
pub use out_of_fold::{out_of_fold, out_of_fold_by};
