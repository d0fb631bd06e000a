//! The workbench's programs in other languages make the same calls.

use std::process::Command;

use tests::{
    browser::Browser,
    folder::Folder,
    process::Process,
    relay::Relay,
    story::{BrowserOptions, story},
    timeout::TIMEOUT,
};

const SENTENCE: &str = "it's 100% 世界?";
const SHOUTED: &str = "IT'S 100% 世界?";

#[tokio::test]
async fn a_udp_exchange_is_the_same_in_other_languages() {
    let relay = Relay::start(&[]);
    story(&relay, BrowserOptions::default(), async |browser| {
        turns_to_the_workbench(browser).await;
        browser.clicks("#bench-new-udp").await;
        browser.sees("[data-fd='3'][data-state=unbound]").await;
        types_data(browser, 3, SENTENCE).await;
        makes(browser, 3, "sendto").await;
        browser.sees("[data-fd='3'][data-state=bound]").await;
        makes(browser, 3, "recvfrom").await;
        has_made(browser, "recvfrom", "returned").await;
        makes(browser, 3, "close").await;
        browser.sees("[data-fd='3'][data-state=CLOSED]").await;
        do_the_same(browser).await;
        // Without a mistake in it, it needs no crate.
        let rust = reads(browser, "rust").await;
        let compiled = compiles("rustc", "rs", &rust, |source, program| {
            ["--edition=2024", "-Dwarnings", "-o", program, source]
        });
        assert_eq!(compiled, SHOUTED, "{rust}");
    })
    .await;
}

#[tokio::test]
async fn a_tcp_exchange_is_the_same_in_other_languages() {
    let relay = Relay::start(&[]);
    story(&relay, BrowserOptions::default(), async |browser| {
        turns_to_the_workbench(browser).await;
        browser.clicks("#bench-new-tcp").await;
        browser.sees("[data-fd='3'][data-state=CLOSED]").await;
        // A mistake is part of the program.
        makes(browser, 3, "recv").await;
        browser
            .sees("#bench-log [data-call=recv][data-errno=ENOTCONN]")
            .await;
        makes(browser, 3, "connect").await;
        browser.sees("[data-fd='3'][data-state=ESTABLISHED]").await;
        types_data(browser, 3, SENTENCE).await;
        makes(browser, 3, "send").await;
        makes(browser, 3, "recv").await;
        has_made(browser, "recv", "returned").await;
        makes(browser, 3, "close").await;
        has_made(browser, "close", "returned").await;
        for dark in [false, true] {
            browser.prefers(dark).await;
            let findings = browser.accessibility_findings().await;
            assert!(findings.is_empty(), "{findings:#?}");
        }
        do_the_same(browser).await;
    })
    .await;
}

async fn turns_to_the_workbench(browser: &Browser) {
    browser.clicks("#view-workbench").await;
    browser.sees("#bench:not([hidden])").await;
}

async fn types_data(browser: &Browser, fd: u32, text: &str) {
    let field = format!("[data-fd='{fd}'] [data-argument=data]");
    browser.clicks(&field).await;
    let selected = format!("document.querySelector(\"{field}\").select() === undefined");
    browser.waits_until(&selected).await;
    browser.presses(text).await;
}

async fn makes(browser: &Browser, fd: u32, call: &str) {
    browser
        .clicks(&format!("[data-fd='{fd}'] button[data-call={call}]"))
        .await;
}

async fn has_made(browser: &Browser, call: &str, state: &str) {
    browser
        .sees(&format!(
            "#bench-log [data-call={call}][data-state={state}]"
        ))
        .await;
}

/// Every program that can be run here is run, against the same lab.
async fn do_the_same(browser: &Browser) {
    let python = reads(browser, "python").await;
    assert_eq!(runs("python3", &["-c", &python]), SHOUTED, "{python}");
    let nc = reads(browser, "nc").await;
    assert_eq!(runs("sh", &["-c", &nc]), SHOUTED, "{nc}");
    let c = reads(browser, "c").await;
    let compiled = compiles("cc", "c", &c, |source, program| {
        ["-Wall", "-Wextra", "-Werror", "-o", program, source]
    });
    assert_eq!(compiled, SHOUTED, "{c}");
}

/// The last line of a program that has to be compiled first.
fn compiles<const MANY: usize>(
    compiler: &str,
    ending: &str,
    text: &str,
    arguments: impl for<'a> FnOnce(&'a str, &'a str) -> [&'a str; MANY],
) -> String {
    let folder = Folder::new();
    let name = format!("client.{ending}");
    folder.keeps(&name, text.as_bytes());
    let [source, program] =
        [name.as_str(), "client"].map(|name| folder.path().join(name).display().to_string());
    runs(compiler, &arguments(&source, &program));
    runs(&program, &[])
}

async fn reads(browser: &Browser, language: &str) -> String {
    let tab = format!("#equivalent-{language}");
    browser.clicks(&tab).await;
    browser.sees(&format!("{tab}[aria-selected=true]")).await;
    let text = browser
        .asks("document.getElementById('equivalent-text').textContent")
        .await;
    text.as_str().expect("a text").to_owned()
}

/// The last line a program writes; it must end well.
fn runs(program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(arguments).env("PYTHONIOENCODING", "utf-8");
    let mut process = Process::start(&mut command, "Let tests/run install it.");
    let status = process.ends_within(TIMEOUT);
    assert!(status.success(), "{program}: {}", process.output());
    let mut last = String::new();
    while let Some(line) = process.next_line() {
        last = line;
    }
    last
}
