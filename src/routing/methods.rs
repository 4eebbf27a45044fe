//! The methods that a route allows.

use std::fmt;

use http::Method;

/// In the order in which `Allow` names them.
const KNOWN: [Method; 7] = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

/// A set of methods. TRACE, CONNECT and methods of extensions cannot be in it, so that no route can allow them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MethodSet(u8);

/// A method that no route can allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")]
pub struct MethodError(pub String);

impl MethodSet {
    /// No method.
    pub const EMPTY: Self = Self(0);
    /// Every method that a route can allow.
    pub const ALL: Self = Self(0x7F);

    /// Reads the names of methods, which are case-sensitive (RFC 9110 §9.1).
    ///
    /// # Errors
    /// With the first name that no route can allow.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, MethodError> {
        names.into_iter().try_fold(Self::EMPTY, |set, name| {
            let bit = KNOWN.iter().position(|m| m.as_str() == name).ok_or_else(|| MethodError(name.to_owned()))?;
            Ok(Self(set.0 | 1 << bit))
        })
    }

    /// Whether `method` is in the set.
    #[must_use]
    pub fn contains(self, method: &Method) -> bool {
        KNOWN.iter().position(|m| m == method).is_some_and(|bit| self.0 & (1 << bit) != 0)
    }

    /// All methods of both sets.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a method is in both sets.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether there is no method in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The methods, in a fixed order.
    pub fn iter(self) -> impl Iterator<Item = Method> {
        KNOWN.into_iter().enumerate().filter(move |(bit, _)| self.0 & (1 << bit) != 0).map(|(_, m)| m)
    }
}

/// As the value of an `Allow` header (RFC 9110 §10.2.1).
impl fmt::Display for MethodSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, method) in self.iter().enumerate() {
            if at > 0 {
                f.write_str(", ")?;
            }
            f.write_str(method.as_str())?;
        }
        Ok(())
    }
}
