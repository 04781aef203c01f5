//! A client of the FAPI 2.0 Security Profile: `profile = "fapi2"`, and a call of a resource with
//! a token that is bound to a key. With it the app faces the OpenID Foundation's suite
//! (`docs/conformance.md`).
//!
//! ```console
//! $ export LOGTO_PROFILE=fapi2 LOGTO_ISSUER=https://… LOGTO_APP_ID=… LOGTO_APP_KEY_FILE=key.pem
//! $ ROCKET_ACCOUNTS_URL=https://…/accounts cargo run -p rocket_logto --example fapi_client
//! ```

use rocket::fairing::AdHoc;
use rocket::{State, get, launch, routes};
use rocket_logto::{AccessToken, Logto, LogtoConfig, User, UserInfo};

/// The resource, and how it is reached.
struct Accounts {
    url: String,
    http: reqwest::Client,
}

impl Accounts {
    /// Calls it, and once more with a nonce where it demands one (RFC 9449 section 9).
    async fn get(&self, token: &AccessToken) -> Result<String, reqwest::Error> {
        let mut nonce: Option<String> = None;
        loop {
            let mut call = self.http.get(&self.url);
            call = call.header("Authorization", token.authorization());
            if let Some(proof) = token.dpop_proof("GET", &self.url, nonce.as_deref()) {
                call = call.header("DPoP", proof);
            }
            let answer = call.send().await?;
            let given = answer.headers().get("DPoP-Nonce");
            let given = given.and_then(|given| given.to_str().ok());
            match given.map(str::to_owned) {
                Some(given) if answer.status() == 401 && nonce.is_none() => nonce = Some(given),
                _ => return Ok(format!("{}\n{}", answer.status(), answer.text().await?)),
            }
        }
    }
}

#[get("/")]
fn home(user: Option<User>) -> String {
    match user {
        Some(user) => format!("Signed in as {}. Now /accounts", user.sub()),
        None => "Not signed in. Go to /accounts".into(),
    }
}

/// Signs in, asks userinfo, and then the resource.
#[get("/accounts")]
async fn accounts(
    info: UserInfo,
    token: AccessToken,
    accounts: &State<Accounts>,
) -> Result<String, String> {
    let found = accounts.get(&token).await;
    let found = found.map_err(|error| error.without_url().to_string())?;
    Ok(format!("{}: {found}", info.sub()))
}

/// Reads the resource's address from the configuration, and takes the same extra root
/// certificate as for the provider.
fn accounts_api() -> AdHoc {
    AdHoc::on_ignite("Accounts", |rocket| async {
        let url = rocket.figment().extract_inner("accounts_url");
        let mut http = reqwest::Client::builder();
        let config = LogtoConfig::from_figment(rocket.figment());
        if let Some(pem) = config.as_ref().ok().and_then(LogtoConfig::ca_pem)
            && let Ok(certificates) = reqwest::Certificate::from_pem_bundle(pem)
        {
            http = http.tls_certs_merge(certificates);
        }
        let url = url.unwrap_or_else(|_| "http://localhost:8001/accounts".to_owned());
        let http = http.build().unwrap_or_default();
        rocket.manage(Accounts { url, http })
    })
}

#[launch]
pub fn rocket() -> _ {
    rocket::build()
        .attach(Logto::fairing())
        .attach(accounts_api())
        .mount("/", routes![home, accounts])
}
