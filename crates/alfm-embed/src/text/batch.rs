use crate::layers::Group;

/// Texts that go through the model together, their tokens one after the other, without padding.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    /// Positions of the texts in the input.
    pub(crate) rows: Vec<usize>,
    pub(crate) groups: Vec<Group>,
    pub(crate) tokens: usize,
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
                let mut batch = Batch { rows: Vec::new(), groups: Vec::new(), tokens: 0 };
                batch.push(row, lengths[row]);
                batches.push(batch);
            }
        }
    }
    batches
}

impl Batch {
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
