//! The command line.

use std::path::{Path, PathBuf};

use alfm_data::arrays::ArraySpec;
use alfm_lab::experiment::DEFAULT_ENCODER;
use clap::{ArgGroup, Args as ClapArgs, Parser, Subcommand};

use crate::features;
use crate::pool::{ColumnArgs, PoolArgs};

/// Label a large, imbalanced, noisy pool with few annotations.
#[derive(Debug, Parser)]
#[command(name = "alfm", version, about, propagate_version = true, after_help = features::note())]
pub(crate) struct Args {
    #[command(subcommand)]
    pub command: Command,

    /// Print the result, and nothing else, to stdout as JSON.
    #[arg(long, global = true)]
    pub json: bool,

    /// Never touch the network.
    #[arg(long, global = true)]
    pub offline: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The main job on the bundled data, nothing downloaded.
    #[command(after_help = "Example:\n  alfm demo --out demo")]
    Demo(DemoArgs),
    /// Known data sets.
    #[command(after_help = "Examples:\n  alfm data show support-inbox\n  \
                            alfm data show pool.csv --text message --id ticket --classes classes.json")]
    Data {
        #[command(subcommand)]
        command: DataCommand,
    },
    /// Embeddings of texts or images, cached and resumable.
    #[command(after_help = "Examples:\n  \
                            alfm embed --texts pool.csv --text message --id ticket --out pool.safetensors\n  \
                            alfm embed --dataset trec --out trec.safetensors\n  \
                            alfm embed --images photos --model openai/clip-vit-base-patch32 \
                            --out photos.safetensors\n  \
                            alfm embed --surprisal --model distilbert/distilroberta-base --dataset trec \
                            --out surprisal.safetensors")]
    Embed(EmbedArgs),
    /// Class probabilities: zero-shot from class prompts, from the votes of rules, or from a language model.
    #[command(after_help = "Examples:\n  alfm prior --embeddings trec.safetensors:train \
                            --classes classes.json --out prior.safetensors\n  \
                            alfm prior --weak-labels votes.npy --classes classes.json --out prior.safetensors\n  \
                            alfm prior --llm http://localhost:8000/v1 --llm-model qwen2.5-7b-instruct \
                            --texts pool.csv --text message --id ticket --classes classes.json \
                            --out prior.safetensors")]
    Prior(Box<PriorArgs>),
    /// One batch from files.
    #[command(after_help = "Examples:\n  alfm select --strategy prioral --budget 100 \
                            --model-probs model.npy --prior prior.npy --labels labels.npy\n  \
                            alfm select --budget 50 --prior prior.safetensors:prior --texts pool.csv \
                            --text message --id ticket --classes classes.json --out todo.csv")]
    Select(Box<SelectArgs>),
    /// A simulation: data sets x imbalance x noise x priors x strategies x seeds.
    #[command(after_help = "Example:\n  alfm run examples/configs/trec.toml --out trec --resume")]
    Run(RunArgs),
    /// Shell completions.
    #[command(after_help = "Example:\n  alfm completions bash > alfm.bash")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DemoArgs {
    /// The folder for the results.
    #[arg(long, default_value = "alfm-demo-out")]
    pub out: PathBuf,
    /// Number of seeds.
    #[arg(long, default_value_t = 5)]
    pub seeds: u64,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Lists the known data sets.
    List,
    /// Downloads what is missing and checks it.
    Get {
        /// The data set.
        name: String,
    },
    /// Class counts and some rows of every split.
    #[command(after_help = "Examples:\n  alfm data show support-inbox\n  \
                            alfm data show pool.csv --text message --id ticket --classes classes.json")]
    Show(Box<ShowArgs>),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ShowArgs {
    /// The data set, a file, or a folder of images.
    pub name: String,
    /// Rows to show of each split.
    #[arg(long, default_value_t = 3)]
    pub rows: usize,
    /// The classes of a file or folder, a JSON list, where labels do not say them all.
    #[arg(long, value_name = "FILE")]
    pub classes: Option<PathBuf>,
    #[command(flatten)]
    pub columns: ColumnArgs,
}

#[derive(Debug, ClapArgs)]
#[cfg_attr(not(feature = "models"), allow(dead_code, reason = "a full build reads them"))]
#[command(group = ArgGroup::new("items").required(true).args(["dataset", "texts", "images"]))]
pub(crate) struct EmbedArgs {
    /// A known data set, of texts or images, or a labelled file with columns; every split becomes a key. Those of
    /// --texts and --images are `texts` and `images`. The ids of KEY are the array `KEY.ids`, a JSON list of texts.
    #[arg(long)]
    pub dataset: Option<String>,
    /// The edge of the square images that the encoder is given, if not the published one.
    #[arg(long, value_name = "PIXELS")]
    pub image_size: Option<usize>,
    /// Where images and texts are encoded: cpu, wgpu or cuda. Surprisal is computed on the processor.
    #[arg(long, default_value = "cpu")]
    pub device: String,
    /// The encoder: its repository on the hub, or a folder that a model was saved to.
    #[arg(long, default_value = DEFAULT_ENCODER)]
    pub model: String,
    /// Writes, in place of embeddings, the surprisal that the strategy alps selects by: a masked language
    /// model's cross-entropy in nats at every token of the unmasked text, texts x 128, 0 at special tokens
    /// and behind the end. --model names an encoder that was trained as a masked language model and has
    /// its head. Nothing is cached.
    #[arg(long)]
    pub surprisal: bool,
    /// The safetensors file to write.
    #[arg(long)]
    pub out: PathBuf,
    /// Half precision: half the size, good to three digits.
    #[arg(long)]
    pub f16: bool,
    /// Where finished parts are kept.
    #[arg(long, env = "ALFM_CACHE", default_value = ".alfm-cache")]
    pub cache: PathBuf,
    #[command(flatten)]
    pub pool: PoolArgs,
}

#[derive(Debug, ClapArgs)]
#[cfg_attr(not(feature = "models"), allow(dead_code, reason = "a full build reads them"))]
#[command(group = ArgGroup::new("source").required(true).args(["embeddings", "weak_labels", "llm", "answers"]))]
pub(crate) struct PriorArgs {
    /// Zero-shot: embeddings of the items.
    #[arg(long)]
    pub embeddings: Option<ArraySpec>,
    /// Weak labels: the votes of rules, items x rules, class numbers from 0, -1 where a rule abstains.
    #[arg(long)]
    pub weak_labels: Option<ArraySpec>,
    /// A language model: the base URL of an endpoint, to which /chat/completions is appended, or the path of another
    /// --llm-api.
    #[arg(long, value_name = "URL", requires = "llm_model")]
    pub llm: Option<String>,
    /// Answers that another program or people gave, for the items of --ids or --texts: JSON lines of `id`, `label` (a name, or a
    /// number from 0) and, if there is one, `confidence` from 0 to 1 or `probabilities`. Several lines for an item are
    /// votes.
    #[arg(long, value_name = "FILE")]
    pub answers: Option<PathBuf>,
    /// Class names, descriptions and prompts: a JSON list.
    #[arg(long)]
    pub classes: PathBuf,
    /// Zero-shot: what the cosine is multiplied with before the softmax. By default CLIP and SigLIP make the
    /// probabilities as they were trained to, with their own scale and bias; for other encoders it is 20.
    #[arg(long)]
    pub temperature: Option<f64>,
    /// Zero-shot: the encoder's repository; the one that made the embeddings.
    #[arg(long, default_value = DEFAULT_ENCODER)]
    pub model: String,
    /// Weak labels: weighs rules by how well they agree, where the default counts each alike.
    #[arg(long, requires = "weak_labels")]
    pub generative: bool,
    /// The safetensors file to write, key `prior`.
    #[arg(long)]
    pub out: PathBuf,
    /// Half precision.
    #[arg(long)]
    pub f16: bool,
    /// Where embeddings of prompts and answers of language models are kept.
    #[arg(long, env = "ALFM_CACHE", default_value = ".alfm-cache")]
    pub cache: PathBuf,
    #[command(flatten)]
    pub pool: PoolArgs,
    #[command(flatten)]
    pub language_model: LlmArgs,
}

#[derive(Debug, ClapArgs)]
#[cfg_attr(not(feature = "llm"), allow(dead_code, reason = "a full build reads them"))]
#[command(next_help_heading = "A language model")]
pub(crate) struct LlmArgs {
    /// The model's name at the endpoint.
    #[arg(long, requires = "llm", value_name = "NAME")]
    pub llm_model: Option<String>,
    /// How the endpoint is asked: chat (OpenAI's, which nearly all speak), completions (a model without turns) or
    /// messages (Anthropic's).
    #[arg(long, requires = "llm", value_name = "FORM", default_value = "chat")]
    #[arg(value_parser = ["chat", "completions", "messages"])]
    pub llm_api: String,
    /// The environment variable that holds the endpoint's key, in capitals; never the key itself.
    #[arg(long, requires = "llm", value_name = "VARIABLE")]
    pub key_variable: Option<String>,
    /// The items, in place of --texts: a known data set, or a labelled file of texts with columns.
    #[arg(long, requires_all = ["llm", "split"], conflicts_with_all = ["texts", "images"])]
    pub dataset: Option<String>,
    /// The split of the data set.
    #[arg(long, requires = "dataset")]
    pub split: Option<String>,
    /// A prompt of one's own: a file with {classes} and {text} in it.
    #[arg(long, requires = "llm")]
    pub template: Option<PathBuf>,
    /// Most requests of this run; what is answered is kept, and the next run goes on.
    #[arg(long, requires = "llm")]
    pub max_requests: Option<u64>,
    /// Most tokens of this run, prompts among them.
    #[arg(long, requires = "llm")]
    pub max_tokens: Option<u64>,
    /// Most tokens of an answer; a model that thinks before it answers needs some thousands.
    #[arg(long, requires = "llm", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..))]
    pub answer_tokens: u32,
    /// Log-probabilities asked for at each token of an answer; 0 has every item voted on. An endpoint that refuses so
    /// many is asked for fewer.
    #[arg(long, requires = "llm", default_value_t = 20)]
    pub logprobs: u8,
    /// Requests a minute, evenly spaced.
    #[arg(long, requires = "llm", value_parser = clap::value_parser!(u32).range(1..))]
    pub requests_per_minute: Option<u32>,
    /// Requests at a time.
    #[arg(long, requires = "llm", default_value_t = 4)]
    pub concurrency: usize,
    /// Asks so often where the endpoint gives no token log-probabilities.
    #[arg(long, requires = "llm", default_value_t = 5)]
    pub votes: usize,
    /// The ids of the items that --answers are about, one a line: the rows of the prior.
    #[arg(long, value_name = "FILE", requires = "answers", conflicts_with_all = ["texts", "images"])]
    pub ids: Option<PathBuf>,
    /// The share of items, from 0 to 1, that may be without an answer: their rows are uniform. Otherwise no prior is
    /// written.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    pub allow_missing: f64,
}

impl LlmArgs {
    /// Whether so many items may be without an answer.
    pub(crate) fn lets_pass(&self, missing: usize, items: usize) -> bool {
        // A share is rarely a whole number of items to the last bit.
        missing as f64 <= self.allow_missing * items as f64 + 1e-9
    }
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("it must be a number from 0 to 1".into()),
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct SelectArgs {
    /// Prints the strategies with what each needs.
    #[arg(long)]
    pub list: bool,
    /// The strategy.
    #[arg(long, default_value = alfm_select::PRIORAL)]
    pub strategy: String,
    /// How many items to ask.
    #[arg(long, required_unless_present = "list")]
    pub budget: Option<usize>,
    /// Share of the unlabelled items that becomes the noise set (prioral and prioral-guarded).
    #[arg(long)]
    pub rho: Option<f64>,
    /// An option of the strategy, once for each: --option beta=2, --option inner=badge. docs/strategies.md lists them.
    #[arg(long, value_name = "NAME=VALUE")]
    pub option: Vec<String>,
    /// The seed.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Where the kernels of prioral, prioral-guarded, coreset, ff-active and badge run: cpu, wgpu or cuda. Other
    /// strategies run on the processor.
    #[arg(long, default_value = "cpu")]
    pub device: String,
    /// The small model's class probabilities, N x K.
    #[arg(long)]
    pub model_probs: Option<ArraySpec>,
    /// The foundation model's class probabilities, N x K.
    #[arg(long)]
    pub prior: Option<ArraySpec>,
    /// Embeddings, N x D.
    #[arg(long)]
    pub embeddings: Option<ArraySpec>,
    /// Labels so far, length N, -1 = unlabelled; or those of a table: --label, with --classes.
    #[arg(long, conflicts_with = "label")]
    pub labels: Option<ArraySpec>,
    /// Weights of the model's last layer, K x D (base, mase, dfal, alfamix).
    #[arg(long, requires = "head_bias")]
    pub head: Option<ArraySpec>,
    /// Its biases, 1 x K or K x 1.
    #[arg(long, requires = "head")]
    pub head_bias: Option<ArraySpec>,
    /// Class probabilities of a stochastic pass, N x K; once for each pass (bald, power-bald, dropquery).
    #[arg(long)]
    pub pass: Vec<ArraySpec>,
    /// Class probabilities of the model's running average, N x K (lhd).
    #[arg(long, requires_all = ["averaged_hidden", "hidden"])]
    pub averaged_probs: Option<ArraySpec>,
    /// Hidden features of the running average, N x H (lhd).
    #[arg(long, requires = "averaged_probs")]
    pub averaged_hidden: Option<ArraySpec>,
    /// Hidden features of the model itself, N x H (lhd).
    #[arg(long, requires = "averaged_probs")]
    pub hidden: Option<ArraySpec>,
    /// A language model's cross-entropy at every token, N x T, 0 where there is none (alps); `alfm embed
    /// --surprisal` makes it.
    #[arg(long)]
    pub surprisal: Option<ArraySpec>,
    /// Predictions of the model on the labelled items, by row, n x K, each without having seen the item's label:
    /// cross-validation (prioral-guarded).
    #[arg(long)]
    pub out_of_fold: Option<ArraySpec>,
    /// Class probabilities, N x K, of the model trained on the labels alone; default --model-probs, which then
    /// must not have learned from free labels (prioral-guarded).
    #[arg(long, requires = "out_of_fold")]
    pub labels_only_probs: Option<ArraySpec>,
    /// The ids, one a line, that were asked at random: the error of free labels is stated from their labels
    /// (prioral-guarded).
    #[arg(long, requires = "out_of_fold")]
    pub random_ids: Option<PathBuf>,
    /// Strategies that ask within the batch (galaxy, direct, balancing) return their first questions only, so
    /// many as annotators work in parallel; tell their answers with --labels, then ask for the rest.
    #[arg(long, conflicts_with = "oracle", value_parser = clap::value_parser!(u64).range(1..))]
    pub parallel_annotators: Option<u64>,
    /// In a simulation: the labels of all items. Each is read only when its item is asked.
    #[arg(long)]
    pub oracle: Option<ArraySpec>,
    /// One id a line. By default those of --texts, or those that lie beside an array, or else row numbers; where
    /// several are known, they must agree.
    #[arg(long)]
    pub ids: Option<PathBuf>,
    /// Both probabilities are logits.
    #[arg(long)]
    pub logits: bool,
    /// Where to write the queries, as JSON lines or, if the name ends in .csv, as a table; default is stdout.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Where to write the free labels with their weights and, where they are soft, their probabilities.
    #[arg(long)]
    pub clean_out: Option<PathBuf>,
    /// Where to write what each label so far should weigh in training (prioral-guarded; 1 for all others).
    #[arg(long)]
    pub weights_out: Option<PathBuf>,
    /// Names of the classes, a JSON list: they stand beside the numbers in what is written.
    #[arg(long)]
    pub classes: Option<PathBuf>,
    #[command(flatten)]
    pub pool: PoolArgs,
}

impl SelectArgs {
    /// The array that says how many items there are, as its reader chooses it.
    pub(crate) fn pool_array(&self) -> Option<&Path> {
        let arrays =
            [&self.prior, &self.model_probs].into_iter().flatten().chain(self.pass.first());
        let others = [&self.embeddings, &self.labels].into_iter().flatten();
        arrays.chain(others).next().map(ArraySpec::path)
    }

