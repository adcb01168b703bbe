//! What the program shows in a terminal, from inside one: colours, widths, the tree of processes. The terminals are pseudo-terminals of the
//! system, of a size that the test gives them.

use crate::fixed::Fixed;
use crate::support::{cordon, said, text};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::Winsize;
use serde_json::json;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, ExitStatus};
use unicode_width::UnicodeWidthStr;

/// Begins a change of colour or style, and with it every other command to a terminal.
const ESCAPE: char = '\u{1b}';

/// Runs a command in a terminal that has so many columns; gives what it showed there, errors included.
fn shown(mut command: Command, columns: u16) -> (String, ExitStatus) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
    let ours = openpt(flags).expect("a terminal");
    grantpt(&ours).expect("granted");
    unlockpt(&ours).expect("unlocked");
    let name = ptsname(&ours, Vec::new()).expect("its name");
    let open = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY;
    let theirs: OwnedFd = rustix::fs::open(&name, open, rustix::fs::Mode::empty()).expect("opened");
    let size = Winsize {
        ws_row: 40,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    rustix::termios::tcsetwinsize(&theirs, size).expect("its size");
    let again = theirs.try_clone().expect("once more");
    let mut child = command
        .stdout(again)
        .stderr(theirs)
        .spawn()
        .expect("it starts");
    // The other side is open as long as somebody may write to it.
    drop(command);
    let mut terminal = File::from(ours);
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    // Linux calls the end of a terminal an error.
    while let Ok(length) = terminal.read(&mut chunk) {
        if length == 0 {
            break;
        }
        bytes.extend_from_slice(&chunk[..length]);
    }
    let status = child.wait().expect("it ends");
    let text = String::from_utf8(bytes).expect("text");
    (text.replace("\r\n", "\n"), status)
}

/// The program, as in a terminal with colours.
fn here(args: &[&str]) -> Command {
    let mut command = cordon();
    command.args(args).env("TERM", "xterm-256color");
    for unwanted in [
        "NO_COLOR",
        "CLICOLOR",
        "CLICOLOR_FORCE",
        "FORCE_COLOR",
        "COLUMNS",
        // Where it stands, `clap` takes even a dumb terminal for a page that shows colours.
        "CI",
    ] {
        command.env_remove(unwanted);
    }
    command
}

/// The program with a profile.
fn with_profile(args: &[&str], profile: &Path) -> Command {
    let mut command = here(args);
    command.env("CORDON_PROFILE", profile);
    command
}

#[test]
fn colours_are_for_terminals_and_for_those_who_want_them() {
    // Help, and what is said of a mistake.
    for args in [&["--help"][..], &["ask", "--no-such-flag"]] {
        let (coloured, _) = shown(here(args), 80);
        assert!(coloured.contains("\u{1b}["), "{args:?}: {coloured:?}");
        for (name, value) in [("NO_COLOR", "1"), ("TERM", "dumb"), ("CLICOLOR", "0")] {
            let mut command = here(args);
            command.env(name, value);
            let (plain, _) = shown(command, 80);
            assert!(!plain.contains(ESCAPE), "{args:?} with {name}: {plain:?}");
        }
        let piped = here(args).output().expect("it runs");
        assert!(
            !text(&piped).contains(ESCAPE) && !said(&piped).contains(ESCAPE),
            "{piped:?}"
        );
    }
    // What a long-running command logs.
    let folder = tempfile::tempdir().expect("a folder");
    let nowhere = folder.path().join("nowhere").display().to_string();
    let log = ["server", "check", "--data", &nowhere];
    let mut command = here(&log);
    command.env("NO_COLOR", "1").env("CORDON_LOG", "debug");
    let (plain, _) = shown(command, 80);
    assert!(!plain.contains(ESCAPE), "{plain:?}");
}

/// API tokens whose names are what names can be.
fn wide_names() -> Fixed {
    let names = [
        "plain",
        "漢字サーバー",
        "👩\u{200d}💻 👍🏽 🇩🇪",
        "e\u{301}mu na\u{308}iv",
        "ｗｉｄｅ",
        "\u{1b}[31mred\u{1b}[0m\u{202e}",
        "a name of many words that no narrow terminal has room for in one line, 長い長い長い名前",
    ];
    let tokens: Vec<_> = (1..)
        .zip(names)
        .map(|(id, name)| {
            json!({"id": id, "name": name, "user": "ada", "scopes": ["read"], "used_at": null,
                "created_at": "2026-11-22T22:00:00Z", "expires_at": "2026-12-22T22:00:00Z"})
        })
        .collect();
    let headers = ["content-type: application/json"];
    Fixed::start("200 OK", &headers, &json!(tokens).to_string())
}

