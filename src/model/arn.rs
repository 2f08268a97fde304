//! The ARN of a target group, and the account and region in it.

use std::fmt;

use crate::model::hash::stable;
use crate::model::target_group::GroupName;
use crate::model::tick::Tick;

/// The account and region that groups belong to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Account {
    /// Twelve digits.
    pub id: Box<str>,
    /// The configured region, the one of groups from the file.
    pub region: Box<str>,
}

impl Default for Account {
    fn default() -> Self {
        Self { id: "000000000000".into(), region: "us-east-1".into() }
    }
}

impl Account {
    /// The ARN of a group: the same for the same name in the same region, and another one for each time at which a group
    /// of that name is `created` through the API (docs/semantics.md, "ARNs").
    #[must_use]
    pub fn arn(&self, region: &str, name: &GroupName, created: Tick) -> Box<str> {
        let (id, bare, moment) = (&self.id, name.bare(), created.0.to_be_bytes());
        let parts = [id.as_bytes(), region.as_bytes(), bare.as_bytes(), &moment];
        let partition = partition(region);
        format!("arn:{partition}:elasticloadbalancing:{region}:{id}:targetgroup/{bare}/{:016x}", hash(&parts))
            .into()
    }

    /// The unique name of a group of this account's region or another.
    #[must_use]
    pub fn name_in(&self, region: &str, name: &GroupName) -> GroupName {
        if *self.region == *region { name.clone() } else { name.in_region(region) }
    }

    /// Whether a text can be a region: lower-case letters, digits and single hyphens between them, at most 32.
    #[must_use]
    pub fn is_region(text: &str) -> bool {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=32).contains(&text.len())
            && text.bytes().all(plain)
            && !text.starts_with('-')
            && !text.ends_with('-')
            && !text.contains("--")
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.id, self.region)
    }
}

/// The partition of a region.
pub(super) fn partition(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    }
}

fn hash(parts: &[&[u8]]) -> u64 {
    stable(parts.iter().flat_map(|part| part.iter().copied().chain([0])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_follows_from_account_region_and_name_and_never_changes() {
        let web = GroupName::parse("web").unwrap();
        let account = Account::default();
        let arn = account.arn("us-east-1", &web, Tick(0));
        assert_eq!(
            &*arn,
            "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/web/bc78f2a738f9423c"
        );
        assert_eq!(account.arn("us-east-1", &account.name_in("us-east-1", &web), Tick(0)), arn);
        let other = account.name_in("cn-north-1", &web);
        assert_eq!(other.as_str(), "cn-north-1:web");
        assert!(
            account
                .arn("cn-north-1", &other, Tick(0))
                .starts_with("arn:aws-cn:elasticloadbalancing:cn-north-1:")
        );
        assert_ne!(account.arn("us-east-1", &web, Tick(1)), arn);
    }

    #[test]
    fn a_region_is_a_plain_word() {
        for (text, good) in [
            ("us-east-1", true),
            ("local", true),
            ("", false),
            ("US-EAST-1", false),
            ("a:b", false),
            ("-a", false),
        ] {
            assert_eq!(Account::is_region(text), good, "{text}");
        }
    }
}
