use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use alfm_core::Probabilities;

use super::api::{self, Asked};
use super::client::{self, Client, Sent};
use super::limits::Spending;
use super::reading::{self, Reading};
use super::report::{FailedItem, LlmAnswers, LlmReport, StopReason};
use super::{AnswerCache, Budget, Endpoint, Fault, Question};
use crate::{Error, ErrorKind};

/// Items in a row that fail after all their retries before the endpoint counts as down.
const GIVE_UP: usize = 5;
/// Items in a row whose answers are none before nothing better is expected; some are cut off in a good run, too.
const GIVE_UP_ANSWERS: usize = 20;

/// A question, and a model to put it to.
#[derive(Clone, Debug, PartialEq)]
pub struct LlmPrior {
    endpoint: Endpoint,
    question: Question,
    budget: Budget,
}

/// How the caller follows a run and stops it.
pub struct Watch<'a> {
    /// Set by the caller to stop: requests under way end, no further one begins.
    pub stop: &'a AtomicBool,
    /// Called after each item with the numbers of finished and of all distinct items.
    pub progress: &'a (dyn Fn(usize, usize) + Sync),
}

/// What an item has come to.
#[derive(Clone, Debug)]
enum Outcome {
    Probabilities { row: Vec<f32>, votes: Option<Lost> },
    Refused,
    NoClass,
    Failed(Fault),
    Stopped(StopReason),
}

/// Votes that named no class.
type Lost = usize;

/// What an item needs.
enum Step<'a> {
    Done(Outcome),
    Ask(Asked<'a>),
}

impl LlmPrior {
    /// Puts a question to the model of an endpoint; nothing is sent yet.
    ///
    /// # Errors
    /// For settings or an address that cannot work.
    pub fn new(endpoint: Endpoint, question: Question) -> Result<Self, Error> {
        endpoint.check()?;
        question.check()?;
        client::address(&endpoint.base_url, endpoint.api)?;
        Ok(Self { endpoint, question, budget: Budget::default() })
    }

    /// Sets what a run may use; by default there is no limit.
    #[must_use]
    pub fn with_budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    /// The class probabilities of some texts, `N x K`, from the cache and, where it has no answer, the endpoint.
    ///
    /// Equal texts are asked once. The same cache gives the same bytes, in whatever order its answers came.
    /// When the budget is used up or the caller stops, the result is what there is, and the report says so.
    ///
    /// # Errors
    /// For the key or the cache; of [`ErrorKind::Network`] for status 401, 403, 404 or a redirection, and after five
    /// items in a row that failed, or twenty whose answers were none. What was answered until then is in the cache.
    pub fn ask(
        &self,
        texts: &[&str],
        cache: &AnswerCache,
        watch: &Watch<'_>,
    ) -> Result<LlmAnswers, Error> {
        let mut distinct: Vec<&str> = Vec::new();
        let mut numbers = HashMap::new();
        let number_of: Vec<usize> = texts
            .iter()
            .map(|text| {
                *numbers.entry(*text).or_insert_with(|| {
                    distinct.push(text);
                    distinct.len() - 1
                })
            })
            .collect();
        let mut cached = 0;
        let mut outcomes = Vec::with_capacity(distinct.len());
        for text in &distinct {
            outcomes.push(match self.step(text, cache, &mut cached)? {
                Step::Done(outcome) => Some(outcome),
                Step::Ask(_) => None,
            });
        }
        let spending = Spending::new(self.budget);
        let mut adapted = Vec::new();
        let pending: Vec<usize> =
            (0..distinct.len()).filter(|item| outcomes[*item].is_none()).collect();
        if self.budget.requests == Some(0) {
            // Without a client: a replay needs no key.
            let stopped = Some(Outcome::Stopped(StopReason::Budget));
            pending.iter().for_each(|item| outcomes[*item] = stopped.clone());
        } else if !pending.is_empty() {
            let client = Client::new(&self.endpoint, &spending, watch.stop)?;
            let run = Run { prior: self, client, cache, watch, distinct: &distinct };
            for (item, outcome) in run.all(&pending)? {
                outcomes[item] = Some(outcome);
            }
            adapted = run.client.adapted();
        }
        let (prior, report) = self.collect(number_of.iter().map(|at| &outcomes[*at]))?;
        let (requests, retries) = (spending.requests(), spending.retries());
        let tokens = spending.tokens();
        let report = LlmReport { adapted, cached, requests, retries, tokens, ..report };
        Ok(LlmAnswers { prior, report })
    }

