//! Whole experiments on the bundled data, with word counts in place of an encoder.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::error::Error as StdError;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use alfm_core::{ClassId, Matrix, SeedTree};
use alfm_data::{Dataset, Hub, Image, RgbImage, Split};
use alfm_fixtures::available;
use alfm_kernels::device::{Cpu, Device, open_device};
use alfm_lab::experiment::{
    Embedder, ExperimentConfig, Schedule, Task, Tuned, Tuner, TuningExamples, prepare, run_all,
    threads,
};
use alfm_lab::record::{FinishedRun, RunRecord, write_runs};
use alfm_lab::{Error, ErrorKind};
use alfm_learn::{Examples, FineTuneConfig, LearnerConfig};
use alfm_select::acquire::{Input, registry};
use rand::RngExt;

const CONFIG: &str = r#"
    seeds = { from = 0, count = 2 }
    initial = 24
    batch = 12
    rounds = 3
    strategies = ["random", "badge", "prioral"]
    [[dataset]]
    name = "support-inbox"
    pool = { split = "pool", limit = 300 }
    test = { split = "pool", rest = true, limit = 200 }
    noise = { kind = "uniform", rate = 0.2 }
"#;

/// A text as the counts of its words, hashed into 32 buckets.
struct WordCounts;

impl Embedder for WordCounts {
    fn embed(&mut self, texts: &[&str]) -> Result<Matrix, Box<dyn StdError + Send + Sync>> {
        let row = |text: &&str| {
            let mut counts = [0.1f32; 32];
            for word in text.split_whitespace() {
                let hash = word.bytes().fold(7u32, |hash, byte| hash * 31 % 9973 + u32::from(byte));
                counts[hash as usize % 32] += 1.0;
            }
            counts
        };
        Ok(Matrix::from_rows(&texts.iter().map(row).collect::<Vec<_>>())?)
    }
}

fn tasks(config: &ExperimentConfig) -> Vec<Task> {
    prepare(config, &Hub::new("unused").with_offline(true), &mut WordCounts).unwrap()
}

fn run(
    config: &ExperimentConfig,
    tasks: &[Task],
    folder: &Path,
    stop_after: usize,
) -> Result<Vec<FinishedRun>, Error> {
    run_on(Arc::new(Cpu), config, tasks, folder, stop_after)
}

fn run_on(
    device: Arc<dyn Device>,
    config: &ExperimentConfig,
    tasks: &[Task],
    folder: &Path,
    stop_after: usize,
) -> Result<Vec<FinishedRun>, Error> {
    let stop = AtomicBool::new(false);
    let progress = |done: usize, _: usize| stop.store(done >= stop_after, Ordering::Relaxed);
    run_all(config, tasks, &Schedule { folder, stop: &stop, device, progress: &progress })
}

#[test]
fn a_stopped_experiment_goes_on_to_the_same_bytes() {
    let text = CONFIG.replace("\"prioral\"", "\"prioral\", \"prioral-guarded\"");
    let config = ExperimentConfig::from_toml(&text).unwrap();
    let tasks = tasks(&config);
    let (straight, stopped) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());

    let one = threads(1).unwrap();
    let whole = one.install(|| run(&config, &tasks, &straight.path().join("runs"), usize::MAX));
    let file = |folder: &tempfile::TempDir, runs: &[FinishedRun]| {
        let path = folder.path().join("runs.jsonl");
        write_runs(&path, runs.iter().map(|run| &run.record)).unwrap();
        fs::read(path).unwrap()
    };
    let whole = file(&straight, &whole.unwrap());

    let kept = stopped.path().join("runs");
    let error = one.install(|| run(&config, &tasks, &kept, 2)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stopped);
    assert!(error.to_string().starts_with("stopped after 2 of 8 runs; "), "{error}");
    assert_eq!(fs::read_dir(&kept).unwrap().count(), 2);
    let three = threads(3).unwrap();
    let resumed = three.install(|| run(&config, &tasks, &kept, usize::MAX)).unwrap();
    assert!(whole == file(&stopped, &resumed), "the records differ");
}

