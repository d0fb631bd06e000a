//! Chromium as a person uses it: typing, clicking, reading. Only what is visible counts.

use std::path::PathBuf;

use fantoccini::{Client, Locator, elements::Element, key::Key, wd::WindowHandle};
use serde_json::{Value, json};
use shared::call::Transport;

use crate::{
    driver::Beyond,
    folder::Folder,
    timeout::{TIMEOUT, until, within},
};

/// A running browser.
#[derive(Debug)]
pub struct Browser {
    pub(crate) client: Client,
    /// The folder for downloads.
    pub(crate) downloads: Folder,
}

/// A row of the list of calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The call's name.
    pub call: String,
    /// Its side: `client` or `server`.
    pub side: String,
    /// Its state.
    pub state: String,
    /// The error's name, if it failed.
    pub errno: Option<String>,
}

impl Browser {
    /// Opens a page and waits until it can be used.
    ///
    /// # Panics
    /// When it does not become ready.
    pub async fn visits(&self, url: &str) {
        within("the page loading", self.client.goto(url))
            .await
            .expect("a page");
        self.waits_until("document.documentElement.dataset.ready === 'true'")
            .await;
    }

    /// Opens a page that need not become ready.
    ///
    /// # Panics
    /// When there is none.
    pub async fn opens(&self, url: &str) {
        within("the page loading", self.client.goto(url))
            .await
            .expect("a page");
    }

    /// Loads the page again.
    ///
    /// # Panics
    /// When it does not become ready.
    pub async fn reloads(&self) {
        within("the page loading", self.client.refresh())
            .await
            .expect("a page");
        self.waits_until("document.documentElement.dataset.ready === 'true'")
            .await;
    }

    /// The current window.
    ///
    /// # Panics
    /// When there is none.
    pub async fn stands_at(&self) -> WindowHandle {
        self.client.window().await.expect("a window")
    }

    /// Opens the page in another window of the same browser and size, which becomes the current one.
    ///
    /// # Panics
    /// When it does not become ready.
    pub async fn opens_another(&self, url: &str) -> WindowHandle {
        let size = self.reads::<[u32; 2]>("[innerWidth, innerHeight]").await;
        let opened = within("a new window", self.client.new_window(false)).await;
        let window = opened.expect("a new window").handle;
        self.goes_to(&window).await;
        self.sets_size(size.into()).await;
        self.visits(url).await;
        window
    }

    /// Makes a window the current one; the browser draws no other.
    ///
    /// # Panics
    /// When it is closed.
    pub async fn goes_to(&self, window: &WindowHandle) {
        let going = self.client.switch_to_window(window.clone());
        within("going to a window", going).await.expect("a window");
        self.sets("Page.bringToFront", json!({})).await;
    }

    /// Switches the system between light and dark.
    pub async fn prefers(&self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": value }] });
        self.sets("Emulation.setEmulatedMedia", features).await;
    }

    /// Replaces the sentence.
    ///
    /// # Panics
    /// When there is nowhere to write.
    pub async fn types(&self, sentence: &str) {
        let field = self.finds("#sentence").await;
        field.clear().await.expect("a field to write in");
        field
            .send_keys(sentence)
            .await
            .expect("a field to write in");
    }

    /// Inserts a long sentence at once, as pasting does.
    pub async fn pastes(&self, sentence: &str) {
        let script = "const field = document.getElementById('sentence'); field.focus(); field.select(); \
                      document.execCommand('insertText', false, arguments[0]);";
        self.runs(script, vec![json!(sentence)]).await;
    }

    /// Chooses UDP or TCP.
    pub async fn chooses(&self, transport: Transport) {
        let id = match transport {
            Transport::Udp => "transport-udp",
            Transport::Tcp => "transport-tcp",
        };
        self.clicks_label_of(id).await;
    }

    /// Presses the button to send.
    pub async fn sends(&self) {
        self.clicks("#send").await;
    }

