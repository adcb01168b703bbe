//! Giving rights: roles, user groups, and what a user has of their own.
//!
//! Nobody gives more than they have. Who may manage users and is no administrator can neither make one nor touch one, gives only roles whose
//! grants they hold themselves, and sets bounds only when nothing bounds them: else managing users would be administering by another name.

use super::{Auth, AuthError, Caller};
use crate::model::account::User;
use crate::model::audit::Deed;
use crate::model::rights::{NamedBounds, RoleLine, StoredRole, UserGroup};
use crate::model::role::Role;
use crate::store::rights::{OwnDraft, RoleDraft, UserGroupDraft};
use ::rights::{Effect, Over, Scope as About};
use serde_json::json;

/// Letters of a role's or user group's name at most.
const LONGEST: usize = 80;
/// Rules of a role, or names in a list, at most.
const MOST: usize = 2000;

impl Caller {
    /// Refuses a caller who does not hold all that a role grants.
    fn hold(&self, role: &str, lines: &[RoleLine]) -> Result<(), AuthError> {
        let grants = lines.iter().filter(|line| line.effect == Effect::Grant);
        for line in grants {
            let set = line.content_set.as_deref();
            if !self.rights.judge(line.permission, set).is_granted() {
                return Err(AuthError::BeyondOwn(format!(
                    "the role `{role}` grants `{}`, which you do not hold yourself",
                    line.permission
                )));
            }
        }
        Ok(())
    }

    /// The same for a built-in role.
    pub(super) fn may_give(&self, role: Role) -> Result<(), AuthError> {
        if role == Role::Administrator && !self.is_administrator() {
            return Err(AuthError::BeyondOwn(
                "only an administrator makes another one".into(),
            ));
        }
        for rule in role.rights().rules() {
            let held = match rule.over {
                Over::Everything => self.rights.judge(rule.permission, None).is_granted(),
                Over::Set(_) => false,
            };
            if !held {
                return Err(AuthError::BeyondOwn(format!(
                    "the role `{role}` grants `{}`, which you do not hold yourself",
                    rule.permission
                )));
            }
        }
        Ok(())
    }

    fn may_bound(&self, bounds: Option<&NamedBounds>) -> Result<(), AuthError> {
        if bounds.is_some() && self.rights.is_bounded() {
            return Err(AuthError::BeyondOwn(
                "you see some endpoints only, so you cannot say which ones others see".into(),
            ));
        }
        Ok(())
    }
}

impl Auth {
    /// Refuses to let anybody but an administrator touch one.
    pub(super) async fn may_touch(&self, caller: &Caller, name: &str) -> Result<(), AuthError> {
        if caller.is_administrator() {
            return Ok(());
        }
        let users = self.store.users().await?;
        let is_administrator =
            |user: &User| user.role == Role::Administrator && user.name.eq_ignore_ascii_case(name);
        if users.iter().any(is_administrator) {
            return Err(AuthError::BeyondOwn(format!(
                "`{name}` is an administrator; only another one can change that account"
            )));
        }
        Ok(())
    }

    /// Refuses roles that the caller does not hold; one that is not there is the store's to say.
    fn may_give_roles(&self, caller: &Caller, names: &[String]) -> Result<(), AuthError> {
        let book = self.access.book();
        for name in names {
            let mut roles = book.roles();
            if let Some(role) = roles.find(|role| role.name.eq_ignore_ascii_case(name)) {
                caller.hold(&role.name, &role.lines)?;
            }
        }
        Ok(())
    }

    /// Adds a role.
    pub async fn create_role(
        &self,
        caller: &Caller,
        role: RoleDraft,
    ) -> Result<StoredRole, AuthError> {
        check_role(&role)?;
        caller.hold(&role.name, &role.lines)?;
        let deed = Deed::new(caller.actor(), "role.create", &role.name).with(json!({
            "lines": role.lines,
        }));
        let made = self.store.create_role(role, deed).await?;
        self.access.reload().await?;
        Ok(made)
    }

    /// Changes a role; everybody who holds it has the change from the next request on.
    pub async fn change_role_of_name(
        &self,
        caller: &Caller,
        name: String,
        version: Option<u64>,
        role: RoleDraft,
    ) -> Result<StoredRole, AuthError> {
        check_role(&role)?;
        caller.hold(&role.name, &role.lines)?;
        let book = self.access.book();
        let before = book.roles().find(|r| r.name.eq_ignore_ascii_case(&name));
        if let Some(before) = before {
            caller.hold(&before.name, &before.lines)?;
        }
        let seen = version.or(before.map(|before| before.version));
        let deed = Deed::new(caller.actor(), "role.change", &name).with(json!({
            "name": role.name, "lines": role.lines, "before": before.map(|before| &before.lines),
        }));
        let changed = self
            .store
            .change_role(name, seen.unwrap_or(1), role, deed)
            .await?;
        self.access.reload().await?;
        Ok(changed)
    }

    /// Removes a role that nobody has.
    pub async fn delete_role(&self, caller: &Caller, name: String) -> Result<(), AuthError> {
        let deed = Deed::new(caller.actor(), "role.delete", &name);
        self.store.delete_role(name, deed).await?;
        Ok(self.access.reload().await?)
    }