/// Prompts by their number of words, and the order of the classes, are those of the list.
#[test]
fn a_file_has_the_columns_and_classes_that_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let row = |row: usize| format!("T{row},message number {row},{}\n", ["spam", "ham"][row % 2]);
    let table = format!("ticket,message,kind\n{}", (0..60).map(row).collect::<String>());
    fs::write(at("pool.csv"), &table).unwrap();
    let classes = r#"[{"name": "spam", "description": "what nobody asked for"}, {"name": "ham", "prompts": ["lunch"]}]"#;
    fs::write(at("classes.json"), classes).unwrap();
    let text = format!(
        "seeds = 0\ninitial = 4\nbatch = 4\nrounds = 2\nstrategies = \"random\"\n[[dataset]]\nname = \"{}\"\n\
         text = \"message\"\nid = \"ticket\"\nlabel = \"kind\"\nclasses = \"{}\"\nalias = \"inbox\"\n\
         pool = {{ split = \"all\", limit = 40 }}\ntest = {{ split = \"all\", rest = true }}\n",
        at("pool.csv"),
        at("classes.json")
    );
    let config = ExperimentConfig::from_toml(&text).unwrap();
    assert_eq!(ExperimentConfig::from_toml(&config.to_toml().unwrap()).unwrap(), config);
    let task = &tasks(&config)[0];
    assert_eq!(task.schema.names(), ["spam", "ham"]);
    assert_eq!(task.setting.dataset, "inbox");
    assert!(task.items.id(0).as_str().starts_with('T'));

    let prepare = |text: &str| {
        let config = ExperimentConfig::from_toml(text)?;
        prepare(&config, &Hub::new("unused").with_offline(true), &mut WordCounts)
    };
    let refused = |text: &str| prepare(text).unwrap_err().report();
    assert!(refused(&text.replace("kind", "sort")).contains("no column `sort`: the columns are"));
    assert!(refused(&text.replace("text =", "texts =")).contains("did you mean `text`?"));
    assert!(refused(&text.replace("id =", "image = \"x\"\nid =")).contains("`text` is message"));
    fs::write(at("pool.csv"), table.replace("number 7,ham", "number 7,")).unwrap();
    let message = refused(&text);
    assert!(message.contains("pool.csv: item `T7` has no label"), "{message}");
}

/// A text as the sum of its words' vectors, each drawn by the word: unlike counts, without ties between distances.
struct WordVectors;

impl Embedder for WordVectors {
    fn embed(&mut self, texts: &[&str]) -> Result<Matrix, Box<dyn StdError + Send + Sync>> {
        let row = |text: &&str| {
            let mut sum = [0.01f32; 16];
            for word in text.split_whitespace() {
                let mut rng = SeedTree::new(0).child(word).rng();
                sum.iter_mut().for_each(|value| *value += rng.random_range(-1.0..1.0f32));
            }
            sum
        };
        Ok(Matrix::from_rows(&texts.iter().map(row).collect::<Vec<_>>())?)
    }
}

