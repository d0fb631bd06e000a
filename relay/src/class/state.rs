//! [`ClassState`]: the settings, members and current card of a class. Pure: storing a change and telling the pages is up
//! to the callers, `registry` and `teacher_commands`.

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

/// The members and settings of a class.
#[derive(Debug)]
pub(super) struct ClassState {
    pub(super) class: Class,
    pub(super) members: BTreeMap<MemberId, Member>,
    /// The members that the teacher has removed, and whether each has tried to come back since.
    pub(super) outsiders: BTreeMap<MemberId, (Member, bool)>,
    next: MemberId,
    predictions: HashMap<MemberId, u32>,
}

/// A member.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) name: String,
    /// The name it gave, in the form in which names are compared; see [`text::comparison_key`].
    key: String,
    pub(super) token: Digest,
    pub(super) muted: bool,
    pub(super) connected: bool,
    /// Whether its page is in a private lab for a while.
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

    /// Adds a member. It receives the name it gave, with a number appended if that name is taken.
    ///
    /// # Errors
    /// If the class is locked or full.
    pub(super) fn add_member(
        &mut self,
        given_name: &str,
        token: Digest,
    ) -> Result<MemberId, Failed> {
        if self.class.locked {
            let message = "the teacher has locked this class: nobody can join until it is unlocked";
            return Err(failure::relay(Reason::ClassLocked, message));
        }
        let cap = u64::from(self.class.cap);
        if self.members.len() as u64 >= cap {
            return Err(full(cap));
        }
        let number = self.next;
        self.next += 1;
        let name = self.free_name(given_name);
        let member = Member::new(name, given_name, token, false);
        self.members.insert(number, member);
        Ok(number)
    }

    /// Returns the name, with the first free number appended if another participant has the same name.
    fn free_name(&self, given_name: &str) -> String {
        let outside = self.outsiders.values().map(|(member, _)| member);
        let all = self.members.values().chain(outside);
        let taken: HashSet<String> = all
            .map(|member| text::comparison_key(&member.name))
            .collect();
        let mut name = given_name.to_owned();
        for number in 2.. {
            if !taken.contains(&text::comparison_key(&name)) {
                break;
            }
            name = text::with_number(given_name, number, LONGEST_NAME);
        }
        name
    }

    /// The other members that gave the same name, each with the name it received.
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

    /// Deletes a member that could not be stored.
    pub(super) fn forget_member(&mut self, member: MemberId) {
        self.predictions.remove(&member);
        self.members.remove(&member);
    }

    /// Sets a member's progress with a card.
    ///
    /// # Errors
    /// If the progress is out of range.
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

    /// The member of this process, as it is announced to the class while it is driven.
    fn driven(&self, process: ProcessId, hides_name: bool) -> Option<Driven> {
        let mut all = self.members.iter();
        let found = all.find(|(_, member)| member.process == Some(process));
        found.map(|(number, member)| Driven {
            member: *number,
            name: (!hides_name).then(|| member.name.clone()),
        })
    }

    /// A member's state, as its own page receives it.
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

    /// Checks that a member exists.
    ///
    /// # Errors
    /// [`Reason::NoSuchMember`] if it does not.
    pub(super) fn require_member(&self, member: MemberId) -> Result<(), Failed> {
        if self.members.contains_key(&member) {
            return Ok(());
        }
        Err(no_such_member(member))
    }

    /// The number of predictions for the current card.
    pub(super) fn predictions(&self) -> u32 {
        u32::try_from(self.predictions.len()).unwrap_or(u32::MAX)
    }

    /// Sets or changes a member's prediction.
    ///
    /// # Errors
    /// If the class is not asking for predictions, or the card has no such choice.
    pub(super) fn predict(&mut self, member: MemberId, choice: u32) -> Result<(), Failed> {
        let card = self.class.card.as_ref();
        let card = card.filter(|card| card.phase == Phase::Asking);
        let choices = card.ok_or_else(no_card)?.choices;
        check_choice(choice, choices)?;
        self.predictions.insert(member, choice);
        Ok(())
    }

    /// Returns the settings as they will be after a command.
    ///
    /// # Errors
    /// If the command is out of range or does not fit the current settings.
    pub(super) fn settings_after(&self, act: Act, limits: &Limits) -> Result<Class, Failed> {
        let mut class = self.class.clone();
        match act {
            Act::Lock(locked) => class.locked = locked,
            Act::Open(open) => class.open = open,
            Act::Cap(cap) if cap == 0 || u64::from(cap) > limits.members => {
                let message = format!(
                    "the limit of members must be between 1 and {}",
                    limits.members
                );
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
                    let message = format!("a card must have between 2 and {MOST_CHOICES} choices");
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
            Act::CloseCard => self.close_card(&mut class)?,
            Act::RevealCard { outcome } => {
                let choices = class.card.as_ref().ok_or_else(no_card)?.choices;
                check_choice(outcome, choices)?;
                self.close_card(&mut class)?;
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

    /// Ends the asking phase of the current card and counts the predictions.
    fn close_card(&self, class: &mut Class) -> Result<(), Failed> {
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

    /// Replaces the settings. Predictions are deleted when the class no longer asks for them.
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
    /// A member called `name` that gave `given_name`; the latter is empty in stores of older relays.
    pub(super) fn new(name: String, given_name: &str, token: Digest, muted: bool) -> Self {
        Self {
            key: text::comparison_key(if given_name.is_empty() {
                &name
            } else {
                given_name
            }),
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
        let message = format!(
            "a card has at most {MOST_STEPS} steps, and the step reached must be one of them"
        );
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
    let message = format!("this class is full: it has {cap} members, its limit");
    failure::limit(Reason::ClassFull, cap, message)
}

fn no_such_member(member: MemberId) -> Failed {
    let message = format!("this class has no member {member}; it may have been removed");
    failure::relay(Reason::NoSuchMember, message)
}

fn check_choice(choice: u32, choices: u32) -> Result<(), Failed> {
    if choice < choices {
        return Ok(());
    }
    let message = format!("this card has {choices} choices, numbered from 0");
    Err(failure::limit(Reason::OutOfRange, choices.into(), message))
}

fn no_card() -> Failed {
    failure::relay(
        Reason::NoCard,
        "the class is not asking for predictions at the moment",
    )
}

#[cfg(test)]
mod tests;
