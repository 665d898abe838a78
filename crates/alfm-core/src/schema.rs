use std::fmt;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind};

/// The number of a class: its column in every probability matrix.
///
/// 4 bytes, and so is an `Option` of it: a pool of millions of items is mostly `None`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "u32", into = "u32")]
pub struct ClassId(
    /// The column and one.
    NonZeroU32,
);

impl ClassId {
    /// The class of column `column`.
    ///
    /// Saturates at `u32::MAX - 1`: no matrix in memory has that many columns.
    pub const fn new(column: u32) -> Self {
        Self(NonZeroU32::MIN.saturating_add(column))
    }

    /// The class of column `column`, for code that counts in `usize`; saturates likewise.
    pub fn from_index(column: usize) -> Self {
        Self::new(u32::try_from(column).unwrap_or(u32::MAX))
    }

    /// The column.
    pub const fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

impl Default for ClassId {
    fn default() -> Self {
        Self::new(0)
    }
}

impl fmt::Debug for ClassId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClassId").field(&self.index()).finish()
    }
}

impl From<u32> for ClassId {
    fn from(column: u32) -> Self {
        Self::new(column)
    }
}

impl From<ClassId> for u32 {
    fn from(class: ClassId) -> Self {
        class.0.get() - 1
    }
}

/// The classes of a campaign: a class that no label has shown yet is there all the same.
///
/// A schema does not change; [`LabelLog`](crate::LabelLog) knows which one holds when.
///
/// ```
/// use alfm_core::{ClassId, ClassSchema};
/// let schema = ClassSchema::new(["ham", "spam"])?;
/// assert_eq!(schema.id("spam")?, ClassId::new(1));
/// assert_eq!(schema.name(ClassId::new(0))?, "ham");
/// # Ok::<(), alfm_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct ClassSchema {
    names: Vec<String>,
}

impl ClassSchema {
    /// A schema of the given names, in column order.
    ///
    /// # Errors
    /// Below two names, and for a repeated one.
    pub fn new<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Result<Self, Error> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        if names.len() < 2 {
            return Err(Error::too_few_classes(names.len()));
        }
        let mut sorted: Vec<&String> = names.iter().collect();
        sorted.sort();
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Error::duplicate("class", pair[0]));
        }
        Ok(Self { names })
    }

    /// A schema of `classes` unnamed classes: `0`, `1`, ...
    ///
    /// # Errors
    /// If `classes < 2`.
    pub fn numbered(classes: usize) -> Result<Self, Error> {
        Self::new((0..classes).map(|class| class.to_string()))
    }

    /// The same classes and one more behind them.
    ///
    /// # Errors
    /// For a name that is there already.
    pub fn with_added(&self, name: impl Into<String>) -> Result<Self, Error> {
        Self::new(self.names.iter().cloned().chain([name.into()]))
    }

    /// The same classes, one of them under another name.
    ///
    /// # Errors
    /// For an unknown class, or a name that is there already.
    pub fn with_renamed(&self, class: ClassId, name: impl Into<String>) -> Result<Self, Error> {
        self.check(class)?;
        let mut names = self.names.clone();
        names[class.index()] = name.into();
        Self::new(names)
    }

    /// The classes without `class`, which becomes a part of `into`, and what the number of each is now.
    ///
    /// # Errors
    /// For an unknown class, a class and itself, or where one class would be left.
    pub fn with_merged(
        &self,
        class: ClassId,
        into: ClassId,
    ) -> Result<(Self, Vec<ClassId>), Error> {
        let (gone, heir) = (self.check(class)?.index(), self.check(into)?.index());
        if gone == heir {
            return Err(Error::duplicate("class", &self.names[gone]));
        }
        let moved = |at: usize| ClassId::from_index(at - usize::from(at > gone));
        let today = (0..self.len()).map(|at| if at == gone { moved(heir) } else { moved(at) });
        let names = self.names.iter().enumerate().filter(|(at, _)| *at != gone);
        Ok((Self::new(names.map(|(_, name)| name.clone()))?, today.collect()))
    }

    /// Number of classes `K`, at least 2.
    #[expect(clippy::len_without_is_empty, reason = "a schema is never empty")]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// The names in column order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// All classes in column order.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = ClassId> + use<> {
        (0..self.names.len()).map(ClassId::from_index)
    }

    /// The name of a class.
    ///
    /// # Errors
    /// If the schema has no such column.
    pub fn name(&self, class: ClassId) -> Result<&str, Error> {
        self.check(class).map(|class| self.names[class.index()].as_str())
    }

    /// The class of a name.
    ///
    /// # Errors
    /// For an unknown name, with the known ones.
    pub fn id(&self, name: &str) -> Result<ClassId, Error> {
        self.names.iter().position(|known| known == name).map(ClassId::from_index).ok_or_else(
            || {
                let known = self.names.join(", ");
                let message = format!("class name `{name}` is unknown: the schema has {known}");
                Error::new(ErrorKind::NotFound, message)
            },
        )
    }

    /// Passes a class of this schema through.
    ///
    /// # Errors
    /// If the schema has no such column.
    pub fn check(&self, class: ClassId) -> Result<ClassId, Error> {
        if class.index() < self.names.len() {
            Ok(class)
        } else {
            Err(Error::unknown_class(class, self.names.len()))
        }
    }
}

impl TryFrom<Vec<String>> for ClassSchema {
    type Error = Error;

    fn try_from(names: Vec<String>) -> Result<Self, Error> {
        Self::new(names)
    }
}

impl From<ClassSchema> for Vec<String> {
    fn from(schema: ClassSchema) -> Self {
        schema.names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_that_may_be_missing_costs_no_more_than_one_that_is_there() {
        assert_eq!(size_of::<Option<ClassId>>(), 4);
        for column in [0, 1, u32::MAX - 1] {
            let class = ClassId::new(column);
            assert_eq!((class.index(), u32::from(class)), (column as usize, column));
            assert_eq!(serde_json::to_string(&class).unwrap(), column.to_string());
            assert_eq!(format!("{class:?}"), format!("ClassId({column})"));
        }
        assert_eq!(ClassId::from_index(usize::MAX), ClassId::new(u32::MAX - 1));
    }

    #[test]
    fn one_class_is_refused() {
        assert_eq!(ClassSchema::new(["only"]), Err(Error::too_few_classes(1)));
    }

    #[test]
    fn a_repeated_name_is_refused() {
        let error = ClassSchema::new(["a", "b", "a"]).unwrap_err();
        assert_eq!(error, Error::duplicate("class", "a"));
    }

    #[test]
    fn an_unknown_class_says_what_is_known() {
        let schema = ClassSchema::new(["a", "b"]).unwrap();
        let message = schema.check(ClassId::new(7)).unwrap_err().to_string();
        assert_eq!(message, "class 7 is unknown: the schema has 2 classes, 0 to 1");
        assert!(schema.id("c").unwrap_err().to_string().contains("a, b"));
    }

    #[test]
    fn reading_checks_as_building_does() {
        assert!(serde_json::from_str::<ClassSchema>(r#"["a"]"#).is_err());
        let schema: ClassSchema = serde_json::from_str(r#"["a","b"]"#).unwrap();
        assert_eq!(serde_json::to_string(&schema).unwrap(), r#"["a","b"]"#);
    }
}
