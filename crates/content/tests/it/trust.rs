//! One bit changed anywhere is refused, with its reason; keys change only by who may.

use content::digest::Digest;
use content::name::{Key, Kind};
use content::objects::{Object, Platform};
use content::trust::{
    Catalogue, Definition, PublicKey, Refused, Root, Seen, Signed, TrustedKey, Undefined,
    definition, sign_statement, verify_pack,
};
use ed25519_dalek::SigningKey;
use std::collections::BTreeMap;

const NOW: i64 = 1_800_000_000;

fn key(n: u8) -> SigningKey {
    SigningKey::from_bytes(&[n; 32])
}

fn trusted(n: u8, from: i64, until: Option<i64>) -> TrustedKey {
    TrustedKey {
        key: PublicKey::of(&key(n)),
        name: format!("key {n}"),
        from,
        until,
    }
}

fn root() -> Root {
    Root {
        version: 1,
        content: vec![trusted(1, 0, None)],
        publishers: vec![trusted(5, 0, None)],
        recovery: vec![PublicKey::of(&key(9))],
    }
}

fn sensor(script: &str) -> Object {
    let value = serde_json::json!({
        "name": "Release", "description": "Prose is not signed.", "columns": [{ "name": "Release" }],
        "platforms": { "linux": { "interpreter": "sh", "text": script }, "windows": { "interpreter": "powershell", "text": "x" } },
    });
    Object::from_value(Kind::Sensor, &value).unwrap()
}

fn wanted() -> Key {
    Key::new(Kind::Sensor, "Release")
}

fn in_force(signed: &Signed) -> Catalogue {
    Catalogue {
        serial: 7,
        issued: NOW,
        expires: NOW + 1000,
        definitions: BTreeMap::from([(wanted(), Digest::of(signed.body.as_bytes()))]),
    }
}

fn signed() -> Signed {
    Definition::sign(
        &definition(&sensor("uname -r"), "1.0.0", &BTreeMap::new()).unwrap(),
        &[&key(1)],
    )
}

#[test]
fn a_sound_definition_is_taken() {
    let signed = Signed::from_json(signed().to_json().as_bytes()).unwrap();
    let definition =
        Definition::verify(&signed, &wanted(), &root(), &in_force(&signed), NOW).unwrap();
    assert_eq!(definition.version, "1.0.0");
    definition
        .check_script(Platform::Linux, b"uname -r")
        .unwrap();
    let refused = definition
        .check_script(Platform::Linux, b"uname -r ")
        .unwrap_err();
    assert_eq!(refused.code(), "content-changed");
    let refused = definition
        .check_script(Platform::Macos, b"uname -r")
        .unwrap_err();
    assert_eq!(refused.code(), "content-other-platform");
    assert!(!signed.body.contains("Prose"));
}

#[test]
fn one_bit_changed_anywhere_is_refused() {
    let json = signed().to_json().into_bytes();
    let catalogue = in_force(&signed());
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for at in 0..json.len() {
        for bit in 0..8 {
            let mut changed = json.clone();
            changed[at] ^= 1 << bit;
            let result = Signed::from_json(&changed).and_then(|signed| {
                Definition::verify(&signed, &wanted(), &root(), &catalogue, NOW)
            });
            let refused = match result {
                Err(refused) => refused,
                // Hexadecimal in capitals is the same key and the same signature.
                Ok(_) => {
                    assert!(changed.eq_ignore_ascii_case(&json), "byte {at} bit {bit}");
                    continue;
                }
            };
            assert!(!refused.to_string().is_empty());
            *reasons.entry(refused.code()).or_default() += 1;
        }
    }
    assert!(reasons.contains_key("content-bad-signature"), "{reasons:?}");
    assert!(reasons.contains_key("content-unknown-key"), "{reasons:?}");
    assert!(
        reasons.contains_key("content-not-understood"),
        "{reasons:?}"
    );
}

