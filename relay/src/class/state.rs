//! A class without its lab: its members, its settings, its card. Pure.

mod outsiders;

use std::collections::{BTreeMap, HashMap, HashSet};

use shared::{
    class::{
        Act, Card, Class, Driven, LONGEST_CARD, LONGEST_MESSAGE, LONGEST_NAME, MOST_CHOICES,
        MOST_STEPS, MemberId, Phase, Progress, You,
    },
    limits::Limits,
    outcome::{Failed, Reason},
    trace::ProcessId,
};

use super::text;
use crate::{failure, token::Digest};

/// Participant is in a class and how it is.
#[derive(Debug)]
pub(super) struct ClassState {
    pub(super) class: Class,
    pub(super) members: BTreeMap<MemberId, Member>,
    /// Those the teacher has removed, and whether they have knocked since.
    pub(super) outsiders: BTreeMap<MemberId, (Member, bool)>,
    next: MemberId,
    predictions: HashMap<MemberId, u32>,
}

/// A member.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) name: String,
    /// The name it gave, as names are compared.
    key: String,
    pub(super) token: Digest,
    pub(super) muted: bool,
    pub(super) connected: bool,
    /// Its page is in a lab of its own for a while.
    pub(super) elsewhere: bool,
    pub(super) process: Option<ProcessId>,
    pub(super) card: Option<Progress>,
}

impl ClassState {
    pub(super) fn new(class: Class, next: MemberId) -> Self {
        Self {
            class,
            members: BTreeMap::new(),
            outsiders: BTreeMap::new(),
            next,
            predictions: HashMap::new(),
        }
    }

    /// A new member, who gives this name and has another one if that is taken.
    ///
    /// # Errors
    /// Where nobody may join any more.
    pub(super) fn add_member(&mut self, said: &str, token: Digest) -> Result<MemberId, Failed> {
        if self.class.locked {
            let message = "the teacher lets nobody else join";
            return Err(failure::relay(Reason::ClassLocked, message));
        }
        let cap = u64::from(self.class.cap);
        if self.members.len() as u64 >= cap {
            return Err(full(cap));
        }
        let number = self.next;
        self.next += 1;
        let name = self.free_name(said);
        let member = Member::new(name, said, token, false);
        self.members.insert(number, member);
        Ok(number)
    }

    /// The name, or with the first number behind it with which nobody else is called the same.
    fn free_name(&self, said: &str) -> String {
        let outside = self.outsiders.values().map(|(member, _)| member);
        let all = self.members.values().chain(outside);
        let taken: HashSet<String> = all
            .map(|member| text::comparison_key(&member.name))
            .collect();
        let mut name = said.to_owned();
        for number in 2.. {
            if !taken.contains(&text::comparison_key(&name)) {
                break;
            }
            name = text::with_number(said, number, LONGEST_NAME);
        }
        name
    }

    /// What others are called who gave the same name.
    pub(super) fn namesakes(&self, member: MemberId) -> Vec<(MemberId, String)> {
        let Some(known) = self.members.get(&member) else {
            return Vec::new();
        };
        let same =
            |(number, other): &(&MemberId, &Member)| **number != member && other.key == known.key;
        let others = self.members.iter().filter(same);
        others
            .map(|(number, other)| (*number, other.name.clone()))
            .collect()
    }

    /// It is no member any more, as if it had never been one.
    pub(super) fn forget_member(&mut self, member: MemberId) {
        self.predictions.remove(&member);
        self.members.remove(&member);
    }

    /// A member tells how far it is with a card.
    ///
    /// # Errors
    /// Where that cannot be.
    pub(super) fn set_progress(
        &mut self,
        member: MemberId,
        card: Option<Progress>,
    ) -> Result<(), Failed> {
        let card = card.map(checked_progress).transpose()?;
        if let Some(known) = self.members.get_mut(&member) {
            known.card = card;
        }
        Ok(())
    }

    /// The member that has this process, as everybody is told of it while it is driven.
    fn driven(&self, process: ProcessId, hides_name: bool) -> Option<Driven> {
        let mut all = self.members.iter();
        let found = all.find(|(_, member)| member.process == Some(process));
        found.map(|(number, member)| Driven {
            member: *number,
            name: (!hides_name).then(|| member.name.clone()),
        })
    }

    /// A member as it is told itself.
    pub(super) fn you(&self, member: MemberId) -> Option<You> {
        let known = self.members.get(&member)?;
        Some(You {
            member,
            name: known.name.clone(),
            muted: known.muted,
            choice: self.predictions.get(&member).copied(),
            namesakes: self
                .namesakes(member)
                .into_iter()
                .map(|(_, name)| name)
                .collect(),
        })
    }

    /// Whether there is such a member.
    ///
    /// # Errors
    /// Where there is none.
    pub(super) fn require_member(&self, member: MemberId) -> Result<(), Failed> {
        if self.members.contains_key(&member) {
            return Ok(());
        }
        Err(no_such_member(member))
    }

    /// How many predictions there are.
    pub(super) fn predictions(&self) -> u32 {
        u32::try_from(self.predictions.len()).unwrap_or(u32::MAX)
    }

    /// A member predict, or predict otherwise.
    ///
    /// # Errors
    /// Where no predictions are taken, or there is no such choice.
    pub(super) fn predict(&mut self, member: MemberId, choice: u32) -> Result<(), Failed> {
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
    pub(super) fn settings_after(&self, act: Act, limits: &Limits) -> Result<Class, Failed> {
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
            Act::Message(Some(said)) => {
                class.message = Some(text::normalize_required(&said, LONGEST_MESSAGE)?)
            }
            Act::Drive(drive) => {
                class.driven = drive.and_then(|it| self.driven(it.process, it.hides_name));
                class.drive = drive;
            }
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
                    id: text::normalize_required(&id, LONGEST_CARD)?,
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
            Act::Mute { .. }
            | Act::Remove(_)
            | Act::LetIn(_)
            | Act::Predict { .. }
            | Act::Progress(_)
            | Act::End => {}
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

    /// The class is as it was worked out. Participant predicted what is forgotten once that counts no more.
    pub(super) fn set_class(&mut self, class: Class) {
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
    /// Called so, who gave that name.
    pub(super) fn new(name: String, said: &str, token: Digest, muted: bool) -> Self {
        Self {
            key: text::comparison_key(if said.is_empty() { &name } else { said }),
            name,
            token,
            muted,
            connected: false,
            elsewhere: false,
            process: None,
            card: None,
        }
    }
}

fn checked_progress(progress: Progress) -> Result<Progress, Failed> {
    let Progress {
        id,
        step,
        steps,
        done,
    } = progress;
    if steps > MOST_STEPS || step > steps {
        let message = format!("a card has at most {MOST_STEPS} steps");
        return Err(failure::limit(
            Reason::OutOfRange,
            MOST_STEPS.into(),
            message,
        ));
    }
    let id = text::normalize_required(&id, LONGEST_CARD)?;
    Ok(Progress {
        id,
        step,
        steps,
        done,
    })
}

fn full(cap: u64) -> Failed {
    let message = format!("this class has {cap} members, as many as it may");
    failure::limit(Reason::ClassFull, cap, message)
}

fn no_such_member(member: MemberId) -> Failed {
    let message = format!("this class has no member {member}, or no longer");
    failure::relay(Reason::NoSuchMember, message)
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
