//! What a fitted model says, as far as the strategy needs it.

use alfm_core::{Error, Matrix, Probabilities, SeedTree};
use alfm_learn::{Classifier, LinearLayer};
use alfm_select::acquire::{Input, Needs};

use crate::config::Dropout;
use crate::features::Features;

/// The small model after a round, and what was gathered from it.
pub(crate) struct Fitted {
    pub(crate) model: Box<dyn Classifier>,
    /// Embeddings of a trained encoder, which the model reads in place of the published ones.
    pub(crate) pool_features: Option<Matrix>,
    pub(crate) other_features: Option<Matrix>,
    /// Its predictions of the pool, `N x K`.
    pub(crate) pool: Probabilities,
    /// Only for strategies that ask for it.
    pub(crate) labels_only: Option<LabelsOnlyModel>,
    pub(crate) head: Option<LinearLayer>,
    pub(crate) passes: Vec<Probabilities>,
}

/// What the small model says when it has learned from the oracle alone.
pub(crate) struct LabelsOnlyModel {
    /// `N x K`.
    pub(crate) pool: Probabilities,
    /// `n x K`, by ascending row.
    pub(crate) out_of_fold: Probabilities,
}

impl Fitted {
    /// What the model must say beside its predictions, for the strategies that need it.
    pub(crate) fn gather(
        &mut self,
        needs: Needs,
        published: &dyn Features,
        dropout: Dropout,
        seed: &SeedTree,
    ) -> Result<(), Error> {
        if needs.contains(Input::Head) {
            self.head = self.model.linear_layer();
        }
        if needs.contains(Input::Passes) {
            let features = self.pool_features.as_ref().map_or(published.view(), Matrix::view);
            let pass =
                |pass| self.model.predict_with_dropout(features, dropout.rate, &seed.index(pass));
            self.passes = (0..dropout.passes).map(pass).collect::<Result<_, _>>()?;
        }
        Ok(())
    }
}