    /// The files that are read.
    pub(crate) fn inputs(&self) -> impl Iterator<Item = &Path> {
        let arrays = [
            &self.model_probs,
            &self.prior,
            &self.embeddings,
            &self.labels,
            &self.head,
            &self.head_bias,
            &self.averaged_probs,
            &self.averaged_hidden,
            &self.hidden,
            &self.surprisal,
            &self.out_of_fold,
            &self.labels_only_probs,
            &self.oracle,
        ];
        let arrays = arrays.into_iter().flatten().chain(&self.pass).map(ArraySpec::path);
        let lists = [&self.random_ids, &self.ids, &self.classes]
            .into_iter()
            .flatten()
            .map(PathBuf::as_path);
        arrays.chain(lists).chain(self.pool.inputs())
    }
}

#[derive(Debug, ClapArgs)]
#[cfg_attr(not(feature = "models"), allow(dead_code, reason = "a full build reads them"))]
pub(crate) struct RunArgs {
    /// The experiment.
    pub config: PathBuf,
    /// The folder for the results.
    #[arg(long, default_value = "alfm-run-out")]
    pub out: PathBuf,
    /// Runs at a time; default is one for each core.
    #[arg(long)]
    pub jobs: Option<usize>,
    /// Goes on where a stopped run left off.
    #[arg(long)]
    pub resume: bool,
    /// Where the encoder and the kernels of prioral, prioral-guarded, coreset, ff-active and badge run: cpu, wgpu or
    /// cuda. Other strategies and the small model run on the processor.
    #[arg(long, default_value = "cpu")]
    pub device: String,
    /// Where embeddings are kept.
    #[arg(long, env = "ALFM_CACHE", default_value = ".alfm-cache")]
    pub cache: PathBuf,
}
