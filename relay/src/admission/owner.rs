//! The users of this machine whose connections have its rights.

/// Returns the user ids whose connections have the rights of this machine.
///
/// | the relay is started | by | owner |
/// |---|---|---|
/// | with `--owner UID` (repeatable) | anybody | exactly these users |
/// | directly, also with capabilities of `setcap` | a user | that user (its real user id) |
/// | by `sudo` or `pkexec`, as root | a user | that user (`SUDO_UID`, `PKEXEC_UID`); not root, because proxies may run as root |
/// | by `sudo -u lab` | a user | `lab` alone |
/// | directly, as root | root | root |
/// | as a service, `User=lab` | systemd | `lab` alone; use the admin token or `--owner` |
/// | in a container | its user | that user, by its id inside the container: reached by `docker exec`, but not through published ports, which are not loopback |
/// | in WSL 2, with a browser on Windows | a user | that user, but connections from Windows belong to root: use `--owner 0` |
///
/// The overflow user id (usually 65534, *nobody*) is never an owner: in a user namespace, all users from outside have
/// it.
pub(super) fn owner_uids(
    declared: &[u32],
    starter: Option<u32>,
    environment: impl Fn(&str) -> Option<String>,
    overflow: u32,
) -> Vec<u32> {
    const ROOT: u32 = 0;
    let parse_uid = |name: &&str| environment(name).and_then(|uid| uid.parse::<u32>().ok());
    let invoking_user = || ["SUDO_UID", "PKEXEC_UID"].iter().find_map(parse_uid);
    let mut owner_uids = declared.to_vec();
    if owner_uids.is_empty() {
        owner_uids.extend(match starter {
            Some(ROOT) => Some(invoking_user().unwrap_or(ROOT)),
            other => other,
        });
    }
    owner_uids.retain(|uid| *uid != overflow);
    owner_uids
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: u32 = 65_534;

    fn of(declared: &[u32], starter: u32, environment: &[(&str, &str)]) -> Vec<u32> {
        let value = |name: &str| {
            let found = environment.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        owner_uids(declared, Some(starter), value, NOBODY)
    }

    #[test]
    fn the_starter_is_the_owner() {
        assert_eq!(of(&[], 1000, &[]), [1000]);
        assert_eq!(of(&[], 0, &[]), [0]);
        assert!(of(&[], NOBODY, &[]).is_empty());
        assert!(owner_uids(&[], None, |_| None, NOBODY).is_empty());
    }

    #[test]
    fn with_sudo_the_invoking_user_is_the_owner() {
        assert_eq!(of(&[], 0, &[("SUDO_UID", "1000")]), [1000]);
        assert_eq!(of(&[], 0, &[("PKEXEC_UID", "1001")]), [1001]);
        assert_eq!(of(&[], 0, &[("SUDO_UID", "many")]), [0]);
        // `sudo -u lab`, or a variable left over in another user's shell.
        assert_eq!(of(&[], 998, &[("SUDO_UID", "1000")]), [998]);
    }

    #[test]
    fn declared_owners_replace_the_starter_and_nobody_is_never_one() {
        assert_eq!(of(&[0, 1000], 998, &[("SUDO_UID", "5")]), [0, 1000]);
        assert!(of(&[NOBODY], 998, &[]).is_empty());
    }
}
