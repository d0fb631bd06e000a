//! The one place where an event of the trace enters the page's stores, whether it comes from the relay, a saved trace
//! or a replay.

use shared::trace::{Event as TraceEvent, What};

use crate::{
    WHOLE,
    model::{Model, core::time::Millis},
};

impl Model {
    /// Handles an event of the lab, or of a saved trace.
    pub(in crate::model) fn handle_trace_event(&mut self, event: TraceEvent, now: Millis) {
        self.update_lab_state(&event);
        if WHOLE {
            self.store_trace_event(event, now);
        }
    }

    /// Updates the lab's servers, its network and the accepted connections.
    fn update_lab_state(&mut self, event: &TraceEvent) {
        self.accepted.handle_event(event);
        if let Some(server) = event.what.server() {
            self.servers.update(server);
        } else if let What::Conditions(conditions) = event.what {
            self.network.set_conditions(conditions);
        } else if let What::Edge(edge) = &event.what {
            self.network.record_impairment(edge);
        }
    }

    /// Adds an event to every store. The inspector and the checks of cards look at the log both before and after the
    /// event is in it, so the order matters.
    fn store_trace_event(&mut self, event: TraceEvent, now: Millis) {
        let page_time = |mono_ns| self.log.page_time(mono_ns, now);
        self.kernel.handle_event(&event, page_time);
        self.update_address_hold(now);
        let at = self.log.page_time(event.mono_ns, now);
        self.workbench.handle_event(&event, at);
        self.inspector
            .handle_event(&event, &self.log, &self.servers);
        let returned = self.feed_check(&event);
        let started = self.listing_call_started(&event);
        self.log.add(event, now);
        self.select_listing_call(started);
        self.feed_check_with_return(returned);
        self.follow_selection();
    }
}
