//! The OpenAPI document: what handlers declare beside their code, and what holds for all of them, said once.
//!
//! Fit for generated clients: every operation has a name of its own and says what an error looks like, and every whole number has
//! a format that holds it.

use super::{
    Api, accounts, answers, audit, compare, content, events, export, extract, fleet, groups,
    language, questions, retention, rights, sessions,
};
use api::answer::ChangesEvent;
use api::error::ErrorBody;
use axum::Router;
use std::sync::Arc;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayItems, KnownFormat, Object, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, ResponseBuilder, Schema};
use utoipa::{Modify, OpenApi as _, ToSchema as _};
use utoipa_axum::router::OpenApiRouter;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Cordon",
        description = "Questions to a fleet of endpoints, and their answers as they fill up. A browser signs in at `/login` and \
                       sends the cookie, and with every request that is not a GET the header `x-csrf-token`. A program sends \
                       `Authorization: Bearer cordon_…`; the scopes named at an operation are what its token needs, and what \
                       a signed-in user's role must allow (administrator: all; operator: read, ask; reader: read).",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(ErrorBody, ChangesEvent)),
    modifiers(&Schemes)
)]
struct Document;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_with(Default::default);
        let cookie = ApiKeyValue::new(extract::COOKIE);
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        components.add_security_scheme("token", SecurityScheme::Http(bearer));
    }
}

/// Routes and their description.
pub(super) fn parts() -> (Router<Arc<Api>>, OpenApi) {
    let version = OpenApiRouter::new()
        .merge(accounts::routes())
        .merge(sessions::routes())
        .merge(language::routes())
        .merge(questions::routes())
        .merge(retention::routes())
        .merge(rights::routes())
        .merge(answers::routes())
        .merge(compare::routes())
        .merge(events::routes())
        .merge(export::routes())
        .merge(fleet::routes())
        .merge(groups::routes())
        .merge(content::routes())
        .merge(audit::routes());
    let (routes, mut document) = OpenApiRouter::with_openapi(Document::openapi())
        .nest(api::BASE, version)
        .split_for_parts();
    complete(&mut document);
    (routes, document)
}

/// The API's description.
#[must_use]
pub fn openapi() -> OpenApi {
    parts().1
}

/// Says what holds for every operation and every number.
fn complete(document: &mut OpenApi) {
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            let body = Ref::from_schema_name(ErrorBody::name());
            let response = ResponseBuilder::new()
                .description("Not done; `code` says why")
                .content(
                    "application/json",
                    ContentBuilder::new().schema(Some(RefOr::Ref(body))).build(),
                )
                .build();
            operation
                .responses
                .responses
                .insert("default".to_owned(), RefOr::T(response));
            for parameter in operation.parameters.iter_mut().flatten() {
                if let RefOr::T(parameter) = parameter {
                    parameter.schema.iter_mut().for_each(whole_numbers);
                }
            }
        }
    }
    let components = document.components.get_or_insert_with(Default::default);
    components.schemas.values_mut().for_each(whole_numbers);
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.patch,
    ]
    .into_iter()
    .flatten()
}

/// A number without a sign of 32 bits is described as one with a sign, which it does not fit into.
fn whole_numbers(schema: &mut RefOr<Schema>) {
    let RefOr::T(schema) = schema else { return };
    match schema {
        Schema::Object(object) => {
            in_object(object);
        }
        Schema::Array(array) => {
            if let ArrayItems::RefOrSchema(items) = &mut array.items {
                whole_numbers(items);
            }
        }
        Schema::OneOf(choice) => choice.items.iter_mut().for_each(whole_numbers),
        Schema::AllOf(parts) => parts.items.iter_mut().for_each(whole_numbers),
        Schema::AnyOf(choice) => choice.items.iter_mut().for_each(whole_numbers),
        _ => {}
    }
}

fn in_object(object: &mut Object) {
    let int32 = SchemaFormat::KnownFormat(KnownFormat::Int32);
    let integer = match &object.schema_type {
        SchemaType::Type(kind) => *kind == Type::Integer,
        SchemaType::Array(kinds) => kinds.contains(&Type::Integer),
        SchemaType::AnyValue => false,
    };
    if integer && object.format == Some(int32) && object.minimum.is_some() {
        object.format = Some(SchemaFormat::KnownFormat(KnownFormat::Int64));
        object.maximum = Some(u32::MAX.into());
    }
    object.properties.values_mut().for_each(whole_numbers);
    if let Some(others) = &mut object.additional_properties
        && let AdditionalProperties::RefOr(others) = others.as_mut()
    {
        whole_numbers(others);
    }
}
