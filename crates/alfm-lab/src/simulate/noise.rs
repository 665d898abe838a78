//! Label noise: wrong oracle answers, fixed once for a pool.

use std::path::PathBuf;

use alfm_core::{ClassId, ClassSchema, Error, ErrorKind, SampleId, SeedTree};
use alfm_data::arrays::ArraySpec;
use rand::RngExt;
use rand::seq::index;
use serde::{Deserialize, Serialize};

use super::{floor, human};

/// How the labels of a pool are made wrong.
///
/// Noise is drawn from a seed of its own, 321 unless said otherwise, so that every run of an experiment meets
/// the same wrong labels.
///
/// ```
/// use alfm_core::{ClassId, ClassSchema};
/// use alfm_lab::simulate::{Noise, NoiseInput};
/// let clean = vec![ClassId::new(0); 1000];
/// let schema = ClassSchema::numbered(4)?;
/// let noisy = Noise::uniform(0.2).apply(&NoiseInput::new(&clean, &schema))?;
/// assert_eq!(noisy.iter().filter(|label| label.index() != 0).count(), 200);
/// # Ok::<(), alfm_lab::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Noise {
    /// Every answer is right.
    #[default]
    None,
    /// Exactly `floor(rate * n)` items, drawn without replacement, get one of the other classes, uniformly.
    Uniform {
        /// Fraction of wrong labels.
        rate: f64,
        /// Seed of the noise.
        #[serde(default = "noise_seed")]
        seed: u64,
    },
    /// An item of class `j` gets class `k` with probability `matrix[j][k]`, independently.
    ClassDependent {
        /// `K x K`, every row a distribution.
        matrix: Vec<Vec<f64>>,
        /// Seed of the noise.
        #[serde(default = "noise_seed")]
        seed: u64,
    },
    /// Exactly `floor(rate * n)` items, drawn without replacement, get the next class, `(k + 1) mod K`.
    PairFlip {
        /// Fraction of wrong labels.
        rate: f64,
        /// Seed of the noise.
        #[serde(default = "noise_seed")]
        seed: u64,
    },
    /// The labels that people gave, from a CSV, JSONL or parquet file.
    Human {
        /// The file.
        file: PathBuf,
        /// Its column of ids or texts; `id` if there is such a column, else `text`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// Its column of labels, by number or name, as before any merging of classes; of several, the majority.
        #[serde(default)]
        label: LabelColumns,
        /// Its column of clean labels, which must be those of the pool; it may have gaps.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        clean: Option<String>,
        /// What to do with items that people did not label.
        #[serde(default)]
        missing: Missing,
    },
    /// The labels that people gave, from an array with one label for each row of the split.
    HumanRows {
        /// The array: class numbers as before any merging of classes, -1 for unlabelled.
        labels: ArraySpec,
        /// An array of clean labels, which must be those of the pool.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        clean: Option<ArraySpec>,
        /// What to do with items that people did not label.
        #[serde(default)]
        missing: Missing,
    },
}

/// Which columns hold labels of people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "`label` is a column, or a list of columns")]
#[non_exhaustive]
pub enum LabelColumns {
    /// One annotator; `noisy_label` unless said otherwise.
    One(String),
    /// Several annotators, of whom the majority decides; of classes with as many votes, the one that the
    /// earliest column names. Who gave no label has no vote.
    Majority(Vec<String>),
}

impl LabelColumns {
    /// The columns in order.
    pub fn names(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Majority(names) => names,
        }
    }
}

impl Default for LabelColumns {
    fn default() -> Self {
        Self::One("noisy_label".to_owned())
    }
}

/// What becomes of an item that people did not label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Missing {
    /// It is an error.
    #[default]
    Error,
    /// It keeps its clean label.
    Clean,
}

/// The seed of all published runs with this noise, whatever their run seed.
fn noise_seed() -> u64 {
    321
}

/// A pool that noise is applied to.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct NoiseInput<'a> {
    /// The clean class of each item, after merging.
    pub clean: &'a [ClassId],
    /// The classes after merging.
    pub schema: &'a ClassSchema,
    /// Ids of the items; only human labels from a table need them.
    pub ids: &'a [SampleId],
    /// Texts of the items; only human labels from a table that is keyed by text need them.
    pub texts: &'a [&'a str],
    /// The row of each item in its split, and the number of rows there; only human labels by row need them.
    pub rows: Option<(&'a [usize], usize)>,
    /// The classes before merging and the class that each became; only human labels need them.
    pub merged_from: Option<(&'a ClassSchema, &'a [ClassId])>,
}

