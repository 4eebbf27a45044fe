//! Silences that a request names by id. Whose one is, only its Alertmanager knows: it is asked before anything is forwarded.

use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use http::header::ACCEPT;
use pingora::http::RequestHeader;

use super::authorize::Permit;
use super::denial::Denial;
use super::holds;
use super::hygiene::CleanRequest;
use super::identity::Identity;
use super::outbound::{self, Facts};
use super::prepared::Prepared;
use super::seen::Seen;
use super::upstream::{Answer, Attempt, Caller, Coming, Spans, Tried, Unanswered};
use crate::labels::{Labels, Named};
use crate::types::{Memory, Timestamp};

/// A silence that a narrowed request names, and the request as it came.
#[derive(Debug)]
pub struct Naming {
    /// The silence.
    pub silence: Named,
    /// What it may touch.
    pub labels: Labels,
    /// The query that came.
    pub query: Option<String>,
    /// The body that came.
    pub body: Option<Bytes>,
}

/// Who asks for it.
#[derive(Clone, Copy)]
pub struct Inquiry<'a> {
    /// The configuration of the request.
    pub prepared: &'a Prepared,
    /// Its permit.
    pub permit: &'a Permit,
    /// The request.
    pub request: &'a CleanRequest,
    /// Where it came from.
    pub seen: &'a Seen,
    /// Who calls, as the upstream is told.
    pub identity: &'a Identity,
    /// Where what is held of the answer is taken from.
    pub memory: &'a Arc<Memory>,
    /// The time.
    pub now: Timestamp,
}

impl Inquiry<'_> {
    /// Whether the silence is the organization's, and touches nothing but what the caller may touch.
    ///
    /// # Errors
    /// When it is not, when there is none, or when that can't be found out.
    pub async fn judge(&self, naming: &Naming) -> Result<(), Denial> {
        let answer = self.shown(&naming.silence).await?;
        match answer.status {
            200 => match naming.silence.is_confined(&answer.body, &naming.labels) {
                Ok(true) => Ok(()),
                Ok(false) => Err(Denial::Silence),
                Err(error) => Err(self.unread(&error)),
            },
            // To let it through would be to believe that every endpoint knows as little.
            404 => Err(Denial::Silence),
            status => {
                if status == 401 {
                    self.prepared.identities.refused(self.permit, self.now);
                }
                tracing::warn!(request = %self.seen.request, api = %self.permit.api().name, status, "an upstream does not show a silence");
                Err(Denial::SilenceUnread)
            }
        }
    }

    /// What the Alertmanager shows of it, by the first endpoint that answers.
    async fn shown(&self, silence: &Named) -> Result<Answer, Denial> {
        let fleet = &self.prepared.fleet;
        let mut tried = Tried::default();
        for tries in 1..=u8::MAX {
            let mut attempt = fleet.choose(self.permit, self.now, tried).map_err(|e| self.unread(&e))?;
            let upstream = attempt.pool().upstream();
            let spans = Spans::of(&upstream.timeouts, &self.permit.rule().timeouts, Coming::Whole);
            let head = self.head(silence, &attempt).map_err(|e| self.unread(&Unanswered::from(e)))?;
            match fleet.ask(&mut attempt, head, &spans, (self.memory, self.now)).await {
                Ok(answer) => {
                    attempt.answered(answer.status, || (self.caller(), self.now));
                    return Ok(answer);
                }
                Err(error) => {
                    let denial = self.unread(&error);
                    match error {
                        Unanswered::Exhausted(_) => {
                            attempt.forget();
                            return Err(Denial::Overloaded);
                        }
                        Unanswered::NoPeer(_) | Unanswered::Unreached(_) => attempt.unconnected(self.now),
                        _ => attempt.failed(self.now),
                    }
                    tried = tried.and(attempt.index());
                    if !attempt.pool().may_retry(tries) {
                        return Err(denial);
                    }
                }
            }
        }
        Err(Denial::SilenceUnread)
    }

    fn caller(&self) -> Caller {
        holds::holder(self.permit, &self.prepared.config, self.seen.client).into()
    }

    /// What a request of the caller for the silence would look like.
    fn head(&self, silence: &Named, attempt: &Attempt) -> pingora::Result<RequestHeader> {
        let issuer = &self.prepared.config.issuer;
        let mut head = RequestHeader::build(Method::GET, b"/", None)?;
        let facts = Facts {
            endpoint: attempt.endpoint(),
            request_id: self.seen.request.as_str(),
            trace: &self.seen.trace,
            session: None,
            name: None,
            identity: self.identity,
            client: self.seen.client.map(|c| c.ip()),
            scheme: if issuer.is_https() { "https" } else { "http" },
            issuer,
        };
        outbound::prepare(&mut head, self.permit, self.request, &facts)?;
        head.set_raw_path(outbound::located(self.permit, silence.path(), attempt.endpoint()).as_bytes())?;
        head.insert_header(ACCEPT, "application/json")?;
        Ok(head)
    }

    fn unread(&self, error: &(dyn std::error::Error + 'static)) -> Denial {
        tracing::warn!(request = %self.seen.request, api = %self.permit.api().name, error, "whose silence it is can't be found out");
        Denial::SilenceUnread
    }
}
