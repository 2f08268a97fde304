"""Every action of the ECS API, through boto3 and the AWS CLI."""

import botocore.exceptions
import pytest
from support.aws import create, elbv2
from support.ecs import ECS, Ecs, ecs, register, shell, wait, waiting, with_ecs
from support.process import eventually
from support.server import config

ACCOUNT = "arn:aws:ecs:us-east-1:000000000000"
KEYS = """
[[credential]]
access_key_id = "AKIDEXAMPLE"
secret_access_key = "secretexample"

[[credential]]
access_key_id = "AKIDREADER"
secret_access_key = "readersecret"
access = "read-only"
"""


def refused(call, **arguments):
    """The code and the message of a call that is refused."""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**arguments)
    answer = caught.value.response
    assert answer["ResponseMetadata"]["RequestId"]
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
    return answer["Error"]["Code"], answer["Error"]["Message"]


def test_clusters_are_made_described_listed_and_deleted(serve):
    server = serve(with_ecs())
    client, aws = ecs(server.url), Ecs(server.url)
    made = client.create_cluster(clusterName="shop", tags=[{"key": "env", "value": "dev"}])["cluster"]
    assert (made["clusterArn"], made["status"]) == (f"{ACCOUNT}:cluster/shop", "ACTIVE")
    assert client.create_cluster(clusterName="shop")["cluster"]["clusterArn"] == made["clusterArn"]
    assert aws("list-clusters")["clusterArns"] == [f"{ACCOUNT}:cluster/default", f"{ACCOUNT}:cluster/shop"]
    told = aws("describe-clusters", "--clusters", "shop", "none", "--include", "TAGS")
    assert told["clusters"][0]["tags"] == [{"key": "env", "value": "dev"}]
    assert told["failures"] == [{"arn": f"{ACCOUNT}:cluster/none", "reason": "MISSING"}]
    (instance,) = aws("list-container-instances", "--cluster", "shop")["containerInstanceArns"]
    told = client.describe_container_instances(cluster="shop", containerInstances=[instance])
    (instance,) = told["containerInstances"]
    assert (instance["status"], instance["agentConnected"]) == ("ACTIVE", True)
    assert aws("delete-cluster", "--cluster", "shop")["cluster"]["status"] == "INACTIVE"
    assert refused(client.delete_cluster, cluster="none")[0] == "ClusterNotFoundException"
    assert refused(client.list_tasks, cluster="shop") == ("ClusterNotFoundException", "Cluster not found.")


def test_definitions_are_registered_described_listed_and_deregistered(serve):
    server = serve(with_ecs())
    client, aws = ecs(server.url), Ecs(server.url)
    tags = [{"key": "team", "value": "shop"}]
    for revision in (1, 2):
        told = client.register_task_definition(
            family="web", containerDefinitions=[waiting(check="true")], tags=tags
        )
        assert told["taskDefinition"]["taskDefinitionArn"] == f"{ACCOUNT}:task-definition/web:{revision}"
        assert told["tags"] == tags
    told = aws("describe-task-definition", "--task-definition", "web", "--include", "TAGS")
    definition = told["taskDefinition"]
    assert (definition["revision"], definition["status"], told["tags"]) == (2, "ACTIVE", tags)
    check = definition["containerDefinitions"][0]["healthCheck"]
    assert check == {"command": ["CMD-SHELL", "true"], "interval": 5, "timeout": 2, "retries": 1}
    # What was told can be registered again, as deployment tools do.
    told = ["containerDefinitions", "networkMode", "volumes", "placementConstraints"]
    again = client.register_task_definition(family="copy", **{key: definition[key] for key in told if key in definition})
    assert again["taskDefinition"]["containerDefinitions"] == definition["containerDefinitions"]

    assert aws("list-task-definition-families") == {"families": ["copy", "web"]}
    pages = client.get_paginator("list_task_definitions").paginate(sort="DESC", PaginationConfig={"PageSize": 1})
    arns = [arn.rpartition("/")[2] for page in pages for arn in page["taskDefinitionArns"]]
    assert arns == ["web:2", "web:1", "copy:1"]
    gone = aws("deregister-task-definition", "--task-definition", "web:2")["taskDefinition"]
    assert gone["status"] == "INACTIVE" and gone["deregisteredAt"]
    assert client.describe_task_definition(taskDefinition="web")["taskDefinition"]["revision"] == 1
    listed = aws("list-task-definitions", "--family-prefix", "web", "--status", "INACTIVE")
    assert listed["taskDefinitionArns"] == [f"{ACCOUNT}:task-definition/web:2"]
    assert refused(client.run_task, taskDefinition="web:2") == ("ClientException", "TaskDefinition is inactive")
    bad = waiting(healthCheck={"command": ["CMD-SHELL", "true"], "interval": 1})
    code, message = refused(client.register_task_definition, family="bad", containerDefinitions=[bad])
    assert code == "ClientException" and "healthCheck.interval" in message


