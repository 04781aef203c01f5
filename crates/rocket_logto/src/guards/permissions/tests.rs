//! What tuples of permissions demand.

use std::time::Duration;

use super::*;
use crate::guards::access_token::Resource;

struct Api;
impl Resource for Api {
    const INDICATOR: &'static str = "https://a.example";
}

struct Read;
impl Permission for Read {
    type Audience = Api;
    const SCOPES: &'static [&'static str] = &["read"];
    const AUTHENTICATION: Authentication =
        Authentication::new(Some(Duration::from_secs(60)), &[], &["pwd"]);
}

struct Write;
impl Permission for Write {
    type Audience = Api;
    const SCOPES: &'static [&'static str] = &["write", "read"];
    const AUTHENTICATION: Authentication =
        Authentication::new(Some(Duration::from_secs(30)), &["gold"], &["otp", "pwd"]);
}

struct Delete;
impl Permission for Delete {
    type Audience = Api;
    const SCOPES: &'static [&'static str] = &["delete"];
}

#[test]
fn a_tuple_demands_what_its_parts_do() {
    assert_eq!(<(Read, Write)>::SCOPES, ["read", "write"]);
    assert_eq!(<(Write, Delete, Read)>::SCOPES, ["write", "read", "delete"]);
    assert_eq!(<(Delete, Delete)>::AUTHENTICATION, Authentication::ANY);
    let of_all = <(Read, Write, Delete)>::AUTHENTICATION;
    let expected = Authentication::new(Some(Duration::from_secs(30)), &["gold"], &["pwd", "otp"]);
    assert_eq!(of_all, expected);
    assert_eq!(<(Write, Read)>::AUTHENTICATION.max_age, expected.max_age);
}
