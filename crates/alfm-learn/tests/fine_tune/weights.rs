//! What labels, weights and distributions count for.

use alfm_core::{ClassId, Matrix};
use alfm_embed::Items;
use alfm_learn::ItemExamples;

use crate::{BERT, TEXTS, apart, config, fit, labels, probabilities, trunk};

#[test]
fn a_weight_of_two_is_the_item_twice_and_a_certain_distribution_its_class() {
    let trunk = trunk(BERT);
    let items = trunk.prepare(Items::Texts(&TEXTS)).unwrap();
    let config = config().with_batch_size(8);
    let labels = labels();
    let weighted = ItemExamples::new(&items, &[0, 1, 2, 3], &labels[..4], &[2.0, 1.0, 1.0, 1.0], 2);
    let weighted = probabilities(&fit(&config, &weighted), &items);
    let twice_labels = [0, 1, 0, 1, 0].map(ClassId::new);
    let twice = ItemExamples::new(&items, &[0, 1, 2, 3, 0], &twice_labels, &[1.0; 5], 2);
    let twice = probabilities(&fit(&config, &twice), &items);
    assert!(apart(&weighted, &twice) < 1e-3, "{}", apart(&weighted, &twice));
    let soft = Matrix::from_rows(&[[1.0, 0.0], [0.0, 1.0]]).unwrap();
    let certain = ItemExamples::new(&items, &[0, 1, 2, 3], &labels[..2], &[2.0, 1.0, 1.0, 1.0], 2);
    let certain = probabilities(&fit(&config, &certain.with_soft(soft.view())), &items);
    assert!(apart(&weighted, &certain) < 1e-3, "{}", apart(&weighted, &certain));
    let plain = ItemExamples::new(&items, &[0, 1, 2, 3], &labels[..4], &[1.0; 4], 2);
    let plain = probabilities(&fit(&config, &plain), &items);
    assert!(apart(&weighted, &plain) > 1e-2, "{}", apart(&weighted, &plain));
    let unsure = Matrix::from_rows(&[[0.5, 0.5], [0.5, 0.5]]).unwrap();
    let mixed = ItemExamples::new(&items, &[0, 1, 2, 3], &labels[..2], &[2.0, 1.0, 1.0, 1.0], 2);
    let mixed = probabilities(&fit(&config, &mixed.with_soft(unsure.view())), &items);
    assert!(apart(&weighted, &mixed) > 1e-2, "{}", apart(&weighted, &mixed));
}

/// Three labels of class 0 and one of class 1: 4 / (2 * 3) and 4 / (2 * 1) a label.
#[test]
fn classes_weigh_the_same_whatever_their_counts() {
    let trunk = trunk(BERT);
    let items = trunk.prepare(Items::Texts(&TEXTS)).unwrap();
    let (labels, rows) = ([0, 1, 0, 0].map(ClassId::new), [0, 1, 2, 4]);
    let balanced = ItemExamples::new(&items, &rows, &labels, &[1.0; 4], 2);
    let balanced = probabilities(&fit(&config(), &balanced), &items);
    let (few, many) = (2.0 / 3.0, 2.0);
    let weights = [few, many, few, few];
    let by_hand = ItemExamples::new(&items, &rows, &labels, &weights, 2);
    let by_hand = probabilities(&fit(&config().with_balanced(false), &by_hand), &items);
    assert!(apart(&balanced, &by_hand) < 1e-3, "{}", apart(&balanced, &by_hand));
    let plain = ItemExamples::new(&items, &rows, &labels, &[1.0; 4], 2);
    let plain = probabilities(&fit(&config().with_balanced(false), &plain), &items);
    assert!(apart(&balanced, &plain) > 1e-2, "{}", apart(&balanced, &plain));
}

/// Labels of weight 1 + 1 + 2 and four classes, of which two were seen: 1 / (4 + 4) for each of the others.
#[test]
fn unseen_classes_follow_laplace() {
    let trunk = trunk(BERT);
    let items = trunk.prepare(Items::Texts(&TEXTS)).unwrap();
    let labels = [1, 3, 3].map(ClassId::new);
    let examples = ItemExamples::new(&items, &[0, 1, 3], &labels, &[1.0, 1.0, 2.0], 4);
    for row in probabilities(&fit(&config(), &examples), &items).view().iter() {
        assert_eq!([row[0], row[2]], [0.125; 2]);
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    }
}
