//! Imbalance and noise on images.

use alfm_core::{ClassId, SampleId, SeedTree};
use alfm_data::simulate::{Imbalance, Noise, NoiseInput};
use alfm_data::{Image, Items, Split};

/// Merging, tails and noise look at labels only; people's labels are found by id.
#[test]
fn simulation_works_on_images() {
    let image = |row: usize| Image::pixels("x", Some(row), (1, 1), vec![row as u8]).unwrap();
    let ids: Vec<SampleId> = (0..60).map(|row| format!("i{row}").into()).collect();
    let labels = (0..60).map(|row| Some(ClassId::from_index(row % 3))).collect();
    let split = Split::new(ids, Items::Images((0..60).map(image).collect()), labels).unwrap();
    let schema = alfm_core::ClassSchema::numbered(3).unwrap();
    let labels = split.all_labels().unwrap();
    let merged = Imbalance::merge(2).apply(&labels, &schema, &SeedTree::new(1)).unwrap();
    assert_eq!(merged.counts, [20, 40]);
    let tail = Imbalance::LongTailed { factor: 10.0 };
    let tail = tail.apply(&labels, &schema, &SeedTree::new(1)).unwrap();
    let pool = split.subset(&tail.kept).unwrap();
    assert_eq!(pool.class_counts(3), [20, 6, 2]);
    for (row, image) in tail.kept.iter().zip(pool.images().unwrap()) {
        assert_eq!(image.row(), Some(*row));
    }
    let file = tempfile::Builder::new().suffix(".csv").tempfile().unwrap();
    let rows: String = pool.ids().iter().map(|id| format!("{id},0\n")).collect();
    std::fs::write(file.path(), format!("id,noisy_label\n{rows}")).unwrap();
    let noise: Noise = serde_json::from_value(
        serde_json::json!({ "kind": "human", "file": file.path(), "missing": "error" }),
    )
    .unwrap();
    let input = NoiseInput::new(&tail.labels, &schema).with_items(pool.ids(), &[]);
    assert!(noise.apply(&input).unwrap().iter().all(|class| class.index() == 0));
}
