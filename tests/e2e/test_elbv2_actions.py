"""Every action of the target group part of the ELBv2 API, through boto3 and the AWS CLI."""

import botocore.exceptions
import pytest
from support.aws import Aws, create, elbv2, health
from support.server import config, group

EMPTY = config()


def refused(call, **arguments):
    """The code, the message and the HTTP status of a call that is refused."""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**arguments)
    answer = caught.value.response
    assert answer["ResponseMetadata"]["RequestId"]
    return answer["Error"]["Code"], answer["Error"]["Message"], answer["ResponseMetadata"]["HTTPStatusCode"]


def test_groups_are_created_described_modified_and_deleted(serve):
    client = elbv2(serve(EMPTY).url)
    created = client.create_target_group(
        Name="web", Protocol="HTTP", Port=80, VpcId="vpc-0a1b2c3d", TargetType="ip",
        HealthCheckPath="/health?x=1&y=2", Matcher={"HttpCode": "200-299"}, Tags=[{"Key": "env", "Value": "dev"}],
    )  # fmt: skip
    assert created["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"] == created["ResponseMetadata"]["RequestId"]
    (group,) = created["TargetGroups"]
    arn = group["TargetGroupArn"]
    assert arn.startswith("arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/web/")
    assert {key: group.get(key) for key in group if key != "TargetGroupArn"} == {
        "TargetGroupName": "web", "Protocol": "HTTP", "Port": 80, "VpcId": "vpc-0a1b2c3d",
        "HealthCheckProtocol": "HTTP", "HealthCheckPort": "traffic-port", "HealthCheckEnabled": True,
        "HealthCheckIntervalSeconds": 30, "HealthCheckTimeoutSeconds": 5, "HealthyThresholdCount": 5,
        "UnhealthyThresholdCount": 2, "HealthCheckPath": "/health?x=1&y=2", "Matcher": {"HttpCode": "200-299"},
        "TargetType": "ip", "ProtocolVersion": "HTTP1", "IpAddressType": "ipv4",
    } | ({"LoadBalancerArns": []} if "LoadBalancerArns" in group else {})  # fmt: skip

    again = client.create_target_group(
        Name="web", Protocol="HTTP", Port=80, VpcId="vpc-0a1b2c3d", TargetType="ip",
        HealthCheckPath="/health?x=1&y=2", Matcher={"HttpCode": "200-299"}, Tags=[{"Key": "env", "Value": "dev"}],
    )["TargetGroups"]  # fmt: skip
    assert again[0]["TargetGroupArn"] == arn
    other = refused(
        client.create_target_group, Name="web", Protocol="HTTP", Port=81, VpcId="vpc-0a1b2c3d", TargetType="ip"
    )
    assert other == (
        "DuplicateTargetGroupName",
        "A target group with the same name 'web' exists, but with different settings",
        400,
    )
    (changed,) = client.modify_target_group(
        TargetGroupArn=arn, HealthCheckIntervalSeconds=10, Matcher={"HttpCode": "200,204"}
    )["TargetGroups"]
    assert (changed["HealthCheckIntervalSeconds"], changed["Matcher"]) == (10, {"HttpCode": "200,204"})
    assert changed["HealthCheckPath"] == "/health?x=1&y=2"
    (described,) = client.describe_target_groups(Names=["web"])["TargetGroups"]
    assert described["HealthCheckIntervalSeconds"] == 10
    client.delete_target_group(TargetGroupArn=arn)
    gone = ("TargetGroupNotFound", "One or more target groups not found", 400)
    assert refused(client.describe_target_groups, TargetGroupArns=[arn]) == gone
    assert refused(client.describe_target_health, TargetGroupArn=arn) == gone


def test_a_group_made_anew_has_another_arn_and_no_targets(serve):
    client = elbv2(serve(EMPTY).url)
    first = create(client)
    client.register_targets(TargetGroupArn=first, Targets=[{"Id": "127.0.0.1"}])
    client.delete_target_group(TargetGroupArn=first)
    second = create(client)
    assert first != second and health(client, second) == {}


