//! Which keys a message has, and that none of them is another call's or ask's.

use super::{ClientRepr, keys};

impl ClientRepr {
    /// No key of another call or ask may be there.
    pub(super) fn check_keys(&self) -> Result<(), String> {
        let name = self.call.as_deref().or(self.ask.as_deref());
        let Some(known) = name.and_then(keys::of) else {
            return Ok(());
        };
        let mut given = self.given().into_iter().filter(|(_, given)| *given);
        let extra = given.find(|(key, _)| !known.contains(key));
        extra.map_or(Ok(()), |(key, _)| Err(keys::refused_key(name, key)))
    }

    /// Every key but `id`, `call` and `ask`, and whether it is there.
    const fn given(&self) -> [(&'static str, bool); 32] {
        [
            ("fd", self.fd.is_some()),
            ("transport", self.transport.is_some()),
            ("to", self.to.is_some()),
            ("data", self.data.is_some()),
            ("size", self.size.is_some()),
            ("port", self.port.is_some()),
            ("milliseconds", self.milliseconds.is_some()),
            ("option", self.option.is_some()),
            ("value", self.value.is_some()),
            ("how", self.how.is_some()),
            ("of", self.of.is_some()),
            ("from", self.from.is_some()),
            ("program", self.program.is_some()),
            ("task", self.task.is_some()),
            ("settings", self.settings.is_some()),
            ("family", self.family.is_some()),
            ("name", self.name.is_some()),
            ("lab", self.lab.is_some()),
            ("token", self.token.is_some()),
            ("heard", self.heard.is_some()),
            ("conditions", self.conditions.is_some()),
            ("datagram", self.datagram.is_some()),
            ("verdict", self.verdict.is_some()),
            ("title", self.title.is_some()),
            ("admin", self.admin.is_some()),
            ("code", self.code.is_some()),
            ("act", self.act.is_some()),
            ("whose", self.whose.is_some()),
            ("events", self.events.is_some()),
            ("days", self.days.is_some()),
            ("link", self.link.is_some()),
            ("secret", self.secret.is_some()),
        ]
    }
}
