//! The commands of the whole page, each handed to the room that carries it out.

use crate::model::{Effect, Model, WholeEvent, core::time::Millis, panes::network::NetworkCommand};

impl Model {
    pub(in crate::model) fn handle_whole_event(
        &mut self,
        event: WholeEvent,
        effects: &mut Vec<Effect>,
        now: Millis,
    ) {
        match event {
            WholeEvent::Server(command) => {
                let transport = self.transport();
                let may_control = self.may_control();
                self.note_server_set_by_hand(transport);
                self.servers
                    .handle_command(transport, command, may_control, &mut self.outbox);
            }
            WholeEvent::Network(command) => {
                if matches!(command, NetworkCommand::Set(_)) {
                    self.note_network_set_by_hand();
                }
                self.network.handle_command(command, &mut self.outbox);
            }
            WholeEvent::Enter(lab) => self.enter_lab(lab, effects),
            WholeEvent::TakeBack => self.reclaim_session(effects, now),
            WholeEvent::Select(call) => {
                self.select(call);
                self.update_drive();
            }
            WholeEvent::Inspect(action) => {
                self.handle_inspector_command(action, now);
                self.update_drive();
            }
            WholeEvent::Clear => self.clear(),
            WholeEvent::OnlyMine(only) => self.show_only_mine(only),
            WholeEvent::Archive(command) => self.handle_archive_command(command, effects),
            WholeEvent::Replay(command) => self.handle_replay_command(command, now),
            WholeEvent::Rerun(command) => self.handle_rerun_command(command, effects, now),
            WholeEvent::Link(command) => self.handle_link_command(command, effects),
            WholeEvent::Workbench(command) => self.handle_workbench_command(command, effects, now),
            WholeEvent::Listing(command) => self.handle_listing_command(command, effects, now),
            WholeEvent::Cards(command) => self.handle_cards_command(command, effects),
            WholeEvent::Class(command) => self.handle_class_command(command, effects, now),
        }
    }
}
