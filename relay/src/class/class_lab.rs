//! [`ClassLab`]: the running lab of a class, and the task that turns its events into changes of the wall.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    rc::{Rc, Weak},
    time::Duration,
};

use shared::{
    class::{MemberId, Roster, Totals},
    outcome::Failed,
};
use tokio::task::AbortHandle;

use super::{Class, Participant, wall::Wall};
use crate::{
    admission::ClientOrigin,
    lab::{LabLease, LabRegistry},
    trace::{Trace, Visibility},
};

/// Interval at which the teacher receives changes of the wall.
const TEACHER_INTERVAL: Duration = Duration::from_millis(100);
/// The members of an open class receive changes at this interval times the number of members, so that the total rate
/// stays constant.
const INTERVAL_PER_MEMBER_MS: u64 = 10;
/// Minimum interval at which members receive changes.
const MIN_MEMBER_INTERVAL_MS: u64 = 200;

/// The running lab of a class. It ends when the last seat in it is dropped.
#[derive(Debug)]
pub struct ClassLab {
    pub(super) lease: LabLease,
    pub(super) wall: RefCell<Wall>,
    updates: AbortHandle,
}

impl Drop for ClassLab {
    fn drop(&mut self) {
        self.updates.abort();
    }
}

/// Returns the class's running lab, or opens it.
pub(super) fn ensure_lab(
    class: &Rc<Class>,
    from: ClientOrigin,
    labs: &Rc<LabRegistry>,
) -> Result<Rc<ClassLab>, Failed> {
    if let Some(live) = class.live.borrow().upgrade() {
        return Ok(live);
    }
    let lease = labs.open_class(class.lab.clone(), from.address)?;
    let trace = Rc::clone(lease.trace());
    // The processes of the previous lab no longer exist.
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

/// Changes of the wall that have not been sent yet. The teacher receives them at every tick, the members of an open
/// class less often.
#[derive(Debug, Default)]
struct PendingUpdates {
    next_seq: u64,
    totals: Option<Totals>,
    changed: BTreeSet<MemberId>,
    removed: BTreeSet<MemberId>,
    members_sent_ms: u64,
}

/// Reads the lab's events and sends the changes they make to the wall, until the lab ends.
async fn run_updates(class: Weak<Class>, live: Weak<ClassLab>, trace: Rc<Trace>) {
    let mut pending = PendingUpdates::default();
    let mut ticks = tokio::time::interval(TEACHER_INTERVAL);
    loop {
        ticks.tick().await;
        let (Some(class), Some(live)) = (class.upgrade(), live.upgrade()) else {
            return;
        };
        pending.tick(&class, &live, &trace);
    }
}

impl PendingUpdates {
    fn tick(&mut self, class: &Class, live: &ClassLab, trace: &Trace) {
        let now_ms = trace.now() / 1_000_000;
        let chunk = trace.read(self.next_seq, Visibility::All, usize::MAX);
        self.next_seq = chunk.next;
        let mut wall = live.wall.borrow_mut();
        for recorded in &chunk.events {
            wall.record_event(&recorded.event, now_ms);
        }
        let totals = wall.totals(&class.state.borrow(), now_ms);
        let (changed, removed) = wall.take_changes();
        let is_news = !changed.is_empty() || !removed.is_empty() || self.totals != Some(totals);
        if is_news {
            self.totals = Some(totals);
            let with_totals = Roster {
                totals: Some(totals),
                ..Roster::default()
            };
            let is_teacher = |who| who == Participant::Teacher;
            class.send_tiles(is_teacher, (&changed, &removed), &wall, with_totals);
        }
        self.changed.extend(changed);
        self.removed.extend(removed);
        let interval_ms = INTERVAL_PER_MEMBER_MS.saturating_mul(totals.members.into());
        if now_ms >= self.members_sent_ms + interval_ms.max(MIN_MEMBER_INTERVAL_MS) {
            self.send_to_members(class, &wall, now_ms);
        }
    }

    fn send_to_members(&mut self, class: &Class, wall: &Wall, now_ms: u64) {
        let changed = std::mem::take(&mut self.changed);
        let removed = std::mem::take(&mut self.removed);
        self.members_sent_ms = now_ms;
        let is_news = !changed.is_empty() || !removed.is_empty();
        if is_news && class.state.borrow().class.open {
            let is_member = |who| who != Participant::Teacher;
            class.send_tiles(is_member, (&changed, &removed), wall, Roster::default());
        }
    }
}
