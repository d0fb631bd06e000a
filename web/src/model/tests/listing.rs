//! The book's programs, line by line: what each line does, says and knows, on both sides.

use shared::{
    call::{
        Target,
        Transport::{Tcp, Udp},
    },
    lab::Settings,
};

use super::*;
use crate::{
    i18n::lines::meaning,
    model::{
        panes::listing::{LinePosition, ListingCommand, ListingView, Phase},
        trace::log::Side,
    },
};

const FD: Returned = Returned::Socket { fd: 3 };

impl Page {
    fn presses(&mut self, act: ListingCommand) {
        self.does(WholeEvent::Listing(act));
    }

    fn steps(&mut self) {
        self.presses(ListingCommand::Step);
    }

    fn writes(&mut self, sentence: &str) {
        self.presses(ListingCommand::Typed(sentence.to_owned()));
    }

    fn listing_view(&self, side: Side) -> ListingView {
        self.model.listing_view(side).expect("a program")
    }

    /// The line the client's program is at.
    fn at(&self) -> String {
        let sheet = self.listing_view(Side::Client);
        let line = sheet
            .lines
            .into_iter()
            .find(|line| line.at != LinePosition::Elsewhere);
        line.map(|line| line.text).unwrap_or_default()
    }

    fn value(&self, side: Side, name: &str) -> String {
        let sheet = self.listing_view(side);
        let found = sheet.variables.into_iter().find(|known| known.name == name);
        found.map(|found| found.value).unwrap_or_default()
    }

    /// Its one call; the number of that.
    fn only_call(&mut self) -> (u64, Call) {
        let mut calls = self.calls();
        assert_eq!(calls.len(), 1, "{calls:?}");
        calls.remove(0)
    }

    fn phase(&self) -> &Phase {
        &self.model.listing.client.phase
    }

    fn screen(&self) -> &str {
        &self.model.listing.client.screen
    }

    /// The server of this transport runs the book's program, at this address.
    fn has_book(&mut self, transport: Transport, change: impl FnOnce(&mut Server)) {
        let mut server = server(transport, ServerState::Running);
        server.program = Program::Book;
        server.address = "127.6.82.21:12000".parse().expect("an address");
        change(&mut server);
        self.sees(1, What::Server(server));
    }
}

fn settings(transport: Transport) -> Settings {
    Settings {
        backlog: 1,
        receive_size: if transport == Udp { 2048 } else { 1024 },
        think_ms: 0,
        reuse_address: false,
    }
}

fn code(sheet: &ListingView) -> String {
    let lines: Vec<&str> = sheet.lines.iter().map(|line| line.text.as_str()).collect();
    lines.join("\n") + "\n"
}

#[test]
fn udp_line_by_line_with_every_variable() {
    let mut page = Page::open();
    page.has_book(Udp, |_| {});
    page.writes("hello 世界");
    page.steps();
    assert_eq!(
        page.at(),
        "serverName = '127.6.82.21'",
        "as it is in this lab"
    );
    page.steps();
    page.steps();
    assert_eq!(page.value(Side::Client, "serverPort"), "12000");
    assert_eq!(page.at(), "clientSocket = socket(AF_INET, SOCK_DGRAM)");
    assert!(page.calls().is_empty(), "nothing but names so far");

    page.steps();
    let (socket, call) = page.only_call();
    assert_eq!(
        call,
        Call::Socket {
            transport: Udp,
            family: None
        }
    );
    page.steps();
    assert!(
        page.calls().is_empty(),
        "it is in that line until the reply comes"
    );
    page.returns(socket, FD);
    assert!(
        page.value(Side::Client, "clientSocket")
            .starts_with("<socket fd=3, laddr=")
    );
    assert_eq!(page.at(), "message = input('Input lowercase sentence: ')");
    page.steps();
    assert_eq!(page.value(Side::Client, "message"), "'hello 世界'");
    assert_eq!(page.screen(), "Input lowercase sentence: hello 世界\n");

    page.steps();
    let (sendto, call) = page.only_call();
    let (to, data) = (Target::Server, Data::from("hello 世界"));
    assert_eq!(call, Call::SendTo { fd: 3, to, data });
    let encoded = r"b'hello \xe4\xb8\x96\xe7\x95\x8c'";
    assert_eq!(page.value(Side::Client, "message.encode()"), encoded);
    page.returns(sendto, Returned::Sent { sent: 12 });
    page.steps();
    let (receive, call) = page.only_call();
    assert_eq!(call, Call::RecvFrom { fd: 3, size: 2048 });
    page.waits(10_000);
    assert!(
        page.at().contains("recvfrom"),
        "and stays there as long as nothing comes"
    );
    page.returns(receive, datagram("HELLO 世界"));
    let came = r"b'HELLO \xe4\xb8\x96\xe7\x95\x8c'";
    assert_eq!(page.value(Side::Client, "modifiedMessage"), came);
    assert_eq!(
        page.value(Side::Client, "serverAddress"),
        "('127.0.0.1', 12000)"
    );
    page.steps();
    assert_eq!(
        page.value(Side::Client, "modifiedMessage.decode()"),
        "'HELLO 世界'"
    );
    assert!(page.screen().ends_with("HELLO 世界\n"));
    page.steps();
    let (close, call) = page.only_call();
    assert_eq!(call, Call::Close { fd: 3 });
    page.returns(close, Returned::Nothing);
    assert_eq!(
        page.value(Side::Client, "clientSocket"),
        "<socket [closed]>"
    );
    assert_eq!((page.phase(), page.at().as_str()), (&Phase::Ended, ""));
}