def test_tasks_run_become_healthy_and_are_stopped(serve):
    server = serve(with_ecs())
    client, aws = ecs(server.url), Ecs(server.url)
    definition = register(client, waiting(check="echo fine"), waiting("side", essential=False))
    environment = [{"name": "MODE", "value": "batch"}]
    told = client.run_task(
        taskDefinition=definition, count=2, startedBy="ci", tags=[{"key": "job", "value": "7"}],
        overrides={"containerOverrides": [{"name": "app", "environment": environment}]},
    )  # fmt: skip
    arns = [task["taskArn"] for task in told["tasks"]]
    assert (len(set(arns)), told["failures"]) == (2, [])
    wait(client, "tasks_running", tasks=arns)
    assert aws.run("wait", "tasks-running", "--tasks", *arns).returncode == 0
    assert sorted(aws("list-tasks")["taskArns"]) == sorted(arns)
    assert len(client.list_tasks(startedBy="ci")["taskArns"]) == 2
    assert client.list_tasks(startedBy="me")["taskArns"] == []

    def healthy():
        return [task["healthStatus"] for task in client.describe_tasks(tasks=arns)["tasks"]] == ["HEALTHY"] * 2

    eventually(healthy, within=30)
    (task,) = aws("describe-tasks", "--tasks", arns[0], "--include", "TAGS")["tasks"]
    assert task["tags"] == [{"key": "job", "value": "7"}]
    assert (task["group"], task["lastStatus"], task["desiredStatus"]) == ("family:web", "RUNNING", "RUNNING")
    assert [one["healthStatus"] for one in task["containers"]] == ["HEALTHY", "UNKNOWN"]
    assert task["overrides"]["containerOverrides"][0]["environment"] == environment

    stopped = aws("stop-task", "--task", arns[0], "--reason", "enough")["task"]
    assert (stopped["desiredStatus"], stopped["stopCode"]) == ("STOPPED", "UserInitiated")
    wait(client, "tasks_stopped", tasks=arns[:1])
    assert aws.run("wait", "tasks-stopped", "--tasks", arns[0]).returncode == 0
    # Stopped tasks can still be asked for.
    (task,) = client.describe_tasks(tasks=arns[:1])["tasks"]
    assert (task["stoppedReason"], task["lastStatus"]) == ("enough", "STOPPED")
    assert task["containers"][0]["exitCode"] == 143
    assert client.list_tasks(desiredStatus="STOPPED")["taskArns"] == arns[:1]
    # A task that has stopped, or is not known, never runs: the waiter says so at once.
    assert aws.run("wait", "tasks-running", "--tasks", arns[0]).returncode == 255
    assert aws.run("wait", "tasks-running", "--tasks", "0" * 32).returncode == 255


def test_the_same_token_runs_a_task_once(serve):
    client = ecs(serve(with_ecs()).url)
    definition = register(client, waiting())
    first, second = [client.run_task(taskDefinition=definition, clientToken="once")["tasks"] for _ in range(2)]
    assert [task["taskArn"] for task in first] == [task["taskArn"] for task in second]
    assert len(client.list_tasks()["taskArns"]) == 1


def test_a_token_is_known_again_once_the_definition_is_gone(serve):
    client = ecs(serve(with_ecs()).url)
    definition = register(client, waiting())
    (first,) = client.run_task(taskDefinition="web", clientToken="once")["tasks"]
    register(client, waiting())
    for revision in (definition, "web:2"):
        client.deregister_task_definition(taskDefinition=revision)
    (second,) = client.run_task(taskDefinition="web", clientToken="once")["tasks"]
    assert second["taskArn"] == first["taskArn"]


def test_tasks_that_find_no_address_are_told_as_failures(serve):
    client = ecs(serve(with_ecs(table='\n[ecs]\ntask_addresses = "127.77.0.0/30"\n')).url)
    definition = register(client, waiting(), networkMode="awsvpc")
    for count, made in ((3, 2), (1, 0)):
        told = client.run_task(taskDefinition=definition, count=count, launchType="FARGATE")
        assert [task["launchType"] for task in told["tasks"]] == ["FARGATE"] * made
        (failure,) = told["failures"]
        assert failure["reason"] == "RESOURCE:ENI" and f"1 of {count} tasks" in failure["detail"]
        assert failure["arn"].startswith(f"{ACCOUNT}:container-instance/default/")
    assert len(client.list_tasks(launchType="FARGATE")["taskArns"]) == 2
    assert client.list_tasks(launchType="EC2")["taskArns"] == []


