//! What is learned, and when it ends.

use alfm_core::{ClassId, SeedTree};
use alfm_embed::{Items, Prepared, Trunk};
use alfm_fixtures::snapshot;
use alfm_learn::{FineTuneConfig, FineTuned, ItemExamples};
use image::RgbImage;
use rayon::prelude::*;

use crate::{BERT, TEXTS, bits, config, go_on, labels, probabilities, striped, trunk};

fn correct(model: &FineTuned, items: &Prepared<'_>, labels: &[ClassId]) -> usize {
    let predicted = probabilities(model, items);
    let rows = predicted
        .view()
        .iter()
        .zip(labels)
        .filter(|(row, label)| row.iter().all(|p| *p <= row[label.index()]));
    rows.count()
}

/// A fit that gets all eight items right, at half of the first loss or less.
fn learned_to_the_last(name: &str, items: &Prepared<'_>, epochs: usize) -> FineTuned {
    let (labels, rows) = (labels(), [0, 1, 2, 3, 4, 5, 6, 7]);
    let examples = ItemExamples::new(items, &rows, &labels, &[1.0; 8], 2);
    let fit = config().with_epochs(epochs).check().unwrap();
    let model = fit.fit(trunk(name), &examples, &SeedTree::new(3), None, &mut go_on).unwrap();
    assert_eq!(correct(&model, items, &labels), 8, "{name}");
    let losses = &model.summary().training_losses;
    assert!(losses[epochs - 1] < 0.5 * losses[0], "{name}: {losses:?}");
    model
}

#[test]
fn texts_are_learned_to_the_last() {
    for name in [BERT, "distilbert", "mpnet", "roberta"] {
        let items = trunk(name).prepare(Items::Texts(&TEXTS)).unwrap();
        let model = learned_to_the_last(name, &items, 15);
        assert_eq!(model.summary().steps, 30);
    }
}

#[test]
fn images_are_learned_to_the_last() {
    let images = striped();
    let pictures = &images[..];
    for name in ["resnet-basic", "vit", "dinov2-gated", "timm-resnet-basic", "timm-vit"] {
        let name = &format!("images/{name}");
        let items = trunk(name).prepare(Items::Pictures(&pictures)).unwrap();
        learned_to_the_last(name, &items, 12);
    }
}

/// On the published SqueezeNet, whose sizes are fixed.
#[test]
fn a_squeezenet_is_learned_to_the_last() {
    let Some(snapshot) = snapshot("models--local--squeezenet1_1-imagenet-features") else { return };
    let images = striped();
    let pictures = &images[..];
    let trunk = Trunk::load(&snapshot, Some(48)).unwrap();
    let items = trunk.prepare(Items::Pictures(&pictures)).unwrap();
    let (labels, rows) = (labels(), [0, 1, 2, 3, 4, 5, 6, 7]);
    let published = trunk.parameters().to_vec();
    let examples = ItemExamples::new(&items, &rows, &labels, &[1.0; 8], 2);
    let fit = config().with_epochs(15).with_learning_rates(1e-4, 1e-3).check().unwrap();
    let model = fit.fit(trunk, &examples, &SeedTree::new(3), None, &mut go_on).unwrap();
    let losses = &model.summary().training_losses;
    assert_eq!(correct(&model, &items, &labels), 8, "{losses:?}");
    assert!(losses[14] < 0.5 * losses[0], "{losses:?}");
    for (before, after) in published.iter().zip(model.trunk().parameters()) {
        assert_ne!(before.values, after.values, "{} was not trained", after.name);
    }
}

#[test]
fn an_early_stop_goes_back_to_the_best_epoch() {
    let trunk = trunk(BERT);
    let items = trunk.prepare(Items::Texts(&TEXTS)).unwrap();
    // Every text has either label: what is learned of one is wrong of the other, when that is held out.
    let (labels, rows) = (labels(), [0, 0, 1, 1, 2, 2, 3, 3]);
    let examples = ItemExamples::new(&items, &rows, &labels, &[1.0; 8], 2);
    let config = config().with_epochs(40).with_learning_rates(1e-2, 3e-2).with_early_stop(3, 0.5);
    let home = tempfile::tempdir().unwrap();
    let fit = config.check().unwrap();
    let seed = SeedTree::new(1);
    let model = fit.fit(trunk, &examples, &seed, Some(home.path()), &mut go_on).unwrap();
    let losses = &model.summary().held_out_losses;
    let kept = model.summary().epoch;
    assert!(losses.iter().all(|loss| *loss >= losses[kept - 1]), "{losses:?}, epoch {kept}");
    assert_eq!(losses.len(), kept + 3, "{losses:?}, epoch {kept}");
    let best = Trunk::load(&home.path().join("best"), None).unwrap();
    assert_eq!(best.parameters(), model.trunk().parameters());
}

#[test]
fn bad_examples_and_a_diverging_fit_are_named() {
    let start = trunk(BERT);
    let items = start.prepare(Items::Texts(&TEXTS)).unwrap();
    let labels = labels();
    let attempt = |config: FineTuneConfig, examples: ItemExamples<'_>| {
        let fit = config.check().unwrap();
        let error = fit.fit(trunk(BERT), &examples, &SeedTree::new(0), None, &mut go_on).err();
        error.unwrap().to_string()
    };
    let of = |rows, weights| ItemExamples::new(&items, rows, &labels[..2], weights, 2);
    let error = attempt(config(), of(&[0, 8], &[1.0; 2]));
    assert!(error.starts_with("an example is item 8, but there are 8 items"), "{error}");
    let error = attempt(config(), of(&[0, 1, 2], &[1.0; 3]));
    assert!(error.contains("labels"), "{error}");
    let error = attempt(config(), of(&[0, 1], &[0.0; 2]));
    assert!(error.starts_with("none of the 2 examples has a weight"), "{error}");
    let wild = config().with_learning_rates(1e30, 1e30);
    let error = attempt(wild, of(&[0, 1], &[1.0; 2]));
    assert!(error.starts_with("training diverged at step"), "{error}");
    let none: &[RgbImage] = &[];
    let error = start.prepare(Items::Pictures(&none)).err().unwrap().to_string();
    assert!(error.contains("takes texts, but was given images"), "{error}");
}

/// On the published MiniLM, whose matrices are large enough for several threads.
#[test]
fn the_number_of_threads_changes_nothing() {
    let Some(snapshot) = snapshot("models--sentence-transformers--all-MiniLM-L6-v2") else {
        return;
    };
    let texts: Vec<String> =
        (0..16).map(|row| format!("{} {}", TEXTS[row % 8], TEXTS[row / 2]).repeat(3)).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let labels: Vec<ClassId> = (0..16).map(|row| ClassId::from_index(row % 2)).collect();
    let rows: Vec<usize> = (0..16).collect();
    let fit = || {
        let trunk = Trunk::load(&snapshot, None).unwrap();
        let items = trunk.prepare(Items::Texts(&texts)).unwrap();
        let examples = ItemExamples::new(&items, &rows, &labels, &[1.0; 16], 2);
        let fit = FineTuneConfig::default().with_epochs(2).check().unwrap();
        let model = fit.fit(trunk, &examples, &SeedTree::new(0), None, &mut go_on).unwrap();
        bits(&model, &items)
    };
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let one = pool(1).install(fit);
    for threads in [3, 8] {
        assert!(one == pool(threads).install(fit), "{threads} threads");
    }
    // Several fits at once, as experiments run them.
    let fits = || (0..3).into_par_iter().map(|_| fit()).collect::<Vec<_>>();
    assert!(pool(2).install(fits).iter().all(|bits| *bits == one));
}
