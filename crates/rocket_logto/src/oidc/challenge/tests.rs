use super::*;

const ERROR: &str = r#"error="insufficient_user_authentication""#;

fn parsed(header: &str) -> Option<StepUpChallenge> {
    StepUpChallenge::parse([header])
}

/// `max_age`, and `acr_values` in one.
fn demand(header: &str) -> Option<(Option<u32>, String)> {
    let challenge = parsed(header)?;
    let values: Vec<_> = challenge.acr_values().collect();
    Some((challenge.max_age(), values.join(" ")))
}

/// Those of RFC 9470 section 3.
#[test]
fn reads_the_examples_of_the_standard() {
    let acr = "Bearer error=\"insufficient_user_authentication\",\
        error_description=\"A different authentication level is required\",\
        acr_values=\"myACR\"";
    assert_eq!(demand(acr), Some((None, "myACR".into())));
    let description = parsed(acr).and_then(|challenge| challenge.description().map(str::to_owned));
    assert_eq!(
        description.as_deref(),
        Some("A different authentication level is required")
    );
    let age = "Bearer error=\"insufficient_user_authentication\",\
        error_description=\"More recent authentication is required\", max_age=\"5\"";
    assert_eq!(demand(age), Some((Some(5), String::new())));
}

#[test]
fn reads_what_stands_in_a_list_of_challenges() {
    let five = Some((Some(5), String::new()));
    for header in [
        format!("Bearer {ERROR}, max_age=5"),
        format!("bEARER {ERROR} , MAX_AGE = \"5\""),
        format!("DPoP algs=\"ES256 PS256\", {ERROR}, max_age=5"),
        format!("Basic realm=\"a, Bearer \\\"x\\\"\", Bearer {ERROR}, max_age=5"),
        format!("Negotiate YWJj==, Bearer {ERROR}, max_age=5"),
        format!("Negotiate, Bearer max_age=5,,, {ERROR}, Digest qop=\"auth\", nonce=n"),
        format!(",, Bearer realm=\"\", {ERROR},\tmax_age=\"\\5\","),
        "Bearer error=insufficient_user_authentication, max_age=5, x=\"\\\\\"".to_owned(),
        // Two of them: the first one that can be relied on.
        format!("Bearer {ERROR}, max_age=soon, Bearer {ERROR}, max_age=5"),
    ] {
        assert_eq!(demand(&header), five, "{header}");
    }
    let acr = format!("Bearer {ERROR}, acr_values=\" a  b \"");
    assert_eq!(demand(&acr), Some((None, "a b".into())));
    assert_eq!(
        demand(&format!("Bearer {ERROR}")),
        Some((None, String::new()))
    );
}

#[test]
fn finds_no_challenge_where_none_can_be_relied_on() {
    let long = format!(
        "Bearer {ERROR}, acr_values=\"{}\"",
        "a".repeat(MAX_ACR_VALUES + 1)
    );
    for header in [
        "",
        "Bearer",
        "Bearer error=\"invalid_token\", max_age=5",
        "Bearer error=\"insufficient_user_authentication_x\"",
        "Bearer error=\"Insufficient_User_Authentication\"",
        "Bearer error_description=\"insufficient_user_authentication\"",
        "Basic error=\"insufficient_user_authentication\"",
        "error=\"insufficient_user_authentication\"",
        "Bearer realm=\"error=\\\"insufficient_user_authentication\\\"\"",
        "Bearer realm=\", Bearer error=insufficient_user_authentication\"",
        "Basic realm=\"\\\", Bearer error=insufficient_user_authentication, x=\"y\"",
        "Bearer error=\"insufficient_user_authentication",
        "Bearer error=\"insufficient_user_authentication\\",
        "Bearer error=\"insufficient_user_authentication\"x",
        "Bearer error=\"insufficient_user_authentication\" max_age=5",
        "Bearer error=\"insufficient_user_authentication\", max_age=-1",
        "Bearer error=\"insufficient_user_authentication\", max_age=+1",
        "Bearer error=\"insufficient_user_authentication\", max_age=\"\"",
        "Bearer error=\"insufficient_user_authentication\", max_age=5.0",
        "Bearer error=\"insufficient_user_authentication\", max_age=4294967296",
        "Bearer error=\"insufficient_user_authentication\", max_age=5, Max_Age=6",
        "Bearer error=\"insufficient_user_authentication\", error=\"x\"",
        "Bearer error=\"insufficient_user_authentication\", acr_values=\"a\tb\"",
        "Bearer error=\"insufficient_user_authentication\", acr_values=\"\u{fc}\"",
        "Bearer error=\"insufficient_user_authentication\", acr_values=\"a\nb\"",
        "Bearer=x, error=\"insufficient_user_authentication\"",
        "Bearer\terror=\"insufficient_user_authentication\"",
        "\"Bearer\" error=\"insufficient_user_authentication\"",
        &long,
    ] {
        assert_eq!(parsed(header), None, "{header}");
    }
}

#[test]
fn looks_at_all_headers_of_the_name_up_to_a_limit() {
    let ours = format!("Bearer {ERROR}, max_age=5");
    let headers = |filler: &str| {
        [
            ("date", ours.clone()),
            ("WWW-Authenticate", "Basic realm=\"".to_owned()),
            ("www-authenticate", filler.to_owned()),
            ("www-Authenticate", ours.clone()),
        ]
    };
    let found = StepUpChallenge::from_headers(headers("Negotiate"));
    assert_eq!(found.and_then(|found| found.max_age()), Some(5));
    let endless = headers(&"x".repeat(MAX_LENGTH));
    assert_eq!(StepUpChallenge::from_headers(endless), None);
    let bytes: [(&str, &[u8]); 2] = [
        ("www-authenticate", b"Bearer realm=\"\xff\""),
        ("www-authenticate", ours.as_bytes()),
    ];
    assert!(StepUpChallenge::from_headers(bytes).is_some());
    assert_eq!(StepUpChallenge::from_headers([("x", &ours)]), None);
}