impl<'a> NoiseInput<'a> {
    /// What simulated noise needs.
    pub fn new(clean: &'a [ClassId], schema: &'a ClassSchema) -> Self {
        Self { clean, schema, ids: &[], texts: &[], rows: None, merged_from: None }
    }

    /// What human labels from a table need as well: ids and texts, one for each label.
    /// Images have ids only: their texts are empty.
    #[must_use]
    pub fn with_items(mut self, ids: &'a [SampleId], texts: &'a [&'a str]) -> Self {
        (self.ids, self.texts) = (ids, texts);
        self
    }

    /// What human labels by row need as well: the row of each item in its split of `split_rows` rows.
    ///
    /// Applying panics if a row is not below `split_rows`, as indexing does.
    #[must_use]
    pub fn with_rows(mut self, rows: &'a [usize], split_rows: usize) -> Self {
        self.rows = Some((rows, split_rows));
        self
    }

    /// What human labels need as well if classes were merged: the original classes and the class map.
    #[must_use]
    pub fn with_merge(mut self, schema: &'a ClassSchema, class_map: &'a [ClassId]) -> Self {
        self.merged_from = Some((schema, class_map));
        self
    }
}

impl Noise {
    /// [`Noise::Uniform`] with the usual noise seed.
    pub fn uniform(rate: f64) -> Self {
        Self::Uniform { rate, seed: noise_seed() }
    }

