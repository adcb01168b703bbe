use super::*;
use ::api::document::{Document, Line, QuestionHead, Tail};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use unicode_width::UnicodeWidthStr;

const FORMS: [(Form, &str); 5] = [
    (Form::Aligned, "txt"),
    (Form::Tabs, "txt"),
    (Form::Json, "json"),
    (Form::Jsonl, "jsonl"),
    (Form::Csv, "csv"),
];

/// What these tables look like as files, by name.
fn written(form: Form, tables: &[Table], folder: &Path) -> BTreeMap<String, String> {
    let how = How {
        form,
        table: None,
        folder: Some(folder.to_owned()),
        replace: true,
    };
    let heads: Vec<Head> = tables.iter().map(|table| table.head.clone()).collect();
    let question = QuestionHead {
        text: "Get Things from all machines".to_owned(),
        ..QuestionHead::default()
    };
    let facts = serde_json::Value::Null;
    let mut printer = Printer::new(&how, Some(question), facts, &heads).expect("a printer");
    for table in tables {
        printer.table(&table.head).expect("begun");
        for row in &table.rows {
            printer.row(row).expect("printed");
        }
    }
    let tail = Tail {
        coverage: [(::api::EndpointState::Answered, 1)].into(),
        ..Tail::default()
    };
    printer.end(Some(&tail)).expect("ended");
    let files = std::fs::read_dir(folder).expect("a folder");
    let files = files.map(|entry| {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy();
        let text = std::fs::read_to_string(&path).expect("text");
        std::fs::remove_file(&path).expect("removed");
        (name.into_owned(), text)
    });
    files.collect()
}

/// Texts that do harm where they are not handled, and those that are wider or narrower than their letters.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(vec![
        "\"",
        "\"\"",
        "'",
        ",",
        ";",
        "\t",
        "\n",
        "\r\n",
        "\\",
        "\\n",
        "\u{1b}[31m",
        "\u{202e}",
        "\u{2066}",
        "\u{200b}",
        "\u{feff}",
        "\0",
        "=",
        "=1+1",
        "+",
        "-",
        "-5",
        "@",
        "＝",
        "|",
        "│",
        " ",
        "\u{a0}",
        "\u{3000}",
        "a",
        "Z",
        "7",
        "0x1F",
        "007",
        "1.50",
        "1e9",
        "True",
        "false",
        "90s",
        "漢字",
        "ｗｉｄｅ",
        "e\u{301}",
        "👍🏽",
        "👩\u{200d}💻",
        "🇩🇪",
        "☺\u{fe0f}",
        "{\"a\":1}",
        "<b>",
        "null",
        "[]",
    ])
    .prop_map(|text: &str| text.as_bytes().to_vec());
    let bytes = prop::collection::vec(any::<u8>(), 0..6);
    let any = prop_oneof![6 => pieces, 1 => bytes, 1 => any::<char>().prop_map(|c| c.to_string().into_bytes())];
    prop::collection::vec(any, 0..4).prop_map(|parts| parts.concat())
}

fn kind() -> impl Strategy<Value = ValueType> {
    prop::sample::select(vec![
        ValueType::Text,
        ValueType::Integer,
        ValueType::Decimal,
        ValueType::DateTime,
        ValueType::Duration,
        ValueType::DataSize,
        ValueType::Hash,
        ValueType::Boolean,
    ])
}

fn value(kind: ValueType) -> impl Strategy<Value = Value> {
    let cell = move |cell: Vec<u8>| Value::of(&cell::text(&cell), kind);
    let number = any::<i64>().prop_map(move |n| Value::of(&n.to_string(), kind));
    let decimal = (any::<i32>(), 0..100_000_u32)
        .prop_map(move |(whole, part)| Value::of(&format!("{whole}.{part}"), kind));
    let span = any::<u32>().prop_map(move |n| Value::of(&format!("{n}s"), kind));
    let list = prop::collection::vec(
        hostile().prop_map(|item| cell::text(&item).into_owned()),
        0..4,
    );
    prop_oneof![
        6 => hostile().prop_map(cell),
        2 => number,
        1 => decimal,
        2 => span,
        1 => list.prop_map(Value::List),
    ]
}

