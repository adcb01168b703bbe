//! Roles, user groups, and what somebody may do in the end.

use super::Api;
use super::error::{ApiError, ErrorBody};
use super::extract::{Json, ManagesUsers, Path, Query, SignedIn};
use crate::access::{Book, Explained, Source};
use crate::model::account::User;
use crate::model::ids::UserId;
use crate::model::rights::{NamedBounds, RoleLine, StoredRole, UserGroup};
use crate::model::role::{Role, Scope};
use crate::store::rights::{OwnDraft, RoleDraft, UserGroupDraft};
use ::rights::{Effect, Permission, Scope as Of, Verdict};
use api::rights as told;
use api::rights::{
    OwnRights, PermissionInfo, RightsInfo, RightsQuery, RoleInfo, RoleToKeep, UserGroupInfo,
    UserGroupToKeep,
};
use axum::extract::State;
use axum::http::StatusCode;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(permissions))
        .routes(routes!(roles, create_role))
        .routes(routes!(change_role, delete_role))
        .routes(routes!(user_groups, create_user_group))
        .routes(routes!(change_user_group, delete_user_group))
        .routes(routes!(rights, set_rights))
}

/// All permissions that there are.
#[utoipa::path(get, path = "/permissions", operation_id = "list_permissions", tag = "rights", security(("session" = []), ("token" = [])), responses(
    (status = OK, body = Vec<PermissionInfo>),
))]
async fn permissions(_caller: SignedIn) -> axum::Json<Vec<PermissionInfo>> {
    let all = Permission::ALL.iter().map(|permission| PermissionInfo {
        name: told::Permission(*permission),
        words: permission.words().to_owned(),
        about: match permission.scope() {
            Of::Global => told::About::Cordon,
            Of::ContentSet => told::About::ContentSet,
        },
        scope: Scope::of(*permission).into(),
    });
    axum::Json(all.collect())
}

/// All roles: those that are built in, then those that people made, by name.
#[utoipa::path(get, path = "/roles", operation_id = "list_roles", tag = "rights", security(("session" = []), ("token" = ["admin"])), responses(
    (status = OK, body = Vec<RoleInfo>),
))]
async fn roles(_caller: ManagesUsers, State(api): State<Arc<Api>>) -> axum::Json<Vec<RoleInfo>> {
    let built_in = Role::ALL.into_iter().map(|role| RoleInfo {
        name: role.as_str().to_owned(),
        description: String::new(),
        built_in: true,
        grants: role
            .rights()
            .rules()
            .iter()
            .map(|rule| told::RoleRule {
                permission: told::Permission(rule.permission),
                content_set: None,
                with_ask: rule.with_ask,
            })
            .collect(),
        denies: Vec::new(),
        version: 0,
    });
    let mut made: Vec<_> = api.access.book().roles().cloned().collect();
    made.sort_unstable_by_key(|role| role.name.to_lowercase());
    axum::Json(built_in.chain(made.into_iter().map(role_info)).collect())
}

fn role_info(role: StoredRole) -> RoleInfo {
    let rules = |effect: Effect| -> Vec<told::RoleRule> {
        let lines = role.lines.iter().filter(|line| line.effect == effect);
        lines
            .map(|line| told::RoleRule {
                permission: told::Permission(line.permission),
                content_set: line.content_set.clone(),
                with_ask: line.with_ask,
            })
            .collect()
    };
    RoleInfo {
        grants: rules(Effect::Grant),
        denies: rules(Effect::Deny),
        name: role.name,
        description: role.description,
        built_in: false,
        version: role.version,
    }
}

fn role_draft(role: RoleToKeep) -> RoleDraft {
    let lines = |rules: Vec<told::RoleRule>, effect: Effect| {
        rules.into_iter().map(move |rule| RoleLine {
            effect,
            permission: rule.permission.0,
            content_set: rule.content_set,
            with_ask: rule.with_ask && effect == Effect::Grant,
        })
    };
    RoleDraft {
        name: role.name.trim().to_owned(),
        description: role.description,
        lines: lines(role.grants, Effect::Grant)
            .chain(lines(role.denies, Effect::Deny))
            .collect(),
    }
}

/// Adds a role. Nobody gives more than they hold themself.
#[utoipa::path(post, path = "/roles", operation_id = "create_role", tag = "rights", security(("session" = []), ("token" = ["admin"])), request_body = RoleToKeep, responses(
    (status = CREATED, body = RoleInfo),
    (status = FORBIDDEN, description = "It would grant what the caller does not hold", body = ErrorBody),
    (status = CONFLICT, description = "The name is taken", body = ErrorBody),
    (status = UNPROCESSABLE_ENTITY, description = "A rule is none", body = ErrorBody),
))]
async fn create_role(
    ManagesUsers(caller): ManagesUsers,
    State(api): State<Arc<Api>>,
    Json(wanted): Json<RoleToKeep>,
) -> Result<(StatusCode, axum::Json<RoleInfo>), ApiError> {
    let made = api.auth.create_role(&caller, role_draft(wanted)).await?;
    Ok((StatusCode::CREATED, axum::Json(role_info(made))))
}