#[test]
fn tcp_runs_to_its_end_as_fast_as_it_goes() {
    let mut page = Page::open();
    page.chooses(Tcp);
    page.writes("hello");
    page.presses(ListingCommand::Pace(0));
    page.presses(ListingCommand::Run);
    for returned in [
        FD,
        Returned::Nothing,
        Returned::Sent { sent: 5 },
        chunk("HELLO"),
        Returned::Nothing,
    ] {
        let (id, _) = page.only_call();
        page.returns(id, returned);
    }
    assert_eq!(page.phase(), &Phase::Ended);
    assert_eq!(
        page.screen(),
        "Input lowercase sentence: hello\nFrom Server: HELLO\n"
    );
    assert_eq!(page.model.listing.client.printed, "HELLO");
}

#[test]
fn it_runs_at_its_pace_and_halts() {
    let mut page = Page::open();
    page.presses(ListingCommand::Pace(1_000));
    page.presses(ListingCommand::Run);
    assert_eq!(
        page.at(),
        "serverName = '127.0.0.1'",
        "the first line at once"
    );
    assert_eq!(page.model.wakes_at(page.now), Some(page.now + 1_000));
    page.waits(999);
    assert_eq!(page.at(), "serverName = '127.0.0.1'");
    page.waits(1);
    assert_eq!(page.at(), "serverPort = 12000");
    page.presses(ListingCommand::Run);
    page.waits(5_000);
    assert_eq!(page.at(), "serverPort = 12000", "halted");
    page.presses(ListingCommand::Run);
    assert_eq!(page.at(), "clientSocket = socket(AF_INET, SOCK_DGRAM)");
}

/// A UDP program before this line, its socket open; what is in the keyboard's field is read.
fn before(page: &mut Page, line: &str) {
    for _ in 0..20 {
        if page.at().contains(line) {
            return;
        }
        page.steps();
        for (id, call) in page.calls() {
            let returned = if matches!(call, Call::Socket { .. }) {
                FD
            } else {
                Returned::Sent { sent: 5 }
            };
            page.returns(id, returned);
        }
    }
    panic!("{line} never came");
}

#[test]
fn without_a_sentence_it_waits_for_the_keyboard() {
    let mut page = Page::open();
    before(&mut page, "input(");
    page.steps();
    assert_eq!(page.phase(), &Phase::Reading);
    assert!(page.model.can_send(), "the sentence is what it waits for");
    page.sends("hi");
    assert!(
        page.calls().is_empty(),
        "it is read, and no program of its own"
    );
    assert_eq!(page.value(Side::Client, "message"), "'hi'");
    assert!(page.at().contains("sendto"));
}

