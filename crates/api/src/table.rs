//! Tables as they are printed: typed values, and rows with the machines that gave them, apart.
//!
//! Everything that prints tables does it with these: the command line in all its forms and the API's export. So a number is a number
//! and a moment a moment wherever one looks, and what a form shows is what every other one shows. `docs/output.md` is for readers.
//!
//! A cell becomes a value by its column's type ([`Value::of`]) only where nothing is lost by it; all else stays the text that it is.

mod value;

pub use value::Value;

use crate::ids::EndpointId;
use crate::question::{Plan, TableColumn};
use crate::value::ValueType;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name, unique in the table.
    pub name: String,
    /// Of which type its values are.
    pub value_type: ValueType,
}

impl Column {
    /// Of this name and type.
    #[must_use]
    pub fn own(name: &str, value_type: ValueType) -> Self {
        Self {
            name: name.to_owned(),
            value_type,
        }
    }
}

impl From<&TableColumn> for Column {
    fn from(column: &TableColumn) -> Self {
        Self {
            name: column.name.clone(),
            value_type: column.value_type,
        }
    }
}

/// What a table's rows have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Its name, unique in the document.
    pub name: String,
    /// Its columns, in order.
    pub columns: Vec<Column>,
    /// Whether rows say how many machines gave them.
    pub counted: bool,
    /// Whether they name them.
    pub named: bool,
}

impl Head {
    /// The heads of an answer's tables.
    #[must_use]
    pub fn of(plan: &Plan) -> Vec<Self> {
        let mut taken = BTreeSet::new();
        let tables = plan.tables.iter().map(|table| Self {
            name: free(&table.title, &mut taken),
            columns: table.columns.iter().map(Column::from).collect(),
            counted: true,
            named: false,
        });
        tables.collect()
    }

    /// The names of all columns of a form that has rows and machines side by side. What is told of the machines has names that no
    /// column of the table has.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.columns.iter().map(|c| c.name.clone()).collect();
        let mut taken: BTreeSet<String> = names.iter().map(|name| name.to_lowercase()).collect();
        if self.counted {
            names.push(free("Machines", &mut taken));
        }
        if self.named {
            names.push(free("Endpoints", &mut taken));
        }
        names
    }
}

/// This name, or one with a number behind it, that is not taken yet, whatever the case of its letters.
fn free(name: &str, taken: &mut BTreeSet<String>) -> String {
    let mut found = name.to_owned();
    let mut number = 1_u64;
    while !taken.insert(found.to_lowercase()) {
        number += 1;
        found = format!("{name} ({number})");
    }
    found
}

/// A row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// Its values, in the order of the table's columns.
    pub values: Vec<Value>,
    /// Which machines gave it; none where counting makes no sense.
    pub machines: Option<Machines>,
}

impl Row {
    /// All its values in the order of [`Head::names`].
    #[must_use]
    pub fn flat(&self, head: &Head) -> Vec<Value> {
        let mut all = self.values.clone();
        all.resize(head.columns.len(), Value::Nothing);
        if head.counted {
            all.push(
                self.machines
                    .as_ref()
                    .map_or(Value::Nothing, |machines| machines.count.into()),
            );
        }
        if head.named {
            let named = self.machines.as_ref().and_then(|m| m.endpoints.as_ref());
            let names = named.map(|all| all.iter().map(Machine::name).collect());
            all.push(names.map_or(Value::Nothing, Value::List));
        }
        all
    }
}

/// The machines that gave a row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Machines {
    /// How many they are.
    pub count: u64,
    /// Who they are, where that was asked for; it may be fewer than there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub endpoints: Option<Vec<Machine>>,
}

/// One of the machines that gave a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Its identifier, unless nobody knows it any more.
    #[schema(required)]
    pub id: Option<EndpointId>,
    /// Its host name as it last said.
    #[schema(required)]
    pub hostname: Option<String>,
}

impl Machine {
    /// What people call it.
    #[must_use]
    pub fn name(&self) -> String {
        let named = self.hostname.clone().filter(|name| !name.is_empty());
        named
            .or_else(|| self.id.map(|id| id.to_string()))
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::question::TablePlan;

    fn column(name: &str) -> TableColumn {
        TableColumn {
            name: name.to_owned(),
            sensor: "A Sensor".to_owned(),
            value_type: ValueType::Text,
        }
    }

    #[test]
    fn no_two_columns_and_no_two_tables_share_a_name() {
        let table = TablePlan {
            title: "A Sensor".to_owned(),
            columns: vec![column("Machines"), column("Count"), column("ENDPOINTS")],
            parts: Vec::new(),
        };
        let plan = Plan {
            tables: vec![table.clone(), table],
        };
        let mut heads = Head::of(&plan);
        let names: Vec<_> = heads.iter().map(|head| head.name.as_str()).collect();
        assert_eq!(names, ["A Sensor", "A Sensor (2)"]);
        heads[0].named = true;
        assert_eq!(
            heads[0].names(),
            [
                "Machines",
                "Count",
                "ENDPOINTS",
                "Machines (2)",
                "Endpoints (2)"
            ]
        );
    }

    #[test]
    fn a_row_is_as_wide_as_its_table() {
        let head = Head {
            counted: true,
            named: true,
            columns: vec![Column::own("A", ValueType::Text)],
            ..Head::default()
        };
        let machine = Machine {
            id: None,
            hostname: Some("web-1".to_owned()),
        };
        let row = Row {
            values: Vec::new(),
            machines: Some(Machines {
                count: 1,
                endpoints: Some(vec![machine]),
            }),
        };
        assert_eq!(
            row.flat(&head),
            [
                Value::Nothing,
                1_u64.into(),
                Value::List(vec!["web-1".to_owned()])
            ]
        );
    }
}
