use alfm_core::{ClassId, CoreError, MatrixView};
use rayon::prelude::*;

/// Class means of labelled embeddings, and the squared distances of some rows to them.
///
/// A distance is computed when it is asked for and kept until its centre moves: adding a row costs `O(D)`,
/// the distances to the centre that it moved `O(N D)`, those to all others nothing.
pub(super) struct Centres<'a> {
    embeddings: MatrixView<'a>,
    rows: &'a [usize],
    counts: Vec<usize>,
    /// `K x D`.
    sums: Vec<f64>,
    /// A list a class, empty where the centre has moved since.
    distances: Vec<Vec<f64>>,
}

impl<'a> Centres<'a> {
    /// No labelled row yet; distances are those of `rows`.
    pub(super) fn new(embeddings: MatrixView<'a>, rows: &'a [usize], classes: usize) -> Self {
        Self {
            embeddings,
            rows,
            counts: vec![0; classes],
            sums: vec![0.0; classes * embeddings.columns()],
            distances: vec![Vec::new(); classes],
        }
    }

    /// Adds a labelled row.
    ///
    /// # Errors
    /// [`CoreError::UnknownClass`] for a class that there is no centre for.
    pub(super) fn add(&mut self, row: usize, class: ClassId) -> Result<(), CoreError> {
        let at = class.index();
        let classes = self.counts.len();
        if at >= classes {
            return Err(CoreError::UnknownClass { class, classes });
        }
        let embedding = self.embeddings.row(row);
        let sum = &mut self.sums[at * embedding.len()..][..embedding.len()];
        sum.iter_mut().zip(embedding).for_each(|(sum, x)| *sum += f64::from(*x));
        self.counts[at] += 1;
        self.distances[at].clear();
        Ok(())
    }

    /// Labelled rows, class by class.
    pub(super) fn counts(&self) -> &[usize] {
        &self.counts
    }

    /// `|x - centre|^2` for every row, to the centre of a class that has a labelled row.
    pub(super) fn squared_distances(&mut self, class: usize) -> &[f64] {
        if self.distances[class].len() != self.rows.len() {
            self.distances[class] = self.measure(class);
        }
        &self.distances[class]
    }

    fn measure(&self, class: usize) -> Vec<f64> {
        let embeddings = self.embeddings;
        let width = embeddings.columns();
        let count = self.counts[class] as f64;
        let sum = &self.sums[class * width..][..width];
        let centre: Vec<f64> = sum.iter().map(|sum| sum / count).collect();
        let squared = |(x, c): (&f32, &f64)| (f64::from(*x) - c).powi(2);
        let distance = |row: &usize| embeddings.row(*row).iter().zip(&centre).map(squared).sum();
        self.rows.par_iter().with_min_len(256).map(distance).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_centre_moves_with_every_row() {
        let points = [0.0, 0.0, 2.0, 0.0, 4.0, 3.0];
        let view = MatrixView::new(&points, 3, 2).unwrap();
        let mut centres = Centres::new(view, &[2, 0], 2);
        centres.add(0, ClassId::new(1)).unwrap();
        assert_eq!(centres.squared_distances(1), [25.0, 0.0]);
        centres.add(1, ClassId::new(1)).unwrap();
        assert_eq!(centres.squared_distances(1), [18.0, 1.0]);
        assert_eq!(centres.counts(), [0, 2]);
        assert!(centres.add(1, ClassId::new(2)).is_err());
    }
}
