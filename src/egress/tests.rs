use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
use aws_lc_rs::encoding::{AsDer as _, EcPrivateKeyRfc5915Der};
use rcgen::{CertificateParams, KeyPair};

use super::*;

fn url(text: &str) -> Url {
    Url::parse(text).expect("a URL")
}

#[test]
fn a_name_takes_the_place_of_the_host_in_the_handshake_alone() {
    let table = [
        ("https://10.0.0.7/token", "https://idp.test/token", "10.0.0.7", "10.0.0.7"),
        ("https://inner:8443/a/token?b=c", "https://idp.test:8443/a/token?b=c", "inner:8443", "inner"),
        ("https://[2001:db8::1]:8443/token", "https://idp.test:8443/token", "[2001:db8::1]:8443", "2001:db8::1"),
    ];
    for (text, asked, said, found) in table {
        let Renamed { url, host, finder } = Renamed::of(&url(text), "idp.test").expect("a name");
        assert_eq!((url.as_str(), host.to_str().expect("text"), &*finder.0), (asked, said, found));
    }
    for name in ["10.0.0.1", "10.1", "1", "a b", ""] {
        assert!(Renamed::of(&url("https://idp.test/token"), name).is_none(), "{name:?} is no name of a host");
    }
}

#[tokio::test]
async fn whatever_is_asked_for_the_configured_host_is_found() {
    let name = "idp.test".parse().expect("a name");
    let found: Vec<_> = Finder("127.0.0.7".into()).resolve(name).await.expect("an address").collect();
    assert_eq!(found, ["127.0.0.7:0".parse().expect("an address")]);
}

#[test]
fn keys_of_each_kind_are_handed_over() {
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new(vec!["gate.test".to_owned()]).expect("parameters").self_signed(&key).expect("one");
    let sec1 = PrivateKey::generate(&ECDH_P256).expect("a key");
    let sec1: EcPrivateKeyRfc5915Der<'_> = sec1.as_der().expect("a document");
    for (der, kind) in [(key.serialize_der(), "PRIVATE KEY"), (sec1.as_ref().to_vec(), "EC PRIVATE KEY")] {
        let chain = vec![certificate.der().to_vec(), certificate.der().to_vec()];
        let text = pem(&CertKey::new(chain, der));
        assert!(text.starts_with(&format!("-----BEGIN {kind}-----")), "{kind}");
        assert_eq!(text.matches("BEGIN CERTIFICATE").count(), 2, "the whole chain");
        assert!(Identity::from_pem(text.as_bytes()).is_ok(), "{kind}");
    }
}
