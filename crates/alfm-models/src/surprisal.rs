use alfm_core::{Error, Matrix};
use alfm_data::Hub;
use alfm_embed::MaskedLm;

use crate::event::{Event, Watch, nobody};

/// A masked language model.
pub struct LanguageModel {
    model: MaskedLm,
    watch: Watch,
}

impl LanguageModel {
    /// Finds and loads a model of the hub, which must have been trained as a masked language model.
    ///
    /// # Errors
    /// As [`Hub::model`] and [`MaskedLm::load`].
    pub fn load(model: &str, hub: &Hub) -> Result<Self, Error> {
        let model = MaskedLm::load(&hub.model(model)?.folder)?;
        Ok(Self { model, watch: nobody() })
    }

    /// Tells what happens.
    #[must_use]
    pub fn with_watch(mut self, watch: Watch) -> Self {
        self.watch = watch;
        self
    }

    /// Cross-entropy in nats at every token of the unmasked texts: `texts x 128`, 0 at special tokens and behind the end.
    ///
    /// # Errors
    /// As [`MaskedLm::surprisal`].
    pub fn surprisal(&self, texts: &[&str]) -> Result<Matrix, Error> {
        let mut tell =
            |done, total| (self.watch)(Event::Progress { what: "surprisal", done, total });
        let matrix = self.model.surprisal(texts, &mut tell)?;
        (self.watch)(Event::Done);
        Ok(matrix)
    }
}