/// What differs is the name of the device.
#[test]
fn every_device_that_is_there_leaves_the_records_of_the_processor() {
    let strategies = r#"["prioral", "prioral-guarded", "coreset", "badge"]"#;
    let text = CONFIG.replace(r#"["random", "badge", "prioral"]"#, strategies);
    let config = ExperimentConfig::from_toml(&text).unwrap();
    let hub = Hub::new("unused").with_offline(true);
    let tasks = prepare(&config, &hub, &mut WordVectors).unwrap();
    let records = |device: Arc<dyn Device>| {
        let folder = tempfile::tempdir().unwrap();
        let runs = run_on(Arc::clone(&device), &config, &tasks, folder.path(), usize::MAX).unwrap();
        let mut records: Vec<RunRecord> = runs.into_iter().map(|run| run.record).collect();
        for record in &mut records {
            assert_eq!(record.versions.remove("device").as_deref(), Some(device.name()));
        }
        records
    };
    let expected = records(Arc::new(Cpu));
    for name in ["wgpu", "cuda"] {
        let Some(device) = available(name, open_device(name)) else { continue };
        assert!(records(Arc::from(device)) == expected, "{name} chooses otherwise");
    }
}

#[test]
fn strategies_of_a_seed_start_at_the_same_point_and_use_their_budget() {
    let config = ExperimentConfig::from_toml(CONFIG).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let runs = run(&config, &tasks(&config), folder.path(), usize::MAX).unwrap();
    assert_eq!(runs.len(), 6);
    let of_seed = |seed| runs.iter().filter(move |run| run.record.seed == seed);
    for seed in [0, 1] {
        let first: Vec<_> = of_seed(seed).map(|run| &run.record.rounds[0]).collect();
        assert!(first.windows(2).all(|pair| pair[0].test == pair[1].test));
    }
    for run in &runs {
        let labels: Vec<usize> = run.record.rounds.iter().map(|round| round.labels).collect();
        assert_eq!(labels, [24, 36, 48]);
        assert_eq!(run.record.data.wrong_answers, 60, "exactly a fifth of 300");
        for round in &run.record.rounds {
            assert_eq!(round.answered.iter().sum::<usize>(), round.labels);
            let free = round.free.total();
            let expected = run.record.strategy == "prioral" && round.round > 1;
            assert_eq!(free > 0, expected, "{} round {}", run.record.strategy, round.round);
        }
    }
}

/// The votes are right for every item; rotated, they are wrong for every one, unless their names are found out.
#[test]
fn the_guard_keeps_a_record_of_its_trust_and_gives_up_a_wrong_prior() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("right.csv");
    let data = Dataset::load("support-inbox", &Hub::new("unused").with_offline(true)).unwrap();
    let labels = data.split("pool").unwrap().all_labels().unwrap();
    let classes = data.schema().len();
    let write = |shift: usize| {
        let rows: Vec<String> =
            labels.iter().map(|class| ((class.index() + shift) % classes).to_string()).collect();
        fs::write(&path, format!("label\n{}\n", rows.join("\n"))).unwrap();
    };
    let text = CONFIG.replace(
        "strategies = [\"random\", \"badge\", \"prioral\"]",
        &format!(
            "strategies = [{{ name = \"prioral-guarded\", guard = {{ rename = RENAME }} }}]
            prior = {{ kind = \"hard-labels\", file = \"{}\" }}",
            path.display()
        ),
    );
    let text = text.replace("noise", "#");
    let trust = |shift: usize, rename: bool| {
        write(shift);
        let text = text.replace("RENAME", &rename.to_string());
        let config = ExperimentConfig::from_toml(&text).unwrap();
        let runs = tempfile::tempdir().unwrap();
        let runs = run(&config, &tasks(&config), runs.path(), usize::MAX).unwrap();
        let rounds = runs.into_iter().flat_map(|run| run.record.rounds).collect::<Vec<_>>();
        assert!(rounds.iter().all(|round| round.trust.is_some() == (round.round > 1)));
        rounds.into_iter().filter(|round| round.round > 1).collect::<Vec<_>>()
    };
    for round in trust(0, true) {
        let trust = round.trust.unwrap();
        assert!(trust.prior_exponent >= 0.75 && trust.gain > 0.3, "{trust:?}");
        assert!(round.free.total() > 100 && round.free.error().unwrap() < 0.2);
        assert!(trust.stated.labels > 5, "the first batch is random: {trust:?}");
    }
    for round in trust(1, false) {
        assert_eq!(round.free.total(), 0, "{:?}", round.trust);
    }
    for round in trust(1, true) {
        let trust = round.trust.unwrap();
        assert!(trust.renamed.is_some() && round.free.error().unwrap() < 0.2, "{trust:?}");
    }
}

#[test]
fn every_round_is_advised_and_accuracy_is_stated_where_models_are_held_out() {
    let text = CONFIG
        .replace(r#"["random", "badge", "prioral"]"#, r#"["margin", "prioral-guarded"]"#)
        .replace("count = 2", "count = 1");
    let config = ExperimentConfig::from_toml(&text).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let runs = run(&config, &tasks(&config), folder.path(), usize::MAX).unwrap();
    for run in &runs {
        let guarded = run.record.strategy == "prioral-guarded";
        for round in &run.record.rounds {
            let advice = round.advice.as_ref().unwrap();
            assert_eq!(advice.agreement.is_some(), round.round > 1);
            assert_eq!(advice.accuracy.is_some(), guarded);
            // Labels are 20 % wrong at most: to have seen them does not harm where they are few.
            let truth = round.labels_only.map(|truth| truth.seen >= truth.unseen);
            assert_eq!(truth, guarded.then_some(true));
        }
        // The first batch is random, and of the 24 labels of the later ones a tenth at most.
        let asked = |round: usize| Some(run.record.rounds[round].advice.as_ref()?.accuracy?.labels);
        assert_eq!(asked(0), guarded.then_some(24));
        assert!(asked(2).is_none_or(|labels| (24..=26).contains(&labels)));
    }
}

/// The learners give neither a running average nor a language model's surprisal.
#[test]
fn every_strategy_spends_its_budget_in_a_whole_loop() {
    let unmet = [Input::Averaged, Input::Surprisal];
    let names: Vec<&str> = registry()
        .map(|entry| entry.summary())
        .filter(|strategy| !strategy.wrapper)
        .filter(|strategy| !strategy.needs.iter().any(|input| unmet.contains(&input)))
        .map(|strategy| strategy.name)
        .collect();
    assert!(names.len() >= 25, "{names:?}");
    let strategies = CONFIG.replace(
        r#"["random", "badge", "prioral"]"#,
        &format!(r#"{names:?}, dropout = {{ passes = 3, rate = 0.5 }}"#).replace("], ", "]\n"),
    );
    let text = strategies
        .replace("count = 2", "count = 1")
        .replace("rounds = 3", "rounds = 2")
        .replace("limit = 300", "limit = 120")
        .replace("limit = 200", "limit = 60");
    let config = ExperimentConfig::from_toml(&text).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let runs = run(&config, &tasks(&config), folder.path(), usize::MAX).unwrap();
    assert_eq!(runs.len(), names.len());
    for run in &runs {
        let labels: Vec<usize> = run.record.rounds.iter().map(|round| round.labels).collect();
        assert_eq!(labels, [24, 36], "{}", run.record.strategy);
    }
}

#[test]
fn more_rounds_than_there_are_items_end_with_the_pool() {
    let text = CONFIG
        .replace("rounds = 3", "rounds = 9000000000000000000")
        .replace("limit = 300", "limit = 40")
        .replace("\"random\", \"badge\", \"prioral\"", "\"random\"");
    let config = ExperimentConfig::from_toml(&text).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for run in run(&config, &tasks(&config), folder.path(), usize::MAX).unwrap() {
        let labels: Vec<usize> = run.record.rounds.iter().map(|round| round.labels).collect();
        assert_eq!(labels, [24, 36, 40]);
    }
}

#[test]
fn merged_classes_keep_the_prior_a_distribution() {
    let text = CONFIG.replace(
        "noise = { kind = \"uniform\", rate = 0.2 }",
        "imbalance = [{ kind = \"merge\", classes = 3 }, { kind = \"natural\" }]",
    );
    let config = ExperimentConfig::from_toml(&text).unwrap();
    let tasks = tasks(&config);
    assert_eq!(tasks.iter().map(|task| task.schema.len()).collect::<Vec<_>>(), [3, 12]);
    for row in tasks[0].prior.view().iter() {
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
    }
}

/// One rule that knows the class of every other item and abstains on the rest, one that says 0 of everything.
fn votes_of_the_pool(path: &Path) {
    let data = Dataset::load("support-inbox", &Hub::new("unused").with_offline(true)).unwrap();
    let labels = data.split("pool").unwrap().all_labels().unwrap();
    let vote = |(row, label): (usize, &alfm_core::ClassId)| {
        [if row % 2 == 0 { u8::try_from(label.index()).unwrap() } else { u8::MAX }, 0]
    };
    let votes: Vec<u8> = labels.iter().enumerate().flat_map(vote).collect();
    write_npy(path, "|i1", labels.len(), &votes);
}

/// An array of two columns.
fn write_npy(path: &Path, kind: &str, rows: usize, bytes: &[u8]) {
    let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({rows}, 2), }}");
    let mut file = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    file.extend(format!("{header:<117}\n").bytes());
    file.extend(bytes);
    fs::write(path, file).unwrap();
}

#[test]
fn a_file_that_is_no_prior_of_the_data_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prior.npy");
    let error = |kind: &str| {
        let prior = format!("prior = {{ kind = \"{kind}\", file = \"{}\" }}\n", path.display());
        let config = ExperimentConfig::from_toml(&format!("{prior}{CONFIG}")).unwrap();
        let hub = Hub::new("unused").with_offline(true);
        prepare(&config, &hub, &mut WordCounts).unwrap_err().to_string()
    };
    let name = path.display().to_string();
    let short =
        format!("{name}: it has 3 rows, but the split that the pool is taken from has 1626 items");
    let votes = |rows: usize, vote: u8| write_npy(&path, "|i1", rows, &vec![vote; 2 * rows]);
    let halves = |rows: usize| {
        write_npy(&path, "<f4", rows, &0.5f32.to_le_bytes().repeat(2 * rows));
    };
    votes(3, 0);
    let told = error("weak-labels");
    assert!(told.starts_with(&short), "{told}");
    halves(3);
    let told = error("file");
    assert!(told.starts_with(&short), "{told}");
    votes(1626, 99);
    let told = error("weak-labels");
    assert!(told.starts_with(&format!("{name}: ")) && told.contains("99"), "{told}");
    halves(1626);
    let told = error("file");
    assert!(
        told.starts_with(&format!("{name}: `prior` has 2 columns, but there are 12")),
        "{told}"
    );
}

/// The labels of the kept items are row for row those that the rule was given; an ensemble is the mean of its
/// members; the label shift moves towards the class that the second rule is so sure of.
#[test]
fn priors_of_weak_labels_and_of_priors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("votes.npy");
    votes_of_the_pool(&path);
    let rules = format!("kind = \"weak-labels\", file = \"{}\"", path.display());
    let text = CONFIG.replace(
        "strategies",
        &format!(
            "prior = [
                {{ {rules} }},
                {{ kind = \"uniform\" }},
                {{ kind = \"ensemble\", of = [{{ {rules} }}, {{ kind = \"uniform\" }}], weights = [3, 1] }},
                {{ kind = \"label-shift\", of = {{ {rules} }} }},
                {{ {rules}, model = \"generative\" }},
            ]
            strategies"
        ),
    );
    let config = ExperimentConfig::from_toml(&text).unwrap();
    assert_eq!(ExperimentConfig::from_toml(&config.to_toml().unwrap()).unwrap(), config);
    let tasks = tasks(&config);
    let [rules, uniform, ensemble, shifted, generative] = &tasks[..] else { panic!("five priors") };

    let known = rules.prior.view().iter().zip(&rules.clean).filter(|(row, class)| {
        // Two votes of three, the third of which is spread: 1 + 1/12 for a class of one's own.
        let own = if class.index() == 0 { 25.0 } else { 13.0 } / 36.0;
        (row[class.index()] - own).abs() < 1e-6
    });
    let known = known.count();
    assert!((100..=200).contains(&known), "{known} of 300: one item in two");
    let values = |task: &Task| task.prior.view().values().to_vec();
    for ((mixed, one), other) in values(ensemble).iter().zip(values(rules)).zip(values(uniform)) {
        assert!((mixed - (0.75 * one + 0.25 * other)).abs() < 1e-6);
    }
    let first = |task: &Task| task.prior.view().iter().map(|row| row[0]).sum::<f32>();
    assert!(first(shifted) > first(rules) + 1.0, "{} {}", first(shifted), first(rules));
    assert_ne!(values(generative), values(rules));
    let label = &ensemble.setting.prior;
    assert!(
        label.starts_with("ensemble(3 weak-labels(") && label.ends_with("1 uniform)"),
        "{label}"
    );
}

/// An image as its mean colour.
struct Colours;

impl Embedder for Colours {
    fn embed(&mut self, _texts: &[&str]) -> Result<Matrix, Box<dyn StdError + Send + Sync>> {
        panic!("no prior needs prompts")
    }

    fn embed_images(
        &mut self,
        images: &[Image],
    ) -> Result<Matrix, Box<dyn StdError + Send + Sync>> {
        let mean = |image: &Image| {
            let decoded = image.decode()?;
            let mut sums = [0.0f32; 3];
            for pixel in decoded.pixels() {
                sums.iter_mut().zip(pixel.0).for_each(|(sum, value)| *sum += f32::from(value));
            }
            Ok(sums.map(|sum| sum / (255 * decoded.width() * decoded.height()) as f32))
        };
        let rows: Vec<[f32; 3]> =
            images.iter().map(mean).collect::<Result<_, alfm_data::Error>>()?;
        Ok(Matrix::from_rows(&rows)?)
    }
}

/// Thirty reddish and thirty bluish images, each a little different, in a folder a class.
fn coloured_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (class, red, blue) in [("blue", 0, 200), ("red", 200, 0)] {
        fs::create_dir(folder.path().join(class)).unwrap();
        for item in 0..30u8 {
            let image = RgbImage::from_pixel(4, 4, [red + item, 3 * item, blue + item].into());
            image.save(folder.path().join(class).join(format!("{item:02}.png"))).unwrap();
        }
    }
    folder
}

fn image_config(folder: &Path) -> ExperimentConfig {
    let text = format!(
        r#"
        seeds = {{ from = 0, count = 1 }}
        initial = 8
        batch = 4
        rounds = 2
        strategies = ["margin", "prioral-guarded"]
        prior = {{ kind = "uniform" }}
        [[dataset]]
        name = {:?}
        pool = {{ split = "all", limit = 40 }}
        test = {{ split = "all", rest = true }}
        "#,
        folder.display().to_string()
    );
    ExperimentConfig::from_toml(&text).unwrap()
}

#[test]
fn images_are_embedded_and_learned_without_any_prompt() {
    let data = coloured_folder();
    let config = image_config(data.path());
    let hub = Hub::new("unused").with_offline(true);
    let tasks = prepare(&config, &hub, &mut Colours).unwrap();
    assert_eq!(tasks[0].facts.classes, ["blue", "red"]);
    assert_eq!((tasks[0].pool.rows(), tasks[0].test.rows()), (40, 20));
    let out = tempfile::tempdir().unwrap();
    for run in run(&config, &tasks, out.path(), usize::MAX).unwrap() {
        assert_eq!(run.record.rounds[1].test.accuracy, 1.0, "{}", run.record.strategy);
    }
}

#[test]
fn an_encoder_of_texts_refuses_images() {
    let data = coloured_folder();
    let config = image_config(data.path());
    let hub = Hub::new("unused").with_offline(true);
    let error = prepare(&config, &hub, &mut WordCounts).unwrap_err();
    let source = error.source().unwrap().to_string();
    assert!(source.contains("the encoder knows texts only"), "{source}");
}

/// An encoder that training takes to the classes themselves.
#[derive(Debug)]
struct Oracular {
    pool: Matrix,
    test: Matrix,
}

impl Tuner for Oracular {
    fn fit(
        &self,
        config: &FineTuneConfig,
        examples: &TuningExamples<'_>,
        seed: &SeedTree,
    ) -> Result<Tuned, Box<dyn StdError + Send + Sync>> {
        assert_eq!(config.epochs, 7);
        assert_eq!(examples.labels.len(), examples.rows.len());
        let embeddings = self.pool.view().gather(examples.rows.iter().copied());
        let TuningExamples { labels, weights, classes, .. } = *examples;
        let examples = Examples::new(embeddings.view(), labels, weights, classes);
        let model = LearnerConfig::default().build()?.fit(&examples, seed)?;
        Ok(Tuned::new(model, self.pool.clone()).with_others(self.test.clone()))
    }
}

/// Embeddings that say nothing, and a tuner that makes up for it.
struct Blank;

impl Embedder for Blank {
    fn embed(&mut self, texts: &[&str]) -> Result<Matrix, Box<dyn StdError + Send + Sync>> {
        Ok(Matrix::from_rows(&vec![[1.0, 0.5]; texts.len()])?)
    }

    fn tuner(
        &mut self,
        pool: &Split,
        test: &Split,
    ) -> Result<Arc<dyn Tuner>, Box<dyn StdError + Send + Sync>> {
        let one_hot = |split: &Split| {
            let row = |class: &ClassId| {
                let mut row = [0.0f32; 32];
                row[class.index()] = 3.0;
                row
            };
            Matrix::from_rows(&split.all_labels().unwrap().iter().map(row).collect::<Vec<_>>())
        };
        Ok(Arc::new(Oracular { pool: one_hot(pool)?, test: one_hot(test)? }))
    }
}

#[test]
fn an_encoder_is_trained_each_round_and_strategies_see_its_features() {
    let text = CONFIG.replace("\"badge\", \"prioral\"", "\"badge\", \"coreset\"");
    let text = text.replace("uniform\", rate = 0.2", "none\"") + "[[learner]]\nkind = \"linear\"\n";
    let text = text + "[[learner]]\nkind = \"fine-tune\"\nepochs = 7\n[prior]\nkind = \"uniform\"";
    let config = ExperimentConfig::from_toml(&text).unwrap();
    let tasks = prepare(&config, &Hub::new("unused").with_offline(true), &mut Blank).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let runs = run(&config, &tasks, folder.path(), usize::MAX).unwrap();
    for run in &runs {
        let (setting, last) = (&run.record.setting, run.record.rounds.last().unwrap());
        let seen = last.labelled.iter().filter(|count| **count > 0).count();
        if setting.learner == "linear" {
            assert!(last.test.balanced_accuracy < 0.2, "{setting:?}");
        } else {
            // One-hot features are learned as soon as a class has a label.
            let expected = seen as f64 / last.labelled.len() as f64;
            assert!((last.test.balanced_accuracy - expected).abs() < 1e-9, "{setting:?}");
        }
        // By the features of the last round, the farthest items are those of new classes.
        if setting.learner == "fine-tune" && run.record.strategy == "coreset" {
            assert_eq!(seen, last.labelled.len());
        }
    }
}

#[test]
fn without_an_encoder_there_is_none_to_train() {
    let text = format!("{CONFIG}\n[learner]\nkind = \"fine-tune\"");
    let config = ExperimentConfig::from_toml(&text).unwrap();
    let hub = Hub::new("unused").with_offline(true);
    let error = prepare(&config, &hub, &mut WordCounts).unwrap_err();
    let source = StdError::source(&error).unwrap().to_string();
    assert!(source.contains("needs an encoder that can be trained"), "{source}");
    let bad = text.replace("fine-tune\"", "fine-tune\"\nwarmup = 2.0");
    let error = ExperimentConfig::from_toml(&bad).unwrap_err().to_string();
    assert!(error.starts_with("`warmup` is 2: "), "{error}");
}
