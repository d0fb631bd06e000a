//! The harness of the stories, which test the real relay from outside. The stories themselves are in `tests/tests`.
//!
//! - [`relay`] starts the relay; [`process`] starts any other program; [`folder`] is a temporary folder.
//! - [`page`] speaks the page's protocol without a browser, with [`calls`] for its usual calls, [`class`] for classes and
//!   [`trace`] for what it receives. [`bridge`] is a plain WebSocket client, [`http`] a plain HTTP client.
//! - [`browser`] drives Chromium through [`driver`], with the [`inspector`], the [`workbench`], the [`listing`] and the
//!   [`cards`], by [`keyboard`] alone where it can, in either [`language`]. [`story`] opens and closes it, [`probe`]
//!   measures it, [`legible`] finds texts that overlap.
//! - [`python`] runs the book's programs, [`capture`] reads capture files with tshark, `kernel` and `usage` ask the system.
//! - [`faulty_proxy`] drops or cuts what passes, `proxy` is a real nginx, [`network`] makes network namespaces.
//! - `soak` sends random clients to a relay.
//!
//! Everything that a story starts ends with it. No story uses a fixed port: [`address_allocator`] finds free ones. No story
//! sleeps for a fixed time: [`timeout`] waits for conditions.

pub mod address_allocator;
pub mod bridge;
pub mod browser;
pub mod calls;
pub mod capture;
pub mod cards;
pub mod class;
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
