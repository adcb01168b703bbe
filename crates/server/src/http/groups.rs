//! Computer groups: names that stand for filters, with an owner and a version.
//!
//! A group is expanded when a question is asked: the canonical text, which endpoints get and everybody sees, carries the filter itself. So
//! what was asked never changes its meaning. What a name means for the next question changes only openly: by its owner or an
//! administrator, as a new version that the audit log tells; and a group that open questions were asked by cannot be removed.

use super::Api;
use super::error::{ApiError, ErrorBody, ErrorCode};
use super::extract::{Asks, Json, Path, Reads};
use crate::auth::Caller;
use crate::model::audit::Deed;
use crate::names;
use crate::store::groups::{NewGroup, StoredGroup};
use api::group::{GroupChange, GroupInfo, GroupOwner, GroupToCreate};
use axum::extract::State;
use axum::http::StatusCode;
use question::catalogue::{Catalogue, Group};
use rights::Permission;
use serde_json::json;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(groups, create_group))
        .routes(routes!(change_group, delete_group))
        .routes(routes!(give_group))
}

fn info(group: StoredGroup) -> GroupInfo {
    GroupInfo {
        name: group.name,
        filter: group.filter,
        owner: group.owner_name,
        version: group.version,
        changed_at: super::accounts::time(group.changed_at),
    }
}

/// A filter in canonical form, with the groups in it replaced by their filters.
fn canonical(api: &Api, filter: &str) -> Result<String, ApiError> {
    let text = format!("Get number of machines from all machines with {filter}");
    let question = question::parse(&text, &api.catalogue.now()).map_err(|e| ApiError::parse(&e))?;
    if !question.tail.is_empty() {
        return Err(ApiError::invalid(format!(
            "a group is a filter alone: `{}` says how an answer is shown and stands in questions; a value with such words goes into quotes",
            question.tail
        )));
    }
    let filter = question
        .filter
        .ok_or_else(|| ApiError::invalid("the filter is empty"))?;
    Ok(filter.to_string())
}

/// Whether this name means the group wherever it may stand in a question, and nothing else anywhere: `all machines` would not.
fn means_itself(api: &Api, name: &str, filter: &str) -> bool {
    let catalogue = api.catalogue.now();
    let group = Group {
        name: name.to_owned(),
        filter: filter.to_owned(),
    };
    let groups: Vec<Group> = catalogue.groups().cloned().chain([group]).collect();
    let catalogue = Catalogue::clone(&catalogue).with_groups(groups);
    let asked = |endpoints: &str| {
        let text = format!("Get number of machines from {endpoints}");
        question::parse(&text, &catalogue).map(|question| question.filter)
    };
    let meant = asked(&format!("all machines with {filter}"));
    let quoted = format!("\"{}\"", name.replace('"', "\"\""));
    meant.is_ok()
        && ["", "all machines with "].iter().all(|before| {
            let bare = asked(&format!("{before}{name}"));
            asked(&format!("{before}{quoted}")) == meant && (bare.is_err() || bare == meant)
        })
}

/// The name of a sensor that looks like this one.
fn sensor_like(api: &Api, name: &str) -> Option<String> {
    let catalogue = api.catalogue.now();
    for sensor in catalogue.sensors() {
        for taken in std::iter::once(&sensor.name).chain(&sensor.aliases) {
            if names::alike(taken, name) {
                return Some(taken.clone());
            }
        }
    }
    None
}

/// All groups, by name.
#[utoipa::path(get, path = "/groups", operation_id = "list_groups", tag = "groups", security(("session" = []), ("token" = ["read"])), responses(
    (status = OK, body = Vec<GroupInfo>),
))]
async fn groups(
    _caller: Reads,
    State(api): State<Arc<Api>>,
) -> Result<axum::Json<Vec<GroupInfo>>, ApiError> {
    let groups = api.store.stored_groups().await?;
    Ok(axum::Json(groups.into_iter().map(info).collect()))
}

/// Adds a group, owned by the caller; its filter is stored in canonical form.
#[utoipa::path(post, path = "/groups", operation_id = "create_group", tag = "groups", security(("session" = []), ("token" = ["ask"])), request_body = GroupToCreate, responses(
    (status = CREATED, body = GroupInfo),
    (status = CONFLICT, description = "The name is taken, or looks like one that is", body = ErrorBody),
    (status = UNPROCESSABLE_ENTITY, description = "The name or the filter is none", body = ErrorBody),
))]
async fn create_group(
    Asks(caller): Asks,
    State(api): State<Arc<Api>>,
    Json(wanted): Json<GroupToCreate>,
) -> Result<(StatusCode, axum::Json<GroupInfo>), ApiError> {
    let name = wanted.name.trim();
    names::check(name).map_err(|e| ApiError::invalid(e.to_string()))?;
    if let Some(sensor) = sensor_like(&api, name) {
        return Err(ApiError::new(
            StatusCode::CONFLICT,
            ErrorCode::Conflict,
            format!("`{name}` looks like the sensor `{sensor}`; choose another name"),
        ));
    }
    let filter = canonical(&api, &wanted.filter)?;
    if !means_itself(&api, name, &filter) {
        return Err(ApiError::invalid(format!(
            "in a question `{name}` would mean something else; choose another name"
        )));
    }
    let group = NewGroup {
        name: name.to_owned(),
        filter,
        owner: caller.user.id,
        owner_name: caller.user.name.clone(),
    };
    let deed = Deed::new(caller.actor(), "group.create", &group.name)
        .with(json!({"filter": group.filter}));
    let made = api.store.create_group(group, deed).await?;
    api.reload_groups().await?;
    Ok((StatusCode::CREATED, axum::Json(info(made))))
}

