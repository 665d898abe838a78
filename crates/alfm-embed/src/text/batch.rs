use std::ops::Range;

use crate::layers::Group;

/// Texts that go through the model together, their tokens one after the other.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    /// Positions of the texts in the input. Groups may have room for more: for texts without a token.
    pub(crate) rows: Vec<usize>,
    pub(crate) groups: Vec<Group>,
    pub(crate) tokens: usize,
    /// Tokens of each text, where they are filled up to the length of the one group.
    filled: Option<Vec<usize>>,
}

/// Batches of about `budget` tokens, the longest texts first, so that the last batches are short
/// ones and no thread is left with a long one. A function of the lengths alone.
pub(crate) fn plan(lengths: &[usize], budget: usize) -> Vec<Batch> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&row| (std::cmp::Reverse(lengths[row]), row));
    let mut batches: Vec<Batch> = Vec::new();
    for row in order {
        match batches.last_mut() {
            Some(batch) if batch.tokens + lengths[row] <= budget => batch.push(row, lengths[row]),
            _ => {
                let mut batch =
                    Batch { rows: Vec::new(), groups: Vec::new(), tokens: 0, filled: None };
                batch.push(row, lengths[row]);
                batches.push(batch);
            }
        }
    }
    batches
}

/// Batches for a card, whose kernels are chosen by the sizes of their input: texts of similar length, all filled up
/// to one, and `most` of that length in every batch, whether there are as many or not. So what becomes of a text
/// depends on no other.
pub(crate) fn plan_filled(
    lengths: &[usize],
    longest: usize,
    most: impl Fn(usize) -> usize,
) -> Vec<Batch> {
    let step = |row: usize| step(lengths[row]).min(longest);
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&row| (std::cmp::Reverse(step(row)), row));
    let mut batches = Vec::new();
    for alike in order.chunk_by(|&left, &right| step(left) == step(right)) {
        let length = step(alike[0]);
        let count = most(length);
        batches.extend(alike.chunks(count).map(|rows| Batch {
            rows: rows.to_vec(),
            groups: vec![Group { start: 0, count, length }],
            tokens: count * length,
            filled: Some(rows.iter().map(|&row| lengths[row]).collect()),
        }));
    }
    batches
}

/// The length that a text is filled up to: 8, 16, 24, 32, 48, 64, 96, 128 and so on.
fn step(length: usize) -> usize {
    length.next_multiple_of((length.next_power_of_two() / 4).max(8))
}

impl Batch {
    /// First token and number of tokens of every text that there is room for.
    pub(crate) fn places(&self) -> impl Iterator<Item = Range<usize>> {
        self.groups.iter().flat_map(|group| {
            let start = move |text| group.start + text * group.length;
            (0..group.count).map(move |text| start(text)..start(text + 1))
        })
    }

    /// Numbers of each text's tokens one after the other, 0 for tokens that fill it up.
    pub(crate) fn lay_out(&self, numbers: impl Fn(usize) -> Vec<i32>) -> Vec<i32> {
        let mut all = vec![0; self.tokens];
        for (place, &row) in self.places().zip(&self.rows) {
            let numbers = numbers(row);
            all[place.start..][..numbers.len()].copy_from_slice(&numbers);
        }
        all
    }

    /// How much each token counts in its text's mean, 0 for those that fill it up; `None` where none does.
    pub(crate) fn shares(&self) -> Option<Vec<f32>> {
        let lengths = self.filled.as_ref()?;
        let mut shares = vec![0.0; self.tokens];
        for (place, &length) in self.places().zip(lengths) {
            shares[place.start..][..length].fill((length as f32).recip());
        }
        Some(shares)
    }

    fn push(&mut self, row: usize, length: usize) {
        match self.groups.last_mut() {
            Some(group) if group.length == length => group.count += 1,
            _ => self.groups.push(Group { start: self.tokens, count: 1, length }),
        }
        self.rows.push(row);
        self.tokens += length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longest_first_and_full() {
        let batches = plan(&[2, 5, 2, 3, 5], 10);
        assert_eq!(batches.len(), 2);
        assert_eq!(batches[0].rows, [1, 4]);
        assert_eq!(batches[0].groups, [Group { start: 0, count: 2, length: 5 }]);
        assert_eq!(batches[1].rows, [3, 0, 2]);
        assert_eq!(batches[1].groups[1], Group { start: 3, count: 2, length: 2 });
        assert_eq!((batches[1].groups[1].rows(), batches[1].tokens), (3..7, 7));
    }

    #[test]
    fn a_text_over_the_budget_goes_alone() {
        let rows: Vec<_> = plan(&[4, 30, 4], 10).into_iter().map(|batch| batch.rows).collect();
        assert_eq!(rows, [vec![1], vec![0, 2]]);
    }

    #[test]
    fn filled_texts_keep_their_place_and_their_share() {
        let batches = plan_filled(&[2, 9, 3, 8], 12, |_| 2);
        let shapes: Vec<_> =
            batches.iter().map(|batch| (batch.rows.clone(), batch.groups.clone())).collect();
        let group = |length| vec![Group { start: 0, count: 2, length }];
        assert_eq!(shapes, [(vec![1], group(12)), (vec![0, 2], group(8)), (vec![3], group(8))]);
        let batch = &batches[1];
        let laid_out = batch.lay_out(|row| vec![row as i32 + 1; 2]);
        assert_eq!(laid_out, [1, 1, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0]);
        let third = 1.0 / 3.0;
        let second = [third, third, third, 0.0, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(batch.shares().unwrap()[8..], second);
        assert_eq!(batches[2].shares().unwrap()[8..], [0.0; 8]);
        assert_eq!(plan(&[2, 9], 12)[0].shares(), None);
    }

    #[test]
    fn lengths_grow_by_steps_of_a_third_at_most_from_24_on() {
        let steps = [1, 8, 9, 17, 25, 33, 49, 65, 97, 129, 512].map(step);
        assert_eq!(steps, [8, 8, 16, 24, 32, 48, 64, 96, 128, 192, 512]);
    }

    proptest::proptest! {
        #[test]
        fn every_text_is_in_one_batch(lengths in proptest::collection::vec(1_usize..40, 0..60), budget in 1_usize..100) {
            let batches = plan(&lengths, budget);
            let mut rows: Vec<usize> = batches.iter().flat_map(|batch| batch.rows.clone()).collect();
            rows.sort_unstable();
            proptest::prop_assert_eq!(rows, (0..lengths.len()).collect::<Vec<_>>());
            for batch in &batches {
                let sum: usize = batch.rows.iter().map(|&row| lengths[row]).sum();
                proptest::prop_assert_eq!(sum, batch.tokens);
                proptest::prop_assert_eq!(batch.groups.iter().map(|g| g.rows().len()).sum::<usize>(), sum);
                proptest::prop_assert!(batch.tokens <= budget || batch.rows.len() == 1);
            }
        }
    }
}
