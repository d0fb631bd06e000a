//! A story with a browser: it opens, the story is told, and whatever went wrong is shown before it closes.

use std::panic::AssertUnwindSafe;

use fantoccini::ClientBuilder;
use futures_util::FutureExt;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::{
    browser::Browser,
    driver::{Beyond, Driver, REMEDY},
    folder::Folder,
    language::Language,
    relay::Relay,
    timeout::within,
};

/// So many browsers at once leave room for the relays they talk to.
static SEATS: Semaphore = Semaphore::const_new(3);

/// A window of a desk, and one of a phone.
pub const DESK: (u32, u32) = (1280, 800);
/// See [`DESK`].
pub const PHONE: (u32, u32) = (360, 740);

/// What browsers write into the console while no relay answers: each WebSocket that fails, and the plain request by
/// which the page asks why.
pub const NO_CONVERSATION: &[&str] = &["WebSocket connection to", "/ws - Failed to load resource"];

/// How the person likes it.
#[derive(Clone, Copy, Debug)]
pub struct BrowserOptions {
    /// The languages the browser asks for, best first.
    pub languages: &'static str,
    /// The window's inner width and height.
    pub size: (u32, u32),
    /// Whether the system is set to dark.
    pub dark: bool,
    /// What the console may complain of in this story, and why it must is told there.
    pub forgives: &'static [&'static str],
}

impl Default for BrowserOptions {
    fn default() -> Self {
        Self {
            languages: "en-US,en",
            size: DESK,
            dark: false,
            forgives: &[],
        }
    }
}

/// Tells a story with a fresh browser at the relay's page.
///
/// # Panics
/// When the story fails, or the console holds any error or broken security rule at its end. The picture
/// of the page as it was then is kept.
pub async fn story(relay: &Relay, options: BrowserOptions, tell: impl AsyncFnOnce(&Browser)) {
    story_at(&relay.url(), options, tell).await;
}

/// The same at a URL, for stories in which the relay ends.
///
/// # Panics
/// As [`story`].
pub async fn story_at(url: &str, options: BrowserOptions, tell: impl AsyncFnOnce(&Browser)) {
    let _seat = SEATS.acquire().await.expect("seats are never taken away");
    let driver = Driver::start();
    let browser = Browser::open(&driver, options).await;
    let told = AssertUnwindSafe(async {
        browser.visits(url).await;
        tell(&browser).await;
        browser.checks_console(options.forgives).await;
    });
    let ending = told.catch_unwind().await;
    if ending.is_err() {
        browser.reports_screen().await;
    }
    browser.client.close().await.ok();
    if let Err(failure) = ending {
        std::panic::resume_unwind(failure);
    }
}

/// Tells a story in both languages, each with a relay of its own, which the story may end.
///
/// # Panics
/// As [`story`].
pub async fn in_both_languages(
    start: impl Fn() -> Relay,
    options: BrowserOptions,
    tell: impl AsyncFn(Relay, &Browser, &Language),
) {
    in_both_languages_at([options.size; 2], start, options, tell).await;
}

/// The same with a size of the window for each: English first.
///
/// # Panics
/// As [`story`].
pub async fn in_both_languages_at(
    sizes: [(u32, u32); 2],
    start: impl Fn() -> Relay,
    options: BrowserOptions,
    tell: impl AsyncFn(Relay, &Browser, &Language),
) {
    for (language, size) in Language::both().into_iter().zip(sizes) {
        let relay = start();
        let languages = language.wanted;
        let url = relay.url();
        let tell = async |browser: &Browser| tell(relay, browser, &language).await;
        let options = BrowserOptions {
            languages,
            size,
            ..options
        };
        story_at(&url, options, tell).await;
    }
}

/// Tells a story in both languages, at a desk and on a phone, each with a relay of its own.
///
/// # Panics
/// As [`story`].
pub async fn in_every_way(
    start: impl Fn() -> Relay,
    options: BrowserOptions,
    tell: impl AsyncFn(Relay, &Browser, &Language),
) {
    for sizes in [[DESK, PHONE], [PHONE, DESK]] {
        in_both_languages_at(sizes, &start, options, &tell).await;
    }
}

impl Browser {
    async fn open(driver: &Driver, options: BrowserOptions) -> Self {
        let downloads = Folder::new();
        let language = options.languages.split(',').next().unwrap_or_default();
        let capabilities = json!({
            "goog:chromeOptions": {
                "args": [
                    "--headless=new",
                    "--no-sandbox", // the sandbox refuses to run as root
                    "--disable-gpu",
                    "--disable-dev-shm-usage",
                    "--no-first-run",
                    "--disable-background-networking",
                    "--disable-component-update",
                    "--disable-sync",
                    format!("--lang={language}"),
                    format!("--window-size={},{}", options.size.0, options.size.1),
                ],
                "prefs": {
                    "intl.accept_languages": options.languages,
                    "download.default_directory": downloads.path(),
                },
            },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let Value::Object(capabilities) = capabilities else {
            unreachable!("an object is an object")
        };
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities);
        let driver = driver.url();
        let client = within("Chromium opening", builder.connect(&driver)).await;
        let client =
            client.unwrap_or_else(|error| panic!("Chromium did not open: {error}. {REMEDY}"));
        let browser = Self { client, downloads };
        browser.sets_size(options.size).await;
        browser.prefers(options.dark).await;
        browser
    }

    /// Gives the window one looks at this inner size.
    pub(crate) async fn sets_size(&self, size: (u32, u32)) {
        self.sets("Emulation.setDeviceMetricsOverride", metrics(size))
            .await;
    }

    /// Fails on any error in the console and on any broken security rule.
    async fn checks_console(&self, forgiven: &[&str]) {
        let lines = self.console().await;
        let bad = |line: &&Value| {
            let message = line["message"].as_str().unwrap_or_default();
            let complaint =
                line["level"] == "SEVERE" || message.contains("Content Security Policy");
            complaint && !forgiven.iter().any(|forgiven| message.contains(forgiven))
        };
        let complaints: Vec<_> = lines
            .iter()
            .filter(bad)
            .map(|line| line["message"].to_string())
            .collect();
        assert!(
            complaints.is_empty(),
            "the console complains: {complaints:#?}"
        );
    }

    async fn console(&self) -> Vec<Value> {
        let lines = self
            .client
            .issue_cmd(Beyond::ConsoleLines)
            .await
            .expect("the console");
        lines.as_array().cloned().unwrap_or_default()
    }

    /// For the report of a story that failed.
    async fn reports_screen(&self) {
        let Ok(picture) = self.client.screenshot().await else {
            return;
        };
        let name = std::thread::current()
            .name()
            .unwrap_or("story")
            .replace("::", "-");
        let path = std::env::temp_dir().join(format!("{name}.png"));
        if std::fs::write(&path, picture).is_ok() {
            eprintln!("what the browser showed: {}", path.display());
        }
        for line in self.console().await {
            eprintln!("console: {} {}", line["level"], line["message"]);
        }
        eprintln!("{}", self.text("body").await);
    }
}

fn metrics((width, height): (u32, u32)) -> Value {
    json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false })
}
