use super::*;
use crate::state::EndpointState;
use crate::table::Column;
use serde_json::json;

fn head() -> Head {
    Head {
        name: "Hash Matches".to_owned(),
        columns: vec![
            Column::own("Name", ValueType::Text),
            Column::own("Count", ValueType::Integer),
            Column::own("Age", ValueType::Duration),
        ],
        counted: true,
        named: false,
    }
}

fn row(name: &str, count: &str, machines: u64) -> Row {
    let head = head();
    let cells = [name, count, "61s"];
    let values = cells.iter().zip(&head.columns);
    Row {
        values: values
            .map(|(c, column)| Value::of(c, column.value_type))
            .collect(),
        machines: Some(Machines {
            count: machines,
            endpoints: None,
        }),
    }
}

fn question() -> QuestionHead {
    QuestionHead {
        id: Some(QuestionId::of(7)),
        text: "Get Hash Matches from all machines".to_owned(),
        ..QuestionHead::default()
    }
}

fn tail() -> Tail {
    Tail {
        coverage: [(EndpointState::Answered, 3), (EndpointState::Offline, 1)].into(),
        rows_cut: 2,
        problems: Vec::new(),
        ..Tail::default()
    }
}

fn written(format: ExportFormat, tables: usize, rows: &[Row]) -> String {
    let mut out = String::new();
    let mut writer = Writer::new(format, Some(question()));
    writer.begin(&mut out);
    for _ in 0..tables {
        writer.table(&mut out, head());
        for row in rows {
            writer.row(&mut out, row);
        }
    }
    writer.end(&mut out, Some(&tail()));
    out
}

#[test]
fn a_sensors_count_and_the_number_of_machines_are_two_things() {
    let rows = [row("\u{202e}\u{ff}<b>", "202", 1)];
    let document = written(ExportFormat::Json, 1, &rows);
    assert!(!document.contains('\u{202e}'), "nothing hides: {document}");
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&document).expect("JSON"),
        json!({
            "question": {"id": 7, "text": "Get Hash Matches from all machines"},
            "tables": [{
                "table": "Hash Matches",
                "columns": ["Name", "Count", "Age"],
                "types": ["text", "integer", "duration"],
                "rows": [{"Name": "\u{202e}\u{ff}<b>", "Count": 202, "Age": 61}],
                "machines": [1],
            }],
            "coverage": {"answered": 3, "offline": 1},
            "rows_cut": 2,
            "problems": [],
        })
    );
    assert_eq!(
        written(ExportFormat::Csv, 1, &rows),
        "Name,Count,Age,Machines\r\n\\u{202E}ÿ<b>,202,61,1\r\n"
    );
    assert_eq!(
        written(ExportFormat::Jsonl, 1, &[row("a", "202", 1)]),
        "{\"table\":\"Hash Matches\",\"values\":{\"Name\":\"a\",\"Count\":202,\"Age\":61},\"machines\":{\"count\":1}}\n\
         {\"question\":{\"id\":7,\"text\":\"Get Hash Matches from all machines\"},\
         \"coverage\":{\"offline\":1,\"answered\":3},\"rows_cut\":2,\"problems\":[]}\n"
    );
}

#[test]
fn a_document_of_any_size_is_whole_and_reads_back() {
    for tables in 0..3 {
        for count in 0..3 {
            let rows: Vec<Row> = (0..count).map(|n| row("a", &n.to_string(), 2)).collect();
            let text = written(ExportFormat::Json, tables, &rows);
            let document: Document = serde_json::from_str(&text).expect("a document");
            assert_eq!(document.question, question());
            assert_eq!(document.coverage, tail().coverage);
            assert_eq!(document.rows_cut, 2);
            assert_eq!(document.tables.len(), tables);
            assert!(document.tables.iter().all(|t| t.rows.len() == count));
            let machines = vec![2; count];
            let told = document.tables.iter().map(|t| t.machines.as_ref());
            assert!(told.into_iter().all(|told| told == Some(&machines)));

            let lines = written(ExportFormat::Jsonl, tables, &rows);
            let mut lines: Vec<Line> = lines
                .lines()
                .map(|line| serde_json::from_str(line).expect("a line"))
                .collect();
            assert_eq!(lines.pop(), Some(Line::End(tail().of(question()))));
            let back: Vec<Row> = lines
                .into_iter()
                .map(|line| match line {
                    Line::Row(line) => line.row(&head()),
                    Line::End(_) => panic!("an end in the middle"),
                })
                .collect();
            let sent: Vec<Row> = (0..tables).flat_map(|_| rows.clone()).collect();
            assert_eq!(back, sent);
        }
    }
}
