use std::fs;

use alfm_core::{Error, ErrorKind};
use alfm_data::ClassEntry;
use alfm_prior::llm::{
    AnswerCache, Budget, ClassText, DEFAULT_TEMPLATE, Endpoint, LlmAnswers, LlmPrior, LlmReport,
    Question, Watch,
};

use super::{Context, read_text};
use crate::args::{LlmArgs, PriorArgs};
use crate::failure::{missing, unwritable};
use crate::output::{Progress, say};
use crate::pool::Pool;

/// Asks a language model; fails unless every item was asked.
pub(super) fn ask(
    url: &str,
    args: &PriorArgs,
    pool: Option<&Pool>,
    classes: &[ClassEntry],
    context: &Context,
) -> Result<LlmAnswers, Error> {
    let wanted = &args.language_model;
    let texts = texts(pool)?;
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let template = match &wanted.template {
        Some(path) => read_text(path)?,
        None => DEFAULT_TEMPLATE.to_owned(),
    };
    let described: Vec<ClassText> = classes.iter().map(class_text).collect();
    let question = Question::with_template(&described, &template)?.with_votes(wanted.votes, 1.0);
    let prior =
        LlmPrior::new(endpoint(url, wanted), question)?.with_budget(budget(wanted, context));

    fs::create_dir_all(&args.cache).map_err(unwritable(&args.cache))?;
    let cache = AnswerCache::open(&args.cache.join("answers.sqlite"))?;
    let stop = crate::interrupt::stop();
    let bar = Progress::new("asking");
    let progress = |done: usize, total: usize| bar.show(done, total);
    let answers = prior.ask(&texts, &cache, &Watch { stop, progress: &progress });
    bar.finish();
    let answers = answers?;
    tell(&answers.report);
    match answers.report.unanswered.len() {
        0 => Ok(answers),
        left => {
            let items = answers.report.items;
            Err(Error::new(
                ErrorKind::Stopped,
                format!(
                    "{left} of {items} items were not asked, and no prior is written: run again to go on from the cache"
                ),
            ))
        }
    }
}

fn endpoint(url: &str, wanted: &LlmArgs) -> Endpoint {
    let mut endpoint = Endpoint::new(url, wanted.llm_model.as_deref().unwrap_or_default())
        .with_concurrency(wanted.concurrency);
    endpoint.key_variable.clone_from(&wanted.key_variable);
    endpoint.requests_per_minute = wanted.requests_per_minute;
    endpoint
}

fn budget(wanted: &LlmArgs, context: &Context) -> Budget {
    let mut budget = Budget::default();
    // Offline, the cache answers or nobody.
    budget.requests = if context.hub.offline() { Some(0) } else { wanted.max_requests };
    budget.tokens = wanted.max_tokens;
    budget
}

fn class_text(entry: &ClassEntry) -> ClassText {
    let class = ClassText::new(&entry.name);
    match &entry.description {
        Some(description) => class.with_description(description),
        None => class,
    }
}

fn texts(pool: Option<&Pool>) -> Result<&[String], Error> {
    match pool {
        Some(pool) => pool.split.texts().map_err(|error| error.in_file(&pool.file)),
        None => Err(missing("the items' text", "give --texts, or --dataset with --split")),
    }
}

fn tell(report: &LlmReport) {
    say(&format!(
        "{} items: {} by log-probabilities, {} by votes; {} answers were cached; {} requests, {} of them retries, \
         {} tokens",
        report.items,
        report.by_logprobs,
        report.by_votes,
        report.cached,
        report.requests,
        report.retries,
        report.tokens
    ));
    let uniform = [
        ("malformed", &report.malformed),
        ("refused", &report.refused),
        ("without a class", &report.no_class),
    ];
    for (what, items) in uniform {
        if let Some(first) = items.first() {
            say(&format!(
                "{} answers {what}, left uniform; the first is item {first}",
                items.len()
            ));
        }
    }
    for failed in report.failed.iter().take(3) {
        say(&format!("item {} has no answer and is left uniform: {}", failed.item, failed.fault));
    }
    if report.failed.len() > 3 {
        say(&format!("and so have {} more", report.failed.len() - 3));
    }
}
