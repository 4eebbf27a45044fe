//! The change feed.

use futures::future::{join, join_all};

use super::world::*;
use crate::store::{Change, Membership, OrgState, SharedStore, Subject, UserState};

pub(crate) async fn positions_follow_commits_without_gaps(store: SharedStore) {
    let world = World::new(store).await;
    let start = world.store.feed_position().await.expect("a position");
    let (writers, each) = (8_u64, 10_u64);
    let write = join_all((0..writers).map(|_| async {
        for second in 0..each {
            let member = Membership { org: world.org.id.clone(), user: world.user.id.clone(), roles: Vec::new() };
            world.store.set_membership(&member, &cause(second)).await.expect("a membership");
        }
    }));
    // A reader that follows must never find a position behind one that it has already passed.
    let read = async {
        let mut seen = start;
        while seen < start + writers * each {
            for change in world.store.changes_after(seen, 7).await.expect("the feed") {
                assert_eq!(change.position, seen + 1);
                seen = change.position;
            }
        }
    };
    join(write, read).await;
    assert_eq!(world.store.feed_position().await.expect("a position"), start + writers * each);
}

pub(crate) async fn one_change_may_touch_several(store: SharedStore) {
    let world = World::new(store).await;
    let (first, _) = world.consent(1).await;
    let (second, _) = world.consent(1).await;
    let start = world.store.feed_position().await.expect("a position");
    world.store.set_user_state(&world.user.id, UserState::Disabled, &cause(2)).await.expect("an answer");
    let changes = world.store.changes_after(start, 10).await.expect("the feed");
    let positions: Vec<_> = changes.iter().map(|c| c.position).collect();
    assert_eq!(positions, [start + 1, start + 2, start + 3]);
    let wanted = [Subject::Grant { id: first.id }, Subject::Grant { id: second.id }, Subject::User { id: world.user.id.clone() }];
    assert!(wanted.iter().all(|s| changes.iter().any(|c| c.subject == *s)), "{changes:?}");
}

pub(crate) async fn old_changes_are_forgotten_but_the_last(store: SharedStore) {
    let acme = org("acme");
    store.create_org(&acme, &cause(0)).await.expect("an organization");
    for (second, state) in [(10, OrgState::Disabled), (20, OrgState::Active)] {
        store.set_org_state(&acme.id, state, &cause(second)).await.expect("an answer");
    }
    assert_eq!(store.forget_changes(after(10)).await.expect("a number"), 1);
    let left = store.changes_after(0, 10).await.expect("the feed");
    assert_eq!(left.iter().map(|c| c.position).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(store.forget_changes(after(999)).await.expect("a number"), 1);
    let last = Change { subject: Subject::Org { id: acme.id }, ..left[1].clone() };
    assert_eq!((last.position, store.changes_after(0, 10).await.expect("the feed")), (3, vec![last.clone()]));
    assert_eq!(store.feed_position().await.expect("a position"), 3);
}