    /// The label that an oracle gives for each item: `O(n)` time and memory.
    ///
    /// # Errors
    /// [`ErrorKind::Setting`] for a rate outside 0 to 1, for a matrix that is not `K x K` with rows that are
    /// distributions and for an empty list of annotators; [`ErrorKind::NotFound`] for a label outside the schema. For human
    /// labels an unreadable file , and [`ErrorKind::Input`], with the file, for items without a
    /// human label, rows that contradict each other, clean labels that are not those of the pool, class numbers that
    /// are none, and an array of another length than the split.
    pub fn apply(&self, input: &NoiseInput<'_>) -> Result<Vec<ClassId>, Error> {
        let NoiseInput { clean, schema, .. } = *input;
        for &label in clean {
            schema.check(label)?;
        }
        let classes = schema.len();
        match self {
            Self::None => Ok(clean.to_vec()),
            Self::Uniform { rate, seed } => {
                let mut rng = SeedTree::new(*seed).child("other class").rng();
                flip(clean, *rate, *seed, |class| (class + rng.random_range(1..classes)) % classes)
            }
            Self::PairFlip { rate, seed } => {
                flip(clean, *rate, *seed, |class| (class + 1) % classes)
            }
            Self::ClassDependent { matrix, seed } => {
                check_matrix(matrix, classes)?;
                let mut rng = SeedTree::new(*seed).child("class-dependent").rng();
                Ok(clean.iter().map(|label| sample(&matrix[label.index()], rng.random())).collect())
            }
            Self::Human { file, key, label, clean, missing } => {
                let (key, clean) = (key.as_deref(), clean.as_deref());
                human::from_table(file, &human::Columns { key, label, clean }, *missing, input)
            }
            Self::HumanRows { labels, clean, missing } => {
                human::from_rows(labels, clean.as_ref(), *missing, input)
            }
        }
    }
}

/// Gives another class to exactly `floor(rate * n)` items.
fn flip(
    clean: &[ClassId],
    rate: f64,
    seed: u64,
    mut other: impl FnMut(usize) -> usize,
) -> Result<Vec<ClassId>, Error> {
    if !(0.0..=1.0).contains(&rate) {
        let message = format!("noise rate {rate}: it must lie in 0 to 1");
        return Err(Error::new(ErrorKind::Setting, message));
    }
    let count = floor(rate * clean.len() as f64).min(clean.len());
    let mut rng = SeedTree::new(seed).child("noisy items").rng();
    let mut noisy = clean.to_vec();
    for row in index::sample(&mut rng, clean.len(), count) {
        noisy[row] = ClassId::from_index(other(noisy[row].index()));
    }
    Ok(noisy)
}

fn check_matrix(matrix: &[Vec<f64>], classes: usize) -> Result<(), Error> {
    let distribution = |row: &Vec<f64>| {
        row.len() == classes
            && row.iter().all(|p| (0.0..=1.0).contains(p))
            && (row.iter().sum::<f64>() - 1.0).abs() <= 1e-6
    };
    let bad = matrix.iter().position(|row| !distribution(row));
    match bad.or_else(|| (matrix.len() != classes).then_some(matrix.len().min(classes))) {
        None => Ok(()),
        Some(row) => {
            let values = matrix.get(row).cloned().unwrap_or_default();
            let message = format!(
                "noise matrix, row {row}: {values:?}: {classes} probabilities that sum to 1 are expected"
            );
            Err(Error::new(ErrorKind::Setting, message).at_row(row))
        }
    }
}

/// The class at which the cumulative distribution passes `u`.
fn sample(distribution: &[f64], u: f64) -> ClassId {
    let mut above = 0.0;
    let passed = distribution.iter().position(|p| {
        above += p;
        u < above
    });
    // Rounding may leave the sum a little below 1: then the last class that can occur.
    let last = || distribution.iter().rposition(|p| *p > 0.0);
    ClassId::from_index(passed.or_else(last).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn apply(noise: &Noise, clean: &[ClassId], classes: usize) -> Result<Vec<ClassId>, Error> {
        noise.apply(&NoiseInput::new(clean, &ClassSchema::numbered(classes).unwrap()))
    }

    fn zigzag(n: usize, classes: usize) -> Vec<ClassId> {
        (0..n).map(|row| ClassId::from_index(row % classes)).collect()
    }

    fn wrong(clean: &[ClassId], noisy: &[ClassId]) -> usize {
        clean.iter().zip(noisy).filter(|(a, b)| a != b).count()
    }

    /// Protocol, section 4: 5000 for 50 000; 8999 for 89 996; 545 for 5452. `0.29 * 100` is 28.999..96.
    #[test]
    fn flips_are_counted_exactly() {
        let cases = [
            (50_000, 0.1, 5000),
            (89_996, 0.1, 8999),
            (5452, 0.1, 545),
            (100, 0.29, 29),
            (7, 0.0, 0),
            (7, 1.0, 7),
            (0, 0.5, 0),
        ];
        for (n, rate, expected) in cases {
            let clean = zigzag(n, 5);
            for noise in [Noise::uniform(rate), Noise::PairFlip { rate, seed: 321 }] {
                let noisy = apply(&noise, &clean, 5).unwrap();
                assert_eq!(wrong(&clean, &noisy), expected, "{noise:?}, n = {n}");
            }
        }
    }

    #[test]
    fn flips_go_to_all_other_classes_alike() {
        let clean = vec![ClassId::new(1); 30_000];
        let noisy = apply(&Noise::uniform(1.0), &clean, 4).unwrap();
        let mut counts = [0_i32; 4];
        noisy.iter().for_each(|label| counts[label.index()] += 1);
        // Binomial with n = 30 000, p = 1/3: standard deviation 82.
        let near = |count: i32| (count - 10_000).abs() < 5 * 82;
        assert!(counts[1] == 0 && [0, 2, 3].into_iter().all(|k| near(counts[k])), "{counts:?}");
    }

    /// Precision of the observed minority class on merged CIFAR-10, K = 2, p = 0.1: 0.500.
    #[test]
    fn under_imbalance_half_of_the_observed_minority_is_false() {
        let clean: Vec<ClassId> =
            (0..50_000).map(|row| ClassId::from_index(usize::from(row >= 5000))).collect();
        let noisy = apply(&Noise::uniform(0.1), &clean, 2).unwrap();
        let observed = || noisy.iter().zip(&clean).filter(|(label, _)| label.index() == 0);
        let precision =
            observed().filter(|(a, b)| a == b).count() as f64 / observed().count() as f64;
        assert!((precision - 0.5).abs() < 0.02, "{precision}");
    }

    #[test]
    fn noise_has_a_seed_of_its_own() {
        let clean = zigzag(1000, 3);
        let with = |seed| apply(&Noise::Uniform { rate: 0.2, seed }, &clean, 3).unwrap();
        assert_eq!(apply(&Noise::uniform(0.2), &clean, 3).unwrap(), with(321));
        assert_ne!(with(321), with(322));
    }

    #[test]
    fn a_pair_flip_goes_to_the_next_class() {
        let clean = zigzag(30, 3);
        let noisy = apply(&Noise::PairFlip { rate: 0.5, seed: 1 }, &clean, 3).unwrap();
        for (from, to) in clean.iter().zip(&noisy).filter(|(from, to)| from != to) {
            assert_eq!(to.index(), (from.index() + 1) % 3);
        }
    }

    #[test]
    fn a_matrix_gives_the_rates_that_it_names() {
        let matrix = vec![vec![1.0, 0.0, 0.0], vec![0.3, 0.7, 0.0], vec![0.0, 0.5, 0.5]];
        let clean = zigzag(30_000, 3);
        let noisy = apply(&Noise::ClassDependent { matrix, seed: 1 }, &clean, 3).unwrap();
        let mut counts = [[0_i32; 3]; 3];
        clean.iter().zip(&noisy).for_each(|(j, k)| counts[j.index()][k.index()] += 1);
        assert_eq!(counts[0], [10_000, 0, 0]);
        // Binomials with n = 10 000: standard deviations 46 and 50.
        assert!((counts[1][0] - 3000).abs() < 230 && counts[1][2] == 0, "{counts:?}");
        assert!((counts[2][1] - 5000).abs() < 250 && counts[2][0] == 0, "{counts:?}");
    }

    #[test]
    fn rounding_never_leaves_the_distribution() {
        assert_eq!(sample(&[0.5, 0.4999999, 0.0], 0.999_999_95), ClassId::new(1));
    }

    #[test]
    fn impossible_noise_is_refused() {
        let clean = zigzag(4, 2);
        for rate in [-0.1, 1.1, f64::NAN] {
            let error = apply(&Noise::uniform(rate), &clean, 2).unwrap_err();
            assert!(error.to_string().contains("it must lie in 0 to 1"), "{error}");
        }
        let good = vec![0.5, 0.5];
        let cases = [
            (vec![good.clone()], 1),
            (vec![good.clone(), vec![0.5, 0.6]], 1),
            (vec![vec![1.0], good.clone()], 0),
            (vec![good.clone(), vec![f64::NAN, 1.0]], 1),
            (vec![good.clone(), good.clone(), good], 2),
        ];
        for (matrix, expected) in cases {
            let error = apply(&Noise::ClassDependent { matrix, seed: 1 }, &clean, 2).unwrap_err();
            assert_eq!((error.kind(), error.row()), (ErrorKind::Setting, Some(expected)));
        }
        assert!(apply(&Noise::None, &[ClassId::new(2)], 2).is_err());
    }

    #[test]
    fn the_written_form() {
        let read = |text| serde_json::from_str::<Noise>(text);
        assert_eq!(read(r#"{"kind":"uniform","rate":0.2}"#).unwrap(), Noise::uniform(0.2));
        assert_eq!(read(r#"{"kind":"none"}"#).unwrap(), Noise::None);
        assert!(read(r#"{"kind":"pair-flip","rate":0.2}"#).is_ok());
        assert!(read(r#"{"kind":"class-dependent","matrix":[[1,0],[0,1]]}"#).is_ok());
        let human = |label| {
            serde_json::from_value::<Noise>(
                json!({ "kind": "human", "file": "a.csv", "label": label }),
            )
        };
        assert_eq!(
            read(r#"{"kind":"human","file":"a.csv"}"#).unwrap(),
            human(json!("noisy_label")).unwrap()
        );
        assert!(human(json!(["one", "two"])).is_ok());
        let message = human(json!(3)).unwrap_err().to_string();
        assert!(message.contains("`label` is a column, or a list of columns"), "{message}");
        assert!(read(r#"{"kind":"human-rows","labels":"a.npz:worse_label"}"#).is_ok());
        assert!(read(r#"{"kind":"human-rows","labels":"a.npz"}"#).is_err());
        assert!(read(r#"{"kind":"uniform","rat":0.2}"#).is_err());
    }
}
