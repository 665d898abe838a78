//! The items of a pool: their ids, and which row of its matrices each has.

use std::hash::BuildHasher;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::{CoreError, Digest, Error, SampleId};

/// The ids of a pool in row order; cheap to clone.
///
/// Rows never change: items are added behind the others, and an item that is removed is so in the
/// [`LabelLog`](crate::LabelLog), where its row goes on being counted.
///
/// Ids that are row numbers take no memory. Others lie in one text: 8 bytes an item beside their characters, and
/// about 8 for finding them.
///
/// ```
/// use alfm_core::Items;
/// let items = Items::named(["T-7", "T-9"])?;
/// assert_eq!(items.row_of(&"T-9".into()), Some(1));
/// assert_eq!(Items::numbered(10_000_000).id(7).as_str(), "7");
/// # Ok::<(), alfm_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Items(Arc<Shared>);

#[derive(Clone, Debug)]
struct Shared {
    ids: Ids,
    digest: OnceLock<Digest>,
}

#[derive(Clone, Debug)]
enum Ids {
    /// The id of a row is its number.
    Numbered(usize),
    Named(Named),
}

#[derive(Clone, Debug, Default)]
struct Named {
    /// All ids, one behind the other.
    text: String,
    /// Where each ends.
    ends: Vec<u64>,
    rows: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Items {
    /// Items whose ids are their row numbers: `0`, `1`, ...
    pub fn numbered(count: usize) -> Self {
        Self::of(Ids::Numbered(count))
    }

    /// Items with ids of their own, in row order.
    ///
    /// `O(N)` time. Ids that happen to be the row numbers are stored as such.
    ///
    /// # Errors
    /// An id that is given twice, or more than 2^32 items.
    pub fn named<S: AsRef<str>>(ids: impl IntoIterator<Item = S>) -> Result<Self, Error> {
        let mut named = Named::default();
        let mut numbered = true;
        for (row, id) in ids.into_iter().enumerate() {
            numbered = numbered && number(id.as_ref()) == Some(row);
            named.push(id.as_ref())?;
        }
        let count = named.ends.len();
        Ok(Self::of(if numbered { Ids::Numbered(count) } else { Ids::Named(named) }))
    }

    /// Adds items behind the others. On an error nothing has changed.
    ///
    /// # Errors
    /// As [`named`](Items::named).
    pub fn extend<S: AsRef<str>>(&mut self, ids: impl IntoIterator<Item = S>) -> Result<(), Error> {
        let mut named = match &self.0.ids {
            Ids::Named(named) => named.clone(),
            Ids::Numbered(count) => {
                let mut named = Named::default();
                (0..*count).try_for_each(|row| named.push(&row.to_string()))?;
                named
            }
        };
        ids.into_iter().try_for_each(|id| named.push(id.as_ref()))?;
        *self = Self::of(Ids::Named(named));
        Ok(())
    }

    fn of(ids: Ids) -> Self {
        Self(Arc::new(Shared { ids, digest: OnceLock::new() }))
    }

    /// Number of items, removed ones included.
    pub fn len(&self) -> usize {
        match &self.0.ids {
            Ids::Numbered(count) => *count,
            Ids::Named(named) => named.ends.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The id of a row. Panics if `row` is out of range, as indexing a slice does.
    pub fn id(&self, row: usize) -> SampleId {
        assert!(row < self.len(), "row {row} of {} items", self.len());
        match &self.0.ids {
            Ids::Numbered(_) => row.to_string().into(),
            Ids::Named(named) => named.get(row).into(),
        }
    }

    /// All ids in row order, made as they are asked for.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = SampleId> + '_ {
        (0..self.len()).map(|row| self.id(row))
    }

    /// The row of an item; `None` if there is no such item.
    pub fn row_of(&self, id: &SampleId) -> Option<usize> {
        match &self.0.ids {
            Ids::Numbered(count) => number(id.as_str()).filter(|row| row < count),
            Ids::Named(named) => named.find(id.as_str()),
        }
    }

    /// The row of an item that must be there.
    ///
    /// # Errors
    /// An item that the pool does not hold.
    pub fn row(&self, id: &SampleId) -> Result<usize, CoreError> {
        self.row_of(id).ok_or_else(|| CoreError::UnknownItem { id: id.clone() })
    }

    /// SHA-256 of all ids, by which a saved state knows its pool; computed once, `O(N)`.
    pub fn digest(&self) -> Digest {
        *self.0.digest.get_or_init(|| match &self.0.ids {
            Ids::Numbered(count) => Digest::of_parts([&b"numbered"[..], &count.to_le_bytes()]),
            Ids::Named(named) => {
                let ends: Vec<u8> = named.ends.iter().flat_map(|end| end.to_le_bytes()).collect();
                Digest::of_parts([&b"named"[..], named.text.as_bytes(), &ends])
            }
        })
    }
}

impl Named {
    fn span(&self, row: usize) -> Range<usize> {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        // What lies in memory is counted in `usize`.
        start as usize..self.ends[row] as usize
    }

    fn get(&self, row: usize) -> &str {
        &self.text[self.span(row)]
    }

    fn find(&self, id: &str) -> Option<usize> {
        let same = |row: &u32| self.get(*row as usize) == id;
        self.rows.find(self.hasher.hash_one(id), same).map(|row| *row as usize)
    }

    fn push(&mut self, id: &str) -> Result<(), CoreError> {
        if self.find(id).is_some() {
            return Err(CoreError::Duplicate { what: "item", name: id.into() });
        }
        let row = u32::try_from(self.ends.len())
            .map_err(|_| CoreError::TooManyItems { items: self.ends.len() })?;
        self.text.push_str(id);
        self.ends.push(self.text.len() as u64);
        let Self { text, ends, rows, hasher } = self;
        let of = |row: &u32| {
            let row = *row as usize;
            let start = if row == 0 { 0 } else { ends[row - 1] };
            hasher.hash_one(&text[start as usize..ends[row] as usize])
        };
        rows.insert_unique(hasher.hash_one(id), row, of);
        Ok(())
    }
}

/// The row number that a text is; `None` for any other way to write it.
fn number(id: &str) -> Option<usize> {
    let canonical = id == "0" || !(id.starts_with('0') || id.starts_with('+'));
    id.parse().ok().filter(|_| canonical)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_numbers_are_stored_as_such() {
        let items = Items::named(["0", "1", "2"]).unwrap();
        assert!(matches!(items.0.ids, Ids::Numbered(3)));
        assert_eq!(items.digest(), Items::numbered(3).digest());
        for other in ["3", "01", "+1", "-1", "x", ""] {
            assert_eq!(items.row_of(&other.into()), None, "{other}");
        }
        assert_eq!(items.row_of(&"2".into()), Some(2));
    }

    #[test]
    fn names_are_found_and_come_back() {
        let names = ["b", "", "a b", "ü", "0"];
        let items = Items::named(names).unwrap();
        for (row, name) in names.iter().enumerate() {
            assert_eq!((items.id(row).as_str(), items.row_of(&(*name).into())), (*name, Some(row)));
        }
        assert_eq!(items.iter().map(|id| id.to_string()).collect::<Vec<_>>(), names);
        assert_eq!(items.row_of(&"a".into()), None);
    }

    /// "ab" and "c" is another pool than "a" and "bc".
    #[test]
    fn the_digest_knows_where_ids_end() {
        let digest = |ids: [&str; 2]| Items::named(ids).unwrap().digest();
        assert_ne!(digest(["ab", "c"]), digest(["a", "bc"]));
    }

    #[test]
    fn added_items_lie_behind_the_others_and_a_repeated_one_adds_none() {
        let mut items = Items::numbered(2);
        let before = items.clone();
        items.extend(["x"]).unwrap();
        assert_eq!((items.len(), items.row_of(&"x".into()), before.len()), (3, Some(2), 2));
        let error = items.extend(["y", "1"]).unwrap_err();
        assert!(error.to_string().contains("item `1` is given twice"), "{error}");
        assert_eq!(items.len(), 3);
    }
}
