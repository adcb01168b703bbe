//! Whose keys belong to a store.

use super::Place;

pub async fn the_first_mark_stays(place: &impl Place) {
    let store = place.open();
    assert_eq!(store.keys_origin().await.expect("read"), None);
    for mark in [[1; 32], [2; 32]] {
        let kept = store.learn_keys_origin(mark).await.expect("kept");
        assert_eq!(kept, [1; 32]);
    }
    drop(store);
    let known = place.open().keys_origin().await.expect("read");
    assert_eq!(known, Some([1; 32]));
}
