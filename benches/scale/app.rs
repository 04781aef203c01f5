//! The app that is measured, with sessions where the environment says: `MEMORY_SESSIONS` of them
//! in its own memory, or as its configuration has it.

use rocket::serde::json::{Json, Value, json};
use rocket::{get, routes};
use rocket_logto::{Logto, MemoryStore, OrgToken, PathOrg, SessionStore};

use crate::Outcome;
use crate::mint::{Age, Template};

#[get("/json/organizations/<org_id>")]
fn json_organization(org_id: &str, token: OrgToken<PathOrg>) -> Json<Value> {
    let sub = token.claims().map(|claims| &claims.sub);
    Json(json!({ "sub": sub, "organization": org_id }))
}

/// Another has been used a minute ago, and is written anew when it is used.
async fn filled(template: &Template, sessions: usize, others: usize) -> Outcome<MemoryStore> {
    let store = MemoryStore::new(sessions + others + 1000);
    for number in 0..sessions {
        store
            .create(&template.record(number, Age::JustUsed))
            .await?;
    }
    for number in sessions..sessions + others {
        store.create(&template.record(number, Age::AMinute)).await?;
    }
    Ok(store)
}

pub async fn serve() -> Outcome {
    let number = |name| -> Outcome<usize> { Ok(std::env::var(name)?.parse()?) };
    let mut logto = Logto::fairing();
    if std::env::var_os("MEMORY_SESSIONS").is_some() {
        let template = Template::from_environment()?;
        let store = filled(&template, number("MEMORY_SESSIONS")?, number("OTHERS")?).await?;
        logto = logto.session_store(store);
    }
    let rocket = rocket::build()
        .attach(logto)
        .mount("/", crate::routes::routes())
        .mount("/", routes![json_organization]);
    rocket.launch().await?;
    Ok(())
}
