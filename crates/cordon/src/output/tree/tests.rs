use super::*;
use crate::output::drawn::Canvas;
use ::api::ValueType;
use ::api::question::TableColumn;
use ::api::table::Machines;
use proptest::prelude::*;
use unicode_width::UnicodeWidthStr;

const COLUMNS: [&str; 8] = [
    "Tree",
    "Process",
    "Depth",
    "Process ID",
    "Parent Process ID",
    "User",
    "Start Time",
    "Command Line",
];

fn plan() -> TablePlan {
    let columns = COLUMNS.map(|name| TableColumn {
        name: name.to_owned(),
        sensor: "Process Tree".to_owned(),
        value_type: ValueType::Text,
    });
    TablePlan {
        title: "Process Tree".to_owned(),
        columns: columns.to_vec(),
        parts: Vec::new(),
    }
}

fn head() -> Head {
    Head {
        name: "Process Tree".to_owned(),
        columns: COLUMNS
            .map(|name| Column::own(name, ValueType::Text))
            .to_vec(),
        counted: true,
        named: false,
    }
}

/// The row of a chain of names, with its id, its parent's and its user where they are told.
fn row(chain: &[&str], more: &[&str]) -> Row {
    let process = (*chain.last().expect("a name")).to_owned();
    let mut values = vec![chain.join(BELOW), process, (chain.len() - 1).to_string()];
    values.extend(more.iter().map(|cell| (*cell).to_owned()));
    values.resize(COLUMNS.len(), String::new());
    Row {
        values: values.into_iter().map(Value::from).collect(),
        machines: Some(Machines {
            count: 1,
            endpoints: None,
        }),
    }
}

/// The lines of the drawing alone.
fn names(rows: &[Row], lines: Lines, width: Option<u16>) -> Option<Vec<String>> {
    let tree = Tree::of(&plan()).expect("its columns");
    let (_, drawn) = tree.drawn(&head(), rows, lines, width)?;
    let first = drawn.iter().filter_map(|row| row.values.first());
    Some(first.map(|value| value.text().into_owned()).collect())
}

fn plain(rows: &[Row]) -> Option<Vec<String>> {
    names(rows, Lines::Unicode, None)
}

#[test]
fn each_stands_below_the_one_that_started_it() {
    let rows = [
        row(&["init"], &[]),
        row(&["init", "sshd"], &[]),
        row(&["init", "sshd", "bash"], &[]),
        row(&["init", "sshd", "sftp"], &[]),
        row(&["init", "cron"], &[]),
        row(&["init", "cron", "sh"], &[]),
        row(&["kthreadd"], &[]),
        row(&["kthreadd", "[kworker]"], &[]),
    ];
    assert_eq!(
        plain(&rows).expect("a tree"),
        [
            "init",
            "├─ sshd",
            "│  ├─ bash",
            "│  └─ sftp",
            "└─ cron",
            "   └─ sh",
            "kthreadd",
            "└─ [kworker]",
        ]
    );
    assert_eq!(
        names(&rows, Lines::Ascii, None).expect("a tree"),
        [
            "init",
            "|- sshd",
            "|  |- bash",
            "|  `- sftp",
            "`- cron",
            "   `- sh",
            "kthreadd",
            "`- [kworker]",
        ]
    );
}

#[test]
fn what_is_between_two_rows_is_told_where_it_is_not_among_them() {
    let rows = [
        row(&["init"], &[]),
        row(&["init", "sshd", "bash"], &[]),
        row(&["init", "sshd", "bash", "id"], &[]),
        row(&["other", "sh"], &[]),
    ];
    assert_eq!(
        plain(&rows).expect("a tree"),
        ["init", "└─ sshd > bash", "   └─ id", "other > sh"]
    );
}

#[test]
fn ids_say_whose_child_one_of_two_of_the_same_name_is() {
    let rows = [
        row(&["init"], &["1", "0", "root"]),
        row(&["init", "sh"], &["10", "1", "ada"]),
        // The one with id 20 that started it was filtered out.
        row(&["init", "sh", "id"], &["21", "20", "eve"]),
        // A circle, and a parent that comes later.
        row(&["own"], &["30", "30", ""]),
        row(&["a"], &["40", "41", ""]),
        row(&["b"], &["41", "40", ""]),
    ];
    assert_eq!(
        plain(&rows).expect("a tree"),
        ["init", "└─ sh", "init > sh > id", "own", "a", "└─ b"]
    );
}

