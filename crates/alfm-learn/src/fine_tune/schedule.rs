use std::f64::consts::PI;

/// The learning rate's share of its highest value over the steps of a fit: up in a line, down as half a cosine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    rising: usize,
    steps: usize,
}

impl Schedule {
    /// For as many `steps` as are taken, of which this share rises, rounded.
    pub(super) fn new(steps: usize, warmup: f64) -> Self {
        Self { rising: (steps as f64 * warmup).round() as usize, steps }
    }

    /// The share at a step, counted from 0: `(step + 1) / rising`, then `(1 + cos(pi t)) / 2` with `t` from 0 to
    /// the end of the last step, where it would be 0.
    pub(super) fn share(self, step: usize) -> f64 {
        if step < self.rising {
            return (step + 1) as f64 / self.rising as f64;
        }
        let passed = (step - self.rising) as f64 / (self.steps - self.rising).max(1) as f64;
        0.5 * (1.0 + (PI * passed).cos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten steps, of which two rise; then cos of 0, 1/8, .. 7/8 of pi.
    #[test]
    fn up_in_a_line_then_down_as_a_cosine() {
        let schedule = Schedule::new(10, 0.2);
        let expected =
            [0.5, 1.0, 1.0, 0.961_940, 0.853_553, 0.691_342, 0.5, 0.308_658, 0.146_447, 0.038_060];
        for (step, expected) in expected.into_iter().enumerate() {
            let share = schedule.share(step);
            assert!((share - expected).abs() < 1e-6, "step {step}: {share}");
        }
    }

    #[test]
    fn without_warmup_the_first_step_is_the_largest() {
        assert_eq!(Schedule::new(1, 0.0).share(0), 1.0);
        assert_eq!(Schedule::new(4, 1.0).share(3), 1.0);
    }
}
