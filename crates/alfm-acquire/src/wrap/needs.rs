//! What a wrapped strategy needs, as a slice that lives as long as the program.

use crate::Input;

const ALL: [Input; 7] = [
    Input::Model,
    Input::Embeddings,
    Input::Prior,
    Input::Head,
    Input::Passes,
    Input::Averaged,
    Input::Surprisal,
];

/// Every set of inputs; bit `i` of the position says whether `ALL[i]` is in it.
static SETS: [([Input; ALL.len()], usize); 1 << ALL.len()] = sets();

const fn sets() -> [([Input; ALL.len()], usize); 1 << ALL.len()] {
    let mut sets = [(ALL, 0); 1 << ALL.len()];
    let mut set = 0;
    while set < sets.len() {
        let mut input = 0;
        while input < ALL.len() {
            if set >> input & 1 == 1 {
                sets[set].0[sets[set].1] = ALL[input];
                sets[set].1 += 1;
            }
            input += 1;
        }
        set += 1;
    }
    sets
}

/// `needs` and one more input.
pub(crate) fn with(needs: &[Input], extra: Input) -> &'static [Input] {
    let wanted = |input: &Input| *input == extra || needs.contains(input);
    let set: usize = (0..ALL.len()).filter(|at| wanted(&ALL[*at])).map(|at| 1 << at).sum();
    let (inputs, count) = &SETS[set];
    &inputs[..*count]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_input_can_be_added_once() {
        for (at, input) in ALL.into_iter().enumerate() {
            assert_eq!(input as usize, at, "an input is missing from the list");
            assert_eq!(with(&[], input), [input]);
            assert_eq!(with(&[input], input), [input]);
        }
        assert_eq!(with(&[Input::Prior], Input::Model), [Input::Model, Input::Prior]);
        assert_eq!(with(&ALL, Input::Model), ALL);
    }
}