/// Changes a role. It holds from the next request on of everybody who has it.
#[utoipa::path(put, path = "/roles/{name}", operation_id = "change_role", tag = "rights", security(("session" = []), ("token" = ["admin"])),
    params(("name" = String, Path, description = "The role's name")), request_body = RoleToKeep, responses(
    (status = OK, body = RoleInfo),
    (status = FORBIDDEN, description = "It grants, or would grant, what the caller does not hold", body = ErrorBody),
    (status = NOT_FOUND, body = ErrorBody),
    (status = CONFLICT, description = "Somebody changed it meanwhile, or the new name is taken", body = ErrorBody),
    (status = UNPROCESSABLE_ENTITY, description = "A rule is none", body = ErrorBody),
))]
async fn change_role(
    ManagesUsers(caller): ManagesUsers,
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    Json(wanted): Json<RoleToKeep>,
) -> Result<axum::Json<RoleInfo>, ApiError> {
    let version = wanted.version;
    let draft = role_draft(wanted);
    let changed = api
        .auth
        .change_role_of_name(&caller, name, version, draft)
        .await?;
    Ok(axum::Json(role_info(changed)))
}

/// Removes a role that nobody has.
#[utoipa::path(delete, path = "/roles/{name}", operation_id = "delete_role", tag = "rights", security(("session" = []), ("token" = ["admin"])),
    params(("name" = String, Path, description = "The role's name")), responses(
    (status = NO_CONTENT, description = "Removed"),
    (status = NOT_FOUND, body = ErrorBody),
    (status = CONFLICT, description = "Somebody has it; the message names them", body = ErrorBody),
))]
async fn delete_role(
    ManagesUsers(caller): ManagesUsers,
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    api.auth.delete_role(&caller, name).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn bounds_told(bounds: NamedBounds) -> told::Bounds {
    told::Bounds {
        everything: bounds.everything,
        within: bounds.within,
        without: bounds.without,
    }
}

/// Bounds by the names of groups that there are, as these are written.
async fn bounds_kept(
    api: &Api,
    bounds: Option<told::Bounds>,
) -> Result<Option<NamedBounds>, ApiError> {
    let Some(bounds) = bounds else {
        return Ok(None);
    };
    let groups = api.store.groups().await?;
    let named = |names: Vec<String>| -> Result<Vec<String>, ApiError> {
        let found = names.into_iter().map(|name| {
            let mut all = groups.iter();
            let group = all.find(|group| group.name.to_lowercase() == name.to_lowercase());
            let group = group.map(|group| group.name.clone());
            group.ok_or_else(|| ApiError::not_found(format!("there is no group `{name}`")))
        });
        found.collect()
    };
    Ok(Some(NamedBounds {
        everything: bounds.everything,
        within: named(bounds.within)?,
        without: named(bounds.without)?,
    }))
}

/// Names of users and roles, by their numbers.
struct Names {
    users: BTreeMap<UserId, String>,
    book: Arc<Book>,
}

impl Names {
    async fn read(api: &Api) -> Result<Self, ApiError> {
        let users = api.store.users().await?.into_iter();
        Ok(Self {
            users: users.map(|user| (user.id, user.name)).collect(),
            book: api.access.book(),
        })
    }

    fn group(&self, group: UserGroup) -> UserGroupInfo {
        let members = group.members.iter();
        let mut members: Vec<String> = members
            .filter_map(|id| self.users.get(id).cloned())
            .collect();
        members.sort_unstable();
        let roles = group.roles.iter().filter_map(|id| self.book.role(*id));
        let mut roles: Vec<String> = roles.map(|role| role.name.clone()).collect();
        roles.sort_unstable();
        UserGroupInfo {
            id: group.id.into(),
            name: group.name,
            description: group.description,
            members,
            roles,
            bounds: group.bounds.map(bounds_told),
            version: group.version,
        }
    }
}

/// All user groups, by name.
#[utoipa::path(get, path = "/user-groups", operation_id = "list_user_groups", tag = "rights", security(("session" = []), ("token" = ["admin"])), responses(
    (status = OK, body = Vec<UserGroupInfo>),
))]
async fn user_groups(
    _caller: ManagesUsers,
    State(api): State<Arc<Api>>,
) -> Result<axum::Json<Vec<UserGroupInfo>>, ApiError> {
    let names = Names::read(&api).await?;
    let groups = names.book.user_groups().iter().cloned();
    Ok(axum::Json(groups.map(|group| names.group(group)).collect()))
}