/// What a group that bounds people means is who sees what: not its owner's to change alone.
fn may_mean_anew(api: &Api, caller: &Caller, group: &StoredGroup) -> Result<(), ApiError> {
    let bounds = api.access.book().bounding();
    if bounds.contains(&group.name.to_lowercase()) && !caller.may(Permission::ManageUsers) {
        return Err(ApiError::forbidden(format!(
            "the group `{}` bounds what people may see; who may manage users can change what it means",
            group.name
        )));
    }
    Ok(())
}

/// The group, if the caller may change it.
async fn own(api: &Api, caller: &Caller, name: &str) -> Result<StoredGroup, ApiError> {
    let groups = api.store.stored_groups().await?;
    let group = groups
        .into_iter()
        .find(|group| group.name.to_lowercase() == name.to_lowercase())
        .ok_or_else(|| ApiError::not_found("there is no group of this name"))?;
    if group.owner == Some(caller.user.id) || caller.may(Permission::ManageAnswers) {
        return Ok(group);
    }
    Err(ApiError::forbidden(match &group.owner_name {
        Some(owner) => {
            format!("this group belongs to `{owner}`; they or an administrator can change it")
        }
        None => "this group belongs to nobody any more; an administrator can change it".to_owned(),
    }))
}

/// Gives a group another meaning, as a new version. Questions asked before keep what they meant.
#[utoipa::path(put, path = "/groups/{name}", operation_id = "change_group", tag = "groups", security(("session" = []), ("token" = ["ask"])),
    params(("name" = String, Path, description = "The group's name")), request_body = GroupChange, responses(
    (status = OK, body = GroupInfo),
    (status = FORBIDDEN, description = "It belongs to somebody else", body = ErrorBody),
    (status = NOT_FOUND, body = ErrorBody),
    (status = UNPROCESSABLE_ENTITY, description = "The filter is none", body = ErrorBody),
))]
async fn change_group(
    Asks(caller): Asks,
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    Json(wanted): Json<GroupChange>,
) -> Result<axum::Json<GroupInfo>, ApiError> {
    let group = own(&api, &caller, &name).await?;
    may_mean_anew(&api, &caller, &group)?;
    let filter = canonical(&api, &wanted.filter)?;
    let deed = Deed::new(caller.actor(), "group.change", &group.name)
        .with(json!({"before": group.filter, "filter": filter}));
    let changed = api
        .store
        .change_group(group.name, group.version, filter, deed)
        .await?;
    api.reload_groups().await?;
    api.access.reload().await?;
    Ok(axum::Json(info(changed)))
}

/// Gives a group to another user, who may change and remove it from then on. What it means stays.
#[utoipa::path(put, path = "/groups/{name}/owner", operation_id = "give_group", tag = "groups", security(("session" = []), ("token" = ["ask"])),
    params(("name" = String, Path, description = "The group's name")), request_body = GroupOwner, responses(
    (status = OK, body = GroupInfo),
    (status = FORBIDDEN, description = "It belongs to somebody else", body = ErrorBody),
    (status = NOT_FOUND, description = "There is no such group, or no such user", body = ErrorBody),
))]
async fn give_group(
    Asks(caller): Asks,
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    Json(GroupOwner { owner }): Json<GroupOwner>,
) -> Result<axum::Json<GroupInfo>, ApiError> {
    let group = own(&api, &caller, &name).await?;
    let deed = Deed::new(caller.actor(), "group.owner", &group.name)
        .with(json!({"before": group.owner_name, "owner": owner}));
    let given = api
        .store
        .give_group(group.name, group.version, owner, deed)
        .await?;
    Ok(axum::Json(info(given)))
}

/// Removes a group that no open question was asked by.
#[utoipa::path(delete, path = "/groups/{name}", operation_id = "delete_group", tag = "groups", security(("session" = []), ("token" = ["ask"])),
    params(("name" = String, Path, description = "The group's name")), responses(
    (status = NO_CONTENT, description = "Removed"),
    (status = FORBIDDEN, description = "It belongs to somebody else", body = ErrorBody),
    (status = NOT_FOUND, body = ErrorBody),
    (status = CONFLICT, description = "Open questions use it; the message names them", body = ErrorBody),
))]
async fn delete_group(
    Asks(caller): Asks,
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    let group = own(&api, &caller, &name).await?;
    let deed = Deed::new(caller.actor(), "group.delete", &group.name)
        .with(json!({"filter": group.filter, "version": group.version}));
    api.store
        .delete_group(group.name, group.version, deed)
        .await?;
    api.reload_groups().await?;
    Ok(StatusCode::NO_CONTENT)
}
