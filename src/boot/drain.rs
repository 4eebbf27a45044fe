//! Signals: SIGTERM and SIGINT stop, SIGHUP reads the configuration again.

use tokio::signal::unix::{SignalKind, signal};

/// Waits for the signal to stop; runs `hangup` at every SIGHUP until then.
pub async fn signalled(hangup: impl Fn()) {
    let (Ok(mut term), Ok(mut int), Ok(mut hup)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()), signal(SignalKind::hangup()))
    else {
        // Without signal handlers the system's defaults end the process; the journal survives that.
        return std::future::pending().await;
    };
    loop {
        tokio::select! {
            _ = term.recv() => return,
            _ = int.recv() => return,
            _ = hup.recv() => hangup(),
        }
    }
}
