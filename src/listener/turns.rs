//! How long one connection may be busy before the others have their turn.
//!
//! tokio lets a task read or write 128 times before it has to yield. For most connections that is no time; but when each read brings
//! hundreds of frames that cost their sender nothing, it is tens of milliseconds for everybody else on the thread.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::task::coop::poll_proceed;

/// How long a turn should take at most.
const LONG: Duration = Duration::from_micros(500);
/// Reads and writes that tokio allows in a turn.
const OF_TOKIO: u32 = 128;
/// Those that everybody gets.
const LEAST: u32 = 2;

/// Reads and writes of a connection's next turn: as many as took no longer than [`LONG`] before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Turn(u32);

impl Turn {
    const WHOLE: Self = Self(OF_TOKIO);

    fn after(self, took: Duration) -> Self {
        if took > LONG { Self((self.0 / 2).max(LEAST)) } else { Self((self.0 * 2).min(OF_TOKIO)) }
    }

    /// Uses up what tokio allows beyond it.
    fn begin(self, cx: &mut Context<'_>) {
        for _ in self.0..OF_TOKIO {
            match poll_proceed(cx) {
                Poll::Ready(one) => one.made_progress(),
                Poll::Pending => return,
            }
        }
    }
}

/// Runs a connection in turns that are short where it makes them long. Not to be used inside of itself: the outer turn would count
/// for the inner one.
pub(super) async fn in_turns<F: Future>(connection: F) -> F::Output {
    let mut connection = pin!(connection);
    let mut turn = Turn::WHOLE;
    poll_fn(|cx| {
        turn.begin(cx);
        let begun = Instant::now();
        let polled = connection.as_mut().poll(cx);
        turn = turn.after(begun.elapsed());
        polled
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use tokio::task::coop::consume_budget;
    use tokio::task::{LocalSet, spawn_local, yield_now};

    use super::*;

    #[test]
    fn turns_become_short_where_they_take_long_and_whole_again() {
        let (long, short) = (LONG + Duration::from_nanos(1), LONG);
        let mut turn = Turn::WHOLE;
        assert_eq!(turn.after(short), Turn::WHOLE);
        for wanted in [64, 32, 16, 8, 4, 2, 2] {
            turn = turn.after(long);
            assert_eq!(turn, Turn(wanted));
        }
        for wanted in [4, 8, 16, 32, 64, 128, 128] {
            turn = turn.after(short);
            assert_eq!(turn, Turn(wanted));
        }
    }

    /// Never has nothing to do, and takes a fifth of a long turn for each step.
    async fn greed(done: Rc<Cell<u32>>) {
        loop {
            consume_budget().await;
            let begun = Instant::now();
            while begun.elapsed() < LONG / 5 {}
            done.set(done.get() + 1);
        }
    }

    /// What something greedy does between two turns of a neighbour, once it is known.
    async fn steps(greedy: impl Future + 'static, done: Rc<Cell<u32>>) -> u32 {
        let task = spawn_local(async move { drop(greedy.await) });
        let mut most = 0;
        for round in 0..20 {
            let before = done.get();
            yield_now().await;
            // The first turns are how it becomes known.
            if round >= 10 {
                most = most.max(done.get() - before);
            }
        }
        task.abort();
        most
    }

    #[tokio::test]
    async fn who_always_has_more_to_do_lets_others_in_between() {
        LocalSet::new()
            .run_until(async {
                let done = Rc::new(Cell::new(0));
                let alone = steps(greed(Rc::clone(&done)), Rc::clone(&done)).await;
                let in_turn = steps(in_turns(greed(Rc::clone(&done))), done).await;
                // Of eight steps, each a fifth of a long turn, there are never two turns in a row.
                assert!((1..=8).contains(&in_turn) && alone > 100, "{in_turn} instead of {alone}");
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
