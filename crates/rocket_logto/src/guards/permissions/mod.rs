//! Several permissions at once: a tuple of them is one.

use super::bearer::Permission;
use crate::authentication::Authentication;

/// More names than an operation has.
const MOST: usize = 32;

/// A list that is made while the app is compiled.
struct Names {
    names: [&'static str; MOST],
    count: usize,
}

impl Names {
    const fn of_both(first: &[&'static str], second: &[&'static str]) -> Names {
        let names = Names {
            names: [""; MOST],
            count: 0,
        };
        names.and(first).and(second)
    }

    /// Also these, each once.
    const fn and(mut self, more: &[&'static str]) -> Names {
        let mut at = 0;
        while at < more.len() {
            if !contains(self.as_slice(), more[at]) {
                assert!(
                    self.count < MOST,
                    "more than 32 names are demanded together"
                );
                self.names[self.count] = more[at];
                self.count += 1;
            }
            at += 1;
        }
        self
    }

    const fn as_slice(&self) -> &[&'static str] {
        self.names.split_at(self.count).0
    }
}

const fn contains(names: &[&str], name: &str) -> bool {
    let mut at = 0;
    while at < names.len() {
        if is_same(names[at], name) {
            return true;
        }
        at += 1;
    }
    false
}

const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// What both ask for.
const fn of_both(
    first: &Authentication,
    second: &Authentication,
    amr: &'static [&'static str],
) -> Authentication {
    let max_age = match (first.max_age, second.max_age) {
        (Some(one), Some(other)) if one.as_nanos() < other.as_nanos() => Some(one),
        (Some(_), Some(other)) => Some(other),
        (Some(one), None) => Some(one),
        (None, other) => other,
    };
    let acr_values = match (first.acr_values, second.acr_values) {
        ([], values) => values,
        (values, []) => values,
        (one, other) => {
            let is_both = Names::of_both(one, other).count == one.len() && one.len() == other.len();
            // A list means any of them. No list means one of these and one of those.
            assert!(
                is_both,
                "permissions with different ACR_VALUES cannot be demanded together: write one \
                 permission that says which is good enough"
            );
            one
        }
    };
    Authentication::new(max_age, acr_values, amr)
}

/// The names of two permissions, as constants that live for ever.
struct Both<A, B>(std::marker::PhantomData<(A, B)>);

impl<A: Permission, B: Permission> Both<A, B> {
    const SCOPES: &'static Names = &Names::of_both(A::SCOPES, B::SCOPES);
    const AMR: &'static Names = &Names::of_both(A::AUTHENTICATION.amr, B::AUTHENTICATION.amr);
}

impl<A, B> Permission for (A, B)
where
    A: Permission,
    B: Permission<Audience = A::Audience>,
{
    type Audience = A::Audience;
    const SCOPES: &'static [&'static str] = Both::<A, B>::SCOPES.as_slice();
    const AUTHENTICATION: Authentication = of_both(
        &A::AUTHENTICATION,
        &B::AUTHENTICATION,
        Both::<A, B>::AMR.as_slice(),
    );
}

impl<A, B, C> Permission for (A, B, C)
where
    A: Permission,
    B: Permission<Audience = A::Audience>,
    C: Permission<Audience = A::Audience>,
{
    type Audience = A::Audience;
    const SCOPES: &'static [&'static str] = <((A, B), C)>::SCOPES;
    const AUTHENTICATION: Authentication = <((A, B), C)>::AUTHENTICATION;
}

#[cfg(test)]
mod tests;
