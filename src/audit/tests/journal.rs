use std::time::Duration;

use super::*;
use crate::record::{BrokenBy, WouldDeny};

#[tokio::test]
async fn a_call_is_opened_and_closed() {
    let site = Site::new();
    let (journal, _backlog) = site.open();
    begin(&journal, &opening(1)).await.unwrap().close(completed(200));
    let left = recover(site.path()).unwrap();
    assert_eq!(outcomes(&left.records), HashMap::from([("rec_1".into(), completed(200))]));
    let Event::Call(call) = &left.records[0].event else { panic!() };
    let Event::Call(written) = opening(1).event else { panic!() };
    assert_eq!(Call { outcome: Outcome::Unknown, ..(**call).clone() }, *written);
}

#[tokio::test]
async fn a_decision_may_be_taken_back() {
    let site = Site::new();
    let (journal, _backlog) = site.open();
    let denied = Decision::Denied { reason: "tool_not_allowed".into(), missing: ScopeSet::default() };
    begin(&journal, &opening(1)).await.unwrap().close_as(denied.clone(), completed(403));
    let Event::Call(call) = recover(site.path()).unwrap().records.remove(0).event else { panic!() };
    assert_eq!((call.decision, call.outcome), (denied, completed(403)));
}

#[tokio::test]
async fn what_is_found_on_the_way_is_noted_when_it_ends() {
    let site = Site::new();
    let (journal, _backlog) = site.open();
    let found = WouldDeny { reason: "other_organization_index".into(), missing: ScopeSet::default() };
    begin(&journal, &opening(1)).await.unwrap().close_noting(found.clone(), completed(200));
    let Event::Call(call) = recover(site.path()).unwrap().records.remove(0).event else { panic!() };
    assert_eq!((call.decision, call.would_deny, call.outcome), (Decision::Allowed, Some(found), completed(200)));
}

#[tokio::test]
async fn a_guard_that_is_dropped_tells_of_a_fault() {
    let site = Site::new();
    let (journal, _backlog) = site.open();
    let panicked = tokio::spawn({
        let journal = journal.clone();
        async move {
            let _call = begin(&journal, &opening(1)).await.unwrap();
            panic!("on purpose");
        }
    });
    assert!(panicked.await.is_err());
    let fault = Outcome::Broken { by: BrokenBy::Fault, measured: Measured::default() };
    assert_eq!(outcomes(&recover(site.path()).unwrap().records)["rec_1"], fault);
}

#[test]
fn lines_of_many_threads_stay_whole() {
    let site = Site::with_segments_of(200_000);
    let (journal, _backlog) = site.open();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let journal = &journal;
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                for n in 0..1000 {
                    let call = runtime.block_on(begin(journal, &opening(thread * 1000 + n))).unwrap();
                    call.close(completed(200));
                }
            });
        }
    });
    assert!(site.segments().len() > 5, "segments follow each other under load");
    let left = recover(site.path()).unwrap();
    assert_eq!((left.records.len(), left.unknown, left.damage), (8000, 0, Damage::default()));
    assert!(outcomes(&left.records).values().all(|o| *o == completed(200)));
}

#[tokio::test]
async fn a_full_disk_refuses_and_recovers_by_itself() {
    let site = Site::new();
    let disk = Faults::with_room(i64::MAX);
    let (journal, _backlog) = site.open_on(&disk);
    let before = begin(&journal, &opening(1)).await.unwrap();
    disk.make_room(0);
    assert!(matches!(begin(&journal, &opening(2)).await, Err(JournalError::Unwritable(_))));
    assert!(journal.refused(&opening(3)).is_err() && journal.is_failing());
    before.close(completed(200));
    journal.tend();
    assert!(journal.is_failing(), "still full");

    disk.make_room(i64::MAX);
    journal.tend();
    assert!(!journal.is_failing(), "no request had to try");
    let left = recover(site.path()).unwrap();
    assert_eq!(outcomes(&left.records), HashMap::from([("rec_1".into(), completed(200))]), "the closing line was kept");
    assert_eq!(site.segments().len(), 1, "refusals don't litter");
}

