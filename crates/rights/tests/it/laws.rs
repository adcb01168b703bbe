use answer::EndpointSet;
use proptest::prelude::*;
use rights::{
    Bounds, ContentSet, Effect, Grants, Group, Held, Membership, Over, Permission, Reach, Role,
    RoleError, Rule, Scope, Verdict, Via, explain,
};
use std::collections::BTreeMap;

fn rule() -> impl Strategy<Value = Rule> {
    let permission = proptest::sample::select(Permission::ALL);
    let with_ask = proptest::bool::weighted(0.3);
    (
        any::<bool>(),
        permission,
        proptest::option::of(0..4_u32),
        with_ask,
    )
        .prop_map(|(grant, permission, set, with_ask)| Rule {
            effect: if grant { Effect::Grant } else { Effect::Deny },
            permission,
            over: match set {
                Some(set) if permission.scope() == Scope::ContentSet => Over::Set(ContentSet(set)),
                _ => Over::Everything,
            },
            with_ask,
        })
}

/// Of rules that stand twice, the first.
fn role() -> impl Strategy<Value = Role> {
    proptest::collection::vec(rule(), 0..8).prop_map(|rules| {
        let mut kept: Vec<Rule> = Vec::new();
        for rule in rules {
            if !kept
                .iter()
                .any(|k| k.permission == rule.permission && k.over == rule.over)
            {
                kept.push(rule);
            }
        }
        Role::new(kept).expect("rules that stand once")
    })
}

fn held(roles: &[Role]) -> impl Iterator<Item = Held<'_>> {
    (0..).zip(roles).map(|(id, role)| Held {
        id,
        role,
        via: Via::Own,
    })
}

/// Asks every rule.
fn plainly(roles: &[Role], permission: Permission, set: Option<ContentSet>) -> Verdict {
    let may_ask = || {
        let asks = |effect| {
            let mut rules = roles.iter().flat_map(Role::rules);
            rules.any(|r| {
                r.permission == Permission::UseAsk
                    && r.effect == effect
                    && (effect == Effect::Deny || !r.with_ask)
            })
        };
        asks(Effect::Grant) && !asks(Effect::Deny)
    };
    let says = |effect| {
        roles.iter().flat_map(Role::rules).any(|rule| {
            rule.effect == effect
                && (effect == Effect::Deny || !rule.with_ask || may_ask())
                && rule.permission == permission
                && (rule.over == Over::Everything || set.is_some_and(|s| rule.over == Over::Set(s)))
        })
    };
    match (says(Effect::Deny), says(Effect::Grant)) {
        (true, _) => Verdict::Denied,
        (_, true) => Verdict::Granted,
        _ => Verdict::NotGranted,
    }
}

fn questions() -> impl Iterator<Item = (Permission, Option<ContentSet>)> {
    Permission::ALL.iter().flat_map(|permission| {
        let sets: Vec<_> = match permission.scope() {
            Scope::Global => vec![None],
            Scope::ContentSet => (0..5).map(|set| Some(ContentSet(set))).collect(),
        };
        sets.into_iter().map(|set| (*permission, set))
    })
}

