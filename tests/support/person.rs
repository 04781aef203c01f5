//! A person in front of Chromium: reads what is on the page, clicks what is
//! named, and waits until the next page is there.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fantoccini::Locator;
use fantoccini::elements::Element;
use rocket::tokio::time;
use serde_json::{Value, json};

use super::chromium::{Chromium, Look};
use super::demo::Demo;
use super::eventually::eventually;

const PATIENCE: Duration = Duration::from_secs(20);

pub const DESKTOP: Look = Look {
    width: 1280,
    height: 800,
    dark: false,
};
pub const PHONE: Look = Look {
    width: 390,
    height: 844,
    dark: false,
};

/// Every way in which pages are looked at, with a name for the picture.
pub const LOOKS: [(&str, Look); 4] = [
    ("desktop-light", DESKTOP),
    ("desktop-dark", dark(DESKTOP)),
    ("phone-light", PHONE),
    ("phone-dark", dark(PHONE)),
];

const fn dark(look: Look) -> Look {
    Look { dark: true, ..look }
}

pub struct Person {
    chromium: Chromium,
}

impl Deref for Person {
    type Target = Chromium;

    fn deref(&self) -> &Chromium {
        &self.chromium
    }
}

impl Person {
    pub async fn new() -> Person {
        Person::with(&[]).await
    }

    /// With more command-line arguments for Chromium.
    pub async fn with(arguments: &[&str]) -> Person {
        let chromium = Chromium::start_with(DESKTOP, arguments).await;
        // As on a phone, where they lie over the page and take no room.
        let hidden = json!({ "hidden": true });
        chromium.cdp("Emulation.setScrollbarsHidden", hidden).await;
        Person { chromium }
    }

    /// Types an address.
    pub async fn open(&self, url: impl AsRef<str>) {
        self.goto(url.as_ref()).await.expect("the address opens");
    }

    /// Clicks the link or button with this text, or that begins with it.
    pub async fn click(&self, text: &str) {
        let control = self.control(text).await;
        control
            .click()
            .await
            .unwrap_or_else(|error| panic!("{text:?} cannot be clicked: {error}"));
    }

    /// By the account menu, which every page of the app has.
    pub async fn sign_out(&self) {
        self.open_account_menu().await;
        self.click("Sign out").await;
    }

    pub async fn open_account_menu(&self) {
        let summary = self.find(Locator::Css(".account summary")).await;
        let summary = summary.expect("an account menu");
        summary.click().await.expect("the menu opens");
    }

    pub async fn control(&self, text: &str) -> Element {
        let xpath = format!("(//a|//button)[starts-with(normalize-space(.), \"{text}\")]");
        match self.find(Locator::XPath(&xpath)).await {
            Ok(control) => control,
            Err(_) => panic!("no {text:?} on the page:\n{}", self.text().await),
        }
    }

    /// The user's button on the provider's page. It begins with the avatar.
    pub async fn pick(&self, user: &str) {
        let css = format!("button[name=user][value={user}]");
        match self.find(Locator::Css(&css)).await {
            Ok(button) => button.click().await.expect("the user's button"),
            Err(_) => panic!("no {user} on the page:\n{}", self.text().await),
        }
    }

    /// Waits until the page at exactly this address is there.
    pub async fn arrives_at(&self, url: impl AsRef<str>) {
        self.arrives(url.as_ref(), |here| here == url.as_ref())
            .await;
    }

    /// Waits until some page at an address that starts like this is there.
    pub async fn arrives_below(&self, url: impl AsRef<str>) {
        self.arrives(url.as_ref(), |here| here.starts_with(url.as_ref()))
            .await;
    }

    /// Waits for the front page that says so, at an address without the `state` of the
    /// sign-out (RP-Initiated Logout 1.0, section 3).
    pub async fn arrives_signed_out(&self, demo: &Demo) {
        let front = demo.url("/");
        let script = format!(
            "return document.readyState == 'complete' && location.href == '{front}' \
             && document.body.innerText.includes('You are signed out.') ? '{front}' : null"
        );
        let arrival = async {
            while self.script(&script).await.as_str() != Some(&front) {
                time::sleep(Duration::from_millis(30)).await;
            }
        };
        if time::timeout(PATIENCE, arrival).await.is_err() {
            panic!(
                "never signed out at {front} but at {:?}:\n{}",
                self.current_url().await,
                self.text().await
            );
        }
    }

