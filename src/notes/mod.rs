//! Notes: a user's own, and those of the teams that they belong to. A team is an
//! organization at the provider, and the roles there say who may delete what.

mod board;
mod store;
#[cfg(test)]
mod tests;

use rocket::fairing::AdHoc;
use rocket::form::{Form, FromForm, FromFormField};
use rocket::http::Status;
use rocket::http::uri::Origin;
use rocket::serde::Serialize;
use rocket::{Either, Route, State, get, post, routes, uri};
use rocket_dyn_templates::{Template, context};
use rocket_logto::{Error, Logto, ORGANIZATIONS_SCOPE, SameOrigin, UserInfo};

use self::board::{Board, OwnBoard, TeamBoard};
use self::store::{Deleted, MOST};
use crate::database::{Database, unavailable};
use crate::developer::organizations::{Card, unless_signed_out};
use crate::frame::{Entry, Frame, has_organizations};
use crate::goto::Goto;
use crate::users::Author;

/// In characters.
const LONGEST: usize = 2000;

pub fn routes() -> Vec<Route> {
    routes![own, add_own, delete_own]
}

/// Mounts the pages of teams where a sign-in asks for organizations, and elsewhere a page
/// that says how to get there. Attach it after `Logto::fairing()`.
pub fn teams() -> AdHoc {
    AdHoc::on_ignite("Teams", |rocket| async {
        let asked = rocket.state::<Logto>().is_some_and(has_organizations);
        let pages = match asked {
            true => routes![teams_of_user, team, add_to_team, delete_from_team],
            false => routes![no_teams],
        };
        rocket.mount("/", pages)
    })
}

/// What a form has just done, for the page that it redirects to.
#[derive(Clone, Copy, FromFormField, rocket::UriDisplayQuery, Serialize)]
#[serde(crate = "rocket::serde", rename_all = "lowercase")]
enum Done {
    #[field(value = "added")]
    Added,
    #[field(value = "deleted")]
    Deleted,
    #[field(value = "gone")]
    Gone,
}

#[derive(FromForm)]
struct Draft<'r> {
    text: &'r str,
}

#[derive(FromForm)]
struct Chosen {
    note: i64,
}

/// Or the error page of a database that does not answer.
type Page = Result<Template, Status>;

/// What a form leads to: another page, or this one with what is wrong.
type Answer = Result<Either<Goto, (Status, Template)>, Status>;

#[get("/notes?<done>")]
async fn own(board: OwnBoard, done: Option<Done>, frame: Frame<'_>) -> Page {
    show(&board.0, &frame, own_page, done, None).await
}

#[post("/notes", data = "<draft>")]
async fn add_own(
    _form: SameOrigin,
    board: OwnBoard,
    draft: Form<Draft<'_>>,
    frame: Frame<'_>,
) -> Answer {
    write(&board.0, &frame, own_page, draft.text).await
}

#[post("/notes/delete", data = "<chosen>")]
async fn delete_own(
    _form: SameOrigin,
    board: OwnBoard,
    chosen: Form<Chosen>,
    frame: Frame<'_>,
) -> Answer {
    erase(&board.0, &frame, own_page, chosen.note).await
}

fn own_page(done: Option<Done>) -> Origin<'static> {
    uri!(own(done))
}

/// Asks the provider for the names of the teams, which an ID token does not have, and
/// keeps them for the pages below.
#[get("/teams")]
async fn teams_of_user(
    author: Author,
    info: Result<UserInfo, Error>,
    database: &State<Database>,
    frame: Frame<'_>,
) -> Result<Result<Template, Status>, Error> {
    let info = unless_signed_out(info)?;
    let teams = Card::all(&author.user, info.as_ref());
    for team in &teams {
        let issuer = &author.user.claims().iss;
        let named = store::team(&database.0, issuer, &team.id, team.told_name.as_deref());
        if let Err(error) = named.await {
            return Ok(Err(unavailable(&error)));
        }
    }
    let content = context! { teams };
    Ok(Ok(frame.around(Entry::of("teams"), "teams", content)))
}

#[get("/teams")]
fn no_teams(frame: Frame<'_>) -> Template {
    let content = context! { scope: ORGANIZATIONS_SCOPE };
    let template = "developer/organizations_off";
    frame.around(Entry::of("teams"), template, content)
}

#[get("/teams/<org_id>?<done>")]
async fn team(org_id: &str, board: TeamBoard, done: Option<Done>, frame: Frame<'_>) -> Page {
    show(&board.0, &frame, page_of(org_id), done, None).await
}

#[post("/teams/<org_id>", data = "<draft>")]
async fn add_to_team(
    _form: SameOrigin,
    org_id: &str,
    board: TeamBoard,
    draft: Form<Draft<'_>>,
    frame: Frame<'_>,
) -> Answer {
    write(&board.0, &frame, page_of(org_id), draft.text).await
}

#[post("/teams/<org_id>/delete", data = "<chosen>")]
async fn delete_from_team(
    _form: SameOrigin,
    org_id: &str,
    board: TeamBoard,
    chosen: Form<Chosen>,
    frame: Frame<'_>,
) -> Answer {
    erase(&board.0, &frame, page_of(org_id), chosen.note).await
}

fn page_of(organization: &str) -> impl Fn(Option<Done>) -> Origin<'static> {
    move |done| uri!(team(organization, done))
}

/// What a user has written that could not be kept, and the message that says why.
#[derive(Serialize)]
#[serde(crate = "rocket::serde")]
struct Refused<'a> {
    text: &'a str,
    why: &'static str,
}

/// The notes of a board, with a form for the next one.
async fn show(
    board: &Board,
    frame: &Frame<'_>,
    here: impl Fn(Option<Done>) -> Origin<'static>,
    done: Option<Done>,
    refused: Option<Refused<'_>>,
) -> Page {
    let content = context! {
        team: &board.team,
        action: here(None),
        notes: board.list().await?,
        done,
        refused,
        longest: LONGEST,
        most: MOST,
    };
    let entry = match board.team {
        Some(_) => Entry::below("teams"),
        None => Entry::of("notes"),
    };
    Ok(frame.around(entry, "notes", content))
}

async fn write(
    board: &Board,
    frame: &Frame<'_>,
    here: impl Fn(Option<Done>) -> Origin<'static>,
    written: &str,
) -> Answer {
    let text = written.trim();
    let why = match text.chars().count() {
        0 => "note-empty",
        length if length > LONGEST => "note-too-long",
        _ if board.add(text).await? => {
            return Ok(Either::Left(Goto(here(Some(Done::Added)))));
        }
        _ => "note-no-room",
    };
    let refused = Refused { text: written, why };
    let page = show(board, frame, here, None, Some(refused)).await?;
    Ok(Either::Right((Status::UnprocessableEntity, page)))
}

async fn erase(
    board: &Board,
    frame: &Frame<'_>,
    here: impl Fn(Option<Done>) -> Origin<'static>,
    note: i64,
) -> Answer {
    let done = match board.delete(note).await? {
        Deleted::Yes => Done::Deleted,
        Deleted::Gone => Done::Gone,
        Deleted::NotAllowed => {
            let (title, advice) = (frame.say("not-yours-title"), frame.say("not-yours-advice"));
            let page = frame.error(Entry::below("teams"), 403, &title, &advice);
            return Ok(Either::Right((Status::Forbidden, page)));
        }
    };
    Ok(Either::Left(Goto(here(Some(done)))))
}