#[test]
fn ctrl_c_ends_it_where_it_is_blocked() {
    let mut page = Page::open();
    page.writes("hello");
    before(&mut page, "recvfrom");
    page.steps();
    let (receive, _) = page.only_call();
    assert!(!page.model.can_send(), "a blocked program reads nothing");
    page.presses(ListingCommand::Interrupt);
    assert_eq!(page.only_call().1, Call::Cancel { of: receive });
    page.fails(receive, "ECANCELED");
    assert_eq!(page.only_call().1, Call::Close { fd: 3 });
    assert!(page.screen().ends_with(
        "Traceback (most recent call last):\n  File \"UDPClient.py\", line 8, in <module>\n    \
         modifiedMessage, serverAddress = clientSocket.recvfrom(2048)\nKeyboardInterrupt\n"
    ));
    assert_eq!(page.phase(), &Phase::Died);
}

#[test]
fn a_refused_connection_ends_it_as_python_says() {
    let mut page = Page::open();
    page.chooses(Tcp);
    page.presses(ListingCommand::Pace(0));
    page.presses(ListingCommand::Run);
    let (socket, _) = page.only_call();
    page.returns(socket, FD);
    let (connect, _) = page.only_call();
    let message = "Connection refused".to_owned();
    let refused = Failed {
        message,
        ..failed("ECONNREFUSED")
    };
    page.ends(connect, Outcome::Failed(refused));
    let last = page.screen().lines().last().map(str::to_owned);
    let said = "ConnectionRefusedError: [Errno 111] Connection refused";
    assert_eq!(last.as_deref(), Some(said));
    assert!(
        page.at().contains("connect"),
        "the line it died in stays marked"
    );
    assert_eq!(page.only_call().1, Call::Close { fd: 3 });
}

#[test]
fn a_reply_cut_in_the_midst_of_a_character_ends_it() {
    let mut page = Page::open();
    page.writes("hello");
    before(&mut page, "recvfrom");
    page.steps();
    let (receive, _) = page.only_call();
    let data = Data::from(&b"AB\xe4\xb8"[..]);
    let from = server_address();
    page.returns(
        receive,
        Returned::Datagram {
            data,
            from,
            truncated: true,
            length: 5,
        },
    );
    page.steps();
    let last = page.screen().lines().last().map(str::to_owned);
    let said = "UnicodeDecodeError: 'utf-8' codec can't decode bytes in position 2-3: unexpected end of data";
    assert_eq!(last.as_deref(), Some(said));
}

#[test]
fn reset_gives_back_what_it_had_and_begins_again() {
    let mut page = Page::open();
    page.writes("hello");
    before(&mut page, "recvfrom");
    page.steps();
    let (receive, _) = page.only_call();
    page.presses(ListingCommand::Reset);
    let calls = page.calls();
    assert_eq!(calls[0].1, Call::Cancel { of: receive });
    assert_eq!(calls[1].1, Call::Close { fd: 3 });
    assert_eq!((page.phase(), page.screen()), (&Phase::Fresh, ""));
    page.fails(receive, "ECANCELED");
    assert_eq!(page.phase(), &Phase::Fresh, "what came of it is no news");
    page.steps();
    assert!(page.at().starts_with("serverName"));
}

#[test]
fn enter_is_the_keyboard_of_a_program_that_stands_before_input() {
    let mut page = Page::open();
    before(&mut page, "input(");
    page.sends("hi");
    assert!(
        page.calls().is_empty(),
        "nothing is reset, nothing else begun"
    );
    assert_eq!(page.value(Side::Client, "message"), "'hi'");
    assert!(
        page.value(Side::Client, "clientSocket").contains("fd=3"),
        "its socket and variables are still there"
    );
    assert_eq!(page.screen(), "Input lowercase sentence: hi\n");
    assert!(page.at().contains("sendto"), "and it halts after that line");
    page.waits(10_000);
    assert!(page.at().contains("sendto"));
}

