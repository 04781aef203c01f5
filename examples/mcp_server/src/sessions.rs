//! Sessions of the protocol. They are no sign-in: every request brings its token. A session is
//! its user's alone, and is looked for among theirs only, so that an id that gets about opens
//! nothing for anybody else.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A user's assistants, each in some windows. The one that is not used for longest goes: its
/// client gets 404, and begins again.
pub const PER_USER: usize = 16;

/// Users with sessions at a time.
const USERS: usize = 10_000;

/// Without a request.
pub const IDLE: Duration = Duration::from_secs(60 * 60);

struct Session {
    id: String,
    used: Instant,
}

impl Session {
    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.used) >= IDLE
    }
}

/// By the user's `sub`. In the memory of one process: where there are several, they share a
/// store, or a load balancer that goes by `Mcp-Session-Id`.
#[derive(Default)]
pub struct Sessions(Mutex<HashMap<String, Vec<Session>>>);

impl Sessions {
    /// Begins one. `None` where there are as many users as there is room for.
    pub fn begin(&self, sub: &str, now: Instant) -> Option<String> {
        let id = random_id()?;
        let mut users = self.users();
        if users.len() >= USERS && !users.contains_key(sub) {
            users.retain(|_, sessions| {
                sessions.retain(|session| !session.is_over(now));
                !sessions.is_empty()
            });
            if users.len() >= USERS {
                return None;
            }
        }
        let sessions = users.entry(sub.to_owned()).or_default();
        sessions.retain(|session| !session.is_over(now));
        if sessions.len() >= PER_USER {
            let oldest = sessions.iter().enumerate().min_by_key(|(_, s)| s.used);
            if let Some((oldest, _)) = oldest {
                sessions.swap_remove(oldest);
            }
        }
        let session = Session {
            id: id.clone(),
            used: now,
        };
        sessions.push(session);
        Some(id)
    }

    /// Whether this user has such a session, which is then in use.
    pub fn go_on(&self, sub: &str, id: &str, now: Instant) -> bool {
        let mut users = self.users();
        let sessions = users.get_mut(sub).into_iter().flatten();
        let session = sessions
            .filter(|session| !session.is_over(now))
            .find(|session| session.id == id);
        session.map(|session| session.used = now).is_some()
    }

    pub fn end(&self, sub: &str, id: &str) {
        let mut users = self.users();
        if let Some(sessions) = users.get_mut(sub) {
            sessions.retain(|session| session.id != id);
            if sessions.is_empty() {
                users.remove(sub);
            }
        }
    }

    fn users(&self) -> MutexGuard<'_, HashMap<String, Vec<Session>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// 256 bits in visible ASCII.
fn random_id() -> Option<String> {
    let mut bytes = [0_u8; 32];
    aws_lc_rs::rand::fill(&mut bytes).ok()?;
    Some(bytes.iter().fold(String::new(), |mut id, byte| {
        let _ = write!(id, "{byte:02x}");
        id
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_its_users_alone() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let id = sessions.begin("ada", now).unwrap();
        assert!(sessions.go_on("ada", &id, now));
        assert!(!sessions.go_on("bob", &id, now));
        sessions.end("bob", &id);
        assert!(sessions.go_on("ada", &id, now));
        sessions.end("ada", &id);
        assert!(!sessions.go_on("ada", &id, now));
        assert!(sessions.users().is_empty());
    }

    #[test]
    fn it_ends_when_nobody_uses_it() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let id = sessions.begin("ada", now).unwrap();
        let almost = now + IDLE - Duration::from_secs(1);
        assert!(sessions.go_on("ada", &id, almost));
        assert!(sessions.go_on("ada", &id, almost + IDLE - Duration::from_secs(1)));
        assert!(!sessions.go_on("ada", &id, almost + 2 * IDLE));
    }

    #[test]
    fn of_many_the_one_that_is_used_least_goes() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let at = |seconds| now + Duration::from_secs(seconds);
        let ids: Vec<_> = (0..PER_USER)
            .map(|n| sessions.begin("ada", at(n as u64)).unwrap())
            .collect();
        let of_bob = sessions.begin("bob", now).unwrap();
        assert!(sessions.go_on("ada", &ids[0], at(100)));
        let last = sessions.begin("ada", at(101)).unwrap();
        assert!(!sessions.go_on("ada", &ids[1], at(102)), "the oldest");
        for id in ids.iter().enumerate().filter(|(n, _)| *n != 1) {
            assert!(sessions.go_on("ada", id.1, at(103)));
        }
        assert!(sessions.go_on("ada", &last, at(103)));
        assert!(sessions.go_on("bob", &of_bob, at(103)));
    }

    #[test]
    fn there_is_room_for_so_many_users_and_no_more() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        for n in 0..USERS {
            assert!(sessions.begin(&n.to_string(), now).is_some());
        }
        assert_eq!(sessions.begin("one more", now), None);
        assert!(
            sessions.begin("0", now).is_some(),
            "who has one may begin another"
        );
        // An hour later nobody is there any more.
        assert!(sessions.begin("one more", now + IDLE).is_some());
        assert_eq!(sessions.users().len(), 1);
    }
}