fn table(name: &'static str) -> impl Strategy<Value = Table> {
    let names = ["Name", "Count", "Machines", "名前"];
    prop::collection::vec(kind(), 0..=names.len()).prop_flat_map(move |kinds| {
        let columns: Vec<_> = names.into_iter().zip(kinds.clone()).collect();
        let values: Vec<_> = kinds.into_iter().map(|kind| value(kind).boxed()).collect();
        let rows = prop::collection::vec((values, 0..2_000_u64), 0..6);
        rows.prop_map(move |rows| {
            let mut table = Table::of(name, &columns, []);
            table.head.counted = true;
            table.rows = rows
                .into_iter()
                .map(|(values, count)| Row {
                    values,
                    machines: Some(Machines {
                        count,
                        endpoints: None,
                    }),
                })
                .collect();
            table
        })
    })
}

/// A file of comma-separated values, as RFC 4180 has it.
fn records(text: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut field) = (Vec::new(), Vec::new(), String::new());
    let mut quoted = false;
    let mut letters = text.chars().peekable();
    while let Some(c) = letters.next() {
        match (c, quoted) {
            ('"', true) if letters.peek() == Some(&'"') => {
                letters.next();
                field.push('"');
            }
            ('"', _) => quoted = !quoted,
            (',', false) => record.push(std::mem::take(&mut field)),
            ('\r', false) => {
                assert_eq!(letters.next(), Some('\n'));
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            (c, _) => field.push(c),
        }
    }
    assert!(!quoted && field.is_empty() && record.is_empty(), "{text:?}");
    records
}

/// A field without the apostrophes that disarm it.
fn armed(field: &str) -> String {
    let formula = |text: &str| {
        let text = text.trim_start_matches(|c: char| c.is_whitespace() || "\"'".contains(c));
        text.starts_with(|c| "=+-@＝＋－＠﹦﹢﹣﹫−".contains(c))
    };
    let parts = field.split(';').map(|part| match part.strip_prefix('\'') {
        Some(rest) if formula(rest) => rest,
        _ => part,
    });
    parts.collect::<Vec<_>>().join(";")
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let cells = cells.iter().zip(widths).map(|(cell, width)| {
        let blanks = " ".repeat(width - cell.width());
        format!(" {cell}{blanks} ")
    });
    format!("│{}│", cells.collect::<Vec<_>>().join(" "))
}

fn agree(tables: &[Table]) {
    let folder = tempfile::tempdir().expect("a folder");
    let texts: BTreeMap<&str, BTreeMap<String, String>> = FORMS
        .iter()
        .map(|(form, ending)| {
            let files = written(*form, tables, folder.path());
            for (name, text) in &files {
                assert!(name.ends_with(ending), "{name}");
                assert!(
                    !text.contains(['\u{1b}', '\u{202e}', '\u{2066}', '\u{200b}', '\0']),
                    "{form:?}: {text:?}"
                );
            }
            let name = match form {
                Form::Aligned => "aligned",
                other => match other {
                    Form::Tabs => "tabs",
                    _ => ending,
                },
            };
            (name, files)
        })
        .collect();
    let single = |form: &str| texts[form].values().next().expect("a file").clone();

    let document: Document = serde_json::from_str(&single("json")).expect("a document");
    assert_eq!(document.tables.len(), tables.len());
    let lines = single("jsonl");
    let mut lines = lines.lines().map(serde_json::from_str);
    let tabs = single("tabs");
    let mut tabs = tabs.lines();
    let drawn = single("aligned");
    let mut drawn = drawn.lines();
    for (at, table) in tables.iter().enumerate() {
        let head = &table.head;
        let said = &document.tables[at];
        let own: Vec<_> = head
            .columns
            .iter()
            .map(|c| (&c.name, &c.value_type))
            .collect();
        let told: Vec<_> = said.columns.iter().zip(&said.types).collect();
        assert_eq!((&said.table, told), (&head.name, own));
        assert_eq!(said.rows.len(), table.rows.len());
        let csv = &texts["csv"][&format!("table-{}.csv", at + 1)];
        let csv = records(csv);
        assert_eq!(csv.len(), table.rows.len() + 1);
        let printable = |text: &str| cell::printable(text.as_bytes());
        let names: Vec<String> = head.names().iter().map(|name| printable(name)).collect();
        if tables.len() > 1 {
            assert_eq!(tabs.next(), Some(head.name.as_str()));
            assert_eq!(drawn.next(), Some(head.name.as_str()));
        }
        assert_eq!(tabs.next(), Some(names.join("\t").as_str()));
        assert_eq!(csv[0], names);
        let words: Vec<Vec<String>> = table
            .rows
            .iter()
            .map(|row| {
                row.flat(head)
                    .iter()
                    .map(|v| printable(&v.words()))
                    .collect()
            })
            .collect();
        let mut widths: Vec<usize> = names.iter().map(|name| name.width()).collect();
        for row in &words {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.width().max(*width);
            }
        }
        assert!(drawn.next().is_some_and(|line| line.starts_with('┌')));
        assert_eq!(drawn.next(), Some(line(&names, &widths).as_str()));
        assert!(drawn.next().is_some_and(|line| line.starts_with('╞')));
        for (number, row) in table.rows.iter().enumerate() {
            // JSON has the very values.
            let back: Vec<Value> = head
                .columns
                .iter()
                .map(|c| said.rows[number][&c.name].clone().typed(c.value_type))
                .collect();
            assert_eq!(back, row.values);
            let machines = row.machines.as_ref();
            assert_eq!(
                said.machines.as_ref().map(|all| all[number]),
                head.counted.then(|| machines.map_or(0, |m| m.count))
            );
            assert_eq!(
                said.endpoints.as_ref().map(|all| all[number].clone()),
                head.named.then(|| machines
                    .and_then(|m| m.endpoints.clone())
                    .unwrap_or_default())
            );
            let Some(Ok(Line::Row(own))) = lines.next() else {
                panic!("a row is missing");
            };
            assert_eq!(own.table, head.name);
            assert_eq!(own.row(head), *row);
            // The others have them as text that shows everything.
            for (value, field) in row.flat(head).iter().zip(&csv[number + 1]) {
                assert_eq!(printable(&value.text()), armed(field), "{field:?}");
            }
            assert_eq!(csv[number + 1].len(), names.len());
            assert_eq!(tabs.next(), Some(words[number].join("\t").as_str()));
            assert_eq!(drawn.next(), Some(line(&words[number], &widths).as_str()));
            // And a span of time is the same in words.
            for value in &row.values {
                if let Value::Seconds(_) = value {
                    let same = question::value::compare(
                        &value.words(),
                        &value.text(),
                        question::ValueType::Duration,
                    );
                    assert_eq!(same, Some(std::cmp::Ordering::Equal));
                }
            }
        }
        assert!(drawn.next().is_some_and(|line| line.starts_with('└')));
    }
    assert!(matches!(lines.next(), Some(Ok(Line::End(_)))));
    assert!(lines.next().is_none() && tabs.next().is_none() && drawn.next().is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn every_form_of_an_answer_tells_the_same_cell_for_cell(one in table("Table 1"), other in table("Table 2"), both: bool) {
        let tables = if both { vec![one, other] } else { vec![one] };
        agree(&tables);
    }
}

