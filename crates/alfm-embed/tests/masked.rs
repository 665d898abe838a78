//! Surprisal of every family against transformers, on tiny random models (`reference/make_encoders.py`).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeSet;

use alfm_core::Matrix;
use alfm_embed::{Error, ErrorKind, MaskedLm};
use common::model::{Model, Stored};
use common::{TOLERANCE, difference, expected, golden, minilm, texts};
use safetensors::Dtype;

const FAMILIES: [&str; 4] = ["bert", "distilbert", "mpnet", "roberta"];

fn load(family: &str) -> MaskedLm {
    MaskedLm::load(&golden("masked").join(family)).unwrap()
}

fn surprisal(model: &MaskedLm, texts: &[impl AsRef<str>]) -> Matrix {
    let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
    model.surprisal(&texts, &mut |_, _| {}).unwrap()
}

/// Positions of a row that are not 0.
fn positions(matrix: &Matrix, row: usize) -> Vec<usize> {
    let row = matrix.view().row(row);
    (0..row.len()).filter(|&position| row[position] != 0.0).collect()
}

fn range(from: usize, to: usize) -> Vec<usize> {
    (from..to).collect()
}

/// RoBERTa's golden model has a decoder of its own, the others the word embeddings.
#[test]
fn every_family_agrees_with_its_reference() {
    let texts = texts();
    for family in FAMILIES {
        let got = surprisal(&load(family), &texts);
        let expected = expected(&format!("masked/{family}"), "surprisal");
        let (worst, row) = difference(got.view(), expected.view());
        eprintln!("{family}: largest difference {worst:e}, at text {row}");
        assert!(worst < TOLERANCE, "{family}: text {row} is off by {worst}");
        for row in 0..texts.len() {
            assert_eq!(positions(&got, row), positions(&expected, row), "{family}: text {row}");
        }
    }
}

#[test]
fn special_tokens_are_not_surprising() {
    let model = load("bert");
    let got = surprisal(&model, &["where is my", "where [MASK] my", "zebra is [PAD] [SEP]"]);
    assert_eq!(positions(&got, 0), [1, 2, 3]);
    assert_eq!(positions(&got, 1), [1, 3]);
    assert_eq!(positions(&got, 2), [2], "no word of a text is unknown by itself");
    assert!(got.view().values().iter().all(|surprisal| *surprisal >= 0.0));
}

#[test]
fn an_empty_text_is_a_row_of_zeros() {
    for family in FAMILIES {
        let got = surprisal(&load(family), &["", "help"]);
        assert!(positions(&got, 0).is_empty(), "{family}");
        assert_eq!(positions(&got, 1), [1], "{family}");
    }
}

#[test]
fn no_texts_give_no_rows() {
    let got = surprisal(&load("bert"), &[] as &[&str]);
    assert_eq!((got.rows(), got.columns()), (0, 128));
}

/// A text of 180 words: special tokens count, and the last one is never cut off.
#[test]
fn long_texts_are_cut() {
    let long = vec!["help"; 180].join(" ");
    let cut = |length| {
        let model = load("bert").with_max_length(length).unwrap();
        assert_eq!(model.max_length(), length);
        let got = surprisal(&model, &[long.as_str()]);
        assert_eq!(got.columns(), length);
        got
    };
    let few = cut(16);
    assert_eq!(positions(&few, 0), range(1, 15));
    let short = surprisal(&load("bert"), &[vec!["help"; 14].join(" ")]);
    assert_eq!(few.view().row(0), &short.view().row(0)[..16]);
    assert_eq!(positions(&cut(3), 0), [1]);
    assert_eq!(positions(&surprisal(&load("bert"), &[long.as_str()]), 0), range(1, 127));
    // The model has room for 160 tokens only.
    assert_eq!(positions(&cut(200), 0), range(1, 159));
}

#[test]
fn a_length_without_room_for_text_is_refused() {
    let error = load("roberta").with_max_length(2).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Setting);
    let expected = "a maximum length of 2 is too short: 2 special tokens and at least one of the";
    assert!(error.to_string().starts_with(expected), "{error}");
}

#[test]
fn one_thread_and_many_agree() {
    // Several batches of 1024 tokens, and blocks of 64 that texts straddle.
    let words = ["where", "is", "my", "parcel", "refund", "week", "help", "please"];
    let text =
        |i: usize| (0..i % 61).map(|j| words[(i * j + j / 3) % 8]).collect::<Vec<_>>().join(" ");
    let texts: Vec<String> = (0..200).map(text).collect();
    for family in FAMILIES {
        let model = load(family);
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| surprisal(&model, &texts))
        };
        let one = on(1);
        assert_eq!(one, on(3), "{family}");
        for row in [0, 7, 60, 199] {
            let alone = surprisal(&model, &texts[row..=row]);
            let pairs = alone.view().row(0).iter().zip(one.view().row(row));
            assert!(pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) < 1e-5, "text {row}");
        }
    }
}

