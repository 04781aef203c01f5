//! Starts the development provider beside an app that configures no other, and
//! stops it with the app.

use rocket::fairing;
use rocket::{Build, Orbit, Rocket};

use crate::config::LogtoConfig;
#[cfg(feature = "dev-provider")]
use {
    crate::config::{DEV_APP_ID, DEV_APP_SECRET, SigningAlg},
    logto_dev_provider::{DevProvider, Settings},
};

/// Starts the development provider when the configuration says so.
#[cfg(feature = "dev-provider")]
pub(crate) async fn start(rocket: Rocket<Build>, config: &LogtoConfig) -> fairing::Result {
    let Some(table) = &config.dev_provider else {
        return Ok(rocket);
    };
    let mut settings = Settings::new(DEV_APP_ID, DEV_APP_SECRET);
    settings.port = table.port;
    settings.redirect_uris = vec![config.redirect_uri()];
    settings.post_logout_redirect_uris = vec![config.post_logout_redirect_uri()];
    let logout = config.absolute(&config.linked.backchannel_logout);
    settings.backchannel_logout_uri = Some(logout);
    let its_own = |alg: &SigningAlg| match alg {
        SigningAlg::RS256 => Some(logto_dev_provider::SigningAlg::Rs256),
        SigningAlg::ES256 => Some(logto_dev_provider::SigningAlg::Es256),
        SigningAlg::ES384 => Some(logto_dev_provider::SigningAlg::Es384),
        _ => None,
    };
    let accepted = config.id_token_alg().iter().find_map(its_own);
    settings.signing_alg = accepted.unwrap_or_default();
    // So that signing out in one browser leaves the others signed in.
    settings.sid = true;
    settings.seed = match table.seed.deserialize() {
        Ok(seed) => seed,
        Err(mut error) => {
            let figment = rocket.figment();
            error.profile = Some(figment.profile().clone());
            error.metadata = figment.find_metadata("logto.dev_provider").cloned();
            let table = ["logto", "dev_provider"].map(str::to_owned);
            error.path.splice(0..0, table);
            rocket::config::pretty_print_error(error);
            return Err(rocket);
        }
    };
    match DevProvider::start(settings).await {
        Ok(provider) => Ok(rocket.manage(provider)),
        Err(error) => {
            log::error!("logto: {error}");
            log::error!(
                "logto: set logto.dev_provider.port to a free port, or logto.endpoint to the \
                 provider that is running"
            );
            Err(rocket)
        }
    }
}

#[cfg(not(feature = "dev-provider"))]
pub(crate) async fn start(rocket: Rocket<Build>, _: &LogtoConfig) -> fairing::Result {
    Ok(rocket)
}

/// Stops it with the app.
pub(crate) fn stop(_rocket: &Rocket<Orbit>) {
    #[cfg(feature = "dev-provider")]
    if let Some(provider) = _rocket.state::<DevProvider>() {
        provider.shutdown();
    }
}
