//! Joins the model with the browser: one event in, effects performed, one frame drawn however many events came.

use std::{cell::RefCell, collections::VecDeque};

use crate::{
    dom::Listener,
    files,
    model::{Effect, Event, Model},
    socket::Socket,
    view::{self, View},
    window::{self, Frame, Timer},
};

/// What lives as long as the page.
struct Shell {
    model: Model,
    view: View,
    socket: Option<Socket>,
    timer: Timer,
    frame: Frame,
    _listeners: Vec<Listener>,
}

thread_local! {
    static SHELL: RefCell<Option<Shell>> = const { RefCell::new(None) };
    /// Events that come while one is being taken in wait here.
    static INBOX: RefCell<VecDeque<Event>> = const { RefCell::new(VecDeque::new()) };
}

pub(crate) fn start() {
    SHELL.replace(Some(Shell {
        model: Model::default(),
        view: View::default(),
        socket: None,
        timer: Timer::new(|| tell(Event::Woke)),
        frame: Frame::new(draw),
        _listeners: view::listen(),
    }));
    view::remembered().into_iter().for_each(tell);
    tell(Event::Started);
    draw();
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

fn draw() {
    SHELL.with(|shell| {
        let Ok(mut shell) = shell.try_borrow_mut() else {
            return;
        };
        let Some(shell) = shell.as_mut() else { return };
        shell.frame.came();
        let goes_on = shell.model.settle();
        let waits = shell.view.draw(&shell.model, window::now());
        if goes_on || waits {
            shell.frame.want();
        }
    });
}

impl Shell {
    fn take_in(&mut self, event: Event) {
        let now = window::now();
        for effect in self.model.update(event, now, window::random()) {
            self.perform(effect);
        }
        let wakes_at = self.model.wakes_at(now);
        self.timer.set(wakes_at.map(|at| at.saturating_sub(now)));
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Connect => {
                self.socket = window::conversation_url().and_then(|url| {
                    Socket::open(
                        &url,
                        |text| tell(Event::Heard(text)),
                        || tell(Event::Closed),
                    )
                });
            }
            Effect::Say(text) => {
                if let Some(socket) = &self.socket {
                    socket.say(&text);
                }
            }
            Effect::KeepSeat(token) => window::keep(view::SEAT, token.as_deref()),
            Effect::Copy(text) => view::copy(text),
            Effect::Download(file) => files::download(&file.name, file.kind, &file.bytes),
        }
    }
}
