use super::*;

fn texts(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_stronger_class_is_enough_and_a_weaker_one_is_not() {
    let logto = texts(&LOGTO_ORDER);
    let (one, mfa) = (logto_acr::ONE_FACTOR, logto_acr::MFA);
    for (acr, wanted, enough) in [
        (mfa, &[mfa][..], true),
        (mfa, &[one], true),
        (one, &[one], true),
        (one, &[mfa], false),
        (one, &[mfa, one], true),
        // Of another provider, so neither stronger nor weaker.
        ("urn:mfa", &[one], false),
        (mfa, &["urn:pwd"], false),
        ("urn:pwd", &["urn:pwd"], true),
    ] {
        let is_enough = is_enough(acr, &texts(wanted), &logto);
        assert_eq!(is_enough, enough, "{acr} for {wanted:?}");
    }
}

#[test]
fn classes_are_names_and_no_numbers() {
    let order = texts(&["0", "1", "2", "10"]);
    assert!(is_enough("10", &texts(&["2"]), &order));
    assert!(!is_enough("2", &texts(&["10"]), &order));
    for (acr, wanted) in [
        ("9", "1"),
        ("1.0", "1"),
        ("01", "1"),
        ("", "1"),
        ("MFA", "mfa"),
        ("urn:mfa:weak", "urn:mfa"),
        ("urn:mfa", "urn:mfa:strong"),
        ("urn:pwd urn:mfa", "urn:mfa"),
    ] {
        assert!(
            !is_enough(acr, &texts(&[wanted]), &order),
            "{acr} for {wanted}"
        );
        assert!(
            !is_enough(acr, &texts(&[wanted]), &[]),
            "{acr} for {wanted}"
        );
    }
    // Without an order each stands for itself.
    assert!(!is_enough(
        logto_acr::MFA,
        &texts(&[logto_acr::ONE_FACTOR]),
        &[]
    ));
}

#[test]
fn what_no_sign_in_could_meet_has_a_fault() {
    let tolerance = Duration::from_secs(5);
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    let long: &[&str] = &["urn:example:a-name-of-sixty-four-characters-that-is-repeated-here"; 8];
    for (demand, fault) in [
        (Authentication::ANY, Some("asks for nothing")),
        (
            Authentication::new(seconds(4), &[], &[]),
            Some("expires before"),
        ),
        (Authentication::new(seconds(5), &[], &[]), None),
        (Authentication::new(None, &["a b"], &[]), Some("ACR_VALUES")),
        (Authentication::new(None, &[""], &[]), Some("ACR_VALUES")),
        (Authentication::new(None, long, &[]), Some("ACR_VALUES")),
        (Authentication::new(None, &["a"], &[]), None),
        (Authentication::new(None, &[], &["otp mfa"]), Some("AMR")),
        (Authentication::new(None, &[], &["otp", "mfa"]), None),
    ] {
        let found = demand.fault(tolerance);
        match fault {
            Some(fault) => assert!(
                found.is_some_and(|found| found.contains(fault)),
                "{demand:?}"
            ),
            None => assert_eq!(found, None, "{demand:?}"),
        }
    }
    let forever = Authentication::new(Some(Duration::MAX), &[], &[]);
    assert_eq!(
        (forever.fault(tolerance), forever.seconds()),
        (None, Some(u32::MAX))
    );
}
