//! How long one connection may be busy before the others have their turn.
//!
//! tokio lets a task read or write 128 times before it has to yield. For most connections that is no time; but when each read brings
//! hundreds of frames that cost their sender nothing, it is tens of milliseconds for everybody else on the thread. Such a
//! connection gets shorter turns, and lets others go first before each: a request of theirs is several turns, and should not
//! wait for as many long ones.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::task::coop::poll_proceed;
use tokio::task::yield_now;

/// How long a turn should take at most.
const LONG: Duration = Duration::from_micros(500);
/// Reads and writes that tokio allows in a turn.
const OF_TOKIO: u32 = 128;
/// Those that everybody gets.
const LEAST: u32 = 2;
/// How often everybody else has a turn before one of a connection whose last was long. Where nobody else has anything to do, this
/// is a fraction of the long turn itself.
const LET_BY: u32 = 32;

/// Reads and writes of a connection's next turn: as many as took no longer than [`LONG`] before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Turn(u32);

impl Turn {
    /// Of a connection that nobody knows: who is thrown out and comes back must not begin with a long one.
    const FIRST: Self = Self(LEAST);

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

/// Runs a connection in turns that are short, and behind those of others, where it makes them long. Not to be used inside of
/// itself: the outer turn would count for the inner one.
pub(super) async fn in_turns<F: Future>(connection: F) -> F::Output {
    let mut connection = pin!(connection);
    let mut turn = Turn::FIRST;
    loop {
        let polled = poll_fn(|cx| {
            turn.begin(cx);
            let begun = Instant::now();
            let polled = connection.as_mut().poll(cx);
            Poll::Ready((polled, begun.elapsed()))
        });
        let (polled, took) = polled.await;
        if let Poll::Ready(output) = polled {
            return output;
        }
        woken().await;
        if took > LONG {
            for _ in 0..LET_BY {
                yield_now().await;
            }
        }
        turn = turn.after(took);
    }
}

/// Waits for whatever the task that was just polled waits for.
async fn woken() {
    let mut asleep = true;
    poll_fn(|_| if std::mem::take(&mut asleep) { Poll::Pending } else { Poll::Ready(()) }).await;
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use tokio::task::coop::consume_budget;
    use tokio::task::{LocalSet, spawn_local, yield_now};

    use super::*;

    #[test]
    fn turns_become_long_while_they_take_no_time_and_short_again() {
        let (long, short) = (LONG + Duration::from_nanos(1), LONG);
        let mut turn = Turn::FIRST;
        for wanted in [4, 8, 16, 32, 64, 128, 128] {
            turn = turn.after(short);
            assert_eq!(turn, Turn(wanted));
        }
        for wanted in [64, 32, 16, 8, 4, 2, 2] {
            turn = turn.after(long);
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

    /// What something greedy does, once it is known, in each of 64 rounds of a neighbour.
    async fn steps(greedy: impl Future + 'static, done: Rc<Cell<u32>>) -> Vec<u32> {
        let task = spawn_local(async move { drop(greedy.await) });
        let mut steps = Vec::new();
        // Whatever its first turns are like.
        while done.get() < OF_TOKIO * 3 {
            yield_now().await;
        }
        for _ in 0..2 * LET_BY {
            let before = done.get();
            yield_now().await;
            steps.push(done.get() - before);
        }
        task.abort();
        steps
    }

    #[tokio::test]
    async fn who_always_has_more_to_do_lets_others_in_between() {
        LocalSet::new()
            .run_until(async {
                let done = Rc::new(Cell::new(0));
                let alone = steps(greed(Rc::clone(&done)), Rc::clone(&done)).await;
                assert!(alone.iter().all(|steps| *steps > 100), "{alone:?}");
                let done = Rc::new(Cell::new(0));
                let in_turn = steps(in_turns(greed(Rc::clone(&done))), done).await;
                // Of eight steps, each a fifth of a long turn, there are never two turns in a row.
                let (turns, most) = (in_turn.iter().filter(|steps| **steps > 0).count(), in_turn.iter().max());
                assert!(turns <= 16 && most.is_some_and(|most| *most <= 8), "{in_turn:?}");
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
