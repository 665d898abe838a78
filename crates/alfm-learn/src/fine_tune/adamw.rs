/// Decay of the mean of gradients and of that of their squares, and what is added to the root of the latter: the
/// values of Loshchilov and Hutter.
const BETAS: [f64; 2] = [0.9, 0.999];
const EPSILON: f64 = 1e-8;

/// Running means of the gradients of some parameters, and of their squares.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Moments {
    pub(super) first: Vec<f32>,
    pub(super) second: Vec<f32>,
}

/// What all parameters of a step have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// Counts from 1.
    pub(super) number: usize,
    pub(super) learning_rate: f64,
    pub(super) decay: f64,
    /// The factor that shortens the gradients.
    pub(super) clip: f64,
}

impl Moments {
    pub(super) fn new(length: usize) -> Self {
        Self { first: vec![0.0; length], second: vec![0.0; length] }
    }

    /// One step of AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101, algorithm 2) as PyTorch takes it: the
    /// decay is multiplied by the learning rate.
    pub(super) fn step(&mut self, values: &mut [f32], gradient: &[f32], step: Step) {
        let [mean, square] = BETAS.map(|beta| 1.0 - beta.powf(step.number as f64));
        let rate = (step.learning_rate / mean) as f32;
        let root = square.sqrt().recip() as f32;
        let kept = (1.0 - step.learning_rate * step.decay) as f32;
        let [beta1, beta2] = BETAS.map(|beta| beta as f32);
        let [fresh1, fresh2] = BETAS.map(|beta| (1.0 - beta) as f32);
        let (clip, epsilon) = (step.clip as f32, EPSILON as f32);
        let moments = self.first.iter_mut().zip(&mut self.second);
        for ((value, slope), (first, second)) in values.iter_mut().zip(gradient).zip(moments) {
            let slope = slope * clip;
            *first = beta1 * *first + fresh1 * slope;
            *second = beta2 * *second + fresh2 * slope * slope;
            *value = kept * *value - rate * *first / (second.sqrt() * root + epsilon);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first step moves by the learning rate against the gradient's sign, whatever its size. In the second, the
    /// gradients 0.5 and -1 leave m = 0.9 * 0.05 - 0.1 = -0.055 and v = 0.999 * 0.00025 + 0.001 = 0.00124975;
    /// unbiased -0.055 / 0.19 and 0.00124975 / 0.001999: a move of 0.1 * 0.289474 / 0.790691 = 0.036610. Before
    /// each, the value loses 0.1 * 0.2 of itself: 1 -> 0.98 - 0.1 = 0.88 -> 0.8624 + 0.036610.
    #[test]
    fn two_steps_by_hand() {
        let mut moments = Moments::new(1);
        let mut value = [1.0];
        let step = |number| Step { number, learning_rate: 0.1, decay: 0.2, clip: 1.0 };
        moments.step(&mut value, &[0.5], step(1));
        assert!((value[0] - 0.88).abs() < 1e-6, "{value:?}");
        moments.step(&mut value, &[-1.0], step(2));
        assert!((value[0] - 0.899_010).abs() < 1e-6, "{value:?}");
    }

    #[test]
    fn gradients_are_shortened_before_all_else() {
        let (mut clipped, mut plain) = (Moments::new(1), Moments::new(1));
        let step = Step { number: 1, learning_rate: 0.1, decay: 0.0, clip: 0.25 };
        clipped.step(&mut [0.0], &[2.0], step);
        plain.step(&mut [0.0], &[0.5], Step { clip: 1.0, ..step });
        assert_eq!(clipped, plain);
    }
}
