use super::*;
use std::fs;

/// A crate made of these files, given as path and text.
fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// The circles of such a crate, as the module they are within and their members.
fn found(files: &[(&str, &str)]) -> Vec<(String, Vec<String>)> {
    let folder = tree(files);
    circles(folder.path(), &folder.path().join("lib.rs"))
        .unwrap()
        .into_iter()
        .map(|c| (c.within, c.modules))
        .collect()
}

fn circle(within: &str, modules: &[&str]) -> Vec<(String, Vec<String>)> {
    vec![(
        within.to_owned(),
        modules.iter().map(|&m| m.to_owned()).collect(),
    )]
}

#[test]
fn imports_that_lead_one_way_are_no_circle() {
    let files = [
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "use crate::b::B; use crate::c::C;"),
        ("b.rs", "use super::c::C; pub struct B(C);"),
        ("c.rs", "pub struct C; pub struct A;"),
    ];
    assert_eq!(found(&files), []);
}

#[test]
fn two_modules_that_import_each_other_are_found_with_the_lines_that_tie_them() {
    let folder = tree(&[
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::b::B;\npub struct A;"),
        ("b.rs", "\npub struct B;\nfn f() -> crate::a::A { todo() }"),
    ]);
    let found = circles(folder.path(), &folder.path().join("lib.rs")).unwrap();
    assert_eq!(
        found,
        [Circle {
            within: "crate".into(),
            modules: vec!["a".into(), "b".into()],
            ties: vec![
                "a -> b: `crate::b::B` at a.rs:1".into(),
                "b -> a: `crate::a::A` at b.rs:3".into(),
            ],
        }]
    );
}

#[test]
fn a_way_round_through_deeper_modules_is_a_circle_of_the_siblings() {
    let files = [
        ("lib.rs", "mod engine; mod matching; mod store; mod apart;"),
        (
            "engine.rs",
            "use crate::store::write::Writer; pub struct Teller;",
        ),
        (
            "matching.rs",
            "use crate::engine::Teller; pub struct Lists;",
        ),
        ("store.rs", "pub mod write;"),
        (
            "store/write.rs",
            "use crate::matching::Lists; pub struct Writer;",
        ),
        ("apart.rs", "use crate::engine::Teller;"),
    ];
    assert_eq!(
        found(&files),
        circle("crate", &["engine", "matching", "store"])
    );
}

#[test]
fn a_circle_among_children_is_found_within_their_parent() {
    let files = [
        ("lib.rs", "mod p;"),
        ("p.rs", "mod a; mod b; mod c { use super::a::A; }"),
        ("p/a.rs", "use super::b::B; pub struct A;"),
        ("p/b.rs", "use super::a; pub struct B;"),
    ];
    assert_eq!(found(&files), circle("p", &["a", "b"]));
}

#[test]
fn parent_and_child_may_know_each_other() {
    let files = [
        ("lib.rs", "mod p; pub use p::Outer;"),
        ("p.rs", "mod a; pub use a::Inner; pub struct Outer(Inner);"),
        (
            "p/a.rs",
            "use super::Outer; use crate::Outer as Again; pub struct Inner;",
        ),
    ];
    assert_eq!(found(&files), []);
}

#[test]
fn what_a_parent_hands_on_counts_as_an_import_from_where_it_is_defined() {
    for handed in [
        "use super::A;",
        "use super::*; fn f() { A::new(); }",
        "use crate::{self as all}; fn f() { all::A::new(); }",
        "fn f() { let _ = super::A; }",
        "fn f() { print!(\"{}\", crate::A::new()); }",
        "fn f() { print!(\"{}\", [(super::a::A::new(), 1)]); }",
    ] {
        let b = format!("{handed} pub struct B;");
        let files = [
            ("lib.rs", "mod a; mod b; pub use a::A;"),
            ("a.rs", "use crate::b::B; pub struct A;"),
            ("b.rs", b.as_str()),
        ];
        assert_eq!(found(&files), circle("crate", &["a", "b"]), "{handed}");
    }
}

#[test]
fn names_that_lead_elsewhere_are_no_imports() {
    for elsewhere in [
        "use a::A;",
        "use ::a::A;",
        "fn f(x: X) { x.a(); let a = 1; g(a); }",
        "fn f() { print!(\"{}\", x.a); print!(\"{}\", ::a::A); }",
        "#[a::A] fn f() {}",
        "//! See [`crate::a::A`].",
    ] {
        let b = format!("{elsewhere}\npub struct B;");
        let files = [
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b::B; pub struct A;"),
            ("b.rs", b.as_str()),
        ];
        assert_eq!(found(&files), [], "{elsewhere}");
    }
}

#[test]
fn code_for_tests_does_not_count() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::b::B; pub struct A;"),
        (
            "b.rs",
            "pub struct B;
             #[cfg(test)] use crate::a::A;
             #[cfg(all(test, unix))] mod tests { use crate::a::A; }
             #[test] fn t() { crate::a::A; }
             impl B { #[cfg(test)] fn t() { crate::a::A; } }
             #[cfg(not(test))] fn n() {}",
        ),
    ];
    assert_eq!(found(&files), []);
}

#[test]
fn code_for_other_systems_counts() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::b::B; pub struct A;"),
        (
            "b.rs",
            "#[cfg_attr(windows, path = \"b/w.rs\")] #[cfg_attr(not(windows), path = \"b/u.rs\")] mod os; pub struct B;",
        ),
        ("b/w.rs", "#[cfg(any(test, windows))] use crate::a::A;"),
        ("b/u.rs", ""),
    ];
    assert_eq!(found(&files), circle("crate", &["a", "b"]));
}

#[test]
fn circles_apart_are_told_apart() {
    let files = [
        ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ("a.rs", "use crate::b::B; pub struct A;"),
        ("b.rs", "use crate::a::A; pub struct B;"),
        ("c.rs", "use crate::d::D; use crate::a::A; pub struct C;"),
        ("d.rs", "use crate::c::C; pub struct D;"),
    ];
    let both = [circle("crate", &["a", "b"]), circle("crate", &["c", "d"])].concat();
    assert_eq!(found(&files), both);
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_not_an_empty_module() {
    let folder = tree(&[("lib.rs", "mod gone;")]);
    let error = circles(folder.path(), &folder.path().join("lib.rs")).unwrap_err();
    assert!(error.to_string().contains("gone"), "{error}");
    let folder = tree(&[("lib.rs", "fn {")]);
    assert!(circles(folder.path(), &folder.path().join("lib.rs")).is_err());
}
