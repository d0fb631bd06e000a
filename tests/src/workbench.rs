//! The workbench, the server and the network of a private lab, used by keyboard alone in Chromium.

use std::net::SocketAddr;

use fantoccini::key::Key;
use serde::Deserialize;
use serde_json::json;
use shared::call::Transport;

use crate::{browser::Browser, language::Language, timeout::until};

/// A call of the workbench, by its position in the list from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made(pub usize);

/// A row of the workbench's list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct WorkbenchRow {
    /// The call with its arguments.
    pub call: String,
    /// `blocked`, `returned` or `failed`.
    pub state: String,
    /// The error's name; empty where there is none.
    pub errno: String,
}

/// A socket's card at the workbench.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct WorkbenchSocket {
    /// Its descriptor.
    pub fd: String,
    /// The highlighted state.
    pub state: String,
    /// Its local address as text.
    pub local: String,
    /// Its peer address as text.
    pub peer: String,
}

const ROWS: &str = "[...document.querySelectorAll('#bench-log > li')].map(row => ({ \
    call: row.querySelector('[data-p=call]').textContent, state: row.dataset.state, errno: row.dataset.errno }))";

const SOCKETS: &str = "[...document.querySelectorAll('#bench-cards .socket')].map(card => { \
    const part = name => card.querySelector(`[data-p=${name}]`).textContent; \
    return { fd: card.dataset.fd, state: card.dataset.state, local: part('local'), peer: part('peer') } })";

impl Browser {
    /// Opens a private lab, waits until its server is shown, and returns the server's address.
    pub async fn enters_own_lab(&self) -> SocketAddr {
        self.activates("#enter-own").await;
        self.is_in_own_lab().await
    }

    /// Waits until the page shows a private lab, and returns the address of the shown server.
    pub async fn is_in_own_lab(&self) -> SocketAddr {
        self.sees("#lab[data-kind=private]").await;
        self.sees("#server[data-state=running]").await;
        self.server_address().await
    }

    /// The address of the shown server.
    ///
    /// # Panics
    /// When the page shows no address there.
    pub async fn server_address(&self) -> SocketAddr {
        let address = self.text("#server-address").await;
        address.parse().expect("an address")
    }

    /// Chooses UDP or TCP with the arrow keys.
    pub async fn turns_to(&self, transport: Transport) {
        let (other, key, id) = match transport {
            Transport::Udp => ("#transport-tcp", Key::Left, "#transport-udp"),
            Transport::Tcp => ("#transport-udp", Key::Right, "#transport-tcp"),
        };
        if self.has(&format!("{other}:checked")).await {
            self.reaches(other).await;
            self.keys(&char::from(key).to_string()).await;
        }
        self.sees(&format!("{id}:checked")).await;
    }

    /// Writes a sentence and sends it.
    pub async fn sends_sentence(&self, sentence: &str) {
        self.sees("#send:not(:disabled)").await;
        self.writes("#sentence", sentence).await;
        self.keys(&char::from(Key::Enter).to_string()).await;
    }

    /// Presses a button of the server, and waits until the server is in `state`.
    pub async fn commands_server(&self, button: &str, state: &str) {
        self.activates(button).await;
        self.sees(&format!("#server[data-state={state}]")).await;
    }

    /// Opens the workbench.
    pub async fn turns_to_bench(&self) {
        self.activates("#view-workbench").await;
        self.sees("#bench:not([hidden])").await;
    }

    /// Makes a socket there, and waits for its card.
    pub async fn makes_socket(&self, transport: Transport, fd: u32) {
        let before = self.bench_sockets().await.len();
        let made = self.begins("#bench-new", "socket", transport).await;
        self.returns(made).await;
        let newest = async || {
            let cards = self.bench_sockets().await;
            let newest = (cards.len() > before).then(|| cards.into_iter().next())?;
            newest.filter(|card| card.fd == fd.to_string())
        };
        until(&format!("a card for socket {fd}"), newest).await;
    }

    /// Requests a socket without waiting for it.
    pub async fn begins(&self, button: &str, call: &str, transport: Transport) -> Made {
        let name = transport.as_str();
        self.adds(&format!("{button}-{name}"), call).await
    }

    /// Makes a call on the newest socket of that number.
    pub async fn makes(&self, fd: u32, call: &str) -> Made {
        self.adds(&of(fd, &format!("button[data-call={call}]")), call)
            .await
    }

    /// Presses a button that makes a call.
    pub async fn adds(&self, button: &str, call: &str) -> Made {
        let before = self.bench_rows().await.len();
        self.activates(button).await;
        let made = Made(before + 1);
        self.sees(&row(made, &format!("[data-call={call}]"))).await;
        made
    }

    /// Writes into a field of a socket's card.
    pub async fn puts(&self, fd: u32, argument: &str, text: &str) {
        self.writes(&of(fd, &format!("input[data-argument={argument}]")), text)
            .await;
    }

    /// Picks one of what a field of a socket's card offers.
    pub async fn sets_to(&self, fd: u32, argument: &str, value: &str) {
        let list = of(fd, &format!("select[data-argument={argument}]"));
        self.moves_to(&list, value).await;
    }

    /// Makes calls one after another; each must return.
    pub async fn performs(&self, fd: u32, calls: &[&str]) {
        for call in calls {
            let made = self.makes(fd, call).await;
            self.returns(made).await;
        }
    }

