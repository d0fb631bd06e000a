//! The benchmark's command line.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use tests::soak::{Length, Plan};

/// Concurrent clients of a soak.
const VISITORS: u64 = 30;

const HELP: &str = "cargo bench -p tests -- [--short] [--only NAME]... [--but NAME]... [--who NAME]... [--json FILE] [--markdown] [--curves FOLDER] [--soak SECONDS [--seed NUMBER]]\n\
    --short      a few seconds per row, for continuous integration: answers are checked, times only told\n\
    --only NAME  only figures whose name holds NAME; repeatable\n\
    --but NAME   no figures whose name holds NAME; repeatable\n\
    --who NAME   only contenders whose name holds NAME; repeatable\n\
    --json FILE  writes all that was measured there\n\
    --markdown   prints the goals as a table, as tests/benches/README.md has it\n\
    --curves FOLDER  measures curves in place of the figures, and draws them there\n\
    --soak SECONDS  leaves a relay to 30 visitors who make random calls, in place of the figures: its memory stays\n\
                 flat, and nothing of theirs is left; 600 is usual\n\
    --seed NUMBER  what these visitors do";

/// What the program was started to do.
#[derive(Debug)]
pub(crate) enum Wanted {
    /// Measure.
    Figures(Arguments),
    /// Run random clients against a relay.
    Soak(Plan),
    /// Be one of the floors.
    Floor(FloorArguments),
}

/// What to measure, and how much.
#[derive(Debug, Default)]
pub(crate) struct Arguments {
    /// Whether the run is short.
    pub(crate) short: bool,
    /// Parts of the names of figures to measure; empty means all.
    pub(crate) only: Vec<String>,
    /// Parts of the names of figures to leave out.
    pub(crate) but: Vec<String>,
    /// Parts of the names of contenders to measure; empty means all.
    pub(crate) who: Vec<String>,
    /// The file for the figures as JSON.
    pub(crate) json: Option<PathBuf>,
    /// Whether the goals are printed as a Markdown table.
    pub(crate) markdown: bool,
    /// The folder for pictures of curves, if only these are to be made.
    pub(crate) curves: Option<PathBuf>,
}

/// The floor to be, and the server behind a bridge.
#[derive(Debug)]
pub(crate) struct FloorArguments {
    /// Its name.
    pub(crate) name: String,
    /// The server behind a bridge.
    pub(crate) server: Option<SocketAddr>,
}

/// Reads the command line.
pub(crate) fn read(mut words: impl Iterator<Item = String>) -> Result<Wanted, String> {
    let mut arguments = Arguments::default();
    let (mut soak, mut seed) = (None, 1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match word.as_str() {
            // cargo adds this.
            "--bench" => {}
            "--short" => arguments.short = true,
            "--only" => arguments.only.push(value()?),
            "--but" => arguments.but.push(value()?),
            "--who" => arguments.who.push(value()?),
            "--markdown" => arguments.markdown = true,
            "--curves" => arguments.curves = Some(value()?.into()),
            "--json" => arguments.json = Some(value()?.into()),
            "--soak" => soak = Some(Duration::from_secs(number(&value()?)?)),
            "--seed" => seed = number(&value()?)?,
            "--floor" => {
                let name = value()?;
                let server = words.next().and_then(|address| address.parse().ok());
                return Ok(Wanted::Floor(FloorArguments { name, server }));
            }
            _ => return Err(HELP.to_owned()),
        }
    }
    Ok(match soak {
        Some(time) => Wanted::Soak(Plan {
            seed,
            visitors: VISITORS,
            length: Length::For(time),
        }),
        None => Wanted::Figures(arguments),
    })
}

fn number(word: &str) -> Result<u64, String> {
    word.parse().map_err(|_| format!("{word} is not a number"))
}

impl Arguments {
    /// Whether to measure a figure of this name.
    pub(crate) fn wants(&self, name: &str) -> bool {
        holds_any(name, &self.only) && (self.but.is_empty() || !holds_any(name, &self.but))
    }
}

/// Whether the name contains one of these parts, or there are none.
pub(crate) fn holds_any(name: &str, parts: &[String]) -> bool {
    parts.is_empty() || parts.iter().any(|part| name.contains(part))
}
