//! How long the caller of a gRPC method waits: `grpc-timeout` (gRPC over HTTP/2, "Requests").

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::status;

/// `grpc-timeout`
pub const TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// The longest number that it may have.
const DIGITS: usize = 8;

/// How long the caller of a method waits from when the call came; `None` where it is no call, or nothing that can be read says so.
#[must_use]
pub fn of(headers: &HeaderMap) -> Option<Duration> {
    let mut values = headers.get_all(TIMEOUT).iter().filter(|_| status::is_grpc(headers));
    let (only, None) = (values.next()?, values.next()) else { return None };
    let (number, unit) = only.to_str().ok()?.split_at_checked(only.len().checked_sub(1)?)?;
    if number.is_empty() || number.len() > DIGITS || !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number = number.parse::<u64>().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

/// What is left of it, as it is told to the upstream: never nothing, and never more than there is.
#[must_use]
pub fn written(left: Duration) -> HeaderValue {
    let units = [(left.as_micros(), 'u'), (left.as_millis(), 'm'), (u128::from(left.as_secs()), 'S')];
    let fits = units.into_iter().find(|(number, _)| *number < 10_u128.pow(8));
    let (number, unit) = fits.unwrap_or_else(|| (u128::from(left.as_secs() / 3600).min(99_999_999), 'H'));
    HeaderValue::try_from(format!("{}{unit}", number.max(1))).unwrap_or_else(|_| HeaderValue::from_static("1u"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(values: &[&str], kind: &'static str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static(kind));
        for value in values {
            headers.append(TIMEOUT, HeaderValue::from_str(value).expect("a header"));
        }
        of(&headers)
    }

    #[test]
    fn a_timeout_is_a_number_and_a_unit() {
        for (text, wanted) in [
            ("1H", Some(Duration::from_secs(3600))),
            ("2M", Some(Duration::from_secs(120))),
            ("3S", Some(Duration::from_secs(3))),
            ("40m", Some(Duration::from_millis(40))),
            ("5u", Some(Duration::from_micros(5))),
            ("0n", Some(Duration::ZERO)),
            ("99999999H", Some(Duration::from_secs(99_999_999 * 3600))),
            ("100000000n", None),
            ("1", None),
            ("S", None),
            ("", None),
            ("-1S", None),
            ("1 S", None),
            ("1s", None),
        ] {
            assert_eq!(read(&[text], "application/grpc+proto"), wanted, "{text}");
        }
        assert_eq!(read(&["1S", "2S"], "application/grpc"), None, "two are none");
        assert_eq!(read(&["1S"], "application/json"), None, "of calls alone");
        assert_eq!(read(&[], "application/grpc"), None);
    }

    proptest! {
        #[test]
        fn what_is_left_is_written_so_that_it_is_no_more(nanos in 0_u64..) {
            let left = Duration::from_nanos(nanos);
            let text = written(left);
            let told = read(&[text.to_str().expect("text")], "application/grpc").expect("a timeout");
            prop_assert!(told <= left.max(Duration::from_micros(1)), "{text:?} of {left:?}");
            prop_assert!(told + left / 100 + Duration::from_millis(1) >= left || left > Duration::from_secs(99_999_999));
        }
    }
}