def test_what_clients_do_not_check_is_checked_here(serve):
    client = elbv2(serve(EMPTY).url)
    arn = create(client)

    def modify(**settings):
        return refused(client.modify_target_group, TargetGroupArn=arn, **settings)

    template = "1 validation error detected: Value '{}' at '{}' failed to satisfy constraint: Member must have value {}"
    assert modify(HealthCheckIntervalSeconds=301) == (
        "ValidationError", template.format(301, "healthCheckIntervalSeconds", "less than or equal to 300"), 400,
    )  # fmt: skip
    assert modify(HealthyThresholdCount=11)[:2] == (
        "ValidationError", template.format(11, "healthyThresholdCount", "less than or equal to 10"),
    )  # fmt: skip
    code, message, _ = modify(HealthCheckTimeoutSeconds=30)
    assert code == "ValidationError" and "timeout" in message
    assert modify(Matcher={"HttpCode": "600"})[0] == "ValidationError"
    assert modify(HealthCheckPath="/" + "a" * 1024)[0] == "ValidationError"
    assert modify(HealthCheckProtocol="TCP")[0] in ("InvalidConfigurationRequest", "ValidationError")
    bad = {"Protocol": "HTTP", "Port": 80, "VpcId": "vpc-0a1b2c3d", "TargetType": "ip"}
    for change, message in [
        ({"Name": "a" * 33}, f"Target group name '{'a' * 33}' cannot be longer than '32' characters"),
        ({"Name": "a_b"}, "Target group name 'a_b' can only contain characters that are alphanumeric characters or hyphens(-)"),
        ({"VpcId": "nowhere"}, "The VPC ID 'nowhere' is not found"),
        ({"Protocol": "GOPHER"}, None),
        ({"TargetType": "pod"}, None),
        ({"Port": 65536}, None),
        ({"ProtocolVersion": "HTTP3"}, None),
    ]:  # fmt: skip
        code, found, status = refused(client.create_target_group, **{"Name": "bad", **bad, **change})
        assert (code, status) == ("ValidationError", 400), found
        assert message is None or found == message
    (after,) = client.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"]
    assert (after["HealthCheckIntervalSeconds"], after["Matcher"]) == (30, {"HttpCode": "200"})


@pytest.mark.parametrize(
    "settings, told",
    [
        ({"Protocol": "HTTPS"}, {"HealthCheckProtocol": "HTTP", "HealthCheckTimeoutSeconds": 5}),
        ({"Protocol": "TCP"}, {"HealthCheckProtocol": "TCP", "HealthCheckTimeoutSeconds": 10, "Matcher": None, "HealthCheckPath": None}),
        ({"Protocol": "TCP", "HealthCheckProtocol": "HTTP"}, {"HealthCheckTimeoutSeconds": 6, "Matcher": {"HttpCode": "200-399"}, "HealthCheckPath": "/"}),
        ({"Protocol": "UDP"}, {"HealthCheckProtocol": "TCP"}),
        ({"Protocol": "HTTP", "ProtocolVersion": "GRPC"}, {"Matcher": {"GrpcCode": "12"}, "HealthCheckPath": "/AWS.ALB/healthcheck", "ProtocolVersion": "GRPC"}),
        ({"Protocol": "GENEVE", "Port": 6081}, {"HealthCheckPort": "80", "HealthCheckIntervalSeconds": 10, "IpAddressType": None}),
        ({"Protocol": "TCP", "TargetType": "alb"}, {"HealthCheckProtocol": "HTTP", "HealthCheckTimeoutSeconds": 6}),
    ],
)  # fmt: skip
def test_every_kind_of_group_has_its_own_defaults(serve, settings, told):
    client = elbv2(serve(EMPTY).url)
    settings = {"Name": "web", "Port": 80, "VpcId": "vpc-0a1b2c3d", "TargetType": "ip", **settings}
    (group,) = client.create_target_group(**settings)["TargetGroups"]
    assert {key: group.get(key) for key in told} == told


def test_a_lambda_group_has_no_port_and_its_function_is_unavailable(serve):
    client = elbv2(serve(EMPTY).url)
    (group,) = client.create_target_group(Name="function", TargetType="lambda")["TargetGroups"]
    assert group["HealthCheckEnabled"] is False and "Port" not in group and "Protocol" not in group
    arn = group["TargetGroupArn"]
    function = "arn:aws:lambda:us-east-1:000000000000:function:f"
    client.register_targets(TargetGroupArn=arn, Targets=[{"Id": function}])
    (one,) = client.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    assert one["Target"]["Id"] == function
    assert (one["TargetHealth"]["State"], one["TargetHealth"]["Reason"]) == ("unavailable", "Target.HealthCheckDisabled")
    client.modify_target_group(TargetGroupArn=arn, HealthCheckEnabled=True)
    (one,) = client.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    assert (one["TargetHealth"]["State"], one["TargetHealth"]["Reason"]) == ("unavailable", "Elb.InternalError")
    assert "Lambda" in one["TargetHealth"]["Description"]


