//! `grpc.health.v1.Health/Check`: one message each way.

use bytes::{BufMut as _, Bytes, BytesMut};
use prost::Message;

/// The method.
pub(super) const PATH: &str = "/grpc.health.v1.Health/Check";
/// Most bytes of an answer: it has one number.
pub(super) const MOST: usize = 1024;
/// Compression flag and length of a message.
const PREFIX: usize = 5;
/// `ServingStatus.SERVING`
const SERVING: i32 = 1;

/// `HealthCheckRequest`
#[derive(Clone, PartialEq, Message)]
struct Question {
    #[prost(string, tag = "1")]
    service: String,
}

/// `HealthCheckResponse`
#[derive(Clone, PartialEq, Message)]
struct Answer {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// Whether this service serves; an empty name asks about the server as a whole.
pub(super) fn question(service: &str) -> Bytes {
    let message = Question { service: service.to_owned() }.encode_to_vec();
    let mut frame = BytesMut::with_capacity(PREFIX + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.extend_from_slice(&message);
    frame.freeze()
}

/// Whether the body of an answer says so.
pub(super) fn serves(body: &[u8]) -> bool {
    let Some(([0, length @ ..], message)) = body.split_first_chunk::<PREFIX>() else { return false };
    let whole = usize::try_from(u32::from_be_bytes(*length)).is_ok_and(|length| length == message.len());
    whole && Answer::decode(message).is_ok_and(|answer| answer.status == SERVING)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_one_message() {
        assert_eq!(question("")[..], [0, 0, 0, 0, 0]);
        assert_eq!(question("a.B")[..], [0, 0, 0, 0, 5, 0x0A, 3, b'a', b'.', b'B']);
    }

    #[test]
    fn only_who_says_so_serves() {
        assert!(serves(&[0, 0, 0, 0, 2, 8, 1]));
        assert!(serves(&[0, 0, 0, 0, 4, 8, 1, 16, 9]), "fields of later versions");
        for body in [
            &[][..],
            &[0, 0, 0, 0, 0],
            &[0, 0, 0, 0, 2, 8, 0],
            &[0, 0, 0, 0, 2, 8, 2],
            &[1, 0, 0, 0, 2, 8, 1],
            &[0, 0, 0, 0, 3, 8, 1],
            &[0, 0, 0, 0, 1, 8],
            b"<html>",
        ] {
            assert!(!serves(body), "{body:?}");
        }
    }
}