async fn group_draft(api: &Api, group: UserGroupToKeep) -> Result<UserGroupDraft, ApiError> {
    Ok(UserGroupDraft {
        name: group.name.trim().to_owned(),
        description: group.description,
        members: group.members,
        roles: group.roles,
        bounds: bounds_kept(api, group.bounds).await?,
    })
}

/// Adds a user group: people who have roles and bounds in common.
#[utoipa::path(post, path = "/user-groups", operation_id = "create_user_group", tag = "rights", security(("session" = []), ("token" = ["admin"])), request_body = UserGroupToKeep, responses(
    (status = CREATED, body = UserGroupInfo),
    (status = FORBIDDEN, description = "It would give what the caller does not hold", body = ErrorBody),
    (status = NOT_FOUND, description = "There is no such user, role or computer group", body = ErrorBody),
    (status = CONFLICT, description = "The name is taken", body = ErrorBody),
    (status = UNPROCESSABLE_ENTITY, description = "The name is none", body = ErrorBody),
))]
async fn create_user_group(
    ManagesUsers(caller): ManagesUsers,
    State(api): State<Arc<Api>>,
    Json(wanted): Json<UserGroupToKeep>,
) -> Result<(StatusCode, axum::Json<UserGroupInfo>), ApiError> {
    let draft = group_draft(&api, wanted).await?;
    let made = api.auth.create_user_group(&caller, draft).await?;
    let info = Names::read(&api).await?.group(made);
    Ok((StatusCode::CREATED, axum::Json(info)))
}

/// Changes a user group. It holds from the next request on of its members.
#[utoipa::path(put, path = "/user-groups/{name}", operation_id = "change_user_group", tag = "rights", security(("session" = []), ("token" = ["admin"])),
    params(("name" = String, Path, description = "The user group's name")), request_body = UserGroupToKeep, responses(
    (status = OK, body = UserGroupInfo),
    (status = FORBIDDEN, description = "It would give what the caller does not hold", body = ErrorBody),
    (status = NOT_FOUND, description = "There is no such user group, user, role or computer group", body = ErrorBody),
    (status = CONFLICT, description = "Somebody changed it meanwhile, or the new name is taken", body = ErrorBody),
    (status = UNPROCESSABLE_ENTITY, description = "The name is none", body = ErrorBody),
))]
async fn change_user_group(
    ManagesUsers(caller): ManagesUsers,
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    Json(wanted): Json<UserGroupToKeep>,
) -> Result<axum::Json<UserGroupInfo>, ApiError> {
    let version = wanted.version;
    let draft = group_draft(&api, wanted).await?;
    let changed = api
        .auth
        .change_user_group(&caller, name, version, draft)
        .await?;
    Ok(axum::Json(Names::read(&api).await?.group(changed)))
}

/// Removes a user group. Its members keep what they have otherwise.
#[utoipa::path(delete, path = "/user-groups/{name}", operation_id = "delete_user_group", tag = "rights", security(("session" = []), ("token" = ["admin"])),
    params(("name" = String, Path, description = "The user group's name")), responses(
    (status = NO_CONTENT, description = "Removed"),
    (status = FORBIDDEN, description = "The caller is bounded, and members may be by it", body = ErrorBody),
    (status = NOT_FOUND, body = ErrorBody),
))]
async fn delete_user_group(
    ManagesUsers(caller): ManagesUsers,
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    api.auth.delete_user_group(&caller, name).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn user(api: &Api, name: &str) -> Result<User, ApiError> {
    let users = api.store.users().await?;
    users
        .into_iter()
        .find(|user| user.name.eq_ignore_ascii_case(name))
        .ok_or_else(|| ApiError::not_found(format!("there is no user `{name}`")))
}

/// What a user may do, and whose endpoints they see, with what grants and denies it. One's own are everybody's to read.
#[utoipa::path(get, path = "/users/{name}/rights", operation_id = "get_rights", tag = "rights", security(("session" = []), ("token" = [])),
    params(("name" = String, Path, description = "User name"), RightsQuery), responses(
    (status = OK, body = RightsInfo),
    (status = FORBIDDEN, description = "They are somebody else's, and the caller may not manage users", body = ErrorBody),
    (status = NOT_FOUND, body = ErrorBody),
))]
async fn rights(
    SignedIn(caller): SignedIn,
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    Query(query): Query<RightsQuery>,
) -> Result<axum::Json<RightsInfo>, ApiError> {
    let user = if caller.user.name.eq_ignore_ascii_case(&name) {
        caller.user.clone()
    } else {
        caller.need(Permission::ManageUsers, None)?;
        user(&api, &name).await?
    };
    let book = api.access.book();
    let effective = api.access.of(&user);
    let approved = api.identity.approved();
    let all = caller.reader().bounds().is_none();
    let own = book.own(user.id);
    let own_roles = own.map(|own| own.roles.as_slice()).unwrap_or_default();
    let groups = book.groups_of(user.id).map(|group| group.name.clone());
    Ok(axum::Json(RightsInfo {
        roles: own_roles
            .iter()
            .filter_map(|id| book.role(*id).map(|role| role.name.clone()))
            .collect(),
        user_groups: groups.collect(),
        bounds: own.and_then(|own| own.bounds.clone()).map(bounds_told),
        endpoints: effective.reach().cut(&approved).len(),
        of_endpoints: all.then(|| approved.len()),
        groups: bounding(&api, &book, &user),
        rights: asked(&book, &user, &query)
            .into_iter()
            .map(right_told)
            .collect(),
        role: user.role.into(),
        user: user.name,
    }))
}

