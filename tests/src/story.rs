//! Runs a story with a browser, and reports what the page showed if it fails.

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

/// The number of browsers at the same time, so that the relays have enough processor time.
static SEATS: Semaphore = Semaphore::const_new(3);

/// Window sizes of a desktop and of a phone.
pub const DESK: (u32, u32) = (1280, 800);
/// See [`DESK`].
pub const PHONE: (u32, u32) = (360, 740);

/// The console's errors while no relay answers: each WebSocket that fails, and the plain request by which the page asks
/// for the reason.
pub const NO_CONVERSATION: &[&str] = &["WebSocket connection to", "/ws - Failed to load resource"];

/// Settings of the browser.
#[derive(Clone, Copy, Debug)]
pub struct BrowserOptions {
    /// The languages the browser asks for, best first.
    pub languages: &'static str,
    /// The window's inner width and height.
    pub size: (u32, u32),
    /// Whether the system prefers dark colours.
    pub dark: bool,
    /// Console errors that this story causes; the story says why.
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

/// Runs a story with a new browser at the relay's page.
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

/// Runs a story in both languages, each with its own relay, which the story may end.
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

/// The same with a window size for each language, English first.
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

/// Runs a story in both languages and both window sizes, each with its own relay.
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

    /// Sets the inner size of the current window.
    pub(crate) async fn sets_size(&self, size: (u32, u32)) {
        self.sets("Emulation.setDeviceMetricsOverride", metrics(size))
            .await;
    }

    /// Fails on any console error or security violation.
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

    /// Reports what the page shows when a story fails.
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
