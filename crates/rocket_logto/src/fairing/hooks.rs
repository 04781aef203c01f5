//! The methods of the fairing that declare hooks.

use serde::de::DeserializeOwned;

use super::LogtoFairing;
use crate::hooks::{RefreshHook, SignInHook, SignOutHook, WebhookHook};

impl LogtoFairing {
    /// Asks `hook` at every sign-in whether the user may come in: once the ID token is
    /// verified, with all that the sign-in had to fulfil, and before there is a session.
    ///
    /// It answers [`Admission::admit`](crate::Admission::admit), perhaps with where to go
    /// and with data for the session, or [`Admission::refuse`](crate::Admission::refuse).
    /// A refused sign-in leaves nothing: no session, and its tokens are revoked at the
    /// provider. A page (403) shows the reason and offers to sign in as someone else. The
    /// session that the browser had before, if any, goes on.
    ///
    /// The claims can be read into a type of your own: `SignInEvent<'_, Member>`. A user
    /// whose claims do not fit it is not let in.
    ///
    /// A hook that returns an error, panics, or takes longer than `hook_timeout` (five
    /// seconds) lets nobody in either: the page (500) has a reference, and the log a line
    /// with the same reference and the cause. The deadline cannot stop code that blocks the
    /// thread. Declare the hook once; twice aborts the launch.
    ///
    /// Sessions that exist already are not asked about, nor are refreshes: that is
    /// [`on_refresh`](LogtoFairing::on_refresh).
    ///
    /// # Network
    ///
    /// What the hook does; and one call to the provider (revocation) where nobody is let
    /// in.
    ///
    /// # Examples
    ///
    /// ```rust,no_run
    /// use std::sync::atomic::{AtomicU64, Ordering};
    /// use rocket::serde::Deserialize;
    /// use rocket_logto::{Admission, HookResult, Logto, SignInEvent};
    ///
    /// /// Stands for a database, whose pool is managed state as well.
    /// #[derive(Default)]
    /// struct Visits(AtomicU64);
    ///
    /// #[derive(Deserialize)]
    /// #[serde(crate = "rocket::serde")]
    /// struct Member {
    ///     roles: Vec<String>,
    /// }
    ///
    /// async fn members_only(event: SignInEvent<'_, Member>) -> HookResult<Admission> {
    ///     if !event.claims().roles.iter().any(|role| role == "member") {
    ///         return Ok(Admission::refuse("Only members may sign in. Ask us to become one."));
    ///     }
    ///     let visits = event.state::<Visits>()?;
    ///     let number = visits.0.fetch_add(1, Ordering::Relaxed);
    ///     Ok(Admission::admit().with_data(&number)?)
    /// }
    ///
    /// #[rocket::launch]
    /// fn rocket() -> _ {
    ///     rocket::build()
    ///         .manage(Visits::default())
    ///         .attach(Logto::fairing().on_sign_in(members_only))
    /// }
    /// ```
    ///
    /// A closure has to be an async one, with the type of its argument:
    ///
    /// ```rust
    /// use rocket_logto::{Admission, Logto, SignInEvent};
    ///
    /// Logto::fairing().on_sign_in(async |event: SignInEvent<'_>| {
    ///     Ok(match event.claims().email_verified.value() {
    ///         Some(true) => Admission::admit(),
    ///         _ => Admission::refuse("Please confirm your e-mail address first."),
    ///     })
    /// });
    /// ```
    pub fn on_sign_in<C, H>(mut self, hook: H) -> LogtoFairing
    where
        C: DeserializeOwned + Send + Sync + 'static,
        H: for<'r> SignInHook<'r, C>,
    {
        self.hooks.set_sign_in(hook);
        self
    }

