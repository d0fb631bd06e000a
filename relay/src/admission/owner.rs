//! Whose programs on this machine may have its rights.

/// The users whose connections count as this machine's own, by their numbers.
///
/// | the relay is started | by whom | owner |
/// |---|---|---|
/// | with `--owner UID` (repeatable) | anybody | exactly these |
/// | plainly, or with `setcap`'s privileges | a user | that user: the real user number is the starter's |
/// | by `sudo` or `pkexec`, as root | a user | that user: `SUDO_UID`, `PKEXEC_UID`; not root, whose daemons include proxies |
/// | by `sudo -u lab` | a user | `lab` alone |
/// | plainly, as root | root | root |
/// | as a service, `User=lab` | systemd | `lab` alone: use the admin token, or `--owner` |
/// | in a container | its user | that user, as numbered inside: `docker exec`, not what comes in by published ports, which is not from loopback |
/// | in WSL 2, opened in a browser of Windows | a user | nobody there: what comes from Windows is held by root; `--owner 0` |
///
/// The number that stands for users without one (`overflow`, usually *nobody*'s 65534) is never an owner: in a user
/// namespace everybody from outside has it.
pub(super) fn owner_uids(
    declared: &[u32],
    starter: Option<u32>,
    environment: impl Fn(&str) -> Option<String>,
    overflow: u32,
) -> Vec<u32> {
    const ROOT: u32 = 0;
    let on_behalf_of = |name: &&str| environment(name).and_then(|uid| uid.parse::<u32>().ok());
    let behind_root = || ["SUDO_UID", "PKEXEC_UID"].iter().find_map(on_behalf_of);
    let mut owner_uids = declared.to_vec();
    if owner_uids.is_empty() {
        owner_uids.extend(match starter {
            Some(ROOT) => Some(behind_root().unwrap_or(ROOT)),
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
    fn behind_sudo_it_is_who_called_it() {
        assert_eq!(of(&[], 0, &[("SUDO_UID", "1000")]), [1000]);
        assert_eq!(of(&[], 0, &[("PKEXEC_UID", "1001")]), [1001]);
        assert_eq!(of(&[], 0, &[("SUDO_UID", "many")]), [0]);
        // `sudo -u lab`, or a variable left over in another user's shell.
        assert_eq!(of(&[], 998, &[("SUDO_UID", "1000")]), [998]);
    }

    #[test]
    fn declared_owners_replace_it_and_nobody_is_none() {
        assert_eq!(of(&[0, 1000], 998, &[("SUDO_UID", "5")]), [0, 1000]);
        assert!(of(&[NOBODY], 998, &[]).is_empty());
    }
}