#[tokio::test]
async fn a_line_that_was_cut_short_swallows_nothing() {
    let line = {
        let site = Site::new();
        let (journal, _backlog) = site.open();
        journal.refused(&opening(1)).unwrap();
        i64::try_from(fs::metadata(&site.segments()[0]).unwrap().len()).unwrap()
    };
    for room in 1..line {
        let site = Site::new();
        let disk = Faults::with_room(room);
        let (journal, _backlog) = site.open_on(&disk);
        assert!(journal.refused(&opening(1)).is_err(), "{room}");
        // Another thread may have got to the same file before anybody noticed.
        disk.make_room(i64::MAX);
        fs::OpenOptions::new()
            .append(true)
            .open(&site.segments()[0])
            .and_then(|mut f| {
                let other = Site::new();
                let (neighbour, _backlog) = other.open();
                neighbour.refused(&opening(2)).unwrap();
                io::copy(&mut fs::File::open(&other.segments()[0])?, &mut f)
            })
            .unwrap();
        journal.refused(&opening(3)).unwrap();
        assert_eq!(site.segments().len(), 2, "the torn file is left");
        let left = recover(site.path()).unwrap();
        let mut ids: Vec<_> = left.records.iter().map(|r| r.id.to_string()).collect();
        ids.sort();
        assert_eq!(ids, ["rec_2", "rec_3"], "{room}");
        assert_eq!(left.damage, Damage { torn: 1, corrupt: 0 }, "{room}");
    }
}

#[tokio::test]
async fn a_file_that_fails_is_left_for_another() {
    let site = Site::new();
    let disk = Faults::with_room(i64::MAX);
    let (journal, _backlog) = site.open_on(&disk);
    journal.refused(&opening(1)).unwrap();
    disk.broken.store(true, Ordering::SeqCst);
    for n in 0..20 {
        assert!(journal.refused(&opening(n)).is_err());
    }
    assert!(site.segments().len() <= 2, "a broken disk is not filled with empty files");
    disk.broken.store(false, Ordering::SeqCst);
    journal.refused(&opening(50)).unwrap();
    assert_eq!(recover(site.path()).unwrap().records.len(), 2);
}

#[tokio::test]
async fn files_follow_each_other_by_age() {
    let site = Site::new();
    let (journal, _backlog) = site.open();
    site.clock.advance(Duration::from_hours(1));
    journal.tend();
    assert_eq!(site.segments().len(), 1, "an empty file has no age");
    journal.refused(&opening(1)).unwrap();
    journal.tend();
    assert_eq!(site.segments().len(), 2);
}

#[test]
fn a_directory_has_one_writer() {
    let site = Site::new();
    let (journal, _backlog) = site.open();
    let node = NodeId::parse("node_2").unwrap();
    let second = Journal::open(site.path(), &node, site.options, site.clock.clone(), Arc::new(NoMetrics));
    assert!(matches!(second, Err(JournalError::InUse { .. })));
    drop(journal);
    site.open();
}

#[test]
fn a_record_without_bounds_is_refused() {
    let site = Site::new();
    let (journal, _backlog) = site.open();
    let mut huge = opening(1);
    huge.origin.user_agent = Some("x".repeat(300_000));
    assert!(matches!(journal.refused(&huge), Err(JournalError::TooLong { .. })));
    assert!(!journal.is_failing(), "the disk is not to blame");
}

#[tokio::test]
async fn power_waits_for_the_disk() {
    let mut site = Site::new();
    site.options.durability = Durability::Power;
    let disk = Faults::with_room(i64::MAX);
    let (journal, _backlog) = site.open_on(&disk);
    let open = |n| {
        let (journal, record) = (journal.clone(), opening(n));
        Box::pin(async move { begin(&journal, &record).await })
    };
    disk.gate.turn(Held::Back);
    let mut first = open(0);
    assert!(futures::poll!(&mut first).is_pending());
    disk.gate.reached();
    let mut rest = futures::future::join_all((1..200).map(open));
    assert!(futures::poll!(&mut rest).is_pending() && futures::poll!(&mut first).is_pending(), "none goes on before its sync");
    disk.gate.turn(Held::Not);
    for call in std::iter::once(first.await).chain(rest.await) {
        call.unwrap().close(completed(200));
    }
    assert_eq!(disk.syncs.load(Ordering::SeqCst), 2, "those who wait while the disk is busy share the next sync");

    disk.unsynced.store(true, Ordering::SeqCst);
    assert!(matches!(begin(&journal, &opening(900)).await, Err(JournalError::Unsynced(_))));
    let fault = Outcome::Broken { by: BrokenBy::Fault, measured: Measured::default() };
    assert_eq!(outcomes(&recover(site.path()).unwrap().records)["rec_900"], fault, "the call did not go on");
    disk.unsynced.store(false, Ordering::SeqCst);
    begin(&journal, &opening(901)).await.unwrap().close(completed(200));
    assert_eq!(site.segments().len(), 2, "a file whose sync failed is given up");
}
