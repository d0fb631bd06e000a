//! All classes: created, joined, come back to; each change is kept before it is told.

use std::{
    cell::RefCell,
    collections::HashMap,
    net::IpAddr,
    rc::{Rc, Weak},
    sync::Arc,
};

use shared::{
    class::{Class as Told, LONGEST_NAME, LONGEST_TITLE, MemberId},
    limits::Limits,
    outcome::{Failed, Reason},
};

use super::{
    Class, Live, Place, Who,
    code::normal_code,
    core::{Core, Member},
    tell, text,
};
use crate::{
    admission::{Attempts, ClientOrigin},
    failure,
    lab::{
        Registry,
        secret::{self, Digest, digest},
    },
    metrics::Metrics,
    store::{KeptClass, KeptMember, Store, now_s},
};

/// All classes of a relay.
#[derive(Debug)]
pub struct Register {
    pub(super) rules: Rules,
    pub(super) classes: RefCell<HashMap<String, Rc<Class>>>,
    pub(super) tokens: RefCell<HashMap<Digest, (Weak<Class>, Who)>>,
    codes: Rc<Attempts>,
    admin_tokens: Rc<Attempts>,
}

/// What holds for all classes.
#[derive(Debug)]
pub struct Rules {
    /// How many there may be, and how large.
    pub limits: Rc<Limits>,
    /// Where they are kept.
    pub store: Store,
    /// The token with which others than visitors of this machine may create one.
    pub admin_token: Option<String>,
    /// Where wrong codes and tokens are counted.
    pub metrics: Arc<Metrics>,
    /// Where other machines reach this relay.
    pub reach: Option<String>,
}

/// Somebody wants to be a member.
#[derive(Debug)]
pub struct Newcomer {
    /// The class's code, as it was typed.
    pub code: String,
    /// What to be called.
    pub name: String,
    /// The token of a seat its browser had there.
    pub token: Option<String>,
}

/// Somebody comes to a class, with the token that leads back.
#[derive(Debug)]
pub struct Arriving {
    /// Its place.
    pub place: Place,
    /// The token.
    pub token: String,
}

impl Register {
    /// With the classes the store has kept.
    #[must_use]
    pub async fn open(rules: Rules) -> Rc<Self> {
        let register = Self {
            classes: RefCell::default(),
            tokens: RefCell::default(),
            codes: Attempts::at_codes(Arc::clone(&rules.metrics)),
            admin_tokens: Attempts::at_admin_token(Arc::clone(&rules.metrics)),
            rules,
        };
        // Why they could not be read was said where that was found out.
        let kept = register.rules.store.classes(now_s()).await;
        for class in kept.unwrap_or_default() {
            register.remembers(class);
        }
        Rc::new(register)
    }

    fn remembers(&self, kept: KeptClass) {
        // A state of another version than ours can read is not guessed at: the class stays in the store.
        let Ok(told) = serde_json::from_str::<Told>(&kept.state) else {
            eprintln!(
                "relay: class {} cannot be read and is left alone",
                kept.code
            );
            return;
        };
        let mut core = Core::new(told, kept.next_member);
        for KeptMember {
            number,
            name,
            said,
            token,
            muted,
            removed,
        } in kept.members
        {
            let member = Member::new(name, &said, token, muted);
            if removed {
                core.outsiders.insert(number, (member, false));
            } else {
                core.members.insert(number, member);
            }
        }
        self.adds(Class::new(kept.lab, kept.teacher, core));
    }

    fn adds(&self, class: Rc<Class>) {
        let mut tokens = self.tokens.borrow_mut();
        let weak = Rc::downgrade(&class);
        tokens.insert(class.teacher, (weak.clone(), Who::Teacher));
        let core = class.core.borrow();
        let outside = core.outsiders.iter();
        let outside = outside.map(|(number, (member, _))| (number, member));
        for (number, member) in core.members.iter().chain(outside) {
            tokens.insert(member.token, (weak.clone(), Who::Member(*number)));
        }
        drop(core);
        self.classes
            .borrow_mut()
            .insert(class.code.clone(), Rc::clone(&class));
    }

    /// Where other machines reach this relay, as far as it knows.
    #[must_use]
    pub fn reach(&self) -> Option<&str> {
        self.rules.reach.as_deref()
    }

