//! The order of rooms: the door sign of a crate or of a folder lists the rooms in it, each importing only from those
//! after it. These tests hold the code to such lists, and README to those of the crates.

use std::collections::BTreeSet;

use super::{Source, root, sources};

/// The words with which a list of rooms begins; it ends with the paragraph.
const LIST: &str = "Rooms, each importing only from those after it:";

/// A list of rooms, with the module in which they are.
struct Floors {
    module: Module,
    rooms: Vec<String>,
    text: String,
}

/// A module by its path: the crate's folder first, then the modules' names.
type Module = Vec<String>;

#[test]
fn rooms_import_only_downward() {
    let sources = sources();
    let lists: Vec<Floors> = sources.iter().filter_map(floors).collect();
    for of in ["relay", "web"] {
        let is_listed = |list: &Floors| list.module == [of];
        assert!(
            lists.iter().any(is_listed),
            "{of}/src/lib.rs lists no rooms"
        );
    }
    let mut upward = BTreeSet::new();
    for source in sources.iter().filter(|source| !source.is_test()) {
        let Some(here) = module(&source.path) else {
            continue;
        };
        let code = source.code().filter(|line| !line.trim().starts_with("//"));
        let code = code.collect::<Vec<_>>().join("\n");
        for there in imports(&here, &code) {
            for list in &lists {
                if let (Some(from), Some(to)) = (list.floor(&here), list.floor(&there))
                    && from > to
                {
                    upward.insert(format!("{} imports {}", source.path, there.join("::")));
                }
            }
        }
    }
    assert!(upward.is_empty(), "these arrows point upward: {upward:#?}");
}

#[test]
fn lists_of_rooms_name_every_room() {
    let sources = sources();
    for list in sources.iter().filter_map(floors) {
        let is_here = |module: &Module| {
            module
                .split_last()
                .is_some_and(|(_, parent)| parent == list.module)
        };
        let modules = sources.iter().filter(|source| !source.is_test());
        let modules = modules
            .filter_map(|source| module(&source.path))
            .filter(is_here);
        let there: BTreeSet<String> = modules.filter_map(|mut module| module.pop()).collect();
        let listed: BTreeSet<String> = list.rooms.iter().cloned().collect();
        assert_eq!(listed, there, "the rooms of {}", list.module.join("::"));
    }
}

#[test]
fn readme_quotes_the_crates_lists_and_describes_their_rooms() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("README");
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for list in sources()
        .iter()
        .filter_map(floors)
        .filter(|list| list.module.len() == 1)
    {
        let of = &list.module[0];
        assert!(
            words(&readme).contains(&list.text),
            "README does not quote {of}'s: {}",
            list.text
        );
        let folder = format!("{of}/src/");
        let cells = readme
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split('|').next());
        let cells = cells.filter(|cell| cell.starts_with(&folder));
        let described: BTreeSet<&str> = cells
            .flat_map(|cell| cell.split(['`', ',', ' ']))
            .map(|name| name.strip_prefix(&folder).unwrap_or(name))
            .collect();
        for room in &list.rooms {
            assert!(
                described.contains(&**room),
                "README's table has no row for {folder}{room}"
            );
        }
    }
}

#[test]
fn imports_are_found_in_every_form() {
    let here = ["relay", "a", "b"].map(str::to_owned);
    let code = "use crate::{c::d, e::{self, F}, g};\nuse super::h;\nuse super::super::i;\nlet x = crate::j::k() + self::l::m;";
    let found: Vec<String> = imports(&here, code)
        .iter()
        .map(|path| path.join("::"))
        .collect();
    let expected = ["c::d", "e", "e::F", "g", "j::k", "a::h", "i", "a::b::l::m"];
    assert_eq!(found, expected.map(|path| format!("relay::{path}")));
}

impl Floors {
    /// The index of the room in which `module` lies; `None` if it lies in none of this list.
    fn floor(&self, module: &[String]) -> Option<usize> {
        let room = module.strip_prefix(&*self.module)?.first()?;
        self.rooms.iter().position(|listed| listed == room)
    }
}

/// The list of rooms in a file's door sign, if there is one.
fn floors(source: &Source) -> Option<Floors> {
    let sign = source
        .text
        .lines()
        .map_while(|line| line.strip_prefix("//!"));
    let sign = sign.map(str::trim).skip_while(|line| !line.contains(LIST));
    let text: Vec<&str> = sign.take_while(|line| !line.is_empty()).collect();
    let text = text.join(" ");
    let text = &text[text.find(LIST)?..];
    let rooms = text.split('`').skip(1).step_by(2).map(str::to_owned);
    Some(Floors {
        module: module(&source.path)?,
        rooms: rooms.collect(),
        text: text.to_owned(),
    })
}

/// The module that a file is: `relay/src/http/mod.rs` is `relay::http`. `None` of a file that is no module of a
/// library, such as `main.rs`.
fn module(path: &str) -> Option<Module> {
    let (of, inside) = path.strip_suffix(".rs")?.split_once("/src/")?;
    let inside = inside.strip_suffix("/mod").unwrap_or(inside);
    let names = inside.split('/').filter(|name| *name != "lib");
    let module: Module = [of].into_iter().chain(names).map(str::to_owned).collect();
    (inside != "main").then_some(module)
}

/// The paths that code in the module `here` names from `crate::`, from `super::` and from `self::`.
fn imports(here: &[String], code: &str) -> Vec<Module> {
    let mut found = Vec::new();
    for (start, from) in [
        ("crate::", 1),
        ("super::", here.len() - 1),
        ("self::", here.len()),
    ] {
        for (at, _) in code.match_indices(start) {
            let is_inside = code[..at].ends_with(|before: char| {
                before == ':' || before == '_' || before.is_alphanumeric()
            });
            if !is_inside {
                tree(&here[..from], &mut &code[at + start.len()..], &mut found);
            }
        }
    }
    found
}

/// Reads a path, or several of them in braces, from `code`, and adds them to `found`, seen from the module `from`.
fn tree(from: &[String], code: &mut &str, found: &mut Vec<Module>) {
    let mut path = from.to_vec();
    loop {
        *code = code.trim_start();
        if let Some(rest) = code.strip_prefix('{') {
            *code = rest;
            while !code.is_empty() && !code.starts_with('}') {
                tree(&path, code, found);
                *code = code.trim_start().trim_start_matches(',').trim_start();
            }
            *code = code.strip_prefix('}').unwrap_or_default();
            return;
        }
        let end = code.find(|next: char| next != '_' && !next.is_alphanumeric());
        let (name, rest) = code.split_at(end.unwrap_or(code.len()));
        match name {
            "self" => {}
            "super" => drop(path.pop()),
            _ => path.push(name.to_owned()),
        }
        match rest.strip_prefix("::") {
            Some(rest) => *code = rest,
            None => {
                // Behind `as name`, up to the comma or the brace that ends this path.
                *code = rest.trim_start_matches([' ', '*']);
                if let Some(alias) = code.strip_prefix("as ") {
                    *code = alias
                        .trim_start_matches(|next: char| next == '_' || next.is_alphanumeric());
                }
                found.push(path);
                return;
            }
        }
    }
}
