//! The program `relay`: reads the command line, prints the addresses, and runs until a signal ends it.

use std::process::ExitCode;

use clap::Parser;
use relay::{Relay, config::Config, descriptors, session, store::Store, sys};
use tokio::{runtime::Builder, task::LocalSet};

fn main() -> ExitCode {
    let config = Config::parse();
    let descriptor_limit = sys::descriptors::raise_limit();
    if let Some(limit) = descriptor_limit.filter(|limit| *limit < descriptors::MIN_DESCRIPTORS) {
        return fail(&format!(
            "{limit} file descriptors are too few: allow at least {} (ulimit -n)",
            descriptors::MIN_DESCRIPTORS
        ));
    }
    let mut builder = Builder::new_current_thread();
    let builder = builder.enable_all().on_thread_park(session::end_turn);
    let runtime = match builder.build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("cannot start the event loop: {error}")),
    };
    // Spawned as its own task so that `block_on`'s root future stays cheap to poll.
    let running = async { tokio::task::spawn_local(run(config, descriptor_limit)).await };
    match LocalSet::new().block_on(&runtime, running) {
        Ok(code) => code,
        Err(panic) => fail(&format!("the event loop panicked: {panic}")),
    }
}

async fn run(config: Config, descriptor_limit: Option<u64>) -> ExitCode {
    let shutdown = match sys::process::termination_signal() {
        Ok(shutdown) => shutdown,
        Err(error) => return fail(&format!("cannot listen for signals: {error}")),
    };
    let store = match Store::open(config.data.as_deref()) {
        Ok(store) => store,
        Err(error) => return fail(&error.to_string()),
    };
    let relay = match Relay::bind(config, store, descriptor_limit).await {
        Ok(relay) => relay,
        Err(error) => return fail(&error.to_string()),
    };
    if let Err(error) = sys::process::drop_privileges() {
        return fail(&format!("cannot drop privileges: {error}"));
    }
    if let Err(error) = descriptors::fill_reserve() {
        return fail(&format!("cannot reserve file descriptors: {error}"));
    }
    eprintln!("relay: {}", relay.truth_line());
    eprintln!("relay: {}", relay.trust_line());
    for line in relay.lowered_limits() {
        eprintln!("relay: {line}");
    }
    match relay.ready_line() {
        Ok(line) => println!("{line}"),
        Err(error) => return fail(&format!("cannot determine its own address: {error}")),
    }
    relay.run(shutdown).await;
    ExitCode::SUCCESS
}

fn fail(message: &str) -> ExitCode {
    eprintln!("relay: {message}");
    ExitCode::FAILURE
}
