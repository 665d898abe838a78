use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// One column, the number of bytes; counts the texts it was given and stops at a limit.
struct Counting {
    seen: AtomicUsize,
    limit: usize,
}

impl Counting {
    fn up_to(limit: usize) -> Self {
        Self { seen: AtomicUsize::new(0), limit }
    }
}

impl TextEncoder for Counting {
    fn dimension(&self) -> usize {
        1
    }

    fn encode(&self, texts: &[&str], progress: Progress<'_>) -> Result<Matrix, Error> {
        let seen = self.seen.fetch_add(texts.len(), Ordering::Relaxed);
        if seen + texts.len() > self.limit {
            return Err(Error::input("has no tokens").of_item("text", 0));
        }
        progress(texts.len(), texts.len());
        let values = texts.iter().map(|text| text.len() as f32).collect();
        Matrix::new(values, texts.len(), 1)
    }
}

type Damage = fn(&mut Vec<u8>);

const TEXTS: [&str; 5] = ["a", "bb", "ccc", "dddd", "eeeee"];

fn cache(folder: &Path) -> EmbeddingCache {
    EmbeddingCache::new(folder, "org/model", "r1").with_shard_texts(2).unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let models = folder.join("models--org--model");
    let mut files: Vec<_> =
        std::fs::read_dir(models).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn a_stopped_run_continues_behind_its_last_shard() {
    let folder = tempfile::tempdir().unwrap();
    let error =
        cache(folder.path()).embed(&Counting::up_to(4), &TEXTS, &mut |_, _| {}).unwrap_err();
    assert_eq!(error.row(), Some(4));
    assert_eq!(error.to_string(), "text 4 has no tokens", "rows count in all texts");
    assert_eq!(files(folder.path()).len(), 2);

    let encoder = Counting::up_to(1);
    let mut seen = Vec::new();
    let done = cache(folder.path())
        .embed(&encoder, &TEXTS, &mut |done, all| seen.push((done, all)))
        .unwrap();
    assert_eq!(done.matrix.view().values(), [1.0, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!((done.reused, encoder.seen.into_inner()), (4, 1));
    assert_eq!(seen, [(2, 5), (4, 5), (5, 5), (5, 5)]);
}

#[test]
fn appended_texts_cost_only_themselves() {
    let folder = tempfile::tempdir().unwrap();
    cache(folder.path()).embed(&Counting::up_to(9), &TEXTS[..4], &mut |_, _| {}).unwrap();
    let done = cache(folder.path()).embed(&Counting::up_to(1), &TEXTS, &mut |_, _| {}).unwrap();
    assert_eq!(done.reused, 4);
}

#[test]
fn model_revision_and_content_are_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let texts = &TEXTS[..2];
    let reused = |model: &str, revision: &str, texts: &[&str]| {
        let cache = EmbeddingCache::new(folder.path(), model, revision);
        cache.embed(&Counting::up_to(9), texts, &mut |_, _| {}).unwrap().reused
    };
    assert_eq!(reused("org/model", "r1", texts), 0);
    assert_eq!(reused("org/model", "r1", texts), 2);
    assert_eq!(reused("org/other", "r1", texts), 0);
    assert_eq!(reused("org/model", "r2", texts), 0);
    assert_eq!(reused("org/model", "r1", &["ab", "b"]), 0);
}

/// The width of every image.
struct Width;

impl ImageEncoder for Width {
    fn dimension(&self) -> usize {
        1
    }

    fn encode(&self, pictures: &dyn Pictures, _: Progress<'_>) -> Result<Matrix, Error> {
        let width = |row| pictures.decode(row).unwrap().width() as f32;
        Matrix::new((0..pictures.count()).map(width).collect(), pictures.count(), 1)
    }
}

#[test]
fn the_size_of_images_is_in_their_key_and_not_in_that_of_texts() {
    let folder = tempfile::tempdir().unwrap();
    let images: &[image::RgbImage] = &[image::RgbImage::new(2, 1), image::RgbImage::new(3, 1)];
    let of_size = |edge| cache(folder.path()).with_image_size(edge);
    let reused = |edge| {
        let embedded = of_size(edge).embed_images(&Width, &images, &mut |_, _| {}).unwrap();
        assert_eq!(embedded.matrix.view().values(), [2.0, 3.0]);
        embedded.reused
    };
    let sizes = [None, Some(64), Some(32), Some(64), None];
    assert_eq!(sizes.map(reused), [0, 0, 0, 2, 2]);
    let texts = |edge| of_size(edge).embed(&Counting::up_to(9), &TEXTS, &mut |_, _| {}).unwrap();
    assert_eq!([None, Some(64)].map(|edge| texts(edge).reused), [0, 5]);
}

#[test]
fn damaged_shards_are_reported_and_made_again() {
    let cut = |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() - 1);
    let flip = |bytes: &mut Vec<u8>| *bytes.last_mut().unwrap() ^= 1;
    let empty = |bytes: &mut Vec<u8>| bytes.clear();
    let damages: [(Damage, &str); 3] = [
        (cut, "it is not a whole safetensors file"),
        (flip, "its values are not those that were written"),
        (empty, "it is not a whole safetensors file"),
    ];
    for (damage, reason) in damages {
        let folder = tempfile::tempdir().unwrap();
        let embed = |limit| {
            cache(folder.path()).embed(&Counting::up_to(limit), &TEXTS, &mut |_, _| {}).unwrap()
        };
        let first = embed(5);
        let damaged = files(folder.path())[0].clone();
        let mut bytes = std::fs::read(&damaged).unwrap();
        damage(&mut bytes);
        std::fs::write(&damaged, bytes).unwrap();

        let again = embed(2);
        assert_eq!(again.matrix, first.matrix);
        assert_eq!(again.rejected.len(), 1);
        assert_eq!(again.rejected[0].path, damaged);
        assert!(again.rejected[0].reason.starts_with(reason), "{}", again.rejected[0].reason);
        assert_eq!(embed(0).rejected, []);
    }
}

#[test]
fn a_shard_of_another_dimension_is_not_used() {
    struct Wide;
    impl TextEncoder for Wide {
        fn dimension(&self) -> usize {
            2
        }
        fn encode(&self, texts: &[&str], _: Progress<'_>) -> Result<Matrix, Error> {
            Matrix::new(vec![0.0; 2 * texts.len()], texts.len(), 2)
        }
    }
    let folder = tempfile::tempdir().unwrap();
    cache(folder.path()).embed(&Counting::up_to(2), &TEXTS[..2], &mut |_, _| {}).unwrap();
    let done = cache(folder.path()).embed(&Wide, &TEXTS[..2], &mut |_, _| {}).unwrap();
    assert_eq!(done.matrix.columns(), 2);
    assert_eq!(done.rejected[0].reason, "it holds (F32, [2, 1]), 2 x 2 F32 was expected");
}

#[test]
fn what_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let blocked = folder.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    let calls = Cell::new(0);
    let error = cache(&blocked)
        .embed(&Counting::up_to(5), &TEXTS, &mut |_, _| calls.set(calls.get() + 1))
        .unwrap_err();
    assert!(error.to_string().contains("models--org--model"), "{error}");
    assert!(EmbeddingCache::new("x", "m", "r").with_shard_texts(0).is_err());
}

#[test]
fn a_model_id_stays_in_the_folder() {
    assert_eq!(folder_name("org/model-1.5"), "org--model-1.5");
    assert_eq!(folder_name("../../etc"), "..--..--etc");
    assert_eq!(folder_name("a\\b:c"), "a_b_c");
}
