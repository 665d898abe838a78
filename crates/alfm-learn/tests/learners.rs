//! What both learners promise, whatever the optimiser.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use alfm_core::{ClassId, Matrix, SeedTree};
use alfm_learn::{
    Activation, Classifier, Error, Examples, LearnerConfig, LogisticRegressionConfig, MlpConfig,
    Stop,
};
use proptest::prelude::*;
use rand::RngExt;

/// Rows around one centre a class, on the unit axes: class `i % classes` for row `i`.
fn clusters(rows: usize, columns: usize, classes: usize) -> (Matrix, Vec<ClassId>) {
    let mut rng = SeedTree::new(3).child("clusters").rng();
    let mut values = Vec::new();
    let mut labels = Vec::new();
    for row in 0..rows {
        let class = row % classes;
        let noise = (0..columns).map(|_| rng.random_range(-0.3f32..0.3));
        values.extend(noise.enumerate().map(|(c, noise)| f32::from(u8::from(c == class)) + noise));
        labels.push(ClassId::from_index(class));
    }
    (Matrix::new(values, rows, columns).unwrap(), labels)
}

fn fit(
    config: &LearnerConfig,
    embeddings: &Matrix,
    labels: &[ClassId],
    weights: &[f32],
    classes: usize,
) -> Result<Box<dyn Classifier>, Error> {
    let examples = Examples::new(embeddings.view(), labels, weights, classes);
    config.build().unwrap().fit(&examples, &SeedTree::new(0))
}

fn learners() -> [LearnerConfig; 3] {
    let mlp = MlpConfig::default().with_hidden([16]);
    [
        LearnerConfig::default(),
        LearnerConfig::Mlp(mlp.clone()),
        LearnerConfig::Mlp(mlp.with_hidden([8, 8]).with_activation(Activation::Gelu)),
    ]
}

#[test]
fn separable_clusters_are_learned() {
    let (embeddings, labels) = clusters(90, 6, 3);
    for config in learners() {
        let model = fit(&config, &embeddings, &labels, &[1.0; 90], 3).unwrap();
        let summary = model.fit_summary();
        assert!(summary.converged() && !summary.diverged(), "{config:?}: {summary:?}");
        let probabilities = model.predict(embeddings.view()).unwrap();
        for (row, label) in probabilities.view().iter().zip(&labels) {
            assert!(row[label.index()] > 0.7, "{config:?}: {row:?}");
        }
    }
}

/// Two items at x = 1 and -1, C = 1: by symmetry `w_0 = -w_1 = u`, and `2 ln(1 + e^(-2u)) + u^2` is least where
/// `u = 2 / (1 + e^(2u))`. The probability of the other class, `r = u / 2`, solves `r = 1 / (1 + e^(4r))`.
#[test]
fn the_two_point_problem_has_its_closed_form() {
    let embeddings = Matrix::from_rows(&[[1.0], [-1.0]]).unwrap();
    let labels = [0, 1].map(ClassId::new);
    let config = LogisticRegressionConfig::default().with_c(1.0).with_tolerance(1e-6);
    let model = fit(&LearnerConfig::Linear(config), &embeddings, &labels, &[1.0; 2], 2).unwrap();
    let other = model.predict(embeddings.view()).unwrap().view().row(0)[1];
    assert!((other - 0.260_649).abs() < 1e-5, "{other}");
    // The start is uniform: the loss per item is ln 2 nats.
    assert!((model.fit_summary().start_loss - 2f64.ln()).abs() < 1e-6);
}

#[test]
fn an_unseen_class_gets_one_over_n_plus_k() {
    let (embeddings, labels) = clusters(30, 4, 3);
    for config in learners() {
        // Classes 3 and 4 of 5 have no label: 1 / (30 + 5) each.
        let model = fit(&config, &embeddings, &labels, &[1.0; 30], 5).unwrap();
        for row in model.predict(embeddings.view()).unwrap().view().iter() {
            assert_eq!(row[3..], [1.0 / 35.0; 2]);
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            assert!(row[..3].iter().any(|p| *p > row[3]));
        }
    }
}

