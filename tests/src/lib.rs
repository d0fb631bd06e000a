//! The harness of the stories: the real relay, and those who talk to it.
//!
//! Rooms: [`relay`] starts the real binary, [`page`] speaks the conversation with it
//! (its usual [`calls`] as verbs, its [`trace`] as a story), [`http`] asks it
//! plainly, `kernel` asks the system beside it, [`bridge`] is a plain WebSocket client, [`python`] runs the book's
//! programs, [`browser`] is a person at real Chromium (at its [`inspector`] and its work[`bench`] too, by
//! [`keyboard`] alone, in either [`language`], over a [`link`] that can break), `proxy` is what may stand between them, [`story`]
//! opens and closes it, it plays the [`cards`], [`probe`] tells how quick it is, [`capture`] shows its files to another analyser,
//! `soak` leaves it to random visitors, whose `usage` of the machine it looks at. Whatever a
//! story starts is a guard that ends with it.
//!
//! No story has a fixed port, and none sleeps: it waits for a sign of life, with a deadline.

pub mod address_allocator;
pub mod bridge;
pub mod browser;
pub mod calls;
pub mod capture;
pub mod cards;
pub mod driver;
pub mod faulty_proxy;
pub mod folder;
pub mod http;
pub mod inspector;
#[cfg(target_os = "linux")]
pub mod kernel;
pub mod keyboard;
pub mod language;
pub mod legible;
pub mod listing;
pub mod network;
pub mod page;
pub mod probe;
pub mod process;
#[cfg(target_os = "linux")]
pub mod proxy;
pub mod python;
pub mod relay;
#[cfg(target_os = "linux")]
pub mod soak;
pub mod story;
pub mod timeout;
pub mod trace;
#[cfg(target_os = "linux")]
pub mod usage;
pub mod workbench;
