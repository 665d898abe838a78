use crate::compute::{Euclidean, RunningMinimum};
use crate::draw::{self, Remaining, Uniform};
use crate::{AcquireError, Acquisition, Input, Pick, Request};

/// CORESET: k-center greedy, the farthest point first (Sener & Savarese, ICLR 2018, Algorithm 1).
///
/// Distances are Euclidean, to labelled rows and to rows chosen before; ties go to the lowest row. Without a
/// labelled row the first centre is drawn uniformly. The score of a pick is its squared distance to the
/// nearest centre when it was chosen. A 2-approximation of the smallest covering radius.
///
/// `O((L + b) N D)` time, `O(N)` memory beside the embeddings.
#[derive(Clone, Copy, Debug, Default)]
pub struct KCenterGreedy;

impl Acquisition for KCenterGreedy {
    fn name(&self) -> &'static str {
        "coreset"
    }

    fn needs(&self) -> &'static [Input] {
        &[Input::Embeddings]
    }

    fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, AcquireError> {
        let space = Euclidean::new(request.embeddings()?);
        let mut nearest = RunningMinimum::new(&space, request.candidates());
        for (row, _) in request.pool.labelled() {
            nearest.add(row);
        }
        let random = &mut draw::uniform(&request.seed);
        Ok(farthest_first(nearest, request.candidates(), request.budget, random))
    }
}

fn farthest_first(
    mut nearest: RunningMinimum<'_, Euclidean<'_>>,
    candidates: &[usize],
    budget: usize,
    random: &mut impl Uniform,
) -> Vec<Pick> {
    let mut picks = Vec::with_capacity(budget);
    while picks.len() < budget {
        let Some((mut at, score)) = nearest.farthest() else { break };
        if score.is_infinite() {
            at = Remaining::new(candidates.len()).draw(random).unwrap_or(at);
        }
        picks.push(Pick { row: candidates[at], score });
        nearest.add(candidates[at]);
        // Below every distance, so that duplicates of a centre are still chosen after all others.
        nearest.take(at, -1.0);
    }
    picks
}

#[cfg(test)]
mod tests {
    use alfm_core::{ClassId, MatrixView, SeedTree};

    use super::*;
    use crate::Pool;

    const POINTS: [f32; 12] = [0.0, 0.0, 1.0, 0.0, 0.0, 3.0, 4.0, 0.0, 4.0, 3.0, 2.0, 1.0];

    #[test]
    fn worked_example() {
        let mut observed = [None; 6];
        observed[0] = Some(ClassId::new(0));
        let points = MatrixView::new(&POINTS, 6, 2).unwrap();
        let pool = Pool::new(&observed).unwrap().with_embeddings(points).unwrap();
        let picks = KCenterGreedy.select(&pool, 3, &SeedTree::new(0)).unwrap();
        let chosen: Vec<(usize, f64)> = picks.iter().map(|pick| (pick.row, pick.score)).collect();
        assert_eq!(chosen, [(4, 25.0), (2, 9.0), (3, 9.0)]);
    }

    #[test]
    fn identical_points_are_chosen_once_each() {
        let observed = [None; 4];
        let points = MatrixView::new(&[1.0; 8], 4, 2).unwrap();
        let pool = Pool::new(&observed).unwrap().with_embeddings(points).unwrap();
        let mut rows: Vec<usize> = KCenterGreedy
            .select(&pool, 9, &SeedTree::new(3))
            .unwrap()
            .iter()
            .map(|pick| pick.row)
            .collect();
        rows.sort_unstable();
        assert_eq!(rows, [0, 1, 2, 3]);
    }
}