#[test]
fn a_class_whose_items_weigh_nothing_is_unseen() {
    let (embeddings, labels) = clusters(30, 4, 3);
    let weights: Vec<f32> =
        labels.iter().map(|class| if class.index() == 1 { 0.0 } else { 1.0 }).collect();
    let model = fit(&LearnerConfig::default(), &embeddings, &labels, &weights, 3).unwrap();
    assert_eq!(model.predict(embeddings.view()).unwrap().view().row(1)[1], 1.0 / 23.0);
}

#[test]
fn one_seen_class_is_certain_up_to_laplace() {
    let (embeddings, _) = clusters(7, 4, 3);
    let labels = [ClassId::new(2); 7];
    for config in learners() {
        let model = fit(&config, &embeddings, &labels, &[1.0; 7], 3).unwrap();
        let row = model.predict(embeddings.view()).unwrap().view().row(4).to_vec();
        assert_eq!(row[..2], [0.1; 2]);
        assert!((row[2] - 0.8).abs() < 1e-6);
        assert!(!model.fit_summary().diverged());
    }
}

/// Weighted counts make it exact for the loss, up to rounding for the fit.
#[test]
fn weight_two_is_the_row_twice() {
    let (embeddings, labels) = clusters(20, 4, 2);
    let twice = embeddings.view().gather((0..20).chain([3, 8]));
    let labels_twice: Vec<ClassId> = labels.iter().copied().chain([labels[3], labels[8]]).collect();
    let mut weights = [1.0; 20];
    (weights[3], weights[8]) = (2.0, 2.0);
    let linear = LogisticRegressionConfig::default().with_tolerance(1e-6);
    let config = LearnerConfig::Linear(linear);
    let once = fit(&config, &embeddings, &labels, &weights, 2).unwrap();
    let twice = fit(&config, &twice, &labels_twice, &[1.0; 22], 2).unwrap();
    let loss = |model: &dyn Classifier| model.fit_summary().final_loss;
    assert!((loss(&*once) - loss(&*twice)).abs() < 1e-7);
    let once = once.predict(embeddings.view()).unwrap().into_values();
    let twice = twice.predict(embeddings.view()).unwrap().into_values();
    assert!(once.iter().zip(&twice).all(|(a, b)| (a - b).abs() < 1e-4));
}

#[test]
fn contradicting_duplicates_split_the_probability_by_class_weight() {
    // The same point three times as class 0, once as class 1. Balanced, both classes weigh the same.
    let embeddings = Matrix::from_rows(&[[1.0, 0.0]; 4]).unwrap();
    let labels = [0, 0, 0, 1].map(ClassId::new);
    for (balanced, expected) in [(true, 0.5), (false, 0.75)] {
        let linear =
            LogisticRegressionConfig::default().with_balanced(balanced).with_tolerance(1e-6);
        let model =
            fit(&LearnerConfig::Linear(linear), &embeddings, &labels, &[1.0; 4], 2).unwrap();
        let row = model.predict(embeddings.view()).unwrap().view().row(0).to_vec();
        assert!((row[0] - expected).abs() < 1e-4, "{row:?}");
    }
}

#[test]
fn threads_do_not_change_a_byte() {
    let (embeddings, labels) = clusters(3000, 24, 5);
    let in_pool = |threads: usize, config: &LearnerConfig| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let model = fit(config, &embeddings, &labels, &vec![1.0; 3000], 5).unwrap();
            model.predict(embeddings.view()).unwrap().into_values()
        })
    };
    for config in learners() {
        let bytes = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
        assert_eq!(bytes(in_pool(1, &config)), bytes(in_pool(7, &config)));
    }
}

