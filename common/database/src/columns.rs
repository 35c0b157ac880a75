//! Reading the columns of a row.

use super::DbError;
use postgres_types::{FromSql, Json};
use serde::de::DeserializeOwned;
use std::str::FromStr;
use tokio_postgres::Row;
use tokio_postgres::row::RowIndex;

/// The value of a column. One that is not of the expected type is a defect, not an unreachable database.
pub(crate) fn column<'a, T: FromSql<'a>>(
    row: &'a Row,
    index: impl RowIndex + std::fmt::Display,
) -> Result<T, DbError> {
    row.try_get(index).map_err(|error| DbError::Defect(error.into()))
}

/// The columns of a row, one after the other.
pub(crate) struct Columns<'a> {
    row: &'a Row,
    next: usize,
}

impl<'a> Columns<'a> {
    /// From the first column on.
    pub const fn of(row: &'a Row) -> Self {
        Self { row, next: 0 }
    }

    /// The value of the next column.
    pub fn next<T: FromSql<'a>>(&mut self) -> Result<T, DbError> {
        self.next += 1;
        column(self.row, self.next - 1)
    }

    /// The next column, which holds JSON.
    pub fn json<T: DeserializeOwned>(&mut self) -> Result<T, DbError> {
        let Json(value) = self.next()?;
        Ok(value)
    }

    /// The next column, which holds a word of an enumeration.
    pub fn word<T>(&mut self) -> Result<T, DbError>
    where
        T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
    {
        let word: &str = self.next()?;
        word.parse().map_err(defect)
    }

    /// The same, where there may be none.
    pub fn optional_word<T>(&mut self) -> Result<Option<T>, DbError>
    where
        T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
    {
        let word: Option<&str> = self.next()?;
        word.map(str::parse).transpose().map_err(defect)
    }
}

fn defect(error: impl std::error::Error + Send + Sync + 'static) -> DbError {
    DbError::Defect(error.into())
}