#[test]
fn what_is_known_beside_it_stays_beside_it_in_the_order_of_the_tree() {
    // A chain that is longer than a sensor tells begins somewhere, and comes after the others.
    let rows = [
        row(&["init"], &["1", "0", "root"]),
        row(&["init", "a"], &["2", "1", "ada"]),
        row(&["init", "z"], &["9", "1", "zoe"]),
        row(&["a", "b"], &["3", "2", "bob"]),
    ];
    let tree = Tree::of(&plan()).expect("its columns");
    let (head, drawn) = tree
        .drawn(&head(), &rows, Lines::Unicode, None)
        .expect("a tree");
    assert_eq!(
        head.names(),
        ["Process", "Process ID", "Parent Process ID", "User"]
    );
    let told: Vec<String> = drawn
        .iter()
        .map(|row| {
            let texts = row.flat(&head).into_iter();
            let texts: Vec<String> = texts.map(|v| v.text().into_owned()).collect();
            texts.join("|")
        })
        .collect();
    assert_eq!(
        told,
        [
            "init|1|0|root",
            "├─ a|2|1|ada",
            "│  └─ b|3|2|bob",
            "└─ z|9|1|zoe"
        ]
    );
}

#[test]
fn rows_that_make_no_tree_stay_a_table() {
    let mut shared = row(&["init"], &[]);
    shared.machines = Some(Machines {
        count: 2,
        endpoints: None,
    });
    assert_eq!(plain(&[shared]), None);
    let twice = [row(&["a"], &["1", "0"]), row(&["b"], &["1", "0"])];
    assert_eq!(plain(&twice), None);
    let mut other = row(&["init", "sshd"], &[]);
    other.values[1] = "bash".to_owned().into();
    assert_eq!(plain(&[other.clone()]), None);
    let mut deep = row(&["init"], &[]);
    deep.values[2] = "-1".to_owned().into();
    assert_eq!(plain(&[deep]), None);
    // Nor do they when they are printed.
    let canvas = Canvas::of(Lines::Unicode, None);
    let tree = Tree::of(&plan()).expect("its columns");
    let rows = [other];
    assert_eq!(
        canvas.tree(tree, &head(), &rows),
        canvas.table(&head(), &rows)
    );
    // A table that is counted by some of its columns has not all that a tree is made of.
    let mut narrow = plan();
    narrow.columns.remove(0);
    assert_eq!(Tree::of(&narrow), None);
    let mut foreign = plan();
    for column in &mut foreign.columns {
        column.sensor = "Something Else".to_owned();
    }
    assert_eq!(Tree::of(&foreign), None);
}

#[test]
fn a_thousand_levels_cost_a_line_each_and_say_how_deep_they_are() {
    let chain: Vec<String> = (0..1000).map(|at| format!("p{at}")).collect();
    let chain: Vec<&str> = chain.iter().map(String::as_str).collect();
    let with_names: Vec<Row> = (1..=1000).map(|end| row(&chain[..end], &[])).collect();
    // As sensors tell it: ids, and the nearest ancestors alone.
    let with_ids: Vec<Row> = (1_usize..=1000)
        .map(|end| {
            let near = &chain[end.saturating_sub(65)..end];
            row(near, &[&end.to_string(), &(end - 1).to_string()])
        })
        .collect();
    for rows in [with_names, with_ids] {
        let drawn = plain(&rows).expect("a tree");
        assert_eq!(drawn.len(), 1000);
        assert_eq!(drawn[1], "└─ p1");
        assert_eq!(drawn[20], format!("{}└─ p20", "   ".repeat(19)));
        assert_eq!(drawn[999], format!("+979 {}└─ p999", "   ".repeat(19)));
        let small = names(&rows, Lines::Ascii, Some(40)).expect("a tree");
        assert_eq!(small[999], format!("+993 {}`- p999", "   ".repeat(5)));
    }
}