#[test]
fn progress_counts_texts_up_to_all_of_them() {
    let mut seen = Vec::new();
    load("bert").surprisal(&["a", "b c"], &mut |done, all| seen.push((done, all))).unwrap();
    assert_eq!(seen, [(0, 2), (2, 2)]);
}

fn missing(error: Error) -> BTreeSet<String> {
    let message = error.to_string();
    assert!(message.contains("model.safetensors"), "{message}");
    assert!(message.contains("an encoder that was trained as a masked language model"));
    let listed = message.split_once("(missing: ").and_then(|(_, rest)| rest.split_once("): use"));
    listed.expect("the tensors are listed").0.split(", ").map(str::to_owned).collect()
}

const BERT_HEAD: [&str; 5] = [
    "cls.predictions.bias",
    "cls.predictions.transform.LayerNorm.bias",
    "cls.predictions.transform.LayerNorm.weight",
    "cls.predictions.transform.dense.bias",
    "cls.predictions.transform.dense.weight",
];

#[test]
fn an_encoder_without_the_head_is_refused() {
    for (family, all) in [
        ("bert", BERT_HEAD),
        (
            "distilbert",
            [
                "vocab_layer_norm.bias",
                "vocab_layer_norm.weight",
                "vocab_projector.bias",
                "vocab_transform.bias",
                "vocab_transform.weight",
            ],
        ),
        (
            "roberta",
            [
                "lm_head.bias",
                "lm_head.dense.bias",
                "lm_head.dense.weight",
                "lm_head.layer_norm.bias",
                "lm_head.layer_norm.weight",
            ],
        ),
    ] {
        let error = MaskedLm::load(&golden(family)).err().unwrap();
        assert_eq!(missing(error), all.map(str::to_owned).into());
    }
}

#[test]
fn minilm_has_no_head() {
    let Some(folder) = minilm() else { return };
    let error = MaskedLm::load(&folder).err().unwrap();
    assert_eq!(missing(error), BERT_HEAD.map(str::to_owned).into());
}

#[test]
fn a_part_of_the_head_is_not_enough() {
    let model = Model::masked("bert");
    model.reweigh(|table| drop(table.remove(BERT_HEAD[4])));
    let error = MaskedLm::load(model.folder()).err().unwrap();
    assert_eq!(missing(error), [BERT_HEAD[4].to_owned()].into());
}

/// Checkpoints name the tied tensors once or twice, and keep the head of the second training task.
#[test]
fn other_forms_of_the_same_head_are_read() {
    let texts = ["where is my parcel"];
    let expected = surprisal(&load("bert"), &texts);
    let same = |model: &Model| {
        let loaded = MaskedLm::load(model.folder()).unwrap();
        assert_eq!(surprisal(&loaded, &texts), expected);
    };
    let copy = |table: &mut std::collections::HashMap<String, Stored>, from: &str, to: &str| {
        table.insert(to.to_owned(), table[from].clone());
    };

    let model = Model::masked("bert");
    model.reweigh(|table| {
        copy(table, "bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight");
        copy(table, BERT_HEAD[0], "cls.predictions.decoder.bias");
        table.insert("cls.seq_relationship.bias".into(), (Dtype::F32, vec![2], vec![0; 8]));
    });
    same(&model);
    model.reweigh(|table| drop(table.remove(BERT_HEAD[0])));
    same(&model);

    let model = Model::masked("bert");
    model.reweigh(|table| {
        for (part, old) in [("weight", "gamma"), ("bias", "beta")] {
            let stem = "cls.predictions.transform.LayerNorm";
            let stored = table.remove(&format!("{stem}.{part}")).unwrap();
            table.insert(format!("{stem}.{old}"), stored);
        }
    });
    same(&model);
}

#[test]
fn a_head_of_another_size_is_refused() {
    let model = Model::masked("roberta");
    model.reweigh(|table| {
        let stray = (Dtype::F32, vec![3], vec![0; 12]);
        table.insert("lm_head.decoder.bias".into(), stray);
    });
    let message = MaskedLm::load(model.folder()).err().unwrap().to_string();
    assert!(message.contains("`lm_head.decoder.bias` has shape [3]"), "{message}");
}

#[test]
fn weights_that_are_not_numbers_are_found() {
    let model = Model::masked("bert");
    model.reweigh(|table| {
        let bytes = &mut table.get_mut(BERT_HEAD[0]).unwrap().2;
        bytes[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    });
    let model = MaskedLm::load(model.folder()).unwrap();
    let error = model.surprisal(&["help"], &mut |_, _| {}).unwrap_err();
    let expected =
        "the model returned a number that is not finite: its weights are damaged: row 0, ";
    assert!(error.report().starts_with(expected), "{}", error.report());
}
