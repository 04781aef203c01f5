//! Starts the development provider beside an app that configures no other, and
//! stops it with the app.

use rocket::fairing;
use rocket::{Build, Orbit, Rocket};

#[cfg(feature = "dev-provider")]
use crate::config::DpopUse;
use crate::config::LogtoConfig;
#[cfg(feature = "dev-provider")]
use {
    super::port::owner,
    crate::config::{DEV_APP_ID, DEV_APP_SECRET, DEV_PORT, SigningAlg},
    logto_dev_provider::{DevProvider, Settings, StartError, Webhook},
    std::io::ErrorKind,
    std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener},
};

/// Starts the development provider when the configuration says so.
#[cfg(feature = "dev-provider")]
pub(crate) async fn start(rocket: Rocket<Build>, config: &mut LogtoConfig) -> fairing::Result {
    let Some(table) = &config.dev_provider else {
        return Ok(rocket);
    };
    let mut settings = Settings::new(DEV_APP_ID, DEV_APP_SECRET);
    settings.redirect_uris = vec![config.redirect_uri()];
    settings.post_logout_redirect_uris = vec![config.post_logout_redirect_uri()];
    let logout = &config.linked.backchannel_logout;
    settings.backchannel_logout_uri = (!logout.is_empty()).then(|| config.absolute(logout));
    let webhooks = &config.linked.webhooks;
    if let Some(key) = config.webhook_keys.first()
        && !webhooks.is_empty()
    {
        settings.webhook = Some(Webhook::new(config.absolute(webhooks), key.secret()));
    }
    let its_own = |alg: &SigningAlg| match alg {
        SigningAlg::RS256 => Some(logto_dev_provider::SigningAlg::Rs256),
        SigningAlg::ES256 => Some(logto_dev_provider::SigningAlg::Es256),
        SigningAlg::ES384 => Some(logto_dev_provider::SigningAlg::Es384),
        _ => None,
    };
    let accepted = config.id_token_alg().iter().find_map(its_own);
    settings.signing_alg = accepted.unwrap_or_default();
    settings.offers_dpop = config.provider.dpop != DpopUse::Off;
    // So that signing out in one browser leaves the others signed in.
    settings.sid = true;
    settings.state_file.clone_from(&table.state_file);
    settings.dynamic_registration = table.dynamic_registration;
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
    match start_at(table.port, settings).await {
        Ok(provider) => {
            config.dev_provider_is_at(provider.port());
            log::info!(
                "logto: control page of the development provider, for users, roles and keys: {}/",
                provider.endpoint()
            );
            Ok(rocket.manage(provider))
        }
        Err(StartError::Bind { port, source, .. }) => {
            let why = match source.kind() {
                ErrorKind::AddrInUse => format!("is taken by {}", owner(port).await.name),
                _ => format!("cannot be had: {source}"),
            };
            let key = "logto.dev_provider.port";
            let message = format!(
                "{key} is {port}, which {why}. Write the number of a free port, or 0 for any; \
                 without the key the next free one is taken. To use the provider that is \
                 running there, set logto.endpoint"
            );
            tell(&rocket, key, message);
            Err(rocket)
        }
        Err(error @ StartError::State { .. }) => {
            let key = "logto.dev_provider.state_file";
            tell(&rocket, key, format!("{key} cannot be used: {error}"));
            Err(rocket)
        }
        Err(error) => {
            log::error!("logto: {error}: see logto.dev_provider");
            Err(rocket)
        }
    }
}

/// Says what is wrong with a key, and where it is written.
#[cfg(feature = "dev-provider")]
fn tell(rocket: &Rocket<Build>, key: &str, message: String) {
    let figment = rocket.figment();
    let mut error = figment::Error::from(message).with_path(key);
    error.profile = Some(figment.profile().clone());
    error.metadata = figment.find_metadata(key).cloned();
    rocket::config::pretty_print_error(error);
}

/// Starts it at the port that is written. Where none is, two apps on one machine, or an
/// app and its tests, do not have to agree on one.
#[cfg(feature = "dev-provider")]
async fn start_at(written: Option<u16>, mut settings: Settings) -> Result<DevProvider, StartError> {
    if let Some(port) = written {
        settings.port = port;
        return DevProvider::start(settings).await;
    }
    // Tests in one process have a few dozen of them at a time.
    for port in (DEV_PORT..DEV_PORT + 100).filter(|port| is_free(*port)) {
        settings.port = port;
        match DevProvider::start(settings.clone()).await {
            // Somebody was faster.
            Err(StartError::Bind { source, .. }) if source.kind() == ErrorKind::AddrInUse => {}
            Ok(provider) => {
                tell_of_detour(provider.port()).await;
                return Ok(provider);
            }
            failed => return failed,
        }
    }
    settings.port = 0;
    let provider = DevProvider::start(settings).await?;
    tell_of_detour(provider.port()).await;
    Ok(provider)
}

/// Whether nobody listens there, on either address of this machine. That costs less than
/// a provider that cannot start.
#[cfg(feature = "dev-provider")]
fn is_free(port: u16) -> bool {
    let taken = |address: IpAddr| {
        let tried = TcpListener::bind((address, port));
        tried.is_err_and(|error| error.kind() == ErrorKind::AddrInUse)
    };
    !taken(Ipv4Addr::LOCALHOST.into()) && !taken(Ipv6Addr::LOCALHOST.into())
}

/// The port is in the issuer, and the name of the session's cookie is made from that.
#[cfg(feature = "dev-provider")]
async fn tell_of_detour(port: u16) {
    if port == DEV_PORT {
        return;
    }
    let owner = owner(DEV_PORT).await;
    log::warn!(
        "logto: port {DEV_PORT} is taken by {}: the development provider is at {port} this time. \
         A session belongs to one port: to keep it across restarts, write logto.dev_provider.port",
        owner.name
    );
    if owner.is_a_logto {
        log::warn!(
            "logto: if the provider at port {DEV_PORT} is yours, set logto.endpoint to \
             http://localhost:{DEV_PORT}"
        );
    }
}

#[cfg(not(feature = "dev-provider"))]
pub(crate) async fn start(rocket: Rocket<Build>, _: &mut LogtoConfig) -> fairing::Result {
    Ok(rocket)
}

/// Stops it with the app.
pub(crate) fn stop(_rocket: &Rocket<Orbit>) {
    #[cfg(feature = "dev-provider")]
    if let Some(provider) = _rocket.state::<DevProvider>() {
        provider.shutdown();
    }
}