proptest! {
    #[test]
    fn a_judgement_is_what_every_rule_says(roles in proptest::collection::vec(role(), 0..6)) {
        let grants = Grants::of(held(&roles));
        for (permission, set) in questions() {
            let verdict = grants.judge(permission, set);
            prop_assert_eq!(verdict, plainly(&roles, permission, set));
            // What is told as the reason comes to the same.
            let reasons = explain(held(&roles), permission, set);
            let may_ask = plainly(&roles, Permission::UseAsk, None) == Verdict::Granted;
            let counts = |r: &&rights::Reason| r.effect == Effect::Deny || !r.with_ask || may_ask;
            let told = match reasons.iter().find(counts).map(|r| r.effect) {
                Some(Effect::Deny) => Verdict::Denied,
                Some(Effect::Grant) => Verdict::Granted,
                None => Verdict::NotGranted,
            };
            prop_assert_eq!(told, verdict);
            if verdict == Verdict::Granted {
                prop_assert!(grants.may_somewhere(permission));
            }
        }
    }

    #[test]
    fn order_does_not_matter_and_a_denial_only_takes(
        roles in proptest::collection::vec(role(), 0..5),
        more in role(),
    ) {
        let grants = Grants::of(held(&roles));
        let backwards: Vec<Role> = roles.iter().rev().cloned().collect();
        let turned = Grants::of(held(&backwards));
        let denials: Vec<Rule> =
            more.rules().iter().copied().filter(|r| r.effect == Effect::Deny).collect();
        let mut under: Vec<Role> = roles.clone();
        under.push(Role::new(denials).unwrap());
        let under = Grants::of(held(&under));
        let token = Grants::of(held(std::slice::from_ref(&more)));
        let narrowed = grants.narrowed(&token);
        for (permission, set) in questions() {
            prop_assert_eq!(grants.judge(permission, set), turned.judge(permission, set));
            prop_assert!(!under.may(permission, set) || grants.may(permission, set));
            prop_assert_eq!(
                narrowed.judge(permission, set).is_granted(),
                grants.may(permission, set) && token.may(permission, set)
            );
        }
    }

    #[test]
    fn reach_is_what_is_let_in_less_what_is_shut_out(
        known in proptest::collection::btree_map(0..6_u64, (set(), set()), 0..6),
        bounds in proptest::collection::vec(
            (any::<bool>(), proptest::collection::vec(0..7_u64, 0..3), proptest::collection::vec(0..7_u64, 0..2)),
            0..4
        ),
    ) {
        let known: BTreeMap<u64, Membership> = known
            .into_iter()
            .map(|(group, (members, others))| {
                let others = others.minus(&members);
                (group, Membership { members, others })
            })
            .collect();
        let bounds: Vec<Bounds> = bounds
            .into_iter()
            .map(|(everything, within, without)| Bounds {
                everything,
                within: within.into_iter().map(Group).collect(),
                without: without.into_iter().map(Group).collect(),
            })
            .collect();
        let reach = Reach::of(&bounds, |group| known.get(&group.0));
        let fleet: EndpointSet = (0..40).collect();
        let cut = reach.cut(&fleet);
        for ordinal in 0..40 {
            let lets_in = bounds.iter().any(|b| {
                b.everything
                    || b.within.iter().any(|g| known.get(&g.0).is_some_and(|m| m.members.contains(ordinal)))
            });
            let shuts_out = bounds.iter().flat_map(|b| &b.without).any(|g| {
                known.get(&g.0).is_none_or(|m| !m.others.contains(ordinal))
            });
            prop_assert_eq!(reach.contains(ordinal), lets_in && !shuts_out, "{}", ordinal);
            prop_assert_eq!(cut.contains(ordinal), reach.contains(ordinal));
        }
        prop_assert_eq!(reach.mask(&fleet), (cut.len() < fleet.len()).then_some(cut));
    }
}

fn set() -> impl Strategy<Value = EndpointSet> {
    proptest::collection::vec(0..40_u32, 0..12).prop_map(EndpointSet::from_iter)
}

#[test]
fn without_a_role_nothing_is_allowed_and_without_bounds_nobody_is_seen() {
    let grants = Grants::of([]);
    assert!(grants.is_empty());
    assert!(questions().all(|(permission, set)| !grants.may(permission, set)));
    let reach = Reach::of([], |_| None);
    assert!(!reach.contains(1) && !reach.is_everything());
    assert!(Reach::of(&[Bounds::none()], |_| None).is_everything());
}

#[test]
fn all_that_is_wrong_with_a_role_is_told() {
    let rule = |permission, over| Rule {
        effect: Effect::Grant,
        permission,
        over,
        with_ask: false,
    };
    let set = Over::Set(ContentSet(1));
    let wrong = Role::new(vec![
        rule(Permission::ReadSensor, set),
        rule(Permission::ManageTrust, set),
        rule(Permission::ReadSensor, set),
        rule(Permission::ReadSensor, Over::Everything),
    ]);
    assert_eq!(
        wrong.unwrap_err(),
        [
            RoleError::Global(Permission::ManageTrust),
            RoleError::Twice(Permission::ReadSensor)
        ]
    );
}

#[test]
fn the_reserved_roles_are_what_they_say() {
    let administrator = Role::administrator();
    let content = Role::content_administrator();
    let all = Grants::of(held(std::slice::from_ref(&administrator)));
    let some = Grants::of(held(std::slice::from_ref(&content)));
    assert!(questions().all(|(permission, set)| all.may(permission, set)));
    use Permission as P;
    for withheld in [
        P::ManageUsers,
        P::ManageEndpoints,
        P::ManageTrust,
        P::ManageSessions,
        P::ReadAudit,
    ] {
        assert!(!some.may(withheld, None));
    }
    // A second person is a second person.
    assert!(!some.may_somewhere(P::ApproveAction) && !some.may_somewhere(P::BypassActionApproval));
    assert!(some.may(P::ManageContent, None) && some.may(P::WritePackage, Some(ContentSet(7))));
}
