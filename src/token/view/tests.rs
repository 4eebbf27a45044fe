//! The view by itself: what a change, a gap and another history do to it.

use super::*;
use crate::store::Mark;
use crate::types::GrantId;

fn grant(id: &str) -> Subject {
    Subject::Grant { id: GrantId::parse(id).expect("a plain id") }
}

/// A change whose mark is its position, as in the history that the tests follow.
fn change(position: u64, id: &str) -> Change {
    Change { position, mark: Mark(i64::try_from(position).expect("a small number")), subject: grant(id) }
}

fn at(position: u64) -> Point {
    change(position, "any").point()
}

fn view(lease: Duration) -> View {
    let peers = Peers::new(NodeId::parse("node_a").expect("an id"), NodeRole::Serves, lease);
    View::starting_at(at(7), Moment::now(), lease, peers)
}

#[test]
fn a_change_makes_only_its_subject_stale() {
    let view = view(Duration::from_secs(1));
    let (a, b) = (view.watch([grant("a")]), view.watch([grant("b")]));
    view.apply(&[change(8, "a")]);
    assert!(!a.is_current() && b.is_current());
}

#[test]
fn a_feed_is_gapless_from_the_change_that_was_applied_last() {
    let gapless = |from, lines: &[Change]| match next(from, lines.to_vec()) {
        Next::Changes { changes, gapless } => {
            assert!(changes.iter().all(|c| c.position > from.position), "{changes:?}");
            gapless
        }
        Next::Parted => panic!("the same feed"),
    };
    assert!(gapless(at(7), &[change(7, "a"), change(8, "a"), change(9, "b")]));
    assert!(gapless(Point { position: 0, mark: None }, &[change(1, "a"), change(2, "b")]));
    assert!(!gapless(at(7), &[change(10, "a")]), "8 and 9 were forgotten");
    assert!(!gapless(at(7), &[change(8, "a")]), "7 was forgotten: nobody can tell that it was the same");
    assert!(!gapless(at(7), &[change(7, "a"), change(8, "a"), change(10, "b")]));
    assert!(!gapless(at(7), &[change(7, "a")]) && !gapless(at(7), &[]), "the head said that there is more");
}

#[test]
fn a_feed_that_went_back_is_another() {
    assert!(has_parted(at(7), at(6)) && has_parted(at(7), Point { position: 0, mark: None }));
    assert!(!has_parted(at(7), at(7)) && !has_parted(at(7), at(8)));
}

#[test]
fn a_feed_that_went_back_and_has_overtaken_is_another() {
    let other = |position| Change { mark: Mark(-1), ..change(position, "a") };
    assert!(has_parted(at(7), other(7).point()));
    assert_eq!(next(at(7), vec![other(7), other(8)]), Next::Parted);
}

#[test]
fn a_node_whose_store_lost_changes_serves_no_more() {
    let view = view(Duration::from_secs(60));
    let b = view.watch([grant("b")]);
    assert!(view.is_fresh());
    view.part(at(5));
    assert!(view.is_forked() && !view.is_fresh() && !b.is_current());
    assert_eq!(*view.applied().borrow(), at(5), "it goes on reading");
}

#[test]
fn what_the_store_lost_is_named_once() {
    let known = [change(5, "a"), change(6, "b"), change(7, "c"), change(8, "b"), change(9, "d")];
    let other = |position| Change { mark: Mark(-1), ..change(position, "x") };
    assert!(missing(&known, &known).is_empty());
    assert!(missing(&known, &known[1..]).is_empty(), "5 was forgotten");
    assert_eq!(missing(&known, &known[..3]), [grant("b"), grant("d")]);
    let overtaken = [change(5, "a"), other(6), other(7), other(8), other(9), other(10)];
    assert_eq!(missing(&known, &overtaken), [grant("b"), grant("c"), grant("d")]);
}

#[test]
fn a_view_remembers_what_came_last() {
    let view = view(Duration::from_secs(1));
    for position in 8..2000 {
        view.remember(&[change(position, "a")]);
    }
    let recent = view.recent.lock();
    assert_eq!((recent.len(), recent.back()), (REMEMBERED, Some(&change(1999, "a"))));
}

#[test]
fn a_gap_in_the_feed_makes_everything_stale() {
    let view = view(Duration::from_secs(1));
    let b = view.watch([grant("b")]);
    view.doubt_everything();
    assert!(!b.is_current());
}

#[test]
fn counters_that_nobody_holds_are_forgotten() {
    let view = view(Duration::from_secs(1));
    drop(view.watch([grant("a")]));
    let kept = view.watch([grant("b")]);
    view.apply(&[change(8, "c")]);
    assert_eq!(view.counters.lock().len(), 1);
    assert!(kept.is_current());
}

#[test]
fn a_view_that_was_never_confirmed_goes_stale() {
    let view = view(Duration::ZERO);
    std::thread::yield_now();
    assert!(!view.is_fresh());
}
