//! The types inside claims: addresses, timestamps, organizations.

use serde_json::{Value, json};
use time::macros::datetime;

use super::{claims_with, round_trip};
use crate::claims::{Address, Claim, OrganizationData, StandardClaims, Timestamp};

#[test]
fn address_in_both_spellings() {
    let camel_case = json!({"streetAddress": "Musterstr. 1", "postalCode": "10115"});
    let snake_case = json!({"street_address": "Musterstr. 1", "postal_code": "10115"});
    let mixed = json!({"street_address": "Musterstr. 1", "postalCode": "10115"});
    for spelling in [camel_case, snake_case, mixed] {
        let address: Address = round_trip(&spelling);
        assert_eq!(address.street_address.as_deref(), Some("Musterstr. 1"));
        assert_eq!(address.postal_code.as_deref(), Some("10115"));
        assert!(address.extra.is_empty());
        let claims: StandardClaims = round_trip(&claims_with("address", &spelling));
        assert_eq!(claims.address, Claim::Value(address));
    }
}

#[test]
fn address_with_both_spellings_at_once() {
    let address: Address = round_trip(&json!({"postal_code": "1", "postalCode": "2"}));
    assert_eq!(address.postal_code.as_deref(), Some("1"));
    assert_eq!(address.extra["postalCode"], "2");

    let address: Address = round_trip(&json!({"postal_code": 1, "postalCode": "2"}));
    assert_eq!(address.postal_code.as_deref(), Some("2"));
    assert_eq!(address.extra["postal_code"], 1);
}

#[test]
fn address_members_are_absent_null_or_a_value() {
    for name in [
        "formatted",
        "street_address",
        "streetAddress",
        "locality",
        "region",
        "postal_code",
        "postalCode",
        "country",
    ] {
        let null: Address = round_trip(&json!({name: null}));
        let value: Address = round_trip(&json!({name: "text"}));
        let mistyped: Address = round_trip(&json!({name: ["text"], "other": 1}));
        assert!(null.extra.is_empty() && value.extra.is_empty());
        assert_ne!(null, Address::default());
        assert_ne!(null, value);
        assert_eq!(mistyped.extra.len(), 2);
    }
}

#[test]
fn timestamps_in_seconds_and_milliseconds() {
    for (sent, seconds, moment) in [
        (json!(0), 0, datetime!(1970-01-01 0:00 UTC)),
        (json!(-1), -1, datetime!(1969-12-31 23:59:59 UTC)),
        (
            json!(1795333406),
            1795333406,
            datetime!(2026-11-22 07:43:26 UTC),
        ),
        (
            json!(1795333406707_i64),
            1795333406,
            datetime!(2026-11-22 07:43:26.707 UTC),
        ),
        (
            json!(1795333406.5),
            1795333406,
            datetime!(2026-11-22 07:43:26.5 UTC),
        ),
        (
            json!(1795333406.0),
            1795333406,
            datetime!(2026-11-22 07:43:26 UTC),
        ),
        (
            json!(1795333406707.5),
            1795333406,
            datetime!(2026-11-22 07:43:26.7075 UTC),
        ),
        (json!(-0.5), -1, datetime!(1969-12-31 23:59:59.5 UTC)),
        (
            json!(-1795333406707_i64),
            -1795333407,
            datetime!(1913-02-09 16:16:33.293 UTC),
        ),
        (
            json!(99_999_999_999_i64),
            99_999_999_999,
            datetime!(5138-11-16 9:46:39 UTC),
        ),
        (
            json!(99_999_999_999.0),
            99_999_999_999,
            datetime!(5138-11-16 9:46:39 UTC),
        ),
        (
            json!(100_000_000_000_i64),
            100_000_000,
            datetime!(1973-03-03 9:46:40 UTC),
        ),
    ] {
        let timestamp: Timestamp = round_trip(&sent);
        assert_eq!(timestamp.seconds(), seconds, "{sent}");
        assert_eq!(timestamp.to_offset_date_time(), Some(moment), "{sent}");
        assert_eq!(Value::Number(timestamp.as_number().clone()), sent);
    }
    assert_eq!(Timestamp::from(1795333406707).seconds(), 1795333406);
}

#[test]
fn timestamps_out_of_all_bounds() {
    for (sent, seconds) in [
        (json!(i64::MAX), i64::MAX / 1000),
        (json!(u64::MAX), (u64::MAX / 1000) as i64),
        (json!(i64::MIN), i64::MIN.div_euclid(1000)),
        (json!(f64::MAX), i64::MAX),
        (json!(f64::MIN), i64::MIN),
    ] {
        let timestamp: Timestamp = round_trip(&sent);
        assert_eq!(timestamp.seconds(), seconds, "{sent}");
        assert_eq!(timestamp.to_offset_date_time(), None, "{sent}");
    }
}

#[test]
fn organization_data_stands_alone() {
    let organization: OrganizationData =
        round_trip(&json!({"id": "a", "name": "A", "description": null, "logo": 1}));
    assert!(organization.description.is_null());
    assert_eq!(organization.extra["logo"], 1);
}
