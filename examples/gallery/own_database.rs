//! Users in the app's own database: a hook makes the account at the first sign-in and refuses
//! one that is closed; a guard of the app's own, over `User`, hands it to the handlers.
//!
//! `cargo run -p gallery --bin own_database`, sign in, choose a nickname, close the account, and
//! try to sign in again. The database is `accounts.sqlite3` in the current directory.

use std::path::Path;

use rocket::form::Form;
use rocket::http::{RawStr, Status};
use rocket::request::{FromRequest, Outcome, Request};
use rocket::response::Redirect;
use rocket::response::content::RawHtml;
use rocket::serde::{Deserialize, Serialize};
use rocket::{Build, FromForm, Rocket, State, catch, catchers, get, launch, post, routes, uri};
use rocket_logto::{
    Admission, HookResult, Logto, SameOrigin, SessionData, SignInEvent, SignOut, User,
};
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS account (
        id       INTEGER PRIMARY KEY,
        -- The user at the provider. Not the e-mail address: that can pass to somebody else.
        sub      TEXT NOT NULL UNIQUE,
        nickname TEXT,
        -- Why the user may not come in any more.
        closed   TEXT
    ) STRICT";

/// What the session keeps of the account: enough to write rows that belong to it without
/// looking it up. What can change stays in the database.
#[derive(Serialize, Deserialize)]
#[serde(crate = "rocket::serde")]
struct AccountId(i64);

/// Runs when the provider has authenticated a user who has no session yet.
async fn with_account(event: SignInEvent<'_>) -> HookResult<Admission> {
    // One statement: the same user may sign in in two browsers at once.
    let upsert = "INSERT INTO account (sub) VALUES (?1)
        ON CONFLICT (sub) DO UPDATE SET sub = excluded.sub RETURNING id, nickname, closed";
    let (id, nickname, closed): (i64, Option<String>, Option<String>) = sqlx::query_as(upsert)
        .bind(event.sub())
        .fetch_one(event.state::<SqlitePool>()?)
        .await?;
    if let Some(reason) = closed {
        return Ok(Admission::refuse(format!(
            "This account is closed. {reason}"
        )));
    }
    let admission = Admission::admit().with_data(&AccountId(id))?;
    Ok(match nickname {
        Some(_) => admission,
        None => admission.go_to(uri!(welcome)),
    })
}

/// The signed-in user's account, as it is now.
struct Account {
    nickname: Option<String>,
}

#[derive(Debug)]
enum NoAccount {
    /// The same answer as `User` gives: to sign in, for one.
    NoUser,
    Closed,
    NoDatabase,
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Account {
    type Error = NoAccount;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Account, NoAccount> {
        let user: User = match request.guard().await {
            Outcome::Success(user) => user,
            // Rocket hands on the status; what the fairing answers does not depend on the error.
            Outcome::Error((status, _)) => return Outcome::Error((status, NoAccount::NoUser)),
            Outcome::Forward(status) => return Outcome::Forward(status),
        };
        match Account::of(&user, request.rocket().state()).await {
            Ok(account) => Outcome::Success(account),
            Err(NoAccount::Closed) => Outcome::Error((Status::Forbidden, NoAccount::Closed)),
            Err(other) => Outcome::Error((Status::ServiceUnavailable, other)),
        }
    }
}

impl Account {
    async fn of(user: &User, db: Option<&SqlitePool>) -> Result<Account, NoAccount> {
        let db = db.ok_or(NoAccount::NoDatabase)?;
        let select = sqlx::query_as("SELECT nickname, closed FROM account WHERE sub = ?1");
        let row: Option<(Option<String>, Option<String>)> = select
            .bind(user.sub())
            .fetch_optional(db)
            .await
            .map_err(|error| {
                rocket::error!("the account cannot be read: {error}");
                NoAccount::NoDatabase
            })?;
        match row {
            Some((nickname, None)) => Ok(Account { nickname }),
            // The hook is asked at sign-ins only, and a session may be older than the decision.
            Some((_, Some(_))) | None => Err(NoAccount::Closed),
        }
    }
}

/// `Option<Account>` would offer a sign-in to somebody whose account is closed.
#[get("/")]
fn home(account: Result<Account, NoAccount>) -> Result<RawHtml<String>, Status> {
    let account = match account {
        Ok(account) => account,
        Err(NoAccount::NoUser) => return Ok(page("<a href=/sign-in>Sign in</a>")),
        Err(NoAccount::Closed) => return Err(Status::Forbidden),
        Err(NoAccount::NoDatabase) => return Err(Status::ServiceUnavailable),
    };
    let nickname = account.nickname.as_deref().unwrap_or("you without a name");
    Ok(page(&format!(
        "<p>Hello, {}.</p>
        <form method=post action=/sign-out><button>Sign out</button></form>
        <form method=post action=/account/close><button>Close my account</button></form>",
        RawStr::new(nickname).html_escape(),
    )))
}

#[get("/welcome")]
fn welcome(_account: Account) -> RawHtml<String> {
    page(
        "<form method=post action=/account/nickname>
        <label>What shall we call you? <input name=nickname maxlength=40 required></label>
        <button>Save</button></form>",
    )
}

#[derive(FromForm)]
struct Nickname<'r> {
    #[field(validate = len(1..=40))]
    nickname: &'r str,
}

