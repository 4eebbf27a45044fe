use futures::FutureExt as _;

use super::*;

const ACME: Caller = Caller::Org(1);
const GLOBEX: Caller = Caller::Org(2);
const MOST: Duration = Duration::from_millis(20);
const ROOM: u32 = 100_000;

/// A queue of a node that was late just now.
fn crowded(room: u32) -> Queue {
    let queue = Queue::new(room);
    queue.tick(Waited::For(MOST), MOST);
    queue
}

fn wait(queue: &Queue, caller: Caller, times: usize, came: Instant) -> Vec<Waiting<'_>> {
    (0..times).map(|_| queue.join(|| caller, came).expect("room").expect("it waits")).collect()
}

/// How many of them were begun, and how many were shed.
fn told(waiting: &mut Vec<Waiting<'_>>) -> (usize, usize) {
    let (mut begun, mut shed) = (0, 0);
    waiting.retain_mut(|one| {
        let told = one.told.as_mut().and_then(FutureExt::now_or_never);
        if told.is_some() {
            one.told = None;
        }
        begun += usize::from(matches!(told, Some(Ok(Ok(())))));
        shed += usize::from(matches!(told, Some(Ok(Err(Passed)))));
        told.is_none()
    });
    (begun, shed)
}

fn begun(waiting: &mut Vec<Waiting<'_>>) -> usize {
    let (begun, shed) = told(waiting);
    assert_eq!(shed, 0);
    begun
}

fn passes(queue: &Queue) -> bool {
    matches!(queue.join(|| ACME, Instant::now()), Ok(None))
}

#[test]
fn nobody_waits_where_nobody_calls() {
    let (queue, now) = (crowded(ROOM), Instant::now());
    assert!(passes(&queue));
    let attendant = queue.attend();
    let mut waiting = wait(&queue, ACME, 10, now);
    drop(attendant);
    assert_eq!((begun(&mut waiting), queue.waiting()), (10, 0));
    assert!(passes(&queue));
}

#[test]
fn they_stand_in_line_from_the_first_wait_until_there_was_none_for_a_while() {
    let (queue, now) = (Queue::new(ROOM), Instant::now());
    let attendant = queue.attend();
    queue.tick(Waited::For(MOST / EARLY), MOST);
    assert!(passes(&queue), "hardly anything waits");
    queue.tick(Waited::Still(MOST / EARLY + Duration::from_micros(1)), MOST);
    let crowd = wait(&queue, ACME, FEW + 1, now);
    for _ in 0..2 * OVER {
        queue.tick(Waited::For(Duration::ZERO), MOST);
    }
    assert!(!passes(&queue), "some wait");
    drop(crowd);
    for tick in 0..=OVER {
        assert!(!passes(&queue), "tick {tick}");
        queue.tick(Waited::For(Duration::ZERO), MOST);
    }
    assert!(passes(&queue));
    queue.tick(Waited::For(MOST), MOST);
    assert!(!passes(&queue));
    queue.end();
    assert!(passes(&queue), "nobody measures any more");
    drop(attendant);
}

#[test]
fn a_thousand_requests_of_one_caller_are_one_turn_before_that_of_another() {
    let (queue, now) = (crowded(ROOM), Instant::now());
    let attendant = queue.attend();
    let mut crowd = wait(&queue, ACME, 1_000, now);
    for _ in 0..3 {
        assert!(attendant.call(100, now));
        assert_eq!(begun(&mut crowd), 100);
        let mut modest = wait(&queue, GLOBEX, 2, now);
        assert!(attendant.call(4, now));
        assert_eq!((begun(&mut modest), begun(&mut crowd)), (2, 2));
    }
    assert!(attendant.call(usize::MAX, now));
    assert_eq!((begun(&mut crowd), queue.waiting()), (694, 0));
    assert!(!attendant.call(1, now));
}

#[test]
fn who_waited_before_does_not_pay_for_it_later() {
    let (queue, now) = (crowded(ROOM), Instant::now());
    let attendant = queue.attend();
    drop(wait(&queue, ACME, 1_000, now));
    let (mut theirs, mut others) = (wait(&queue, GLOBEX, 500, now), wait(&queue, Caller::Org(3), 500, now));
    attendant.call(600, now);
    assert_eq!((begun(&mut theirs), begun(&mut others)), (300, 300));
    let mut late = wait(&queue, Caller::Org(4), 100, now);
    attendant.call(30, now);
    assert_eq!((begun(&mut theirs), begun(&mut others), begun(&mut late)), (10, 10, 10), "nor is anything saved up");
}

