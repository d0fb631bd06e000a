//! What people type into the fields of a call, read as the call's arguments.

use shared::{
    call::{Call, Fd, How, SocketOption, Target},
    data::Data,
    trace::CallName,
};

/// The fields of a socket's form, as they stand.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallForm {
    /// Data, as a text with escapes or in hex.
    pub(crate) data: String,
    /// Whether it is in hex.
    pub(crate) hex: bool,
    /// `server`, `nobody`, `localhost6`, or the descriptor of a socket on the workbench.
    pub(crate) to: String,
    /// A port.
    pub(crate) port: String,
    /// Bytes to receive at most.
    pub(crate) size: String,
    /// Milliseconds; nothing for ever.
    pub(crate) timeout: String,
    /// An option, as programs write it.
    pub(crate) option: String,
    /// Its value.
    pub(crate) value: String,
    /// `SHUT_RD`, `SHUT_WR`, `SHUT_RDWR`.
    pub(crate) how: String,
}

/// What cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ArgumentError {
    /// A backslash is followed by something else than n, r, t, 0, a backslash, a quote, two or four… digits in hex.
    Escape,
    /// There is something else than pairs of hex digits.
    Hex,
    /// A port is 0 to 65535.
    Port,
    /// A size is a whole number.
    Size,
    /// A timeout is a whole number of milliseconds, or nothing.
    Timeout,
    /// A value is a whole number.
    Value,
}

impl ArgumentError {
    /// The field it is in, as the markup names it.
    pub(crate) const fn field(self) -> &'static str {
        match self {
            Self::Escape | Self::Hex => "data",
            Self::Port => "port",
            Self::Size => "size",
            Self::Timeout => "timeout",
            Self::Value => "value",
        }
    }
}

/// The options, in the order in which they stand in the list.
const OPTIONS: [SocketOption; 6] = [
    SocketOption::SoReuseaddr,
    SocketOption::SoRcvbuf,
    SocketOption::SoSndbuf,
    SocketOption::SoLinger,
    SocketOption::TcpNodelay,
    SocketOption::IpRecverr,
];

/// The call that was typed.
pub(in crate::model) fn read(
    name: CallName,
    fd: Fd,
    typed: &CallForm,
) -> Result<Call, ArgumentError> {
    let size = || typed.size.trim().parse().map_err(|_| ArgumentError::Size);
    Ok(match name {
        CallName::Bind => Call::Bind {
            fd,
            port: typed.port.trim().parse().map_err(|_| ArgumentError::Port)?,
        },
        CallName::Connect => Call::Connect {
            fd,
            to: target(typed),
        },
        CallName::Send => Call::Send {
            fd,
            data: data(typed)?,
        },
        CallName::SendTo => Call::SendTo {
            fd,
            to: target(typed),
            data: data(typed)?,
        },
        CallName::Recv => Call::Recv { fd, size: size()? },
        CallName::RecvFrom => Call::RecvFrom { fd, size: size()? },
        CallName::SetTimeout => Call::SetTimeout {
            fd,
            milliseconds: match typed.timeout.trim() {
                "" => None,
                number => Some(number.parse().map_err(|_| ArgumentError::Timeout)?),
            },
        },
        CallName::SetSockOpt => Call::SetSockOpt {
            fd,
            option: option(typed),
            value: typed
                .value
                .trim()
                .parse()
                .map_err(|_| ArgumentError::Value)?,
        },
        CallName::GetPeerName => Call::GetPeerName { fd },
        CallName::Shutdown => Call::Shutdown {
            fd,
            how: how(typed),
        },
        CallName::Close => Call::Close { fd },
        CallName::GetSockName
        | CallName::Socket
        | CallName::Listen
        | CallName::Accept
        | CallName::Upper
        | CallName::Count
        | CallName::Reverse
        | CallName::Sleep
        | CallName::GetAddrInfo => Call::GetSockName { fd },
    })
}

/// The call of this name that a form can make.
pub(crate) fn call_named(name: &str) -> Option<CallName> {
    const NAMES: [CallName; 12] = [
        CallName::Bind,
        CallName::Connect,
        CallName::Send,
        CallName::SendTo,
        CallName::Recv,
        CallName::RecvFrom,
        CallName::SetTimeout,
        CallName::SetSockOpt,
        CallName::GetSockName,
        CallName::GetPeerName,
        CallName::Shutdown,
        CallName::Close,
    ];
    NAMES.into_iter().find(|known| known.as_str() == name)
}

fn target(typed: &CallForm) -> Target {
    match typed.to.as_str() {
        "nobody" => Target::Nobody,
        "localhost6" => Target::Localhost6,
        other => other.parse().map_or(Target::Server, Target::Fd),
    }
}

fn option(typed: &CallForm) -> SocketOption {
    let known = OPTIONS
        .iter()
        .find(|option| option.as_str() == typed.option);
    *known.unwrap_or(&SocketOption::SoReuseaddr)
}

