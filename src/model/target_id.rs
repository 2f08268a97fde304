//! What the id of a target may be, by the type of its group's targets (docs/semantics.md, "Targets").

use crate::model::protocol::TargetType;
use crate::model::target;

/// Longest ARN, in bytes, as AWS's own limit for those of functions and load balancers.
const LONGEST: usize = 2_048;

/// Reads a target of a group with targets of this type, as `id` or `id:port`, with brackets around an id that holds
/// colons where a port follows. Gives the id in its canonical form and the port, if one is named; a Lambda function
/// has none.
///
/// # Errors
/// A sentence fragment that says what is wrong with the text.
pub fn read(target_type: TargetType, text: &str) -> Result<(Box<str>, Option<u16>), &'static str> {
    match target_type {
        TargetType::Ip => match address(text) {
            Ok((id, _)) if target::is_instance(&id) => Err("an instance is no IP address and no host name"),
            read => read,
        },
        TargetType::Instance => address(text),
        TargetType::Alb => {
            let (arn, port) = split(text)?;
            match parts(arn)? {
                ("elasticloadbalancing", resource) if is_named(resource, "loadbalancer/app/") => {
                    Ok((arn.into(), port))
                }
                _ => Err("not the ARN of an Application Load Balancer"),
            }
        }
        TargetType::Lambda => {
            let (arn, port) = split(text)?;
            match (parts(arn)?, port) {
                (("lambda", resource), None) if is_named(resource, "function:") => Ok((arn.into(), None)),
                (("lambda", _), Some(_)) => Err("a Lambda function has no port"),
                _ => Err("not the ARN of a Lambda function"),
            }
        }
    }
}

fn address(text: &str) -> Result<(Box<str>, Option<u16>), &'static str> {
    let (id, port) = target::parse(text)?;
    target::usable(&id).map(|()| (id, port))
}

/// Splits `arn` or `[arn]:port`.
fn split(text: &str) -> Result<(&str, Option<u16>), &'static str> {
    let Some(rest) = text.strip_prefix('[') else {
        return Ok((text, None));
    };
    let (arn, port) = rest.rsplit_once(']').ok_or("the bracket is never closed")?;
    match port {
        "" => Ok((arn, None)),
        _ => {
            let port = port.strip_prefix(':').ok_or("after the bracket only `:port` may follow")?;
            Ok((arn, Some(target::parse_port(port)?)))
        }
    }
}

/// The service and the resource of an ARN with region and account, neither of them empty.
fn parts(arn: &str) -> Result<(&str, &str), &'static str> {
    if arn.len() > LONGEST {
        return Err("an ARN has at most 2048 bytes");
    }
    if !arn.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'[' && byte != b']') {
        return Err("an ARN has printable ASCII characters and neither spaces nor brackets");
    }
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, service, region, account, resource] = parts[..] else {
        return Err("not an ARN");
    };
    if [partition, service, region, resource].contains(&"") {
        return Err("not an ARN: a part of it is empty");
    }
    if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("the account in an ARN has twelve digits");
    }
    Ok((service, resource))
}

/// Whether a resource is one of these and has a name.
fn is_named(resource: &str, kind: &str) -> bool {
    resource.strip_prefix(kind).is_some_and(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::target::TargetDescription;
    use proptest::prelude::*;

    const ALB: &str =
        "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/web/0123456789abcdef";
    const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:web";

    #[test]
    fn each_type_has_its_ids() {
        for (target_type, text, id, port) in [
            (TargetType::Ip, "10.0.0.5:80", "10.0.0.5", Some(80)),
            (TargetType::Instance, "i-0123456789abcdef0", "i-0123456789abcdef0", None),
            (TargetType::Instance, "i-0abc:8080", "i-0abc", Some(8080)),
            (TargetType::Instance, "10.0.0.5", "10.0.0.5", None),
            (TargetType::Alb, ALB, ALB, None),
            (TargetType::Alb, &format!("[{ALB}]:443"), ALB, Some(443)),
            (TargetType::Lambda, FUNCTION, FUNCTION, None),
        ] {
            assert_eq!(read(target_type, text), Ok((id.into(), port)), "{text}");
        }
    }

    #[test]
    fn what_is_no_id_of_its_type_is_refused() {
        for (target_type, text) in [
            (TargetType::Ip, ALB),
            (TargetType::Ip, "i-0123456789abcdef0:80"),
            (TargetType::Ip, "0.0.0.0"),
            (TargetType::Instance, "224.0.0.1"),
            // It would be looked up as a host name, for ever in vain.
            (TargetType::Instance, "arn:aws:ec2:us-east-1:000000000000:instance/i-0"),
            (TargetType::Instance, "[arn:aws:ec2:us-east-1:000000000000:instance/i-0]:80"),
            (TargetType::Instance, "i-0abc:0"),
            (TargetType::Alb, "10.0.0.5"),
            (TargetType::Alb, FUNCTION),
            (TargetType::Alb, "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/"),
            (TargetType::Alb, "arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/web/1"),
            (TargetType::Alb, &format!("[{ALB}]:0")),
            (TargetType::Alb, &format!("[{ALB}")),
            (TargetType::Alb, &format!("{ALB} ")),
            (TargetType::Lambda, ALB),
            (TargetType::Lambda, "web"),
            (TargetType::Lambda, &format!("[{FUNCTION}]:80")),
            (TargetType::Lambda, &format!("{FUNCTION}{}", "a".repeat(LONGEST))),
        ] {
            assert!(read(target_type, text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_printed_is_read_back() {
        for (target_type, id, port) in [
            (TargetType::Alb, ALB, 443),
            (TargetType::Instance, "i-0abc", 80),
            (TargetType::Lambda, FUNCTION, 0),
        ] {
            let (read, named) = read(target_type, &TargetDescription::new(id, port).to_string()).unwrap();
            assert_eq!((&*read, named.unwrap_or(0)), (id, port));
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*", arn in "\\[?arn:[a-z:/\\[\\]0-9]*") {
            for target_type in TargetType::ALL {
                _ = read(*target_type, &text);
                _ = read(*target_type, &arn);
            }
        }
    }
}
