//! The files of `alfm select` as the inputs of a round.

use alfm_core::{ClassId, Error, Predictions, ScoreKind};
use alfm_data::arrays::{ArraySpec, FloatMatrix, read_labels, read_matrix};
use alfm_select::acquire::{Averaged, Input, LinearHead};
use alfm_select::{Inputs, LabelsOnly};

use crate::args::SelectArgs;
use crate::failure::missing;

/// What was read; large arrays are mapped.
pub(super) struct Files {
    model: Option<FloatMatrix>,
    prior: Option<FloatMatrix>,
    embeddings: Option<FloatMatrix>,
    pub(super) labels: Option<Vec<Option<ClassId>>>,
    head: Option<(FloatMatrix, FloatMatrix)>,
    passes: Vec<FloatMatrix>,
    averaged: Option<[FloatMatrix; 3]>,
    surprisal: Option<FloatMatrix>,
    labels_only: Option<FloatMatrix>,
    out_of_fold: Option<FloatMatrix>,
    pub(super) oracle: Option<Vec<Option<ClassId>>>,
}

impl Files {
    pub(super) fn read(args: &SelectArgs) -> Result<Self, Error> {
        let read = |spec: &Option<ArraySpec>| spec.as_ref().map(read_matrix).transpose();
        let head = read(&args.head)?.zip(read(&args.head_bias)?);
        let averaged = [&args.averaged_probs, &args.averaged_hidden, &args.hidden].map(read);
        let [probabilities, hidden, online] = averaged;
        let averaged = match (probabilities?, hidden?, online?) {
            (Some(probabilities), Some(hidden), Some(online)) => {
                Some([probabilities, hidden, online])
            }
            _ => None,
        };
        Ok(Self {
            model: read(&args.model_probs)?,
            prior: read(&args.prior)?,
            embeddings: read(&args.embeddings)?,
            labels: args.labels.as_ref().map(read_labels).transpose()?,
            head,
            passes: args.pass.iter().map(read_matrix).collect::<Result<_, _>>()?,
            averaged,
            surprisal: read(&args.surprisal)?,
            labels_only: read(&args.labels_only_probs)?,
            out_of_fold: read(&args.out_of_fold)?,
            oracle: args.oracle.as_ref().map(read_labels).transpose()?,
        })
    }

    /// Refuses what has not the shape of the pool, by its file: behind this nobody knows where a matrix came from.
    pub(super) fn check(&self, args: &SelectArgs) -> Result<(), Error> {
        let (items, classes) = self.shape()?;
        let [averaged, hidden, online] = match &self.averaged {
            Some(all) => all.each_ref().map(Some),
            None => [None; 3],
        };
        let (model, alone) = (self.model.as_ref(), self.labels_only.as_ref());
        let rows = [
            ("model", model),
            ("embeddings", self.embeddings.as_ref()),
            ("surprisal", self.surprisal.as_ref()),
            ("averaged model", averaged),
            ("averaged hidden features", hidden),
            ("hidden features", online),
            ("model of labels only", alone),
        ];
        let passes = self.passes.iter().map(|pass| ("passes", Some(pass)));
        for (what, matrix) in rows.into_iter().chain(passes.clone()) {
            if let Some(matrix) = matrix.filter(|matrix| matrix.rows() != items) {
                return Err(Error::row_count(what, items, matrix.rows()).in_file(matrix.path()));
            }
        }
        let vectors =
            [("labels", &args.labels, &self.labels), ("oracle", &args.oracle, &self.oracle)];
        for (what, file, labels) in vectors {
            if let (Some(file), Some(labels)) = (file, labels)
                && labels.len() != items
            {
                return Err(Error::row_count(what, items, labels.len()).in_file(file.path()));
            }
        }
        let held_out = self.out_of_fold.as_ref();
        let columns = [
            ("model", model),
            ("averaged model", averaged),
            ("model of labels only", alone),
            ("out-of-fold predictions", held_out),
        ];
        for (what, matrix) in columns.into_iter().chain(passes) {
            if let Some(matrix) = matrix.filter(|matrix| matrix.columns() != classes) {
                let error = Error::column_count(what, classes, matrix.columns());
                return Err(error.in_file(matrix.path()));
            }
        }
        let labelled = self.labels.iter().flatten().flatten().count();
        if let Some(matrix) = held_out.filter(|matrix| matrix.rows() != labelled) {
            let message = format!(
                "`out-of-fold predictions` has {} rows, but {labelled} items are labelled: give one row for each",
                matrix.rows()
            );
            return Err(Error::input(message).in_file(matrix.path()));
        }
        self.check_head(classes)
    }

