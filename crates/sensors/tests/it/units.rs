//! Units against the loader of systemd itself: some hundred made ones, which it loads and tells in its test mode.
//!
//! The loader does not need to be the machine's first process for that, nor rights; the folders of units are the test's own.
#![cfg(target_os = "linux")]

use crate::support::{live, with_own_mounts};
use rustix::mount::{MountFlags, mount};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

const UNITS: usize = 240;
const PLACES: [&str; 3] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/lib/systemd/system",
];

/// Numbers that are the same at each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len())]
    }
}

fn write(path: &str, text: &str) {
    std::fs::create_dir_all(Path::new(path).parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn link(path: &str, target: &str) {
    std::fs::create_dir_all(Path::new(path).parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(target, path).unwrap();
}

/// Some lines of a service, as people write them.
fn lines(dice: &mut Dice) -> String {
    let mut text = String::new();
    for _ in 0..1 + dice.roll(5) {
        text.push_str(match dice.roll(20) {
            0 => "ExecStartPre=/bin/pre %i %I\n",
            1 => "ExecStartPre=-/bin/pre \"two words\" %p\n",
            2 => "ExecStartPost=/bin/post %n %N\n",
            3 => "ExecReload=/bin/reload %H %l\n",
            4 => "ExecStop=+/bin/stop %S %t %L %C %E %T\n",
            5 => "ExecStopPost=@/bin/after name %P %j %J\n",
            6 => "ExecCondition=/bin/maybe %f\n",
            7 => "ExecStart=\nExecStart=/bin/other %%x\n",
            8 => "ExecStartPre=\n",
            9 => "Environment=LD_PRELOAD=/tmp/x.so A=%i\n",
            10 => "Environment=\"TWO=a b\" 'ONE=c'\n",
            11 => "Environment=\n",
            12 => "EnvironmentFile=-/etc/default/%p\n",
            13 => "ExecStart=/bin/long \\\n# a comment\n  --more \\\n  --most\n",
            14 => "  ExecStart = /bin/blank   two  \n",
            15 => "PassEnvironment=P Q\n",
            16 => "; ExecStart=/bin/no\n",
            17 => "UnsetEnvironment=U\n",
            18 => "ExecStart=/bin/ver %v %m %b %o %w\n",
            _ => "ExecStop=\nExecStop=/bin/end\n",
        });
    }
    text
}

/// Makes units, and gives the names that are to be loaded.
fn make(dice: &mut Dice) -> Vec<String> {
    let mut names = Vec::new();
    for n in 0..UNITS {
        let head = "[Unit]\nDescription=The %n\n[Service]\nType=oneshot\nExecStart=/bin/main %n\n";
        let place = dice.pick(&PLACES);
        let file = match dice.roll(4) {
            0 => format!("a-b-{n}@.service"),
            1 => format!("a-{n}.service"),
            _ => format!("u{n}.service"),
        };
        write(
            &format!("{place}/{file}"),
            &format!("{head}{}", lines(dice)),
        );
        // The same name elsewhere: the folder decides.
        if dice.roll(5) == 0 {
            let other = dice.pick(&PLACES);
            write(
                &format!("{other}/{file}"),
                &format!("{head}{}", lines(dice)),
            );
        }
        let name = file.replace("@.", &format!("@x-y\\x2d{n}."));
        let mut folders = vec![
            format!("{name}.d"),
            format!("{file}.d"),
            "service.d".into(),
            "a-.service.d".into(),
            "a-b-.service.d".into(),
        ];
        if dice.roll(3) == 0 {
            let alias = format!("alias{n}.service");
            if !file.contains('@') {
                let target = if dice.roll(2) == 0 {
                    file.clone()
                } else {
                    format!("{place}/{file}")
                };
                link(&format!("{place}/{alias}"), &target);
                folders.push(format!("{alias}.d"));
            }
        }
        for _ in 0..dice.roll(3) {
            let at = dice.roll(folders.len());
            let path = format!(
                "{}/{}/{}.conf",
                dice.pick(&PLACES),
                folders[at],
                dice.pick(&["10-a", "20-b", "30-c"])
            );
            // What is for many units stays mild, so that they differ.
            write(&path, &format!("[Service]\n{}", lines(dice)));
        }
        names.push(name);
    }
    for n in 0..40 {
        let service = format!("a-{n}.service");
        let (file, text) = match n % 4 {
            0 => (
                format!("s{n}.socket"),
                format!("[Socket]\nListenStream=/run/{n}\nService={service}\n"),
            ),
            1 => (
                format!("s{n}.socket"),
                "[Socket]\nListenStream=/run/x\nAccept=yes\n".to_owned(),
            ),
            2 => (
                format!("p{n}.path"),
                format!("[Path]\nPathExists=/x{n}\nUnit={service}\n"),
            ),
            _ => (
                format!("t{n}.timer"),
                format!(
                    "[Timer]\nOnCalendar=daily\nOnBootSec=5min\nOnCalendar=\nOnActiveSec=7s\nUnit={service}\n"
                ),
            ),
        };
        let text = format!("[Unit]\nDescription=The {file}\n{text}");
        write(&format!("/etc/systemd/system/{file}"), &text);
        write(
            &format!("/etc/systemd/system/s{n}@.service"),
            "[Service]\nExecStart=/bin/each\n",
        );
        names.push(file);
    }
    names
}

/// What is known of a unit: each setting with its values, and each value as its words.
type Told = BTreeMap<String, BTreeSet<Vec<String>>>;

/// Words without the quotes around them. What a specifier leaves empty is a word for the loader, and none in a cell; a
/// backslash that comes out of one is plain in a cell.
fn words(text: &str, escaped: bool) -> Vec<String> {
    let mut words = vec![];
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            _ if quote == Some(c) => quote = None,
            '\\' if escaped => word.get_or_insert_default().extend(chars.next()),
            '"' | '\'' if quote.is_none() => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            ' ' if quote.is_none() => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words.retain(|word| !word.is_empty());
    words
}

/// Reads what the loader tells, by the name of the unit.
fn loaded(text: &str) -> BTreeMap<String, Told> {
    let mut units: BTreeMap<String, Told> = BTreeMap::new();
    let mut unit = String::new();
    let mut command = String::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("\t-> Unit ") {
            unit = name.trim_end_matches(':').to_owned();
            units.insert(unit.clone(), Told::new());
        }
        let Some(told) = units.get_mut(&unit) else {
            continue;
        };
        let line = line.trim_start();
        if let Some(name) = line.strip_prefix("-> Exec") {
            command = format!("Exec{}", name.trim_end_matches(':'));
        }
        let Some((key, value)) = line.split_once(": ") else {
            continue;
        };
        match key {
            "Command Line" => {
                told.entry(command.clone())
                    .or_default()
                    .insert(words(value, true));
            }
            "Environment" | "EnvironmentFile" | "PassEnvironment" | "UnsetEnvironment" => {
                told.entry(key.into())
                    .or_default()
                    .insert(vec![value.into()]);
            }
            "Fragment Path" => {
                let path = value.strip_prefix("/usr").unwrap_or(value).to_owned();
                told.entry("Path".into()).or_default().insert(vec![path]);
            }
            "Description" => {
                told.entry("Description".into())
                    .or_default()
                    .insert(vec![value.into()]);
            }
            "Triggers" => {
                let unit = value.split(' ').next().unwrap().to_owned();
                told.entry("Triggers".into())
                    .or_default()
                    .insert(vec![unit]);
            }
            _ => {}
        }
    }
    units
}

/// The same from a row of the sensor.
fn seen(row: &[String]) -> Told {
    let mut told = Told::new();
    let mut add = |key: &str, value: Vec<String>| {
        told.entry(key.to_owned()).or_default().insert(value);
    };
    let command = |value: &str| {
        let mut all = words(value, false);
        let first = all.first_mut().unwrap();
        let bare = first
            .trim_start_matches(['-', '@', '+', '!', ':'])
            .to_owned();
        let named = first.starts_with('@');
        *first = bare;
        // The name that a program is given stands in place of its path.
        if named {
            all.remove(0);
        }
        all
    };
    for value in row[4].split("; ").filter(|v| !v.is_empty()) {
        add("ExecStart", command(value));
    }
    for setting in row[8].split("; ").filter(|v| !v.is_empty()) {
        let (key, value) = setting.split_once('=').unwrap();
        add(key, command(value));
    }
    for part in row[9].split("; ").filter(|v| !v.is_empty()) {
        match part.split_once('=') {
            Some((key @ ("EnvironmentFile" | "UnsetEnvironment"), value)) => {
                add(key, vec![value.into()])
            }
            Some(("PassEnvironment", value)) => {
                for name in value.split(' ') {
                    add("PassEnvironment", vec![name.into()]);
                }
            }
            _ => add("Environment", vec![part.into()]),
        }
    }
    if let Some(starts) = row[10]
        .split("; ")
        .find_map(|part| part.strip_prefix("starts "))
    {
        // Of a template, an instance for each connection.
        if !starts.contains('@') {
            add("Triggers", vec![starts.into()]);
        }
    }
    add("Description", vec![row[1].clone()]);
    let path = row[7].strip_prefix("/usr").unwrap_or(&row[7]);
    add("Path", vec![path.into()]);
    told
}

#[test]
fn made_units_are_told_as_systemd_loads_them() {
    let (told, rows, names) = with_own_mounts(|| {
        for place in ["/run", "/usr/lib/systemd/system", "/etc/systemd/system"] {
            mount(
                "none",
                place,
                "tmpfs",
                MountFlags::empty(),
                Some(c"mode=755"),
            )
            .unwrap();
        }
        let mut dice = Dice(10);
        let names = make(&mut dice);
        let target = "/etc/systemd/system/default.target";
        write(target, "[Unit]\nDescription=All\n");
        for name in &names {
            let file = match name.split_once('@') {
                Some((stem, _)) => format!("{stem}@.service"),
                None => name.clone(),
            };
            let place = PLACES
                .iter()
                .find(|p| Path::new(&format!("{p}/{file}")).exists());
            link(
                &format!("{target}.wants/{name}"),
                &format!("{}/{file}", place.unwrap()),
            );
        }
        let told = Command::new("/usr/lib/systemd/systemd")
            .args(["--test", "--system", "--log-target=console"])
            .env("XDG_RUNTIME_DIR", "/tmp")
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null())
            // It refuses to test as the superuser.
            .uid(65_534)
            .gid(65_534)
            .output()
            .unwrap();
        assert!(
            told.status.success(),
            "{}",
            String::from_utf8_lossy(&told.stderr)
        );
        let told = String::from_utf8_lossy(&told.stdout).into_owned();
        (loaded(&told), live("Service Details"), names)
    });
    let mut wrong = Vec::new();
    let mut compared = 0;
    for name in &names {
        let expected = &told[name];
        let short = name.strip_suffix(".service").unwrap_or(name);
        let row = rows.iter().find(|r| r[0] == short && r[11] == "system");
        let row = row.unwrap_or_else(|| panic!("{name} is missing"));
        // One that has nothing to start is refused by the loader, and told by us.
        if !expected.contains_key("ExecStart") && name.ends_with(".service") {
            continue;
        }
        compared += 1;
        let seen = seen(row);
        if seen != *expected {
            wrong.push(format!("{name}\n  seen {seen:?}\n  told {expected:?}"));
        }
    }
    assert!(compared > 200, "{compared}");
    let first: Vec<&String> = wrong.iter().take(5).collect();
    assert!(
        wrong.is_empty(),
        "{} of {compared} differ: {first:#?}",
        wrong.len()
    );
}
