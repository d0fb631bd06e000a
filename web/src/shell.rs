//! Connects the model to the browser: takes events from the inbox, performs the model's effects, and draws at most
//! once a frame.

use std::cell::RefCell;

use js_sys::Array;
use wasm_bindgen::{JsCast, JsValue};

use crate::{
    WHOLE,
    dom::Listener,
    files,
    i18n::{self, TextFile},
    inbox::{self, send},
    model::{
        Effect, Event, Model, core::connection::ConnectionState,
        dispatch::event_journal::EventJournal,
    },
    socket::Socket,
    view::{self, View},
    window::{self, Fetcher, Frame, Timer},
};

/// The parts of the running page.
struct Shell {
    model: Model,
    view: View,
    socket: Option<Socket>,
    timer: Timer,
    frame: Frame,
    fetcher: Fetcher,
    listeners: Vec<Listener>,
    /// What the first part of the page has handled, for the whole page to replay.
    diary: EventJournal,
    /// The whole page runs instead.
    is_suspended: bool,
}

thread_local! {
    static SHELL: RefCell<Option<Shell>> = const { RefCell::new(None) };
}

/// Starts the page from nothing.
pub(crate) fn start(fetcher: Fetcher) {
    SHELL.replace(Some(Shell::new(fetcher)));
    view::stored().into_iter().for_each(send);
    if WHOLE {
        view::stored_for_whole_page().into_iter().for_each(send);
    }
    send(Event::Started);
    draw();
}

/// Stops the first part of the page. Returns its WebSocket and the entries of its journal; nothing if the whole page
/// has to start from nothing.
pub(crate) fn suspend() -> Array {
    let state = SHELL.with_borrow_mut(|shell| shell.as_mut().and_then(Shell::suspend));
    state.unwrap_or_default()
}

/// Starts the whole page from the state that [`suspend`] returned.
pub(crate) fn resume(fetcher: Fetcher, state: &Array) {
    let mut shell = Shell::new(fetcher);
    let socket = state.shift().dyn_into().ok();
    shell.socket = socket.map(|socket| Socket::from_open(socket, handle_message, handle_close));
    let Some(_) = &shell.socket else {
        return start(shell.fetcher);
    };
    for entry in state.iter().filter_map(|entry| entry.as_string()) {
        shell.model.relive(&entry);
    }
    SHELL.replace(Some(shell));
    view::stored_for_whole_page().into_iter().for_each(send);
    send(Event::TimerFired);
    draw();
}

fn handle_message(text: String) {
    send(Event::MessageReceived(text));
}

fn handle_close() {
    send(Event::Closed);
}

/// Handles all events in the inbox. An event that is sent while another is handled waits for the next turn of the loop.
fn handle_events() {
    with_shell(|shell| {
        while let Some(event) = inbox::pop() {
            shell.handle_event(event);
        }
        shell.frame.request();
    });
}

/// Draws again because a text file was loaded.
pub(crate) fn request_frame() {
    with_shell(|shell| shell.frame.request());
}

/// Calls `act` with the shell, unless it is in use right now or not started.
fn with_shell(act: impl FnOnce(&mut Shell)) {
    SHELL.with(|shell| {
        if let Ok(mut shell) = shell.try_borrow_mut()
            && let Some(shell) = shell.as_mut()
        {
            act(shell);
        }
    });
}

fn draw() {
    with_shell(|shell| {
        shell.frame.begin();
        if shell.is_suspended || !shell.ensure_texts() {
            return;
        }
        let has_more = WHOLE && shell.model.settle();
        let is_deferred = shell.view.draw(&shell.model, window::now());
        if has_more || is_deferred {
            shell.frame.request();
        }
        shell.prefetch();
    });
}

impl Shell {
    fn new(fetcher: Fetcher) -> Self {
        inbox::set_wake(handle_events);
        Self {
            model: Model::default(),
            view: View::default(),
            socket: None,
            timer: Timer::new(|| send(Event::TimerFired)),
            frame: Frame::new(draw),
            fetcher,
            listeners: view::listen(),
            diary: EventJournal::default(),
            is_suspended: false,
        }
    }

    fn suspend(&mut self) -> Option<Array> {
        self.is_suspended = true;
        self.listeners.clear();
        self.timer.set(None);
        let socket = self.socket.take();
        let entries = std::mem::take(&mut self.diary).close()?;
        let state = Array::of1(&socket?.into_inner()?.into());
        for entry in entries {
            state.push(&JsValue::from_str(&entry));
        }
        Some(state)
    }

    /// Fetches what the first view does not need.
    fn prefetch(&mut self) {
        if WHOLE {
            // A class's question may be about one of the cards.
            if self.model.cards.open || self.model.classroom.standing.is_some() {
                self.fetcher.request(TextFile::Cards);
            }
            let words = TextFile::WORDS.into_iter();
            words
                .chain(self.model.missing_programs())
                .for_each(|file| self.fetcher.request(file));
        } else if self.model.connection.state != ConnectionState::Connecting {
            self.fetcher.request_whole_page();
        }
    }

    /// Whether the texts of the language are loaded, without which nothing is drawn; requests them if not. The other
    /// language is fetched after the first view, so that it can be chosen without a relay.
    fn ensure_texts(&mut self) -> bool {
        let words = TextFile::Words(self.model.language);
        if i18n::read(words).is_none() {
            self.fetcher.request(words);
            return false;
        }
        true
    }

    fn handle_event(&mut self, event: Event) {
        let (now, random) = (window::now(), window::random());
        if !WHOLE {
            self.diary.note(&event, now, random);
        }
        for effect in self.model.update(event, now, random) {
            self.perform(effect);
        }
        let wakes_at = self.model.wakes_at(now);
        self.timer.set(wakes_at.map(|at| at.saturating_sub(now)));
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Connect => {
                self.socket = window::websocket_url()
                    .and_then(|url| Socket::open(&url, handle_message, handle_close));
            }
            Effect::Disconnect => {
                self.socket = None;
                self.diary.tear();
            }
            Effect::ProbeRefusal => files::probe(&window::relay_path("ws"), |answer| {
                send(Event::RefusalProbed(answer));
            }),
            Effect::Send(text) => {
                if let Some(socket) = &self.socket {
                    socket.send(&text);
                }
            }
            Effect::StoreSessionToken(token) => {
                window::set_session_value(&window::relay_key(view::SEAT_KEY), token.as_deref())
            }
            Effect::StoreClassSeat(code, line) => window::store_class(&code, line.as_deref()),
            Effect::StoreCardProgress(done) => window::store(view::CARDS_KEY, &done),
            Effect::Copy(text) => view::copy(text),
            Effect::Fetch(address) => view::fetch(address),
            Effect::ShowLab => window::set_lab_address(),
            Effect::StoreLinks(links) => window::store(&window::relay_key(view::LINKS_KEY), &links),
            Effect::Download(file) => files::download(&file.name, file.kind, &file.bytes),
        }
    }
}
