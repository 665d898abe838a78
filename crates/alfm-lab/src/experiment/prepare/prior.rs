use std::path::Path;

use alfm_core::{Probabilities, ScoreKind};
use alfm_data::arrays::{read_label_matrix, read_matrix};
use alfm_data::read_label_column;
use alfm_prior::weak_labels::Votes;
use alfm_prior::{
    Calibrator, LabelShift, Reliability, ensemble, from_hard_labels, from_matrix, rotated, uniform,
    zero_shot_by,
};

use super::source::Source;
use crate::Error;
use crate::error::empty;
use crate::experiment::prior::PriorConfig;
use crate::simulate::Construction;

impl Source {
    /// The prior, summed over classes that were merged.
    pub(super) fn prior(
        &self,
        config: &PriorConfig,
        built: &Construction,
    ) -> Result<Probabilities, Error> {
        let prior = self.unmerged_prior(config, built)?;
        let classes = built.schema.len();
        let mut merged = vec![0.0; prior.rows() * classes];
        for (row, out) in prior.view().iter().zip(merged.chunks_exact_mut(classes)) {
            for (p, class) in row.iter().zip(&built.class_map) {
                out[class.index()] += p;
            }
        }
        Probabilities::new(merged, prior.rows(), classes)
    }

    /// The prior over the original classes.
    fn unmerged_prior(
        &self,
        config: &PriorConfig,
        built: &Construction,
    ) -> Result<Probabilities, Error> {
        let schema = self.data.schema();
        let similar = |temperature: &Option<f64>| {
            let items = self.pool_embeddings.view().gather(built.kept.iter().copied());
            let prompts = self.prompts.as_ref().ok_or_else(|| empty("class prompts"))?;
            zero_shot_by(items.view(), prompts, *temperature, self.head)
        };
        // Files speak of the whole split: the pool's part of it, and of that what the imbalance kept.
        let kept = || built.kept.iter().map(|row| self.pool_rows[*row]);
        Ok(match config {
            PriorConfig::ZeroShot { temperature } => similar(temperature)?,
            PriorConfig::Rotated { temperature } => rotated(&similar(temperature)?)?,
            PriorConfig::File { file, logits } => {
                let kind = if *logits { ScoreKind::Logits } else { ScoreKind::Probabilities };
                let read = read_matrix(file)?;
                self.check_rows(file.path(), read.rows())?;
                let given = read.view()?;
                let prior = from_matrix(given, kind, self.split_rows, schema.len());
                prior.map_err(named(file.path()))?.gather(kept())
            }
            PriorConfig::HardLabels { file, label, reliability } => {
                let labels = read_label_column(file, label, schema)?;
                self.check_rows(file, labels.len())?;
                let labels: Vec<_> = kept().map(|row| labels[row]).collect();
                let reliability = Reliability::Scalar { probability: *reliability };
                from_hard_labels(&labels, schema.len(), &reliability)?
            }
            PriorConfig::WeakLabels { file, model } => {
                let read = read_label_matrix(file)?;
                self.check_rows(file.path(), read.rows)?;
                // The rules are known by all that they say, in the part of the split that is left out, too.
                let votes = Votes::new(&read.labels, read.rows, read.columns, schema.len());
                let votes = votes.map_err(named(file.path()))?;
                model.prior(&votes)?.gather(kept())
            }
            PriorConfig::Ensemble { of, weights, pool } => {
                let members = of.iter().map(|member| self.unmerged_prior(member, built));
                let members = members.collect::<Result<Vec<Probabilities>, Error>>()?;
                let references: Vec<_> = members.iter().collect();
                let even = vec![1.0; members.len()];
                ensemble(&references, if weights.is_empty() { &even } else { weights }, *pool)?
            }
            PriorConfig::LabelShift { of } => {
                let prior = self.unmerged_prior(of, built)?;
                LabelShift::fit(&prior, None)?.apply(&prior)?
            }
            PriorConfig::Uniform => uniform(built.kept.len(), schema.len())?,
        })
    }

    /// Files speak of the whole split.
    fn check_rows(&self, file: &Path, got: usize) -> Result<(), Error> {
        let expected = self.split_rows;
        if got == expected {
            return Ok(());
        }
        Err(Error::input(format!(
            "it has {got} rows, but the split that the pool is taken from has {expected} items: give one row for each"
        ))
        .in_file(file))
    }
}

/// Says which file a prior that cannot be used comes from.
fn named(file: &Path) -> impl FnOnce(Error) -> Error {
    move |error| error.in_file(file)
}