    async fn arrives(&self, wanted: &str, is_there: impl Fn(&str) -> bool) {
        let arrival = async {
            loop {
                let here = self.script("return document.readyState == 'complete' && location.href");
                if here.await.as_str().is_some_and(&is_there) {
                    return;
                }
                time::sleep(Duration::from_millis(30)).await;
            }
        };
        if time::timeout(PATIENCE, arrival).await.is_err() {
            panic!(
                "never at {wanted} but at {:?}:\n{}",
                self.current_url().await,
                self.text().await
            );
        }
    }

    /// From the app's page `path`, which needs a user, through the provider and back.
    pub async fn sign_in(&self, demo: &Demo, path: &str, user: &str) {
        self.open(demo.url(path)).await;
        self.arrives_below(demo.provider_url("/")).await;
        self.pick(user).await;
        self.arrives_at(demo.url(path)).await;
    }

    /// What can be read on the page.
    pub async fn text(&self) -> String {
        let text = self.script("return document.body.innerText").await;
        text.as_str().unwrap_or_default().to_owned()
    }

    pub async fn heading(&self) -> String {
        // In one step: between two the page may become another one.
        let mut heading = Value::Null;
        eventually("a heading", async || {
            let script = "return document.querySelector('h1')?.innerText";
            heading = self.script(script).await;
            heading.is_string()
        })
        .await;
        heading.as_str().unwrap_or_default().to_owned()
    }

    /// The claims on the page: (name, what is shown).
    pub async fn rows(&self) -> Vec<(String, String)> {
        let rows = "return [...document.querySelectorAll('.rows > div')].map(row =>
            [row.querySelector('dt').innerText, row.querySelector('dd').innerText])";
        serde_json::from_value(self.script(rows).await).expect("rows of two")
    }

    pub async fn script(&self, script: &str) -> Value {
        self.execute(script, Vec::new())
            .await
            .unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// Writes into the field with this id, in place of what is there.
    pub async fn write(&self, id: &str, text: &str) {
        let field = self.find(Locator::Id(id)).await.expect("a field");
        field.clear().await.expect("it can be emptied");
        field.send_keys(text).await.expect("it can be written into");
    }

    /// Presses a key wherever the focus is.
    pub async fn press(&self, key: char) {
        let focus = self.active_element().await.expect("a focus");
        focus.send_keys(&key.to_string()).await.expect("a key");
    }

    /// Panics when something is wider than the window.
    pub async fn sees_no_sideways_scrolling(&self, page: &str) {
        let widths = "const root = document.scrollingElement;
            return [root.scrollWidth, root.clientWidth, document.body.scrollWidth]";
        let widths = self.script(widths).await;
        let widths: [u32; 3] = serde_json::from_value(widths).expect("three widths");
        assert!(
            widths[0] <= widths[1] && widths[2] <= widths[1],
            "{page} is wider than the window: {widths:?}"
        );
    }

    /// Panics when axe finds something that keeps people from using the page.
    pub async fn sees_no_barriers(&self, page: &str) {
        const AXE: &str = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/oidc_provider/node_modules/axe-core/axe.min.js"
        );
        let axe = std::fs::read_to_string(AXE).expect("axe-core is installed");
        let run = "const done = arguments[arguments.length - 1];
            axe.run().then(found => done(found.violations.map(it =>
                [it.id, it.help, ...it.nodes.map(node => node.html)])), error => done(`${error}`))";
        let found = self
            .execute_async(&format!("{axe};{run}"), Vec::new())
            .await;
        let found = found.unwrap_or_else(|error| panic!("{page}: {error}"));
        assert_eq!(found, json!([]), "{page}");
    }

    /// Console lines since the last call, without those that say what was meant:
    /// the status of an error page, and the avatar, which is on the network.
    pub async fn complaints(&self) -> Vec<String> {
        let mut console = self.console().await;
        console.retain(|line| {
            let answered = line.contains("the server responded with a status of ");
            let offline = line.contains("https://www.example.com/") && line.contains("net::ERR_");
            !answered && !offline
        });
        console
    }

    /// The whole page, beyond the window's lower edge, as
    /// `target/screenshots/<name>.png`.
    pub async fn photograph(&self, name: &str) -> PathBuf {
        let parameters = json!({ "format": "png", "captureBeyondViewport": true });
        let shot = self.cdp("Page.captureScreenshot", parameters).await;
        let png = shot["data"].as_str().expect("a picture");
        let png = STANDARD.decode(png).expect("base64");
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
        std::fs::create_dir_all(&folder).expect("a folder for screenshots");
        let file = folder.join(format!("{name}.png"));
        std::fs::write(&file, png).expect("the screenshot is written");
        file
    }
}
