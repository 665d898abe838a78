use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use alfm_core::Digest;
use rusqlite::{Connection, OptionalExtension};

use crate::{Error, ErrorKind};

/// Of the tables; a cache of another version is not read.
const VERSION: i32 = 1;

/// Raw answers, kept in an SQLite file under the SHA-256 of what was asked: form, model, prompt and settings.
///
/// The address of the endpoint is not part of it: the same model elsewhere is the same model. Nor is what the endpoint
/// refused of the settings. An answer is kept the moment it comes, also one that declines or names no class; what is no
/// answer is not kept, and forgotten where a former version kept it. The table is `answers (request, body)`; what
/// should be asked again is deleted from it.
#[derive(Debug)]
pub struct AnswerCache {
    connection: Mutex<Connection>,
    path: PathBuf,
}

impl AnswerCache {
    /// Opens a cache, or begins one.
    ///
    /// # Errors
    /// If the file cannot be opened, or is a database of something else.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let failed = |source| failed(path, "opened", source);
        let connection = Connection::open(path).map_err(failed)?;
        let number =
            |sql| connection.query_row(sql, [], |row| row.get::<_, i32>(0)).map_err(failed);
        let version = number("PRAGMA user_version")?;
        if version == 0 && number("SELECT count(*) FROM sqlite_schema")? == 0 {
            let tables = format!(
                "BEGIN IMMEDIATE;
                 CREATE TABLE IF NOT EXISTS answers (request TEXT PRIMARY KEY, body TEXT NOT NULL)
                     WITHOUT ROWID;
                 PRAGMA user_version = {VERSION};
                 COMMIT;"
            );
            connection.execute_batch(&tables).map_err(failed)?;
        } else if version != VERSION {
            let message =
                format!("it is no cache of answers of version {VERSION}: name another file");
            return Err(Error::input(message).in_file(path));
        }
        Ok(Self { connection: Mutex::new(connection), path: path.into() })
    }

    /// Number of answers.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn count(&self) -> Result<usize, Error> {
        let sql = "SELECT count(*) FROM answers";
        let count: i64 = self.with("read", |cache| cache.query_row(sql, [], |row| row.get(0)))?;
        Ok(usize::try_from(count).unwrap_or_default())
    }

    pub(super) fn get(&self, key: &Digest) -> Result<Option<String>, Error> {
        self.with("read", |connection| {
            let mut query = connection.prepare("SELECT body FROM answers WHERE request = ?1")?;
            query.query_row([key.to_string()], |row| row.get(0)).optional()
        })
    }

    /// Keeps an answer; of two to the same request, the first.
    pub(super) fn put(&self, key: &Digest, body: &str) -> Result<(), Error> {
        self.with("written", |connection| {
            let sql = "INSERT OR IGNORE INTO answers (request, body) VALUES (?1, ?2)";
            connection.execute(sql, [&key.to_string(), body]).map(drop)
        })
    }

    /// Deletes a body that turned out to be no answer.
    pub(super) fn forget(&self, key: &Digest, body: &str) -> Result<(), Error> {
        self.with("written", |connection| {
            let sql = "DELETE FROM answers WHERE request = ?1 AND body = ?2";
            connection.execute(sql, [&key.to_string(), body]).map(drop)
        })
    }

    fn with<T>(
        &self,
        action: &str,
        run: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        // A statement that panicked left no transaction open.
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        run(&connection).map_err(|source| failed(&self.path, action, source))
    }
}

fn failed(path: &Path, action: &str, source: rusqlite::Error) -> Error {
    Error::new(ErrorKind::System, format!("the cache of answers cannot be {action}"))
        .in_file(path)
        .because(source)
}
