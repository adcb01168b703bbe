//! Identifiers as SQLite keeps them: numbers as integers, an endpoint's identifier as its 32 bytes.

use crate::model::ids::{ApiTokenId, EndpointId, QuestionId, TokenId, UserId};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use rusqlite::{Error, ToSql};

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

number!(QuestionId, UserId, TokenId, ApiTokenId);

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
