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
    Class, ClassLab, Membership, Participant,
    code::normalize_code,
    run_updates,
    state::{ClassState, Member},
    text,
};
use crate::{
    admission::{AttemptLimiter, ClientOrigin},
    failure,
    lab::LabRegistry,
    metrics::Metrics,
    store::{Store, StoredClass, StoredMember, unix_time_s},
    token::{self, Digest, digest},
};

/// All classes of a relay.
#[derive(Debug)]
pub struct ClassRegistry {
    pub(super) config: ClassConfig,
    pub(super) classes: RefCell<HashMap<String, Rc<Class>>>,
    pub(super) tokens: RefCell<HashMap<Digest, (Weak<Class>, Participant)>>,
    codes: Rc<AttemptLimiter>,
    admin_tokens: Rc<AttemptLimiter>,
}

/// What holds for all classes.
#[derive(Debug)]
pub struct ClassConfig {
    /// How many there may be, and how large.
    pub limits: Rc<Limits>,
    /// Where they are kept.
    pub store: Store,
    /// The token with which others than visitors of this machine may create one.
    pub admin_token: Option<String>,
    /// Where wrong codes and tokens are counted.
    pub metrics: Arc<Metrics>,
    /// Where other machines network_url this relay.
    pub network_url: Option<String>,
}

/// Somebody wants to be a member.
#[derive(Debug)]
pub struct JoinRequest {
    /// The class's code, as it was typed.
    pub code: String,
    /// What to be called.
    pub name: String,
    /// The token of a seat its browser had there.
    pub token: Option<String>,
}

/// Somebody comes to a class, with the token that leads back.
#[derive(Debug)]
pub struct Joined {
    /// Its place.
    pub place: Membership,
    /// The token.
    pub token: String,
}

impl ClassRegistry {
    /// With the classes the store has kept.
    #[must_use]
    pub async fn open(config: ClassConfig) -> Rc<Self> {
        let register = Self {
            classes: RefCell::default(),
            tokens: RefCell::default(),
            codes: AttemptLimiter::at_codes(Arc::clone(&config.metrics)),
            admin_tokens: AttemptLimiter::at_admin_token(Arc::clone(&config.metrics)),
            config,
        };
        // Why they could not be read was said where that was found out.
        let kept = register.config.store.classes(unix_time_s()).await;
        for class in kept.unwrap_or_default() {
            register.restore(class);
        }
        Rc::new(register)
    }

    fn restore(&self, kept: StoredClass) {
        // A state of another version than ours can read is not guessed at: the class stays in the store.
        let Ok(told) = serde_json::from_str::<Told>(&kept.state) else {
            eprintln!(
                "relay: class {} cannot be read and is left alone",
                kept.code
            );
            return;
        };
        let mut state = ClassState::new(told, kept.next_member);
        for StoredMember {
            number,
            name,
            given_name,
            token,
            muted,
            removed,
        } in kept.members
        {
            let member = Member::new(name, &given_name, token, muted);
            if removed {
                state.outsiders.insert(number, (member, false));
            } else {
                state.members.insert(number, member);
            }
        }
        self.insert(Class::new(kept.lab, kept.teacher, state));
    }

    fn insert(&self, class: Rc<Class>) {
        let mut tokens = self.tokens.borrow_mut();
        let weak = Rc::downgrade(&class);
        tokens.insert(class.teacher, (weak.clone(), Participant::Teacher));
        let state = class.state.borrow();
        let outside = state.outsiders.iter();
        let outside = outside.map(|(number, (member, _))| (number, member));
        for (number, member) in state.members.iter().chain(outside) {
            tokens.insert(member.token, (weak.clone(), Participant::Member(*number)));
        }
        drop(state);
        self.classes
            .borrow_mut()
            .insert(class.code.clone(), Rc::clone(&class));
    }

    /// Where other machines network_url this relay, as far as it knows.
    #[must_use]
    pub fn network_url(&self) -> Option<&str> {
        self.config.network_url.as_deref()
    }

    /// A new class, with its teacher.
    ///
    /// # Errors
    /// Where this visitor may not, or there is no room, or it could not be kept.
    pub async fn create(
        &self,
        title: &str,
        admin: Option<&str>,
        from: ClientOrigin,
        labs: &Rc<LabRegistry>,
    ) -> Result<Joined, Failed> {
        self.may_create(admin, from).await?;
        let limits = &self.config.limits;
        if self.classes.borrow().len() as u64 >= limits.classes {
            let limit = limits.classes;
            let message = format!("this relay has {limit} classes, as many as it may");
            return Err(failure::limit(Reason::TooManyClasses, limit, message));
        }
        let title = text::normalize(title, LONGEST_TITLE)?;
        let code = self.new_code();
        let (lab, token) = (token::random_token(), token::random_token());
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
        let kept = StoredClass {
            code,
            lab: lab.clone(),
            teacher: digest(&token),
            state: to_json(&told),
            next_member: 1,
            members: Vec::new(),
        };
        let class = Class::new(lab, digest(&token), ClassState::new(told, 1));
        // Whether a lab can be had is found out first: a class nobody could enter is none.
        let live = ensure_lab(&class, from, labs)?;
        self.config.store.add_class(kept, unix_time_s()).await?;
        self.insert(Rc::clone(&class));
        let place = Membership::new(class, live, Participant::Teacher);
        Ok(Joined { place, token })
    }

