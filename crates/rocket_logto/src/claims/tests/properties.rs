//! Whatever JSON a provider sends about a user, it is read and comes back the same.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{round_trip, table};
use crate::claims::{Address, IdTokenClaims, StandardClaims, Timestamp};

fn arbitrary_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        // Shortest decimal and back is exact for serde_json only within this range.
        (-1_000_000_i32..1_000_000).prop_map(|number| json!(f64::from(number) / 4.0)),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(object_key(), inner, 0..4)
                .prop_map(|object| Value::Object(object.into_iter().collect())),
        ]
    })
}

/// Names that mean something inside a claim, and any others.
fn object_key() -> impl Strategy<Value = String> {
    let known = [
        "streetAddress",
        "street_address",
        "postalCode",
        "postal_code",
        "country",
        "userId",
        "details",
        "issuer",
        "identityId",
        "detail",
        "id",
        "name",
        "description",
    ];
    prop_oneof![
        proptest::sample::select(known.to_vec()).prop_map(str::to_owned),
        any::<String>()
    ]
}

/// Any object: names of the table with values of any type, and any other names.
fn arbitrary_claims() -> impl Strategy<Value = Map<String, Value>> {
    let names: Vec<&'static str> = table().into_iter().map(|(name, _, _)| name).collect();
    let name = prop_oneof![
        3 => proptest::sample::select(names).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    btree_map(name, arbitrary_json(), 0..12).prop_map(|claims| claims.into_iter().collect())
}

proptest! {
    #[test]
    fn any_object_with_a_sub_is_read_and_round_trips(
        sub in ".+",
        mut claims in arbitrary_claims(),
    ) {
        claims.insert("sub".into(), json!(sub));
        let read: StandardClaims = round_trip(&Value::Object(claims.clone()));
        prop_assert_eq!(&read.sub, &sub);
        prop_assert!(!read.display_name().is_empty());

        for (name, value) in [("iss", json!("i")), ("aud", json!([])), ("exp", json!(2)), ("iat", json!(1))] {
            claims.insert(name.into(), value);
        }
        let read: IdTokenClaims = round_trip(&Value::Object(claims));
        prop_assert_eq!(&read.sub, &sub);
    }

    #[test]
    fn any_address_round_trips(object in btree_map(object_key(), arbitrary_json(), 0..8)) {
        round_trip::<Address>(&json!(object));
    }

    #[test]
    fn any_number_is_a_timestamp(number in prop_oneof![
        any::<i64>().prop_map(Value::from),
        proptest::num::f64::NORMAL.prop_map(Value::from),
    ]) {
        let timestamp: Timestamp = serde_json::from_value(number.clone()).expect("timestamp");
        if let Some(moment) = timestamp.to_offset_date_time() {
            prop_assert_eq!(moment.unix_timestamp(), timestamp.seconds());
        }
        prop_assert_eq!(serde_json::to_value(&timestamp).expect("number"), number);
    }
}
