//! What the fairings need to start: the state they share, the store, and a few lines
//! in the log.

use std::sync::Arc;
use std::time::Duration;

use rocket::config::LogLevel;
use rocket::{Build, Rocket};
use url::Url;

use crate::clock::Clock;
use crate::config::{ClientConfig, Credentials, LogtoConfig, ProviderConfig, StoreConfig};
use crate::resource_metadata::ProtectedResources;
use crate::service::LogtoService;
use crate::session::store::SharedStore;
#[cfg(feature = "redis")]
use crate::session::store::redis::RedisStore;

/// Long enough for the other fairings' lift-off, short enough for someone who reads along.
const AFTER_ROCKET: Duration = Duration::from_millis(300);

/// In tests, what answers in the provider's place.
#[cfg(all(feature = "testing", debug_assertions))]
pub(super) fn take_offline(rocket: &Rocket<Build>, config: &mut ProviderConfig) {
    config.transport = rocket.state().cloned();
}

#[cfg(not(all(feature = "testing", debug_assertions)))]
pub(super) fn take_offline(_: &Rocket<Build>, _: &mut ProviderConfig) {}

/// The state that apps with and without sign-in have in common. `None` after
/// logging why.
pub(super) fn provider_service(
    rocket: &Rocket<Build>,
    config: ProviderConfig,
    client: Option<ClientConfig>,
    resources: ProtectedResources,
    clock: Clock,
) -> Option<LogtoService> {
    if rocket.state::<LogtoService>().is_some() {
        log::error!(
            "logto: Logto::fairing() and Logto::api() are both attached: keep only the former"
        );
        return None;
    }
    for client in config.machine.iter().chain(&client) {
        announce_key(client);
    }
    match LogtoService::new(config, client, resources, clock) {
        Ok(service) => Some(service),
        Err(error) => {
            log::error!("logto: the HTTP client cannot be created, see logto.ca_file: {error}");
            None
        }
    }
}

/// What has to be registered at the provider where the app proves itself with a key.
fn announce_key(client: &ClientConfig) {
    if let Credentials::PrivateKeyJwt { key, .. } = &client.credentials {
        let (id, kid) = (&client.id, key.kid());
        log::info!("logto: client {id} proves itself with its key, kid {kid}");
    }
}

/// The store that instances share, if any.
pub(super) fn store(
    config: &LogtoConfig,
    own: Option<Arc<dyn SharedStore>>,
) -> Result<Option<Arc<dyn SharedStore>>, String> {
    match (&config.session_store, own) {
        (_, Some(store)) => Ok(Some(store)),
        (StoreConfig::Cookie, None) if config.session.max_per_user.is_some() => Err(
            "logto.session.max_per_user needs sessions in a store that instances share: set \
             logto.session.store as well, or leave max_per_user out"
                .into(),
        ),
        (StoreConfig::Cookie, None) => Ok(None),
        #[cfg(feature = "redis")]
        (StoreConfig::Redis(servers), None) => match RedisStore::at(servers, config.app_id()) {
            Ok(store) => Ok(Some(Arc::new(store))),
            Err(error) => Err(error.to_string()),
        },
        #[cfg(not(feature = "redis"))]
        (StoreConfig::Redis(_), None) => Err("needs the cargo feature redis".into()),
    }
}

/// At this level Rocket logs each request and response as it is, before a fairing
/// could change it.
pub(super) fn warn_of_debug_log(level: LogLevel) {
    if level == LogLevel::Debug {
        log::warn!(
            "logto: with log_level \"debug\" Rocket logs whole requests and responses, cookies \
             and tokens included: not for production"
        );
    }
}

/// Logs the address to open, after Rocket has logged the one it listens at: at another
/// host than that of `base_url` a sign-in takes a detour. Rocket says it last of all,
/// without telling anyone; but it does so at once.
pub(super) async fn announce_address(base_url: Url) {
    rocket::tokio::time::sleep(AFTER_ROCKET).await;
    log::info!("logto: open {base_url}");
}

/// Logs what is configured, in a few lines and without secrets.
pub(super) fn announce(config: &LogtoConfig) {
    if let Some(table) = &config.dev_provider {
        log::warn!(
            "logto: DEVELOPMENT PROVIDER on {}: anybody signs in as anybody. \
             For your own, set logto.endpoint and logto.app_id",
            config.issuer().trim_end_matches("/oidc")
        );
        if !table.idle.is_empty() {
            log::warn!(
                "logto: {} counts for nothing, because no provider is named: set LOGTO_ENDPOINT, \
                 or logto.endpoint, to the address of your Logto",
                table.idle.join(", ")
            );
        }
    }
    if config.is_open() {
        log::warn!(
            "logto: base_url {} is http: anybody on the way reads the session's cookies",
            config.base_url
        );
    }
    log::info!(
        "logto: provider {}, client {}",
        config.issuer(),
        config.app_id()
    );
    log::info!("logto: redirect URI {}", config.redirect_uri());
    log::info!(
        "logto: post sign-out URI {}",
        config.post_logout_redirect_uri()
    );
}
