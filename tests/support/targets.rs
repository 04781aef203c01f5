//! What tokens are for at the development provider: its API resources and
//! organizations, and a permission of each kind. The benches take this file in
//! as a module of their own.
#![allow(dead_code)]

use rocket_logto::{Organization, ParameterName, PathOrg, Permission, Resource, Within};

pub const SHOPPING: &str = "https://shopping.your-app.com/api";
pub const ORDERS: &str = "https://orders.your-app.com/api";
/// The scope that a user's organizations come with.
pub const ORGANIZATIONS: &str = "urn:logto:scope:organizations";

/// Alice is an admin of Acme and a member of Globex; Bob is in Acme, without a
/// role.
pub const ACME: &str = "acme5obvzg01";
pub const GLOBEX: &str = "globexfrcji1";

pub struct Shopping;

impl Resource for Shopping {
    const INDICATOR: &'static str = SHOPPING;
}

pub struct Orders;

impl Resource for Orders {
    const INDICATOR: &'static str = ORDERS;
    const NAME: Option<&'static str> = Some("Orders");
}

pub struct Acme;

impl ParameterName for Acme {
    const NAME: &'static str = ACME;
}

pub struct Globex;

impl ParameterName for Globex {
    const NAME: &'static str = GLOBEX;
}

/// Of the three models of permission one each.
pub struct Read;

impl Permission for Read {
    type Audience = Shopping;
    const SCOPES: &'static [&'static str] = &["read"];
}

pub struct ViewReports;

impl Permission for ViewReports {
    type Audience = Organization<PathOrg>;
    const SCOPES: &'static [&'static str] = &["view:reports"];
}

pub struct ReadOrders;

impl Permission for ReadOrders {
    type Audience = Within<Orders, PathOrg>;
    const SCOPES: &'static [&'static str] = &["orders:read"];
}
