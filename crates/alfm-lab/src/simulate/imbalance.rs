//! Class imbalance: merged classes, long tails, steps.

use alfm_core::{ClassId, ClassSchema, Error, ErrorKind, SeedTree};
use alfm_data::subset::{draw, rows_by_class};
use serde::{Deserialize, Serialize};

use super::floor;

/// How a pool is made imbalanced.
///
/// ```
/// use alfm_core::{ClassId, ClassSchema, SeedTree};
/// use alfm_lab::simulate::Imbalance;
/// let schema = ClassSchema::new(["a", "b", "c"])?;
/// let labels: Vec<ClassId> = [0, 1, 2, 2].map(ClassId::new).to_vec();
/// let merged = Imbalance::merge(2).apply(&labels, &schema, &SeedTree::new(0))?;
/// assert_eq!(merged.counts, [1, 3]);
/// assert_eq!(merged.schema.names(), ["a", "other"]);
/// # Ok::<(), alfm_lab::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Imbalance {
    /// The pool as it is.
    #[default]
    Natural,
    /// Keeps the first `classes - 1` classes and maps all others to one, the majority:
    /// `y' = min(y, classes - 1)`. No item is removed.
    Merge {
        /// Number of classes afterwards.
        classes: usize,
        /// Classes to put first, by their number, before merging; the others keep their order.
        /// `classes = 2, first = [7]` makes class 7 the minority.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        first: Vec<ClassId>,
    },
    /// Keeps `n_k = floor(n_max * factor^(-k/(K-1)))` random items of class `k`, with class 0 as the head and
    /// `n_max` the size of the smallest class.
    LongTailed {
        /// `n_max / n_min`, at least 1.
        factor: f64,
    },
    /// Keeps `n_max` random items of each class of the first half (`floor(K/2)` classes), `n_max / factor` of
    /// the others, with `n_max` the size of the smallest class.
    Step {
        /// `n_max / n_min`, at least 1.
        factor: f64,
    },
}

/// An imbalanced pool.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Construction {
    /// Rows of the original pool that stay, ascending.
    pub kept: Vec<usize>,
    /// Their classes, after merging.
    pub labels: Vec<ClassId>,
    /// The classes after merging.
    pub schema: ClassSchema,
    /// The class after merging of each original class: for test labels.
    pub class_map: Vec<ClassId>,
    /// Items of each class that stay.
    pub counts: Vec<usize>,
    /// `min_k N_k / max_k N_k`, as realised.
    pub gamma: f64,
    /// Items outside the largest class over items in it, as realised.
    pub epsilon: f64,
}

impl Construction {
    /// The same class map for labels that stay where they are, such as those of a test set.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for a class that the pool's schema did not have.
    pub fn map(&self, labels: &[ClassId]) -> Result<Vec<ClassId>, Error> {
        let map = |label: &ClassId| {
            self.class_map.get(label.index()).copied().ok_or_else(|| {
                let classes = self.class_map.len();
                Error::unknown_class(*label, classes)
            })
        };
        labels.iter().map(map).collect()
    }
}

impl Imbalance {
    /// [`Imbalance::Merge`] in the order of the schema.
    pub fn merge(classes: usize) -> Self {
        Self::Merge { classes, first: Vec::new() }
    }

    /// Makes a pool imbalanced: `O(n)` time and memory.
    ///
    /// The same labels and seed give the same pool; `seed` decides which items of a class stay.
    ///
    /// # Errors
    /// [`ErrorKind::Setting`] for a merge into fewer than 2 or more classes than there are, and for a factor below 1 or
    /// one that would leave a class empty; [`ErrorKind::NotFound`] for a label outside the schema.
    pub fn apply(
        &self,
        labels: &[ClassId],
        schema: &ClassSchema,
        seed: &SeedTree,
    ) -> Result<Construction, Error> {
        for &label in labels {
            schema.check(label)?;
        }
        let same: Vec<ClassId> = schema.ids().collect();
        let everything = || (0..labels.len()).collect();
        match self {
            Self::Natural => Ok(construct(labels, everything(), same, schema.clone())),
            Self::Merge { classes, first } => {
                let (class_map, merged) = merge(*classes, first, schema)?;
                Ok(construct(labels, everything(), class_map, merged))
            }
            Self::LongTailed { factor } => {
                let last = (schema.len() - 1) as f64;
                let kept = thin(labels, schema.len(), *factor, seed, |k| k as f64 / last)?;
                Ok(construct(labels, kept, same, schema.clone()))
            }
            Self::Step { factor } => {
                let head = schema.len() / 2;
                let kept = thin(labels, schema.len(), *factor, seed, |k| f64::from(k >= head))?;
                Ok(construct(labels, kept, same, schema.clone()))
            }
        }
    }
}