    /// The last layer is one of these classes and of these embeddings.
    fn check_head(&self, classes: usize) -> Result<(), Error> {
        let Some((weights, bias)) = &self.head else { return Ok(()) };
        // The biases are a row or a column.
        let biases = bias.rows() * bias.columns();
        for (what, matrix, got) in [("head", weights, weights.rows()), ("bias", bias, biases)] {
            if got != classes {
                let message = format!(
                    "`{what}` is of {got} classes, but there are {classes}: give one row per class"
                );
                return Err(Error::input(message).in_file(matrix.path()));
            }
        }
        let width = self.embeddings.as_ref().map(FloatMatrix::columns);
        if let Some(width) = width.filter(|width| *width != weights.columns()) {
            let message = format!(
                "`head` has {} columns, and the embeddings have {width}: give the layer that follows them",
                weights.columns()
            );
            return Err(Error::input(message).in_file(weights.path()));
        }
        Ok(())
    }

    /// Items and classes.
    pub(super) fn shape(&self) -> Result<(usize, usize), Error> {
        let given = self.prior.as_ref().or(self.model.as_ref()).or(self.passes.first());
        if let Some(matrix) = given {
            return Ok((matrix.rows(), matrix.columns()));
        }
        let labelled = self.labels.iter().flatten().flatten().map(|class| class.index() + 1).max();
        let of_head = self.head.as_ref().map(|(weights, _)| weights.rows());
        let classes = of_head.or(labelled).unwrap_or(0).max(2);
        let rows = self.embeddings.as_ref().map(FloatMatrix::rows);
        rows.or(self.labels.as_ref().map(Vec::len)).map(|rows| (rows, classes)).ok_or_else(|| {
            missing("a pool", "give --model-probs, --prior, --embeddings or --labels")
        })
    }

    /// The stochastic passes, checked.
    pub(super) fn passes(&self, logits: bool) -> Result<Vec<Predictions<'_>>, Error> {
        self.passes.iter().map(|pass| pass.predictions(kind(logits))).collect()
    }

    /// All of them as the inputs of a round; whether they fit the pool, the selector checks.
    pub(super) fn inputs<'a>(
        &'a self,
        logits: bool,
        passes: &'a [Predictions<'a>],
    ) -> Result<Inputs<'a>, Error> {
        let predictions = |matrix: &'a FloatMatrix| matrix.predictions(kind(logits));
        let mut inputs = Inputs::default();
        inputs.model = self.model.as_ref().map(predictions).transpose()?;
        inputs.prior = self.prior.as_ref().map(predictions).transpose()?;
        inputs.embeddings = self.embeddings.as_ref().map(FloatMatrix::view).transpose()?;
        inputs.surprisal = self.surprisal.as_ref().map(FloatMatrix::view).transpose()?;
        inputs.passes = Some(passes).filter(|passes| !passes.is_empty());
        if let Some((weights, bias)) = &self.head {
            inputs.head = Some(LinearHead::new(weights.view()?, bias.values())?);
        }
        if let Some([probabilities, hidden, online]) = &self.averaged {
            inputs.averaged = Some(Averaged {
                model: predictions(probabilities)?,
                hidden: hidden.view()?,
                online_hidden: online.view()?,
            });
        }
        let alone = self.labels_only.as_ref().or(self.model.as_ref());
        if let Some((pool, held_out)) = alone.zip(self.out_of_fold.as_ref()) {
            inputs.labels_only = Some(LabelsOnly::new(predictions(pool)?, predictions(held_out)?));
        }
        Ok(inputs)
    }
}

fn kind(logits: bool) -> ScoreKind {
    if logits { ScoreKind::Logits } else { ScoreKind::Probabilities }
}

/// The flag that gives an input.
pub(super) fn flag(input: Input) -> &'static str {
    match input {
        Input::Model => "--model-probs",
        Input::Embeddings => "--embeddings",
        Input::Prior => "--prior",
        Input::Head => "--head",
        Input::Passes => "--pass",
        Input::Averaged => "--averaged-probs",
        Input::Surprisal => "--surprisal",
        Input::LabelsOnly => "--out-of-fold",
        _ => "",
    }
}
