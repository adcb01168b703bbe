//! Lists of values to choose from.

use super::ContentSet;
use crate::form::{Line, LongText, Reading, record};
use crate::name::{Name, Ref};
use crate::yaml::Node;

record! {
    /// Values that a drop-down or a list offers.
    pub struct ParameterList {
        /// Name.
        name: Name<ParameterList>,
        /// What it is for.
        description: LongText = LongText::default(),
        /// Content set it lies in; the pack's first one where none is said.
        content_set: Option<Ref<ContentSet>>,
        /// The values, in the order in which they are offered.
        values: Vec<ListValue>,
    }
    checked by check;
}

record! {
    /// A value of a list.
    pub struct ListValue {
        /// The value.
        value: Line,
        /// What people see in its place.
        label: Option<Line>,
    }
}

fn check(made: &ParameterList, node: &Node, reading: &mut Reading<'_>) {
    let mut seen = std::collections::BTreeSet::new();
    for entry in &made.values {
        if !seen.insert(entry.value.as_str()) {
            reading.fault(
                node.place,
                format!("the value `{}` stands twice", entry.value),
            );
        }
    }
    if made.values.is_empty() {
        reading.fault(node.place, "the list has no value");
    }
}
