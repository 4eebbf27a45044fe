//! One optional value in a change of several: it stays as it is, it is set, or it goes back to the default.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What becomes of a value that may be absent: in JSON it stays when its field is absent, and is taken back by `null`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Setting<T> {
    /// It stays.
    #[default]
    Stays,
    /// It is taken away: what holds for all holds for this one.
    Default,
    /// It is set.
    To(T),
}

impl<T> Setting<T> {
    /// Whether it stays.
    #[must_use]
    pub const fn stays(&self) -> bool {
        matches!(self, Self::Stays)
    }

    /// The value after the change.
    #[must_use]
    pub fn over(self, before: Option<T>) -> Option<T> {
        match self {
            Self::Stays => before,
            Self::Default => None,
            Self::To(value) => Some(value),
        }
    }

    /// The same of another value.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn try_map<U, E>(self, make: impl FnOnce(T) -> Result<U, E>) -> Result<Setting<U>, E> {
        Ok(match self {
            Self::Stays => Setting::Stays,
            Self::Default => Setting::Default,
            Self::To(value) => Setting::To(make(value)?),
        })
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Setting<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<T>::deserialize(deserializer)?.map_or(Self::Default, Self::To))
    }
}

impl<T: Serialize> Serialize for Setting<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Stays | Self::Default => serializer.serialize_none(),
            Self::To(value) => value.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, PartialEq, Serialize)]
    struct Change {
        #[serde(default, skip_serializing_if = "Setting::stays")]
        seconds: Setting<u64>,
    }

    #[test]
    fn what_is_absent_stays_and_null_takes_back() {
        for (text, seconds, after) in [
            ("{}", Setting::Stays, Some(7)),
            (r#"{"seconds":null}"#, Setting::Default, None),
            (r#"{"seconds":9}"#, Setting::To(9), Some(9)),
        ] {
            let read: Change = serde_json::from_str(text).expect("a change");
            assert_eq!((&read, read.seconds.over(Some(7))), (&Change { seconds }, after), "{text}");
            assert_eq!(serde_json::to_string(&read).ok().as_deref(), Some(text));
        }
        assert!(serde_json::from_str::<Change>(r#"{"seconds":"x"}"#).is_err());
    }
}
