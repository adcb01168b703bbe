//! `cordon roles`, `cordon user-groups` and `cordon rights`: what people may do, by which role, and whose machines they see.

use super::words::word;
use crate::api::{Client, encoded};
use crate::args::{
    Given, GroupRights, RightsArgs, RoleAction, RolesArgs, Rules, UserGroupAction, UserGroupsArgs,
};
use crate::output::{self, Table, say};
use ::api::ValueType;
use ::api::account::Me;
use ::api::rights::{
    Bounds, Judgement, OwnRights, Permission, PermissionInfo, RightSource, RightsInfo, RoleInfo,
    RoleRule, RoleToKeep, UserGroupInfo, UserGroupToKeep,
};
use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::{Value, json};

/// Of the list of roles.
const ROLES: [(&str, ValueType); 5] = [
    ("Name", ValueType::Text),
    ("Kind", ValueType::Text),
    ("Grants", ValueType::Integer),
    ("Denies", ValueType::Integer),
    ("Description", ValueType::Text),
];
/// Of the rules of one.
const RULES: [(&str, ValueType); 4] = [
    ("Effect", ValueType::Text),
    ("Permission", ValueType::Text),
    ("Content set", ValueType::Text),
    ("With Ask", ValueType::Boolean),
];
/// Of the permissions.
const PERMISSIONS: [(&str, ValueType); 4] = [
    ("Name", ValueType::Text),
    ("Permission", ValueType::Text),
    ("About", ValueType::Text),
    ("Scope", ValueType::Text),
];
/// Of the user groups.
const USER_GROUPS: [(&str, ValueType); 5] = [
    ("Name", ValueType::Text),
    ("Members", ValueType::Text),
    ("Roles", ValueType::Text),
    ("Sees", ValueType::Text),
    ("Description", ValueType::Text),
];
/// Of what somebody may do.
const RIGHTS: [(&str, ValueType); 5] = [
    ("Permission", ValueType::Text),
    ("Content set", ValueType::Text),
    ("May", ValueType::Text),
    ("Granted by", ValueType::Text),
    ("Denied by", ValueType::Text),
];
/// Of the computer groups that bound them.
const GROUPS: [(&str, ValueType); 4] = [
    ("Group", ValueType::Text),
    ("Members", ValueType::Integer),
    ("Unknown", ValueType::Integer),
    ("Evaluated", ValueType::DateTime),
];

/// Runs `roles`.
pub async fn run(args: RolesArgs) -> Result<()> {
    let client = Client::connect(&args.connection)?;
    let path = |name: &str| format!("/roles/{}", encoded(name));
    match args.action.unwrap_or(RoleAction::List) {
        RoleAction::List => {
            let list: Vec<RoleInfo> = client.get("/roles").await?;
            let rows = list.into_iter().map(|role| {
                vec![
                    role.name.into(),
                    if role.built_in { "built in" } else { "made" }.into(),
                    (role.grants.len() as u64).into(),
                    (role.denies.len() as u64).into(),
                    role.description.into(),
                ]
            });
            output::print(
                args.output,
                &[Table::of("roles", &ROLES, rows)],
                Value::Null,
            )
        }
        RoleAction::Show { name } => show(&find(&client, &name).await?, args.output),
        RoleAction::Permissions => {
            let list: Vec<PermissionInfo> = client.get("/permissions").await?;
            let rows = list.into_iter().map(|permission| {
                vec![
                    word(permission.name).into(),
                    permission.words.into(),
                    match word(permission.about).as_str() {
                        "cordon" => "Cordon as a whole".into(),
                        _ => "a content set".into(),
                    },
                    word(permission.scope).into(),
                ]
            });
            let table = Table::of("permissions", &PERMISSIONS, rows);
            output::print(args.output, &[table], Value::Null)
        }
        RoleAction::Create { name, rules } => {
            let made: RoleInfo = client.post("/roles", role(name, &rules, None)?).await?;
            say!(
                "The role `{}` is made: `cordon users give NAME --role '{}'` gives it to somebody.",
                output::shown(&made.name),
                output::shown(&made.name)
            );
            Ok(())
        }
        RoleAction::Change {
            name,
            rules,
            rename,
        } => {
            let before = find(&client, &name).await?;
            let new = rename.unwrap_or_else(|| before.name.clone());
            let wanted = role(new, &rules, Some(before.version))?;
            let changed: RoleInfo = client.put(&path(&before.name), wanted).await?;
            say!(
                "The role `{}` grants {} and denies {} from now on.",
                output::shown(&changed.name),
                changed.grants.len(),
                changed.denies.len()
            );
            Ok(())
        }
        RoleAction::Delete { name } => {
            client.delete(&path(&name)).await?;
            say!("The role is removed.");
            Ok(())
        }
    }
}

async fn find(client: &Client, name: &str) -> Result<RoleInfo> {
    let list: Vec<RoleInfo> = client.get("/roles").await?;
    let names: Vec<String> = list.iter().map(|role| role.name.clone()).collect();
    let wanted = name.to_lowercase();
    if let Some(role) = list.into_iter().find(|r| r.name.to_lowercase() == wanted) {
        return Ok(role);
    }
    bail!(
        "there is no role `{name}`{}",
        near(name, &names, "`cordon roles` lists those there are")
    )
}