#[test]
fn enter_brings_a_program_that_stands_earlier_to_its_input() {
    let mut page = Page::open();
    page.presses(ListingCommand::Pace(100));
    page.steps();
    assert_eq!(page.at(), "serverName = '127.0.0.1'");
    page.sends("");
    for _ in 0..3 {
        page.waits(100);
    }
    let (socket, _) = page.only_call();
    page.returns(socket, FD);
    page.waits(100);
    assert_eq!(
        page.value(Side::Client, "message"),
        "''",
        "an empty line is one"
    );
    assert!(page.at().contains("sendto"));
    page.waits(10_000);
    assert!(page.calls().is_empty(), "it halts there");
}

#[test]
fn step_and_pause_take_over_from_enter() {
    for act in [ListingCommand::Step, ListingCommand::Run] {
        let mut page = Page::open();
        page.presses(ListingCommand::Pace(1_000));
        page.steps();
        page.sends("hi");
        if matches!(act, ListingCommand::Run) {
            page.presses(ListingCommand::Run);
        }
        page.presses(act);
        let at = page.at();
        page.waits(10_000);
        assert_eq!(page.at(), at, "it halts where its user wants it to");
    }
}

#[test]
fn a_program_that_has_read_its_sentence_is_not_reset_by_send() {
    let mut page = Page::open();
    page.writes("hello");
    before(&mut page, "sendto");
    assert!(!page.model.can_send() && page.model.listing.client.is_held());
    page.sends("another");
    assert!(page.calls().is_empty());
    assert_eq!(page.value(Side::Client, "message"), "'hello'");
    page.presses(ListingCommand::Reset);
    assert_eq!(page.only_call().1, Call::Close { fd: 3 });
    assert!(page.model.can_send());
}

#[test]
fn an_ended_program_and_the_other_transport_make_room() {
    let mut page = Page::open();
    page.writes("hello");
    before(&mut page, "recvfrom");
    page.steps();
    let (receive, _) = page.only_call();
    page.fails(receive, "ECONNREFUSED");
    page.calls();
    page.sends("hello");
    assert!(matches!(page.calls()[0].1, Call::Socket { .. }));
    let mut page = Page::open();
    page.writes("hello");
    before(&mut page, "sendto");
    page.chooses(Tcp);
    assert_eq!(page.only_call().1, Call::Close { fd: 3 });
    assert!(code(&page.listing_view(Side::Client)).contains("SOCK_STREAM"));
}

#[test]
fn a_sentence_by_send_lights_the_lines_too() {
    let mut page = Page::open();
    page.sends("hello");
    assert_eq!(page.at(), "clientSocket = socket(AF_INET, SOCK_DGRAM)");
    let (socket, _) = page.only_call();
    page.returns(socket, FD);
    let ids: Vec<u64> = page.calls().iter().map(|(id, _)| *id).collect();
    page.returns(ids[0], Returned::Sent { sent: 5 });
    assert!(page.at().contains("recvfrom"));
    page.returns(ids[1], datagram("HELLO"));
    page.calls();
}

#[test]
fn the_line_and_its_call_are_one_selection() {
    let mut page = Page::open();
    page.has_book(Udp, |_| {});
    page.writes("hello");
    before(&mut page, "sendto");
    page.steps();
    let (sendto, _) = page.only_call();
    let call = started(50, ME, CallName::SendTo, Some(3), Some(sendto));
    page.sees(100, What::CallStarted(Box::new(call)));
    assert_eq!(page.model.selected, Some(50), "it is looked at as it goes");
    let selected = |page: &Page, side| {
        let line = page
            .listing_view(side)
            .lines
            .into_iter()
            .find(|line| line.selected);
        line.map(|line| line.text).unwrap_or_default()
    };
    assert!(selected(&page, Side::Client).contains("sendto"));
    let call = started(51, UDP_SERVER, CallName::RecvFrom, Some(3), None);
    page.sees(110, What::CallStarted(Box::new(call)));
    let mut back = returned(51, UDP_SERVER, datagram("hello"));
    back.peer = Some(CLIENT.parse().expect("an address"));
    page.sees(120, What::CallReturned(Box::new(back)));
    let mut back = returned(50, ME, Returned::Sent { sent: 5 });
    back.local = Some(CLIENT.parse().expect("an address"));
    page.sees(130, What::CallReturned(Box::new(back)));
    page.does(WholeEvent::Select(Some(51)));
    assert!(
        selected(&page, Side::Server).contains("recvfrom"),
        "the other side's too"
    );
    assert_eq!(selected(&page, Side::Client), "");
}

