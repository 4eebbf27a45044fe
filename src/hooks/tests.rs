//! Signatures, pauses, and which operations are events.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretSlice;

use super::event::of_operation;
use super::schedule::pause;
use super::send::signature;
use crate::config::HookEvent;
use crate::record::Operation;
use crate::types::SeededEntropy;

/// The example of the Standard Webhooks specification.
#[test]
fn signatures_are_those_of_standard_webhooks() {
    let secret = SecretSlice::from(STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("base64"));
    let body = "{\"test\": 2432232314}";
    let signed = signature(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
    assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    assert_ne!(signature(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_331, body), signed);
}

#[test]
fn what_is_put_before_hooks_is_what_they_know() {
    for operation in Operation::ALL {
        assert_eq!(operation.is_security_event(), of_operation(*operation).is_some(), "{}", operation.name());
    }
    for event in HookEvent::ALL {
        assert!(Operation::ALL.iter().any(|o| of_operation(*o) == Some(event)), "{}", event.name());
        assert_eq!(serde_json::to_value(event).ok(), Some(serde_json::json!(event.name())));
    }
}

#[test]
fn every_revocation_is_told_or_says_why_not() {
    let untold = [
        (Operation::GrantRevokeUser, "its user ended it, or agreed to another in its place"),
        (Operation::GrantRevokeClient, "the application gave it back, or asks for nothing more that it holds"),
    ];
    let mut seen = 0;
    for operation in Operation::ALL.iter().filter(|operation| operation.name().starts_with("grant.revoke.")) {
        let told = of_operation(*operation) == Some(HookEvent::GrantRevoked);
        let why = untold.iter().find(|(which, _)| which.name() == operation.name()).map(|(_, why)| *why);
        assert_eq!(told, why.is_none(), "{}: {why:?}", operation.name());
        seen += 1;
    }
    assert!(seen > untold.len(), "{seen} revocations");
}

#[test]
fn pauses_double_up_to_an_hour_and_differ() {
    let entropy = SeededEntropy::new(3);
    for (attempt, whole) in [(1, 5), (2, 10), (5, 80), (10, 2560), (11, 3600), (40, 3600), (u32::MAX, 3600)] {
        let whole = Duration::from_secs(whole);
        let pauses: Vec<_> = (0..20).map(|_| pause(attempt, &entropy)).collect();
        assert!(pauses.iter().all(|p| (whole / 2..=whole).contains(p)), "{attempt}: {pauses:?}");
        assert!(pauses.iter().any(|p| *p != pauses[0]), "{attempt}");
    }
}