    fn new_code(&self) -> String {
        loop {
            let code = token::random_code();
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
    pub async fn is_admin_token(&self, candidate: &str, from: ClientOrigin) -> bool {
        let token = self.config.admin_token.as_deref();
        // Without one there is nothing to guess.
        let Some(token) = token.filter(|token| !token.is_empty()) else {
            return false;
        };
        let look = || token::constant_time_eq(token, candidate).then_some(());
        self.admin_tokens.check(from.address, look).await.is_some()
    }

    /// A new member of a class.
    ///
    /// # Errors
    /// Where there is no such class, or no room in it, or the name cannot be had, or it could not be kept.
    pub async fn join(
        &self,
        newcomer: JoinRequest,
        from: ClientOrigin,
        labs: &Rc<LabRegistry>,
    ) -> Result<Joined, Failed> {
        let JoinRequest { code, name, token } = newcomer;
        self.codes.set_classes(self.classes.borrow().len());
        let look = || {
            let code = normalize_code(&code)?;
            self.classes.borrow().get(&code).cloned()
        };
        let Some(class) = self.codes.check(from.address, look).await else {
            let message = "no class has this code, or no longer";
            return Err(failure::relay(Reason::NoSuchClass, message));
        };
        let given_name = text::normalize_required(&name, LONGEST_NAME)?;
        self.check_not_removed_before(&class, &given_name, token.as_deref())?;
        class.check_address_quota(from.address, self.config.limits.members_per_address)?;
        let token = token::random_token();
        let live = ensure_lab(&class, from, labs)?;
        let number = class
            .state
            .borrow_mut()
            .add_member(&given_name, digest(&token))?;
        let kept = StoredMember {
            number,
            name: class.name_of(number),
            given_name,
            token: digest(&token),
            muted: false,
            removed: false,
        };
        let code = class.code.clone();
        if let Err(failed) = self
            .config
            .store
            .add_member(code, kept, unix_time_s())
            .await
        {
            class.state.borrow_mut().forget_member(number);
            return Err(failed);
        }
        class.joined_from.borrow_mut().insert(number, from.address);
        let who = Participant::Member(number);
        let known = (Rc::downgrade(&class), who);
        self.tokens.borrow_mut().insert(digest(&token), known);
        class.send_namesakes(number);
        let place = Membership::new(class, live, who);
        Ok(Joined { place, token })
    }

    /// Back to a class, where no seat is kept any more. None where the token is none of a class's.
    ///
    /// # Errors
    /// Where the teacher has removed whoever had it, or no lab can be had.
    pub fn rejoin(
        &self,
        token: &str,
        from: ClientOrigin,
        labs: &Rc<LabRegistry>,
    ) -> Result<Option<Joined>, Failed> {
        let known = self.tokens.borrow().get(&digest(token)).cloned();
        let found = known.and_then(|(class, who)| class.upgrade().map(|class| (class, who)));
        let Some((class, who)) = found else {
            return Ok(None);
        };
        if let Participant::Member(member) = who {
            class.check_not_removed(member)?;
        }
        let live = ensure_lab(&class, from, labs)?;
        let place = Membership::new(class, live, who);
        let token = token.to_owned();
        Ok(Some(Joined { place, token }))
    }

    /// Whether somebody who wants to join was removed before, by the token its browser restore and by its name.
    fn check_not_removed_before(
        &self,
        class: &Class,
        given_name: &str,
        token: Option<&str>,
    ) -> Result<(), Failed> {
        let tokens = self.tokens.borrow();
        let known = token.and_then(|token| tokens.get(&digest(token)));
        if let Some((other, Participant::Member(member))) = known
            && other
                .upgrade()
                .is_some_and(|other| std::ptr::eq(&*other, class))
        {
            class.check_not_removed(*member)?;
        }
        let called = class.state.borrow().find_outsider(given_name);
        called.map_or(Ok(()), |member| class.check_not_removed(member))
    }
}

impl Class {
    /// Somebody comes who may have been removed: then that was a knock, and the teacher hears of it.
    fn check_not_removed(&self, member: MemberId) -> Result<(), Failed> {
        if !self.state.borrow().outsiders.contains_key(&member) {
            return Ok(());
        }
        if self.state.borrow_mut().record_knock(member) {
            self.send_outsiders();
        }
        let message = "the teacher has removed this member; the teacher can let it in again";
        Err(failure::relay(Reason::Removed, message))
    }

    fn name_of(&self, member: MemberId) -> String {
        let state = self.state.borrow();
        let known = state.members.get(&member);
        known.map(|known| known.name.clone()).unwrap_or_default()
    }

    /// Those who gave the same name as a newcomer are told of it.
    fn send_namesakes(&self, newcomer: MemberId) {
        let namesakes = self.state.borrow().namesakes(newcomer);
        for (member, _) in namesakes {
            self.send_member(member);
        }
    }

    fn check_address_quota(&self, address: IpAddr, most: u64) -> Result<(), Failed> {
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
fn ensure_lab(
    class: &Rc<Class>,
    from: ClientOrigin,
    labs: &Rc<LabRegistry>,
) -> Result<Rc<ClassLab>, Failed> {
    if let Some(live) = class.live.borrow().upgrade() {
        return Ok(live);
    }
    let lease = labs.open_class(class.lab.clone(), from.address)?;
    let trace = Rc::clone(lease.trace());
    // Processes of a lab that is removal are nobody's.
    {
        let mut state = class.state.borrow_mut();
        (state.class.drive, state.class.driven) = (None, None);
    }
    let weak = Rc::downgrade(class);
    let live = Rc::new_cyclic(|live: &Weak<ClassLab>| ClassLab {
        lease,
        wall: RefCell::default(),
        updates: tokio::task::spawn_local(run_updates(weak, live.clone(), trace)).abort_handle(),
    });
    *class.live.borrow_mut() = Rc::downgrade(&live);
    Ok(live)
}

pub(super) fn to_json(settings: &Told) -> String {
    serde_json::to_string(settings).unwrap_or_default()
}
