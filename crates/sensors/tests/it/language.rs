//! What questions about the real sensors mean: the column that is meant, digests, versions of packages, one row.

use question::eval::keep;
use question::{Row, parse};

fn row(cells: &[&str]) -> Row {
    cells.iter().map(|c| c.as_bytes().into()).collect()
}

/// Packages as dpkg, rpm and apk have them.
fn packages() -> Vec<Row> {
    vec![
        row(&["openssl", "3.0.15-1~deb12u1", "amd64", "dpkg"]),
        row(&["openssh-server", "1:9.2p1-2+deb12u3", "amd64", "dpkg"]),
        row(&["zlib1g", "1:1.2.13.dfsg-1", "amd64", "dpkg"]),
        row(&["libssl3", "1:3.0.7-1ubuntu2", "amd64", "dpkg"]),
        row(&["openssl-libs", "1:3.0.7-18.el9_2", "x86_64", "rpm"]),
        row(&["libcrypto3", "3.1.4-r5", "x86_64", "apk"]),
        row(&["core", "16-2.61", "amd64", "snap"]),
    ]
}

#[test]
fn versions_of_packages_compare_as_their_manager_compares_them() {
    let catalogue = sensors::catalogue();
    let named = |condition: &str| -> Vec<String> {
        let text = format!("Get Installed Applications having ({condition}) from all machines");
        let question = parse(&text, &catalogue).unwrap_or_else(|e| panic!("{text}: {e}"));
        keep(&question.selects[0], &packages(), &catalogue)
            .iter()
            .map(|r| question::cell::text(&r[0]).into_owned())
            .collect()
    };
    for (condition, wanted) in [
        (
            "Name = openssh-server and Version < 9.8",
            vec!["openssh-server"],
        ),
        ("Name = zlib1g and Version >= 1.2.14", vec![]),
        ("Name starts with libssl and Version < 3.0.7", vec![]),
        (
            "Name starts with libssl and Version = 3.0.7",
            vec!["libssl3"],
        ),
        (
            "Name starts with libssl and Version < 3.0.7-1ubuntu3",
            vec!["libssl3"],
        ),
        ("Name starts with libssl and Version < 2:1", vec!["libssl3"]),
        (
            "Name contains openssl and Version in (3.0.7, 3.0.15)",
            vec!["openssl", "openssl-libs"],
        ),
        (
            "Name contains openssl and Version not in (3.0.7)",
            vec!["openssl"],
        ),
        (
            "Name = openssl-libs and Version < 3.0.7-24.el9",
            vec!["openssl-libs"],
        ),
        ("Name = libcrypto3 and Version = 3.1.4", vec!["libcrypto3"]),
        (
            "Name = libcrypto3 and Version < 3.1.4-r6",
            vec!["libcrypto3"],
        ),
        ("Name = core and Version < 16.1", vec!["core"]),
        // As another type the cells are what they are.
        ("Version as Text = 3.0.7", vec![]),
        (
            "Version starts with \"1:3\"",
            vec!["libssl3", "openssl-libs"],
        ),
    ] {
        assert_eq!(named(condition), wanted, "{condition}");
    }
}

#[test]
fn questions_are_understood_or_refused_with_a_mend() {
    let catalogue = sensors::catalogue();
    let md5 = "d41d8cd98f00b204e9800998ecf8427e";
    for (text, wanted) in [
        (
            "Get Installed Applications having Name contains nginx from all machines".to_owned(),
            "Get Installed Applications having Installed Applications:Name contains nginx from all machines".to_owned(),
        ),
        (
            "Get Listen Ports having Local Port in (22, 3389) from all machines".to_owned(),
            "Get Listen Ports having Listen Ports:Local Port in (22, 3389) from all machines".to_owned(),
        ),
        (
            "Get number of machines with Installed Applications having Name = openssl and Version < 3.0.7".to_owned(),
            "Get number of machines from all machines with Installed Applications having (Installed Applications:Name = openssl and Installed Applications:Version < 3.0.7)".to_owned(),
        ),
        (
            format!("Get Running Processes with Hash[MD5] = {md5} from all machines"),
            format!("Get Running Processes with Hash[\"MD5\"] having Running Processes with Hash:Hash = {md5} from all machines"),
        ),
    ] {
        let question = parse(&text, &catalogue).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(question.to_string(), wanted);
    }
    for (text, expected) in [
        (
            format!(
                "Get Running Processes with Hash having Running Processes with Hash:Hash = {md5} from all machines"
            ),
            "Running Processes with Hash[MD5]",
        ),
        (
            format!("Get Computer Name from all machines with File Hash[/bin/ls] != {md5}"),
            "File Hash[\"/bin/ls\", MD5]",
        ),
        (
            format!("Get Computer Name from all machines with Process Details[None]:Hash = {md5}"),
            "Process Details[MD5]",
        ),
        (
            format!(
                "Get Index Query File Path and Hash having SHA256 in ({md5}) from all machines"
            ),
            "\"Index Query File Path and Hash\":MD5",
        ),
        (
            "Get Computer Name from all machines with OS Version = 12".to_owned(),
            "OS Version:Version",
        ),
    ] {
        let error = parse(&text, &catalogue).expect_err(&text);
        assert!(
            error.expected.iter().any(|e| e == expected),
            "{text}: {} {:?}",
            error.message,
            error.expected
        );
    }
}