#[test]
fn whatever_decides_what_runs_is_signed() {
    let base = serde_json::json!({
        "name": "P", "platforms": { "linux": { "command": { "program": "ls", "arguments": ["-l"] } } },
        "run_as": "nobody", "parameters": [{ "key": "a", "label": "A", "widget": "text" }],
    });
    let made = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut value = base.clone();
        change(&mut value);
        let object = Object::from_value(Kind::Package, &value).unwrap();
        definition(&object, "1.0.0", &BTreeMap::new()).unwrap()
    };
    let plain = made(&|_| {});
    let changes: [&dyn Fn(&mut serde_json::Value); 8] = [
        &|v| v["run_as"] = "root".into(),
        &|v| v["platforms"]["linux"]["command"]["arguments"][0] = "-a".into(),
        &|v| v["platforms"]["windows"] = serde_json::json!({ "command": { "program": "dir" } }),
        &|v| v["parameters"][0]["widget"] = serde_json::json!({ "text": { "max": 5 } }),
        &|v| v["command_timeout"] = "1 h".into(),
        &|v| v["limits"] = serde_json::json!({ "memory": "1 GiB" }),
        &|v| v["ignore_action_lock"] = true.into(),
        &|v| v["name"] = "Q".into(),
    ];
    for change in changes {
        assert_ne!(made(change), plain);
    }
    assert_eq!(made(&|v| v["description"] = "Words.".into()), plain);
}

#[test]
fn a_file_that_was_not_supplied_leaves_the_package_undefined() {
    let value = serde_json::json!({
        "name": "P", "platforms": { "linux": { "command": { "program": "ls" } } }, "files": [{ "supplied": "config.ini" }],
    });
    let object = Object::from_value(Kind::Package, &value).unwrap();
    assert_eq!(
        definition(&object, "1", &BTreeMap::new()),
        Err(Undefined::NotSupplied {
            name: "P".into(),
            file: "config.ini".into()
        })
    );
    let supplied = BTreeMap::from([("config.ini".to_owned(), Digest::of(b"x"))]);
    assert!(definition(&object, "1", &supplied).is_ok());
}

#[test]
fn the_wrong_key_time_object_or_catalogue_is_refused() {
    let signed = signed();
    let catalogue = in_force(&signed);
    let code = |root: &Root, key: &Key, catalogue: &Catalogue, now: i64| {
        Definition::verify(&signed, key, root, catalogue, now)
            .unwrap_err()
            .code()
    };
    let with = |content: Vec<TrustedKey>| Root { content, ..root() };
    assert_eq!(
        code(&with(vec![trusted(2, 0, None)]), &wanted(), &catalogue, NOW),
        "content-unknown-key"
    );
    assert_eq!(
        code(
            &with(vec![trusted(1, NOW + 1, None)]),
            &wanted(),
            &catalogue,
            NOW
        ),
        "content-key-not-yet"
    );
    assert_eq!(
        code(
            &with(vec![trusted(1, 0, Some(NOW))]),
            &wanted(),
            &catalogue,
            NOW
        ),
        "content-key-over"
    );
    assert_eq!(
        code(&root(), &Key::new(Kind::Sensor, "Other"), &catalogue, NOW),
        "content-other-object"
    );
    let mut other = catalogue.clone();
    other.definitions.insert(wanted(), Digest::of(b"x"));
    assert_eq!(
        code(&root(), &wanted(), &other, NOW),
        "content-other-version"
    );
    other.definitions.clear();
    assert_eq!(code(&root(), &wanted(), &other, NOW), "content-not-listed");
    // A publisher's key vouches for packs, not for what endpoints run.
    let by_publisher = Definition::sign(
        &definition(&sensor("uname -r"), "1.0.0", &BTreeMap::new()).unwrap(),
        &[&key(5)],
    );
    let refused =
        Definition::verify(&by_publisher, &wanted(), &root(), &catalogue, NOW).unwrap_err();
    assert_eq!(refused.code(), "content-unknown-key");
    let unsigned = Signed {
        signatures: vec![],
        ..signed.clone()
    };
    assert_eq!(
        Definition::verify(&unsigned, &wanted(), &root(), &catalogue, NOW),
        Err(Refused::Unsigned)
    );
    // A signature for one thing is none for another.
    let crossed = Catalogue::verify(&signed, &root(), None, NOW).unwrap_err();
    assert_eq!(crossed.code(), "content-bad-signature");
}