def test_lists_come_in_pages(serve):
    client = elbv2(serve(EMPTY).url)
    names = sorted(f"group-{number}" for number in range(7))
    for name in names:
        create(client, name, quick=False)
    pages = client.get_paginator("describe_target_groups").paginate(PaginationConfig={"PageSize": 3})
    found = [[group["TargetGroupName"] for group in page["TargetGroups"]] for page in pages]
    assert [len(page) for page in found] == [3, 3, 1] and sum(found, []) == names
    first = client.describe_target_groups(PageSize=2)
    create(client, "group-00", quick=False)
    client.delete_target_group(TargetGroupArn=first["TargetGroups"][0]["TargetGroupArn"])
    rest = client.describe_target_groups(Marker=first["NextMarker"])["TargetGroups"]
    assert [group["TargetGroupName"] for group in rest] == names[2:], "what comes before the marker moves nothing"
    assert refused(client.describe_target_groups, PageSize=401)[0] == "ValidationError"
    assert refused(client.describe_target_groups, Marker="no marker of ours")[0] == "ValidationError"
    limits = client.get_paginator("describe_account_limits").paginate(PaginationConfig={"PageSize": 10})
    limits = {limit["Name"]: limit["Max"] for page in limits for limit in page["Limits"]}
    assert len(limits) == 23 and limits["target-groups"] == "3000" and limits["targets-per-target-group"] == "1000"


def test_attributes_are_listed_whole_and_changed_all_or_none(serve):
    client = elbv2(serve(EMPTY).url)
    arn = create(client, quick=False)

    def attributes():
        return {one["Key"]: one["Value"] for one in client.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]}

    before = attributes()
    assert len(before) == 14 and before["deregistration_delay.timeout_seconds"] == "300"
    refusal = refused(
        client.modify_target_group_attributes,
        TargetGroupArn=arn,
        Attributes=[
            {"Key": "slow_start.duration_seconds", "Value": "60"},
            {"Key": "deregistration_delay.timeout_seconds", "Value": "3601"},
        ],
    )
    assert refusal == (
        "ValidationError",
        "'deregistration_delay.timeout_seconds' value '3601' must be between '0-3600' inclusive",
        400,
    )
    unknown = refused(
        client.modify_target_group_attributes, TargetGroupArn=arn, Attributes=[{"Key": "no.such", "Value": "1"}]
    )
    assert unknown[1] == "Target group attribute key 'no.such' is not recognized"
    assert attributes() == before
    changed = client.modify_target_group_attributes(
        TargetGroupArn=arn, Attributes=[{"Key": "tgprobe.health_check.healthy_threshold", "Value": "1"}]
    )["Attributes"]
    assert len(changed) == 15 and {one["Key"]: one["Value"] for one in changed} == attributes()
    client.modify_target_group_attributes(
        TargetGroupArn=arn, Attributes=[{"Key": "tgprobe.health_check.healthy_threshold", "Value": ""}]
    )
    assert attributes() == before


def test_tags_hold_unicode(serve):
    client = elbv2(serve(EMPTY).url)
    arn = create(client, quick=False)
    tags = [{"Key": "équipe", "Value": "Ünïcode – no"[:7]}, {"Key": "名前", "Value": "ウェブ"}, {"Key": "empty", "Value": ""}]
    client.add_tags(ResourceArns=[arn], Tags=tags)
    client.add_tags(ResourceArns=[arn], Tags=[{"Key": "empty", "Value": "no more"}])

    def found():
        (one,) = client.describe_tags(ResourceArns=[arn])["TagDescriptions"]
        assert one["ResourceArn"] == arn
        return {tag["Key"]: tag["Value"] for tag in one["Tags"]}

    assert found() == {"équipe": "Ünïcode", "名前": "ウェブ", "empty": "no more"}
    client.remove_tags(ResourceArns=[arn], TagKeys=["名前", "not there"])
    assert found() == {"équipe": "Ünïcode", "empty": "no more"}
    twice = [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]
    assert refused(client.add_tags, ResourceArns=[arn], Tags=twice)[0] == "DuplicateTagKeys"
    many = [{"Key": f"k{number}", "Value": ""} for number in range(49)]
    assert refused(client.add_tags, ResourceArns=[arn], Tags=many)[0] == "TooManyTags"
    assert len(found()) == 2


