//! The user's organizations, and what each of them lets the user do.

use rocket::fairing::AdHoc;
use rocket::http::Status;
use rocket::serde::Serialize;
use rocket::{State, get, routes, uri};
use rocket_dyn_templates::{Template, context};
use rocket_logto::{
    Error, ErrorKind, Logto, ORGANIZATIONS_SCOPE, OrgToken, PathOrg, User, UserInfo,
};

use super::resources::{self, Api};
use super::token_view::TokenView;
use crate::frame::{Entry, Frame, has_organizations};
use crate::goto::Goto;
use crate::shown::visible;

/// Mounts the pages where the configuration has what they need: a guard that could
/// never succeed would stop the launch. Elsewhere their addresses say which key brings
/// them. Attach it after `Logto::fairing()`.
pub fn pages() -> AdHoc {
    AdHoc::on_ignite("Organization pages", |rocket| async {
        let asked = rocket.state::<Logto>().is_some_and(has_organizations);
        let pages = match asked {
            true => routes![list, as_in_the_flask_sample, organization, reports, api],
            false => routes![
                not_asked_for,
                below_what_is_not_asked_for,
                not_asked_for_as_in_flask
            ],
        };
        rocket.mount("/", pages)
    })
}

#[get("/organizations")]
fn not_asked_for(frame: Frame<'_>) -> Template {
    let content = context! { scope: ORGANIZATIONS_SCOPE };
    let template = "developer/organizations_off";
    frame.around(Entry::of("organizations"), template, content)
}

#[get("/organizations/<_..>")]
fn below_what_is_not_asked_for() -> Goto {
    Goto(uri!(not_asked_for))
}

#[get("/protected/organizations")]
fn not_asked_for_as_in_flask(frame: Frame<'_>) -> Template {
    not_asked_for(frame)
}

/// Makes one call to the userinfo endpoint: an ID token names organizations only by
/// their ids.
#[get("/organizations")]
fn list(user: User, info: Result<UserInfo, Error>, frame: Frame<'_>) -> Result<Template, Error> {
    let info = unless_signed_out(info)?;
    let content = context! { organizations: Card::all(&user, info.as_ref()) };
    let template = "developer/organizations";
    Ok(frame.around(Entry::of("organizations"), template, content))
}

#[get("/protected/organizations")]
fn as_in_the_flask_sample() -> Goto {
    Goto(uri!(list))
}

/// The guard gets a token for the organization in the path. A user who is not a
/// member does not get one, and the guard answers 403.
#[get("/organizations/<org_id>")]
fn organization(
    org_id: &str,
    token: OrgToken<PathOrg>,
    user: User,
    info: Result<UserInfo, Error>,
    logto: &State<Logto>,
    frame: Frame<'_>,
) -> Result<Template, Error> {
    let info = unless_signed_out(info)?;
    let content = context! {
        organization: Card::of(org_id, &user, info.as_ref()),
        token: TokenView::new(&token),
        apis: resources::configured(logto),
    };
    let template = "developer/organization";
    Ok(frame.around(Entry::below("organizations"), template, content))
}

/// Calls this app's own API (`api.rs`) with that token. The API accepts only callers
/// who may view the reports of this very organization.
#[get("/organizations/<org_id>/reports")]
async fn reports(
    org_id: &str,
    token: OrgToken<PathOrg>,
    http: &State<reqwest::Client>,
    logto: &State<Logto>,
    frame: Frame<'_>,
) -> Result<Template, Status> {
    let path = uri!(super::api::reports(org_id)).to_string();
    let endpoint = format!("{}{}", logto.base_url(), path.trim_start_matches('/'));
    resources::call(endpoint, &token, http, &frame).await
}

/// The same for an API within the organization; without a guard, because the API is
/// known only at run time. With a type it would be `OrgToken<PathOrg, Api>`.
#[get("/organizations/<org_id>/resources/<number>")]
async fn api(
    org_id: &str,
    number: usize,
    user: User,
    logto: &State<Logto>,
    frame: Frame<'_>,
) -> Result<Option<Template>, Error> {
    let Some(api) = Api::numbered(number, logto) else {
        return Ok(None);
    };
    let token = user
        .organization_access_token(org_id, &api.indicator)
        .await?;
    let content = context! {
        organization: Card::of(org_id, &user, None),
        token: TokenView::new(&token),
        api,
    };
    let template = "developer/organization_api";
    let entry = Entry::below("organizations");
    Ok(Some(frame.around(entry, template, content)))
}

/// These pages can do without userinfo, but not without a user.
pub fn unless_signed_out(info: Result<UserInfo, Error>) -> Result<Option<UserInfo>, Error> {
    match info {
        Ok(info) => Ok(Some(info)),
        Err(error) if error.kind() == ErrorKind::SessionEnded => Err(error),
        Err(_) => Ok(None),
    }
}

/// An organization as the pages show it.
#[derive(Serialize)]
#[serde(crate = "rocket::serde")]
pub struct Card {
    /// For addresses.
    pub id: String,
    name: String,
    /// The name itself, where the provider has told it.
    #[serde(skip)]
    pub told_name: Option<String>,
    description: Option<String>,
    roles: Vec<String>,
}

impl Card {
    /// From `organization_data` if it was granted, or else from the ids in the ID
    /// token.
    pub fn all(user: &User, info: Option<&UserInfo>) -> Vec<Card> {
        let data = info.and_then(|info| info.claims().organization_data.as_deref());
        if let Some(data) = data {
            let ids = data.iter().map(|organization| organization.id.as_str());
            return ids.map(|id| Card::of(id, user, info)).collect();
        }
        let ids = user.claims().organizations.as_deref().unwrap_or_default();
        ids.iter().map(|id| Card::of(id, user, info)).collect()
    }

    fn of(id: &str, user: &User, info: Option<&UserInfo>) -> Card {
        let data = info.and_then(|info| info.claims().organization_data.as_deref());
        let data = data.unwrap_or_default().iter().find(|data| data.id == id);
        let name = data.map(|data| data.name.as_str());
        let name = name.filter(|name| !name.trim().is_empty());
        let roles = match info {
            Some(info) => info.claims().organization_role_pairs().collect(),
            None => user.claims().organization_role_pairs().collect::<Vec<_>>(),
        };
        let here = roles.into_iter().filter(|(of, _)| *of == id);
        Card {
            id: id.to_owned(),
            name: visible(name.unwrap_or(id)),
            told_name: name.map(str::to_owned),
            description: data.and_then(|data| data.description.as_deref().map(visible)),
            roles: here.map(|(_, role)| visible(role)).collect(),
        }
    }
}