#[test]
fn the_mlp_depends_on_the_seed_and_the_linear_head_does_not() {
    let (embeddings, labels) = clusters(60, 6, 3);
    let examples = Examples::new(embeddings.view(), &labels, &[1.0; 60], 3);
    let [linear, mlp, _] = learners();
    let differs = |config: &LearnerConfig| {
        let learner = config.build().unwrap();
        let run = |seed| {
            let model = learner.fit(&examples, &SeedTree::new(seed)).unwrap();
            model.predict(embeddings.view()).unwrap()
        };
        assert_eq!(run(0), run(0));
        run(0) != run(1)
    };
    assert!(!differs(&linear) && differs(&mlp));
}

/// A hyperplane cannot solve exclusive or; a hidden layer can.
#[test]
fn the_mlp_learns_exclusive_or() {
    let corners = [[1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]];
    let embeddings = Matrix::from_rows(&corners).unwrap();
    let labels = [0, 0, 1, 1].map(ClassId::new);
    let own = |config: LearnerConfig| {
        let model = fit(&config, &embeddings, &labels, &[1.0; 4], 2).unwrap();
        let rows = model.predict(embeddings.view()).unwrap();
        let own = rows.view().iter().zip(&labels).map(|(row, class)| row[class.index()]);
        own.fold(f32::INFINITY, f32::min)
    };
    assert!((own(LearnerConfig::default()) - 0.5).abs() < 1e-3);
    for activation in [Activation::Relu, Activation::Gelu] {
        let mlp = MlpConfig::default().with_c(100.0).with_activation(activation);
        assert!(own(LearnerConfig::Mlp(mlp)) > 0.9, "{activation:?}");
    }
}

#[test]
fn an_iteration_limit_is_reported() {
    let (embeddings, labels) = clusters(90, 6, 3);
    let linear = LogisticRegressionConfig::default().with_max_iterations(2);
    let model = fit(&LearnerConfig::Linear(linear), &embeddings, &labels, &[1.0; 90], 3).unwrap();
    let summary = model.fit_summary();
    assert_eq!((summary.iterations, summary.stop), (2, Stop::IterationLimit));
    assert!(!summary.converged() && !summary.diverged());
}

#[test]
fn bad_examples_are_refused_by_row_and_value() {
    let (embeddings, labels) = clusters(4, 3, 2);
    let config = LearnerConfig::default();
    let error = |labels: &[ClassId], weights: &[f32], classes| {
        fit(&config, &embeddings, labels, weights, classes).err().unwrap()
    };
    let ones = [1.0; 4];
    assert_eq!(
        error(&labels, &[0.0; 4], 2).to_string(),
        "none of the 4 examples has a weight above 0: label at least one item first"
    );
    let negative = error(&labels, &[1.0, -2.0, 1.0, 1.0], 2);
    assert_eq!(negative.row(), Some(1));
    assert_eq!(negative.to_string(), "example 1 has weight -2: give a finite weight of 0 or more");
    let nan = error(&labels, &[1.0, 1.0, f32::NAN, 1.0], 2).to_string();
    assert_eq!(nan, "example 2 has weight NaN: give a finite weight of 0 or more");
    let cases = [
        (error(&labels[..3], &ones, 2), Error::row_count("labels", 4, 3)),
        (error(&labels, &ones[..3], 2), Error::row_count("weights", 4, 3)),
        (error(&labels, &ones, 1), Error::too_few_classes(1)),
        (
            error(&[9, 0, 0, 1].map(ClassId::new), &ones, 2),
            Error::unknown_class(ClassId::new(9), 2),
        ),
    ];
    for (error, expected) in cases {
        assert_eq!(error, expected);
    }
    let model = fit(&config, &embeddings, &labels, &ones, 2).unwrap();
    let wide = Matrix::from_rows(&[[0.0; 5]]).unwrap();
    let error = model.predict(wide.view()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "items have 5 columns, the model was fitted on 3: use one encoder for both"
    );
}

