//! The pretended second factor.

use super::layout::{escape, form_target, hidden, page, place};
use crate::auth_request::AuthRequest;
use crate::seed::SeedUser;
use crate::wire::Reply;

pub(crate) fn second_factor(interaction: &str, auth: &AuthRequest, user: &SeedUser) -> Reply {
    let origin = place(&auth.redirect_uri);
    let main = format!(
        r#"<h1>Pretended second factor</h1>
<p><b>{origin}</b> asks for a stronger sign-in of <b>{user}</b>. At Logto, this is where a code from
an app or a passkey is asked for.</p>
<form method="post" action="/second-factor">
{interaction}
<div class="row">
<button class="primary" name="action" value="accept" autofocus>Use the second factor</button>
<button class="plain" name="action" value="none">I have none</button>
</div>
</form>
<p class="hint">The first button gives <code>acr=urn:logto:acr:mfa</code>. The second one goes back with
<code>error=unmet_authentication_requirements</code>, as for every user of the seed with
<code>second_factor = false</code>.</p>"#,
        origin = escape(&origin),
        user = escape(user.label()),
        interaction = hidden("interaction", interaction),
    );
    let target = form_target(&auth.redirect_uri);
    page(200, "Second factor", &main, &target, None)
}
