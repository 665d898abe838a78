use std::cmp::Reverse;

use alfm_core::{CoreError, MatrixView};

use crate::draw::Uniform;
use crate::{Pick, k_means, normalised};

/// The rows that stand for all of `rows`: one a cluster, the member nearest its mean, at most `count`.
///
/// k-means with `count` clusters on the rows of `points`, each divided by its norm. The largest cluster comes
/// first, so that the start of a batch stands for most; a pick's score is the size of its cluster. If there
/// are no more rows than `count` each stands for itself. Fewer than `count` come back only where there are
/// fewer distinct rows; every row left is then a duplicate of one that is returned.
///
/// `O(N k D)` time an iteration, `O(N D)` memory.
///
/// # Errors
/// As [`k_means`].
pub fn representatives(
    points: MatrixView<'_>,
    rows: &[usize],
    count: usize,
    random: &mut impl Uniform,
) -> Result<Vec<Pick>, CoreError> {
    if rows.len() <= count {
        return Ok(rows.iter().map(|row| Pick { row: *row, score: 1.0 }).collect());
    }
    let unit = normalised(points, rows)?;
    let mut found = k_means(unit.view(), count, random)?.nearest_members(unit.view());
    found.sort_by_key(|representative| Reverse(representative.size));
    let pick = |at: usize, size: usize| Pick { row: rows[at], score: size as f64 };
    Ok(found.into_iter().map(|found| pick(found.point, found.size)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw;

    const POINTS: [f32; 12] = [5.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 3.0, 0.1, 1.0, 9.0, 9.0];

    #[test]
    fn the_largest_cluster_comes_first() {
        let points = MatrixView::new(&POINTS, 6, 2).unwrap();
        let random = &mut draw::scripted(&[0.0, 0.5]);
        let picks = representatives(points, &[0, 1, 2, 3, 4], 2, random).unwrap();
        // Directions: two to the right, three up; of those the mean is nearest (0, 1).
        assert_eq!(picks, [Pick { row: 2, score: 3.0 }, Pick { row: 0, score: 2.0 }]);
    }

    #[test]
    fn few_rows_stand_for_themselves() {
        let points = MatrixView::new(&POINTS, 6, 2).unwrap();
        let picks = representatives(points, &[3, 5], 2, &mut draw::scripted(&[])).unwrap();
        assert_eq!(picks, [Pick { row: 3, score: 1.0 }, Pick { row: 5, score: 1.0 }]);
    }
}
