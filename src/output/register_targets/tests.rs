//! Rows for what each kind of group takes.

use super::*;
use crate::model::target_group::Attributes;

const ALB: &str = "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/web/0123456789abcdef";
const OTHER: &str =
    "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/api/0123456789abcdef";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:web";
const QUIC_ID: &str = "0x0123456789abcdef";

/// A catalog with one group, and the rule with a limit of two.
struct Group(Catalog, GroupName);

impl Group {
    fn new(target_type: TargetType, protocol: Option<Protocol>) -> Self {
        let name = GroupName::parse("web").unwrap();
        let port = if target_type == TargetType::Lambda { 0 } else { 80 };
        let group = TargetGroup {
            target_type,
            protocol,
            attributes: Attributes::default(),
            ..TargetGroup::new(name.clone(), Protocol::Http, port)
        };
        let mut catalog = Catalog::default();
        catalog.apply(Change::PutGroup(Arc::new(group)));
        Self(catalog, name)
    }

    /// Registers targets as `id port zone quic`, `-` for what is left out. Gives what changed, or why nothing did.
    fn take(&mut self, targets: &[&str]) -> Result<Vec<String>, Refusal> {
        let Self(catalog, name) = self;
        let typed = |text: &&str| {
            let mut words = text.split(' ').map(|word| Some(word).filter(|word| *word != "-"));
            let mut next = || words.next().flatten();
            Typed {
                id: next().unwrap().into(),
                port: next().map(|port| port.parse().unwrap()),
                zone: next().map(Box::from),
                quic_server_id: next().map(Box::from),
            }
        };
        let typed: Vec<Typed> = targets.iter().map(typed).collect();
        let wish = catalog.get(name).unwrap();
        let group = Arc::clone(wish.group().unwrap());
        let changes = register(catalog, name, (wish, &group), &typed, 2)?;
        let mut told = Vec::new();
        for change in changes {
            let Change::Register(_, target) = &change else { panic!("not a registration: {change:?}") };
            let zone = target.zone().unwrap_or("-");
            let quic = target.more.as_ref().and_then(|more| more.quic_server_id.as_deref()).unwrap_or("-");
            told.push(format!("{target} {zone} {quic}"));
            catalog.apply(change);
        }
        Ok(told)
    }
}

#[test]
fn what_a_call_leaves_out_stays_as_it_was() {
    let mut quic = Group::new(TargetType::Ip, Some(Protocol::Quic));
    let first = quic.take(&[&format!("10.0.0.5 - a {QUIC_ID}")]);
    assert_eq!(first, Ok(vec![format!("10.0.0.5:80 a {QUIC_ID}")]));
    assert_eq!(quic.take(&["10.0.0.5"]), Ok(vec![]));
    assert_eq!(quic.take(&["10.0.0.5 - b"]), Ok(vec![format!("10.0.0.5:80 b {QUIC_ID}")]));
}

#[test]
fn quic_targets_have_an_id_that_stays_and_others_have_none() {
    let mut quic = Group::new(TargetType::Ip, Some(Protocol::TcpQuic));
    for wrong in ["10.0.0.5", "10.0.0.5 - - 0x1", "10.0.0.5 - - 0x0123456789ABCDEF"] {
        assert!(matches!(quic.take(&[wrong]), Err(Refusal::Invalid(_))), "{wrong}");
    }
    assert!(quic.take(&[&format!("10.0.0.5 - - {QUIC_ID}")]).is_ok());
    let other = quic.take(&["10.0.0.5 - - 0x0000000000000000"]);
    assert!(matches!(other, Err(Refusal::Invalid(_))), "{other:?}");
    let mut http = Group::new(TargetType::Ip, Some(Protocol::Http));
    let with = http.take(&[&format!("10.0.0.5 - - {QUIC_ID}")]);
    assert!(matches!(with, Err(Refusal::Invalid(_))), "{with:?}");
}

#[test]
fn a_group_has_one_load_balancer_or_function() {
    for (target_type, protocol, one, two) in [
        (TargetType::Alb, Some(Protocol::Tcp), ALB, OTHER),
        (TargetType::Lambda, None, FUNCTION, "arn:aws:lambda:us-east-1:000000000000:function:api"),
    ] {
        let mut group = Group::new(target_type, protocol);
        assert!(matches!(group.take(&[one, two]), Err(Refusal::TooMany(_))), "{target_type}");
        assert_eq!(group.take(&[one]).map(|told| told.len()), Ok(1));
        assert!(matches!(group.take(&[two]), Err(Refusal::TooMany(_))), "{target_type}");
        assert_eq!(group.take(&[one]), Ok(vec![]));
    }
}

#[test]
fn a_group_of_addresses_has_as_many_as_the_limit_and_all_or_none_are_taken() {
    let mut group = Group::new(TargetType::Ip, Some(Protocol::Http));
    assert!(matches!(group.take(&["a", "b", "c"]), Err(Refusal::TooMany(_))));
    assert_eq!(group.take(&["a", "b 81", "a"]).map(|told| told.len()), Ok(2));
    assert!(matches!(group.take(&["c"]), Err(Refusal::TooMany(_))));
    assert_eq!(group.take(&["a - z"]), Ok(vec!["a:80 z -".to_owned()]));
}

#[test]
fn ids_are_those_of_the_target_type() {
    for (target_type, id, kept) in [
        (TargetType::Ip, "2001:DB8::1", Some("2001:db8::1")),
        (TargetType::Ip, "Web.Example", Some("web.example")),
        (TargetType::Ip, "10.0.0.5:80", None),
        (TargetType::Ip, "0.0.0.0", None),
        (TargetType::Ip, "i-0123456789abcdef0", None),
        (TargetType::Ip, ALB, None),
        (TargetType::Instance, "i-0123456789abcdef0", Some("i-0123456789abcdef0")),
        (TargetType::Instance, "i-0123456789abcdef0:80", None),
        (TargetType::Instance, "arn:aws:ec2:us-east-1:000000000000:instance/i-0", None),
        (TargetType::Alb, ALB, Some(ALB)),
        (TargetType::Alb, "10.0.0.5", None),
        (TargetType::Lambda, FUNCTION, Some(FUNCTION)),
        (TargetType::Lambda, ALB, None),
    ] {
        let group = Group::new(target_type, Some(Protocol::Tcp));
        let group = group.0.get(&group.1).unwrap().group().unwrap();
        let read = Typed { id: id.into(), ..Typed::default() }.identify(group);
        match kept {
            Some(kept) => assert_eq!(read.map(|target| target.id), Ok(kept.into())),
            None => assert!(matches!(read, Err(Refusal::Target(_))), "{target_type} {id}"),
        }
    }
}

#[test]
fn zones_are_told_where_aws_takes_them() {
    for (target_type, zone, good) in [
        (TargetType::Ip, "us-east-1a", true),
        (TargetType::Ip, "a\u{7}", false),
        (TargetType::Instance, "us-east-1a", false),
        (TargetType::Alb, "us-east-1a", false),
        (TargetType::Lambda, "all", true),
    ] {
        let id = match target_type {
            TargetType::Alb => ALB,
            TargetType::Lambda => FUNCTION,
            TargetType::Ip | TargetType::Instance => "10.0.0.5",
        };
        let told = Group::new(target_type, Some(Protocol::Tcp)).take(&[&format!("{id} - {zone}")]);
        assert_eq!(told.is_ok(), good, "{target_type} {zone:?}");
    }
}
