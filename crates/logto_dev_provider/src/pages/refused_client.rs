//! What to say of a refused request of a client that describes itself.

use super::layout::escape;
use super::users::uris;
use crate::clients::is_document_url;
use crate::oidc_error::OidcError;
use crate::provider::Provider;
use crate::wire::first;

/// What would have been right, and what to do; `None` for the application of the settings,
/// and for who is nobody at all.
pub(super) fn advice(
    provider: &Provider,
    params: &[(String, String)],
    error: &OidcError,
) -> Option<(String, String)> {
    let id = first(params, "client_id")?;
    let found = provider.client(id).ok();
    if let Some(client) = found.filter(|client| client.is_third_party()) {
        let known = client.own_redirect_uris();
        let known = match error.error {
            "invalid_redirect_uri" => uris(known, false),
            _ => return None,
        };
        let expected = format!("<dt>redirect_uri</dt><dd>{known}</dd>");
        let place = match is_document_url(id) {
            true => "in the document at its <code>client_id</code>",
            false => "when it registers",
        };
        let advice = format!(
            "<p>The client names its addresses itself, in <code>redirect_uris</code> {place}. Of \
             <code>http</code> addresses on this machine any port is taken; the rest has to be the \
             same.</p>"
        );
        return Some((expected, advice));
    }
    if !is_document_url(id) {
        return None;
    }
    let expected = "<dt>client_id</dt><dd>the id of the application, or the address of a document \
                    that describes a client: <code>https</code>, or on this machine <code>http</code>\
                    </dd><dt>The document</dt><dd>JSON of at most 5 kilobytes, with \
                    <code>client_id</code> (its own address, to the letter), \
                    <code>client_name</code>, <code>redirect_uris</code> and \
                    <code>token_endpoint_auth_method</code> (<code>none</code> or \
                    <code>private_key_jwt</code>)</dd>";
    let own = escape(&provider.settings.client_id);
    let advice = format!(
        "<p>Mend the document, and start the sign-in again: it is fetched anew. Where you meant your \
         own application, its <code>client_id</code> is <code>{own}</code>.</p>"
    );
    Some((expected.into(), advice))
}