fn how(typed: &CallForm) -> How {
    let known = [How::Read, How::Both]
        .into_iter()
        .find(|how| how.as_str() == typed.how);
    known.unwrap_or(How::Write)
}

fn data(typed: &CallForm) -> Result<Data, ArgumentError> {
    let bytes = if typed.hex {
        from_hex(&typed.data).ok_or(ArgumentError::Hex)
    } else {
        from_text(&typed.data).ok_or(ArgumentError::Escape)
    };
    bytes.map(Data)
}

/// `ff 00 7f`, with or without spaces, also as `0xff`.
fn from_hex(text: &str) -> Option<Vec<u8>> {
    let text = text.replace("0x", "");
    let digits: Vec<u32> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16))
        .collect::<Option<_>>()?;
    let pairs = digits.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    pairs
        .map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok())
        .collect()
}

/// Text in UTF-8 with the escapes of Rust and C: `\n \r \t \0 \\ \" \xff \u{4e16}`.
fn from_text(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let sign = after.chars().next()?;
        rest = &after[sign.len_utf8()..];
        match sign {
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            '0' => bytes.push(0),
            '\\' | '"' | '\'' => bytes.extend(u8::try_from(sign).ok()),
            'x' => {
                let byte = from_hex(rest.get(..2)?)?;
                bytes.extend(Some(byte).filter(|byte| byte.len() == 1)?);
                rest = rest.get(2..)?;
            }
            'u' => {
                let (code, after) = rest.strip_prefix('{')?.split_once('}')?;
                let character = char::from_u32(u32::from_str_radix(code, 16).ok()?)?;
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                rest = after;
            }
            _ => return None,
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_takes_escapes() {
        let read = |text| from_text(text);
        assert_eq!(read("hello 世界"), Some("hello 世界".as_bytes().to_vec()));
        assert_eq!(read(r"a\n\r\t\0\\\"), None, "a backslash alone");
        assert_eq!(read(r#"a\n\r\t\0\\\""#), Some(b"a\n\r\t\0\\\"".to_vec()));
        assert_eq!(read(r"\xff\u{4e16}"), Some(b"\xff\xe4\xb8\x96".to_vec()));
        for wrong in [
            r"\q",
            r"\xf",
            r"\xgg",
            r"\u{d800}",
            r"\u4e16",
            r"\x世",
            r"\x0x",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn hex_takes_pairs() {
        assert_eq!(from_hex("ff 00\n7F"), Some(vec![255, 0, 127]));
        assert_eq!(from_hex("0xff0x00"), Some(vec![255, 0]));
        assert_eq!(from_hex(""), Some(Vec::new()));
        assert_eq!((from_hex("f"), from_hex("fg")), (None, None));
    }

    #[test]
    fn fields_become_arguments() {
        let typed = CallForm {
            data: "hi".into(),
            to: "nobody".into(),
            port: " 0 ".into(),
            size: "2048".into(),
            option: "SO_LINGER".into(),
            value: "-1".into(),
            how: "SHUT_RDWR".into(),
            ..CallForm::default()
        };
        let read = |name| read(name, 3, &typed);
        let data = Data::from("hi");
        let to = Target::Nobody;
        assert_eq!(read(CallName::SendTo), Ok(Call::SendTo { fd: 3, to, data }));
        assert_eq!(read(CallName::Bind), Ok(Call::Bind { fd: 3, port: 0 }));
        let milliseconds = None;
        assert_eq!(
            read(CallName::SetTimeout),
            Ok(Call::SetTimeout {
                fd: 3,
                milliseconds
            })
        );
        let option = SocketOption::SoLinger;
        assert_eq!(
            read(CallName::SetSockOpt),
            Ok(Call::SetSockOpt {
                fd: 3,
                option,
                value: -1
            })
        );
        let how = How::Both;
        assert_eq!(read(CallName::Shutdown), Ok(Call::Shutdown { fd: 3, how }));
        let own = CallForm {
            to: "4".into(),
            ..CallForm::default()
        };
        assert_eq!(target(&own), Target::Fd(4));
        assert_eq!(target(&CallForm::default()), Target::Server);
    }

    #[test]
    fn what_is_no_number_is_said_where_it_stands() {
        let typed = CallForm {
            port: "65536".into(),
            size: "many".into(),
            timeout: "-1".into(),
            value: "on".into(),
            ..CallForm::default()
        };
        let wrong = [
            CallName::Bind,
            CallName::Recv,
            CallName::SetTimeout,
            CallName::SetSockOpt,
        ]
        .map(|name| read(name, 3, &typed).map_err(ArgumentError::field));
        assert_eq!(
            wrong,
            [Err("port"), Err("size"), Err("timeout"), Err("value")]
        );
    }
}
