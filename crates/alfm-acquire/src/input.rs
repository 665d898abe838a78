//! What a strategy may know of a pool, beside the labels so far.
//!
//! [`inputs!`] is the one list of inputs: a new one is a line there, and, if it is of a new type, how that type
//! [`Fits`] a pool.

use std::fmt;

use alfm_core::{Error, ErrorKind, MatrixView, Predictions};
use alfm_kernels::device::Device;
use serde::{Deserialize, Serialize};

use crate::{Pool, Request};

/// Makes the list of inputs: their kinds, the type that holds them, and how pools and requests hand them out.
macro_rules! inputs {
    ($($(#[$doc:meta])* $kind:ident: $field:ident, $with:ident, $type:ty, $says:literal;)*) => {
        /// A kind of input that a strategy cannot do without.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        #[non_exhaustive]
        pub enum Input {
            $($(#[$doc])* $kind,)*
        }

        impl Input {
            /// Every input, in the order of its declaration.
            pub const ALL: [Self; [$(stringify!($kind)),*].len()] = [$(Self::$kind),*];
        }

        impl fmt::Display for Input {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$kind => $says,)*
                })
            }
        }

        /// The inputs of a round; rows are in the order of the pool's items. All of them are borrowed.
        ///
        /// ```
        /// use alfm_acquire::{Input, Inputs};
        /// use alfm_core::Predictions;
        /// let model = Predictions::probabilities(&[0.75, 0.25, 0.5, 0.5], 2, 2)?;
        /// let inputs = Inputs::default().with_model(model);
        /// assert!(inputs.has(Input::Model) && !inputs.has(Input::Prior));
        /// let error = inputs.check(3, None, 0).unwrap_err();
        /// assert_eq!(error.to_string(), "`model` has 2 rows, but the pool has 3 items: give one row per item");
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        #[derive(Clone, Copy, Debug, Default)]
        #[non_exhaustive]
        pub struct Inputs<'a> {
            $($(#[$doc])* pub $field: Option<$type>,)*
            /// Where the kernels run; on the processor unless told otherwise.
            pub device: Option<&'a dyn Device>,
        }

        impl<'a> Inputs<'a> {
            $(
                $(#[$doc])*
                #[must_use]
                pub fn $with(mut self, $field: $type) -> Self {
                    self.$field = Some($field);
                    self
                }
            )*

            /// Whether an input is given.
            pub fn has(&self, input: Input) -> bool {
                match input {
                    $(Input::$kind => self.$field.is_some(),)*
                }
            }

            fn fit(&self, shape: &Shape) -> Result<(), Error> {
                $(if let Some(given) = &self.$field {
                    given.fits(Input::$kind, shape)?;
                })*
                Ok(())
            }
        }

        impl<'a> Pool<'a> {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// As [`Pool::with`].
                pub fn $with(self, $field: $type) -> Result<Self, Error> {
                    let inputs = self.inputs().$with($field);
                    self.with(inputs)
                }

                $(#[$doc])*
                pub fn $field(&self) -> Option<$type> {
                    self.inputs().$field
                }
            )*
        }

        impl<'a> Request<'a> {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// If the pool has none.
                pub fn $field(&self) -> Result<$type, Error> {
                    self.needed(Input::$kind, self.pool.$field())
                }
            )*
        }
    };
}

inputs! {
    /// The small model's class predictions `p_f`, `N x K`, trained on the labels so far.
    Model: model, with_model, Predictions<'a>, "the model's class predictions";
    /// Embeddings `x`, `N x D`.
    Embeddings: embeddings, with_embeddings, MatrixView<'a>, "embeddings";
    /// The foundation model's class probabilities `p_L`, `N x K`.
    Prior: prior, with_prior, Predictions<'a>, "the foundation model's class probabilities";
    /// The small model's last layer, over the classes and the embeddings, see [`LinearHead`].
    Head: head, with_head, LinearHead<'a>, "the model's last layer";
    /// Class predictions of `M` stochastic passes of the small model, each `N x K`; at least one.
    Passes: passes, with_passes, &'a [Predictions<'a>],
        "class predictions of several stochastic passes of the model";
    /// The small model's running average, see [`Averaged`].
    Averaged: averaged, with_averaged, Averaged<'a>,
        "predictions and hidden features of the model's running average";
    /// Cross-entropy in nats of a masked language model at every token position, `N x T`, 0 where there is no token.
    Surprisal: surprisal, with_surprisal, MatrixView<'a>, "a language model's surprisal at every token";
    /// What the small model says when it is trained on the oracle's labels alone, see [`LabelsOnly`].
    LabelsOnly: labels_only, with_labels_only, LabelsOnly<'a>,
        "out-of-fold predictions of the model on the labelled items";
}

