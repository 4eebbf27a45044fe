//! Requests that their callers may repeat.

use async_trait::async_trait;

use super::super::fault::Doing;
use super::engine::Engine;
use super::rows::Fields;
use crate::store::{Once, RepeatStore, StoreError};
use crate::types::{HashedToken, Timestamp};

#[async_trait]
impl RepeatStore for Engine {
    async fn begin_once(
        &self,
        key: &HashedToken,
        request: &HashedToken,
        at: Timestamp,
        until: Timestamp,
    ) -> Result<Once, StoreError> {
        let claimed = sqlx::query(
            "INSERT INTO repeatable_requests (key, request, expires_at) VALUES ($1, $2, $4) ON CONFLICT (key) DO UPDATE \
             SET request = excluded.request, answer = NULL, expires_at = excluded.expires_at \
             WHERE repeatable_requests.expires_at <= $3",
        )
        .bind(&key.bytes()[..])
        .bind(&request.bytes()[..])
        .bind(at.millis())
        .bind(until.millis())
        .execute(&mut *self.writer().await?)
        .await
        .doing("claim a request")?;
        if claimed.rows_affected() > 0 {
            return Ok(Once::Mine);
        }
        // The connection that writes: the claim that beat this one may be newer than what readers see.
        let row = sqlx::query("SELECT request, answer, expires_at FROM repeatable_requests WHERE key = $1")
            .bind(&key.bytes()[..])
            .fetch_optional(&mut *self.writer().await?)
            .await
            .doing("read a request")?;
        let Some(row) = row else { return Ok(Once::Busy) };
        let fields = Fields::of(&row, "repeatable_requests", "expires_at");
        let answer: Option<Vec<u8>> = fields.value("answer")?;
        Ok(match answer {
            _ if fields.hash("request")? != *request => Once::Differs,
            Some(answer) => Once::Done(answer),
            None => Once::Busy,
        })
    }

    async fn finish_once(&self, key: &HashedToken, answer: &[u8]) -> Result<(), StoreError> {
        sqlx::query("UPDATE repeatable_requests SET answer = $2 WHERE key = $1")
            .bind(&key.bytes()[..])
            .bind(answer)
            .execute(&mut *self.writer().await?)
            .await
            .doing("remember an answer")
            .map(drop)
    }

    async fn abandon_once(&self, key: &HashedToken) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM repeatable_requests WHERE key = $1 AND answer IS NULL")
            .bind(&key.bytes()[..])
            .execute(&mut *self.writer().await?)
            .await
            .doing("give a request back")
            .map(drop)
    }
}