/// The computer groups that bound a user.
fn bounding(api: &Api, book: &Book, user: &User) -> Vec<told::BoundingGroup> {
    let own = book.own(user.id).and_then(|own| own.bounds.as_ref());
    let common = book.groups_of(user.id).filter_map(|g| g.bounds.as_ref());
    let names: BTreeSet<&String> = own
        .into_iter()
        .chain(common)
        .flat_map(|bounds| bounds.within.iter().chain(&bounds.without))
        .collect();
    let approved = api.identity.approved();
    let told = names.into_iter().map(|name| match book.evaluated(name) {
        Some(known) => told::BoundingGroup {
            name: name.clone(),
            members: known.members.len(),
            unknown: approved.minus(&known.members).minus(&known.others).len(),
            evaluated_at: Some(super::accounts::time(known.evaluated_at)),
        },
        None => told::BoundingGroup {
            name: name.clone(),
            members: 0,
            unknown: approved.len(),
            evaluated_at: None,
        },
    });
    told.collect()
}

/// Every judgement that is asked for.
fn asked(book: &Book, user: &User, query: &RightsQuery) -> Vec<Explained> {
    let who = (user.id, user.role);
    let wanted = |permission: &&Permission| query.permission.is_none_or(|p| p.0 == **permission);
    let mut all = Vec::new();
    for permission in Permission::ALL.iter().filter(wanted) {
        match (permission.scope(), &query.content_set) {
            (Of::Global, _) => all.push(book.explain(who, *permission, None)),
            (Of::ContentSet, Some(set)) => {
                all.push(book.explain(who, *permission, Some(set)));
            }
            (Of::ContentSet, None) => {
                // Of those that no role names, all is said at once.
                all.push(book.explain(who, *permission, None));
                let sets = book.sets_of(user.id).into_iter();
                all.extend(sets.map(|set| book.explain(who, *permission, Some(&set))));
            }
        }
    }
    all
}

fn right_told(explained: Explained) -> told::RightInfo {
    let sources = |all: Vec<Source>| -> Vec<told::RightSource> {
        let all = all.into_iter().map(|source| told::RightSource {
            role: source.role,
            user_group: source.user_group,
        });
        all.collect()
    };
    told::RightInfo {
        permission: told::Permission(explained.permission),
        content_set: explained.content_set,
        verdict: match explained.verdict {
            Verdict::Granted => told::Judgement::Granted,
            Verdict::NotGranted => told::Judgement::NotGranted,
            Verdict::Denied => told::Judgement::Denied,
        },
        granted_by: sources(explained.granted_by),
        denied_by: sources(explained.denied_by),
    }
}

/// Gives a user roles and bounds of their own, in place of those that they had. It holds from their next request on.
#[utoipa::path(put, path = "/users/{name}/rights", operation_id = "set_rights", tag = "rights", security(("session" = []), ("token" = ["admin"])),
    params(("name" = String, Path, description = "User name")), request_body = OwnRights, responses(
    (status = NO_CONTENT, description = "Given"),
    (status = FORBIDDEN, description = "It would give what the caller does not hold", body = ErrorBody),
    (status = NOT_FOUND, description = "There is no such user, role or computer group", body = ErrorBody),
    (status = CONFLICT, description = "This is the server's own account", body = ErrorBody),
))]
async fn set_rights(
    ManagesUsers(caller): ManagesUsers,
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    Json(wanted): Json<OwnRights>,
) -> Result<StatusCode, ApiError> {
    let draft = OwnDraft {
        user: name,
        roles: wanted.roles,
        bounds: bounds_kept(&api, wanted.bounds).await?,
    };
    api.auth.set_own_rights(&caller, draft).await?;
    Ok(StatusCode::NO_CONTENT)
}