fn construct(
    labels: &[ClassId],
    kept: Vec<usize>,
    class_map: Vec<ClassId>,
    schema: ClassSchema,
) -> Construction {
    let labels: Vec<ClassId> = kept.iter().map(|&row| class_map[labels[row].index()]).collect();
    let mut counts = vec![0; schema.len()];
    for label in &labels {
        counts[label.index()] += 1;
    }
    let (smallest, largest) = counts
        .iter()
        .fold((usize::MAX, 0), |(low, high), &count| (low.min(count), high.max(count)));
    // An empty pool has no imbalance; 0/0 would not survive JSON.
    let over_largest = |count: usize| count as f64 / largest.max(1) as f64;
    let gamma = over_largest(smallest);
    let epsilon = over_largest(labels.len() - largest);
    Construction { kept, labels, schema, class_map, counts, gamma, epsilon }
}

/// The class map and the schema of `y' = min(y, classes - 1)`, after moving `first` to the front.
fn merge(
    classes: usize,
    first: &[ClassId],
    schema: &ClassSchema,
) -> Result<(Vec<ClassId>, ClassSchema), Error> {
    if classes < 2 || classes > schema.len() {
        let available = schema.len();
        let message =
            format!("cannot merge {available} classes into {classes}: choose 2 to {available}");
        return Err(Error::new(ErrorKind::Setting, message));
    }
    let mut order = Vec::with_capacity(schema.len());
    for &class in first {
        if order.contains(&schema.check(class)?) {
            return Err(Error::duplicate("class", schema.name(class)?));
        }
        order.push(class);
    }
    order.extend(schema.ids().filter(|class| !first.contains(class)));
    let mut class_map = vec![ClassId::default(); schema.len()];
    for (place, class) in order.iter().enumerate() {
        class_map[class.index()] = ClassId::from_index(place.min(classes - 1));
    }
    let mut names = Vec::with_capacity(classes);
    for &class in &order[..classes] {
        names.push(schema.name(class)?.to_owned());
    }
    if classes < schema.len() {
        names.truncate(classes - 1);
        let taken = names.iter().any(|name| name == "other");
        names.push(if taken { "other (merged)" } else { "other" }.to_owned());
    }
    Ok((class_map, ClassSchema::new(names)?))
}

