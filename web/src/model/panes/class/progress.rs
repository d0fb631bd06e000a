//! How far this member is with a card it plays by itself: the teacher's wall shows it.

use shared::class::{Act, MOST_STEPS, Progress};

use crate::model::{Model, core::connection::ConnectionState};

impl Model {
    /// Tells how far one is, if that is not what was told.
    pub(in crate::model) fn report_progress(&mut self) {
        let room = &self.classroom;
        let is_member = room.is_here && room.you().is_some();
        let may_ask =
            self.connection.state == ConnectionState::Open && !self.lab_session.is_moving();
        if !is_member || !may_ask {
            return;
        }
        let progress = self.progress();
        if progress != room.progress {
            self.classroom.progress.clone_from(&progress);
            self.ask_class(Act::Progress(progress));
        }
    }

    fn progress(&self) -> Option<Progress> {
        let play = self.cards.play.as_ref()?;
        let dealt = self.cards.deck.get(play.card)?;
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).min(MOST_STEPS);
        let done = play.done.iter().filter(|done| **done);
        Some(Progress {
            id: dealt.id.clone(),
            step: count(done.count()),
            steps: count(play.done.len()),
            done: play.check.holds(),
        })
    }
}
