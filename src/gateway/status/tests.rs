use http::{HeaderMap, HeaderValue, StatusCode, Version};

use super::{Code, Form, Status, is_grpc, percent_encoded};

fn typed(value: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(value));
    headers
}

#[test]
fn grpc_calls_are_known_by_their_type() {
    for (value, grpc) in [
        ("application/grpc", true),
        ("application/grpc+proto", true),
        ("application/grpc; charset=utf-8", true),
        ("application/grpc-web+proto", false),
        ("application/grpcx", false),
        ("application/json", false),
        ("", false),
    ] {
        assert_eq!(is_grpc(&typed(value)), grpc, "{value}");
    }
    assert_eq!(Form::of(Version::HTTP_2, &typed("application/grpc"), None), Form::Grpc);
    assert_eq!(Form::of(Version::HTTP_11, &typed("application/grpc"), None), Form::Problem);
}

#[test]
fn every_status_has_a_code() {
    for (status, code) in [
        (400, 3),
        (401, 16),
        (403, 7),
        (404, 12),
        (405, 12),
        (408, 4),
        (411, 3),
        (413, 3),
        (421, 3),
        (429, 8),
        (502, 14),
        (503, 14),
        (504, 4),
    ] {
        let status = StatusCode::from_u16(status).expect("a status");
        assert_eq!(Code::of(status) as u8, code, "{status}");
    }
}

/// The bytes are those that the protobuf library of Python writes for the same message.
#[test]
fn a_status_is_written_as_its_proto_says() {
    let status = Status {
        code: Code::ResourceExhausted,
        message: "wait".into(),
        reason: "RATE_LIMITED".into(),
        domain: "gw.test",
        metadata: vec![("request_id", "r".into())],
        retry: Some(300),
    };
    let info = b"\x0a\x0cRATE_LIMITED\x12\x07gw.test\x1a\x0f\x0a\x0arequest_id\x12\x01r";
    let info_any =
        [b"\x0a\x28type.googleapis.com/google.rpc.ErrorInfo\x12".as_slice(), &[u8::try_from(info.len()).expect("short")], info]
            .concat();
    let retry_any = [b"\x0a\x28type.googleapis.com/google.rpc.RetryInfo\x12".as_slice(), b"\x05\x0a\x03\x08\xac\x02"].concat();
    let mut expected = b"\x08\x08\x12\x04wait".to_vec();
    for any in [info_any, retry_any] {
        expected.extend_from_slice(&[0x1a, u8::try_from(any.len()).expect("short")]);
        expected.extend_from_slice(&any);
    }
    assert_eq!(status.protobuf(), expected);
    let json: serde_json::Value = serde_json::from_slice(&status.json()).expect("JSON");
    assert_eq!((&json["code"], &json["details"][1]["retryDelay"]), (&serde_json::json!(8), &serde_json::json!("300s")));
}

#[test]
fn messages_are_escaped() {
    assert_eq!(percent_encoded("100 % of `a`…\n"), "100 %25 of `a`%E2%80%A6%0A");
}
