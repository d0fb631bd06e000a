//! Draws where the bytes of the selected call went to or came from: as a line of text, and as marks on the partner
//! calls.

use crate::{
    dom::{self, el},
    i18n::Texts,
    model::{Model, trace::byte_mapping},
    view::common::RunKey,
};

/// All elements that stand for a call.
const CALLS: &str = "#canvas [data-id], #calls [data-id]";

#[derive(Default)]
pub(super) struct ByteMappingLine {
    drawn: Option<RunKey>,
}

impl ByteMappingLine {
    pub(super) fn draw(&mut self, model: &Model, texts: &Texts) {
        let run = model.shown_run().map(|run| run.id);
        let wanted = RunKey {
            version: model.log.version(),
            run,
            selected: model.selected,
            language: texts.language,
        };
        if self.drawn.replace(wanted) == Some(wanted) {
            return;
        }
        let call = model.selected.and_then(|call| model.log.call(call));
        let handover = call.and_then(|call| byte_mapping::of(call, model.log.calls()));
        let line = handover
            .as_ref()
            .map(|handover| byte_mapping::line(handover, &model.log, texts));
        dom::write_or_hide(&el("handover"), &line.unwrap_or_default());
        let partners = handover
            .iter()
            .flat_map(byte_mapping::ByteMapping::partners)
            .map(|call| call.id.to_string());
        let partners: Vec<String> = partners.collect();
        for element in dom::all(CALLS) {
            let call = element.get_attribute("data-id").unwrap_or_default();
            dom::toggle(&element, "data-partner", partners.contains(&call));
        }
    }
}
