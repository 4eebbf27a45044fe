//! How much one connection may do before the others have their turn.
//!
//! tokio lets a task read or write 128 times before it has to yield. That is tens of milliseconds for everybody else on its thread
//! when each read brings hundreds of frames that cost their sender nothing.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll};

use tokio::task::coop::poll_proceed;

/// Reads and writes of one turn. Those of an ordinary request fit into one.
const TURN: u32 = 16;
/// Those that tokio allows.
const OF_TOKIO: u32 = 128;

/// Runs a connection in short turns. Not to be used inside of itself: nothing would be left of the inner one's turns.
pub(super) async fn in_turns<F: Future>(connection: F) -> F::Output {
    let mut connection = pin!(connection);
    poll_fn(|cx| {
        spend(cx);
        connection.as_mut().poll(cx)
    })
    .await
}

/// Uses up what tokio allows beyond a turn.
fn spend(cx: &mut Context<'_>) {
    for _ in TURN..OF_TOKIO {
        match poll_proceed(cx) {
            Poll::Ready(one) => one.made_progress(),
            Poll::Pending => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use tokio::task::coop::consume_budget;
    use tokio::task::{LocalSet, spawn_local, yield_now};

    use super::*;

    /// The most that something greedy does between two turns of a neighbour.
    async fn most<F: Future + 'static>(greedy: impl FnOnce(Rc<Cell<u32>>) -> F) -> u32 {
        let done = Rc::new(Cell::new(0));
        let work = greedy(Rc::clone(&done));
        let task = spawn_local(async move { drop(work.await) });
        let mut most = 0;
        for _ in 0..100 {
            let before = done.get();
            yield_now().await;
            most = most.max(done.get() - before);
        }
        task.abort();
        most
    }

    async fn greed(done: Rc<Cell<u32>>) {
        loop {
            consume_budget().await;
            done.set(done.get() + 1);
        }
    }

    #[tokio::test]
    async fn who_always_has_more_to_do_lets_others_in_between() {
        LocalSet::new()
            .run_until(async {
                let alone = most(greed).await;
                let in_turn = most(|done| in_turns(greed(done))).await;
                assert!((1..=TURN).contains(&in_turn) && alone > TURN, "{in_turn} instead of {alone}");
            })
            .await;
    }

    #[tokio::test]
    async fn what_ends_ends_with_its_result() {
        let ends = async {
            for _ in 0..1000 {
                consume_budget().await;
            }
            7
        };
        assert_eq!(in_turns(ends).await, 7);
    }
}
