//! MCP tasks, bound to whose call became one.
//!
//! A server gives a task to whoever says its id, so a client carries that id with a seal, as it does that of a session
//! ([`super::mcp_session`]): a MAC over id, organization, user and route, stored nowhere, good on every node and after a
//! restart.
//!
//! A list of tasks can't be checked by that seal. It comes from the server, with bare ids and without a word of whose they are;
//! and if the gate sealed whatever is listed, everybody would get a good seal for everybody's tasks. So each node remembers the
//! tasks that it saw being made ([`Made`]), and a list shows those and no others. It may leave out a task of the caller's; it
//! never shows one of somebody else's.

mod made;

use std::sync::Arc;

use http::HeaderValue;

pub use made::Made;
use made::Mark;

use super::authorize::Permit;
use super::denial::Denial;
use super::mcp_session::{bound, mac, unbound};
use crate::mcp::{self, Bared, Headers, Owned};
use crate::token::KeyRing;

const PURPOSE: &str = "mcp-task";
/// What marks an owner; no task is marked so.
const OWNER: &str = "mcp-task-owner";
/// Longest id that is sealed, bytes.
const LONGEST: usize = 1024;

/// What a request says of tasks.
#[derive(Debug)]
pub struct Asked {
    /// The bare ids that it names.
    named: Vec<String>,
    /// Whether its answers may be those that make a task.
    makes: bool,
    /// What goes to the server in place of the body.
    pub body: Option<String>,
    /// And in place of `Mcp-Name`.
    pub name: Option<HeaderValue>,
}

/// The tasks of a message without their seals.
///
/// # Errors
/// [`Denial::Task`] when it asks for one that is not the caller's.
pub fn opened(call: Option<&mcp::Call>, body: &[u8], keys: &KeyRing, permit: &Permit) -> Result<Asked, Denial> {
    let text = std::str::from_utf8(body).map_err(|_| Denial::Task)?;
    let open = |sealed: &str| unbound(PURPOSE, sealed, keys, permit).map(str::to_owned);
    let Bared { body, named } = mcp::bare_tasks(text, &open).map_err(|_| Denial::Task)?;
    let is_theirs = call.is_some_and(|call| call.tasks);
    let name = named.first().filter(|_| is_theirs).and_then(|id| Headers::named(id));
    Ok(Asked { named, makes: !is_theirs, body, name })
}

impl Asked {
    /// Of a stream: it may replay any answer of its session.
    #[must_use]
    pub const fn stream() -> Self {
        Self { named: Vec::new(), makes: true, body: None, name: None }
    }

    /// What the answers are read by.
    #[must_use]
    pub fn owned(&self, made: &Arc<Made>, keys: &Arc<KeyRing>, permit: &Arc<Permit>) -> Arc<dyn Owned> {
        let (made, keys, permit) = (Arc::clone(made), Arc::clone(keys), Arc::clone(permit));
        Arc::new(Tasks { named: self.named.clone(), makes: self.makes, made, keys, permit })
    }
}

/// One caller's tasks.
struct Tasks {
    named: Vec<String>,
    makes: bool,
    made: Arc<Made>,
    keys: Arc<KeyRing>,
    permit: Arc<Permit>,
}

impl std::fmt::Debug for Tasks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tasks").field("named", &self.named).field("makes", &self.makes).finish_non_exhaustive()
    }
}

impl Tasks {
    /// Whose the task is, and which.
    fn marks(&self, id: &str) -> Option<(Mark, Mark)> {
        let mark = |purpose, id| mac(purpose, id, &self.keys, &self.permit).map(Mark);
        mark(OWNER, "").zip(mark(PURPOSE, id))
    }
}

impl Owned for Tasks {
    fn is_own(&self, id: &str) -> bool {
        self.named.iter().any(|named| named == id) || self.marks(id).is_some_and(|(owner, task)| self.made.knows(owner, task))
    }

    fn made(&self, id: &str) {
        if let Some((owner, task)) = self.marks(id) {
            self.made.remember(owner, task);
        }
    }

    fn makes(&self) -> bool {
        self.makes
    }

    fn sealed(&self, id: &str) -> Option<String> {
        let fits = (1..=LONGEST).contains(&id.len()) && !id.chars().any(char::is_control);
        fits.then(|| bound(PURPOSE, id, &self.keys, &self.permit)).flatten()
    }
}
