//! `[[service]]`: services, and the task definitions they run.

use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use crate::config::names::{self, Group, Names};
use crate::config::problems::{Place, Problems, quote};
use crate::config::table::{Field, Found, Table};
use crate::config::verify::Read;
use crate::config::{definition, keys, tags, values};
use crate::model::ecs::definition::{Blueprint, ContainerDefinition, DefinitionId};
use crate::model::ecs::service::{
    CircuitBreaker, DeploymentConfiguration, FileService, LoadBalancer, ServiceKey, ServiceSpec, Threshold,
};
use crate::model::excerpt::excerpt;

const COUNTS: RangeInclusive<u32> = 0..=5_000;
const MINIMUM: RangeInclusive<u32> = 0..=100;
const MAXIMUM: RangeInclusive<u32> = 100..=1_000;
const THRESHOLDS: RangeInclusive<u32> = 1..=1_000;
const GRACE: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(2_147_483_647);

/// The services so far.
#[derive(Debug, Default)]
struct Services {
    list: Vec<FileService>,
    /// Where the families that were read stand first.
    families: Vec<(Box<str>, usize)>,
}

/// Reads every `[[service]]`. Paths within task definitions are relative to the file's own folder.
pub(super) fn read_all(root: &Table<'_>, read: Read<'_>, problems: &mut Problems<'_>) -> Vec<FileService> {
    const ALLOWED: &str = "any number of tables `[[service]]`, in double brackets";
    let groups = names::of_groups(root);
    let mut all = Services::default();
    let mut names = Names::default();
    for table in names::tables(root, "service", &keys::SERVICE, ALLOWED, problems) {
        let service = one(&table, &groups, read, &mut names, &mut all, problems);
        all.list.extend(service);
    }
    all.list
}

/// Reads one service; `None` where something was recorded.
fn one(
    table: &Table<'_>,
    groups: &[Group<'_>],
    read: Read<'_>,
    names: &mut Names,
    all: &mut Services,
    problems: &mut Problems<'_>,
) -> Option<FileService> {
    let cluster = names::name(table, "cluster", problems).or("default");
    let name = names.read(table, cluster, "service", problems);
    let strategy = table.word("scheduling_strategy", &[false, true], strategy, problems);
    let daemon = strategy.or(false);
    let count = table.number("desired_count", COUNTS, problems);
    if let (true, Some(place)) = (daemon, count.place()) {
        problems.clash(place.clone(), "allowed: only with scheduling strategy REPLICA".to_owned());
    }
    let deployment = deployment(table, daemon, problems);
    let grace_period = table.duration("health_check_grace_period", &GRACE, problems).or(Duration::ZERO);
    let tags = tags::read(table, problems);
    let blueprint = blueprint(table, read, problems);
    let load_balancers =
        load_balancers(table, groups, blueprint.as_ref().map(|(blueprint, _)| blueprint), problems);
    let (blueprint, place) = blueprint?;
    all.check_family(&blueprint, &place, problems);
    let key = ServiceKey { cluster: cluster.into(), name: name?.into() };
    let definition = DefinitionId { family: blueprint.family.clone(), revision: 0 };
    let spec = ServiceSpec {
        key,
        definition,
        desired_count: if daemon { 1 } else { count.or(1) },
        daemon,
        load_balancers,
        deployment,
        grace_period,
        launch_type: "EC2".into(),
        told: Default::default(),
        tags,
        client_token: None,
        in_file: true,
    };
    Some(FileService { spec, blueprint })
}

impl Services {
    /// Two definitions of one family would take turns in being the newest revision.
    fn check_family(&mut self, blueprint: &Blueprint, place: &Place, problems: &mut Problems<'_>) {
        let start = place.span.as_ref().map_or(0, |span| span.start);
        let Some((_, first)) = self.families.iter().find(|(family, _)| *family == blueprint.family) else {
            self.families.push((blueprint.family.clone(), start));
            return;
        };
        if self
            .list
            .iter()
            .any(|other| other.blueprint.family == blueprint.family && other.blueprint != *blueprint)
        {
            let line = problems.line(*first);
            let family = quote(&blueprint.family);
            problems.clash(
                place.clone(),
                format!("another definition of the family {family} than in line {line}; allowed: one for each family"),
            );
        }
    }
}

/// AWS's word.
fn strategy(daemon: bool) -> &'static str {
    if daemon { "DAEMON" } else { "REPLICA" }
}

fn deployment(table: &Table<'_>, daemon: bool, problems: &mut Problems<'_>) -> DeploymentConfiguration {
    let default = DeploymentConfiguration::of(daemon);
    let minimum = table.number("minimum_healthy_percent", MINIMUM, problems);
    let maximum = table.number("maximum_percent", MAXIMUM, problems);
    let breaker = table.table("circuit_breaker", &keys::CIRCUIT_BREAKER, problems).given();
    DeploymentConfiguration {
        maximum_percent: maximum.or(default.maximum_percent),
        minimum_healthy_percent: minimum.or(default.minimum_healthy_percent),
        circuit_breaker: breaker.map(|table| circuit_breaker(&table, problems)).unwrap_or_default(),
    }
}

