//! What the app answers where no handler does.

use rocket::http::Status;
use rocket::serde::json::{Json, Value, json};
use rocket::{Catcher, Either, Request, catch, catchers};
use rocket_dyn_templates::Template;

use crate::frame::{Entry, Frame};

pub fn catchers() -> Vec<Catcher> {
    catchers![error]
}

#[catch(default)]
async fn error(status: Status, request: &Request<'_>) -> Either<Template, Json<Value>> {
    let accepts_json = request
        .accept()
        .is_some_and(|accept| accept.preferred().is_json());
    let frame = request.guard::<Frame<'_>>().await.succeeded();
    let Some(frame) = frame.filter(|_| !accepts_json) else {
        return Either::Right(Json(json!({ "error": status.reason_lossy() })));
    };
    let kind = match status.code {
        404 => "not-found",
        422 => "not-understood",
        500 => "our-fault",
        503 => "not-now",
        _ => "other-error",
    };
    let title = match kind {
        "other-error" => status.reason_lossy().to_owned(),
        kind => frame.say(&format!("{kind}-title")),
    };
    let advice = frame.say(&format!("{kind}-advice"));
    Either::Left(frame.error(Entry::none(), status.code, &title, &advice))
}