#[test]
fn a_lost_connection_ends_it() {
    let mut page = Page::open();
    page.writes("hello");
    before(&mut page, "recvfrom");
    page.does(Event::Closed);
    assert_eq!(page.phase(), &Phase::Lost);
    assert!(!page.model.can_run_listing());
}

#[test]
fn the_server_is_followed_through_its_loop() {
    let mut page = Page::open();
    page.has_book(Udp, |_| {});
    let at = |page: &Page| {
        let sheet = page.listing_view(Side::Server);
        let line = sheet
            .lines
            .into_iter()
            .find(|line| line.at != LinePosition::Elsewhere);
        line.map(|line| {
            (
                line.text.trim().to_owned(),
                matches!(line.at, LinePosition::In(_)),
            )
        })
    };
    assert_eq!(at(&page), None, "nothing is known before it makes a call");
    let starts = |page: &mut Page, call, name, data: Option<&str>| {
        let mut call = started(call, UDP_SERVER, name, Some(3), None);
        call.arguments.data = data.map(Data::from);
        page.sees(10 * call.call, What::CallStarted(Box::new(call)));
    };
    let ends = |page: &mut Page, call, outcome| {
        let mut back = returned(call, UDP_SERVER, outcome);
        back.peer = Some(CLIENT.parse().expect("an address"));
        page.sees(10 * call + 1, What::CallReturned(Box::new(back)));
    };
    let line = |text: &str, blocked| Some((text.to_owned(), blocked));
    starts(&mut page, 1, CallName::RecvFrom, None);
    assert_eq!(
        at(&page),
        line("message, clientAddress = serverSocket.recvfrom(2048)", true)
    );
    let client = CLIENT.parse().expect("an address");
    let data = Data::from("hi 世");
    ends(
        &mut page,
        1,
        Returned::Datagram {
            data,
            from: client,
            truncated: false,
            length: 6,
        },
    );
    assert_eq!(page.value(Side::Server, "message"), r"b'hi \xe4\xb8\x96'");
    assert_eq!(
        page.value(Side::Server, "clientAddress"),
        "('127.0.0.1', 49152)"
    );
    starts(&mut page, 2, CallName::Upper, Some("hi 世"));
    assert_eq!(
        at(&page),
        line("modifiedMessage = message.decode().upper()", true)
    );
    ends(&mut page, 2, chunk("HI 世"));
    assert_eq!(page.value(Side::Server, "modifiedMessage"), "'HI 世'");
    starts(&mut page, 3, CallName::SendTo, Some("HI 世"));
    ends(&mut page, 3, Returned::Sent { sent: 6 });
    starts(&mut page, 4, CallName::RecvFrom, None);
    assert_eq!(
        at(&page),
        line("message, clientAddress = serverSocket.recvfrom(2048)", true)
    );
    page.has_book(Udp, |server| server.state = ServerState::Stopped);
    assert_eq!(
        (at(&page), page.value(Side::Server, "message")),
        (None, String::new())
    );
}

#[test]
fn the_server_dies_in_the_line_that_decodes() {
    for (transport, process, line) in [
        (
            Udp,
            UDP_SERVER,
            "modifiedMessage = message.decode().upper()",
        ),
        (
            Tcp,
            TCP_SERVER,
            "sentence = connectionSocket.recv(1024).decode()",
        ),
    ] {
        let mut page = Page::open();
        page.chooses(transport);
        page.has_book(transport, |_| {});
        let name = if transport == Udp {
            CallName::RecvFrom
        } else {
            CallName::Recv
        };
        let call = started(1, process, name, Some(4), None);
        page.sees(10, What::CallStarted(Box::new(call)));
        let (data, from) = (Data::from(&b"ab\xff"[..]), server_address());
        let came = match transport {
            Udp => Returned::Datagram {
                data,
                from,
                truncated: false,
                length: 3,
            },
            Tcp => Returned::Chunk { data },
        };
        page.sees(11, What::CallReturned(Box::new(returned(1, process, came))));
        let call = started(2, process, CallName::Upper, None, None);
        page.sees(12, What::CallStarted(Box::new(call)));
        let why = "decode: not UTF-8, an invalid byte at position 2".to_owned();
        page.has_book(transport, |server| server.state = ServerState::Dead { why });
        let sheet = page.listing_view(Side::Server);
        let died = sheet
            .lines
            .iter()
            .find(|line| line.at == LinePosition::Died);
        assert_eq!(died.map(|line| line.text.trim()), Some(line));
        let said = "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff in position 2: invalid start byte";
        assert_eq!(sheet.exception.as_deref(), Some(said));
        // Started again it knows nothing of that.
        let call = started(3, process, CallName::Socket, None, None);
        page.sees(20, What::CallStarted(Box::new(call)));
        page.has_book(transport, |_| {});
        let sheet = page.listing_view(Side::Server);
        assert_eq!((sheet.exception, sheet.variables), (None, Vec::new()));
    }
}