    /// Adds a user group.
    pub async fn create_user_group(
        &self,
        caller: &Caller,
        group: UserGroupDraft,
    ) -> Result<UserGroup, AuthError> {
        self.check_group(caller, &group).await?;
        let deed =
            Deed::new(caller.actor(), "user-group.create", &group.name).with(group_detail(&group));
        let made = self.store.create_user_group(group, deed).await?;
        self.access.reload().await?;
        Ok(made)
    }

    /// Changes a user group.
    pub async fn change_user_group(
        &self,
        caller: &Caller,
        name: String,
        version: Option<u64>,
        group: UserGroupDraft,
    ) -> Result<UserGroup, AuthError> {
        self.check_group(caller, &group).await?;
        let book = self.access.book();
        let mut groups = book.user_groups().iter();
        let before = groups.find(|group| group.name.eq_ignore_ascii_case(&name));
        if before.is_some_and(|before| before.bounds != group.bounds) {
            // Taking a bound away gives as much as setting a wider one.
            caller.may_bound(Some(&NamedBounds::default()))?;
        }
        let seen = version.or(before.map(|before| before.version));
        let deed = Deed::new(caller.actor(), "user-group.change", &name).with(group_detail(&group));
        let changed = self
            .store
            .change_user_group(name, seen.unwrap_or(1), group, deed)
            .await?;
        self.access.reload().await?;
        Ok(changed)
    }

    /// Removes a user group. Who was bounded by nothing else is bounded no more, so that takes somebody who is not bounded either.
    pub async fn delete_user_group(&self, caller: &Caller, name: String) -> Result<(), AuthError> {
        caller.may_bound(Some(&NamedBounds::default()))?;
        let deed = Deed::new(caller.actor(), "user-group.delete", &name);
        self.store.delete_user_group(name, deed).await?;
        Ok(self.access.reload().await?)
    }

    /// Gives a user roles and bounds of their own, in place of those before.
    pub async fn set_own_rights(&self, caller: &Caller, own: OwnDraft) -> Result<(), AuthError> {
        self.may_touch(caller, &own.user).await?;
        self.may_give_roles(caller, &own.roles)?;
        caller.may_bound(Some(&NamedBounds::default()))?;
        few(own.roles.len(), "roles")?;
        check_bounds(own.bounds.as_ref())?;
        let deed = Deed::new(caller.actor(), "user.rights", &own.user).with(json!({
            "roles": own.roles, "bounds": own.bounds,
        }));
        self.store.set_own_rights(own, deed).await?;
        Ok(self.access.reload().await?)
    }

    async fn check_group(&self, caller: &Caller, group: &UserGroupDraft) -> Result<(), AuthError> {
        check_name(&group.name, "user group")?;
        few(group.members.len(), "members")?;
        few(group.roles.len(), "roles")?;
        check_bounds(group.bounds.as_ref())?;
        self.may_give_roles(caller, &group.roles)?;
        caller.may_bound(group.bounds.as_ref())?;
        for member in &group.members {
            self.may_touch(caller, member).await?;
        }
        Ok(())
    }
}

fn group_detail(group: &UserGroupDraft) -> serde_json::Value {
    json!({
        "name": group.name, "members": group.members, "roles": group.roles, "bounds": group.bounds,
    })
}

fn few(number: usize, what: &str) -> Result<(), AuthError> {
    if number > MOST {
        return Err(AuthError::Invalid(format!("{MOST} {what} at most")));
    }
    Ok(())
}

fn check_bounds(bounds: Option<&NamedBounds>) -> Result<(), AuthError> {
    bounds.map_or(Ok(()), |bounds| {
        few(bounds.within.len() + bounds.without.len(), "groups")
    })
}

fn check_name(name: &str, kind: &str) -> Result<(), AuthError> {
    crate::names::check(name).map_err(|error| AuthError::Invalid(error.to_string()))?;
    if name.chars().count() > LONGEST {
        return Err(AuthError::Invalid(format!(
            "the name of a {kind} has at most {LONGEST} letters"
        )));
    }
    Ok(())
}

fn check_role(role: &RoleDraft) -> Result<(), AuthError> {
    check_name(&role.name, "role")?;
    if Role::ALL.iter().any(|known| {
        let known = known.as_str();
        known.eq_ignore_ascii_case(&role.name.replace([' ', '-'], "_"))
    }) {
        return Err(AuthError::Invalid(format!(
            "`{}` is a role that is built in; choose another name",
            role.name
        )));
    }
    few(role.lines.len(), "rules")?;
    for (at, line) in role.lines.iter().enumerate() {
        let permission = line.permission;
        match (permission.scope(), &line.content_set) {
            (About::Global, Some(_)) => {
                return Err(AuthError::Invalid(format!(
                    "`{permission}` is about Cordon as a whole; no content set belongs to it"
                )));
            }
            (About::ContentSet, None) => {
                return Err(AuthError::Invalid(format!(
                    "`{permission}` is over a content set; say which"
                )));
            }
            _ => {}
        }
        let same = |other: &RoleLine| {
            let set = |line: &RoleLine| line.content_set.as_ref().map(|set| set.to_lowercase());
            other.permission == permission && set(other) == set(line)
        };
        if role.lines.iter().take(at).any(same) {
            return Err(AuthError::Invalid(format!(
                "`{permission}` stands twice over the same content"
            )));
        }
    }
    Ok(())
}
