//! What a caller's token must allow. Several permissions at once, as a tuple, are one.

use rocket::{Phase, Rocket};

use super::audience::BearerAudience;
use crate::authentication::Authentication;
use crate::service::LogtoService;

/// What a token must allow: the parameter of [`Bearer`](crate::Bearer) and of
/// [`MachineToken`](crate::MachineToken).
///
/// Logto's three permission models differ in the audience:
///
/// | model | `type Audience` | the token must have |
/// |---|---|---|
/// | global API resource | a [`Resource`](crate::Resource) | `aud` = its indicator, and no organization |
/// | organization permissions | [`Organization<Id>`](crate::Organization) | `aud` = `urn:logto:organization:<id>` |
/// | API resource within an organization | [`Within<R, Id>`](crate::Within) | `aud` = the indicator of `R`, `organization_id` = the id |
///
/// # Examples
///
/// ```rust
/// use rocket_logto::{Permission, Resource};
///
/// struct Shopping;
/// impl Resource for Shopping {
///     const INDICATOR: &'static str = "https://shopping.your-app.com/api";
/// }
///
/// struct ReadCart;
/// impl Permission for ReadCart {
///     type Audience = Shopping;
///     const SCOPES: &'static [&'static str] = &["read"];
/// }
/// ```
///
/// Two or three permissions for one audience are a permission, too:
/// `Bearer<(ReadCart, WriteCart)>` demands both, and its refusal tells both.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what a caller must be allowed to do",
    label = "no `Permission`",
    note = "write `impl Permission for {Self} {{ type Audience = Shopping; const SCOPES: &'static [&'static str] = &[\"read\"]; }}`, where `Shopping` is a `Resource`"
)]
pub trait Permission: Send + Sync + 'static {
    /// What the token must be for.
    type Audience: BearerAudience;
    /// The scopes it must have, every one of them.
    const SCOPES: &'static [&'static str];
    /// How its user must have authenticated: nothing is demanded unless this says so. A
    /// [`StepUpPolicy`](crate::StepUpPolicy) says it, the same as for pages. The token must then
    /// carry `acr`, `amr` or `auth_time`, whichever it takes: Logto's do since 1.42. Those of
    /// machines never do.
    ///
    /// ```rust
    /// use std::time::Duration;
    /// use rocket_logto::{Authentication, Permission, StepUpPolicy, logto_acr};
    ///
    /// # use rocket_logto::Resource;
    /// # struct Shopping;
    /// # impl Resource for Shopping {
    /// #     const INDICATOR: &'static str = "https://shopping.your-app.com/api";
    /// # }
    /// struct SecondFactor;
    /// impl StepUpPolicy for SecondFactor {
    ///     const ACR_VALUES: &'static [&'static str] = &[logto_acr::MFA];
    ///     const MAX_AGE: Option<Duration> = Some(Duration::from_secs(300));
    /// }
    ///
    /// struct Order;
    /// impl Permission for Order {
    ///     type Audience = Shopping;
    ///     const SCOPES: &'static [&'static str] = &["write"];
    ///     const AUTHENTICATION: Authentication = Authentication::of::<SecondFactor>();
    /// }
    /// ```
    const AUTHENTICATION: Authentication = Authentication::ANY;
    /// Whether the token must be bound to a key of the caller's, and come with a proof of it
    /// (DPoP, RFC 9449): a token that somebody else has got hold of is then of no use. Of all
    /// permissions at once, `bearer_requires_dpop` says it. A token that is bound needs its
    /// proof in any case.
    ///
    /// ```rust
    /// use rocket_logto::Permission;
    ///
    /// # use rocket_logto::Resource;
    /// # struct Shopping;
    /// # impl Resource for Shopping {
    /// #     const INDICATOR: &'static str = "https://shopping.your-app.com/api";
    /// # }
    /// struct Pay;
    /// impl Permission for Pay {
    ///     type Audience = Shopping;
    ///     const SCOPES: &'static [&'static str] = &["pay"];
    ///     const REQUIRES_DPOP: bool = true;
    /// }
    /// ```
    const REQUIRES_DPOP: bool = false;
}

/// Tells the metadata of the API resource what this app demands; whether that was new.
pub(crate) fn declare<P: Permission, Stage: Phase>(rocket: &Rocket<Stage>) -> bool {
    let indicator = P::Audience::resource(rocket);
    let (Some(logto), Some(indicator)) = (rocket.state::<LogtoService>(), indicator) else {
        return false;
    };
    let name = P::Audience::NAME;
    logto.resources().declare(&indicator, name, P::SCOPES)
}

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
    const REQUIRES_DPOP: bool = A::REQUIRES_DPOP || B::REQUIRES_DPOP;
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
    const REQUIRES_DPOP: bool = <((A, B), C)>::REQUIRES_DPOP;
}

#[cfg(test)]
mod tests;
