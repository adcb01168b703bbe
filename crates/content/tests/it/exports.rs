//! Packs on their way out, and single objects on their way in.

use crate::help::{around, import, pack, told, who};
use content::change::{State, edit, export, files_of};
use content::digest::Digest;
use content::name::{Key, Kind};
use content::objects::Object;
use content::pack::object;
use serde_json::json;

const PACKAGE: &str =
    "platforms: {linux: {command: {program: /bin/true}}}\nfiles: [{file: files/x.ini}]\n";

fn state() -> State {
    let one = format!("name: One\n{PACKAGE}");
    let two = format!("name: Two\n{PACKAGE}");
    let mut state = State::default();
    let made = pack(&[
        ("packages/one.yaml", &one),
        ("packages/two.yaml", &two),
        ("files/x.ini", "as shipped"),
    ]);
    import(&mut state, &made);
    state
}

#[test]
fn two_files_of_one_path_go_out_under_two() {
    let mut state = state();
    let key = Key::new(Kind::Package, "one");
    let item = &state.objects[&key].content;
    let (mut value, before) = (item.value().clone(), item.digest());
    let mine = Digest::of(b"mine");
    value["files"][0]["file"]["sha256"] = json!(mine);
    let edited = Object::from_value(Kind::Package, &value).unwrap();
    edit(&mut state, &key, Some(before), Some(&edited), &who("mine")).unwrap();

    let here = export(&state, "test", None, false).unwrap();
    assert_eq!(here.files.len(), 2);
    assert_eq!(here.files["files/x.ini"], mine);
    let named: Vec<(String, Digest)> = here
        .objects
        .values()
        .flat_map(|object| files_of(&object.write()))
        .collect();
    assert_eq!(named.len(), 2);
    for (path, digest) in named {
        assert_eq!(here.files[&path], digest);
    }
    let shipped = export(&state, "test", None, true).unwrap();
    assert_eq!(shipped.files["files/x.ini"], Digest::of(b"as shipped"));
    assert_eq!(shipped.files.len(), 1);
    assert_eq!(
        export(&state, "test", Some(&"9.0.0".parse().unwrap()), false),
        None
    );
    assert_eq!(export(&state, "nothing", None, false), None);
}

#[test]
fn an_object_by_itself_is_held_against_what_is_there() {
    let text = b"name: Ports\ntext: Get Listen Ports from all machines\n";
    let made = object(Kind::SavedQuestion, "q", text, &around());
    assert_eq!(
        made.unwrap_or_else(|f| panic!("{}", told(&f))).name(),
        "Ports"
    );
    let wrong = b"name: Ports\ntxt: 1\ncontent_set: Nowhere\n";
    let faults = object(Kind::SavedQuestion, "q", wrong, &around()).unwrap_err();
    let told = told(&faults);
    for place in ["q:2:1: ", "q:3:14: there is no content set `Nowhere`"] {
        assert!(told.contains(place), "{place}: {told}");
    }
    let wrong = b"name: Ports\ntext: Get Listen Prots from all machines\n";
    let faults = object(Kind::SavedQuestion, "q", wrong, &around()).unwrap_err();
    assert_eq!((faults[0].line, faults[0].column), (2, 11));
}
