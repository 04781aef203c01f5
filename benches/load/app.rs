//! The app under load: each guard on a route that does nothing else, beside the
//! same route without it.

use rocket::serde::json::{Json, Value, json};
use rocket::{Build, Rocket, State, get, routes};
use rocket_dyn_templates::{Template, context};
use rocket_logto::{Bearer, ConstOrg, IdTokenClaims, Logto, OrgToken, User};

use crate::Outcome;
use crate::targets::{Acme, Read};

#[get("/json/org")]
fn json_org(token: OrgToken<ConstOrg<Acme>>) -> Json<Value> {
    Json(json!({ "sub": token.claims().map(|claims| &claims.sub) }))
}

#[get("/json/bearer")]
fn json_bearer(caller: Bearer<Read>) -> Json<Value> {
    Json(json!({ "sub": caller.sub() }))
}

#[get("/page")]
fn page(claims: &State<IdTokenClaims>) -> Template {
    Template::render("claims", context! { user: claims.inner() })
}

#[get("/page/user")]
fn page_user(user: User) -> Template {
    Template::render("claims", context! { user })
}

/// What [`page`] shows: the claims of one who is signed in.
#[get("/claims")]
fn claims(user: User) -> Json<IdTokenClaims> {
    Json(user.into_claims())
}

fn rocket() -> Outcome<Rocket<Build>> {
    let rocket = rocket::build()
        .attach(Logto::fairing())
        .attach(Template::fairing())
        .mount("/", crate::routes::routes())
        .mount("/", routes![json_org, json_bearer, claims, page_user]);
    Ok(match std::env::var("CONSTANT_CLAIMS") {
        Ok(text) => rocket
            .manage(serde_json::from_str::<IdTokenClaims>(&text)?)
            .mount("/", routes![page]),
        Err(_) => rocket,
    })
}

pub async fn serve() -> Outcome {
    rocket()?.launch().await?;
    Ok(())
}
