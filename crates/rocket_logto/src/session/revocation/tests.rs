use std::collections::HashSet;

use proptest::prelude::*;
use serde_json::json;

use super::*;

const IDLE: Seconds = 1000;

fn session(sub: &str, id: &str, created_at: Seconds) -> Session {
    serde_json::from_value(json!({
        "i": id, "u": sub, "t": "token", "c": created_at, "s": created_at, "f": created_at,
    }))
    .unwrap()
}

fn with_sid(session: Session, sid: &str) -> Session {
    Session {
        sid: Some(sid.into()),
        ..session
    }
}

fn bounded(bound: usize) -> Revocations {
    Revocations::new(bound, IDLE)
}

fn revoke(revocations: &Revocations, session: &Session, now: Seconds) {
    revocations.revoke(&session.reference(), now);
}

#[test]
fn refuses_the_revoked_session_and_no_other() {
    let revocations = bounded(10);
    revoke(&revocations, &session("sub", "a", 10), 20);
    assert!(revocations.is_revoked(&session("sub", "a", 10)));
    assert!(!revocations.is_revoked(&session("sub", "b", 10)));
    assert!(!revocations.is_revoked(&session("other", "a", 10)));
}

#[test]
fn a_name_ends_the_sessions_begun_by_then() {
    let of = |id, begun| session("sub", id, begun);
    let revocations = bounded(10);
    revocations.revoke_sub("sub", 20, 25);
    assert!(revocations.is_revoked(&of("a", 10)));
    assert!(revocations.is_revoked(&of("a", 20)));
    assert!(!revocations.is_revoked(&of("a", 21)));
    assert!(!revocations.is_revoked(&session("other", "a", 10)));

    for sub in [None, Some("sub")] {
        let revocations = bounded(10);
        revocations.revoke_sid("sid", sub, 20);
        assert!(revocations.is_revoked(&with_sid(of("a", 20), "sid")));
        assert!(!revocations.is_revoked(&with_sid(of("a", 21), "sid")));
        assert!(!revocations.is_revoked(&with_sid(of("a", 20), "another")));
        assert!(!revocations.is_revoked(&of("a", 20)));
    }

    let revocations = bounded(10);
    revocations.revoke_sub_without_sid("sub", 20, 25);
    assert!(!revocations.is_revoked(&with_sid(of("a", 10), "sid")));
    assert!(revocations.is_revoked(&of("a", 20)));
    assert!(!revocations.is_revoked(&of("a", 21)));
    assert!(!revocations.is_revoked(&session("other", "a", 10)));
}

/// A name of one kind is none of another.
#[test]
fn a_session_begins_after_the_ends_of_the_same_second() {
    let of = |id, begun| session("sub", id, begun);
    let revocations = bounded(10);
    assert_eq!(revocations.begins_at(&of("a", 20)), 20);
    for (round, end) in ["all", "all", "without sid", "all"].into_iter().enumerate() {
        match end {
            "all" => revocations.revoke_sub("sub", 20, 20),
            _ => revocations.revoke_sub_without_sid("sub", 20, 20),
        }
        let begins = revocations.begins_at(&of("b", 20));
        assert_eq!(begins, 21 + round as Seconds, "{end}");
        assert!(!revocations.is_revoked(&of("b", begins)));
        // Those before it have ended.
        assert!(revocations.is_revoked(&of("b", begins - 1)), "{end}");
    }
    // It is the one that this names.
    let named = with_sid(of("c", 20), "sid");
    let begins = revocations.begins_at(&named);
    revocations.revoke_sid("sid", Some("sub"), 20);
    let named = |at| with_sid(of("c", at), "sid");
    assert!(revocations.is_revoked(&named(begins)));
    assert_eq!(revocations.begins_at(&named(20)), 20, "it has ended");
    assert_eq!(revocations.begins_at(&session("other", "d", 20)), 20);
    // A user whose sessions end all the time.
    for _ in 0..100 {
        let begins = revocations.begins_at(&of("e", 20));
        assert!(begins <= 20 + PUT_OFF);
        revocations.revoke_sub("sub", 20, 20);
        assert!(revocations.is_revoked(&of("e", begins)));
    }
}

