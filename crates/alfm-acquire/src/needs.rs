use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Input;

/// Every input, in the order of its declaration.
const ALL: [Input; 8] = [
    Input::Model,
    Input::Embeddings,
    Input::Prior,
    Input::Head,
    Input::Passes,
    Input::Averaged,
    Input::Surprisal,
    Input::LabelsOnly,
];

/// The inputs that a strategy cannot do without: a small set, in the order of [`Input`]'s declaration.
///
/// ```
/// use alfm_acquire::{Input, Needs};
/// let needs = Needs::from([Input::Embeddings]).with(Input::Model);
/// assert!(needs.contains(Input::Model) && !needs.contains(Input::Prior));
/// assert_eq!(needs.iter().collect::<Vec<_>>(), [Input::Model, Input::Embeddings]);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Vec<Input>", into = "Vec<Input>")]
pub struct Needs(u32);

impl Needs {
    /// No input: the labels so far are enough.
    pub const NONE: Self = Self(0);

    /// These inputs.
    pub const fn of(inputs: &[Input]) -> Self {
        let (mut set, mut at) = (0, 0);
        while at < inputs.len() {
            set |= bit(inputs[at]);
            at += 1;
        }
        Self(set)
    }

    /// One input more.
    #[must_use]
    pub const fn with(self, input: Input) -> Self {
        Self(self.0 | bit(input))
    }

    /// What either needs.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether an input is among them.
    pub const fn contains(self, input: Input) -> bool {
        self.0 & bit(input) != 0
    }

    /// The inputs.
    pub fn iter(self) -> impl Iterator<Item = Input> {
        ALL.into_iter().filter(move |input| self.contains(*input))
    }

    /// How many inputs.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// The bit of an input: its place in [`ALL`].
const fn bit(input: Input) -> u32 {
    // Spelled out, so that a new input does not compile before it stands here and in `ALL`.
    let place = match input {
        Input::Model => 0,
        Input::Embeddings => 1,
        Input::Prior => 2,
        Input::Head => 3,
        Input::Passes => 4,
        Input::Averaged => 5,
        Input::Surprisal => 6,
        Input::LabelsOnly => 7,
    };
    1 << place
}

impl From<&[Input]> for Needs {
    fn from(inputs: &[Input]) -> Self {
        Self::of(inputs)
    }
}

impl<const N: usize> From<[Input; N]> for Needs {
    fn from(inputs: [Input; N]) -> Self {
        Self::of(&inputs)
    }
}

impl From<Vec<Input>> for Needs {
    fn from(inputs: Vec<Input>) -> Self {
        Self::of(&inputs)
    }
}

impl From<Needs> for Vec<Input> {
    fn from(needs: Needs) -> Self {
        needs.iter().collect()
    }
}

impl FromIterator<Input> for Needs {
    fn from_iter<I: IntoIterator<Item = Input>>(inputs: I) -> Self {
        inputs.into_iter().fold(Self::NONE, Self::with)
    }
}

impl IntoIterator for Needs {
    type Item = Input;
    type IntoIter = std::vec::IntoIter<Input>;

    fn into_iter(self) -> Self::IntoIter {
        Vec::from(self).into_iter()
    }
}

impl fmt::Debug for Needs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_input_has_a_place_of_its_own() {
        for (at, input) in ALL.into_iter().enumerate() {
            assert_eq!(input as usize, at, "the order is that of the declaration");
            assert_eq!(bit(input), 1 << at);
            assert_eq!(Needs::from([input]).with(input).iter().collect::<Vec<_>>(), [input]);
        }
        assert_eq!(Needs::of(&ALL).len(), ALL.len());
    }

    #[test]
    fn written_as_a_list_in_order() {
        let needs = Needs::from([Input::Prior, Input::Model]).and(Needs::from([Input::LabelsOnly]));
        let text = serde_json::to_string(&needs).unwrap();
        assert_eq!(text, r#"["model","prior","labels-only"]"#);
        assert_eq!(serde_json::from_str::<Needs>(&text).unwrap(), needs);
    }
}
