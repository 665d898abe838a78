use std::fs;

use alfm_core::{Error, ErrorKind};
use alfm_data::ClassEntry;
use alfm_prior::llm::{
    AnswerCache, Api, Budget, COMPLETION_TEMPLATE, ClassText, DEFAULT_TEMPLATE, Endpoint, Fault,
    LlmAnswers, LlmPrior, LlmReport, Question, StopReason, Watch,
};

use super::answers::too_many;
use super::{Context, read_text};
use crate::args::{LlmArgs, PriorArgs};
use crate::failure::{missing, unwritable};
use crate::output::{Progress, say};
use crate::pool::Pool;

/// Asks a language model; fails if more items are without an answer than may be.
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
        None if api(wanted) == Api::Completions => COMPLETION_TEMPLATE.to_owned(),
        None => DEFAULT_TEMPLATE.to_owned(),
    };
    let described: Vec<ClassText> = classes.iter().map(class_text).collect();
    let question = Question::with_template(&described, &template)?
        .with_votes(wanted.votes, 1.0)
        .with_top_logprobs(wanted.logprobs)
        .with_max_tokens(wanted.answer_tokens);
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
    match refusal(&answers.report, wanted) {
        None => Ok(answers),
        Some(error) => Err(error),
    }
}

/// Why there is no prior, where too much of it would know nothing.
fn refusal(report: &LlmReport, wanted: &LlmArgs) -> Option<Error> {
    let (items, unasked, missing) = (report.items, report.unanswered.len(), report.missing());
    let interrupted = report.stopped == Some(StopReason::Interrupted);
    if !interrupted && wanted.lets_pass(missing, items) {
        return None;
    }
    if unasked > 0 {
        let message = format!(
            "{unasked} of {items} items were not asked, and no prior is written: run again to go on from the cache"
        );
        return Some(Error::new(ErrorKind::Stopped, message));
    }
    Some(Error::new(ErrorKind::Network, too_many(missing, items, wanted)))
}

fn api(wanted: &LlmArgs) -> Api {
    match wanted.llm_api.as_str() {
        "completions" => Api::Completions,
        "messages" => Api::Messages,
        _ => Api::Chat,
    }
}

fn endpoint(url: &str, wanted: &LlmArgs) -> Endpoint {
    let mut endpoint = Endpoint::new(url, wanted.llm_model.as_deref().unwrap_or_default())
        .with_api(api(wanted))
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
    for adapted in &report.adapted {
        say(&adapted.to_string());
    }
    for (what, items) in
        [("are refusals", &report.refused), ("name no class, or several", &report.no_class)]
    {
        if let Some(first) = items.first() {
            say(&format!(
                "{} answers {what}, and their items are left uniform; the first is item {first}",
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
    if report.failed.iter().any(|failed| failed.fault == Fault::Cut) {
        say("--answer-tokens allows more tokens");
    }
}