def test_why_a_check_fails_is_told_to_every_client(serve):
    server = serve(with_ecs())
    client, aws = ecs(server.url), Ecs(server.url)
    definition = register(client, waiting(check="echo no database; exit 22"))
    (task,) = client.run_task(taskDefinition=definition)["tasks"]
    eventually(lambda: client.describe_tasks(tasks=[task["taskArn"]])["tasks"][0]["healthStatus"] == "UNHEALTHY", within=30)
    (told,) = aws("describe-tasks", "--tasks", task["taskArn"])["tasks"]
    (container,) = told["containers"]
    assert container["reason"] == "Health check exited with 22: no database"
    assert told["lastStatus"] == "RUNNING", "nobody replaces a task that is run alone"


def test_a_service_is_made_updated_and_deleted(serve):
    server = serve(with_ecs())
    client, aws = ecs(server.url), Ecs(server.url)
    register(client, waiting())
    made = client.create_service(serviceName="web", taskDefinition="web", desiredCount=2, clientToken="once")["service"]
    assert (made["serviceArn"], made["status"]) == (f"{ACCOUNT}:service/default/web", "ACTIVE")
    assert [one["status"] for one in made["deployments"]] == ["PRIMARY"]
    wait(client, "services_stable", services=["web"])
    assert aws("list-services")["serviceArns"] == [made["serviceArn"]]
    (told,) = aws("describe-services", "--services", "web")["services"]
    assert (told["runningCount"], told["pendingCount"], told["desiredCount"]) == (2, 0, 2)
    assert len(client.list_tasks(serviceName="web")["taskArns"]) == 2
    assert aws.run("wait", "services-stable", "--services", "web").returncode == 0
    breaker = told["deploymentConfiguration"]["deploymentCircuitBreaker"]
    assert (breaker["enable"], breaker["rollback"]) == (False, False)

    told = aws("update-service", "--service", "web", "--desired-count", "1", "--health-check-grace-period-seconds", "5")
    assert told["service"]["healthCheckGracePeriodSeconds"] == 5
    assert [one["id"] for one in told["service"]["deployments"]] == [made["deployments"][0]["id"]]
    wait(client, "services_stable", services=["web"])
    register(client, waiting())
    rolled = client.update_service(service="web", taskDefinition="web")["service"]
    assert [one["status"] for one in rolled["deployments"]] == ["PRIMARY", "ACTIVE"]

    code, message = refused(client.delete_service, service="web")
    assert (code, message) == (
        "InvalidParameterException", "The service cannot be stopped while it is scaled above 0.",
    )  # fmt: skip
    assert refused(client.delete_cluster, cluster="default")[0] == "ClusterContainsServicesException"
    assert aws("delete-service", "--service", "web", "--force")["service"]["status"] == "DRAINING"
    wait(client, "services_inactive", services=["web"])
    assert aws.run("wait", "services-inactive", "--services", "web").returncode == 0
    assert client.list_services()["serviceArns"] == []
    assert refused(client.update_service, service="web", desiredCount=1)[0] == "ServiceNotActiveException"


def test_what_a_service_was_given_is_read_back(serve):
    client = ecs(serve(with_ecs()).url)
    register(client, waiting())
    network = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"], "assignPublicIp": "DISABLED"}}
    given = {
        "launchType": "FARGATE",
        "networkConfiguration": network,
        "platformVersion": "LATEST",
        "propagateTags": "SERVICE",
        "enableECSManagedTags": True,
        "enableExecuteCommand": True,
        "placementStrategy": [{"type": "spread", "field": "instanceId"}],
        "availabilityZoneRebalancing": "ENABLED",
    }
    client.create_service(serviceName="web", taskDefinition="web", desiredCount=0, **given)
    client.update_service(service="web", enableExecuteCommand=False, deploymentConfiguration={"maximumPercent": 150})
    (told,) = client.describe_services(services=["web"])["services"]
    assert {name: told[name] for name in given} == {**given, "enableExecuteCommand": False}
    assert len(told["deployments"]) == 1
    # What was not given is as AWS has it.
    client.create_service(serviceName="plain", taskDefinition="web", desiredCount=0)
    (told,) = client.describe_services(services=["plain"])["services"]
    assert (told["propagateTags"], told["placementStrategy"], told["enableExecuteCommand"]) == ("NONE", [], False)
    assert "networkConfiguration" not in told
    long = {"awsvpcConfiguration": {"subnets": ["x" * 20_000]}}
    assert refused(client.update_service, service="web", networkConfiguration=long)[0] == "InvalidParameterException"


