//! The CSV writer under hostile cells.

use crate::spreadsheet::check;
use proptest::prelude::*;

fn nasty() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "=",
        "+",
        "-",
        "@",
        "＝",
        "－",
        ";",
        ",",
        "\"",
        "\"\"",
        "'",
        "\t",
        "\r",
        "\n",
        "\r\n",
        "\0",
        " ",
        "\u{A0}",
        "\u{3000}",
        "\u{FEFF}",
        "\u{200B}",
        "\u{202E}",
        "\u{2066}",
        "\u{1B}",
        "\u{9B}",
        "\u{7F}",
        "1",
        "5",
        ".",
        "a",
        "cmd|' /C calc'!A0",
        "ä",
        "\\",
    ]);
    let built = prop::collection::vec(pieces, 0..8).prop_map(|pieces| pieces.concat());
    prop_oneof![4 => built, 1 => any::<String>()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn cells_come_back_and_nothing_hides_or_runs(
        rows in prop::collection::vec(prop::collection::vec(nasty(), 1..5), 0..4)
    ) {
        check(&rows);
    }
}
