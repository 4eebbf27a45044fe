//! How long certificates are good for, as the metrics tell it.

use std::time::Duration;

use tollgate::types::Clock as _;

use super::metrics;
use crate::harness::certificates::{Authority, write};
use crate::harness::{Gateway, Setup, within};

/// Midnights of 2030 to 2035, seconds since 1970.
const Y2030: i64 = 1_893_456_000;
const Y2031: i64 = 1_924_992_000;
const Y2032: i64 = 1_956_528_000;
const Y2033: i64 = 1_988_150_400;
const Y2034: i64 = 2_019_686_400;

#[tokio::test(flavor = "multi_thread")]
async fn every_file_says_to_the_second_how_long_it_is_good_for() {
    let held = tempfile::tempdir().expect("a directory");
    let at = |name: &str| held.path().join(name).display().to_string();
    let long = Authority::until((2040, 1, 1));
    let (cert, key) = long.leaf_until(&["gw.test"], (2030, 1, 1)).write(held.path(), "listener");
    // The one that ends first is not the first of its file.
    write(&held.path().join("clients.pem"), &(long.0.pem() + &Authority::until((2031, 1, 1)).0.pem()));
    write(&held.path().join("upstream.pem"), &Authority::until((2032, 1, 1)).0.pem());
    let (own, own_key) = long.leaf_until(&["gateway.test"], (2033, 1, 1)).write(held.path(), "own");
    let listen = format!("tls = {{ cert = {cert:?}, key = {key:?}, client_ca = {:?} }}", at("clients.pem"));
    let upstream = format!(
        "[[upstreams]]\nname = \"inner\"\nendpoints = [\"https://127.0.0.1:1\"]\n\
         tls = {{ ca = {:?}, client_cert = {own:?}, client_key = {own_key:?} }}\n",
        at("upstream.pem")
    );
    let gw = Gateway::start_with(Setup { listen, more: upstream.clone(), file: true, ..Setup::default() }).await;
    let told = async |what: &str, expected: &[(&str, &str, i64)]| {
        let now = gw.clock.now().millis().div_euclid(1_000);
        let line = |(side, file, ends): &(&str, &str, i64)| {
            format!("tollgate_certificate_expiry_seconds{{file=\"{}\",side=\"{side}\"}} {}", at(file), ends - now)
        };
        let mut expected: Vec<_> = expected.iter().map(line).collect();
        expected.sort_unstable();
        within(what, async {
            loop {
                let text = metrics(&gw).await;
                let mut found: Vec<_> = text.lines().filter(|l| l.starts_with("tollgate_certificate_expiry_seconds{")).collect();
                found.sort_unstable();
                if found == expected {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    };
    let listener = [("listener", "listener.pem", Y2030), ("listener", "clients.pem", Y2031)];
    let upstreams = [("upstream", "upstream.pem", Y2032), ("upstream", "own.pem", Y2033)];
    told("all of them", &[listener, upstreams].concat()).await;
    gw.clock.advance(Duration::from_secs(12_345));
    told("less of each", &[listener, upstreams].concat()).await;

    write(&held.path().join("clients.pem"), &Authority::until((2034, 1, 1)).0.pem());
    let changed = [("listener", "listener.pem", Y2030), ("listener", "clients.pem", Y2034)];
    told("authorities that were changed", &[changed, upstreams].concat()).await;
    gw.rewrite(&gw.text().replace(&upstream, ""));
    assert!(gw.running.reload());
    told("nothing of files that nobody names", &changed).await;
    gw.running.stop().await;
}