/// Keeps `floor(n_max * factor^(-exponent(k)))` items of class `k`.
fn thin(
    labels: &[ClassId],
    classes: usize,
    factor: f64,
    seed: &SeedTree,
    exponent: impl Fn(usize) -> f64,
) -> Result<Vec<usize>, Error> {
    let rows = rows_by_class(labels, classes);
    let smallest = rows.iter().map(Vec::len).min().unwrap_or(0);
    let sizes: Vec<usize> =
        (0..classes).map(|k| floor(smallest as f64 * factor.powf(-exponent(k)))).collect();
    if factor.is_nan() || factor < 1.0 || sizes.contains(&0) {
        let message = format!(
            "imbalance factor {factor}: it must be at least 1 and, with {smallest} items in the smallest class, at \
             most {smallest}"
        );
        return Err(Error::new(ErrorKind::Setting, message));
    }
    let seed = seed.child("imbalance");
    let mut kept: Vec<usize> = rows
        .into_iter()
        .zip(sizes)
        .enumerate()
        .flat_map(|(k, (rows, size))| draw(rows, size, &seed.index(k as u64)))
        .collect();
    kept.sort_unstable();
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SVHN: [usize; 10] = [4948, 13861, 10585, 8497, 7458, 6882, 5727, 5595, 5045, 4659];
    const PATH: [usize; 9] = [9366, 9509, 10360, 10401, 8006, 12182, 7886, 9401, 12885];
    const TREC: [usize; 6] = [86, 1250, 1162, 1223, 835, 896];
    const NEWSGROUPS: [usize; 20] = [
        480, 584, 591, 590, 578, 593, 585, 594, 598, 597, 600, 595, 591, 594, 593, 599, 546, 564,
        465, 377,
    ];

    fn pool(counts: &[usize]) -> (Vec<ClassId>, ClassSchema) {
        let labels = counts.iter().enumerate();
        let labels = labels.flat_map(|(k, &n)| std::iter::repeat_n(ClassId::from_index(k), n));
        (labels.collect(), ClassSchema::numbered(counts.len()).unwrap())
    }

    fn apply(imbalance: &Imbalance, counts: &[usize]) -> Result<Construction, Error> {
        let (labels, schema) = pool(counts);
        imbalance.apply(&labels, &schema, &SeedTree::new(1234))
    }

    /// Protocol, section 2, both tables: counts, gamma, epsilon (0 where the table gives none).
    #[test]
    fn merge_table() {
        type Case<'a> = (&'a str, &'a [usize], usize, &'a [usize], f64, f64);
        let cases: &[Case<'_>] = &[
            ("CIFAR-10", &[5000; 10], 2, &[5000, 45_000], 0.1111, 0.1111),
            ("CIFAR-10", &[5000; 10], 3, &[5000, 5000, 40_000], 0.1250, 0.2500),
            ("CIFAR-100", &[500; 100], 2, &[500, 49_500], 0.0101, 0.0101),
            ("CIFAR-100", &[500; 100], 3, &[500, 500, 49_000], 0.0102, 0.0204),
            (
                "CIFAR-100",
                &[500; 100],
                10,
                &[500, 500, 500, 500, 500, 500, 500, 500, 500, 45_500],
                0.0110,
                0.0989,
            ),
            ("SVHN", &SVHN, 2, &[4948, 68_309], 0.0724, 0.0724),
            ("SVHN", &SVHN, 3, &[4948, 13_861, 54_448], 0.0909, 0.3454),
            ("TREC", &TREC, 2, &[86, 5366], 0.0160, 0.0),
            ("TREC", &TREC, 3, &[86, 1250, 4116], 0.0209, 0.0),
            ("AG News", &[30_000; 4], 2, &[30_000, 90_000], 0.3333, 0.0),
            ("AG News", &[30_000; 4], 3, &[30_000, 30_000, 60_000], 0.5, 0.0),
            ("20NG", &NEWSGROUPS, 2, &[480, 10_834], 0.0443, 0.0),
            ("20NG", &NEWSGROUPS, 3, &[480, 584, 10_250], 0.0468, 0.0),
            ("20NG", &NEWSGROUPS, 5, &[480, 584, 591, 590, 9069], 0.0529, 0.0),
        ];
        for (name, counts, classes, expected, gamma, epsilon) in cases {
            let made = apply(&Imbalance::merge(*classes), counts).unwrap();
            assert_eq!(made.counts, *expected, "{name} K={classes}");
            assert_eq!(made.kept.len(), counts.iter().sum::<usize>(), "{name} K={classes}");
            assert!((made.gamma - gamma).abs() <= 5e-5, "{name} K={classes}: {}", made.gamma);
            if *epsilon > 0.0 {
                assert!((made.epsilon - epsilon).abs() <= 5e-5, "{name} K={classes}");
            }
        }
        let ten = apply(&Imbalance::merge(10), &NEWSGROUPS).unwrap();
        assert_eq!(ten.counts[9], 6121);
        assert!((ten.gamma - 0.0784).abs() <= 5e-5);
    }

    #[test]
    fn merging_can_put_one_class_against_the_rest() {
        let imbalance = Imbalance::Merge { classes: 2, first: vec![ClassId::new(7)] };
        let made = apply(&imbalance, &PATH).unwrap();
        assert_eq!(made.counts, [9401, 80_595]);
        assert!((made.gamma - 0.1166).abs() <= 5e-5);
        assert_eq!(made.schema.names(), ["7", "other"]);
        let test = [7, 0, 8].map(ClassId::new);
        assert_eq!(made.map(&test).unwrap(), [0, 1, 1].map(ClassId::new));
    }

    /// Protocol, section 3. `None`: the table leaves the middle of the list out.
    #[test]
    fn long_tail_table() {
        let cases: &[(usize, usize, f64, &[usize], usize)] = &[
            (10, 5000, 100.0, &[5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50], 12_406),
            (10, 5000, 50.0, &[5000, 3237, 2096, 1357, 878, 568, 368, 238, 154, 100], 13_996),
            (100, 500, 100.0, &[500, 477, 455, 434, 415, 396, 378, 361, 344, 328], 10_847),
            (100, 500, 10.0, &[500, 488, 477, 466, 455], 19_573),
        ];
        for (classes, size, factor, head, total) in cases {
            let imbalance = Imbalance::LongTailed { factor: *factor };
            let made = apply(&imbalance, &vec![*size; *classes]).unwrap();
            assert_eq!(&made.counts[..head.len()], *head, "{classes} classes, factor {factor}");
            assert_eq!(made.counts[classes - 1], (*size as f64 / factor) as usize);
            assert_eq!(made.kept.len(), *total, "{classes} classes, factor {factor}");
            assert!((made.gamma - 1.0 / factor).abs() < 1e-12);
        }
        let made = apply(&Imbalance::LongTailed { factor: 10.0 }, &[500; 100]).unwrap();
        assert_eq!(made.counts[98..], [51, 50]);
    }

    #[test]
    fn a_step_has_two_sizes_and_unequal_classes_are_cut_to_the_smallest() {
        let made = apply(&Imbalance::Step { factor: 10.0 }, &[120, 100, 300, 110, 100]).unwrap();
        assert_eq!(made.counts, [100, 100, 10, 10, 10]);
        assert!((made.epsilon - 130.0 / 100.0).abs() < 1e-12);
    }

    #[test]
    fn what_stays_depends_on_the_seed_alone_and_keeps_its_order() {
        let (labels, schema) = pool(&[40, 40]);
        let imbalance = Imbalance::LongTailed { factor: 10.0 };
        let make = |seed| imbalance.apply(&labels, &schema, &SeedTree::new(seed)).unwrap();
        assert_eq!(make(1), make(1));
        assert_ne!(make(1).kept, make(2).kept);
        assert!(make(1).kept.is_sorted());
        assert!(
            make(1).kept.iter().zip(&make(1).labels).all(|(&row, label)| labels[row] == *label)
        );
    }

    #[test]
    fn impossible_constructions_are_refused() {
        for factor in [0.5, f64::NAN, f64::INFINITY, 87.0] {
            let error = apply(&Imbalance::LongTailed { factor }, &TREC).unwrap_err();
            assert!(error.to_string().contains("with 86 items in the smallest class"), "{error}");
        }
        for classes in [0, 1, 7] {
            let error = apply(&Imbalance::merge(classes), &TREC).unwrap_err();
            assert!(error.to_string().contains("choose 2 to 6"), "{error}");
        }
        let twice = Imbalance::Merge { classes: 2, first: vec![ClassId::new(1); 2] };
        assert_eq!(apply(&twice, &TREC).unwrap_err().kind(), ErrorKind::Input);
    }

    #[test]
    fn a_class_called_other_stays_distinct() {
        let schema = ClassSchema::new(["other", "a", "b"]).unwrap();
        let made = Imbalance::merge(2).apply(&[], &schema, &SeedTree::new(0)).unwrap();
        assert_eq!(made.schema.names(), ["other", "other (merged)"]);
        assert_eq!((made.gamma, made.epsilon), (0.0, 0.0));
    }

    #[test]
    fn the_written_form() {
        let cases = [
            (r#"{"kind":"long-tailed","factor":100}"#, Imbalance::LongTailed { factor: 100.0 }),
            (r#"{"kind":"merge","classes":2}"#, Imbalance::merge(2)),
            (r#"{"kind":"step","factor":10}"#, Imbalance::Step { factor: 10.0 }),
            (r#"{"kind":"natural"}"#, Imbalance::Natural),
        ];
        for (text, expected) in cases {
            assert_eq!(serde_json::from_str::<Imbalance>(text).unwrap(), expected, "{text}");
        }
        assert!(serde_json::from_str::<Imbalance>(r#"{"kind":"merge","clases":2}"#).is_err());
    }
}
