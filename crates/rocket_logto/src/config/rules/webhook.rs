//! The rules about webhooks.

use super::Rules;
use crate::config::keys::Raw;
use crate::config::values::TextList;
use crate::config::{AppSecret, ProviderConfig, issuer};

const KEY: &str = "webhook.signing_keys";
const FILE_KEY: &str = "webhook.signing_keys_file";
/// Logto's have 32 characters. What is much shorter can be guessed from one message.
const SHORTEST: usize = 16;
const LONGEST: usize = 256;
/// The one before, the one of now, and two for a mishap. Each is tried.
const MOST: usize = 4;

impl Rules<'_> {
    /// With the development provider there is one in any case.
    pub(super) fn webhook_keys(
        &self,
        raw: &Raw,
        provider: &ProviderConfig,
        dev: bool,
    ) -> figment::Result<Vec<AppSecret>> {
        let TextList(written) = &raw.webhook.signing_keys;
        let file = raw.webhook.signing_keys_file.as_ref();
        if !written.is_empty() && file.is_some() {
            return Err(self.error(FILE_KEY, "cannot stand beside webhook.signing_keys"));
        }
        let from_file = self.read_secret(file, FILE_KEY)?;
        let (key, keys): (_, Vec<&str>) = match &from_file {
            Some(text) => (FILE_KEY, lines(text)),
            None => (KEY, written.iter().map(String::as_str).collect()),
        };
        if keys.is_empty() {
            if from_file.is_some() {
                return Err(self.error(key, "names a file without a signing key"));
            }
            return Ok(dev.then(made_up).flatten().into_iter().collect());
        }
        // The keys themselves are not shown.
        let is_one = |text: &&str| {
            (SHORTEST..=LONGEST).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic())
        };
        if keys.len() > MOST || !keys.iter().all(is_one) {
            let message = format!(
                "must have one to {MOST} signing keys of {SHORTEST} to {LONGEST} characters, as \
                 Logto's console shows them in the webhook's settings"
            );
            return Err(self.error(key, &message));
        }
        if issuer::is_template(&provider.issuer) {
            return Err(self.error(
                key,
                "cannot stand beside an issuer with {tenantid}: a webhook of Logto does not say \
                 whose tenant's user it is about",
            ));
        }
        Ok(keys.into_iter().map(AppSecret::new).collect())
    }
}

fn lines(text: &str) -> Vec<&str> {
    let lines = text.lines().map(str::trim);
    lines.filter(|line| !line.is_empty()).collect()
}

/// For the development provider, which is given it at each start.
fn made_up() -> Option<AppSecret> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).ok()?;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Some(AppSecret::new(&hex))
}