    /// What an item comes to by the answers in the cache, or the next request that it needs.
    fn step(&self, text: &str, cache: &AnswerCache, found: &mut u64) -> Result<Step<'_>, Error> {
        let (answers, api) = (&self.question.answers, self.endpoint.api);
        let classes = answers.codes().len();
        let (mut counts, mut lost) = (vec![0.0f64; classes], 0);
        for vote in 0..self.question.votes {
            let asked = self.question.request(&self.endpoint.model, text, vote);
            let key = asked.key(api);
            let Some(body) = cache.get(&key)? else { return Ok(Step::Ask(asked)) };
            let reading = reading::read(api, &body, answers);
            if !may_be_kept(&reading, vote) {
                cache.forget(&key, &body)?;
                return Ok(Step::Ask(asked));
            }
            *found += 1;
            let fault = match reading {
                Reading::Class { probabilities: Some(p), .. } if vote == 0 => {
                    let row = p.into_iter().map(|p| p as f32).collect();
                    return Ok(Step::Done(Outcome::Probabilities { row, votes: None }));
                }
                Reading::Class { class, .. } => {
                    counts[class] += 1.0;
                    continue;
                }
                Reading::Refused => Outcome::Refused,
                Reading::NoClass | Reading::Cut | Reading::Malformed => Outcome::NoClass,
            };
            // The greedy answer speaks for the item.
            if vote == 0 {
                return Ok(Step::Done(fault));
            }
            lost += 1;
        }
        let smoothing = self.question.smoothing;
        let total = counts.iter().sum::<f64>() + smoothing;
        let smooth = |count| ((count + smoothing / classes as f64) / total) as f32;
        let row = counts.into_iter().map(smooth).collect();
        Ok(Step::Done(Outcome::Probabilities { row, votes: Some(lost) }))
    }

    fn collect<'o>(
        &self,
        outcomes: impl Iterator<Item = &'o Option<Outcome>>,
    ) -> Result<(Probabilities, LlmReport), Error> {
        let classes = self.question.answers.codes().len();
        let uniform = vec![1.0 / classes as f32; classes];
        let mut report = LlmReport::default();
        let mut values = Vec::new();
        for (item, outcome) in outcomes.enumerate() {
            report.items += 1;
            let mut given = &uniform;
            match outcome {
                None => report.unanswered.push(item),
                Some(Outcome::Stopped(reason)) => {
                    report.unanswered.push(item);
                    report.stopped = Some(*reason);
                }
                Some(Outcome::Probabilities { row, votes }) => {
                    given = row;
                    report.by_logprobs += usize::from(votes.is_none());
                    report.by_votes += usize::from(votes.is_some());
                    report.lost_votes += votes.unwrap_or(0);
                }
                Some(Outcome::Refused) => report.refused.push(item),
                Some(Outcome::NoClass) => report.no_class.push(item),
                Some(Outcome::Failed(fault)) => {
                    report.failed.push(FailedItem { item, fault: fault.clone() });
                }
            }
            values.extend_from_slice(given);
        }
        let prior = Probabilities::new(values, report.items, classes)?;
        Ok((prior, report))
    }
}

/// A run over the items that the cache does not settle.
struct Run<'a> {
    prior: &'a LlmPrior,
    client: Client<'a>,
    cache: &'a AnswerCache,
    watch: &'a Watch<'a>,
    distinct: &'a [&'a str],
}

impl Run<'_> {
    /// The outcomes of the items that were begun, in no order; the first error of any thread.
    fn all(&self, pending: &[usize]) -> Result<Vec<(usize, Outcome)>, Error> {
        let (next, failures) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let over = AtomicBool::new(false);
        let done = AtomicUsize::new(self.distinct.len() - pending.len());
        let work = || {
            let mut outcomes = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let Some(&item) = pending.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                let outcome = self.item(item, &failures);
                let ends = matches!(outcome, Err(_) | Ok(Outcome::Stopped(_)));
                over.fetch_or(ends, Ordering::Relaxed);
                outcomes.push((item, outcome?));
                if ends {
                    break;
                }
                let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                (self.watch.progress)(done, self.distinct.len());
            }
            Ok(outcomes)
        };
        let threads = self.prior.endpoint.concurrency.min(pending.len());
        let results: Vec<Result<Vec<_>, Error>> = thread::scope(|scope| {
            let handles: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let join = |handle: thread::ScopedJoinHandle<'_, _>| match handle.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            handles.into_iter().map(join).collect()
        });
        let parts = results.into_iter().collect::<Result<Vec<_>, Error>>()?;
        Ok(parts.into_iter().flatten().collect())
    }

    /// Asks for an item until the cache settles it.
    fn item(&self, item: usize, failures: &AtomicUsize) -> Result<Outcome, Error> {
        loop {
            let asked = match self.prior.step(self.distinct[item], self.cache, &mut 0)? {
                Step::Done(outcome) => {
                    failures.store(0, Ordering::Relaxed);
                    return Ok(outcome);
                }
                Step::Ask(asked) => asked,
            };
            let fault = match self.client.send(&asked)? {
                Sent::Answer(body) => {
                    self.client.spending.add_tokens(api::tokens(&body));
                    let api = self.prior.endpoint.api;
                    let reading = reading::read(api, &body, &self.prior.question.answers);
                    match reading::fault(&reading, &body) {
                        Some(fault) if !may_be_kept(&reading, asked.vote) => fault,
                        _ => {
                            self.cache.put(&asked.key(api), &body)?;
                            continue;
                        }
                    }
                }
                Sent::Stopped(reason) => return Ok(Outcome::Stopped(reason)),
                Sent::Failed(fault) => fault,
            };
            let items = failures.fetch_add(1, Ordering::Relaxed) + 1;
            let no_answer = matches!(fault, Fault::Malformed { .. } | Fault::Cut);
            if items >= if no_answer { GIVE_UP_ANSWERS } else { GIVE_UP } {
                let remedy = match &fault {
                    // It says its own.
                    Fault::Cut => "",
                    Fault::Status { status: 400..=499, .. } | Fault::Malformed { .. } => {
                        "; check base URL, form, model and settings"
                    }
                    _ => "; run again to go on",
                };
                let message = format!("{items} items in a row failed, the last: {fault}{remedy}");
                return Err(Error::new(ErrorKind::Network, message));
            }
            return Ok(Outcome::Failed(fault));
        }
    }
}

/// Whether the answer to a request of this number belongs into the cache. A vote that was cut off is a lost one; it is
/// kept, so that the same cache gives the same bytes.
fn may_be_kept(reading: &Reading, vote: usize) -> bool {
    match reading {
        Reading::Malformed => false,
        Reading::Cut => vote > 0,
        Reading::Class { .. } | Reading::Refused | Reading::NoClass => true,
    }
}
