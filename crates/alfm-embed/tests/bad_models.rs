//! Folders that are not the model they claim to be: each is refused with the file and what is wrong.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::Path;

use alfm_embed::{BertEncoder, ErrorKind, TextEncoder};
use common::model::{Model, Stored};
use safetensors::Dtype;
use serde_json::json;

const WORDS: &str = "embeddings.word_embeddings.weight";

#[test]
fn an_unknown_architecture_lists_the_known_ones() {
    let message = Model::bert().set("model_type", json!("t5")).refusal();
    assert!(message.ends_with(
        "config.json: model_type or architecture `t5` is unknown; the known ones are bert, distilbert, mpnet, roberta, xlm-roberta"
    ));
}

#[test]
fn settings_that_are_not_built_are_refused() {
    for (field, value, expected) in [
        ("hidden_act", json!("relu"), "hidden_act is relu, but only `gelu` is built"),
        (
            "num_attention_heads",
            json!(5),
            "num_attention_heads is 5, but it must divide hidden_size",
        ),
        ("num_hidden_layers", json!(0), "num_hidden_layers is 0, but it must be at least 1"),
        ("position_embedding_type", json!("relative_key"), "only `absolute` is built"),
        ("layer_norm_eps", json!(-1.0), "layer_norm_eps is -1, but it must be positive"),
    ] {
        let message = Model::bert().set(field, value).refusal();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn the_rest_of_the_pipeline_is_checked_too() {
    let model = Model::bert();
    let message = model.edit("modules.json", |m| m[1]["type"] = json!("a.b.Dense")).refusal();
    assert!(message.contains("type is `a.b.Dense`, but only Transformer, Pooling and Normalize"));

    let model = Model::bert();
    let message = model
        .edit("1_Pooling/config.json", |pooling| pooling["pooling_mode_mean_tokens"] = json!(true))
        .refusal();
    assert!(message.contains("one of them"), "{message}");

    let model = Model::bert();
    let message = model
        .edit("sentence_bert_config.json", |limit| limit["max_seq_length"] = json!(2))
        .refusal();
    assert!(message.contains("max_seq_length is 2"), "{message}");
}

#[test]
fn broken_files_are_named() {
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        let model = Model::bert();
        let whole = std::fs::read(model.path(file)).unwrap();
        std::fs::write(model.path(file), &whole[..whole.len() / 2]).unwrap();
        assert!(model.refusal().contains(file));
        std::fs::remove_file(model.path(file)).unwrap();
        let error = model.load().err().unwrap();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.path().is_some_and(|path| path.ends_with(file)), "{error}");
        assert!(error.to_string().contains("it cannot be read: a model folder holds"), "{error}");
    }
}

#[test]
fn tensors_are_checked_by_name_shape_and_type() {
    let model = Model::bert();
    let message = model.reweigh(|table| drop(table.remove(WORDS))).refusal();
    assert!(
        message.contains(&format!("model.safetensors: it has no tensor `{WORDS}`")),
        "{message}"
    );

    let stray = (Dtype::F32, vec![1], vec![0; 4]);
    let message =
        Model::bert().reweigh(|table| drop(table.insert("stray".into(), stray))).refusal();
    assert!(message.contains("1 tensor(s)") && message.contains("`stray`"), "{message}");

    let message = Model::bert().set("vocab_size", json!(33)).refusal();
    assert!(message.contains("has shape [32, 24], config.json says [33, 24]"), "{message}");

    let integers = (Dtype::I32, vec![32, 24], vec![0; 32 * 24 * 4]);
    let message =
        Model::bert().reweigh(|table| drop(table.insert(WORDS.into(), integers))).refusal();
    assert!(message.contains("is I32, expected F32, F16, BF16 or F64"), "{message}");
}

#[test]
fn weights_that_are_not_numbers_are_found() {
    let model = Model::bert();
    model.reweigh(|table| {
        let bytes = &mut table.get_mut("embeddings.LayerNorm.weight").unwrap().2;
        bytes[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    });
    let error = model.load().unwrap().encode(&["help"], &mut |_, _| {}).unwrap_err();
    let expected =
        "the model returned a number that is not finite: its weights are damaged: row 0, ";
    assert!(error.report().starts_with(expected), "{}", error.report());
}

#[test]
fn a_tokenizer_of_another_model_is_found() {
    let model = Model::bert();
    model.set("vocab_size", json!(20)).reweigh(|table| {
        let words = table.get_mut(WORDS).unwrap();
        words.1[0] = 20;
        words.2.truncate(20 * 24 * 4);
    });
    let error = model.load().unwrap().encode(&["is", "help!"], &mut |_, _| {}).unwrap_err();
    assert_eq!(
        error.to_string(),
        "text 1: token 27 is outside the vocabulary of 20: tokenizer.json and config.json belong to different models"
    );
}

/// Checkpoints come with a task head, with TensorFlow's names or in half precision.
#[test]
fn other_forms_of_the_same_weights_are_read() {
    let embed =
        |model: &Model| model.load().unwrap().encode(&["where is it"], &mut |_, _| {}).unwrap();
    let expected = embed(&Model::bert());

    let model = Model::bert();
    model.reweigh(|table| {
        let all: Vec<_> = table.drain().collect();
        for (name, stored) in all {
            let name = name.replace("LayerNorm.weight", "LayerNorm.gamma");
            table.insert(
                format!("bert.{}", name.replace("LayerNorm.bias", "LayerNorm.beta")),
                stored,
            );
        }
        table.insert("cls.predictions.bias".into(), (Dtype::F32, vec![2], vec![0; 8]));
        table.insert("bert.embeddings.position_ids".into(), (Dtype::I64, vec![1], vec![0; 8]));
    });
    assert_eq!(embed(&model), expected);

    let model = Model::bert();
    model.reweigh(|table| table.values_mut().for_each(halve));
    let rounded = embed(&model);
    let differences = rounded.view().values().iter().zip(expected.view().values());
    let worst = differences.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst > 0.0 && worst < 0.01, "{worst}");
}

/// Single precision to the upper half of its bits: bfloat16.
fn halve((dtype, _, data): &mut Stored) {
    assert_eq!(*dtype, Dtype::F32);
    *dtype = Dtype::BF16;
    *data = data.as_chunks::<4>().0.iter().flat_map(|bytes| [bytes[2], bytes[3]]).collect();
}

#[test]
fn a_bare_transformer_is_averaged() {
    let model = Model::bert();
    std::fs::remove_file(model.path("modules.json")).unwrap();
    let vector = model.load().unwrap().encode(&["where is it"], &mut |_, _| {}).unwrap();
    let length = vector.view().values().iter().map(|x| x * x).sum::<f32>().sqrt();
    assert!((length - 1.0).abs() > 0.1, "a vector of length {length} was normalised");
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let error = BertEncoder::load(Path::new("no/such/model")).err().unwrap();
    assert!(error.to_string().contains("no/such/model/config.json"), "{error}");
}
