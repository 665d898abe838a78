//! Thresholds on one line: how well each agrees with the labels, and which remain in question.

use std::cmp::Ordering;

/// What a position of a line holds, as the line's class sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Labelled with the class.
    Positive,
    /// Labelled with another one.
    Negative,
    Askable,
    /// Without a label, and not to be asked.
    Silent,
}

impl Mark {
    fn weight(self) -> i64 {
        match self {
            Self::Positive => 1,
            Self::Negative => -1,
            Self::Askable | Self::Silent => 0,
        }
    }
}

/// `A(j) = sum_{i < j} w_i - sum_{i >= j} w_i` for `j = 0..=n`: labels that threshold `j` gets right minus
/// those it gets wrong, where it says "of the class" before position `j`.
///
/// On a part of a line they differ from those of the whole by a constant. `O(n)`.
pub(super) fn agreement(marks: &[Mark]) -> Vec<i64> {
    let mut score = -marks.iter().map(|mark| mark.weight()).sum::<i64>();
    let mut scores = Vec::with_capacity(marks.len() + 1);
    scores.push(score);
    scores.extend(marks.iter().map(|mark| {
        score += 2 * mark.weight();
        score
    }));
    scores
}

/// The threshold that agrees best with the labels, the first on ties. `O(n)` time, no memory.
pub(super) fn threshold(marks: &[Mark]) -> usize {
    let mut best = 0;
    let mut highest = 0;
    let mut score = 0;
    for (position, mark) in marks.iter().enumerate() {
        score += mark.weight();
        if score > highest {
            (best, highest) = (position + 1, score);
        }
    }
    best
}

/// The ends, both included, of the part of a line that holds all inconsistent labels.
///
/// From the last label of the purely positive prefix to the first of the purely negative suffix; `None`
/// where there is no such label, and the part goes to the end of the line. `O(n)`.
pub(super) fn disagreement(marks: &[Mark]) -> (Option<usize>, Option<usize>) {
    let first_negative = marks.iter().position(|mark| *mark == Mark::Negative);
    let prefix = &marks[..first_negative.unwrap_or(marks.len())];
    let left = prefix.iter().rposition(|mark| *mark == Mark::Positive);
    let last_positive = marks.iter().rposition(|mark| *mark == Mark::Positive);
    let suffix = last_positive.map_or(0, |last| last + 1);
    let right = marks[suffix..].iter().position(|mark| *mark == Mark::Negative);
    (left, right.map(|right| suffix + right))
}

pub(super) fn count_askable(marks: &[Mark]) -> usize {
    marks.iter().filter(|mark| **mark == Mark::Askable).count()
}

/// Moves the end that agrees less inwards until `target` askable positions are left, at least 1.
///
/// Returns the ends of what is left, both included; the right end is judged by the threshold before it.
///
/// `left_moves` decides where both agree equally. `O(n)`.
pub(super) fn walk(
    marks: &[Mark],
    target: usize,
    mut left_moves: impl FnMut() -> bool,
) -> (usize, usize) {
    let scores = agreement(marks);
    let mut left = 0;
    let mut right = marks.len() - 1;
    let mut askable = count_askable(marks);
    while askable > target {
        let goes = match scores[left].cmp(&scores[right]) {
            Ordering::Less => true,
            Ordering::Greater => false,
            Ordering::Equal => left_moves(),
        };
        askable -= usize::from(marks[if goes { left } else { right }] == Mark::Askable);
        if goes { left += 1 } else { right -= 1 }
    }
    (left, right)
}

/// Of all parts with `target` askable positions, at least 1, the one whose worse end agrees best.
///
/// Both ends included. Ties go to the leftmost part, and in it to the ends that make it shortest. `O(n)`.
pub(super) fn best_window(marks: &[Mark], target: usize) -> (usize, usize) {
    let scores = agreement(marks);
    let askable: Vec<usize> =
        (0..marks.len()).filter(|position| marks[*position] == Mark::Askable).collect();
    let last = marks.len() - 1;
    let mut best = (0, last);
    let mut highest = i64::MIN;
    for (at, window) in askable.windows(target).enumerate() {
        let outer_left = at.checked_sub(1).map_or(0, |before| askable[before] + 1);
        let outer_right = askable.get(at + target).map_or(last, |after| after - 1);
        let left = (outer_left..=window[0])
            .rev()
            .reduce(|best, end| if scores[end] > scores[best] { end } else { best });
        let right = (window[target - 1]..=outer_right)
            .reduce(|best, end| if scores[end] > scores[best] { end } else { best });
        if let Some((left, right)) = left.zip(right)
            && scores[left].min(scores[right]) > highest
        {
            highest = scores[left].min(scores[right]);
            best = (left, right);
        }
    }
    best
}

