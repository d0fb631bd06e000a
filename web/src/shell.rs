//! Joins the model with the browser: one event in, effects performed, one frame drawn however many events came.

use std::{cell::RefCell, collections::VecDeque};

use js_sys::Array;
use wasm_bindgen::{JsCast, JsValue};

use crate::{
    WHOLE,
    dom::Listener,
    files,
    i18n::{self, TextFile},
    model::{
        Effect, Event, Model, core::connection::ConnectionState,
        dispatch::event_journal::EventJournal,
    },
    socket::Socket,
    view::{self, View},
    window::{self, Frame, Library, Timer},
};

/// What lives as long as the page.
struct Shell {
    model: Model,
    view: View,
    socket: Option<Socket>,
    timer: Timer,
    frame: Frame,
    files: Library,
    listeners: Vec<Listener>,
    /// What the first part of the page has met.
    diary: EventJournal,
    /// The whole page is here instead.
    is_over: bool,
}

thread_local! {
    static SHELL: RefCell<Option<Shell>> = const { RefCell::new(None) };
    /// Events that come while one is being taken in wait here.
    static INBOX: RefCell<VecDeque<Event>> = const { RefCell::new(VecDeque::new()) };
}

pub(crate) fn start(library: Library) {
    SHELL.replace(Some(Shell::new(library)));
    view::remembered().into_iter().for_each(tell);
    if WHOLE {
        view::remembered_by_the_whole().into_iter().for_each(tell);
    }
    tell(Event::Started);
    draw();
}

/// The first part ends here: nothing is heard, drawn or said any more.
/// Gives the WebSocket, and then what was met; nothing where it is better to begin anew.
pub(crate) fn hand_over() -> Array {
    let handed = SHELL.with_borrow_mut(|shell| shell.as_mut().and_then(Shell::hand_over));
    handed.unwrap_or_default()
}

/// The whole page goes on where the first part has ended.
pub(crate) fn go_on(library: Library, past: &Array) {
    let mut shell = Shell::new(library);
    let socket = past.shift().dyn_into().ok();
    shell.socket = socket.map(|socket| Socket::adopt(socket, heard, closed));
    let Some(_) = &shell.socket else {
        return start(shell.files);
    };
    for entry in past.iter().filter_map(|entry| entry.as_string()) {
        shell.model.relive(&entry);
    }
    SHELL.replace(Some(shell));
    view::remembered_by_the_whole().into_iter().for_each(tell);
    tell(Event::Woke);
    draw();
}

fn heard(text: String) {
    tell(Event::Heard(text));
}

fn closed() {
    tell(Event::Closed);
}

/// Tells the page of an event, from wherever it comes.
pub(crate) fn tell(event: Event) {
    INBOX.with_borrow_mut(|inbox| inbox.push_back(event));
    SHELL.with(|shell| {
        // An event that comes of what is being done right now is taken in after it.
        let Ok(mut shell) = shell.try_borrow_mut() else {
            return;
        };
        let Some(shell) = shell.as_mut() else { return };
        while let Some(event) = INBOX.with_borrow_mut(VecDeque::pop_front) {
            shell.take_in(event);
        }
        shell.frame.want();
    });
}

/// Words have come that may be waited for.
pub(crate) fn has_words() {
    SHELL.with(|shell| {
        if let Ok(mut shell) = shell.try_borrow_mut()
            && let Some(shell) = shell.as_mut()
        {
            shell.frame.want();
        }
    });
}

fn draw() {
    SHELL.with(|shell| {
        let Ok(mut shell) = shell.try_borrow_mut() else {
            return;
        };
        let Some(shell) = shell.as_mut() else { return };
        shell.frame.came();
        if shell.is_over || !shell.can_speak() {
            return;
        }
        let goes_on = WHOLE && shell.model.settle();
        let waits = shell.view.draw(&shell.model, window::now());
        if goes_on || waits {
            shell.frame.want();
        }
        shell.look_ahead();
    });
}

impl Shell {
    fn new(library: Library) -> Self {
        Self {
            model: Model::default(),
            view: View::default(),
            socket: None,
            timer: Timer::new(|| tell(Event::Woke)),
            frame: Frame::new(draw),
            files: library,
            listeners: view::listen(),
            diary: EventJournal::default(),
            is_over: false,
        }
    }

    fn hand_over(&mut self) -> Option<Array> {
        self.is_over = true;
        self.listeners.clear();
        self.timer.set(None);
        let socket = self.socket.take();
        let entries = std::mem::take(&mut self.diary).close()?;
        let past = Array::of1(&socket?.give_away()?.into());
        for entry in entries {
            past.push(&JsValue::from_str(&entry));
        }
        Some(past)
    }

    /// What is not needed for the first view comes after it.
    fn look_ahead(&mut self) {
        if WHOLE {
            // A class's card may be one of them.
            if self.model.cards.open || self.model.classroom.standing.is_some() {
                self.files.want(TextFile::Cards);
            }
            let words = TextFile::WORDS.into_iter();
            words
                .chain(self.model.wants_programs())
                .for_each(|file| self.files.want(file));
        } else if self.model.connection.state != ConnectionState::Connecting {
            self.files.want_the_whole();
        }
    }

    /// Nothing is drawn before the words for it are there. All others follow the first view, so that a language
    /// can be changed where no relay is left to ask.
    fn can_speak(&mut self) -> bool {
        let words = TextFile::Words(self.model.language);
        if i18n::read(words).is_none() {
            self.files.want(words);
            return false;
        }
        true
    }

    fn take_in(&mut self, event: Event) {
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
                self.socket =
                    window::conversation_url().and_then(|url| Socket::open(&url, heard, closed));
            }
            Effect::Disconnect => {
                self.socket = None;
                self.diary.tear();
            }
            Effect::AskWhy => files::ask(&window::relay_path("ws"), |answer| {
                tell(Event::Answered(answer));
            }),
            Effect::Say(text) => {
                if let Some(socket) = &self.socket {
                    socket.say(&text);
                }
            }
            Effect::KeepSeat(token) => {
                window::keep(&window::of_this_relay(view::SEAT), token.as_deref())
            }
            Effect::KeepClass(code, line) => window::remember_class(&code, line.as_deref()),
            Effect::KeepProgress(done) => window::remember(view::CARDS, &done),
            Effect::Copy(text) => view::copy(text),
            Effect::Fetch(address) => view::fetch(address),
            Effect::ShowLab => window::show_lab(),
            Effect::KeepLinks(links) => {
                window::remember(&window::of_this_relay(view::LINKS), &links)
            }
            Effect::Download(file) => files::download(&file.name, file.kind, &file.bytes),
        }
    }
}