impl Input {
    /// The error of a strategy that is given everything but this.
    pub fn missing_for(self, strategy: &str) -> Error {
        Error::new(
            ErrorKind::Missing,
            format!(
                "strategy `{strategy}` needs {self}: give them, or choose a strategy that does without"
            ),
        )
    }
}

impl<'a> Inputs<'a> {
    /// Sets where the kernels run; on the processor unless told otherwise.
    #[must_use]
    pub fn with_device(mut self, device: &'a dyn Device) -> Self {
        self.device = Some(device);
        self
    }

    /// The one check of all inputs against a pool of `items`, of which `labelled` have a label, and each other.
    ///
    /// Without a number of classes, those of the model or the prior are it. `O(1)`, or `O(M)` for `M` passes.
    ///
    /// # Errors
    /// For the first input of another shape, and for an empty list of passes.
    pub fn check(
        &self,
        items: usize,
        classes: Option<usize>,
        labelled: usize,
    ) -> Result<(), Error> {
        let of = |given: Option<Predictions<'_>>| given.map(|given| given.classes());
        let classes = classes.or(of(self.model)).or(of(self.prior));
        let width = self.embeddings.map(|embeddings| embeddings.columns());
        self.fit(&Shape { items, classes, labelled, width })
    }
}

fn no_passes() -> Error {
    let message = "no stochastic pass is given: give at least one, usually about 20";
    Error::new(ErrorKind::Missing, message)
}

/// What inputs must agree with.
struct Shape {
    items: usize,
    classes: Option<usize>,
    labelled: usize,
    /// Columns of the embeddings.
    width: Option<usize>,
}

impl Shape {
    fn rows(&self, what: &'static str, got: usize) -> Result<(), Error> {
        let expected = self.items;
        if got == expected { Ok(()) } else { Err(Error::row_count(what, expected, got)) }
    }

    fn predictions(&self, what: &'static str, given: &Predictions<'_>) -> Result<(), Error> {
        self.rows(what, given.rows())?;
        columns(what, self.classes, given.classes())
    }
}

fn columns(what: &'static str, expected: Option<usize>, got: usize) -> Result<(), Error> {
    match expected.filter(|expected| *expected != got) {
        Some(expected) => Err(Error::column_count(what, expected, got)),
        None => Ok(()),
    }
}

/// How a type of input fits a pool.
trait Fits {
    fn fits(&self, input: Input, shape: &Shape) -> Result<(), Error>;
}

impl Fits for Predictions<'_> {
    fn fits(&self, input: Input, shape: &Shape) -> Result<(), Error> {
        let what = if input == Input::Prior { "prior" } else { "model" };
        shape.predictions(what, self)
    }
}

impl Fits for MatrixView<'_> {
    fn fits(&self, input: Input, shape: &Shape) -> Result<(), Error> {
        let what = if input == Input::Surprisal { "surprisal" } else { "embeddings" };
        shape.rows(what, self.rows())
    }
}

impl Fits for LinearHead<'_> {
    fn fits(&self, _: Input, shape: &Shape) -> Result<(), Error> {
        columns("head", shape.width, self.weights().columns())?;
        columns("head", shape.classes, self.classes())
    }
}

impl Fits for &[Predictions<'_>] {
    fn fits(&self, _: Input, shape: &Shape) -> Result<(), Error> {
        let first = self.first().ok_or_else(no_passes)?.classes();
        for pass in *self {
            shape.rows("passes", pass.rows())?;
            columns("passes", Some(shape.classes.unwrap_or(first)), pass.classes())?;
        }
        Ok(())
    }
}

impl Fits for Averaged<'_> {
    fn fits(&self, _: Input, shape: &Shape) -> Result<(), Error> {
        shape.predictions("averaged model", &self.model)?;
        shape.rows("hidden", self.hidden.rows())?;
        shape.rows("online hidden", self.online_hidden.rows())?;
        let (expected, got) = (self.hidden.columns(), self.online_hidden.columns());
        columns("online hidden", Some(expected), got)
    }
}

impl Fits for LabelsOnly<'_> {
    fn fits(&self, _: Input, shape: &Shape) -> Result<(), Error> {
        shape.predictions("model of labels only", &self.pool)?;
        let what = "out-of-fold predictions";
        let held_out = Shape { items: shape.labelled, ..*shape };
        held_out.predictions(what, &self.out_of_fold)
    }
}

/// The last layer of the small model: `z = W x + c`, with `W` of `K x D` and `c` of `K`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinearHead<'a> {
    weights: MatrixView<'a>,
    bias: &'a [f32],
}

