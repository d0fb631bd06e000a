//! A page's control requests: its lab's servers and network, what it watches, and its class.
//!
//! Socket calls are in `calls`, saved traces in `links`.

use shared::{
    call::Transport,
    class::Whose,
    message::Ask,
    outcome::{Failed, Reason, Returned},
};

use super::PageSession;
use crate::{
    admission::{ClientOrigin, Denial},
    failure,
    lab::ServerChanges,
};

impl PageSession {
    /// Performs a request to the lab, the class or the store.
    pub(in crate::session::page) async fn control(
        &mut self,
        request: Ask,
        origin: ClientOrigin,
    ) -> Result<Returned, Failed> {
        if let Ask::Save { events, days } = request {
            return self.save(events, days, origin).await;
        }
        self.change(request, origin)
            .await
            .map(|()| Returned::Nothing)
    }

    async fn change(&mut self, request: Ask, origin: ClientOrigin) -> Result<(), Failed> {
        match request {
            Ask::StartServer {
                transport,
                program,
                task,
                settings,
            } => self.start_server(
                transport,
                ServerChanges {
                    program,
                    task,
                    settings,
                },
                origin,
            ),
            Ask::KillServer { transport } => {
                self.check_control(origin)?;
                self.context.lab.kill_server(transport).await
            }
            Ask::StopServer { transport } => {
                self.check_control(origin)?;
                self.context.lab.stop_server(transport).await
            }
            Ask::Watch { from, whose } => {
                match (&self.membership, whose) {
                    (Some(membership), whose) => {
                        membership.set_view(whose.unwrap_or(Whose::Own))?
                    }
                    (None, None | Some(Whose::Own)) => {}
                    (None, Some(_)) => return Err(not_in_a_class()),
                }
                // A number beyond the end, perhaps of a relay that ran before, would send nothing for a long time.
                let (_, next) = self.context.lab.trace().range();
                self.next_event = Some(from.min(next));
                Ok(())
            }
            Ask::SetConditions { conditions } => {
                self.check_control(origin)?;
                self.context.lab.netem().set_conditions(conditions)
            }
            Ask::Decide { datagram, verdict } => {
                self.check_control(origin)?;
                self.context.lab.netem().decide(datagram, verdict)
            }
            Ask::Class { act } => {
                let tie = self.class_tie().ok_or_else(not_in_a_class)?;
                self.context.classes.perform(tie, act).await
            }
            Ask::DeleteLink { link, secret } => self.delete_link(link, &secret).await,
            Ask::Unwatch => {
                self.next_event = None;
                Ok(())
            }
            Ask::Enter { .. }
            | Ask::CreateClass { .. }
            | Ask::JoinClass { .. }
            | Ask::Resume { .. }
            | Ask::Ping
            | Ask::Save { .. } => Err(failure::relay(
                Reason::NotOnThisSystem,
                "this request is none to the session",
            )),
        }
    }

    /// Every page may start a dead server as it was; changes need control.
    fn start_server(
        &self,
        transport: Transport,
        changes: ServerChanges,
        origin: ClientOrigin,
    ) -> Result<(), Failed> {
        let lab = &self.context.lab;
        if !changes.is_none() || !lab.is_dead(transport) {
            self.check_control(origin)?;
        }
        lab.start_server(transport, changes)
    }

    fn check_control(&self, origin: ClientOrigin) -> Result<(), Failed> {
        if self.may_control {
            return Ok(());
        }
        if self.membership.is_some() {
            let message = "only the class's teacher may do this";
            return Err(failure::relay(Reason::OnlyTeacher, message));
        }
        let message = format!(
            "the open lab is controlled by the user who started the relay, on its own machine: {}; or open a lab of \
             your own",
            origin.denial.map_or("reload the page", Denial::advice)
        );
        Err(failure::relay(Reason::OnlyThisMachine, message))
    }
}

fn not_in_a_class() -> Failed {
    failure::relay(Reason::NotInClass, "this page is in no class")
}
