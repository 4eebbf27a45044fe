//! Signals: SIGTERM and SIGINT stop, a second one ends the stop at once, a third one the process. SIGHUP reads the configuration again.

use std::convert::Infallible;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Waits for the signal to stop; runs `hangup` at every SIGHUP until then. From then on these signals do nothing by themselves; an
/// application that wants to be told again waits again.
pub async fn signalled(hangup: impl Fn()) {
    // Without signal handlers the system's defaults end the process; the journal survives that.
    let Some(mut signals) = Signals::listen() else { return std::future::pending().await };
    signals.stop(hangup).await;
}

/// The signals of this process, from when it began to listen.
pub(super) struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
}

impl Signals {
    /// Takes them over; `None` when they can't be had.
    pub(super) fn listen() -> Option<Self> {
        let (term, int, hup) = (SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup());
        Some(Self { term: signal(term).ok()?, int: signal(int).ok()?, hup: signal(hup).ok()? })
    }

    /// Waits for the next signal to stop; runs `hangup` at every SIGHUP until then.
    pub(super) async fn stop(&mut self, hangup: impl Fn()) -> SignalKind {
        loop {
            tokio::select! {
                _ = self.term.recv() => return SignalKind::terminate(),
                _ = self.int.recv() => return SignalKind::interrupt(),
                _ = self.hup.recv() => hangup(),
            }
        }
    }
}

/// Waits for `stopping`, and for whoever does not want to wait that long: told to stop once more, `hurry` is cancelled, which ends
/// what is under way and leaves the rest as it is. Told a third time, it gives the signal by which the process has to end as it is:
/// what was to end at once did not.
pub(super) async fn wait(
    stopping: impl Future<Output = ()>,
    mut again: impl AsyncFnMut() -> SignalKind,
    hurry: &CancellationToken,
) -> Result<(), SignalKind> {
    tokio::pin!(stopping);
    tokio::select! {
        () = &mut stopping => return Ok(()),
        _ = again() => {}
    }
    tracing::warn!("told to stop again: what is under way is cut");
    hurry.cancel();
    tokio::select! {
        () = stopping => Ok(()),
        signal = again() => Err(signal),
    }
}

/// Ends the process as the signal would have without us: nothing is waited for. The journal survives that.
pub(super) fn end(signal: SignalKind) -> Infallible {
    tracing::error!("told to stop a third time: the process ends as it is");
    std::process::exit(128 + signal.as_raw_value())
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use tokio::sync::mpsc;

    use super::*;

    /// A stop that takes as long as it may, and one that never ends.
    #[tokio::test]
    async fn the_second_signal_hurries_and_the_third_ends() {
        let (send, mut came) = mpsc::unbounded_channel();
        let mut next = async || came.recv().await.expect("a signal");
        let hurry = CancellationToken::new();
        assert_eq!(wait(ready(()), &mut next, &hurry).await, Ok(()));
        assert!(!hurry.is_cancelled(), "nobody asked for that");
        send.send(SignalKind::terminate()).expect("room");
        assert_eq!(wait(hurry.cancelled(), &mut next, &hurry).await, Ok(()));
        assert!(hurry.is_cancelled());
        for signal in [SignalKind::terminate(), SignalKind::interrupt()] {
            send.send(signal).expect("room");
        }
        let ended = wait(pending(), &mut next, &CancellationToken::new()).await;
        assert_eq!(ended, Err(SignalKind::interrupt()));
    }
}
