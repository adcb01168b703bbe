//! Parameters of packages and the widgets that people give their values in.

use super::shared::field;
use super::{Nothing, ParameterList, SensorUse};
use crate::form::{Decimal, Line, LongText, Moment, Pattern, Reading, choice, record};
use crate::name::Ref;
use crate::yaml::Node;

record! {
    /// A parameter of a package. Its value reaches the run as an environment variable or as one whole argument, never as a part of a
    /// command line.
    pub struct Parameter {
        /// Key; a separator has none.
        key: Option<Line>,
        /// What stands before the widget.
        label: Line,
        /// Help for whoever gives the value.
        help: Option<LongText>,
        /// How the value is given.
        widget: Widget,
        /// A value must be given.
        required: bool = false,
        /// Where the value comes from when nobody gives one.
        filled: Option<Filled> ,
    }
    checked by check;
}

choice! {
    /// Where the value of a parameter comes from by itself.
    pub enum Filled {
        /// From a sensor of the endpoint that runs the package.
        Endpoint(SensorUse) = "endpoint",
        /// From the row that was selected in an answer.
        Row(SensorUse) = "row",
    }
}

choice! {
    /// How a value is given.
    pub enum Widget {
        /// A text in one line.
        Text(TextBox) = "text",
        /// A text of several lines.
        Area(TextBox) = "area",
        /// Yes or no.
        CheckBox(CheckBox) = "check-box",
        /// One of several values.
        DropDown(DropDown) = "drop-down",
        /// Any of several values.
        List(MultiList) = "list",
        /// A number.
        Number(Number) = "number",
        /// A moment.
        DateTime(DateTime) = "date-time",
        /// From one moment to another.
        Range(Range) = "range",
        /// A line between groups of widgets.
        Separator(Nothing) = "separator",
        /// A text that is neither shown nor kept: it is sealed for the endpoints it is meant for.
        Secret(Secret) = "secret",
    }
}

record! {
    /// A text.
    pub struct TextBox {
        /// What it must match as a whole.
        pattern: Option<Pattern>,
        /// What is said to people when it does not.
        pattern_help: Option<Line>,
        /// Most characters.
        max: u64 = 1_000,
        /// Value to begin with.
        default: Option<LongText>,
    }
    checked by check_text;
}

record! {
    /// Yes or no.
    pub struct CheckBox {
        /// Value to begin with.
        default: bool = false,
    }
}

record! {
    /// One of several values, given here or in a parameter list.
    pub struct DropDown {
        /// The values.
        choices: Option<Vec<Line>>,
        /// The list of values.
        list: Option<Ref<ParameterList>>,
        /// Value to begin with.
        default: Option<Line>,
    }
    exactly one of "choices", "list";
    checked by check_choice;
}

record! {
    /// Any of several values, given here or in a parameter list.
    pub struct MultiList {
        /// The values.
        choices: Option<Vec<Line>>,
        /// The list of values.
        list: Option<Ref<ParameterList>>,
        /// Values to begin with.
        default: Vec<Line>,
    }
    exactly one of "choices", "list";
}

record! {
    /// A number.
    pub struct Number {
        /// Least value.
        min: Option<Decimal>,
        /// Greatest value.
        max: Option<Decimal>,
        /// Step between values, from the least one.
        step: Option<Decimal>,
        /// Value to begin with.
        default: Option<Decimal>,
    }
    checked by check_number;
}

record! {
    /// A moment.
    pub struct DateTime {
        /// Value to begin with.
        default: Option<Moment>,
    }
}

record! {
    /// From one moment to another.
    pub struct Range {
        /// Beginning to begin with.
        from: Option<Moment>,
        /// End to begin with.
        until: Option<Moment>,
    }
}

record! {
    /// A secret. It has no default, for a pack is no place for one.
    pub struct Secret {
        /// Most characters.
        max: u64 = 1_000,
    }
}

fn check(made: &Parameter, node: &Node, reading: &mut Reading<'_>) {
    let separator = matches!(made.widget, Widget::Separator(_));
    match (&made.key, separator) {
        (Some(_), true) => reading.fault(node.place, "a separator has no key, for it has no value"),
        (None, false) => reading.fault(node.place, "`key` is missing"),
        _ => {}
    }
    if matches!(made.widget, Widget::Secret(_)) && made.filled.is_some() {
        reading.fault(
            node.place,
            "a secret is given by a person, not filled in from a sensor",
        );
    }
}

fn check_text(made: &TextBox, node: &Node, reading: &mut Reading<'_>) {
    let Some(default) = &made.default else { return };
    let place = field(node, "default").map_or(node.place, |n| n.place);
    if u64::try_from(default.as_str().chars().count()).unwrap_or(u64::MAX) > made.max {
        reading.fault(
            place,
            format!("the default has more than {} characters", made.max),
        );
    }
    let fits = |p: &Pattern| {
        regex::Regex::new(&format!("^(?:{p})$")).is_ok_and(|r| r.is_match(default.as_str()))
    };
    if made.pattern.as_ref().is_some_and(|p| !fits(p)) {
        reading.fault(place, "the default does not match the pattern");
    }
}

fn check_choice(made: &DropDown, node: &Node, reading: &mut Reading<'_>) {
    if let (Some(default), Some(choices)) = (&made.default, &made.choices)
        && !choices.contains(default)
    {
        let place = field(node, "default").map_or(node.place, |n| n.place);
        reading.fault(place, format!("`{default}` is none of the choices"));
    }
}

fn check_number(made: &Number, node: &Node, reading: &mut Reading<'_>) {
    use std::cmp::Ordering::{Greater, Less};
    let order = |a: &Option<Decimal>, b: &Option<Decimal>| {
        question::value::compare(
            a.as_ref()?.as_str(),
            b.as_ref()?.as_str(),
            question::ValueType::Decimal,
        )
    };
    if order(&made.min, &made.max) == Some(Greater)
        || order(&made.default, &made.min) == Some(Less)
        || order(&made.default, &made.max) == Some(Greater)
    {
        reading.fault(
            node.place,
            "the least value, the default and the greatest value are not in this order",
        );
    }
}
