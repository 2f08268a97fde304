//! Credentials and certificates of the server.

use std::fs;

use tgprobe::config;

use crate::{certificate, files, identity, root};

#[test]
fn credentials_are_read_from_the_folder_of_the_file_and_never_printed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.toml");
    let names = "[server]\ncredentials_file = 'c.toml'\ntls = { certificate = 'a.pem', key = 'a.key' }\n";
    fs::write(&file, names).unwrap();
    fs::write(folder.path().join("a.pem"), &identity().0).unwrap();
    fs::write(folder.path().join("a.key"), &identity().1).unwrap();
    fs::copy(root().join("credentials.example.toml"), folder.path().join("c.toml")).unwrap();
    let config = config::load(&file).unwrap();
    assert_eq!(config.server.credentials_file.as_deref(), Some(&*folder.path().join("c.toml")));
    assert_eq!(config.server.tls.as_ref().unwrap().key, folder.path().join("a.key"));
    let credentials = config.credentials.as_ref().unwrap();
    let all: Vec<_> = credentials.iter().map(|one| (&*one.access_key_id, one.access.as_str())).collect();
    assert_eq!(all, [("TGPROBEDEPLOY", "read-write"), ("TGPROBEWATCH", "read-only")]);
    assert!(!format!("{config:?}").contains("change-me"));
}

#[test]
fn a_credentials_file_shows_nothing_of_itself_in_errors() {
    for path in files("bad-credentials") {
        let text = fs::read_to_string(path.with_extension("txt")).unwrap();
        assert!(!text.contains("hush"), "{text}");
    }
}

#[test]
fn the_environment_holds_one_credential_or_says_what_is_missing() {
    let from = |all: &[(&str, &str)]| {
        config::from_environment(|name| {
            all.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into())
        })
    };
    let id = ("TGPROBE_ACCESS_KEY_ID", "AKID");
    let secret = ("TGPROBE_SECRET_ACCESS_KEY", "hush");
    assert_eq!(from(&[]), Ok(None));
    assert_eq!(from(&[("TGPROBE_ACCESS_KEY_ID", "")]), Ok(None));
    let one = from(&[id, secret, ("TGPROBE_BEARER_TOKEN", "token")]).unwrap().unwrap();
    assert!(one.bearer_token.unwrap().matches(b"token") && one.session_token.is_none());
    for (all, error) in [
        (vec![id], "`TGPROBE_SECRET_ACCESS_KEY`: missing; required beside TGPROBE_ACCESS_KEY_ID: "),
        (vec![secret], "`TGPROBE_ACCESS_KEY_ID`: missing; required beside TGPROBE_SECRET_ACCESS_KEY: "),
        (
            vec![id, secret, ("TGPROBE_BEARER_TOKEN", "a hush")],
            "`TGPROBE_BEARER_TOKEN`: found another text; ",
        ),
        (vec![("TGPROBE_SESSION_TOKEN", "hush")], "`TGPROBE_ACCESS_KEY_ID`: missing; "),
    ] {
        let found = from(&all).unwrap_err().to_string();
        assert!(found.starts_with(error) && !found.contains("hush"), "{found}");
    }
}

#[test]
fn certificates_are_read_from_the_folder_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ca.pem"), certificate() + &certificate()).unwrap();
    let file = folder.path().join("a.toml");
    let group = "[[target_group]]\nname = 'a'\nport = 443\n[target_group.health_check]\nprotocol = 'HTTPS'\n";
    fs::write(&file, format!("{group}verify = {{ ca_file = 'ca.pem' }}\n")).unwrap();
    let config = config::load(&file).unwrap();
    assert_eq!(config.desired.groups[0].group.health_check.verify.as_ref().unwrap().roots.len(), 2);
}