impl<'a> LinearHead<'a> {
    /// A head of `weights` (`K x D`) and `bias` (`K`).
    ///
    /// # Errors
    /// Below two rows, if there is not one bias a class, and for the first bias that is not finite.
    pub fn new(weights: MatrixView<'a>, bias: &'a [f32]) -> Result<Self, Error> {
        let classes = weights.rows();
        if classes < 2 {
            return Err(Error::too_few_classes(classes));
        }
        MatrixView::new(bias, 1, bias.len())?;
        columns("bias", Some(classes), bias.len())?;
        Ok(Self { weights, bias })
    }

    /// `W`, `K x D`.
    pub fn weights(&self) -> MatrixView<'a> {
        self.weights
    }

    /// `c`, one a class.
    pub fn bias(&self) -> &'a [f32] {
        self.bias
    }

    /// Number of classes `K`, at least 2.
    pub fn classes(&self) -> usize {
        self.weights.rows()
    }

    /// `z = W x + c`, summed in `f64`, into `logits`, which is resized to `K`.
    ///
    /// # Panics
    /// If `embedding` has not the width of the head: a fault of the caller, not of its data.
    pub fn logits(&self, embedding: &[f32], logits: &mut Vec<f64>) {
        assert_eq!(embedding.len(), self.weights.columns(), "one weight a feature");
        logits.clear();
        logits.extend(
            self.weights
                .iter()
                .zip(self.bias)
                .map(|(weights, bias)| alfm_kernels::dot(weights, embedding) + f64::from(*bias)),
        );
    }
}

/// The small model `theta` and the exponential moving average of its weights over one training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Averaged<'a> {
    /// Class predictions of the average, `N x K`.
    pub model: Predictions<'a>,
    /// Hidden features of the average, `N x H`.
    pub hidden: MatrixView<'a>,
    /// Hidden features of the model itself, `N x H`.
    pub online_hidden: MatrixView<'a>,
}

/// The small model trained on the oracle's labels alone, without any free label.
///
/// It is the evidence that a guard needs: free labels come from the prior, and a model that has learned from
/// them can't testify for or against the prior.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LabelsOnly<'a> {
    /// Its predictions on the pool, `N x K`.
    pub pool: Predictions<'a>,
    /// Those on the `n` labelled items by ascending row, `n x K`, each by a model that has not seen the item's label.
    pub out_of_fold: Predictions<'a>,
}

impl<'a> LabelsOnly<'a> {
    /// Both, see the fields.
    pub fn new(pool: Predictions<'a>, out_of_fold: Predictions<'a>) -> Self {
        Self { pool, out_of_fold }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALVES: [f32; 8] = [0.5; 8];

    /// The embeddings come after the head, as a user may well give them.
    #[test]
    fn a_head_of_another_width_is_refused_in_any_order() {
        let weights = MatrixView::new(&[1.0; 6], 2, 3).unwrap();
        let head = LinearHead::new(weights, &[0.0; 2]).unwrap();
        let embeddings = MatrixView::new(&HALVES, 4, 2).unwrap();
        let pool = || Pool::new(&[None; 4]).unwrap();
        let says = "`head` has 3 columns, but there are 2";
        let after = pool().with_head(head).unwrap().with_embeddings(embeddings).unwrap_err();
        let before = pool().with_embeddings(embeddings).unwrap().with_head(head).unwrap_err();
        assert!(after.to_string().starts_with(says), "{after}");
        assert_eq!(after, before);
    }

    #[test]
    fn every_kind_of_input_is_checked_against_the_pool() {
        let two = Predictions::probabilities(&HALVES[..4], 2, 2).unwrap();
        let four = Predictions::probabilities(&HALVES, 4, 2).unwrap();
        let wide = MatrixView::new(&HALVES, 2, 4).unwrap();
        let narrow = MatrixView::new(&HALVES, 4, 2).unwrap();
        let none = Inputs::default;
        let passes = [four, two];
        let averaged = Averaged { model: four, hidden: narrow, online_hidden: wide };
        for (inputs, says) in [
            (none().with_model(two), "`model` has 2 rows"),
            (none().with_prior(two), "`prior` has 2 rows"),
            (none().with_embeddings(wide), "`embeddings` has 2 rows"),
            (none().with_surprisal(wide), "`surprisal` has 2 rows"),
            (none().with_passes(&passes), "`passes` has 2 rows"),
            (none().with_passes(&[]), "no stochastic pass"),
            (none().with_averaged(averaged), "`online hidden` has 2 rows"),
            (none().with_labels_only(LabelsOnly::new(two, two)), "`model of labels only` has 2"),
            (none().with_labels_only(LabelsOnly::new(four, four)), "`out-of-fold predictions` has"),
        ] {
            let error = inputs.check(4, None, 1).unwrap_err().to_string();
            assert!(error.starts_with(says), "{error}");
        }
        let error = none().with_prior(four).check(4, Some(3), 0).unwrap_err().to_string();
        assert!(error.starts_with("`prior` has 2 columns, but there are 3 classes"), "{error}");
    }
}