def test_targets_are_told_by_id_and_port(serve, plain):
    backend = plain(200)
    server = serve(EMPTY)
    client = elbv2(server.url)
    arn = create(client, Port=backend.port)
    client.register_targets(
        TargetGroupArn=arn, Targets=[{"Id": "127.0.0.1"}, {"Id": "127.0.0.1", "Port": 9, "AvailabilityZone": "all"}]
    )
    server.wait_for("web", backend.target, state="healthy")
    found = client.describe_target_health(TargetGroupArn=arn, Include=["All"])["TargetHealthDescriptions"]
    told = {one["Target"]["Port"]: one for one in found}
    assert set(told) == {9, backend.port}
    good = told[backend.port]
    assert good["HealthCheckPort"] == str(backend.port) and good["TargetHealth"] == {"State": "healthy"}
    assert good["AnomalyDetection"] == {"Result": "normal", "MitigationInEffect": "no"}
    assert good["AdministrativeOverride"]["State"] == "no_override"
    assert told[9]["Target"]["AvailabilityZone"] == "all"
    # Without the port of its registration nothing is deregistered, and AWS says so to nobody; the log does.
    client.deregister_targets(TargetGroupArn=arn, Targets=[{"Id": "127.0.0.9"}])
    client.register_targets(TargetGroupArn=arn, Targets=[{"Id": "127.0.0.9", "Port": 9}])
    client.deregister_targets(TargetGroupArn=arn, Targets=[{"Id": "127.0.0.9"}])
    assert health(client, arn)["127.0.0.9:9"][0] != "draining"
    assert any("127.0.0.9" in str(line) for line in server.logged() if line["level"] == "WARN")
    for bad in ["0.0.0.0", "224.0.0.1", "not a host", "http://a/"]:
        assert refused(client.register_targets, TargetGroupArn=arn, Targets=[{"Id": bad}])[0] in ("InvalidTarget", "ValidationError"), bad  # fmt: skip
    assert refused(client.register_targets, TargetGroupArn=arn, Targets=[])[0] == "ValidationError"


def test_an_instance_is_checked_at_the_address_the_file_gives_it(serve, plain):
    backend = plain(200)
    server = serve(EMPTY + '\n[instances]\n"i-0123456789abcdef0" = "127.0.0.1"\n')
    client = elbv2(server.url)
    arn = create(client, Port=backend.port, TargetType="instance")
    client.register_targets(TargetGroupArn=arn, Targets=[{"Id": "i-0123456789abcdef0"}, {"Id": "i-00000000000000bad"}])
    server.wait_for("web", f"i-0123456789abcdef0:{backend.port}", state="healthy")
    state, reason, description = health(client, arn)[f"i-00000000000000bad:{backend.port}"]
    assert (state, reason) == ("unavailable", "Elb.InternalError") and "[instances]" in description
    server.write(EMPTY.replace("[server]", f"[server]", 1) + '\n[instances]\n"i-00000000000000bad" = "127.0.0.1"\n')
    server.http.post("/-/reload")
    server.wait_for("web", f"i-00000000000000bad:{backend.port}", state="healthy")


