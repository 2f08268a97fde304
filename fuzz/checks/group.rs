//! Groups made by calls: the input is a form as in [`form`](super::form), with the parameters of every action that
//! makes or changes a group.

use axum::http::StatusCode;
use tgprobe::model::arn::Account;
use tgprobe::model::attribute;
use tgprobe::model::matcher::Matcher;
use tgprobe::model::target_group::{GroupName, TargetGroup};
use tgprobe::model::tick::Tick;
use tgprobe::output::elbv2::error::ApiError;
use tgprobe::output::elbv2::form::Params;
use tgprobe::output::elbv2::settings::{
    Check, Create, add_tags, create, modify, modify_attributes, remove_tags, same,
};
use tgprobe::output::elbv2::xml;

use super::form::halves;

/// Whatever is asked is refused with a reason, or makes a group that is sound and can be told and asked for again.
pub fn check(input: &[u8]) -> bool {
    let (query, body) = halves(input);
    let Ok(params) = Params::read(query, body) else { return false };
    let (Some(tags), Some(attributes)) = (pairs(&params, "Tags"), pairs(&params, "Attributes")) else {
        return false;
    };
    let asked = Create::read(&params, tags);
    let make = |asked: &Create| create(asked, &Account::default(), "us-east-1", Tick(7));
    let Some(group) = answered(make(&asked)) else { return false };
    sound(&group);
    assert!(same(&group, &group));
    assert_eq!(make(&asked).as_ref(), Ok(&group), "asked again");
    assert_eq!(modify(&group, &Check::default()).as_ref(), Ok(&group), "nothing changes nothing");
    assert_eq!(modify(&group, &asked.health_check).as_ref(), Ok(&group), "what it was made with");

    let changed = answered(modify_attributes(&group, &attributes));
    if let Some(changed) = &changed {
        sound(changed);
        assert_eq!(modify_attributes(changed, &attributes).as_ref(), Ok(changed), "set again");
    }
    let keys: Vec<_> = asked.tags.iter().map(|(key, _)| key.clone()).collect();
    let bare = answered(remove_tags(&group, &keys));
    if let Some(bare) = &bare {
        assert!(bare.description.tags.is_empty());
        assert_eq!(add_tags(bare, &asked.tags).as_ref(), Ok(&group), "put on again");
    }
    changed.is_some() && bare.is_some()
}

/// The keys and values of a list; `None` where it is none.
fn pairs(params: &Params, list: &str) -> Option<Vec<(String, String)>> {
    let text = |text: Option<&&str>| (*text.unwrap_or(&"")).to_owned();
    let members = params.structures(list).ok()?;
    Some(members.iter().map(|member| (text(member.get("Key")), text(member.get("Value")))).collect())
}

/// The group, or `None` after a look at why there is none.
fn answered(result: Result<TargetGroup, ApiError>) -> Option<TargetGroup> {
    let error = match result {
        Ok(group) => return Some(group),
        Err(error) => error,
    };
    assert_eq!(error.status, StatusCode::BAD_REQUEST, "{error}");
    assert!(!error.message.is_empty());
    let xml = xml::refusal(&error, "id");
    let control = |c: char| matches!(c, '\0'..' ' | '\u{fffe}' | '\u{ffff}') && !matches!(c, '\t' | '\n');
    assert!(!xml.contains(control), "no XML: {xml:?}");
    None
}

/// What everyone else may rely on.
fn sound(group: &TargetGroup) {
    assert_eq!(GroupName::parse_shown(group.name.as_str()).as_ref(), Ok(&group.name));
    let told = &group.description.health_check;
    for check in [&group.health_check, told] {
        assert!(check.path.starts_with('/') && check.path.len() <= 1_024, "{}", check.path);
        assert!(!check.interval.is_zero() && !check.timeout.is_zero());
        let matcher = check.matcher.as_str();
        assert!(Matcher::parse_within(matcher, &(0..=599)).is_ok(), "{matcher}");
    }
    assert!(group.health_check.timeout < group.health_check.interval);
    assert!(group.description.tags.len() <= 50);
    assert_eq!(attribute::hold(group), Ok(()));
    let listed = attribute::list(group);
    assert!(listed.iter().all(|(key, value)| attribute::check(group, key, value).is_ok()), "{listed:?}");
}