    /// A new class, with its teacher.
    ///
    /// # Errors
    /// Where this visitor may not, or there is no room, or it could not be kept.
    pub async fn creates(
        &self,
        title: &str,
        admin: Option<&str>,
        from: ClientOrigin,
        labs: &Rc<Registry>,
    ) -> Result<Arriving, Failed> {
        self.may_create(admin, from).await?;
        let limits = &self.rules.limits;
        if self.classes.borrow().len() as u64 >= limits.classes {
            let limit = limits.classes;
            let message = format!("this relay has {limit} classes, as many as it may");
            return Err(failure::limit(Reason::TooManyClasses, limit, message));
        }
        let title = text::plain(title, LONGEST_TITLE)?;
        let code = self.new_code();
        let (lab, token) = (secret::word(), secret::word());
        let told = Told {
            code: code.clone(),
            title,
            locked: false,
            open: false,
            cap: u32::try_from(limits.members).unwrap_or(u32::MAX),
            message: None,
            drive: None,
            driven: None,
            card: None,
        };
        let kept = KeptClass {
            code,
            lab: lab.clone(),
            teacher: digest(&token),
            state: state(&told),
            next_member: 1,
            members: Vec::new(),
        };
        let class = Class::new(lab, digest(&token), Core::new(told, 1));
        // Whether a lab can be had is found out first: a class nobody could enter is none.
        let live = lives(&class, from, labs)?;
        self.rules.store.add_class(kept, now_s()).await?;
        self.adds(Rc::clone(&class));
        let place = Place::new(class, live, Who::Teacher);
        Ok(Arriving { place, token })
    }

    fn new_code(&self) -> String {
        loop {
            let code = secret::code();
            if !self.classes.borrow().contains_key(&code) {
                return code;
            }
        }
    }

    async fn may_create(&self, admin: Option<&str>, from: ClientOrigin) -> Result<(), Failed> {
        let Some(denial) = from.denial else {
            return Ok(());
        };
        if let Some(admin) = admin
            && self.is_admin_token(admin, from).await
        {
            return Ok(());
        }
        let message = format!(
            "a class is created by the user who started the relay, on its own machine, or with its admin token: {}",
            denial.advice()
        );
        Err(failure::relay(Reason::OnlyWithAdminToken, message))
    }

    /// Whether this is the relay's admin token, which is looked at once it is this attempt's turn.
    pub async fn is_admin_token(&self, said: &str, from: ClientOrigin) -> bool {
        let token = self.rules.admin_token.as_deref();
        // Without one there is nothing to guess.
        let Some(token) = token.filter(|token| !token.is_empty()) else {
            return false;
        };
        let look = || secret::same(token, said).then_some(());
        self.admin_tokens.check(from.address, look).await.is_some()
    }

    /// A new member of a class.
    ///
    /// # Errors
    /// Where there is no such class, or no room in it, or the name cannot be had, or it could not be kept.
    pub async fn joins(
        &self,
        newcomer: Newcomer,
        from: ClientOrigin,
        labs: &Rc<Registry>,
    ) -> Result<Arriving, Failed> {
        let Newcomer { code, name, token } = newcomer;
        self.codes.set_classes(self.classes.borrow().len());
        let look = || {
            let code = normal_code(&code)?;
            self.classes.borrow().get(&code).cloned()
        };
        let Some(class) = self.codes.check(from.address, look).await else {
            let message = "no class has this code, or no longer";
            return Err(failure::relay(Reason::NoSuchClass, message));
        };
        let said = text::needed(&name, LONGEST_NAME)?;
        self.keeps_out(&class, &said, token.as_deref())?;
        class.has_room_from(from.address, self.rules.limits.members_per_address)?;
        let token = secret::word();
        let live = lives(&class, from, labs)?;
        let number = class.core.borrow_mut().joins(&said, digest(&token))?;
        let kept = KeptMember {
            number,
            name: class.name_of(number),
            said,
            token: digest(&token),
            muted: false,
            removed: false,
        };
        let code = class.code.clone();
        if let Err(failed) = self.rules.store.add_member(code, kept, now_s()).await {
            class.core.borrow_mut().forgets(number);
            return Err(failed);
        }
        class.joined_from.borrow_mut().insert(number, from.address);
        let who = Who::Member(number);
        let known = (Rc::downgrade(&class), who);
        self.tokens.borrow_mut().insert(digest(&token), known);
        class.tell_namesakes(number);
        let place = Place::new(class, live, who);
        Ok(Arriving { place, token })
    }