#[test]
fn a_catalogue_only_grows() {
    let catalogue = in_force(&signed());
    let verify = |c: &Catalogue, seen: Option<Seen>| {
        Catalogue::verify(&c.sign(&[&key(1)]), &root(), seen, NOW)
    };
    let (_, seen) = verify(&catalogue, None).unwrap();
    assert!(verify(&catalogue, Some(seen)).is_ok());
    let changed = |f: &dyn Fn(&mut Catalogue)| {
        let mut next = catalogue.clone();
        f(&mut next);
        verify(&next, Some(seen))
            .map(|(_, seen)| seen.serial)
            .map_err(|r| r.code())
    };
    assert_eq!(changed(&|c| c.serial = 6), Err("catalogue-old"));
    assert_eq!(changed(&|c| c.definitions.clear()), Err("catalogue-double"));
    assert_eq!(
        changed(&|c| {
            c.serial = 8;
            c.expires = NOW
        }),
        Err("catalogue-over")
    );
    assert_eq!(
        changed(&|c| {
            c.serial = 8;
            c.issued = NOW + 3600
        }),
        Err("catalogue-not-yet")
    );
    assert_eq!(changed(&|c| c.serial = 8), Ok(8));
}

#[test]
fn the_root_follows_content_and_recovery_keys_alone() {
    let root = root();
    let next = root.rotate(trusted(2, NOW, None), 3600, NOW);
    let held = root.succeed(&next.sign(&[&key(1)]), NOW).unwrap();
    // Both are in force during the overlap, only the new one after it.
    let signed = signed();
    let catalogue = in_force(&signed);
    assert!(Definition::verify(&signed, &wanted(), &held, &catalogue, NOW + 3599).is_ok());
    let refused =
        Definition::verify(&signed, &wanted(), &held, &catalogue, NOW + 3600).unwrap_err();
    assert_eq!(refused.code(), "content-key-over");

    let code = |next: &Root, signer: u8| {
        root.succeed(&next.sign(&[&key(signer)]), NOW)
            .map(|r| r.version)
            .map_err(|r| r.code())
    };
    assert_eq!(code(&next, 3), Err("content-unknown-key"));
    assert_eq!(code(&next, 5), Err("content-unknown-key"));
    assert_eq!(code(&next, 9), Ok(2));
    assert_eq!(code(&root, 1), Err("trust-old"));
    let mut other = next.clone();
    other.recovery = vec![PublicKey::of(&key(8))];
    assert_eq!(code(&other, 1), Err("trust-not-by-recovery"));
    assert_eq!(code(&other, 9), Ok(2));
    let mut none = next.clone();
    none.content = vec![trusted(2, NOW + 10, None)];
    assert_eq!(code(&none, 1), Err("trust-no-content-key"));
    let mut twice = next.clone();
    twice.publishers.push(trusted(2, 0, None));
    assert_eq!(code(&twice, 1), Err("trust-unsound"));
    // Who was away follows the chain.
    let third = held.rotate(trusted(3, NOW, None), 3600, NOW);
    let chain = [next.sign(&[&key(1)]), third.sign(&[&key(2)])];
    assert_eq!(root.follow(&chain, NOW).unwrap(), third);
    assert_eq!(held.follow(&chain, NOW).unwrap(), third);
    assert_eq!(
        root.follow(&chain[1..], NOW).unwrap_err().code(),
        "content-unknown-key"
    );
}

#[test]
fn every_bit_of_a_pack_is_vouched_for() {
    let files = [
        (
            "sensors/a.yaml",
            "name: A\nplatforms: {linux: {interpreter: sh, file: files/a.sh}}\ncolumns: [{name: A}]\n",
        ),
        ("files/a.sh", "echo 1\n"),
    ];
    let pack = crate::help::pack(&files);
    let signature = sign_statement(&pack.statement(), &key(5));
    assert_eq!(
        verify_pack(&pack.statement(), &[signature], &root(), NOW),
        Ok(())
    );
    let changed = [
        [files[0], ("files/a.sh", "echo 2\n")],
        [
            (
                "sensors/a.yaml",
                "name: A\nmax_age: 1 h\nplatforms: {linux: {interpreter: sh, file: files/a.sh}}\ncolumns: [{name: A}]\n",
            ),
            files[1],
        ],
    ];
    for files in changed {
        let other = crate::help::pack(&files);
        let refused = verify_pack(&other.statement(), &[signature], &root(), NOW).unwrap_err();
        assert_eq!(refused.code(), "content-bad-signature");
    }
    // With its signature it goes through an archive.
    let mut pack = pack;
    pack.signatures = vec![signature];
    let bytes = content::pack::archive::write(&pack.to_tree().unwrap()).unwrap();
    let back = content::pack::read(
        &content::pack::archive::read(&bytes).unwrap(),
        &crate::help::around(),
    )
    .unwrap();
    assert_eq!(
        verify_pack(&back.statement(), &back.signatures, &root(), NOW),
        Ok(())
    );
}
