use alfm_core::{ClassId, Error};

use super::class_counts;
use crate::error::{empty, length};

/// What a class without items in the set does to balanced accuracy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum BalancedMode {
    /// It is left out: the mean is over the classes present.
    #[default]
    Present,
    /// It counts as recall 0 and the sum is still divided by `K`, as in LabelBench's logs.
    All,
}

/// Counts of items by clean and by predicted class.
///
/// ```
/// use alfm_core::ClassId;
/// use alfm_lab::metrics::{BalancedMode, Confusion};
/// let classes = |ids: [u32; 4]| ids.map(ClassId::new);
/// let confusion = Confusion::new(&classes([0, 0, 0, 1]), &classes([0, 0, 1, 1]), 2)?;
/// assert_eq!(confusion.accuracy(), 0.75);
/// assert!((confusion.balanced_accuracy(BalancedMode::Present) - (2.0 / 3.0 + 1.0) / 2.0).abs() < 1e-12);
/// # Ok::<(), alfm_lab::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    /// Row: clean class; column: predicted class.
    counts: Vec<usize>,
    classes: usize,
}

impl Confusion {
    /// Counts `N` items. `O(N)` time, `O(K^2)` memory.
    ///
    /// # Errors
    /// For no items, lists that differ in length, and the first class that is none of the `classes`.
    pub fn new(clean: &[ClassId], predicted: &[ClassId], classes: usize) -> Result<Self, Error> {
        if clean.is_empty() {
            return Err(empty("items to measure"));
        }
        if clean.len() != predicted.len() {
            return Err(length("predictions", clean.len(), predicted.len()));
        }
        class_counts(clean, classes)?;
        class_counts(predicted, classes)?;
        let mut counts = vec![0; classes * classes];
        for (clean, predicted) in clean.iter().zip(predicted) {
            counts[clean.index() * classes + predicted.index()] += 1;
        }
        Ok(Self { counts, classes })
    }

    /// Items whose clean class is `class`.
    fn items(&self, class: usize) -> usize {
        self.counts[class * self.classes..][..self.classes].iter().sum()
    }

    /// Items that were given `class`.
    fn predicted(&self, class: usize) -> usize {
        self.counts.iter().skip(class).step_by(self.classes).sum()
    }

    /// Items of `class` that were given it.
    fn right(&self, class: usize) -> usize {
        self.counts[class * self.classes + class]
    }

    fn total(&self) -> usize {
        self.counts.iter().sum()
    }

    fn present(&self) -> impl Iterator<Item = usize> {
        (0..self.classes).filter(|class| self.items(*class) > 0)
    }

    fn recall(&self, class: usize) -> Option<f64> {
        ratio(self.right(class), self.items(class))
    }

    /// `r_k = #{y_i = k, yhat_i = k} / N_k` for each class; `None` where `N_k = 0`.
    pub fn recalls(&self) -> Vec<Option<f64>> {
        (0..self.classes).map(|class| self.recall(class)).collect()
    }

    /// Classes without items.
    pub fn absent_classes(&self) -> usize {
        self.classes - self.present().count()
    }

    /// `(1/K) sum_k r_k`, over the classes that `mode` counts.
    pub fn balanced_accuracy(&self, mode: BalancedMode) -> f64 {
        let sum: f64 = self.recalls().into_iter().flatten().sum();
        match mode {
            BalancedMode::Present => sum / self.present().count() as f64,
            BalancedMode::All => sum / self.classes as f64,
        }
    }

    /// GALAXY's `(acc_majority + (K-1) acc_minority) / K`, with `acc_minority` pooled over all minority items.
    ///
    /// A side without items is left out, so that the number stays the accuracy of the side that is there.
    ///
    /// # Errors
    /// If `majority` is no class.
    pub fn galaxy_accuracy(&self, majority: ClassId) -> Result<f64, Error> {
        let majority = majority.index();
        if majority >= self.classes {
            let class = ClassId::from_index(majority);
            return Err(Error::unknown_class(class, self.classes));
        }
        let minorities = || (0..self.classes).filter(|class| *class != majority);
        let right = minorities().map(|class| self.right(class)).sum();
        let items = minorities().map(|class| self.items(class)).sum();
        let others = (self.classes - 1) as f64;
        Ok(match (self.recall(majority), ratio(right, items)) {
            (Some(major), Some(minor)) => (major + others * minor) / (others + 1.0),
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => 0.0,
        })
    }

    /// Share of items that are right.
    pub fn accuracy(&self) -> f64 {
        let right: usize = (0..self.classes).map(|class| self.right(class)).sum();
        right as f64 / self.total() as f64
    }

    /// Mean over the classes present of `F1_k = 2 right_k / (N_k + predicted_k)`.
    pub fn macro_f1(&self) -> f64 {
        let f1 = |class| {
            2.0 * self.right(class) as f64 / (self.items(class) + self.predicted(class)) as f64
        };
        self.present().map(f1).sum::<f64>() / self.present().count() as f64
    }

