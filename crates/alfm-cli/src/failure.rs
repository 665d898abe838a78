//! What ends a command early, and with which exit code.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use alfm_data::DataError;
use alfm_embed::EmbedError;
use alfm_lab::LabError;
use alfm_prior::llm::LlmError;
use alfm_select::SelectError;
use alfm_select::acquire::AcquireError;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Core(#[from] alfm_core::CoreError),
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Embed(#[from] alfm_embed::EmbedError),
    #[error(transparent)]
    Prior(#[from] alfm_prior::PriorError),
    #[error(transparent)]
    Llm(#[from] LlmError),
    #[error(transparent)]
    Select(#[from] SelectError),
    #[error(transparent)]
    Device(#[from] alfm_kernels::device::DeviceError),
    #[error(transparent)]
    Lab(#[from] LabError),
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{action} {}", path.display())]
    File { action: &'static str, path: PathBuf, source: io::Error },
    #[error("the result cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    #[error("standard output cannot be written")]
    Output(#[source] io::Error),
    #[error("{missing} is needed: {remedy}")]
    Missing { missing: &'static str, remedy: &'static str },
    #[error("the items are {found}, and --surprisal is of texts: leave it out, or give texts")]
    NotTexts { found: &'static str },
    #[error("there are no images among the items, and --image-size is of images: leave it out")]
    NoImages,
    #[error(
        "the items are images, and `{model}` encodes texts only: give texts without --images, or name an encoder of \
         images; the known ones are {known}"
    )]
    TextsOnly { model: String, known: String },
    #[error(
        "there are texts to embed (items, or prompts of classes), and `{model}` encodes images only: give images, and a \
         prior that asks for no prompts, or name an encoder of texts; the known ones are {known}, clip, siglip"
    )]
    ImagesOnly { model: String, known: String },
    #[error(
        "{} of {items} images cannot be used: mend them, or take them out of the data\n{}",
        damaged.len(),
        first_lines(damaged)
    )]
    Damaged { damaged: Vec<DataError>, items: usize },
    #[error("{image}: {source}")]
    Unfit { image: String, source: EmbedError },
    #[error("surprisal is computed on the processor: leave --device {device} out")]
    SurprisalOnCard { device: &'static str },
    #[error("item `{id}` was asked, and --oracle has -1 for it: give the labels of all items")]
    Unanswered { id: alfm_core::SampleId },
    #[error(
        "{left} of {items} items were not asked, and no prior is written: run again to go on from the cache"
    )]
    Unasked { left: usize, items: usize },
    #[error("Ctrl-C cannot be handled")]
    Signal(#[from] ctrlc::Error),
}

impl Failure {
    /// 1 where the machine failed, 2 where the request or its input was bad.
    pub(crate) fn code(&self) -> ExitCode {
        match self {
            Self::File { .. } | Self::Json(_) | Self::Output(_) | Self::Signal(_) => 1.into(),
            Self::Unasked { .. } => 1.into(),
            Self::Select(SelectError::Acquire(AcquireError::Device(_)))
            | Self::Lab(LabError::Select(SelectError::Acquire(AcquireError::Device(_))))
            | Self::Embed(EmbedError::Device(_)) => 1.into(),
            Self::Llm(
                LlmError::Cache { .. }
                | LlmError::Client(_)
                | LlmError::Refused { .. }
                | LlmError::GaveUp { .. },
            ) => 1.into(),
            Self::Lab(LabError::Stopped { .. } | LabError::File { .. }) => 1.into(),
            _ => 2.into(),
        }
    }

    /// The chain of causes that the message does not already say.
    pub(crate) fn causes(&self) -> Vec<String> {
        let mut said = self.to_string();
        let mut causes = Vec::new();
        let mut cause = self.source();
        while let Some(error) = cause {
            let text = error.to_string();
            if !said.contains(&text) {
                causes.push(text.clone());
                said = text;
            }
            cause = error.source();
        }
        causes
    }
}

/// One a line; of many, the first twenty.
fn first_lines(errors: &[DataError]) -> String {
    const SHOWN: usize = 20;
    let mut lines: Vec<String> =
        errors.iter().take(SHOWN).map(|error| format!("  {error}")).collect();
    if errors.len() > SHOWN {
        lines.push(format!("  and {} more", errors.len() - SHOWN));
    }
    lines.join("\n")
}
