//! Conditions on the arguments of a call: which values a tool or prompt may be called with.

use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::scan::may_pass_for;
use crate::types::Template;

/// Where every path of a condition starts: the member of `params`.
const ROOT: &str = "arguments";

/// What one argument has to be. It has to be there: a default is the server's to choose, and may be anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    path: Box<[Box<str>]>,
    allowed: Vec<Allowed>,
}

/// One value that an argument may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// A text, once what it names of the caller is filled in.
    Text(Template),
    /// A whole number, written without fraction or exponent.
    Number(i64),
    /// True or false.
    Truth(bool),
}

/// Why text and values make no condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// It names no argument.
    #[error("must name an argument")]
    Path,
    /// Nothing is allowed.
    #[error("allows no value")]
    Nothing,
}

impl Condition {
    /// The argument at `path`, `arguments.` and names of members with dots between them, has to be one of `allowed`.
    ///
    /// # Errors
    /// When the path starts otherwise or has an empty name, or nothing is allowed.
    pub fn new(path: &str, allowed: Vec<Allowed>) -> Result<Self, ConditionError> {
        let names = path.strip_prefix(ROOT).and_then(|rest| rest.strip_prefix('.')).ok_or(ConditionError::Path)?;
        let path: Box<[Box<str>]> = names.split('.').map(Box::from).collect();
        if path.iter().any(|name| name.is_empty() || name.chars().any(char::is_control)) {
            return Err(ConditionError::Path);
        }
        if allowed.is_empty() { Err(ConditionError::Nothing) } else { Ok(Self { path, allowed }) }
    }

    /// Whether the arguments meet it. `fill` fills in what a text names of the caller. Of a list every element has to be allowed,
    /// and there has to be one. A member that some reader takes for one of the path's is refused: it could be what the server
    /// reads.
    #[must_use]
    pub fn holds(&self, arguments: &Map<String, Value>, fill: &dyn Fn(&Template) -> String) -> bool {
        let Some((last, above)) = self.path.split_last() else { return false };
        let mut members = arguments;
        for name in above {
            let Some(Value::Object(below)) = sure(members, name) else { return false };
            members = below;
        }
        match sure(members, last) {
            Some(Value::Array(items)) => !items.is_empty() && items.iter().all(|item| self.allows(item, fill)),
            Some(one) => self.allows(one, fill),
            None => false,
        }
    }

    fn allows(&self, value: &Value, fill: &dyn Fn(&Template) -> String) -> bool {
        self.allowed.iter().any(|allowed| match (allowed, value) {
            (Allowed::Text(template), Value::String(text)) => {
                let wanted = fill(template);
                // What a template came to empty for would mean nothing in particular to the server, so perhaps everything.
                wanted == *text && (!wanted.is_empty() || template.is_empty())
            }
            (Allowed::Number(number), Value::Number(value)) => value.as_i64() == Some(*number),
            (Allowed::Truth(truth), Value::Bool(value)) => truth == value,
            _ => false,
        })
    }
}

/// The path as it is written.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ROOT)?;
        self.path.iter().try_for_each(|name| write!(f, ".{name}"))
    }
}

/// The member `name`, where no other member may pass for it.
fn sure<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let value = members.get(name)?;
    let alone = members.keys().all(|key| key == name || !may_pass_for(name, key));
    alone.then_some(value)
}

/// `params.arguments` of a message that [`super::parse`] took; `None` when there is no such object.
#[must_use]
pub fn arguments(body: &[u8]) -> Option<Map<String, Value>> {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        params: Option<Params<'a>>,
    }
    #[derive(Deserialize)]
    struct Params<'a> {
        #[serde(borrow)]
        arguments: Option<&'a RawValue>,
    }
    let body: Body<'_> = serde_json::from_slice(body).ok()?;
    serde_json::from_str(body.params?.arguments?.get()).ok()
}
