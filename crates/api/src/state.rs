//! The states of endpoints in an answer. They have one home, [`answer::State`]; the document's enumeration is made from its list,
//! so that a state added there is in the document, and in every client made from it, without a line here.

pub use answer::State as EndpointState;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// How the document describes [`EndpointState`]: the enumeration of the states' names.
pub struct StateName;

impl PartialSchema for StateName {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(EndpointState::ALL.iter().map(|state| state.name())))
            .description(Some("State of an endpoint in an answer."))
            .into()
    }
}

impl ToSchema for StateName {
    fn name() -> std::borrow::Cow<'static, str> {
        "EndpointState".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_travels_by_the_name_that_the_document_lists() {
        for state in EndpointState::ALL.iter().copied() {
            let json = serde_json::to_value(state).expect("a state is JSON");
            assert_eq!(json, state.name());
            let back: EndpointState = serde_json::from_value(json).expect("it reads back");
            assert_eq!(back, state);
        }
    }
}
