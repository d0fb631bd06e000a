//! The figures of the relay, each beside its goal, its peers and the floor of the machine, measured in the same run.
//!
//! `cargo bench -p tests [-- --short] [--only NAME] [--who NAME] [--json FILE]`. It fails on a wrong answer, never on a time.
//! `cargo bench -p tests -- --soak 600` leaves a relay to random visitors instead.
//!
//! Rooms: [`generator`] makes the load and checks every answer, [`floors`] are the least that could do the work,
//! [`peers`] are the programs compared with (and the relay itself), [`figures`] say what is measured, [`report`]
//! keeps, compares and prints. [`machine`] knows cores, processor time and memory.

#[cfg(target_os = "linux")]
mod arguments;
#[cfg(target_os = "linux")]
mod bench;
#[cfg(target_os = "linux")]
mod effort;
#[cfg(target_os = "linux")]
mod figures;
#[cfg(target_os = "linux")]
mod floors;
#[cfg(target_os = "linux")]
mod generator;
#[cfg(target_os = "linux")]
mod machine;
#[cfg(target_os = "linux")]
mod peers;
#[cfg(target_os = "linux")]
mod report;
#[cfg(target_os = "linux")]
mod subject;

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    let wanted = match arguments::read(std::env::args().skip(1)) {
        Ok(wanted) => wanted,
        Err(help) => {
            eprintln!("{help}");
            return ExitCode::FAILURE;
        }
    };
    match wanted {
        arguments::Wanted::Floor(floor) => floors::run(&floor),
        arguments::Wanted::Soak(plan) => soak(plan),
        arguments::Wanted::Figures(arguments) => figures::run(&arguments),
    }
}

/// The soak checks itself, and panics where something is left of it.
#[cfg(target_os = "linux")]
fn soak(plan: tests::soak::Plan) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let figures = runtime
        .expect("an event loop")
        .block_on(tests::soak::run(plan));
    println!("{figures}");
    figures.memory_is_flat();
    ExitCode::SUCCESS
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!(
        "The figures are measured on Linux: they need epoll, /proc and cores one can choose."
    );
    ExitCode::SUCCESS
}