#[test]
fn names_that_pose_as_lines_are_seen_through() {
    let rows = [
        row(&["init"], &["1", "0", "root"]),
        row(&["init", "   └─ sshd"], &["2", "1", ""]),
        row(&["init", "+3 x"], &["3", "1", ""]),
        row(&["init", "\u{1b}[2Jx\n"], &["4", "1", ""]),
        row(&["init", "a > b"], &["5", "1", ""]),
        row(&["init", "|- y"], &["6", "1", ""]),
    ];
    assert_eq!(
        plain(&rows).expect("a tree"),
        [
            "init",
            "├─ \\u{20}\\u{20}\\u{20}\\u{2514}\\u{2500}\\u{20}sshd",
            "├─ \\u{2b}3 x",
            "├─ \u{1b}[2Jx\n",
            "├─ a > b",
            "└─ |- y",
        ]
    );
    let ascii = names(&rows, Lines::Ascii, None).expect("a tree");
    assert_eq!(ascii[5], "`- \\u{7c}- y");
    // What commands a terminal is made harmless where every cell is.
    let tree = Tree::of(&plan()).expect("its columns");
    for lines in [Lines::Unicode, Lines::Ascii] {
        let printed = Canvas::of(lines, None).tree(tree, &head(), &rows);
        assert!(!printed.contains('\u{1b}'), "{printed}");
        assert!(printed.contains("\\x1B[2Jx\\n"), "{printed}");
        assert_eq!(printed.lines().count(), 4 + rows.len(), "{printed}");
    }
}

#[test]
fn wide_letters_leave_the_columns_aligned_and_a_narrow_terminal_the_lines_whole() {
    let rows = [
        row(&["init"], &["1", "0", "root"]),
        row(&["init", "漢字サーバー"], &["2", "1", "ada"]),
        row(
            &["init", "漢字サーバー", "e\u{301}mu"],
            &["3", "2", "👩\u{200d}💻"],
        ),
        row(
            &["init", "sh"],
            &[
                "4",
                "1",
                "ada",
                "",
                "sh -c 'a command line that no narrow terminal has room for'",
            ],
        ),
    ];
    let tree = Tree::of(&plan()).expect("its columns");
    for width in [None, Some(60), Some(100)] {
        let printed = Canvas::of(Lines::Unicode, width).tree(tree, &head(), &rows);
        let widths: Vec<usize> = printed.lines().map(UnicodeWidthStr::width).collect();
        assert!(
            widths.iter().all(|width| Some(width) == widths.first()),
            "{printed}"
        );
        if let Some(width) = width {
            assert!(widths[0] <= usize::from(width), "{printed}");
        }
        for line in ["│ ├─ 漢字サーバー ", "│ │  └─ ", "│ └─ sh "] {
            assert!(printed.contains(line), "{line:?} in\n{printed}");
        }
    }
}

proptest! {
    /// Whatever endpoints send: a drawing has each row once, and no line but its own.
    #[test]
    fn any_rows_are_a_tree_of_as_many_lines_or_a_table(
        rows in prop::collection::vec(
            (prop::collection::vec("[ab└│| >+\u{202e}]{0,3}", 1..5), 0_u8..6, 0_u8..6, any::<bool>()),
            0..12,
        )
    ) {
        let rows: Vec<Row> = rows
            .iter()
            .map(|(chain, id, parent, told)| {
                let chain: Vec<&str> = chain.iter().map(String::as_str).collect();
                let (id, parent) = (id.to_string(), parent.to_string());
                let ids = [id.as_str(), parent.as_str()];
                row(&chain, if *told { &ids } else { &[] })
            })
            .collect();
        if let Some(drawn) = plain(&rows) {
            prop_assert_eq!(drawn.len(), rows.len());
            for line in drawn {
                let name = line.trim_start_matches(['├', '└', '│', '─', ' ']);
                prop_assert!(!name.contains(['├', '└', '│', '─']), "{}", line);
            }
        }
    }
}