    /// Chooses, types, sends, and waits for the reply to this sentence, not to the one before.
    pub async fn exchanges(&self, transport: Transport, sentence: &str, reply: &str) {
        self.chooses(transport).await;
        self.types(sentence).await;
        let before = self.receives_so_far().await;
        self.sends().await;
        let received = async || (self.receives_so_far().await > before).then_some(());
        until("a receive that returned", received).await;
        self.reads_reply(reply).await;
    }

    async fn receives_so_far(&self) -> usize {
        let rows = self.calls().await.into_iter();
        let receives = rows.filter(|row| row.side == "client" && row.call.starts_with("recv"));
        receives.filter(|row| row.state == "returned").count()
    }

    /// Waits until the reply is exactly this.
    pub async fn reads_reply(&self, reply: &str) {
        let read = async || (self.reply().await == reply).then_some(());
        until(&format!("the reply {reply:.60}"), read).await;
    }

    /// The current reply.
    pub async fn reply(&self) -> String {
        let reply = self
            .asks("document.getElementById('reply').textContent")
            .await;
        reply.as_str().unwrap_or_default().to_owned()
    }

    /// The visible text of an element.
    ///
    /// # Panics
    /// When it is not there.
    pub async fn text(&self, selector: &str) -> String {
        self.finds(selector).await.text().await.expect("text")
    }

    /// Waits until an element is visible and enabled, and clicks it; a covered element cannot be clicked.
    ///
    /// # Panics
    /// When it cannot.
    pub async fn clicks(&self, selector: &str) {
        let element = format!("document.querySelector({})", json!(selector));
        let ready = "element !== null && element.checkVisibility() && !element.disabled";
        self.waits_until(&format!("(element => {ready})({element})"))
            .await;
        let clicked = self.finds(selector).await.click().await;
        clicked.unwrap_or_else(|error| panic!("{selector} cannot be clicked: {error}"));
    }

    /// Clicks the label of a choice.
    ///
    /// # Panics
    /// When it cannot.
    pub async fn clicks_label_of(&self, id: &str) {
        let label = format!("//label[@for='{id}' or .//*[@id='{id}']]");
        let label = self.client.find(Locator::XPath(&label)).await;
        let label = label.unwrap_or_else(|error| panic!("{id} has no label: {error}"));
        let clicked = label.click().await;
        clicked.unwrap_or_else(|error| panic!("the label of {id} cannot be clicked: {error}"));
    }

    /// Selects an option by its value.
    ///
    /// # Panics
    /// When it is not offered.
    pub async fn picks(&self, selector: &str, value: &str) {
        let picked = self.finds(selector).await.select_by_value(value).await;
        picked.unwrap_or_else(|error| panic!("{selector} does not offer {value}: {error}"));
    }

    /// Scrolls an element to the middle, and clicks it.
    pub async fn scrolls_and_clicks(&self, selector: &str) {
        let element = format!("document.querySelector({})", json!(selector));
        self.sees(selector).await;
        self.asks(&format!(
            "{element}.scrollIntoView({{ block: 'center' }}), null"
        ))
        .await;
        self.clicks(selector).await;
    }

    /// Presses keys where the focus is.
    ///
    /// # Panics
    /// When nothing has the focus.
    pub async fn presses(&self, keys: &str) {
        let focused = self
            .client
            .active_element()
            .await
            .expect("something has the focus");
        focused.send_keys(keys).await.expect("it takes keys");
    }

    /// Presses Tab until an element has the focus.
    ///
    /// # Panics
    /// When a round of the page does not reach it, or a stop on the way cannot be seen.
    pub async fn tabs_to(&self, selector: &str) {
        let there = format!("document.activeElement.matches({})", json!(selector));
        for _ in 0..100 {
            if self.asks(&there).await == json!(true) {
                return;
            }
            self.presses(&char::from(Key::Tab).to_string()).await;
        }
        panic!("{selector} cannot be reached with Tab");
    }

