//! What a role in a pack can name is what rights are judged by, and nothing else.

use content::objects::Permission;
use std::collections::BTreeMap;

#[test]
fn roles_name_the_permissions_that_are_judged() {
    let named: BTreeMap<&str, bool> = Permission::ALL
        .iter()
        .map(|permission| (permission.word(), permission.is_global()))
        .collect();
    let judged: BTreeMap<&str, bool> = rights::Permission::ALL
        .iter()
        .map(|permission| {
            let global = permission.scope() == rights::Scope::Global;
            (permission.name(), global)
        })
        .collect();
    assert_eq!(named, judged);
}
