use std::cmp::Reverse;

use alfm_kernels::draw;
use serde::{Deserialize, Serialize};

use super::direct_search::Search;
use crate::options::{COUNT, HasOptions, Opt, WHOLE};
use crate::{AcquireError, Acquisition, Input, Interactive, Needs, Pick, Request, Session};

/// How [`Direct`] shares its first half among the classes, with `c = floor(floor(b / K) / 2)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PhaseSplit {
    /// `c` for every class.
    #[default]
    Paper,
    /// `min(c, B_min)` for every class, as the reference code does.
    Reference,
    /// Where `c < B_min`: `min(B_min, floor(b / 2))` for the `max(1, floor(b / (2 B_min)))` classes with the
    /// fewest labels, the lowest on ties. Otherwise `c` for every class.
    Rare,
}

/// How [`Direct`] makes an interval of the line smaller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Shrink {
    /// The end that agrees less with the labels moves inwards, step by step.
    #[default]
    PointerWalk,
    /// Of all intervals of the wanted size, the one whose worse end agrees best; the leftmost on ties.
    BestWindow,
}

/// Which end moves in [`Shrink::PointerWalk`] if both agree equally.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TieBreak {
    /// Either, by a fair coin.
    #[default]
    Coin,
    /// Left and right in turns, the left one first, over the whole batch.
    Alternate,
}

/// DIRECT: the best threshold of each class, under noise (Nuggehalli et al., ICML 2025, arXiv 2312.09196).
///
/// The line of class `k` holds the whole pool by descending `p_k - max_j p_j`, then `p_k`. Threshold `j` calls
/// the first `j` positions `k`; `A(j)` is the number of labels it gets right minus those it gets wrong.
/// 1. Class by class, the most labelled first: between the purely positive prefix and the purely negative
///    suffix, draw up to `B1` rows uniformly, wait for the answers, shrink the interval around large `A` from
///    `d` to `ceil(d / d^(1/R))` askable rows while `R = floor(B2 / B1) >= 2` rounds are left of the class's
///    share `B2`; see [`PhaseSplit`].
/// 2. Classes in random order: the askable rows nearest to the first maximiser of `A`, on either side in
///    turns. Every line holds all candidates, so that no class can leave a part of its share.
///
/// The score is the probability of being drawn first in phase 1 and the reciprocal of the distance to the
/// threshold, in positions from 1, in phase 2. A whole batch without answers is one draw a class from the
/// unshrunk interval, then phase 2 with the labels of before. Two classes have lines that are exact mirrors.
///
/// `O(K N log N)` time at most: phase 1 sorts the interval alone, phase 2 the neighbourhood of the threshold.
/// About `35 N` bytes, one class at a time, and `4 K N` for the softmax of logits.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Direct {
    /// Questions between two returns of labels in phase 1, `B1`; at least 1.
    pub parallel_annotators: usize,
    /// Questions that a class needs in phase 1, `B_min`; see [`PhaseSplit`].
    pub minimum_per_class: usize,
    /// How phase 1 shares its half of the budget.
    pub split: PhaseSplit,
    /// How phase 1 shrinks an interval.
    pub shrink: Shrink,
    /// Which end moves if both agree equally.
    pub ties: TieBreak,
}

impl Default for Direct {
    fn default() -> Self {
        Self {
            parallel_annotators: 20,
            minimum_per_class: 60,
            split: PhaseSplit::default(),
            shrink: Shrink::default(),
            ties: TieBreak::default(),
        }
    }
}

impl HasOptions for Direct {
    const OPTIONS: &'static [Opt] = &[
        Opt::new(
            "parallel_annotators",
            "questions between two returns of labels in the first half of the batch",
            COUNT,
        ),
        Opt::new(
            "minimum_per_class",
            "questions that a class needs in the first half, see split",
            WHOLE,
        ),
        Opt::new(
            "split",
            "how the first half is shared: evenly, at most minimum_per_class each, or \
             minimum_per_class for the rarest classes",
            "paper, reference or rare",
        ),
        Opt::new(
            "shrink",
            "how an interval of the line is made smaller: from its worse end, or to its best part",
            "pointer-walk or best-window",
        ),
        Opt::new(
            "ties",
            "which end moves if both agree equally: by a fair coin, or in turns",
            "coin or alternate",
        ),
    ];
}

impl Acquisition for Direct {
    fn name(&self) -> &str {
        "direct"
    }

    fn needs(&self) -> Needs {
        Needs::from([Input::Model])
    }

    fn check(&self) -> Result<(), AcquireError> {
        self.require("parallel_annotators", self.parallel_annotators, self.parallel_annotators >= 1)
    }

    fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, AcquireError> {
        // With an annotator a question no interval shrinks, so that no answer is missed.
        let at_once = Self { parallel_annotators: usize::MAX, ..*self };
        let search = Search::new(at_once, request, draw::uniform(&request.seed))?;
        Ok(search.without_answers().ask(request.budget))
    }

    fn interactive(&self) -> Option<&dyn Interactive> {
        Some(self)
    }
}

impl Interactive for Direct {
    fn begin<'a>(&self, request: &Request<'a>) -> Result<Box<dyn Session + 'a>, AcquireError> {
        self.check()?;
        Ok(Box::new(Search::new(*self, request, draw::uniform(&request.seed))?))
    }
}

impl Direct {
    /// The classes of phase 1 and the share of each, `B2`, from the labels of every class.
    pub(super) fn shares(&self, labels: &[usize], budget: usize) -> (Vec<usize>, usize) {
        let mut classes: Vec<usize> = (0..labels.len()).collect();
        let floor = self.minimum_per_class;
        let even = budget / labels.len() / 2;
        let share = match self.split {
            PhaseSplit::Reference => even.min(floor),
            PhaseSplit::Rare if even < floor => {
                classes.sort_by_key(|class| labels[*class]);
                classes.truncate((budget / 2 / floor).max(1));
                floor.min(budget / 2)
            }
            PhaseSplit::Paper | PhaseSplit::Rare => even,
        };
        classes.sort_unstable_by_key(|class| (Reverse(labels[*class]), *class));
        (classes, share)
    }
}

#[cfg(test)]
#[path = "direct_tests.rs"]
mod tests;