fn circuit_breaker(table: &Table<'_>, problems: &mut Problems<'_>) -> CircuitBreaker {
    const TYPES: [fn(u32) -> Threshold; 3] =
        [Threshold::BoundedPercent, Threshold::UnboundedPercent, Threshold::Count];
    const WORDS: [&str; 3] = ["BOUNDED_PERCENT", "UNBOUNDED_PERCENT", "COUNT"];
    let default = CircuitBreaker::default();
    let kind = table.word("threshold_type", &[0, 1, 2], |kind: usize| WORDS[kind], problems);
    let value = table.number("threshold", THRESHOLDS, problems);
    if let (Some(place), Field::Absent) = (kind.place(), &value)
        && !matches!(kind, Field::Given(Found { value: 0, .. }))
    {
        let allowed = values::whole(&THRESHOLDS);
        problems.clash(place.clone(), format!("needs `threshold`; allowed: {allowed}"));
    }
    let threshold = TYPES[kind.or(0)](value.or(50));
    CircuitBreaker {
        enable: table.boolean("enable", problems).or(default.enable),
        rollback: table.boolean("rollback", problems).or(default.rollback),
        reset_on_healthy_task: table
            .boolean("reset_on_healthy_task", problems)
            .or(default.reset_on_healthy_task),
        threshold,
    }
}

/// Reads the file that `task_definition` names; its problems are those of the key.
fn blueprint(table: &Table<'_>, read: Read<'_>, problems: &mut Problems<'_>) -> Option<(Blueprint, Place)> {
    const FILE: &str = "the path of a task definition in JSON, as `aws ecs register-task-definition` takes it; a relative \
                        one is looked for beside this file";
    let found = table.text("task_definition", FILE, problems);
    if let Field::Absent = found {
        table.missing("task_definition", FILE, problems);
    }
    let Field::Given(Found { value: file, place }) = found else {
        return None;
    };
    if file.is_empty() || file.contains('\0') {
        problems.add(place, values::refuse(&quote(file), FILE));
        return None;
    }
    let path = Path::new(file);
    match read(path)
        .map_err(|error| vec![format!("cannot be read: {error}")])
        .and_then(|bytes| definition::parse(&bytes))
    {
        Ok(mut reading) => {
            reading.blueprint.settle(path.parent().unwrap_or_else(|| Path::new("")));
            Some((reading.blueprint, place))
        }
        Err(found) => {
            for problem in found {
                problems.add(place.clone(), format!("{}: {problem}", quote(file)));
            }
            None
        }
    }
}

fn load_balancers(
    table: &Table<'_>,
    groups: &[Group<'_>],
    blueprint: Option<&Blueprint>,
    problems: &mut Problems<'_>,
) -> Vec<LoadBalancer> {
    const ALLOWED: &str = "any number of tables `[[service.load_balancer]]`, in double brackets";
    let tables = names::tables(table, "load_balancer", &keys::LOAD_BALANCER, ALLOWED, problems);
    tables.iter().filter_map(|table| load_balancer(table, groups, blueprint, problems)).collect()
}

fn load_balancer(
    table: &Table<'_>,
    groups: &[Group<'_>],
    blueprint: Option<&Blueprint>,
    problems: &mut Problems<'_>,
) -> Option<LoadBalancer> {
    let group = names::target_group(table, groups, problems);
    if let Field::Absent = group {
        table.missing("target_group", names::GROUP, problems);
    }
    let name = names::name(table, "container_name", problems);
    let port = table.number("container_port", values::PORTS, problems);
    let container = container(table, name, &blueprint?.containers, problems)?;
    let port = match &port {
        Field::Given(found) => u16::try_from(found.value).ok()?,
        Field::Wrong => return None,
        Field::Absent => match &container.ports[..] {
            [port] => port.container_port,
            _ => {
                let allowed =
                    format!("one of the ports of container {}: {}", container.name, ports(container));
                table.missing("container_port", &allowed, problems);
                return None;
            }
        },
    };
    if !container.ports.iter().any(|known| known.container_port == port)
        && let Field::Given(Found { place, .. }) = table.value("container_port")
    {
        let allowed = format!("one of the ports of container {}: {}", container.name, ports(container));
        problems.clash(place, values::refuse(&format!("the number {port}"), &allowed));
    }
    Some(LoadBalancer {
        target_group_arn: group.given()?.into(),
        container_name: container.name.clone(),
        container_port: port,
    })
}

/// The container that serves a group: the one named, or the only one that can.
fn container<'b>(
    table: &Table<'_>,
    name: Field<&str>,
    containers: &'b [ContainerDefinition],
    problems: &mut Problems<'_>,
) -> Option<&'b ContainerDefinition> {
    let names: Vec<&str> = containers.iter().map(|container| &*container.name).collect();
    let allowed = format!("one of the containers of the task definition: {}", excerpt(&names.join(", ")));
    match name {
        Field::Given(Found { value, place }) => {
            let found = containers.iter().find(|container| *container.name == *value);
            if found.is_none() {
                problems.clash(place, values::refuse(&quote(value), &allowed));
            }
            found
        }
        Field::Wrong => None,
        Field::Absent => {
            // The only container, or the only one that has ports.
            let mut with_ports = containers.iter().filter(|container| !container.ports.is_empty());
            let only = match (containers, with_ports.next(), with_ports.next()) {
                ([only], _, _) | (_, Some(only), None) => Some(only),
                _ => None,
            };
            if only.is_none() {
                table.missing("container_name", &allowed, problems);
            }
            only
        }
    }
}

/// A container's ports as the end of a sentence.
fn ports(container: &ContainerDefinition) -> String {
    let ports: Vec<String> = container.ports.iter().map(|port| port.container_port.to_string()).collect();
    if ports.is_empty() {
        "it has none in its `portMappings`".to_owned()
    } else {
        excerpt(&ports.join(", ")).into_owned()
    }
}