    /// The lowest recall of a class present.
    pub fn lowest_recall(&self) -> f64 {
        self.recalls().into_iter().flatten().fold(1.0, f64::min)
    }

    /// Standard deviation of recall over the classes present, `ddof = 0`.
    pub fn recall_deviation(&self) -> f64 {
        let mean = self.balanced_accuracy(BalancedMode::Present);
        let squares: f64 = self.recalls().into_iter().flatten().map(|r| (r - mean).powi(2)).sum();
        (squares / self.present().count() as f64).sqrt()
    }
}

fn ratio(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ids(classes: &[u32]) -> Vec<ClassId> {
        classes.iter().copied().map(ClassId::new).collect()
    }

    /// The test vector of the protocol, section 6.
    fn protocol(classes: usize) -> Confusion {
        let clean = ids(&[0, 0, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2]);
        let predicted = ids(&[0, 2, 1, 1, 2, 2, 2, 2, 2, 2, 2, 0]);
        Confusion::new(&clean, &predicted, classes).unwrap()
    }

    #[test]
    fn the_protocols_vector() {
        let confusion = protocol(3);
        let cases = [
            (confusion.recalls()[0].unwrap(), 0.5),
            (confusion.recalls()[1].unwrap(), 0.666_667),
            (confusion.recalls()[2].unwrap(), 0.857_143),
            (confusion.balanced_accuracy(BalancedMode::Present), 0.674_603),
            (confusion.accuracy(), 0.75),
            (confusion.galaxy_accuracy(ClassId::new(2)).unwrap(), 0.685_714),
            (confusion.macro_f1(), 0.7),
            (confusion.lowest_recall(), 0.5),
            // sqrt(((.5-.674603)^2 + (.666667-.674603)^2 + (.857143-.674603)^2) / 3)
            (confusion.recall_deviation(), 0.145_911),
        ];
        for (at, (got, expected)) in cases.into_iter().enumerate() {
            assert!((got - expected).abs() < 1e-6, "case {at}: {got} instead of {expected}");
        }
    }

    #[test]
    fn an_absent_class_is_left_out_or_counts_as_zero() {
        let confusion = protocol(4);
        assert_eq!(confusion.absent_classes(), 1);
        assert_eq!(confusion.recalls()[3], None);
        assert!((confusion.balanced_accuracy(BalancedMode::Present) - 0.674_603).abs() < 1e-6);
        assert!((confusion.balanced_accuracy(BalancedMode::All) - 0.505_952).abs() < 1e-6);
        assert!((confusion.macro_f1() - 0.7).abs() < 1e-12);
    }

    #[test]
    fn bad_input_is_refused() {
        let none = Confusion::new(&[], &[], 2).unwrap_err();
        assert_eq!(none.kind(), alfm_core::ErrorKind::Missing);
        let short = Confusion::new(&ids(&[0, 1]), &ids(&[0]), 2);
        let short = short.unwrap_err().to_string();
        assert!(short.starts_with("1 predictions given, 2 expected"), "{short}");
        let outside = Confusion::new(&ids(&[0, 1]), &ids(&[0, 2]), 2);
        let outside = outside.unwrap_err();
        assert_eq!(outside.row(), Some(1));
        assert!(outside.to_string().contains("class 2, but there are 2 classes"), "{outside}");
        assert!(protocol(3).galaxy_accuracy(ClassId::new(3)).is_err());
    }

    proptest! {
        #[test]
        fn two_classes_make_galaxys_metric_balanced_accuracy(
            pairs in prop::collection::vec((0u32..2, 0u32..2), 1..40), majority in 0u32..2,
        ) {
            let (clean, predicted): (Vec<_>, Vec<_>) =
                pairs.into_iter().map(|(y, p)| (ClassId::new(y), ClassId::new(p))).unzip();
            let confusion = Confusion::new(&clean, &predicted, 2).unwrap();
            let galaxy = confusion.galaxy_accuracy(ClassId::new(majority)).unwrap();
            prop_assert!((galaxy - confusion.balanced_accuracy(BalancedMode::Present)).abs() < 1e-12);
        }

        #[test]
        fn every_metric_is_a_share(pairs in prop::collection::vec((0u32..5, 0u32..5), 1..40)) {
            let (clean, predicted): (Vec<_>, Vec<_>) =
                pairs.into_iter().map(|(y, p)| (ClassId::new(y), ClassId::new(p))).unzip();
            let confusion = Confusion::new(&clean, &predicted, 5).unwrap();
            let present = confusion.balanced_accuracy(BalancedMode::Present);
            prop_assert!(confusion.balanced_accuracy(BalancedMode::All) <= present + 1e-12);
            prop_assert!(confusion.lowest_recall() <= present + 1e-12);
            for value in [present, confusion.accuracy(), confusion.macro_f1()] {
                prop_assert!((0.0..=1.0 + 1e-12).contains(&value));
            }
        }
    }
}