/// `SameOrigin`: no other page on this machine or domain has sent the form.
#[post("/account/nickname", data = "<form>")]
async fn set_nickname(
    _own: SameOrigin,
    _account: Account,
    id: SessionData<AccountId>,
    form: Form<Nickname<'_>>,
    db: &State<SqlitePool>,
) -> Result<Redirect, Status> {
    let update = sqlx::query("UPDATE account SET nickname = ?2 WHERE id = ?1");
    let update = update.bind(id.0).bind(form.nickname);
    update.execute(db.inner()).await.map_err(unavailable)?;
    Ok(Redirect::to(uri!(home)))
}

#[post("/account/close")]
async fn close(
    _own: SameOrigin,
    id: SessionData<AccountId>,
    db: &State<SqlitePool>,
) -> Result<SignOut, Status> {
    let update = sqlx::query("UPDATE account SET closed = 'You closed it yourself.' WHERE id = ?1");
    let update = update.bind(id.0).execute(db.inner());
    update.await.map_err(unavailable)?;
    Ok(SignOut::new())
}

#[catch(403)]
fn forbidden() -> RawHtml<String> {
    page(
        "<p>Your account is closed.</p><form method=post action=/sign-out><button>Sign out</button></form>",
    )
}

fn unavailable(error: sqlx::Error) -> Status {
    rocket::error!("the account cannot be written: {error}");
    Status::ServiceUnavailable
}

fn page(content: &str) -> RawHtml<String> {
    let head = "<!doctype html><meta name=viewport content=width=device-width>";
    RawHtml(format!("{head}<title>Accounts</title>{content}"))
}

async fn open(file: &Path) -> Result<SqlitePool, sqlx::Error> {
    let options = SqliteConnectOptions::new();
    let options = options.filename(file).create_if_missing(true);
    let db = SqlitePool::connect_with(options).await?;
    sqlx::raw_sql(SCHEMA).execute(&db).await?;
    Ok(db)
}

fn app(db: SqlitePool) -> Rocket<Build> {
    rocket::build()
        .manage(db)
        .attach(Logto::fairing().on_sign_in(with_account))
        .mount("/", routes![home, welcome, set_nickname, close])
        .register("/", catchers![forbidden])
}

#[launch]
async fn rocket() -> _ {
    let db = open(Path::new("accounts.sqlite3")).await;
    app(db.expect("a database in the current directory"))
}

#[cfg(test)]
mod tests {
    use rocket::http::{ContentType, Header, Status};
    use rocket::local::asynchronous::{Client, LocalResponse};
    use rocket_logto::testing::{TestUser, offline};

    use super::*;

    struct Browser {
        client: Client,
        db: SqlitePool,
        _directory: tempfile::TempDir,
    }