#[test]
fn very_many_rows_are_drawn_in_parts_and_none_is_lost() {
    let rows = (0..25_000_u64).map(|n| vec![Value::from(n)]);
    let table = Table::of("Table 1", &[("Name", ValueType::Integer)], rows);
    let folder = tempfile::tempdir().expect("a folder");
    let files = written(Form::Aligned, &[table], folder.path());
    let text = files.values().next().expect("a file");
    assert_eq!(text.matches("│ Name").count(), 3);
    assert_eq!(text.lines().count(), 25_000 + 3 * 4);
}

#[test]
fn several_tables_are_no_csv_unless_one_is_chosen_or_each_has_its_file() {
    let heads = ["One", "Two"].map(|name| Table::of(name, &[], []).head);
    let mut how = How::from(Some(Output::Csv));
    let told = check(&how, &heads).expect_err("two tables");
    let told = format!("{told:#}");
    assert!(
        told.contains("--table") && told.contains("--out") && told.contains("`Two`"),
        "{told}"
    );
    for (name, fits) in [
        ("two", true),
        ("2", true),
        ("3", false),
        ("0", false),
        ("x", false),
    ] {
        how.table = Some(name.to_owned());
        assert_eq!(check(&how, &heads).is_ok(), fits, "{name}");
    }
    how.table = None;
    how.folder = Some("anywhere".into());
    check(&how, &heads).expect("a file for each");
}

#[test]
fn messages_keep_their_lines_and_nothing_else_that_is_no_character() {
    assert_eq!(shown("a\n\u{1b}[1mb\u{2066}"), "a\n\\x1B[1mb\\u{2066}");
}

#[test]
fn one_is_not_many() {
    assert_eq!(counted(0, "endpoint"), "0 endpoints");
    assert_eq!(counted(1, "endpoint"), "1 endpoint");
    assert_eq!(counted(2, "more row"), "2 more rows");
    assert_eq!(counted(1, "entry"), "1 entry");
    assert_eq!(counted(3, "entry"), "3 entries");
    assert_eq!(counted(3, "match"), "3 matches");
}
