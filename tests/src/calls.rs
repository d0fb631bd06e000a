//! The usual socket calls of a page as methods, and the results that stories expect.

use std::net::SocketAddr;

use shared::{
    call::{Call, Fd, Target, Transport},
    data::Data,
    message::{Ask, Reply},
    outcome::{Failed, Outcome, Returned},
};

use crate::page::Page;

/// Each of these calls must succeed.
impl Page {
    /// `socket()`.
    ///
    /// # Panics
    /// When it fails.
    pub async fn makes_socket(&mut self, transport: Transport) -> Fd {
        let returned = self
            .makes(Call::Socket {
                transport,
                family: None,
            })
            .await;
        let Returned::Socket { fd } = returned else {
            panic!("socket() returned {returned:?}");
        };
        fd
    }

    /// `socket()` and `connect()`.
    pub async fn connects(&mut self, transport: Transport) -> Fd {
        let fd = self.makes_socket(transport).await;
        let to = Target::Server;
        self.makes(Call::Connect { fd, to }).await;
        fd
    }

    /// `settimeout()`, in milliseconds; `None` waits without limit.
    pub async fn sets_timeout(&mut self, fd: Fd, milliseconds: Option<u32>) {
        self.makes(Call::SetTimeout { fd, milliseconds }).await;
    }

    /// `send()`, all of it.
    pub async fn sends_data(&mut self, fd: Fd, data: impl Into<Data>) {
        let data = data.into();
        let sent = data.len() as u64;
        let returned = self.makes(Call::Send { fd, data }).await;
        assert_eq!(returned, Returned::Sent { sent });
    }

    /// `sendto()` the lab's server.
    pub async fn sends_to_server(&mut self, fd: Fd, data: impl Into<Data>) {
        let (to, data) = (Target::Server, data.into());
        let sent = data.len() as u64;
        let returned = self.makes(Call::SendTo { fd, to, data }).await;
        assert_eq!(returned, Returned::Sent { sent });
    }

    /// `recvfrom()` until a datagram arrives.
    pub async fn receives(&mut self, fd: Fd, size: u32) -> Datagram {
        datagram(self.makes(Call::RecvFrom { fd, size }).await)
    }

    /// The same for a whole datagram of text.
    ///
    /// # Panics
    /// When something else came.
    pub async fn receives_text(&mut self, fd: Fd) -> String {
        let Datagram {
            data, truncated, ..
        } = self.receives(fd, 2048).await;
        assert!(!truncated, "the whole of it");
        data.as_text().expect("text").to_owned()
    }

    /// `recv()` until this many bytes of the stream have arrived; returns their text.
    ///
    /// # Panics
    /// When the stream ends before.
    pub async fn reads(&mut self, fd: Fd, length: usize) -> String {
        let mut bytes = Vec::new();
        while bytes.len() < length {
            let size = u32::try_from(length - bytes.len()).expect("a small number");
            bytes.extend(chunk(self.makes(Call::Recv { fd, size }).await));
        }
        String::from_utf8(bytes).expect("text")
    }

    /// `recv()` to the end of the stream; its text.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn reads_to_the_end(&mut self, fd: Fd) -> String {
        let mut bytes = Vec::new();
        loop {
            let returned = self.makes(Call::Recv { fd, size: 2048 }).await;
            if returned == Returned::EndOfStream {
                return String::from_utf8(bytes).expect("text");
            }
            bytes.extend(chunk(returned));
        }
    }

    /// `getsockname()`.
    ///
    /// # Panics
    /// When it fails.
    pub async fn own_address(&mut self, fd: Fd) -> SocketAddr {
        let returned = self.makes(Call::GetSockName { fd }).await;
        let Returned::Address { address } = returned else {
            panic!("getsockname() returned {returned:?}");
        };
        address
    }

    /// The client of section 2.7 by UDP: sends a sentence, and returns the reply.
    pub async fn exchanges_by_udp(&mut self, sentence: &str) -> String {
        let fd = self.makes_socket(Transport::Udp).await;
        self.sends_to_server(fd, sentence).await;
        let reply = self.receives_text(fd).await;
        self.makes(Call::Close { fd }).await;
        reply
    }

    /// The client of section 2.7 by TCP; the reply is as long as the sentence.
    pub async fn exchanges_by_tcp(&mut self, sentence: &str) -> String {
        let fd = self.connects(Transport::Tcp).await;
        self.sends_data(fd, sentence).await;
        let reply = self.reads(fd, sentence.len()).await;
        self.makes(Call::Close { fd }).await;
        reply
    }
}

/// The request to start a server with the program, the task and the settings that it has.
#[must_use]
pub const fn start_server(transport: Transport) -> Ask {
    Ask::StartServer {
        transport,
        program: None,
        task: None,
        settings: None,
    }
}

/// A datagram as a call returned it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// The bytes that fitted into the buffer.
    pub data: Data,
    /// Its sender.
    pub from: SocketAddr,
    /// Whether it was truncated.
    pub truncated: bool,
    /// Its true length.
    pub length: u64,
}

impl Datagram {
    /// All of a datagram.
    #[must_use]
    pub fn whole(data: &[u8], from: SocketAddr) -> Self {
        let length = data.len() as u64;
        let (data, truncated) = (data.into(), false);
        Self {
            data,
            from,
            truncated,
            length,
        }
    }
}

#[track_caller]
fn datagram(returned: Returned) -> Datagram {
    let Returned::Datagram {
        data,
        from,
        truncated,
        length,
    } = returned
    else {
        panic!("a datagram was expected, not {returned:?}");
    };
    Datagram {
        data,
        from,
        truncated,
        length,
    }
}

#[track_caller]
fn chunk(returned: Returned) -> Vec<u8> {
    let Returned::Chunk { data } = returned else {
        panic!("bytes of the stream were expected, not {returned:?}");
    };
    data.0
}

/// A reply whose outcome the story expects.
pub trait ExpectReply {
    /// The returned value.
    ///
    /// # Panics
    /// When it failed.
    #[track_caller]
    fn returned(self) -> Returned;

    /// The failure.
    ///
    /// # Panics
    /// When it returned.
    #[track_caller]
    fn failed(self) -> Failed;
}

impl ExpectReply for Reply {
    fn returned(self) -> Returned {
        match self.outcome {
            Outcome::Returned(returned) => returned,
            Outcome::Failed(failed) => panic!("it failed: {failed:?}"),
        }
    }

    fn failed(self) -> Failed {
        match self.outcome {
            Outcome::Failed(failed) => failed,
            Outcome::Returned(returned) => {
                panic!("it should have failed, but returned {returned:?}")
            }
        }
    }
}
