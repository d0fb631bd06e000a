//! [`ClassRegistry`]: creates classes, lets members join and rejoin, and restores stored classes at start. What the
//! teacher does in a class is in `teacher_commands`.

use std::{
    cell::RefCell,
    collections::HashMap,
    net::IpAddr,
    rc::{Rc, Weak},
    sync::Arc,
};

use shared::{
    class::{Class as Settings, LONGEST_NAME, LONGEST_TITLE, MemberId},
    limits::Limits,
    outcome::{Failed, Reason},
};

use super::{
    Class, Membership, Participant,
    class_lab::ensure_lab,
    code::normalize_code,
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

/// The classes of a relay.
#[derive(Debug)]
pub struct ClassRegistry {
    pub(super) config: ClassConfig,
    pub(super) classes: RefCell<HashMap<String, Rc<Class>>>,
    pub(super) tokens: RefCell<HashMap<Digest, (Weak<Class>, Participant)>>,
    code_attempts: Rc<AttemptLimiter>,
    admin_token_attempts: Rc<AttemptLimiter>,
}

/// The configuration of all classes.
#[derive(Debug)]
pub struct ClassConfig {
    /// Maximum number of classes and members.
    pub limits: Rc<Limits>,
    /// Where classes are stored.
    pub store: Store,
    /// The token with which a visitor on another machine may create a class.
    pub admin_token: Option<String>,
    /// Counts wrong codes and tokens.
    pub metrics: Arc<Metrics>,
    /// The URL at which other machines reach this relay, if known.
    pub network_url: Option<String>,
}

/// A request to join a class.
#[derive(Debug)]
pub struct JoinRequest {
    /// The class code as typed.
    pub code: String,
    /// The name the visitor wants.
    pub name: String,
    /// The token of an earlier membership in this browser.
    pub token: Option<String>,
}

/// The result of creating, joining or rejoining a class.
#[derive(Debug)]
pub struct Joined {
    /// The participant's seat.
    pub membership: Membership,
    /// The token with which its page can rejoin.
    pub token: String,
}

impl ClassRegistry {
    /// Restores the stored classes.
    #[must_use]
    pub async fn open(config: ClassConfig) -> Rc<Self> {
        let registry = Self {
            classes: RefCell::default(),
            tokens: RefCell::default(),
            code_attempts: AttemptLimiter::for_codes(Arc::clone(&config.metrics)),
            admin_token_attempts: AttemptLimiter::for_admin_tokens(Arc::clone(&config.metrics)),
            config,
        };
        // The store has already logged the reason if they could not be read.
        let stored = registry.config.store.classes(unix_time_s()).await;
        for class in stored.unwrap_or_default() {
            registry.restore(class);
        }
        Rc::new(registry)
    }

    fn restore(&self, stored: StoredClass) {
        // Another version of the relay may have written settings that this one cannot read. They stay in the store.
        let Ok(settings) = serde_json::from_str::<Settings>(&stored.state) else {
            eprintln!(
                "relay: cannot read the stored settings of class {}: this class is not available. Its data is kept; \
                 run the version of the relay that wrote it",
                stored.code
            );
            return;
        };
        let mut state = ClassState::new(settings, stored.next_member);
        for StoredMember {
            number,
            name,
            given_name,
            token,
            muted,
            removed,
        } in stored.members
        {
            let member = Member::new(name, &given_name, token, muted);
            if removed {
                state.outsiders.insert(number, (member, false));
            } else {
                state.members.insert(number, member);
            }
        }
        self.insert(Class::new(stored.lab, stored.teacher, state));
    }

    fn insert(&self, class: Rc<Class>) {
        let mut tokens = self.tokens.borrow_mut();
        let weak = Rc::downgrade(&class);
        tokens.insert(class.teacher, (weak.clone(), Participant::Teacher));
        let state = class.state.borrow();
        let outsiders = state.outsiders.iter();
        let outsiders = outsiders.map(|(number, (member, _))| (number, member));
        for (number, member) in state.members.iter().chain(outsiders) {
            tokens.insert(member.token, (weak.clone(), Participant::Member(*number)));
        }
        drop(state);
        self.classes
            .borrow_mut()
            .insert(class.code.clone(), Rc::clone(&class));
    }

    /// The URL at which other machines reach this relay, if known.
    #[must_use]
    pub fn network_url(&self) -> Option<&str> {
        self.config.network_url.as_deref()
    }

    /// Creates a class and seats its teacher.
    ///
    /// # Errors
    /// If the visitor may not create classes, a limit is reached, or the class cannot be stored.
    pub async fn create(
        &self,
        title: &str,
        admin_token: Option<&str>,
        from: ClientOrigin,
        labs: &Rc<LabRegistry>,
    ) -> Result<Joined, Failed> {
        self.check_may_create(admin_token, from).await?;
        let limits = &self.config.limits;
        if self.classes.borrow().len() as u64 >= limits.classes {
            let limit = limits.classes;
            let message = format!("this relay already has {limit} classes, its limit");
            return Err(failure::limit(Reason::TooManyClasses, limit, message));
        }
        let title = text::normalize(title, LONGEST_TITLE)?;
        let code = self.new_code();
        let (lab, token) = (token::random_token(), token::random_token());
        let settings = Settings {
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
        let stored = StoredClass {
            code,
            lab: lab.clone(),
            teacher: digest(&token),
            state: to_json(&settings),
            next_member: 1,
            members: Vec::new(),
        };
        let class = Class::new(lab, digest(&token), ClassState::new(settings, 1));
        // The lab comes first: a class without one cannot be entered and must not be stored.
        let live = ensure_lab(&class, from, labs)?;
        self.config.store.add_class(stored, unix_time_s()).await?;
        self.insert(Rc::clone(&class));
        let membership = Membership::new(class, live, Participant::Teacher);
        Ok(Joined { membership, token })
    }

    fn new_code(&self) -> String {
        loop {
            let code = token::random_code();
            if !self.classes.borrow().contains_key(&code) {
                return code;
            }
        }
    }

    async fn check_may_create(
        &self,
        admin_token: Option<&str>,
        from: ClientOrigin,
    ) -> Result<(), Failed> {
        let Some(denial) = from.denial else {
            return Ok(());
        };
        if let Some(admin_token) = admin_token
            && self.is_admin_token(admin_token, from).await
        {
            return Ok(());
        }
        let message = format!(
            "only the user who started the relay may create a class, from the relay's own machine, or anyone with the \
             admin token: {}",
            denial.advice()
        );
        Err(failure::relay(Reason::OnlyWithAdminToken, message))
    }

    /// Whether `candidate` is the relay's admin token. Waits for its turn at the attempt limiter.
    pub async fn is_admin_token(&self, candidate: &str, from: ClientOrigin) -> bool {
        let token = self.config.admin_token.as_deref();
        // Without an admin token there is nothing to guess, so nothing to limit.
        let Some(token) = token.filter(|token| !token.is_empty()) else {
            return false;
        };
        let verify = || token::constant_time_eq(token, candidate).then_some(());
        let attempt = self.admin_token_attempts.check(from.address, verify);
        attempt.await.is_some()
    }

    /// Adds a member to a class and seats it.
    ///
    /// # Errors
    /// If no class has this code, the class is locked or full, the name is not acceptable, or the member cannot be
    /// stored.
    pub async fn join(
        &self,
        request: JoinRequest,
        from: ClientOrigin,
        labs: &Rc<LabRegistry>,
    ) -> Result<Joined, Failed> {
        let JoinRequest { code, name, token } = request;
        self.code_attempts.set_classes(self.classes.borrow().len());
        let find = || {
            let code = normalize_code(&code)?;
            self.classes.borrow().get(&code).cloned()
        };
        let Some(class) = self.code_attempts.check(from.address, find).await else {
            let message = "no class has this code; it is mistyped, or the class has ended";
            return Err(failure::relay(Reason::NoSuchClass, message));
        };
        let given_name = text::normalize_required(&name, LONGEST_NAME)?;
        self.check_never_removed(&class, &given_name, token.as_deref())?;
        class.check_address_quota(from.address, self.config.limits.members_per_address)?;
        let token = token::random_token();
        let live = ensure_lab(&class, from, labs)?;
        let added = class
            .state
            .borrow_mut()
            .add_member(&given_name, digest(&token));
        let number = added?;
        let stored = StoredMember {
            number,
            name: class.name_of(number),
            given_name,
            token: digest(&token),
            muted: false,
            removed: false,
        };
        let code = class.code.clone();
        let adding = self.config.store.add_member(code, stored, unix_time_s());
        if let Err(failed) = adding.await {
            class.state.borrow_mut().forget_member(number);
            return Err(failed);
        }
        class.joined_from.borrow_mut().insert(number, from.address);
        let who = Participant::Member(number);
        let known = (Rc::downgrade(&class), who);
        self.tokens.borrow_mut().insert(digest(&token), known);
        class.send_namesakes(number);
        let membership = Membership::new(class, live, who);
        Ok(Joined { membership, token })
    }

    /// Seats a participant again by its token. Returns `None` if the token belongs to no class.
    ///
    /// # Errors
    /// If the teacher has removed the member, or no lab can be opened.
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
        let membership = Membership::new(class, live, who);
        let token = token.to_owned();
        Ok(Some(Joined { membership, token }))
    }

    /// Checks that the visitor has not been removed from the class, by the token its browser remembers and by name.
    fn check_never_removed(
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
        let namesake = class.state.borrow().find_outsider(given_name);
        namesake.map_or(Ok(()), |member| class.check_not_removed(member))
    }
}

impl Class {
    /// Refuses a member that the teacher has removed, and tells the teacher that it knocked.
    fn check_not_removed(&self, member: MemberId) -> Result<(), Failed> {
        if !self.state.borrow().outsiders.contains_key(&member) {
            return Ok(());
        }
        if self.state.borrow_mut().record_knock(member) {
            self.send_outsiders();
        }
        let message = "the teacher has removed this member; only the teacher can let it in again";
        Err(failure::relay(Reason::Removed, message))
    }

    fn name_of(&self, member: MemberId) -> String {
        let state = self.state.borrow();
        let known = state.members.get(&member);
        known.map(|known| known.name.clone()).unwrap_or_default()
    }

    /// Tells the members that gave the same name about each other.
    fn send_namesakes(&self, newcomer: MemberId) {
        let namesakes = self.state.borrow().namesakes(newcomer);
        for (member, _) in namesakes {
            self.send_member(member);
        }
    }

    fn check_address_quota(&self, address: IpAddr, max_members: u64) -> Result<(), Failed> {
        let joined_from = self.joined_from.borrow();
        let here = joined_from.values().filter(|other| **other == address);
        if (here.count() as u64) < max_members {
            return Ok(());
        }
        let message = format!(
            "{max_members} members of this class have joined from your address, the limit for one address"
        );
        Err(failure::limit(
            Reason::TooManyMembersFromAddress,
            max_members,
            message,
        ))
    }
}

pub(super) fn to_json(settings: &Settings) -> String {
    serde_json::to_string(settings).unwrap_or_default()
}