#[test]
fn a_change_comes_after_what_was_confirmed_before_it() {
    let (a, b) = (session("a", "x", 10), session("b", "x", 10));
    let revocations = bounded(10);
    assert!(revocations.changed_at(&a) < 0);
    revocations.note_change("a", 20);
    assert_eq!(revocations.changed_at(&a), 20);
    assert!(revocations.changed_at(&b) < 0);
    // Claims that were confirmed after it say 21.
    revocations.note_change("a", 20);
    assert_eq!(revocations.changed_at(&a), 21);
    revocations.note_change_of_all(20);
    assert_eq!(
        (revocations.changed_at(&a), revocations.changed_at(&b)),
        (22, 22)
    );
    revocations.note_change("b", 20);
    assert_eq!(
        (revocations.changed_at(&a), revocations.changed_at(&b)),
        (22, 23)
    );
    // Others do not put it off.
    revocations.note_change_of_all(30);
    assert_eq!(revocations.changed_at(&a), 30);
    assert!(!revocations.is_revoked(&a));
    // What is forgotten is known after `claims_max_age` all the same.
    for user in 0..100 {
        revocations.note_change(&format!("user {user}"), 40);
    }
    assert_eq!(revocations.inner.read().unwrap().changed.len(), 10);
}

#[test]
fn a_session_is_not_ended_by_the_id_of_another_kind() {
    let revocations = bounded(10);
    revoke(&revocations, &session("sub", "x", 10), 20);
    assert!(!revocations.is_revoked(&with_sid(session("sub", "y", 10), "x")));
    revocations.revoke_sid("x", None, 20);
    assert!(!revocations.is_revoked(&session("x", "x", 10)));
}

#[test]
fn remembers_until_no_copy_can_live() {
    let revocations = bounded(10);
    let old = session("sub", "a", 10);
    revoke(&revocations, &old, 20);
    revocations.revoke_sid("sid", None, 20);
    let last = 20 + IDLE + CLOCKS_DIFFER;
    revoke(&revocations, &session("other", "b", 30), last);
    assert!(revocations.is_revoked(&old));
    assert!(revocations.is_revoked(&with_sid(session("any", "b", 10), "sid")));
    revoke(&revocations, &session("other", "b", 30), last + 1);
    assert!(!revocations.is_revoked(&old));
    assert!(!revocations.is_revoked(&with_sid(session("any", "b", 10), "sid")));
    let inner = revocations.inner.read().unwrap();
    assert_eq!((inner.users.len(), inner.sids.len()), (1, 0));
}

#[test]
fn ends_of_one_user_beyond_the_limit_stand_for_that_users_older_sessions() {
    let revocations = bounded(10);
    let ended = |at: Seconds| session("sub", &format!("ended {at}"), 100 + at);
    for at in 0..=PER_USER as Seconds {
        revoke(&revocations, &ended(at), 500);
    }
    for at in 0..=PER_USER as Seconds {
        assert!(revocations.is_revoked(&ended(at)), "{at}");
    }
    assert!(revocations.is_revoked(&session("sub", "as old", 100)));
    assert!(!revocations.is_revoked(&session("sub", "younger", 101)));
    assert!(!revocations.is_revoked(&session("other", "as old", 100)));
}

/// Two hundred thousand rounds of one account: it takes no more than one entry, and costs
/// nobody anything.
#[test]
fn one_account_takes_one_entry_however_often_it_signs_out() {
    let revocations = bounded(3);
    let bystander = session("victim", "b", 5);
    for round in 0..200_000 {
        let ended = session("attacker", &round.to_string(), 10 + round / 100);
        revoke(&revocations, &ended, 10 + round / 100);
        assert!(round % 1000 != 0 || revocations.is_revoked(&ended));
    }
    assert!(!revocations.is_revoked(&bystander));
    assert!(revocations.is_revoked(&session("attacker", "199999", 2009)));
    assert!(revocations.is_revoked(&session("attacker", "0", 10)));
    let inner = revocations.inner.read().unwrap();
    assert_eq!((inner.users.len(), inner.sids.len()), (1, 0));
    let user = inner.users.get(revocations.name(Kind::Sub, "attacker"));
    assert!(user.unwrap().some.capacity() <= PER_USER);
    assert!(inner.crowded_out.is_empty());
}

