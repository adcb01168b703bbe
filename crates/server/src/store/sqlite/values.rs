//! Values as SQLite keeps them: identifiers as integers, an endpoint's as its 32 bytes, times as milliseconds since 1970.

use crate::model::ids::{
    ApiTokenId, EndpointId, QuestionId, RoleId, SessionId, TokenId, UserGroupId, UserId,
};
use jiff::Timestamp;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, Type, ValueRef};
use rusqlite::{Error, Row, ToSql};

macro_rules! number {
    ($($name:ident),*) => {$(
        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                i64::try_from(self.0)
                    .map(Into::into)
                    .map_err(|e| Error::ToSqlConversionFailure(Box::new(e)))
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                let number = value.as_i64()?;
                u64::try_from(number)
                    .map(Self)
                    .map_err(|_| FromSqlError::OutOfRange(number))
            }
        }
    )*};
}

number!(
    QuestionId,
    UserId,
    TokenId,
    ApiTokenId,
    SessionId,
    RoleId,
    UserGroupId
);

impl ToSql for EndpointId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.as_slice().into())
    }
}

impl FromSql for EndpointId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        <[u8; 32]>::column_result(value).map(Self)
    }
}

/// A column with milliseconds since 1970.
pub(super) fn time(row: &Row<'_>, at: usize) -> rusqlite::Result<Timestamp> {
    millis(at, row.get(at)?)
}

fn millis(at: usize, value: i64) -> rusqlite::Result<Timestamp> {
    Timestamp::from_millisecond(value)
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(at, Type::Integer, Box::new(e)))
}

/// The same, where it may be NULL.
pub(super) fn maybe_time(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Timestamp>> {
    row.get::<_, Option<i64>>(at)?
        .map(|value| millis(at, value))
        .transpose()
}

/// A number as SQLite keeps it; nothing that is counted here comes near the end of its range.
pub(super) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A number read back.
pub(super) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