#[test]
fn a_fit_that_overflows_says_so() {
    let embeddings = Matrix::from_rows(&[[3e38f32, -3e38], [-3e38, 3e38], [3e38, 3e38]]).unwrap();
    let labels = [0, 1, 1].map(ClassId::new);
    for config in learners() {
        let model = fit(&config, &embeddings, &labels, &[1.0; 3], 2).unwrap();
        let summary = model.fit_summary();
        // Zero weights keep the linear start finite; the network's random ones do not.
        let finite = matches!(config, LearnerConfig::Linear(_));
        assert_eq!(summary.diverged(), !finite, "{config:?}: {summary:?}");
        // Never a NaN: either a distribution or an error that names the row.
        match model.predict(embeddings.view()) {
            Ok(rows) => assert!(rows.view().values().iter().all(|p| *p > 0.0)),
            Err(error) => assert!(error.to_string().starts_with("row "), "{error}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Any finite examples give a probability above 0 for every class, and never a rising loss.
    #[test]
    fn predictions_are_distributions(
        values in prop::collection::vec(-1e3f32..1e3, 24),
        labels in prop::collection::vec(0u32..4, 8),
        weights in prop::collection::vec(0.01f32..10.0, 8),
    ) {
        let embeddings = Matrix::new(values, 8, 3).unwrap();
        let labels: Vec<ClassId> = labels.into_iter().map(ClassId::new).collect();
        for config in learners() {
            let model = fit(&config, &embeddings, &labels, &weights, 4).unwrap();
            prop_assert!(!model.fit_summary().diverged(), "{:?}", model.fit_summary());
            for row in model.predict(embeddings.view()).unwrap().view().iter() {
                prop_assert!(row.iter().all(|p| *p > 0.0));
                prop_assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-4);
            }
        }
    }
}

#[test]
fn the_linear_layer_is_the_model() {
    let (embeddings, labels) = clusters(60, 5, 3);
    let model = fit(&LearnerConfig::default(), &embeddings, &labels, &[1.0; 60], 4).unwrap();
    let layer = model.linear_layer().unwrap();
    let predicted = model.predict(embeddings.view()).unwrap();
    for (x, p) in embeddings.view().iter().zip(predicted.view().iter()) {
        let logit = |class: usize| {
            let products = layer.weights.view().row(class).iter().zip(x).map(|(w, x)| w * x);
            products.sum::<f32>() + layer.bias[class]
        };
        for class in 1..3 {
            let odds = (p[class] / p[0]).ln();
            assert!((odds - (logit(class) - logit(0))).abs() < 1e-3, "{odds}");
        }
    }
    // The class that no example showed: its constant probability at the origin.
    let origin = Matrix::new(vec![0.0; 5], 1, 5).unwrap();
    let at_origin = model.predict(origin.view()).unwrap();
    let sum: f32 = layer.bias.iter().map(|bias| bias.exp()).sum();
    assert!((at_origin.view().row(0)[3] - layer.bias[3].exp() / sum).abs() < 1e-6);
    let mlp = &learners()[1];
    assert!(fit(mlp, &embeddings, &labels, &[1.0; 60], 3).unwrap().linear_layer().is_none());
}

#[test]
fn a_stochastic_pass_is_decided_by_its_seed() {
    let (embeddings, labels) = clusters(1500, 6, 3);
    for config in learners() {
        let model = fit(&config, &embeddings, &labels, &[1.0; 1500], 3).unwrap();
        let pass = |rate, seed| {
            model.predict_with_dropout(embeddings.view(), rate, &SeedTree::new(seed)).unwrap()
        };
        assert_eq!(pass(0.0, 1), model.predict(embeddings.view()).unwrap());
        assert_eq!(pass(0.5, 1), pass(0.5, 1));
        assert_ne!(pass(0.5, 1), pass(0.5, 2));
        assert!(model.predict_with_dropout(embeddings.view(), 1.0, &SeedTree::new(0)).is_err());
    }
}
