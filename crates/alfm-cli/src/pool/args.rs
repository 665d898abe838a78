//! The flags that name a user's items.

use std::path::{Path, PathBuf};

use alfm_data::{Columns, Unreadable};
use clap::Args as ClapArgs;

/// Where the items are.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "The items")]
pub(crate) struct PoolArgs {
    /// A table with named columns, by its ending: .csv, .tsv, .jsonl or .parquet. Any other file is plain text, one
    /// item a line.
    #[arg(long, value_name = "FILE")]
    pub texts: Option<PathBuf>,
    /// A folder of images, at any depth, in the order of their paths, which are their ids.
    #[arg(long, value_name = "FOLDER", conflicts_with = "texts")]
    pub images: Option<PathBuf>,
    #[command(flatten)]
    pub columns: ColumnArgs,
}

impl PoolArgs {
    /// The files that are read.
    pub(crate) fn inputs(&self) -> impl Iterator<Item = &Path> {
        self.texts.as_deref().into_iter().chain(self.images.as_deref())
    }
}

/// Which columns of a table hold what.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Columns of a table")]
pub(crate) struct ColumnArgs {
    /// The column of texts [default: text]
    #[arg(long, value_name = "COLUMN")]
    pub text: Option<String>,
    /// The column of ids, which go along into everything that is written; without it, items are called by their
    /// rows, from 0.
    #[arg(long, value_name = "COLUMN")]
    pub id: Option<String>,
    /// The column of labels, as names or numbers of classes. By default none is needed.
    #[arg(long, value_name = "COLUMN")]
    pub label: Option<String>,
    /// The column of images, in place of texts: paths from the table's folder, or, in parquet, encoded images.
    #[arg(long, value_name = "COLUMN", conflicts_with = "text")]
    pub image: Option<String>,
    /// The label that means "unlabelled", as an empty one does; `none` says that every label is a class, -1 among
    /// them.
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    pub unlabelled: Option<String>,
    /// Leaves out the images that cannot be read, and lists them; otherwise they are an error.
    #[arg(long)]
    pub skip_unreadable: bool,
}

impl ColumnArgs {
    /// The first flag that speaks of a column.
    pub(super) fn given(&self) -> Option<&'static str> {
        let flags = [
            ("--text", &self.text),
            ("--id", &self.id),
            ("--label", &self.label),
            ("--image", &self.image),
            ("--unlabelled", &self.unlabelled),
        ];
        flags.into_iter().find_map(|(flag, value)| value.is_some().then_some(flag))
    }

    /// The columns, with the usual names where none is given.
    pub(crate) fn columns(&self) -> Columns {
        let mut columns = Columns::default();
        columns.id.clone_from(&self.id);
        columns.image.clone_from(&self.image);
        columns.unlabelled.clone_from(&self.unlabelled);
        if let Some(text) = &self.text {
            columns.text.clone_from(text);
        }
        if let Some(label) = &self.label {
            columns.label.clone_from(label);
        }
        columns
    }

    pub(crate) fn unreadable(&self) -> Unreadable {
        if self.skip_unreadable { Unreadable::LeaveOut } else { Unreadable::Refuse }
    }
}