    impl Browser {
        async fn new() -> Browser {
            let directory = tempfile::tempdir().unwrap();
            let db = open(&directory.path().join("accounts.sqlite3"))
                .await
                .unwrap();
            let app = offline(app(db.clone()));
            let client = Client::tracked(app).await.unwrap();
            Browser {
                client,
                db,
                _directory: directory,
            }
        }

        async fn get(&self, path: &'static str) -> (Status, String) {
            let answer = self.client.get(path).dispatch().await;
            (
                answer.status(),
                answer.into_string().await.unwrap_or_default(),
            )
        }

        async fn post(&self, path: &'static str, form: &'static str) -> LocalResponse<'_> {
            let request = self.client.post(path).header(ContentType::Form).body(form);
            let own = Header::new("Sec-Fetch-Site", "same-origin");
            request.header(own).dispatch().await
        }
    }

    #[rocket::async_test]
    async fn the_first_sign_in_makes_the_account_and_the_next_ones_find_it() {
        let browser = Browser::new().await;
        let ada = TestUser::new("ada");
        let arrived = ada.arrive_async(&browser.client).await;
        assert_eq!(arrived.headers().get_one("Location"), Some("/welcome"));
        let unnamed = browser.post("/account/nickname", "nickname=").await;
        assert_eq!(unnamed.status(), Status::UnprocessableEntity);
        let named = browser.post("/account/nickname", "nickname=<Ada>").await;
        assert_eq!(named.headers().get_one("Location"), Some("/"));
        assert!(browser.get("/").await.1.contains("Hello, &lt;Ada&gt;."));

        let arrived = ada.arrive_async(&browser.client).await;
        assert_eq!(arrived.headers().get_one("Location"), Some("/"));
        TestUser::new("grace").sign_in_async(&browser.client).await;
        assert!(browser.get("/").await.1.contains("you without a name"));
        let accounts = sqlx::query_scalar("SELECT count(*) FROM account");
        let accounts: i64 = accounts.fetch_one(&browser.db).await.unwrap();
        assert_eq!(accounts, 2);
    }

    #[rocket::async_test]
    async fn a_closed_account_is_refused_with_the_reason() {
        let browser = Browser::new().await;
        let ada = TestUser::new("ada");
        ada.sign_in_async(&browser.client).await;
        let closed = browser.post("/account/close", "").await;
        assert_eq!(closed.status(), Status::SeeOther);
        assert!(browser.get("/").await.1.contains("Sign in"));

        let refused = ada.arrive_async(&browser.client).await;
        assert_eq!(refused.status(), Status::Forbidden);
        let text = refused.into_string().await.unwrap();
        assert!(
            text.contains("This account is closed. You closed it yourself."),
            "{text}"
        );
        assert!(browser.get("/").await.1.contains("Sign in"));
    }

    #[rocket::async_test]
    async fn an_account_that_is_closed_meanwhile_is_out_at_once() {
        let browser = Browser::new().await;
        TestUser::new("ada").sign_in_async(&browser.client).await;
        assert_eq!(browser.get("/welcome").await.0, Status::Ok);
        let close = sqlx::query("UPDATE account SET closed = 'Unpaid bills.'");
        close.execute(&browser.db).await.unwrap();
        for path in ["/", "/welcome"] {
            let (status, text) = browser.get(path).await;
            assert_eq!(status, Status::Forbidden, "{path}");
            // The app's own catcher, for the app's own decision.
            assert!(text.contains("Your account is closed."), "{path}: {text}");
        }
    }

    #[rocket::async_test]
    async fn nobody_has_no_account_and_no_other_site_sends_the_forms() {
        let browser = Browser::new().await;
        // The answer of `User`, through the guard that is built on it.
        let (status, _) = browser.get("/welcome").await;
        assert_eq!(status, Status::SeeOther);

        TestUser::new("ada").sign_in_async(&browser.client).await;
        let close = browser.client.post("/account/close");
        let elsewhere = Header::new("Sec-Fetch-Site", "same-site");
        let refused = close.header(elsewhere).dispatch().await;
        assert_eq!(refused.status(), Status::Forbidden);
        assert!(browser.get("/").await.1.contains("Hello"));
    }
}