/// The widths of a table's lines, which are one.
fn width(table: &str) -> usize {
    let widths: Vec<usize> = table.lines().map(UnicodeWidthStr::width).collect();
    assert!(widths.len() > 5, "{table}");
    assert!(
        widths.iter().all(|width| *width == widths[0]),
        "{widths:?}\n{table}"
    );
    widths[0]
}

#[test]
fn tables_are_as_wide_as_the_terminal_at_most_and_aligned_whatever_is_in_them() {
    let server = wide_names();
    let profile = server.profile();
    let table = ["api-tokens"];
    let mut last = 0;
    for columns in [100, 115, 130] {
        let (shown, status) = shown(with_profile(&table, &profile), columns);
        assert!(status.success(), "{shown}");
        assert!(!shown.contains(ESCAPE), "{shown:?}");
        let width = width(&shown);
        assert!(
            width <= usize::from(columns),
            "{width} in {columns}:\n{shown}"
        );
        assert!(width > last, "it uses the room that there is");
        last = width;
    }
    // Where words would have to be broken, a row is a record of lines.
    let (narrow, _) = shown(with_profile(&table, &profile), 60);
    let lines: Vec<&str> = narrow.lines().collect();
    assert!(!narrow.contains(['│', '┌']), "{narrow}");
    let created = lines
        .iter()
        .filter(|line| line.contains("2026-11-22T22:00:00Z"));
    assert_eq!(created.count(), 7, "{narrow}");
    assert_eq!(
        lines.iter().filter(|line| line.is_empty()).count(),
        6,
        "{narrow}"
    );
    // One that does not know its width is no narrow one, and a pipe has none.
    let (unknown, _) = shown(with_profile(&table, &profile), 0);
    assert!(width(&unknown) > 130, "{unknown}");
    for name in [
        "漢字サーバー",
        "\\x1B[31mred",
        "🇩🇪",
        "e\u{301}mu",
        "長い長い長い名前",
    ] {
        assert!(unknown.contains(name), "{name}: {unknown}");
    }
    let piped = with_profile(&["api-tokens", "-o", "table"], &profile).output();
    assert_eq!(text(&piped.expect("it runs")), unknown);
    // Without a form, a pipe has columns separated by tabs.
    let piped = with_profile(&table, &profile).output().expect("it runs");
    let tabs: Vec<usize> = text(&piped)
        .lines()
        .map(|line| line.matches('\t').count())
        .collect();
    assert_eq!(tabs, [6; 8]);
}

#[test]
#[cfg(target_os = "linux")]
fn the_tree_of_this_machine_is_drawn_in_a_terminal_and_a_table_elsewhere() {
    let question = "Get Process Tree[All] from all machines";
    let ask = ["ask", "--local", question];
    let (tree, status) = shown(here(&ask), 160);
    assert!(status.success(), "{tree}");
    let table: String = tree
        .lines()
        .filter(|line| line.starts_with(['┌', '│', '╞', '└']))
        .collect::<Vec<_>>()
        .join("\n");
    assert!(width(&table) <= 160, "{table}");
    // The program is in it, below what started it, with its arguments beside it.
    let mut own = table.lines().filter(|line| line.contains("─ cordon "));
    assert!(own.any(|line| line.contains("cordon ask")), "{table}");
    // Where the locale has no other letters, lines are of ASCII.
    let mut command = here(&ask);
    command.env("LC_ALL", "C");
    let (tree, _) = shown(command, 160);
    assert!(
        tree.contains("`- ") && !tree.contains(['─', '│', '└']),
        "{tree}"
    );
    // As a table in a pipe it is a tree as well; what programs read is rows.
    let mut aligned = here(&ask);
    let aligned = aligned.args(["-o", "table"]).output().expect("it runs");
    assert!(text(&aligned).contains("└─ "), "{aligned:?}");
    for form in ["json", "jsonl", "csv"] {
        let mut command = here(&ask);
        let output = command.args(["-o", form]).output().expect("it runs");
        let text = text(&output);
        assert!(
            !text.contains('─') && text.contains(" > "),
            "{form}: {text}"
        );
    }
    let tabs = text(&here(&ask).output().expect("it runs"));
    assert!(
        tabs.starts_with("Tree\tProcess\tDepth\tProcess ID\t"),
        "{tabs}"
    );
}
