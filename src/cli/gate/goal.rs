//! What a gate waits for, as typed.

use std::fmt;
use std::time::Duration;

use clap::ValueEnum;

use crate::cli::wire::Key;
use crate::model::target_id;

/// The state of affairs to wait for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Aim {
    /// The targets are healthy
    Healthy,
    /// The targets are unhealthy
    Unhealthy,
    /// The targets are not in the list any more, drained
    Gone,
}

impl fmt::Display for Aim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
            Self::Gone => "gone",
        })
    }
}

/// How many healthy targets are enough.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Minimum {
    /// This many, at least 1.
    Count(usize),
    /// This share of the registered, not draining targets, rounded up; 1 to 100. A share of none is never reached.
    Percent(u8),
}

impl Minimum {
    /// Reads `3` or `80%`.
    ///
    /// # Errors
    /// What is allowed.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let digits = text.strip_suffix('%').unwrap_or(text);
        let number =
            digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<usize>().ok()).flatten();
        match (number, text.ends_with('%')) {
            (Some(count @ 1..), false) => Ok(Self::Count(count)),
            (Some(percent @ 1..=100), true) => Ok(Self::Percent(u8::try_from(percent).unwrap_or(100))),
            _ => Err("expected a number of targets from 1, or a share from 1% to 100%"),
        }
    }

    /// How many of `registered` targets are enough; never 0.
    #[must_use]
    pub fn of(self, registered: usize) -> usize {
        match self {
            Self::Count(count) => count,
            Self::Percent(percent) => {
                // The product of a count of things in memory and 100 fits; saturating says so to the reader.
                registered.saturating_mul(percent.into()).div_ceil(100).max(1)
            }
        }
    }
}

/// A target named by the user: all registrations of an id, or the one with a port.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Name {
    /// The address in canonical form, or the host name in lower case.
    id: Box<str>,
    /// The port; any where absent.
    port: Option<u16>,
}

impl Name {
    /// Reads `id` or `id:port`, as in a configuration.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (id, port) = target_id::guess(text.trim())?;
        Ok(Self { id, port })
    }

    /// Whether this names `key`.
    #[must_use]
    pub fn matches(&self, key: &Key) -> bool {
        *self.id == *key.id() && self.port.is_none_or(|port| port == key.port())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}", Key::new(&self.id, port)),
            None => f.write_str(&self.id),
        }
    }
}

/// Everything a gate waits for.
#[derive(Clone, Debug)]
pub struct Goal {
    /// The state of affairs.
    pub aim: Aim,
    /// How many targets are enough; all where absent.
    pub minimum: Option<Minimum>,
    /// The targets looked at; all where empty.
    pub targets: Vec<Name>,
    /// How long the goal must hold without interruption.
    pub stable_for: Duration,
    /// Whether checks from before the gate count.
    pub accept_current: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minimum_is_a_count_or_a_share() {
        for (text, expected) in [
            ("1", Some(Minimum::Count(1))),
            ("12", Some(Minimum::Count(12))),
            ("1%", Some(Minimum::Percent(1))),
            ("100%", Some(Minimum::Percent(100))),
            ("0", None),
            ("0%", None),
            ("101%", None),
            ("-1", None),
            ("+1", None),
            ("", None),
            ("%", None),
            ("50 %", None),
            ("1.5", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(Minimum::parse(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn a_share_is_rounded_up_and_never_nothing() {
        for (percent, registered, needed) in
            [(50, 3, 2), (50, 4, 2), (1, 1, 1), (100, 7, 7), (34, 3, 2), (33, 3, 1), (80, 0, 1)]
        {
            assert_eq!(Minimum::Percent(percent).of(registered), needed, "{percent}% of {registered}");
        }
    }

    #[test]
    fn a_name_without_port_means_every_port() {
        for (name, id, port, matches) in [
            ("10.0.0.5", "10.0.0.5", 80, true),
            ("10.0.0.5:80", "10.0.0.5", 80, true),
            ("10.0.0.5:81", "10.0.0.5", 80, false),
            ("10.0.0.50", "10.0.0.5", 80, false),
            ("[0:0::1]:80", "::1", 80, true),
            ("::1", "::1", 81, true),
            ("Web.example.com.", "web.example.com", 80, true),
        ] {
            assert_eq!(
                Name::parse(name).unwrap().matches(&Key::new(id, port)),
                matches,
                "{name} {id}:{port}"
            );
        }
    }
}
