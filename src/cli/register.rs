//! `tgprobe register` and `tgprobe deregister`: targets by name, one call each, in the order given.

use hyper::Method;
use serde_json::json;

use crate::cli::args::{DeregisterArgs, RegisterArgs, ServerArgs, TableFormat};
use crate::cli::client::{Client, ClientError, block_on};
use crate::cli::exit::{Exit, Trouble};
use crate::cli::status::{GROUPS, target_lines};
use crate::cli::term;
use crate::cli::wire::Target;
use crate::model::percent;
use crate::model::target_group::GroupName;
use crate::runtime::clock::Clock;

/// Runs `register`.
#[must_use]
pub fn register(args: &RegisterArgs) -> Exit {
    let body = args.zone.as_ref().map_or_else(String::new, |zone| json!({ "zone": zone }).to_string());
    run(&Method::PUT, &args.server, &args.group, &args.targets, &body, args.output)
}

/// Runs `deregister`.
#[must_use]
pub fn deregister(args: &DeregisterArgs) -> Exit {
    run(&Method::DELETE, &args.server, &args.group, &args.targets, "", args.output)
}

fn run(
    method: &Method,
    server: &ServerArgs,
    group: &GroupName,
    targets: &[String],
    body: &str,
    format: TableFormat,
) -> Exit {
    term::end(block_on(async {
        let client = Client::new(server, Clock::start())?;
        let (mut told, mut wrong) = (Vec::new(), None);
        for target in targets {
            let path = format!("{GROUPS}/{group}/targets/{}", escaped(target));
            match client.change(method.clone(), &path, body.to_owned()).await {
                Ok(text) => told.push(text),
                Err(error) => {
                    wrong = Some(trouble(&client, group, error).await);
                    break;
                }
            }
        }
        // What has been done is told even where the next one failed.
        print(&client, &told, format)?;
        wrong.map_or(Ok(Exit::Done), Err)
    }))
}

async fn trouble(client: &Client, group: &GroupName, error: ClientError) -> Trouble {
    if error.is_unknown_group() { client.unknown_group(group.as_str()).await } else { error.into() }
}

fn print(client: &Client, told: &[String], format: TableFormat) -> Result<(), Trouble> {
    if format == TableFormat::Json {
        return term::out(&format!("{{\"targets\":[{}]}}", told.join(",")));
    }
    if told.is_empty() {
        return Ok(());
    }
    let targets: Vec<Target> = told
        .iter()
        .map(|text| serde_json::from_str(text))
        .collect::<Result<_, _>>()
        .map_err(|error| Trouble::from(client.garbled(error)))?;
    term::out(&target_lines(targets.iter(), format).join("\n"))
}

/// A text as one segment of a path (RFC 3986, section 3.3).
fn escaped(text: &str) -> String {
    percent::encode(text.as_bytes(), b"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_one_segment_of_the_path() {
        assert_eq!(escaped("[::1]:80"), "%5B%3A%3A1%5D%3A80");
        assert_eq!(escaped("a/../b c"), "a%2F..%2Fb%20c");
    }
}
