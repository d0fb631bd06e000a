//! Opens a bridge's connection to the server.

use std::{rc::Rc, time::Duration};

use shared::{
    call::{Call, Fd, Target, Transport},
    outcome::{Failed, Outcome, Reason},
};

use crate::{
    client::{Process, TracedSocket},
    failure,
    session::SessionContext,
};

/// The descriptor of a bridge's only socket.
const FD: Fd = 3;
/// How long the connection to the server may take to open, as with `settimeout`. The client is not read meanwhile, so a
/// server whose accept queue is full must not keep it longer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Returns the connected socket, as soon as the server takes the connection.
pub(super) async fn connect(
    process: Rc<Process>,
    transport: Transport,
    context: &SessionContext,
) -> Result<Rc<TracedSocket>, Failed> {
    let mut shutdown = context.shutdown.clone();
    let address = context.lab.server_address(transport);
    let (socket, _took_ns) = process.open(FD, transport, None, address, None);
    let socket = Rc::new(socket?);
    let connect = Call::Connect {
        fd: FD,
        to: Target::Server,
    };
    let give_up = async {
        tokio::select! {
            Ok(()) = shutdown.changed() => failure::relay(Reason::Cancelled, "the relay is ending"),
            () = tokio::time::sleep(CONNECT_TIMEOUT) => {
                failure::relay(Reason::TimedOut, "the server did not take the connection in time")
            }
        }
    };
    match Box::pin(socket.make_until(&connect, None, give_up))
        .await
        .outcome
    {
        Outcome::Returned(_) => Ok(socket),
        Outcome::Failed(failed) => Err(failed),
    }
}
