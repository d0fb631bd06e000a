//! The page's own address: the path the relay is reached under, and what the address opens. Pure.
//!
//! A proxy may serve the relay under a path of its own, such as `https://host/lab/`. The relay does not know that
//! path; the page reads it from its address, because the relay serves the page only at `/`, `/c/{code}` and
//! `/t/{link}` and redirects the latter two when they end with a slash.

/// What the page's address opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opens<'a> {
    /// The lab.
    Lab,
    /// The class with this code.
    Class(&'a str),
    /// The saved trace with this link.
    Saved(&'a str),
}

/// A page's path, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address<'a> {
    /// The path of the relay's `/`, with a slash at both ends.
    pub(crate) root: &'a str,
    /// What the address opens.
    pub(crate) opens: Opens<'a>,
}

impl<'a> Address<'a> {
    /// Reads `location.pathname`, which begins with a slash.
    pub(crate) fn of(path: &'a str) -> Self {
        let (folder, last) = path.split_at(path.rfind('/').map_or(0, |slash| slash + 1));
        let parent = |name| folder.strip_suffix(name).filter(|_| !last.is_empty());
        let is_folder = |root: &&str| root.ends_with('/');
        if let Some(root) = parent("c/").filter(is_folder) {
            let opens = Opens::Class(last);
            return Self { root, opens };
        }
        if let Some(root) = parent("t/").filter(is_folder) {
            let opens = Opens::Saved(last);
            return Self { root, opens };
        }
        let root = if folder.is_empty() { "/" } else { folder };
        let opens = Opens::Lab;
        Self { root, opens }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_found_from_every_address_of_the_page() {
        for root in [
            "/", "/lab/", "/a/b/", "/c/", "/t/", "/c/t/", "/lab/c/", "/文/",
        ] {
            for (end, opens) in [
                ("", Opens::Lab),
                ("c/K7XM3P", Opens::Class("K7XM3P")),
                ("t/b2s5", Opens::Saved("b2s5")),
            ] {
                let path = [root, end].concat();
                let address = Address::of(&path);
                assert_eq!(address, Address { root, opens }, "{path}");
            }
        }
    }

    #[test]
    fn an_address_the_relay_does_not_serve_opens_the_lab() {
        for (path, root) in [
            ("", "/"),
            ("/index", "/"),
            ("/lab/x/y", "/lab/x/"),
            ("/xc/code", "/xc/"),
        ] {
            let opens = Opens::Lab;
            assert_eq!(Address::of(path), Address { root, opens }, "{path}");
        }
    }
}