def test_what_comes_from_the_file_belongs_to_the_file(serve, plain):
    backend = plain(200)
    server = serve(config(group("web", [backend.target])))
    client = elbv2(server.url)
    (found,) = client.describe_target_groups()["TargetGroups"]
    arn = found["TargetGroupArn"]
    assert health(client, arn).keys() == {backend.target}
    changes = [
        (client.modify_target_group, {"TargetGroupArn": arn, "HealthCheckPath": "/x"}),
        (client.modify_target_group_attributes, {"TargetGroupArn": arn, "Attributes": [{"Key": "slow_start.duration_seconds", "Value": "0"}]}),
        (client.delete_target_group, {"TargetGroupArn": arn}),
        (client.add_tags, {"ResourceArns": [arn], "Tags": [{"Key": "a", "Value": "b"}]}),
        (client.deregister_targets, {"TargetGroupArn": arn, "Targets": [{"Id": "127.0.0.1", "Port": backend.port}]}),
    ]  # fmt: skip
    for call, arguments in changes:
        code, message, status = refused(call, **arguments)
        assert (code, status) == ("ResourceInUse", 400) and "configuration file" in message
    client.register_targets(TargetGroupArn=arn, Targets=[{"Id": "127.0.0.2", "Port": backend.port}])
    assert len(health(client, arn)) == 2
    server.http.post("/-/reload")
    assert len(health(client, arn)) == 2
    client.deregister_targets(TargetGroupArn=arn, Targets=[{"Id": "127.0.0.2", "Port": backend.port}])
    assert health(client, arn)[f"127.0.0.2:{backend.port}"][0] == "draining"


def test_groups_belong_to_the_region_of_the_signature(serve):
    server = serve(config(group("web", []), region="eu-west-1", account_id="123456789012"))
    home, abroad = elbv2(server.url, "eu-west-1"), elbv2(server.url, "us-east-2")
    (found,) = home.describe_target_groups()["TargetGroups"]
    assert found["TargetGroupArn"].startswith("arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/")
    assert abroad.describe_target_groups()["TargetGroups"] == []
    arn = create(abroad)
    assert arn.startswith("arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/web/")
    assert [group["TargetGroupArn"] for group in abroad.describe_target_groups(Names=["web"])["TargetGroups"]] == [arn]
    names = {one["name"] for one in server.http.get("/api/v1/target-groups").json()["target_groups"]}
    assert names == {"web", "us-east-2:web"}


def test_what_is_not_emulated_is_empty_or_refused_in_xml(serve):
    server = serve(EMPTY)
    client = elbv2(server.url)
    assert client.describe_load_balancers()["LoadBalancers"] == []
    code, message, status = refused(client.create_load_balancer, Name="web")
    assert (code, status) == ("InvalidAction", 400) and "target groups" in message
    for query in ["Action=Nonsense&Version=2015-12-01", "Action=DescribeTargetGroups&Version=2012-06-01", "Action=DescribeTargetGroups"]:  # fmt: skip
        answer = server.http.get(f"/?{query}")
        assert answer.status == 400 and answer.headers["Content-Type"].startswith("text/xml"), answer.text
        assert answer.text.startswith("<ErrorResponse")


def test_the_cli_drives_every_action(serve):
    server = serve(EMPTY)
    aws = Aws(server.url)
    (group,) = aws("create-target-group", "--name", "web", "--protocol", "HTTP", "--port", "80", "--vpc-id", "vpc-0a1b2c3d", "--target-type", "ip", "--tags", "Key=a,Value=b")["TargetGroups"]  # fmt: skip
    arn = group["TargetGroupArn"]
    on = ["--target-group-arn", arn]
    assert aws("describe-target-groups", "--names", "web")["TargetGroups"][0]["TargetGroupArn"] == arn
    aws("modify-target-group", *on, "--health-check-path", "/x")
    aws("modify-target-group-attributes", *on, "--attributes", "Key=deregistration_delay.timeout_seconds,Value=1")
    listed = aws("describe-target-group-attributes", *on)["Attributes"]
    assert {"Key": "deregistration_delay.timeout_seconds", "Value": "1"} in listed
    aws("register-targets", *on, "--targets", "Id=127.0.0.1,Port=9", "Id=127.0.0.2,Port=9")
    assert len(aws("describe-target-health", *on, "--include", "All")["TargetHealthDescriptions"]) == 2
    aws("deregister-targets", *on, "--targets", "Id=127.0.0.1,Port=9")
    aws("add-tags", "--resource-arns", arn, "--tags", "Key=c,Value=d")
    aws("remove-tags", "--resource-arns", arn, "--tag-keys", "a")
    assert aws("describe-tags", "--resource-arns", arn)["TagDescriptions"][0]["Tags"] == [{"Key": "c", "Value": "d"}]
    assert len(aws("describe-account-limits")["Limits"]) == 23
    aws("delete-target-group", *on)
    assert aws.refused("describe-target-health", *on) == (
        "TargetGroupNotFound",
        "One or more target groups not found",
    )
