//! What the file says of the things that the ELBv2 API tells.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tgprobe::config::{self, Journal};
use tgprobe::model::description::Origin;
use tgprobe::model::protocol::IpAddressType;

use super::{parse, read, root};

#[test]
fn a_group_of_the_file_is_described_as_the_api_tells_it() {
    let text = "[server]\nregion = 'eu-west-1'\naccount_id = '123456789012'\n\
                [[target_group]]\nname = 'web'\nport = 80\ntags = { env = 'dev' }\nhealth_check.interval = '10s'\n\
                [[target_group]]\nname = 'tunnel'\nprotocol = 'GENEVE'\nport = 6081\n";
    let config = parse(text).unwrap();
    let group = &config.desired.groups[0].group;
    let description = &group.description;
    assert_eq!(description.origin, Origin::File);
    assert!(
        description.arn.starts_with("arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/"),
        "{}",
        description.arn
    );
    assert_eq!(&*description.region, "eu-west-1");
    assert_eq!(description.health_check, group.health_check);
    assert_eq!(description.tags.get("env").map(|value| &**value), Some("dev"));
    assert_eq!(description.ip_address_type, Some(IpAddressType::Ipv4));
    assert_eq!(config.desired.groups[1].group.description.ip_address_type, None);
}

#[test]
fn a_relative_data_dir_lies_beside_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.toml");
    fs::write(&file, "[server]\ndata_dir = 'data'\n[server.journal]\nmax_age = '1h'\n").unwrap();
    let server = config::load(&file).unwrap().server;
    assert_eq!(server.data_dir, Some(folder.path().join("data")));
    assert_eq!(server.journal, Journal { max_age: Duration::from_secs(3_600), ..Journal::default() });

    fs::write(&file, "[server]\ndata_dir = '/var/lib/tgprobe'\n").unwrap();
    let server = config::load(&file).unwrap().server;
    assert_eq!(server.data_dir.as_deref(), Some(Path::new("/var/lib/tgprobe")));
}

#[test]
fn no_error_shows_the_value_of_a_header() {
    let text = fs::read_to_string(root().join("tests/configs/bad-request.toml")).unwrap();
    assert!(text.contains("secret"));
    let errors = config::parse(&text, "a.toml", &read).unwrap_err().to_string();
    assert!(!errors.contains("secret"), "{errors}");
}

#[test]
fn header_fields_keep_their_order() {
    let text = "[[target_group]]\nname = 'web'\nport = 80\n\
                [target_group.health_check.headers]\nX-B = 'b'\nAccept = '*/*'\nX-A = 'a'\n";
    let config = parse(text).unwrap();
    let headers = &config.desired.groups[0].group.health_check.headers;
    let names: Vec<_> = headers.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["X-B", "Accept", "X-A"]);
}

#[test]
fn functions_have_nothing_to_drain() {
    let text =
        "[[target_group]]\nname = 'web'\nport = 80\n[[target_group]]\nname = 'fn'\ntarget_type = 'lambda'\n";
    let groups = parse(text).unwrap().desired.groups;
    let delays: Vec<_> =
        groups.iter().map(|one| one.group.attributes.deregistration_delay.as_secs()).collect();
    assert_eq!(delays, [300, 0]);
}
