//! Chromium's WebDriver, one per story, and its commands that the client library lacks.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    process::Command,
    time::Duration,
};

use fantoccini::wd::WebDriverCompatibleCommand;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::http::Method;
use url::{ParseError, Url};

use crate::process::Process;

/// What to do when a browser is missing: stories are never skipped.
pub const REMEDY: &str = "The browser stories need Chromium and its driver: run tests/run as root on Debian, or install both yourself.";

/// How often the driver may fail to find a port.
const ATTEMPTS: u32 = 10;

/// The time for the driver to end its browsers.
const ENDING: Duration = Duration::from_secs(10);

/// A running chromedriver; it ends with its browsers.
#[derive(Debug)]
pub struct Driver {
    address: SocketAddr,
    _process: Process,
}

impl Driver {
    /// Starts it on a port of its own choice.
    ///
    /// # Panics
    /// When it is not installed, or does not say its port.
    #[must_use]
    pub fn start() -> Self {
        // It chooses a port for IPv6 and gives up when another has the same one for IPv4.
        let tried = (0..ATTEMPTS).find_map(|_| Self::try_start());
        tried.unwrap_or_else(|| panic!("chromedriver did not start. {REMEDY}"))
    }

    fn try_start() -> Option<Self> {
        let process = Process::start(Command::new("chromedriver").arg("--port=0"), REMEDY);
        while let Some(line) = process.next_line() {
            let said = line.strip_prefix("ChromeDriver was started successfully on port ");
            if let Some(port) = said.and_then(|port| port.trim_end_matches('.').parse().ok()) {
                let address = (Ipv4Addr::LOCALHOST, port).into();
                return Some(Self {
                    address,
                    _process: process,
                });
            }
        }
        None
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Asks it to end its browsers and itself; a driver that is killed would leave them running.
    fn shut_down(&self) -> std::io::Result<()> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(ENDING))?;
        write!(
            stream,
            "GET /shutdown HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.address
        )?;
        stream.read_to_end(&mut Vec::new())?;
        Ok(())
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.shut_down().ok();
    }
}

/// Chromium's own commands beyond the standard.
#[derive(Debug)]
pub(crate) enum Beyond {
    /// The console's lines since the last request.
    ConsoleLines,
    /// A command of the DevTools protocol.
    DevTools(&'static str, Value),
}

impl WebDriverCompatibleCommand for Beyond {
    fn endpoint(&self, base_url: &Url, session_id: Option<&str>) -> Result<Url, ParseError> {
        let name = match self {
            Self::ConsoleLines => "se/log",
            Self::DevTools(..) => "goog/cdp/execute",
        };
        base_url.join(&format!(
            "session/{}/{name}",
            session_id.unwrap_or_default()
        ))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        let body = match self {
            Self::ConsoleLines => json!({ "type": "browser" }),
            Self::DevTools(command, parameters) => json!({ "cmd": command, "params": parameters }),
        };
        (Method::POST, Some(body.to_string()))
    }
}
