use std::path::Path;
use std::sync::Arc;

/// What a caller may want to tell people while a model works.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// So many items of so many are done.
    Progress {
        /// What is being made: "embedding" or "surprisal".
        what: &'static str,
        /// Items done.
        done: usize,
        /// Items in all.
        total: usize,
    },
    /// All of them are done.
    Done,
    /// A file of the cache was damaged, and what it held was made again.
    Remade {
        /// The file.
        path: &'a Path,
        /// What was wrong with it.
        reason: &'a str,
    },
}

/// Told what happens, on the thread that called.
pub type Watch = Arc<dyn Fn(Event<'_>) + Send + Sync>;

/// Tells nobody.
pub(crate) fn nobody() -> Watch {
    Arc::new(|_| {})
}
