use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::Error;
use crate::error::no_threads;

/// Prepares every batch on all threads, one batch ahead of `run`, which stays on the calling thread.
///
/// # Errors
/// The first of `run`; for a thread that could not be started.
pub(crate) fn one_ahead<I: Sync, T: Send>(
    batches: &[I],
    prepare: impl Fn(&I) -> T + Send + Sync,
    mut run: impl FnMut(&I, T) -> Result<(), Error>,
) -> Result<(), Error> {
    let pool = ThreadPoolBuilder::new()
        .num_threads(rayon::current_num_threads())
        .build()
        .map_err(no_threads)?;
    let (sender, prepared) = mpsc::sync_channel(0);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for batch in batches {
                if sender.send((batch, pool.install(|| prepare(batch)))).is_err() {
                    return;
                }
            }
        });
        prepared.into_iter().try_for_each(|(batch, prepared)| run(batch, prepared))
    })
}

/// Runs `work` on every batch, one thread a batch, and hands the results to `receive` on the calling
/// thread as they come.
///
/// Each worker runs inside a rayon pool of one thread: what Burn would spread over all threads stays
/// on the worker. Short operations, which these are, gain nothing from being split.
pub(crate) fn for_each_in_parallel<I: Sync, T: Send>(
    batches: &[I],
    work: impl Fn(&I) -> T + Sync,
    mut receive: impl FnMut(&I, T),
) -> Result<(), Error> {
    let workers = rayon::current_num_threads().min(batches.len());
    let pools = (0..workers)
        .map(|_| ThreadPoolBuilder::new().num_threads(1).build())
        .collect::<Result<Vec<ThreadPool>, _>>()
        .map_err(no_threads)?;
    let next = AtomicUsize::new(0);
    let (sender, results) = mpsc::channel();
    std::thread::scope(|scope| {
        for pool in &pools {
            let (sender, next, work) = (sender.clone(), &next, &work);
            scope.spawn(move || {
                pool.install(|| {
                    while let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if sender.send((batch, work(batch))).is_err() {
                            return;
                        }
                    }
                });
            });
        }
        drop(sender);
        for (batch, result) in results {
            receive(batch, result);
        }
    });
    Ok(())
}
