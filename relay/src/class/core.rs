//! A class without its lab: its members, its settings, its card. Pure.

use std::collections::{BTreeMap, HashMap};

use shared::{
    class::{Act, Card, Class, LONGEST_CARD, LONGEST_MESSAGE, MOST_CHOICES, MemberId, Phase, You},
    limits::Limits,
    outcome::{Failed, Reason},
    trace::ProcessId,
};

use super::text;
use crate::{failure, lab::secret::Digest};

/// Who is in a class and how it is.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) class: Class,
    pub(super) members: BTreeMap<MemberId, Member>,
    next: MemberId,
    predictions: HashMap<MemberId, u32>,
}

/// A member.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) token: Digest,
    pub(super) muted: bool,
    pub(super) connected: bool,
    pub(super) process: Option<ProcessId>,
}

impl Core {
    pub(super) fn new(class: Class, next: MemberId) -> Self {
        Self {
            class,
            members: BTreeMap::new(),
            next,
            predictions: HashMap::new(),
        }
    }

    /// A new member.
    ///
    /// # Errors
    /// Where nobody may join any more.
    pub(super) fn joins(&mut self, name: String, token: Digest) -> Result<MemberId, Failed> {
        if self.class.locked {
            let message = "the teacher lets nobody else join";
            return Err(failure::relay(Reason::ClassLocked, message));
        }
        let cap = u64::from(self.class.cap);
        if self.members.len() as u64 >= cap {
            let message = format!("this class has {cap} members, as many as it may");
            return Err(failure::limit(Reason::ClassFull, cap, message));
        }
        let number = self.next;
        self.next += 1;
        self.members.insert(number, Member::new(name, token, false));
        Ok(number)
    }

    /// It is no member any more.
    pub(super) fn removes(&mut self, member: MemberId) -> Option<Member> {
        self.predictions.remove(&member);
        self.members.remove(&member)
    }

    /// A member as it is told itself.
    pub(super) fn you(&self, member: MemberId) -> Option<You> {
        let known = self.members.get(&member)?;
        Some(You {
            member,
            name: known.name.clone(),
            muted: known.muted,
            choice: self.predictions.get(&member).copied(),
        })
    }

    /// Whether there is such a member.
    ///
    /// # Errors
    /// Where there is none.
    pub(super) fn must_have(&self, member: MemberId) -> Result<(), Failed> {
        if self.members.contains_key(&member) {
            return Ok(());
        }
        let message = format!("this class has no member {member}, or no longer");
        Err(failure::relay(Reason::NoSuchMember, message))
    }

    /// How many predictions there are.
    pub(super) fn predictions(&self) -> u32 {
        u32::try_from(self.predictions.len()).unwrap_or(u32::MAX)
    }

    /// A member predicts, or predicts otherwise.
    ///
    /// # Errors
    /// Where no predictions are taken, or there is no such choice.
    pub(super) fn predicts(&mut self, member: MemberId, choice: u32) -> Result<(), Failed> {
        let card = self.class.card.as_ref();
        let card = card.filter(|card| card.phase == Phase::Asking);
        let choices = card.ok_or_else(no_card)?.choices;
        check_choice(choice, choices)?;
        self.predictions.insert(member, choice);
        Ok(())
    }

    /// How the class would be after this act, where it is one that changes it.
    ///
    /// # Errors
    /// Where it cannot be done.
    pub(super) fn after(&self, act: Act, limits: &Limits) -> Result<Class, Failed> {
        let mut class = self.class.clone();
        match act {
            Act::Lock(locked) => class.locked = locked,
            Act::Open(open) => class.open = open,
            Act::Cap(cap) if cap == 0 || u64::from(cap) > limits.members => {
                let message = format!("a class may have 1 to {} members", limits.members);
                return Err(failure::limit(Reason::OutOfRange, limits.members, message));
            }
            Act::Cap(cap) => class.cap = cap,
            Act::Message(None) => class.message = None,
            Act::Message(Some(said)) => class.message = Some(text::needed(&said, LONGEST_MESSAGE)?),
            Act::Drive(drive) => class.drive = drive,
            Act::AskCard { id, choices } => {
                if !(2..=MOST_CHOICES).contains(&choices) {
                    let message = format!("a card has 2 to {MOST_CHOICES} choices");
                    return Err(failure::limit(
                        Reason::OutOfRange,
                        MOST_CHOICES.into(),
                        message,
                    ));
                }
                class.card = Some(Card {
                    id: text::needed(&id, LONGEST_CARD)?,
                    choices,
                    phase: Phase::Asking,
                    counts: None,
                    outcome: None,
                });
            }
            Act::CloseCard => self.closed(&mut class)?,
            Act::RevealCard { outcome } => {
                let choices = class.card.as_ref().ok_or_else(no_card)?.choices;
                check_choice(outcome, choices)?;
                self.closed(&mut class)?;
                if let Some(card) = &mut class.card {
                    (card.phase, card.outcome) = (Phase::Revealed, Some(outcome));
                }
            }
            Act::EndCard => class.card = None,
            Act::Mute { .. } | Act::Remove(_) | Act::Predict { .. } | Act::End => {}
        }
        Ok(class)
    }

    /// No more predictions: they are counted, if they were not before.
    fn closed(&self, class: &mut Class) -> Result<(), Failed> {
        let card = class.card.as_mut().ok_or_else(no_card)?;
        if card.phase == Phase::Asking {
            let count = |choice| {
                let chosen = self.predictions.values();
                let count = chosen.filter(|chosen| **chosen == choice).count();
                u32::try_from(count).unwrap_or(u32::MAX)
            };
            card.counts = Some((0..card.choices).map(count).collect());
            card.phase = Phase::Closed;
        }
        Ok(())
    }

    /// The class is as it was worked out. Who predicted what is forgotten once that counts no more.
    pub(super) fn becomes(&mut self, class: Class) {
        let asking = |class: &Class| {
            let card = class.card.as_ref();
            card.filter(|card| card.phase == Phase::Asking).cloned()
        };
        if asking(&class).is_none() || asking(&class) != asking(&self.class) {
            self.predictions.clear();
        }
        self.class = class;
    }
}

impl Member {
    pub(super) const fn new(name: String, token: Digest, muted: bool) -> Self {
        Self {
            name,
            token,
            muted,
            connected: false,
            process: None,
        }
    }
}

fn check_choice(choice: u32, choices: u32) -> Result<(), Failed> {
    if choice < choices {
        return Ok(());
    }
    let message = format!("this card has {choices} choices, counted from 0");
    Err(failure::limit(Reason::OutOfRange, choices.into(), message))
}

fn no_card() -> Failed {
    failure::relay(Reason::NoCard, "no predictions are taken now")
}

#[cfg(test)]
mod tests;