fn near(name: &str, names: &[String], otherwise: &str) -> String {
    let found = question::nearest(name, names.iter().map(String::as_str));
    if found.is_empty() {
        format!("; {otherwise}")
    } else {
        format!("; near: {}", found.join(", "))
    }
}

fn show(role: &RoleInfo, form: Option<crate::args::Output>) -> Result<()> {
    let rules = |effect: &'static str, rules: &[RoleRule]| -> Vec<Vec<::api::table::Value>> {
        let all = rules.iter().map(|rule| {
            vec![
                effect.into(),
                word(rule.permission).into(),
                rule.content_set.clone().into(),
                rule.with_ask.into(),
            ]
        });
        all.collect()
    };
    let mut rows = rules("grant", &role.grants);
    rows.extend(rules("deny", &role.denies));
    let table = Table::of("rules", &RULES, rows);
    output::print(form, &[table], json!({"role": role}))
}

/// The rules as they were given: `permission` or `permission:content set`.
fn role(name: String, rules: &Rules, version: Option<u64>) -> Result<RoleToKeep> {
    let read = |texts: &[String], with_ask: bool| -> Result<Vec<RoleRule>> {
        texts.iter().map(|text| rule(text, with_ask)).collect()
    };
    let mut grants = read(&rules.grants, false)?;
    grants.extend(read(&rules.with_ask, true)?);
    Ok(RoleToKeep {
        name,
        description: rules.description.clone(),
        grants,
        denies: read(&rules.denies, false)?,
        version,
    })
}

fn rule(text: &str, with_ask: bool) -> Result<RoleRule> {
    let (permission, content_set) = match text.split_once(':') {
        Some((permission, set)) => (permission, Some(set.trim().to_owned())),
        None => (text, None),
    };
    Ok(RoleRule {
        permission: permission_of(permission.trim())?,
        content_set,
        with_ask,
    })
}

fn permission_of(text: &str) -> Result<Permission> {
    let read = text.parse::<rights::Permission>();
    read.map(Permission).map_err(|error| {
        let names: Vec<String> = rights::Permission::ALL
            .iter()
            .map(|p| p.name().to_owned())
            .collect();
        let found = question::nearest(text, names.iter().map(String::as_str));
        if found.is_empty() {
            anyhow!(error)
        } else {
            anyhow!("`{text}` is no permission; near: {}", found.join(", "))
        }
    })
}

/// Runs `user-groups`.
pub async fn user_groups(args: UserGroupsArgs) -> Result<()> {
    let client = Client::connect(&args.connection)?;
    let path = |name: &str| format!("/user-groups/{}", encoded(name));
    match args.action.unwrap_or(UserGroupAction::List) {
        UserGroupAction::List => {
            let list: Vec<UserGroupInfo> = client.get("/user-groups").await?;
            let rows = list.into_iter().map(|group| {
                vec![
                    group.name.into(),
                    group.members.join(", ").into(),
                    group.roles.join(", ").into(),
                    sees(group.bounds.as_ref()).into(),
                    group.description.into(),
                ]
            });
            let table = Table::of("user groups", &USER_GROUPS, rows);
            output::print(args.output, &[table], Value::Null)
        }
        UserGroupAction::Create { name, group } => {
            let wanted = user_group(name, group, None);
            let made: UserGroupInfo = client.post("/user-groups", wanted).await?;
            say!("{}", told(&made));
            Ok(())
        }
        UserGroupAction::Change {
            name,
            group,
            rename,
        } => {
            let list: Vec<UserGroupInfo> = client.get("/user-groups").await?;
            let names: Vec<String> = list.iter().map(|group| group.name.clone()).collect();
            let before = list
                .into_iter()
                .find(|group| group.name.to_lowercase() == name.to_lowercase())
                .with_context(|| {
                    let hint = near(&name, &names, "`cordon user-groups` lists those there are");
                    format!("there is no user group `{name}`{hint}")
                })?;
            let new = rename.unwrap_or_else(|| before.name.clone());
            let wanted = user_group(new, group, Some(before.version));
            let changed: UserGroupInfo = client.put(&path(&before.name), wanted).await?;
            say!("{}", told(&changed));
            Ok(())
        }
        UserGroupAction::Delete { name } => {
            client.delete(&path(&name)).await?;
            say!("The user group is removed; its members keep what they have otherwise.");
            Ok(())
        }
    }
}

fn user_group(name: String, group: GroupRights, version: Option<u64>) -> UserGroupToKeep {
    UserGroupToKeep {
        name,
        description: group.description,
        members: group.members,
        bounds: bounds(&group.given),
        roles: group.given.roles,
        version,
    }
}

fn told(group: &UserGroupInfo) -> String {
    format!(
        "`{}` has {} members, roles: {}, sees: {}.",
        output::shown(&group.name),
        group.members.len(),
        if group.roles.is_empty() {
            "none".to_owned()
        } else {
            group.roles.join(", ")
        },
        sees(group.bounds.as_ref())
    )
}