    /// Tells `hook` when a refresh brings other claims about the user, and asks whether
    /// the session goes on.
    ///
    /// It is called while all requests of that session wait for the refresh, once for all
    /// of them, and before any of them sees the new claims. What differs in every ID
    /// token, such as `iat`, does not count. [`Renewal::end`](crate::Renewal::end) ends the
    /// session and revokes its refresh token; the request gets 303 to the sign-in, or 401.
    ///
    /// While the hook fails, panics or is late, the session goes on with the claims it had,
    /// exactly as while the provider cannot be reached: for up to `claims_max_staleness`
    /// after `claims_max_age`, and the next refresh asks it again. A token for an API that
    /// this refresh was for is an error (500) then.
    ///
    /// A refresh belongs to no request. What the hook needs of managed state is the first
    /// parameter of [`RefreshEvent`](crate::RefreshEvent): a clone of it is taken at
    /// lift-off, so it must be `Clone`, as database pools are. If it is not there, the app
    /// shuts down and says so.
    ///
    /// # Network
    ///
    /// What the hook does; and one call to the provider (revocation) where it ends the
    /// session.
    ///
    /// # Examples
    ///
    /// ```rust
    /// use rocket_logto::{HookResult, Logto, RefreshEvent, Renewal};
    ///
    /// /// With `rocket_db_pools`: `#[derive(Clone, Database)] struct Db(sqlx::SqlitePool);`
    /// #[derive(Clone)]
    /// struct Db;
    ///
    /// async fn rename(event: RefreshEvent<Db>) -> HookResult<Renewal> {
    ///     let (db, name) = (event.state(), event.after().display_name());
    ///     // … update the name of event.sub() …
    ///     Ok(Renewal::keep())
    /// }
    ///
    /// let rocket = rocket::build().manage(Db).attach(Logto::fairing().on_refresh(rename));
    /// ```
    pub fn on_refresh<S, C, H>(mut self, hook: H) -> LogtoFairing
    where
        S: Clone + Send + Sync + 'static,
        C: DeserializeOwned + Send + Sync + 'static,
        H: RefreshHook<S, C>,
    {
        self.hooks.set_refresh(hook);
        self
    }

    /// Tells `hook` that a session has ended, and why
    /// ([`SignOutCause`](crate::SignOutCause)).
    ///
    /// It is told once, or twice where several requests of the session meet its end at
    /// the same moment. It cannot prevent the end, and no sign-out waits for it: it runs in a
    /// task of its own, after the session has ended, and what goes wrong in it is only logged.
    /// For logs, counters and tidying up; not for anything that must not be missed, because a
    /// process that stops takes the task with it.
    ///
    /// Nobody is told when a session expires (`session.idle`, `session.absolute`), because
    /// nothing happens then: the browser just does not come back, or its cookie is not
    /// taken any more. Nor is it told of sessions of an earlier registration or key, and of
    /// one that another browser's sign-in with `form_post` replaces when its own cookie did
    /// not come along.
    ///
    /// # Network
    ///
    /// What the hook does.
    ///
    /// # Examples
    ///
    /// ```rust
    /// use rocket_logto::{HookResult, Logto, SignOutEvent};
    ///
    /// let logto = Logto::fairing().on_sign_out(|event: SignOutEvent| async move {
    ///     log::info!("{:?}: {:?}", event.sub(), event.cause());
    ///     Ok(())
    /// });
    /// ```
    pub fn on_sign_out<S, H>(mut self, hook: H) -> LogtoFairing
    where
        S: Clone + Send + Sync + 'static,
        H: SignOutHook<S>,
    {
        self.hooks.set_sign_out(hook);
        self
    }

    /// Tells `hook` of each of Logto's webhooks that comes to the route of the library: once
    /// its signature is good, and after what follows from it for sessions has been done.
    ///
    /// The message can be read into a type of your own: `WebhookReceived<'_, UserChanged>`.
    /// One that does not fit it is not given to the hook.
    ///
    /// Logto waits for the hook, ten seconds in all. A hook that returns an error, panics, or
    /// takes longer than `hook_timeout` makes the answer a 500: Logto then sends the message
    /// again, up to three times within seconds, and the hook hears of it again. So what it
    /// does must bear being done twice. What takes longer belongs into a queue.
    ///
    /// It needs `webhook.signing_keys`; without, and with `routes.webhooks = false`, the launch
    /// aborts. Declare the hook once; twice aborts the launch as well.
    ///
    /// # Network
    ///
    /// What the hook does.
    ///
    /// # Examples
    ///
    /// ```rust
    /// use rocket_logto::{HookResult, Logto, WebhookEvent, WebhookReceived};
    ///
    /// /// Whoever has forgotten their password signs in anew everywhere.
    /// async fn after_reset(webhook: WebhookReceived<'_>) -> HookResult {
    ///     if let WebhookEvent::PostResetPassword(reset) = webhook.event() {
    ///         webhook.state::<Logto>()?.end_sessions_of(&reset.user_id).await?;
    ///     }
    ///     Ok(())
    /// }
    ///
    /// Logto::fairing().on_webhook(after_reset);
    /// ```
    ///
    /// A closure has to be an async one, with the type of its argument:
    ///
    /// ```rust
    /// use rocket_logto::{Logto, WebhookReceived};
    ///
    /// Logto::fairing().on_webhook(async |webhook: WebhookReceived<'_>| {
    ///     log::info!("{} of {}", webhook.name(), webhook.created_at());
    ///     Ok(())
    /// });
    /// ```
    pub fn on_webhook<E, H>(mut self, hook: H) -> LogtoFairing
    where
        E: DeserializeOwned + Send + Sync + 'static,
        H: for<'r> WebhookHook<'r, E>,
    {
        self.hooks.set_webhook(hook);
        self
    }
}