#[test]
fn strangers_have_half_and_what_takes_away_a_line_of_its_own() {
    let (queue, now) = (crowded(ROOM), Instant::now());
    let attendant = queue.attend();
    let mut strangers: Vec<_> = (0..1_000).flat_map(|network| wait(&queue, Caller::Stranger(network), 1, now)).collect();
    let mut org = wait(&queue, ACME, 100, now);
    attendant.call(100, now);
    assert_eq!((begun(&mut strangers), begun(&mut org)), (50, 50));
    let mut urgent = wait(&queue, Caller::Urgent(7), 1, now);
    attendant.call(3, now);
    assert_eq!(begun(&mut urgent), 1);
}

/// Requests that the queue keeps, of those that left too, and callers in its rings.
fn kept(queue: &Queue) -> (usize, usize) {
    let lines = queue.lines.lock();
    let requests = lines.lines.iter().flat_map(|line| line.callers.iter().map(|requests| requests.line.capacity()));
    (requests.sum(), lines.lines.iter().map(|line| line.ring.len()).sum())
}

#[test]
fn who_leaves_takes_neither_memory_nor_turns() {
    let (queue, now) = (crowded(ROOM), Instant::now());
    let attendant = queue.attend();
    let mut first = wait(&queue, ACME, 1, now);
    for _ in 0..100_000 {
        drop(wait(&queue, ACME, 1, now));
        drop(wait(&queue, GLOBEX, 1, now));
    }
    let mut last = wait(&queue, ACME, 1, now);
    let (requests, callers) = kept(&queue);
    assert!(requests <= 64 && callers == 2, "{requests} and {callers}");
    attendant.call(1, now);
    assert_eq!((begun(&mut first), begun(&mut last)), (1, 0), "no turn was for nobody");
    attendant.call(1, now);
    assert_eq!((begun(&mut last), queue.waiting()), (1, 0));
    drop(wait(&queue, ACME, 10_000, now));
    let (requests, _) = kept(&queue);
    assert!(requests <= 64 && queue.waiting() == 0, "{requests}");
}

#[tokio::test]
async fn who_was_called_and_leaves_is_counted_once() {
    let (queue, now) = (crowded(ROOM), Instant::now());
    let attendant = queue.attend();
    let (called, left) = (wait(&queue, ACME, 1, now), wait(&queue, ACME, 1, now));
    attendant.call(1, now);
    drop(called);
    assert_eq!(queue.waiting(), 1);
    drop(left);
    assert_eq!(queue.waiting(), 0);
    let one = wait(&queue, ACME, 1, now).remove(0);
    attendant.wanted().await;
    attendant.call(1, now);
    assert!(one.called().await.is_ok());
}

#[test]
fn a_caller_has_an_eighth_of_the_room_that_is_left() {
    let (queue, now) = (crowded(800), Instant::now());
    let attendant = queue.attend();
    let greed = |caller: Caller| std::iter::from_fn(|| queue.join(|| caller, now).ok()?).collect::<Vec<_>>();
    let first = greed(ACME);
    assert!((80..=100).contains(&first.len()), "{}", first.len());
    let mut all = vec![first];
    all.resize_with(50, Vec::new);
    for _ in 0..200 {
        for (n, waiting) in all.iter_mut().enumerate() {
            begun(waiting);
            waiting.extend(greed(Caller::Org(n + 1)));
        }
        attendant.call(50, now);
    }
    assert!(all.iter().all(|waiting| waiting.len() >= LEAST), "each finds some");
    assert!(greed(Caller::Org(100)).len() >= LEAST, "and leaves some: {}", queue.waiting());
    drop(all);
    assert_eq!(queue.waiting(), 0);
}

#[test]
fn no_more_wait_than_there_is_room_for() {
    let (queue, now) = (crowded(10), Instant::now());
    let _attendant = queue.attend();
    let waiting: Vec<_> = (0..100).filter_map(|n| queue.join(|| Caller::Stranger(n), now).ok().flatten()).collect();
    assert_eq!((waiting.len(), queue.waiting()), (10, 10));
}

#[test]
fn a_burst_is_served_and_what_lasts_is_shed() {
    let (queue, came) = (crowded(ROOM), Instant::now());
    let attendant = queue.attend();
    let mut burst = wait(&queue, ACME, 100, came);
    attendant.call(50, came + LASTING);
    assert_eq!(told(&mut burst), (50, 0));
    let later = came + LASTING + Duration::from_millis(1);
    let mut modest = wait(&queue, GLOBEX, 1, later);
    let mut fresh = wait(&queue, ACME, 1, later);
    attendant.call(1, later);
    assert_eq!((told(&mut burst), told(&mut modest)), ((0, SHED), (0, 0)), "no more at one time");
    attendant.call(100, later);
    assert_eq!((told(&mut burst), told(&mut modest), told(&mut fresh)), ((0, 46), (1, 0), (1, 0)));
    assert_eq!(queue.waiting(), 0);
    let mut anew = wait(&queue, ACME, 1, later);
    attendant.call(1, later + LASTING);
    assert_eq!(told(&mut anew), (1, 0), "it begins anew");
}
