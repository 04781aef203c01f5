//! From one factor to two: what a user does who signs in as a demand (`acr_values`) wants it.

use crate::acr::{self, Demand, Level};
use crate::auth_request::AuthRequest;
use crate::authorize::{Buttons, begin, respond_error, sign_in, stage_under_way, tell};
use crate::crypto::random_token;
use crate::pages;
use crate::provider::Provider;
use crate::store::{FirstFactor, Stage};
use crate::wire::{Received, Reply};

/// The page of the second factor; at once the error, for a user who has none.
pub(crate) fn ask_second_factor(
    provider: &Provider,
    auth: AuthRequest,
    first_factor: FirstFactor,
) -> Reply {
    let user = provider.seed().user(&first_factor.user).cloned();
    let Some(user) = user.filter(|user| user.second_factor) else {
        return respond_error(provider, &auth, &acr::not_obtained());
    };
    // Another one than that of the sign-in page, which the back button leads to.
    let interaction = random_token();
    let page = pages::second_factor(&interaction, &auth, &user);
    begin(
        provider,
        interaction,
        auth,
        Stage::SecondFactor(first_factor),
    );
    page
}

/// The second factor's form.
pub(crate) fn second_factor(provider: &Provider, request: &Received) -> Reply {
    let id = request.form_value("interaction");
    let (auth, stage) = match stage_under_way(provider, id) {
        Ok(found) => found,
        Err(refusal) => return refusal,
    };
    let Stage::SecondFactor(first_factor) = stage else {
        let text = "This sign-in has not come as far as the second factor.";
        return pages::error(400, "First things first", text);
    };
    let has_one = {
        let seed = provider.seed();
        let user = seed.user(&first_factor.user);
        user.is_some_and(|user| user.second_factor)
    };
    if request.form_value("action") != Some("accept") || !has_one {
        return respond_error(provider, &auth, &acr::not_obtained());
    }
    let id = id.unwrap_or_default();
    complete(provider, &auth, &first_factor, Level::Mfa, id).unwrap_or_else(pages::no_such_user)
}

/// Signs in who has come through the pages, and tells the webhook.
fn complete(
    provider: &Provider,
    auth: &AuthRequest,
    first_factor: &FirstFactor,
    level: Level,
    interaction: &str,
) -> Option<Reply> {
    let FirstFactor {
        user,
        auth_time,
        event,
    } = first_factor;
    let reply = sign_in(provider, auth, user, *auth_time, level, Buttons::Shown)?;
    tell(provider, event, user, interaction);
    Some(reply)
}

/// Somebody has authenticated by one factor: the answer to the client, or the page of the
/// second factor, if it takes one. `None` when the user may not sign in. With the id of the
/// interaction and what webhooks call it.
pub(crate) fn by_first_factor(
    provider: &Provider,
    auth: AuthRequest,
    user: &str,
    (interaction, event): (&str, &'static str),
) -> Option<Reply> {
    let demand = Demand::of(&auth).unwrap_or_default();
    let first_factor = FirstFactor {
        user: user.to_owned(),
        auth_time: provider.now(),
        event,
    };
    match demand.is_some_and(|demand| demand.takes_second_factor()) {
        true => {
            provider.seed().user(user).filter(|user| !user.suspended)?;
            Some(ask_second_factor(provider, auth, first_factor))
        }
        false => complete(
            provider,
            &auth,
            &first_factor,
            Level::OneFactor,
            interaction,
        ),
    }
}

/// The answer for a user who presses all buttons that it takes, and has them.
pub(crate) fn press_all(
    provider: &Provider,
    auth: &AuthRequest,
    first_factor: &FirstFactor,
    demand: Option<&Demand>,
) -> Option<Reply> {
    let FirstFactor {
        user, auth_time, ..
    } = first_factor;
    let takes_second = demand.is_some_and(Demand::takes_second_factor);
    let has_second = provider.seed().user(user)?.second_factor;
    let pressed = |level| sign_in(provider, auth, user, *auth_time, level, Buttons::Pressed);
    match (takes_second, has_second) {
        (true, false) => Some(respond_error(provider, auth, &acr::not_obtained())),
        (true, true) => pressed(Level::Mfa),
        (false, _) => pressed(Level::OneFactor),
    }
}
