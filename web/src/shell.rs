//! Joins the model with the browser: one event in, effects performed, one frame drawn however many events came.

use std::{cell::RefCell, collections::VecDeque, rc::Rc};

use crate::{
    dom::Result,
    model::{Effect, Event, Model},
    socket::Socket,
    view::{Prefs, View},
    window::{self, Frame, Timer},
};

/// Tells the page of an event, from wherever it comes.
pub(crate) type Tell = Rc<dyn Fn(Event)>;

/// What lives as long as the page.
struct Shell {
    model: Model,
    view: View,
    socket: Option<Socket>,
    timer: Timer,
    frame: Frame,
    tell: Tell,
}

thread_local! {
    static SHELL: RefCell<Option<Shell>> = const { RefCell::new(None) };
    /// Events that come while one is being taken in wait here.
    static INBOX: RefCell<VecDeque<Event>> = const { RefCell::new(VecDeque::new()) };
}

pub(crate) fn start() -> Result<()> {
    let tell: Tell = Rc::new(tell);
    let prefs = Prefs::remembered();
    let shell = Shell {
        model: Model::default(),
        view: View::new(&tell, &prefs)?,
        socket: None,
        timer: Timer::new(|| self::tell(Event::Woke)),
        frame: Frame::new(draw),
        tell,
    };
    SHELL.replace(Some(shell));
    self::tell(Event::Speak(prefs.language));
    self::tell(Event::Started);
    draw();
    Ok(())
}

fn tell(event: Event) {
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
        if let Err(error) = shell.view.draw(&shell.model, window::now()) {
            window::complain(&error);
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
                let (heard, closed) = (Rc::clone(&self.tell), Rc::clone(&self.tell));
                self.socket = window::conversation_url().and_then(|url| {
                    Socket::open(
                        &url,
                        move |text| heard(Event::Heard(text)),
                        move || closed(Event::Closed),
                    )
                    .ok()
                });
            }
            Effect::Say(text) => {
                if let Some(socket) = &self.socket {
                    socket.say(&text);
                }
            }
        }
    }
}