    /// Back to a class, where no seat is kept any more. None where the token is none of a class's.
    ///
    /// # Errors
    /// Where the teacher has removed whoever had it, or no lab can be had.
    pub fn comes_back(
        &self,
        token: &str,
        from: ClientOrigin,
        labs: &Rc<Registry>,
    ) -> Result<Option<Arriving>, Failed> {
        let known = self.tokens.borrow().get(&digest(token)).cloned();
        let found = known.and_then(|(class, who)| class.upgrade().map(|class| (class, who)));
        let Some((class, who)) = found else {
            return Ok(None);
        };
        if let Who::Member(member) = who {
            class.check_not_removed(member)?;
        }
        let live = lives(&class, from, labs)?;
        let place = Place::new(class, live, who);
        let token = token.to_owned();
        Ok(Some(Arriving { place, token }))
    }

    /// Whether somebody who wants to join was removed before, by the token its browser remembers and by its name.
    fn keeps_out(&self, class: &Class, said: &str, token: Option<&str>) -> Result<(), Failed> {
        let tokens = self.tokens.borrow();
        let known = token.and_then(|token| tokens.get(&digest(token)));
        if let Some((other, Who::Member(member))) = known
            && other
                .upgrade()
                .is_some_and(|other| std::ptr::eq(&*other, class))
        {
            class.check_not_removed(*member)?;
        }
        let called = class.core.borrow().outsider_called(said);
        called.map_or(Ok(()), |member| class.check_not_removed(member))
    }
}

impl Class {
    /// Somebody comes who may have been removed: then that was a knock, and the teacher hears of it.
    fn check_not_removed(&self, member: MemberId) -> Result<(), Failed> {
        if !self.core.borrow().outsiders.contains_key(&member) {
            return Ok(());
        }
        if self.core.borrow_mut().knocks(member) {
            self.tell_outsiders();
        }
        let message = "the teacher has removed this member; the teacher can let it in again";
        Err(failure::relay(Reason::Removed, message))
    }

    fn name_of(&self, member: MemberId) -> String {
        let core = self.core.borrow();
        let known = core.members.get(&member);
        known.map(|known| known.name.clone()).unwrap_or_default()
    }

    /// Those who gave the same name as a newcomer are told of it.
    fn tell_namesakes(&self, newcomer: MemberId) {
        let namesakes = self.core.borrow().namesakes(newcomer);
        for (member, _) in namesakes {
            self.tell_member(member);
        }
    }

    fn has_room_from(&self, address: IpAddr, most: u64) -> Result<(), Failed> {
        let joined_from = self.joined_from.borrow();
        let here = joined_from.values().filter(|other| **other == address);
        if (here.count() as u64) < most {
            return Ok(());
        }
        let message =
            format!("{most} members of this class came from your address, as many as may");
        Err(failure::limit(
            Reason::TooManyMembersFromAddress,
            most,
            message,
        ))
    }
}

/// The lab of a class: the one that lives, or a new one.
fn lives(class: &Rc<Class>, from: ClientOrigin, labs: &Rc<Registry>) -> Result<Rc<Live>, Failed> {
    if let Some(live) = class.live.borrow().upgrade() {
        return Ok(live);
    }
    let tenancy = labs.open_class(class.lab.clone(), from.address)?;
    let trace = Rc::clone(tenancy.trace());
    // Processes of a lab that is gone are nobody's.
    {
        let mut core = class.core.borrow_mut();
        (core.class.drive, core.class.driven) = (None, None);
    }
    let weak = Rc::downgrade(class);
    let live = Rc::new_cyclic(|live: &Weak<Live>| Live {
        tenancy,
        wall: RefCell::default(),
        telling: tokio::task::spawn_local(tell(weak, live.clone(), trace)).abort_handle(),
    });
    *class.live.borrow_mut() = Rc::downgrade(&live);
    Ok(live)
}

pub(super) fn state(told: &Told) -> String {
    serde_json::to_string(told).unwrap_or_default()
}