    /// Waits until the call has returned; returns its result as text.
    pub async fn returns(&self, made: Made) -> String {
        self.sees(&row(made, "[data-state=returned]")).await;
        self.text(&row(made, " [data-p=result]")).await
    }

    /// Waits until the call has failed, and checks that it is explained by this text.
    pub async fn fails(&self, made: Made, errno: &str, language: &Language, key: &str) {
        self.fails_saying(made, errno, language.text(key)).await;
    }

    /// The same where the text has gaps, which are filled.
    ///
    /// # Panics
    /// When it says something else.
    pub async fn fails_saying(&self, made: Made, errno: &str, why: &str) {
        self.sees(&row(
            made,
            &format!("[data-state=failed][data-errno={errno}]"),
        ))
        .await;
        let said = self.text(&row(made, " [data-p=means]")).await;
        assert_eq!(said, why, "{errno} of {made:?}");
    }

    /// Waits until the call has begun, and is blocked.
    pub async fn blocks(&self, made: Made, language: &Language) {
        let result = format!(
            "document.querySelector({})",
            json!(row(made, " [data-p=result]"))
        );
        let blocked = json!(language.text("row.blocked"));
        self.waits_until(&format!("{result}.textContent.startsWith({blocked})"))
            .await;
    }

    /// Whether the call is still blocked.
    pub async fn is_blocked(&self, made: Made) -> bool {
        self.has(&row(made, "[data-state=blocked]")).await
    }

    /// Cancels a blocked call.
    pub async fn gives_up(&self, made: Made, language: &Language) {
        self.activates(&row(made, " [data-cancel]")).await;
        self.fails(made, "ECANCELED", language, "reason.cancelled")
            .await;
    }

    /// The seconds of a counter on the page.
    pub async fn seconds(&self, selector: &str) -> f64 {
        let text = format!(
            "document.querySelector({})?.textContent ?? ''",
            json!(selector)
        );
        // The last number: others are before it.
        let number = format!("Number(({text}).match(/[0-9.]+(?=\\s*s)/g)?.at(-1) ?? NaN)");
        let seen = async || self.asks(&number).await.as_f64();
        until(&format!("seconds in {selector}"), seen).await
    }

    /// The list of the workbench.
    pub async fn bench_rows(&self) -> Vec<WorkbenchRow> {
        self.reads(ROWS).await
    }

    /// The cards of the workbench, newest first.
    pub async fn bench_sockets(&self) -> Vec<WorkbenchSocket> {
        self.reads(SOCKETS).await
    }

    /// The address that a socket's card shows as its own.
    ///
    /// # Panics
    /// When it shows none.
    pub async fn own_address(&self, fd: u32) -> SocketAddr {
        let text = self.text(&of(fd, "[data-p=local]")).await;
        text.parse()
            .unwrap_or_else(|_| panic!("{text}: an address"))
    }

    /// Waits until the doors of this kind have exactly these texts.
    pub async fn sees_doors(&self, kind: &str, lines: &[String]) {
        let doors = format!("#doors-list [data-door={kind}]");
        self.reads_lines(&doors, lines).await;
    }

    /// Waits until an element has exactly this text.
    pub async fn reads_line(&self, selector: &str, line: &str) {
        self.reads_lines(selector, &[line.to_owned()]).await;
    }

    /// Waits until elements have exactly these texts; empty texts do not count.
    pub async fn reads_lines(&self, selector: &str, lines: &[String]) {
        let texts = format!(
            "[...document.querySelectorAll({})].map(line => line.textContent).filter(text => text !== '')",
            json!(selector)
        );
        let holds = async || (self.reads::<Vec<String>>(&texts).await == lines).then_some(());
        until(&format!("{lines:?} at {selector}"), holds).await;
    }

    /// Sets the network's fields, the same in both directions, and the seed.
    pub async fn sets_network(&self, loss_percent: u32, seed: u64) {
        self.unfolds("#network").await;
        for field in ["#request-loss", "#reply-loss"] {
            self.writes(field, &loss_percent.to_string()).await;
        }
        self.writes("#network-seed", &seed.to_string()).await;
        self.activates("#network-apply").await;
    }

    /// Waits for the one held datagram and decides about it; returns its number and its description.
    pub async fn decides(&self, verdict: &str) -> (String, String) {
        let held = "#held [data-datagram]";
        self.waits_until(&format!("document.querySelectorAll('{held}').length === 1"))
            .await;
        let number: String = self
            .reads(&format!(
                "document.querySelector('{held}').dataset.datagram"
            ))
            .await;
        let said = self.text(&format!("{held} [data-p=what]")).await;
        self.activates(&format!("{held} [data-verdict={verdict}]"))
            .await;
        let gone = format!("document.querySelector(\"#held [data-datagram='{number}']\") === null");
        self.waits_until(&gone).await;
        (number, said)
    }
}

/// A selector within the newest card of this descriptor; older cards are below it.
fn of(fd: u32, what: &str) -> String {
    format!("#bench-cards .socket[data-fd='{fd}'] {what}")
}

/// A row of the workbench's list.
fn row(Made(number): Made, what: &str) -> String {
    format!("#bench-log > li:nth-child({number}){what}")
}