#[test]
fn a_server_that_cannot_bind_dies_there() {
    let mut page = Page::open();
    let why = "bind: Address already in use (EADDRINUSE)".to_owned();
    page.has_book(Udp, |server| server.state = ServerState::Dead { why });
    let sheet = page.listing_view(Side::Server);
    assert_eq!(
        sheet.exception.as_deref(),
        Some("OSError: [Errno 98] Address already in use")
    );
    let died = sheet
        .lines
        .iter()
        .find(|line| line.at == LinePosition::Died);
    assert!(died.is_some_and(|line| line.text.contains(".bind(")));
}

#[test]
fn what_a_server_was_told_stands_in_its_lines() {
    let mut page = Page::open();
    page.chooses(Tcp);
    page.has_book(Tcp, |server| {
        server.task = Task::Count('S');
        server.settings = Some(Settings {
            backlog: 5,
            receive_size: 16,
            think_ms: 1_250,
            reuse_address: true,
        });
    });
    let text = code(&page.listing_view(Side::Server));
    for line in [
        "from time import sleep\n",
        "serverSocket.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)\n",
        "serverSocket.listen(5)\n",
        "    sentence = connectionSocket.recv(16).decode()\n",
        "    capitalizedSentence = str(sentence.lower().count('s'))\n    sleep(1.25)\n",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    for (task, work) in [
        (Task::Reverse, "sentence[::-1]\n"),
        (Task::Echo, "sentence\n"),
    ] {
        page.has_book(Tcp, |server| server.task = task);
        let shown = code(&page.listing_view(Side::Server));
        assert!(
            shown.contains(&["capitalizedSentence = ", work].concat()),
            "{shown}"
        );
    }
}

#[test]
fn told_nothing_else_it_is_the_file_itself() {
    let files = [
        (
            Udp,
            Side::Client,
            include_str!("../../../../www/programs/UDPClient.py"),
        ),
        (
            Udp,
            Side::Server,
            include_str!("../../../../www/programs/UDPServer.py"),
        ),
        (
            Tcp,
            Side::Client,
            include_str!("../../../../www/programs/TCPClient.py"),
        ),
        (
            Tcp,
            Side::Server,
            include_str!("../../../../www/programs/TCPServer.py"),
        ),
    ];
    for (transport, side, file) in files {
        let mut page = Page::open();
        page.chooses(transport);
        page.has_book(transport, |server| {
            server.address = server_address();
            server.settings = Some(settings(transport));
        });
        let sheet = page.listing_view(side);
        assert_eq!(code(&sheet), file);
        for line in sheet.lines.iter().filter(|line| !line.text.is_empty()) {
            for language in [Language::English, Language::Chinese] {
                let key = sheet.about(line);
                assert!(!meaning(&key, language).is_empty(), "{key}: {}", line.text);
            }
        }
    }
}

#[test]
fn only_the_books_program_has_a_listing_on_the_servers_side() {
    let mut page = Page::open();
    assert!(
        page.model.listing_view(Side::Server).is_none(),
        "a sturdy one runs"
    );
    assert!(page.model.listing_view(Side::Client).is_some());
    page.has_book(Udp, |_| {});
    assert!(page.model.listing_view(Side::Server).is_some());
}