def test_a_service_needs_a_group_of_addresses_and_a_port_of_its_task(serve):
    server = serve(with_ecs())
    client = ecs(server.url)
    register(client, waiting(portMappings=[{"containerPort": 8080}]))
    groups = elbv2(server.url)
    arn, vms = create(groups, "web"), create(groups, "vms", TargetType="instance")

    def behind(**changed):
        balancer = {"targetGroupArn": arn, "containerName": "app", "containerPort": 8080, **changed}
        return {"serviceName": "web", "taskDefinition": "web", "desiredCount": 0, "loadBalancers": [balancer]}

    for changed, message in [
        ({"targetGroupArn": arn[:-1]}, "The specified target group does not exist"),
        ({"targetGroupArn": vms}, "has target type instance"),
        ({"containerName": "db"}, "The container db does not exist in the task definition."),
        ({"containerPort": 80}, "The container app did not have a container port 80 defined."),
    ]:
        code, found = refused(client.create_service, **behind(**changed))
        assert code == "InvalidParameterException" and message in found
    service = client.create_service(**behind())["service"]
    assert service["loadBalancers"] == behind()["loadBalancers"]


def test_everything_can_be_tagged(serve):
    server = serve(with_ecs())
    client, aws = ecs(server.url), Ecs(server.url)
    register(client, waiting())
    service = client.create_service(serviceName="web", taskDefinition="web", desiredCount=0)["service"]["serviceArn"]
    (task,) = client.run_task(taskDefinition="web")["tasks"]
    for arn in (service, task["taskArn"], f"{ACCOUNT}:cluster/default", f"{ACCOUNT}:task-definition/web:1"):
        aws("tag-resource", "--resource-arn", arn, "--tags", "key=a,value=1", "key=b,value=2")
        client.untag_resource(resourceArn=arn, tagKeys=["a", "none"])
        assert aws("list-tags-for-resource", "--resource-arn", arn)["tags"] == [{"key": "b", "value": "2"}]
    (told,) = client.describe_services(services=["web"], include=["TAGS"])["services"]
    assert told["tags"] == [{"key": "b", "value": "2"}]
    missing = f"{ACCOUNT}:service/default/none"
    assert refused(client.list_tags_for_resource, resourceArn=missing)[0] == "ResourceNotFoundException"


def test_who_may_do_what_follows_from_the_signature(serve, folder):
    keys = folder("keys") / "credentials.toml"
    keys.write_text(KEYS)
    keys.chmod(0o600)
    server = serve(with_ecs(credentials_file=str(keys)))
    ecs(server.url).create_cluster(clusterName="shop")
    reader = ecs(server.url, key="AKIDREADER", secret="readersecret")
    assert len(reader.list_clusters()["clusterArns"]) == 2
    code, message = refused(reader.create_cluster, clusterName="more")
    assert code == "AccessDeniedException" and message.endswith("ecs:CreateCluster")
    assert refused(ecs(server.url, secret="wrong").list_clusters)[0] == "InvalidSignatureException"
    assert refused(ecs(server.url, key="NOBODY").list_clusters)[0] == "UnrecognizedClientException"
    code, _ = Ecs(server.url).refused("list-clusters", "--no-sign-request")
    assert code == "MissingAuthenticationTokenException"


def test_without_a_word_of_the_operator_nothing_is_run(serve):
    server = serve(config())
    client = ecs(server.url)
    assert client.list_tasks()["taskArns"] == client.list_services()["serviceArns"] == []
    told = client.describe_services(services=["web"])
    assert (told["services"], told["failures"][0]["reason"]) == ([], "MISSING")
    code, message = refused(client.register_task_definition, family="web", containerDefinitions=[shell("true")])
    assert code == "AccessDeniedException" and "`[ecs]`" in message and ECS.strip() == "[ecs]"


def test_what_is_not_here_is_said_to_be_so(serve):
    client = ecs(serve(with_ecs()).url)
    assert client.list_account_settings()["settings"] == []
    assert client.describe_capacity_providers()["capacityProviders"] == []
    assert client.list_attributes(targetType="container-instance")["attributes"] == []
    for call, arguments in [
        (client.delete_task_definitions, {"taskDefinitions": ["web:1"]}),
        (client.execute_command, {"command": "sh", "interactive": True, "task": "x"}),
        (client.start_task, {"containerInstances": ["x"], "taskDefinition": "web"}),
        (client.create_task_set, {"service": "web", "cluster": "default", "taskDefinition": "web"}),
    ]:
        assert refused(call, **arguments)[0] == "UnsupportedFeatureException"
