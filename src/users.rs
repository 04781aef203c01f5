//! The users in the app's own database: written at each sign-in and when the provider
//! tells of another name, found again by [`Author`].

use rocket::Request;
use rocket::outcome::try_outcome;
use rocket::request::{FromRequest, Outcome};
use rocket_logto::{
    Admission, Error, HookResult, IdTokenClaims, RefreshEvent, Renewal, SignInEvent, User,
};
use sqlx::SqlitePool;

use crate::database::{Database, unavailable};

/// Every user may sign in; from now on the database knows them.
pub async fn arrives(event: SignInEvent<'_>) -> HookResult<Admission> {
    let Database(pool) = event.state::<Database>()?;
    remember(pool, event.claims()).await?;
    Ok(Admission::admit())
}

/// What has changed may be the name.
pub async fn changes(event: RefreshEvent<Database>) -> HookResult<Renewal> {
    let Database(pool) = event.state();
    remember(pool, event.after()).await?;
    Ok(Renewal::keep())
}

/// May run twice at the same time, for two browsers of one user.
async fn remember(pool: &SqlitePool, claims: &IdTokenClaims) -> sqlx::Result<i64> {
    let row: (i64,) = sqlx::query_as(
        "INSERT INTO user (issuer, sub, name) VALUES (?1, ?2, ?3)
         ON CONFLICT (issuer, sub) DO UPDATE SET name = ?3 RETURNING id",
    )
    .bind(claims.iss.as_str())
    .bind(claims.sub.as_str())
    .bind(claims.display_name())
    .fetch_one(pool)
    .await?;
    Ok(row.0)
}

/// The signed-in user, with their row in the database.
pub struct Author {
    pub id: i64,
    pub user: User,
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Author {
    type Error = Error;

    /// A guard over a guard: what `User` answers when nobody is signed in is the answer.
    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Error> {
        let user = try_outcome!(request.guard::<User>().await);
        let Database(pool) = try_outcome!(Database::of(request));
        // The session may be older than the database.
        match find(pool, user.claims()).await {
            Ok(id) => Outcome::Success(Author { id, user }),
            Err(error) => Outcome::Forward(unavailable(&error)),
        }
    }
}

async fn find(pool: &SqlitePool, claims: &IdTokenClaims) -> sqlx::Result<i64> {
    let found: Option<(i64,)> =
        sqlx::query_as("SELECT id FROM user WHERE issuer = ?1 AND sub = ?2")
            .bind(claims.iss.as_str())
            .bind(claims.sub.as_str())
            .fetch_optional(pool)
            .await?;
    match found {
        Some((id,)) => Ok(id),
        None => remember(pool, claims).await,
    }
}
