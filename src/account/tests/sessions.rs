//! `/settings/sessions`.

use http::StatusCode;

use super::world::World;

const PATH: &str = "/settings/sessions";

/// What the buttons name.
fn handles(body: &str) -> Vec<String> {
    let buttons = body.split("name=\"end-").skip(1).filter_map(|rest| rest.split('"').next());
    buttons.filter(|name| *name != "others").map(ToOwned::to_owned).collect()
}

#[tokio::test]
async fn a_user_ends_one_session_or_all_others() {
    let world = World::new().await;
    let (mine, phone, tablet) =
        (world.sign_in(&world.bob).await, world.sign_in(&world.bob).await, world.sign_in(&world.bob).await);
    let eve = world.sign_in(&world.eve).await;
    let page = world.get(Some(&mine), PATH).await;
    assert_eq!((page.status, page.body.matches("This browser").count()), (StatusCode::OK, 1), "{}", page.body);
    let others = handles(&page.body);
    assert_eq!(others.len(), 2);
    for stranger in [&eve] {
        let answer = world.post(stranger, PATH, &format!("csrf={}&end-{}=1", stranger.csrf, others[0]), &[]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(
        world.post(&mine, PATH, &format!("csrf={}&end-{}=1", mine.csrf, others[0]), &[]).await.status,
        StatusCode::SEE_OTHER
    );
    let left = handles(&world.get(Some(&mine), PATH).await.body);
    assert_eq!(left, [others[1].clone()]);
    world.post(&mine, PATH, &format!("csrf={}&end-others=1", mine.csrf), &[]).await;
    assert!(handles(&world.get(Some(&mine), PATH).await.body).is_empty());
    for ended in [&phone, &tablet] {
        assert_eq!(world.get(Some(ended), PATH).await.status, StatusCode::SEE_OTHER);
    }
    assert_eq!(world.get(Some(&eve), PATH).await.status, StatusCode::OK);
}