/// Askable positions by their distance from a threshold: left, right, left, ..., each with its distance from 1.
pub(super) fn outwards(marks: &[Mark], threshold: usize) -> impl Iterator<Item = (usize, usize)> {
    let at = move |distance: usize| {
        [threshold.checked_sub(distance), Some(threshold + distance - 1)]
            .into_iter()
            .flatten()
            .map(move |position| (position, distance))
    };
    (1..=marks.len())
        .flat_map(at)
        .filter(|(position, _)| marks.get(*position) == Some(&Mark::Askable))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn marks(weights: &[i64]) -> Vec<Mark> {
        let mark = |weight: &i64| match weight {
            1 => Mark::Positive,
            -1 => Mark::Negative,
            0 => Mark::Askable,
            _ => Mark::Silent,
        };
        weights.iter().map(mark).collect()
    }

    /// `#{i < j: w_i = -1} + #{i >= j: w_i = 1}`, as it is defined.
    fn loss(marks: &[Mark], threshold: usize) -> i64 {
        let count = |marks: &[Mark], mark| marks.iter().filter(|m| **m == mark).count() as i64;
        count(&marks[..threshold], Mark::Negative) + count(&marks[threshold..], Mark::Positive)
    }

    #[test]
    fn worked_example_of_the_objective() {
        let marks = marks(&[1, 0, 1, 0, -1, 0, 1, 0, -1, 0, -1, 0]);
        let losses: Vec<i64> = (0..=12).map(|threshold| loss(&marks, threshold)).collect();
        assert_eq!(losses, [3, 2, 2, 1, 1, 2, 2, 1, 1, 2, 2, 3, 3]);
        assert_eq!(agreement(&marks), [0, 2, 2, 4, 4, 2, 2, 4, 4, 2, 2, 0, 0]);
        assert_eq!(threshold(&marks), 3);
    }

    #[test]
    fn ends_where_one_side_has_no_label() {
        for (weights, ends) in [
            (&[0, 0, 0][..], (None, None)),
            (&[0, 1, 0, 1, 0], (Some(3), None)),
            (&[0, -1, 0, -1, 0], (None, Some(1))),
            (&[0, -1, 0, 1, 0], (None, None)),
            (&[1, 0, -1, 1, 0, -1, 0], (Some(0), Some(5))),
        ] {
            assert_eq!(disagreement(&marks(weights)), ends);
        }
        assert_eq!(threshold(&marks(&[0, -1, 0])), 0);
        assert_eq!(threshold(&marks(&[0, 1, 0])), 2);
    }

    #[test]
    fn the_walk_goes_on_where_one_side_ends() {
        let marks = marks(&[0, 1, 0, 2, 0]);
        let order: Vec<(usize, usize)> = outwards(&marks, 1).collect();
        assert_eq!(order, [(0, 1), (2, 2), (4, 4)]);
        assert_eq!(outwards(&marks, 5).map(|(at, _)| at).collect::<Vec<_>>(), [4, 2, 0]);
    }

    prop_compose! {
        fn line()(weights in prop::collection::vec(-1i64..3, 1..40)) -> Vec<Mark> {
            marks(&weights)
        }
    }

    proptest! {
        #[test]
        fn agreement_and_loss_are_one_objective(marks in line()) {
            let labels = marks.iter().map(|mark| mark.weight().abs()).sum::<i64>();
            let losses: Vec<i64> = (0..=marks.len()).map(|j| loss(&marks, j)).collect();
            for (score, loss) in agreement(&marks).iter().zip(&losses) {
                prop_assert_eq!(score + 2 * loss, labels);
            }
            let least = losses.iter().min().unwrap();
            prop_assert_eq!(losses.iter().position(|loss| loss == least), Some(threshold(&marks)));
        }

        #[test]
        fn outside_the_disagreement_all_labels_are_consistent(marks in line()) {
            let (left, right) = disagreement(&marks);
            let (left, right) = (left.unwrap_or(0), right.unwrap_or(marks.len() - 1));
            prop_assert!(left <= right);
            prop_assert!(!marks[..left].contains(&Mark::Negative));
            prop_assert!(!marks[right + 1..].contains(&Mark::Positive));
        }

        #[test]
        fn both_shrinks_leave_what_was_asked_for(marks in line(), target in 0usize..40) {
            prop_assume!(count_askable(&marks) > 0);
            let target = 1 + target % count_askable(&marks);
            for (left, right) in [walk(&marks, target, || true), best_window(&marks, target)] {
                prop_assert_eq!(count_askable(&marks[left..=right]), target);
            }
        }

        /// Against every part of the line, one by one.
        #[test]
        fn no_window_has_a_better_worse_end(marks in line(), target in 0usize..40) {
            prop_assume!(count_askable(&marks) > 0);
            let target = 1 + target % count_askable(&marks);
            let scores = agreement(&marks);
            let worse = |left: usize, right: usize| scores[left].min(scores[right]);
            let (left, right) = best_window(&marks, target);
            for i in 0..marks.len() {
                for j in i..marks.len() {
                    if count_askable(&marks[i..=j]) == target {
                        prop_assert!(worse(i, j) <= worse(left, right));
                    }
                }
            }
        }

        /// The scores are computed once; recomputing them for every move must not change the walk.
        #[test]
        fn the_walk_agrees_with_one_that_recounts(
            marks in line(), target in 0usize..40, coins in prop::collection::vec(any::<bool>(), 40),
        ) {
            prop_assume!(count_askable(&marks) > 0);
            let target = 1 + target % count_askable(&marks);
            let (mut left, mut right) = (0, marks.len() - 1);
            let mut tosses = coins.iter();
            while count_askable(&marks[left..=right]) > target {
                let (a, b) = (-loss(&marks, left), -loss(&marks, right));
                if a < b || a == b && *tosses.next().unwrap() { left += 1 } else { right -= 1 }
            }
            let mut tosses = coins.iter();
            let walked = walk(&marks, target, || *tosses.next().unwrap());
            prop_assert_eq!(walked, (left, right));
        }
    }
}
