use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::tail::Tail;
use super::*;

/// A shipper that runs beside the test.
struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

fn start(journal: &Journal, backlog: Backlog, store: &Arc<MemoryStore>) -> Running {
    let stop = CancellationToken::new();
    let shipper = Shipper::new(journal.clone(), backlog, notary(store));
    Running { task: tokio::spawn(shipper.run(stop.clone())), stop }
}

impl Running {
    async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

#[tokio::test]
async fn finished_records_arrive_and_their_files_go() {
    let site = Site::with_segments_of(3000);
    let (journal, backlog) = site.open();
    let store = MemoryStore::failing(0);
    let shipper = start(&journal, backlog, &store);
    let mut running = Vec::new();
    for n in 0..50 {
        running.push(begin(&journal, &opening(n)).await.unwrap());
    }
    assert!(journal.flush().await);
    assert_eq!(store.all().len(), 0, "a call that runs is not shown yet");
    running.drain(..49).for_each(|call| call.close(completed(200)));
    journal.refused(&opening(100)).unwrap();
    assert!(journal.flush().await);
    assert_eq!(store.all().len(), 50);
    assert!(outcomes(&store.all()).iter().all(|(id, o)| id == "rec_100" || *o == completed(200)));
    running.remove(0).close(completed(504));
    shipper.stop().await;
    assert_eq!(outcomes(&store.all())["rec_49"], completed(504), "stopping moves what is finished");
    assert_eq!(store.appended.load(Ordering::SeqCst), 51);
    let left: u64 = site.segments().iter().map(|p| fs::metadata(p).unwrap().len()).sum();
    assert_eq!((site.segments().len(), left), (1, 0), "nothing is left to read again");
    assert!(!journal.flush().await, "nobody moves records any more");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_loses_nothing() {
    let site = Site::new();
    let (journal, backlog) = site.open();
    let store = MemoryStore::failing(7);
    let shipper = start(&journal, backlog, &store);
    for n in 0..1200 {
        journal.refused(&opening(n)).unwrap();
    }
    assert!(journal.flush().await);
    assert_eq!(store.all().len(), 1200);
    shipper.stop().await;
}

#[tokio::test]
async fn what_a_stop_leaves_the_next_start_moves() {
    let site = Site::new();
    let down = MemoryStore::failing(i64::MAX);
    {
        let (journal, backlog) = site.open();
        let shipper = start(&journal, backlog, &down);
        journal.refused(&opening(1)).unwrap();
        shipper.stop().await;
    }
    let (journal, backlog) = site.open();
    let up = MemoryStore::failing(0);
    let shipper = start(&journal, backlog, &up);
    assert!(journal.flush().await);
    assert_eq!(up.all().len(), 1);
    shipper.stop().await;
}

#[tokio::test]
async fn calls_that_a_crash_cut_off_become_unknown_once() {
    let site = Site::with_segments_of(2000);
    let (journal, _backlog) = site.open();
    let mut running = Vec::new();
    for n in 0..30 {
        running.push(begin(&journal, &opening(n)).await.unwrap());
    }
    running.drain(..10).for_each(|call| call.close(completed(200)));
    let store = MemoryStore::failing(0);
    // Killed before, and again while the first start was at work: the second one starts over.
    for attempt in 0..2 {
        let restarted = site.after_kill();
        let (journal, backlog) = restarted.open();
        let shipper = start(&journal, backlog, &store);
        assert!(journal.flush().await);
        let found = outcomes(&store.all());
        assert_eq!(found.len(), 30, "attempt {attempt}");
        assert_eq!(found.values().filter(|o| **o == Outcome::Unknown).count(), 20);
        shipper.stop().await;
        assert_eq!(restarted.segments().len(), 1, "what was moved is gone");
    }
    assert_eq!(store.appended.load(Ordering::SeqCst), 60, "the store is told twice and keeps one");
}

#[tokio::test]
async fn long_calls_do_not_keep_old_files() {
    let site = Site::with_segments_of(2000);
    let (journal, backlog) = site.open();
    let store = MemoryStore::failing(0);
    let shipper = start(&journal, backlog, &store);
    let mut long = Vec::new();
    for n in 0..100 {
        if n % 10 == 0 {
            long.push(begin(&journal, &opening(9000 + n)).await.unwrap());
            assert!(journal.flush().await);
        }
        journal.refused(&opening(n)).unwrap();
    }
    assert!(journal.flush().await);
    let files = site.segments().len();
    assert!(files <= 8, "10 calls that run keep {files} files");
    let killed = recover(site.after_kill().path()).unwrap();
    let found = outcomes(&killed.records);
    assert_eq!((found["rec_9000"].clone(), killed.unknown), (Outcome::Unknown, 10), "a crash now still finds them");
    long.drain(..).for_each(|call| call.close(completed(200)));
    assert!(journal.flush().await);
    assert_eq!(outcomes(&store.all()).values().filter(|o| **o == completed(200)).count(), 10);
    shipper.stop().await;
    assert_eq!(site.segments().len(), 1);
}

#[tokio::test]
async fn damaged_files_are_kept_aside() {
    let site = Site::new();
    {
        let (journal, _backlog) = site.open();
        (0..3).for_each(|n| journal.refused(&opening(n)).unwrap());
    }
    let file = site.segments().remove(0);
    let mut bytes = fs::read(&file).unwrap();
    bytes[100] ^= 1;
    fs::write(&file, bytes).unwrap();
    let (journal, backlog) = site.open();
    let store = MemoryStore::failing(0);
    let shipper = start(&journal, backlog, &store);
    assert!(journal.flush().await);
    shipper.stop().await;
    assert_eq!(store.all().len(), 2);
    assert!(file.with_extension("log.damaged").exists() && !file.exists());
}

#[tokio::test]
async fn more_running_calls_than_memory_are_read_again() {
    let site = Site::with_segments_of(2000);
    let (journal, backlog) = site.open();
    let mut running = Vec::new();
    for n in 0..20 {
        running.push(begin(&journal, &opening(n)).await.unwrap());
    }
    let mut tail = Tail::new(backlog.old, Some(journal.clone()), 3);
    assert!(tail.read(100).ready.is_empty());
    running.drain(..).for_each(|call| call.close(completed(200)));
    let mut records = Vec::new();
    loop {
        let step = tail.read(4);
        assert!(step.failure.is_none(), "{:?}", step.failure);
        for ready in step.ready {
            tail.stored(ready.needs);
            records.push(ready.written.record);
        }
        tail.sweep();
        if step.caught_up {
            break;
        }
    }
    assert_eq!(outcomes(&records).len(), 20);
    assert!(site.segments().len() <= 2, "{:?}", site.segments());
}

#[tokio::test]
async fn opening_waits_for_no_poll() {
    let site = Site::new();
    let (journal, _backlog) = site.open();
    let record = opening(1);
    let mut call = Box::pin(begin(&journal, &record));
    let ready = futures::poll!(call.as_mut());
    assert!(ready.is_ready(), "without power loss in mind nothing is awaited");
    drop(ready);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_the_store_refuses_keeps_nobody_waiting_and_stays() {
    let site = Site::new();
    let measured = Arc::new(Meter::default());
    let (journal, backlog) = site.open_measured(&measured);
    let bad = RecordId::parse("rec_417").unwrap();
    let store = Arc::new(MemoryStore { refused: Some(bad.clone()), ..MemoryStore::default() });
    let shipper = start(&journal, backlog, &store);
    for n in 0..1000 {
        journal.refused(&opening(n)).unwrap();
    }
    assert!(journal.flush().await, "those behind it arrive");
    assert_eq!((store.all().len(), measured.set_aside.load(Ordering::SeqCst), journal.backlog()), (999, 1, 0));
    assert!(!store.all().iter().any(|record| record.id == bad));
    shipper.stop().await;
    drop(journal);
    // A program that can store it finds it where it was.
    let (journal, backlog) = site.open();
    let store = MemoryStore::failing(0);
    let shipper = start(&journal, backlog, &store);
    assert!(journal.flush().await);
    assert!(store.all().iter().any(|record| record.id == bad));
    shipper.stop().await;
    assert_eq!(site.segments().len(), 1, "and lets go of its file");
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_store_that_is_down_is_measured() {
    let site = Site::new();
    let (journal, _backlog) = site.open();
    for n in 0..700 {
        journal.refused(&opening(n)).unwrap();
    }
    drop(journal);
    let measured = Arc::new(Meter::default());
    let after = site.after_kill();
    let (journal, backlog) = after.open_measured(&measured);
    let store = MemoryStore::failing(i64::MAX);
    let shipper = start(&journal, backlog, &store);
    let retried = || measured.retried.load(Ordering::SeqCst);
    while retried() < 2 {
        tokio::task::yield_now().await;
        tokio::time::advance(Duration::from_millis(10)).await;
    }
    assert!(journal.backlog() >= 500, "{} of an earlier run wait", journal.backlog());
    after.clock.advance(Duration::from_secs(90));
    let before = retried();
    while retried() == before {
        tokio::task::yield_now().await;
        tokio::time::advance(Duration::from_millis(10)).await;
    }
    assert!(measured.lag.load(Ordering::SeqCst) >= 90, "{measured:?}");
    store.failures.store(0, Ordering::SeqCst);
    assert!(journal.flush().await);
    assert_eq!((store.all().len(), journal.backlog(), measured.lag.load(Ordering::SeqCst)), (700, 0, 0));
    shipper.stop().await;
}
