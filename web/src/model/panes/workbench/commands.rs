//! What people do at the workbench, done.

use shared::{call::Transport, trace::CallName};

use super::{WorkbenchCommand, equivalent};
use crate::{
    i18n::Texts,
    model::{
        Effect, Model,
        core::{connection::ConnectionState, time::Millis},
    },
};

impl Model {
    pub(in crate::model) fn handle_workbench_command(
        &mut self,
        act: WorkbenchCommand,
        effects: &mut Vec<Effect>,
        now: Millis,
    ) {
        match act {
            WorkbenchCommand::Look(open) => {
                self.workbench.open = open;
                self.cards.open = false;
                self.classroom.open = false;
                self.log.touch();
            }
            WorkbenchCommand::Read(language) => self.workbench.language = language,
            WorkbenchCommand::Clear => self.workbench.clear(),
            WorkbenchCommand::Copy => {
                let texts = Texts::new(self.language);
                let language = self.workbench.language;
                self.workbench.begin_copy();
                let text = equivalent::write(&self.shown().workbench, language, &texts);
                effects.push(Effect::Copy(text));
            }
            _ if !self.can_act() => {}
            WorkbenchCommand::Open(transport, family) => {
                self.turn_to(transport);
                self.workbench
                    .open_socket(transport, family, &mut self.outbox, now);
            }
            WorkbenchCommand::Call(card, name, typed) => {
                if let Some(card) = self.workbench.card(card) {
                    self.turn_to(card.transport);
                }
                let asked: (u64, CallName, _) = (card, name, &typed);
                self.workbench
                    .call(asked, &self.servers, &mut self.outbox, now);
            }
            WorkbenchCommand::Resolve(name) => self.workbench.resolve(name, &mut self.outbox, now),
            WorkbenchCommand::Cancel(of) => {
                self.outbox.make(shared::call::Call::Cancel { of });
            }
        }
    }

    /// Whether calls can be made right now.
    pub(crate) fn can_act(&self) -> bool {
        !self.is_past() && self.connection.state == ConnectionState::Open
    }

    /// Shows the server of this transport, and lets the ladder show what happens next.
    fn turn_to(&mut self, transport: Transport) {
        self.choose(transport);
        self.select(None);
    }
}