    /// Waits until an expression on the page is true.
    pub async fn waits_until(&self, condition: &str) {
        let holds = async || (self.asks(condition).await == json!(true)).then_some(());
        until(condition, holds).await;
    }

    /// Waits until an element matches.
    pub async fn sees(&self, selector: &str) {
        self.waits_until(&format!(
            "document.querySelector({}) !== null",
            json!(selector)
        ))
        .await;
    }

    /// Whether an element matches now.
    pub async fn has(&self, selector: &str) -> bool {
        self.asks(&format!(
            "document.querySelector({}) !== null",
            json!(selector)
        ))
        .await
            == json!(true)
    }

    /// The current list of calls.
    pub async fn calls(&self) -> Vec<Row> {
        let rows = self
            .asks(
                "[...document.querySelectorAll('#calls [data-call]')].map(row => [row.dataset.call, row.dataset.side, \
                 row.dataset.state, row.dataset.errno ?? null])",
            )
            .await;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let row = |row: &Value| Row {
            call: text(&row[0]).unwrap_or_default(),
            side: text(&row[1]).unwrap_or_default(),
            state: text(&row[2]).unwrap_or_default(),
            errno: text(&row[3]).filter(|errno| !errno.is_empty()),
        };
        rows.as_array().into_iter().flatten().map(row).collect()
    }

    /// The names of one side's calls, in order.
    pub async fn calls_of(&self, side: &str) -> Vec<String> {
        let rows = self.calls().await;
        rows.into_iter()
            .filter(|row| row.side == side)
            .map(|row| row.call)
            .collect()
    }

    /// The value of an expression on the page.
    ///
    /// # Panics
    /// When it has none.
    pub async fn asks(&self, expression: &str) -> Value {
        self.runs(&format!("return ({expression});"), Vec::new())
            .await
    }

    /// The serious and critical findings of an accessibility audit, with their elements.
    ///
    /// # Panics
    /// When the auditor is not installed.
    pub async fn accessibility_findings(&self) -> Vec<String> {
        let path =
            PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("node_modules/axe-core/axe.min.js");
        let axe = std::fs::read_to_string(&path);
        let axe = axe
            .unwrap_or_else(|error| panic!("{}: {error}. Run `npm ci` in tests/.", path.display()));
        self.runs(&axe, Vec::new()).await;
        let script = "const done = arguments[0]; axe.run().then(found => done(found.violations), error => done(String(error)));";
        let found = within(
            "the accessibility audit",
            self.client.execute_async(script, Vec::new()),
        )
        .await;
        let found = found.expect("an audit");
        let grave = |violation: &&Value| {
            ["serious", "critical"]
                .map(Some)
                .contains(&violation["impact"].as_str())
        };
        let violations = found
            .as_array()
            .unwrap_or_else(|| panic!("the audit failed: {found}"));
        violations.iter().filter(grave).map(finding).collect()
    }

    async fn finds(&self, selector: &str) -> Element {
        let finding = self
            .client
            .wait()
            .at_most(TIMEOUT)
            .for_element(Locator::Css(selector));
        finding
            .await
            .unwrap_or_else(|error| panic!("{selector} is not on the page: {error}"))
    }

    pub(crate) async fn runs(&self, script: &str, arguments: Vec<Value>) -> Value {
        let running = self.client.execute(script, arguments);
        let value = within("a script on the page", running).await;
        value.unwrap_or_else(|error| panic!("{script:.200}: {error}"))
    }

    /// Sends a command of the DevTools protocol.
    pub async fn sets(&self, command: &'static str, parameters: Value) {
        let setting = self.client.issue_cmd(Beyond::DevTools(command, parameters));
        within(command, setting).await.expect("Chromium takes it");
    }
}

fn finding(violation: &Value) -> String {
    let nodes = violation["nodes"].as_array().into_iter().flatten();
    let nodes: Vec<_> = nodes
        .map(|node| format!("{} ({})", node["html"], node["failureSummary"]))
        .collect();
    format!("{}: {} {nodes:#?}", violation["id"], violation["help"])
}
