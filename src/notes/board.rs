//! A board with notes that this user may read, as a request guard: the user's own, or
//! that of the team in the path.

use rocket::Request;
use rocket::http::Status;
use rocket::outcome::try_outcome;
use rocket::request::{FromRequest, Outcome};
use rocket::serde::Serialize;
use rocket_logto::{AllowedIn, Error, PathOrg, Requirement};
use sqlx::SqlitePool;

use super::store::{self, Deleted, Note, Place};
use crate::database::{Database, unavailable};
use crate::shown::visible;
use crate::users::Author;

pub struct Board {
    /// `None` for the user's own.
    pub team: Option<Team>,
    place: Place,
    pool: SqlitePool,
}

#[derive(Serialize)]
#[serde(crate = "rocket::serde")]
pub struct Team {
    name: String,
    /// Whether the user may delete what others wrote.
    keeper: bool,
}

/// The notes that a user keeps alone.
pub struct OwnBoard(pub Board);

/// Those of the team in `/teams/<org_id>`, for its members; anybody else gets 403.
pub struct TeamBoard(pub Board);

/// Any member of the organization.
struct Member;

impl Requirement for Member {}

/// Who keeps the notes of a team in order.
struct Keeper;

impl Requirement for Keeper {
    const ROLES: &'static [&'static str] = &["admin"];
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for OwnBoard {
    type Error = Error;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Error> {
        let author = try_outcome!(request.guard::<Author>().await);
        let Database(pool) = try_outcome!(Database::of(request));
        Outcome::Success(OwnBoard(Board {
            team: None,
            place: Place::Own { author: author.id },
            pool: pool.clone(),
        }))
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for TeamBoard {
    type Error = Error;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Error> {
        type Is<R> = AllowedIn<PathOrg, R>;
        let member = try_outcome!(request.guard::<Is<Member>>().await);
        let keeper = request.guard::<Option<Is<Keeper>>>().await;
        let keeper = keeper.succeeded().flatten().is_some();
        let author = try_outcome!(request.guard::<Author>().await);
        let Database(pool) = try_outcome!(Database::of(request));
        let organization = member.organization_id();
        let issuer = &member.claims().iss;
        let (id, name) = match store::team(pool, issuer, organization, None).await {
            Ok(team) => team,
            Err(error) => return Outcome::Forward(unavailable(&error)),
        };
        Outcome::Success(TeamBoard(Board {
            team: Some(Team {
                name: visible(name.as_deref().unwrap_or(organization)),
                keeper,
            }),
            place: Place::Team {
                id,
                author: author.id,
                keeper,
            },
            pool: pool.clone(),
        }))
    }
}

impl Board {
    pub async fn list(&self) -> Result<Vec<Note>, Status> {
        let notes = store::list(&self.pool, self.place).await;
        notes.map_err(|error| unavailable(&error))
    }

    /// Whether there was room.
    pub async fn add(&self, text: &str) -> Result<bool, Status> {
        let added = store::add(&self.pool, self.place, text).await;
        added.map_err(|error| unavailable(&error))
    }

    pub async fn delete(&self, note: i64) -> Result<Deleted, Status> {
        let deleted = store::delete(&self.pool, self.place, note).await;
        deleted.map_err(|error| unavailable(&error))
    }
}
