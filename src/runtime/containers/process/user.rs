//! Who a container that is a plain process runs as.

use std::fs;

use rustix::process::geteuid;

/// A user of this host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct User {
    /// Its number.
    pub(super) user: u32,
    /// The number of its group.
    pub(super) group: u32,
    /// Its home, where `/etc/passwd` has one for it.
    pub(super) home: Option<String>,
}

impl User {
    /// Reads `user` or `user:group`, each a name or a number, of this host's `/etc/passwd` and `/etc/group`.
    ///
    /// # Errors
    /// A sentence that says what is not there, or that only root may be somebody else.
    pub(super) fn find(text: &str) -> Result<Self, String> {
        let read =
            |path: &str| fs::read_to_string(path).map_err(|error| format!("cannot read {path}: {error}"));
        let user = Self::look_up(text, &read("/etc/passwd")?, &read("/etc/group")?)?;
        let own = geteuid();
        if own.is_root() || own.as_raw() == user.user {
            return Ok(user);
        }
        Err(format!("only root can run a container as the user {text:?}"))
    }

    fn look_up(text: &str, users: &str, groups: &str) -> Result<Self, String> {
        let (user, group) = text.split_once(':').map_or((text, None), |(user, group)| (user, Some(group)));
        let entry = entry(users, user);
        let number = |entry: &[&str], place: usize| entry.get(place).and_then(|number| number.parse().ok());
        let id: u32 = user
            .parse()
            .ok()
            .or_else(|| entry.as_ref().and_then(|entry| number(entry, 2)))
            .ok_or_else(|| format!("there is no user {user:?} in /etc/passwd"))?;
        let group = match group {
            Some(group) => group
                .parse()
                .ok()
                .or_else(|| self::entry(groups, group).and_then(|entry| number(&entry, 2)))
                .ok_or_else(|| format!("there is no group {group:?} in /etc/group"))?,
            // A container's root group is nothing but a default; the host's is not.
            None => entry.as_ref().and_then(|entry| number(entry, 3)).ok_or_else(|| {
                format!(
                    "there is no user {user} in /etc/passwd: name its group, too, as in \"{user}:{user}\""
                )
            })?,
        };
        let home = entry.and_then(|entry| entry.get(5).map(|home| (*home).to_owned()));
        Ok(Self { user: id, group, home: home.filter(|home| !home.is_empty()) })
    }
}

/// The line whose first field is `name`, or whose third one is, in a file like `/etc/passwd`.
fn entry<'a>(file: &'a str, name: &str) -> Option<Vec<&'a str>> {
    let entries = || file.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let at = |place: usize| entries().find(|entry| entry.get(place) == Some(&name));
    at(0).or_else(|| at(2)).filter(|_| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str = "root:x:0:0:root:/root-home:/bin/sh\nweb:x:33:34:www:/var/www:/bin/false\nodd:x:7\nhomeless:x:8:8:::\n";
    const GROUPS: &str = "root:x:0:\ndata:x:50:web\n";

    #[track_caller]
    fn check(text: &str, expected: Result<(u32, u32, Option<&str>), &str>) {
        let found = User::look_up(text, USERS, GROUPS);
        let found =
            found.as_ref().map(|user| (user.user, user.group, user.home.as_deref())).map_err(String::as_str);
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn users_and_groups_are_names_or_numbers() {
        check("web", Ok((33, 34, Some("/var/www"))));
        check("33", Ok((33, 34, Some("/var/www"))));
        check("web:data", Ok((33, 50, Some("/var/www"))));
        check("33:7", Ok((33, 7, Some("/var/www"))));
        check("1234:5678", Ok((1234, 5678, None)));
        check("homeless", Ok((8, 8, None)));
    }

    #[test]
    fn who_is_not_there_is_named() {
        check("nobody", Err("there is no user \"nobody\" in /etc/passwd"));
        check("", Err("there is no user \"\" in /etc/passwd"));
        check("web:none", Err("there is no group \"none\" in /etc/group"));
        check("1234", Err("there is no user 1234 in /etc/passwd: name its group, too, as in \"1234:1234\""));
        check("odd", Err("there is no user odd in /etc/passwd: name its group, too, as in \"odd:odd\""));
        check("-1:0", Err("there is no user \"-1\" in /etc/passwd"));
    }
}
