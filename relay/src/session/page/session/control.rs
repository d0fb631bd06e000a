//! What a page asks of its lab: its servers, its network, and its trace.

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
    pub(super) async fn ask(&mut self, ask: Ask, from: ClientOrigin) -> Result<Returned, Failed> {
        if let Ask::Save { events, days } = ask {
            return self.save(events, days, from).await;
        }
        self.ask_of_lab(ask, from).await.map(|()| Returned::Nothing)
    }

    async fn ask_of_lab(&mut self, ask: Ask, from: ClientOrigin) -> Result<(), Failed> {
        match ask {
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
                from,
            ),
            Ask::KillServer { transport } => {
                self.must_control(from)?;
                self.context.lab.kill_server(transport).await
            }
            Ask::StopServer { transport } => {
                self.must_control(from)?;
                self.context.lab.stop_server(transport).await
            }
            Ask::Watch { from, whose } => {
                match (&self.place, whose) {
                    (Some(place), whose) => place.set_view(whose.unwrap_or(Whose::Own))?,
                    (None, None | Some(Whose::Own)) => {}
                    (None, Some(_)) => return Err(not_in_a_class()),
                }
                // A number not yet given, perhaps of a relay that ran before, would be waited for in vain.
                let (_, next) = self.context.lab.trace().range();
                self.trace_from = Some(from.min(next));
                Ok(())
            }
            Ask::SetConditions { conditions } => {
                self.must_control(from)?;
                self.context.lab.netem().set_conditions(conditions)
            }
            Ask::Decide { datagram, verdict } => {
                self.must_control(from)?;
                self.context.lab.netem().decide(datagram, verdict)
            }
            Ask::Class { act } => {
                let tie = self.tie().ok_or_else(not_in_a_class)?;
                self.context.classes.perform(tie, act).await
            }
            Ask::Enter { .. }
            | Ask::CreateClass { .. }
            | Ask::JoinClass { .. }
            | Ask::Resume { .. }
            | Ask::Ping
            | Ask::Save { .. } => Err(failure::relay(
                Reason::NotOnThisSystem,
                "a page goes to another lab, its seat stays",
            )),
            Ask::DeleteLink { link, secret } => self.delete_link(link, &secret).await,
            Ask::Unwatch => {
                self.trace_from = None;
                Ok(())
            }
        }
    }

    /// Whoever finds a server dead may start it again as it was; all else is for this machine.
    fn start_server(
        &self,
        transport: Transport,
        changes: ServerChanges,
        from: ClientOrigin,
    ) -> Result<(), Failed> {
        let lab = &self.context.lab;
        if !changes.is_none() || !lab.is_dead(transport) {
            self.must_control(from)?;
        }
        lab.start_server(transport, changes)
    }

    fn must_control(&self, from: ClientOrigin) -> Result<(), Failed> {
        if self.may_control {
            return Ok(());
        }
        if self.place.is_some() {
            let message = "only the class's teacher may do this";
            return Err(failure::relay(Reason::OnlyTeacher, message));
        }
        let message = format!(
            "the open lab is controlled by the user who started the relay, on its own machine: {}; or open a lab of \
             your own",
            from.denial.map_or("reload the page", Denial::advice)
        );
        Err(failure::relay(Reason::OnlyThisMachine, message))
    }
}

fn not_in_a_class() -> Failed {
    failure::relay(Reason::NotInClass, "this page is in no class")
}