#[test]
fn made_up_sessions_at_the_provider_end_nobodys_and_have_a_bound() {
    let revocations = bounded(1000);
    let bystander = with_sid(session("victim", "b", 5), "victim's");
    for made_up in 0..200_000 {
        revocations.revoke_sid(&format!("made up {made_up}"), None, 10);
    }
    assert!(!revocations.is_revoked(&bystander));
    let newest = with_sid(session("any", "b", 5), "made up 199999");
    assert!(revocations.is_revoked(&newest));
    let inner = revocations.inner.read().unwrap();
    assert_eq!((inner.users.len(), inner.sids.len()), (0, 1000));
}

/// Users beyond the bound: nothing that ended is let in, and of a thousand others, who
/// share a million places with a thousand that are taken, about one is refused.
#[test]
fn at_the_bound_nothing_comes_back_and_hardly_anybody_is_refused() {
    let revocations = bounded(100);
    let ended = |at: i32| session(&format!("user {at}"), "a", 10);
    for at in 0..1100 {
        revoke(&revocations, &ended(at), 20);
    }
    for at in 0..1100 {
        assert!(revocations.is_revoked(&ended(at)), "{at}");
    }
    let others = (0..1000).map(|at| session(&format!("other {at}"), "a", 10));
    let refused = others.filter(|other| revocations.is_revoked(other));
    assert!(
        refused.count() < 15,
        "one is expected, fifteen come in no run"
    );
    assert_eq!(revocations.inner.read().unwrap().users.len(), 100);
    assert!(!revocations.is_revoked(&session("user 0", "later", 11)));
}

#[derive(Clone, Debug)]
enum Act {
    Session(u8, u8),
    Sid(u8),
    Sub(u8),
    SubWithoutSid(u8),
    Wait,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0..6u8, 0..6u8).prop_map(|(user, id)| Act::Session(user, id)),
        1 => (0..6u8).prop_map(Act::Sid),
        1 => (0..6u8).prop_map(Act::Sub),
        1 => (0..6u8).prop_map(Act::SubWithoutSid),
        2 => Just(Act::Wait),
    ]
}

proptest! {
    /// Whatever happens and however small the bound is: what has ended by a name that
    /// belongs to a user is refused until it cannot live any more.
    #[test]
    fn nothing_that_ended_comes_back(acts in prop::collection::vec(act(), 0..60), bound in 1..4usize) {
        let revocations = bounded(bound);
        let sessions: Vec<_> = (0..6u8)
            .flat_map(|user| (0..6u8).map(move |id| (user, id)))
            .map(|(user, id)| {
                let plain = session(&format!("user {user}"), &format!("{user}.{id}"), id.into());
                // Half of them have a `sid`, which is that of all sessions of the user.
                if id % 2 == 0 { plain } else { with_sid(plain, &format!("sid {user}")) }
            })
            .collect();
        let mut ended = HashSet::new();
        let mut now = 10;
        for act in acts {
            let mut all = |of: u8, is: &dyn Fn(&Session) -> bool| {
                for session in sessions.iter().filter(|session| is(session)) {
                    if session.sub == format!("user {of}") {
                        ended.insert(session.id.as_str().to_owned());
                    }
                }
            };
            match act {
                Act::Wait => now += 1,
                Act::Session(user, id) => {
                    let id = format!("{user}.{id}");
                    let session = sessions.iter().find(|session| session.id.as_str() == id);
                    revoke(&revocations, session.unwrap(), now);
                    all(user, &|session| session.id.as_str() == id);
                }
                Act::Sid(user) => {
                    let sub = format!("user {user}");
                    revocations.revoke_sid(&format!("sid {user}"), Some(&sub), now);
                    all(user, &|session| session.sid.is_some());
                }
                Act::Sub(user) => {
                    revocations.revoke_sub(&format!("user {user}"), 2, now);
                    all(user, &|session| session.created_at <= 2);
                }
                Act::SubWithoutSid(user) => {
                    revocations.revoke_sub_without_sid(&format!("user {user}"), 2, now);
                    all(user, &|session| session.sid.is_none() && session.created_at <= 2);
                }
            }
            for session in &sessions {
                let has_ended = ended.contains(session.id.as_str());
                prop_assert!(!has_ended || revocations.is_revoked(session));
            }
        }
    }
}