fn bounds(given: &Given) -> Option<Bounds> {
    let says = given.everywhere || !given.within.is_empty() || !given.without.is_empty();
    says.then(|| Bounds {
        // Who is only shut out somewhere sees everything else.
        everything: given.within.is_empty(),
        within: given.within.clone(),
        without: given.without.clone(),
    })
}

/// Bounds in words.
fn sees(bounds: Option<&Bounds>) -> String {
    let Some(bounds) = bounds else {
        return "nothing is said".to_owned();
    };
    let mut text = match (bounds.everything, bounds.within.is_empty()) {
        (true, _) => "every machine".to_owned(),
        (false, false) => bounds.within.join(", "),
        (false, true) => "no machine".to_owned(),
    };
    if !bounds.without.is_empty() {
        text.push_str(" without ");
        text.push_str(&bounds.without.join(", "));
    }
    text
}

/// Gives a user roles and bounds of their own.
pub async fn give(client: &Client, name: &str, given: Given) -> Result<()> {
    let bounds = bounds(&given);
    let told = sees(bounds.as_ref());
    let roles = given.roles.join(", ");
    let wanted = OwnRights {
        roles: given.roles,
        bounds,
    };
    let path = format!("/users/{}/rights", encoded(name));
    client.put_only(&path, wanted).await?;
    say!(
        "{name} has these roles of their own: {}; sees: {told}. `cordon rights {name}` tells what that comes to.",
        if roles.is_empty() { "none" } else { &roles }
    );
    Ok(())
}

/// Runs `rights`.
pub async fn rights(args: RightsArgs) -> Result<()> {
    let client = Client::connect(&args.connection)?;
    let user = match args.user {
        Some(user) => user,
        None => client.get::<Me>("/me").await?.name,
    };
    let mut query = Vec::new();
    if let Some(name) = &args.permission {
        query.push(format!("permission={}", word(permission_of(name)?)));
    }
    if let Some(set) = &args.content_set {
        query.push(format!("content_set={}", encoded(set)));
    }
    let path = format!("/users/{}/rights?{}", encoded(&user), query.join("&"));
    let info: RightsInfo = client.get(&path).await?;
    let from = |sources: &[RightSource]| -> String {
        let all = sources.iter().map(|source| match &source.user_group {
            Some(group) => format!("{} (user group {group})", source.role),
            None => source.role.clone(),
        });
        all.collect::<Vec<_>>().join(", ")
    };
    let rows = info.rights.iter().map(|right| {
        vec![
            word(right.permission).into(),
            right.content_set.clone().into(),
            match right.verdict {
                Judgement::Granted => "yes".into(),
                Judgement::NotGranted => "no".into(),
                Judgement::Denied => "denied".into(),
            },
            from(&right.granted_by).into(),
            from(&right.denied_by).into(),
        ]
    });
    let groups = info.groups.iter().map(|group| {
        vec![
            group.name.clone().into(),
            group.members.into(),
            group.unknown.into(),
            group.evaluated_at.into(),
        ]
    });
    let mut tables = vec![Table::of("rights", &RIGHTS, rows)];
    if !info.groups.is_empty() && args.output != Some(crate::args::Output::Csv) {
        tables.push(Table::of("groups", &GROUPS, groups));
    }
    output::print(args.output, &tables, json!({"rights": info}))?;
    let of = info
        .of_endpoints
        .map(|all| format!(" of {all}"))
        .unwrap_or_default();
    anstream::eprintln!(
        "{} ({}) sees {}{of} machines{}.",
        info.user,
        word(info.role),
        info.endpoints,
        if info.user_groups.is_empty() {
            String::new()
        } else {
            format!("; user groups: {}", info.user_groups.join(", "))
        }
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_a_permission_with_or_without_a_content_set() {
        let read = rule("read-sensor: Incident Response", true).expect("a rule");
        assert_eq!(read.permission.0, rights::Permission::ReadSensor);
        assert_eq!(read.content_set.as_deref(), Some("Incident Response"));
        assert!(read.with_ask);
        let global = rule("Manage Users", false).expect("a rule");
        assert_eq!(
            (global.permission.0, global.content_set),
            (rights::Permission::ManageUsers, None)
        );
        let wrong = rule("read-sensors:Core", false).expect_err("no permission");
        assert!(wrong.to_string().contains("near: read-sensor"), "{wrong}");
    }

    #[test]
    fn who_is_only_shut_out_somewhere_sees_everything_else() {
        let given = |within: &[&str], without: &[&str], everywhere| Given {
            roles: Vec::new(),
            within: within.iter().map(ToString::to_string).collect(),
            without: without.iter().map(ToString::to_string).collect(),
            everywhere,
        };
        let said = |given: Given| sees(bounds(&given).as_ref());
        assert_eq!(said(given(&[], &[], false)), "nothing is said");
        assert_eq!(said(given(&[], &[], true)), "every machine");
        assert_eq!(said(given(&[], &["dc"], false)), "every machine without dc");
        assert_eq!(
            said(given(&["web", "db"], &["dc"], false)),
            "web, db without dc"
        );
    }
}
