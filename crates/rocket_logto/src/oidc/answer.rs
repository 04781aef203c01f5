//! Reads the provider's responses, for all endpoints that answer in JSON: a
//! success, an error body, or nothing usable.

use openidconnect::http::{Response, StatusCode, header};
use serde::de::DeserializeOwned;

use super::error::{Sent, TokenError, TokenErrorBody};
use super::{object, without_bom};

/// The response to `what`, if its status is one of a success; otherwise the error
/// body that came with it (RFC 6749 section 5.2), with any status.
pub(super) fn success(
    what: &str,
    statuses: &[StatusCode],
    response: Response<Vec<u8>>,
) -> Result<Response<Vec<u8>>, TokenError> {
    let status = response.status();
    if statuses.contains(&status) {
        return Ok(response);
    }
    let unusable = TokenError::Malformed(format!("{what} answered {status}"));
    Err(denied_or(&response, unusable))
}

/// The error that a response tells, whatever its status and content type.
pub(super) fn refusal(response: &Response<Vec<u8>>) -> Option<TokenErrorBody> {
    let body = object::<TokenErrorBody>(response.body()).ok();
    let body = body.filter(|body| !body.error.is_empty());
    let challenge = || {
        let header = response.headers().get(header::WWW_AUTHENTICATE)?;
        let refused = response.status() == StatusCode::UNAUTHORIZED;
        TokenErrorBody::in_challenge(header.to_str().ok().filter(|_| refused)?)
    };
    let body = body.or_else(challenge)?;
    let sent = response.extensions().get::<Sent>();
    Some(body.answering(response.status().as_u16(), sent))
}

fn denied_or(response: &Response<Vec<u8>>, otherwise: TokenError) -> TokenError {
    refusal(response).map_or(otherwise, |body| TokenError::Denied(Box::new(body)))
}

/// The JSON object in a success.
pub(super) fn json<T: DeserializeOwned>(response: &Response<Vec<u8>>) -> Result<T, TokenError> {
    let unusable = |what: String| denied_or(response, TokenError::Malformed(what));
    if !is_json(response) || without_bom(response.body()).is_empty() {
        return Err(unusable("empty, or not application/json".into()));
    }
    object(response.body()).map_err(|error| unusable(error.to_string()))
}

/// Whether the response says so.
fn is_json(response: &Response<Vec<u8>>) -> bool {
    let media_type = response.headers().get(header::CONTENT_TYPE);
    media_type.is_none_or(|media_type| {
        let media_type = media_type.to_str().unwrap_or_default();
        media_type
            .to_ascii_lowercase()
            .starts_with("application/json")
    })
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Wanted {
        access_token: String,
    }

    fn response(status: StatusCode, media_type: Option<&str>, body: &str) -> Response<Vec<u8>> {
        let mut response = Response::new(body.as_bytes().to_vec());
        *response.status_mut() = status;
        if let Some(media_type) = media_type {
            let value = media_type.parse().expect("a header");
            response.headers_mut().insert(header::CONTENT_TYPE, value);
        }
        response
    }

    fn read(media_type: Option<&str>, body: &str) -> Result<Wanted, TokenError> {
        json(&response(StatusCode::OK, media_type, body))
    }

    #[test]
    fn the_reason_names_the_member_and_no_value() {
        let good = r#"{"access_token":"canary"}"#;
        for media_type in [
            None,
            Some("application/json"),
            Some("Application/JSON; x=y"),
        ] {
            let read = read(media_type, good).expect("a token");
            assert_eq!(read.access_token, "canary");
        }
        let cases = [
            (Some("text/html"), good, "empty, or not application/json"),
            (None, "", "empty, or not application/json"),
            (None, r#"["canary"]"#, "not a JSON object"),
            (None, r#"{"canary"}"#, r#"at ".""#),
            (None, "{}", r#"without "access_token""#),
            (None, r#"{"access_token":7}"#, r#"at "access_token""#),
            (None, r#"{"access_token":"canary"#, r#"at "access_token""#),
            (
                None,
                r#"{"access_token":"canary"}x"#,
                "more than a JSON object",
            ),
        ];
        for (media_type, body, reason) in cases {
            let error = read(media_type, body).expect_err(body);
            assert_eq!(error, TokenError::Malformed(reason.into()), "{body}");
        }
    }

    #[test]
    fn an_error_body_counts_in_any_status() {
        let read = |status: u16, body: &str| {
            let status = StatusCode::from_u16(status).expect("a status");
            success("question", &[StatusCode::OK], response(status, None, body))
                .map(drop)
                .map_err(|error| error.to_string())
        };
        let error = r#"{"error":"invalid_client"}"#;
        assert_eq!(read(200, error), Ok(()));
        for status in [201, 204, 400, 401, 404] {
            assert_eq!(
                read(status, error),
                Err("invalid_client".into()),
                "{status}"
            );
        }
        let unusable = "unusable answer: question answered 404 Not Found";
        for body in ["", "<html>", "[]", "{}", r#"["invalid_client"]"#] {
            assert_eq!(read(404, body), Err(unusable.into()), "{body}");
        }
    }
}
