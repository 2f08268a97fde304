"""Who may call the ELBv2 API, with requests signed by botocore and by the AWS CLI."""

import datetime
import urllib.request

import botocore.exceptions
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from support.aws import Aws, create, elbv2
from support.server import config, group

KEYS = """
[[credential]]
access_key_id = "AKIDEXAMPLE"
secret_access_key = "secretexample"

[[credential]]
access_key_id = "AKIDREADER"
secret_access_key = "readersecret"
access = "read-only"

[[credential]]
access_key_id = "AKIDSESSION"
secret_access_key = "sessionsecret"
session_token = "the/session+token=="
"""
MINUTES = 60


@pytest.fixture
def guarded(serve, folder):
    """A server that asks for signatures."""
    keys = folder("keys") / "credentials.toml"
    keys.write_text(KEYS)
    keys.chmod(0o600)
    return serve(config(group("web", []), credentials_file=str(keys)))


def code(call, **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**arguments)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def test_the_right_key_may_read_and_write(guarded):
    client = elbv2(guarded.url)
    arn = create(client, "made")
    client.add_tags(ResourceArns=[arn], Tags=[{"Key": "ключ =/@", "Value": "a+b - ü:_."}])
    assert len(client.describe_target_groups()["TargetGroups"]) == 2
    names = Aws(guarded.url)("describe-target-groups", "--query", "TargetGroups[].TargetGroupName")
    assert sorted(names) == ["made", "web"]


def test_wrong_and_missing_signatures_are_refused(guarded):
    assert code(elbv2(guarded.url, secret="wrong").describe_target_groups) == ("SignatureDoesNotMatch", 403)
    assert code(elbv2(guarded.url, key="AKIDNOBODY").describe_target_groups) == ("InvalidClientTokenId", 403)
    aws = Aws(guarded.url)
    assert aws.refused("describe-target-groups", "--no-sign-request")[0] == "MissingAuthenticationToken"
    wrong = Aws(guarded.url, AWS_SECRET_ACCESS_KEY="wrong")
    assert wrong.refused("describe-target-groups")[0] == "SignatureDoesNotMatch"


def test_a_read_only_key_may_only_read(guarded):
    reader = elbv2(guarded.url, key="AKIDREADER", secret="readersecret")
    (found,) = reader.describe_target_groups()["TargetGroups"]
    arn = found["TargetGroupArn"]
    assert code(reader.register_targets, TargetGroupArn=arn, Targets=[{"Id": "127.0.0.1"}]) == ("AccessDenied", 403)
    assert guarded.targets("web") == {}


def test_a_session_token_must_be_the_one_known(guarded):
    def session(token):
        return elbv2(guarded.url, key="AKIDSESSION", secret="sessionsecret", token=token)

    assert len(session("the/session+token==").describe_target_groups()["TargetGroups"]) == 1
    assert code(session("another").describe_target_groups) == ("InvalidClientTokenId", 403)
    assert code(session(None).describe_target_groups) == ("InvalidClientTokenId", 403)


@pytest.mark.parametrize("minutes, answer", [(-14, 200), (14, 200), (-16, 400), (16, 400)])
def test_a_signature_is_good_for_a_quarter_of_an_hour(guarded, monkeypatch, minutes, answer):
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=minutes)
    request = AWSRequest(
        "POST", guarded.url + "/", data="Action=DescribeTargetGroups&Version=2015-12-01",
        headers={"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
    )  # fmt: skip
    signer = SigV4Auth(Credentials("AKIDEXAMPLE", "secretexample"), "elasticloadbalancing", "us-east-1")
    request.context["timestamp"] = moment.strftime("%Y%m%dT%H%M%SZ")
    signer._modify_request_before_signing(request)
    signature = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    signer._inject_signature_to_request(request, signature)
    found = guarded.http.request("POST", "/", dict(request.headers.items()), body=request.data)
    assert found.status == answer, found.text
    assert answer == 200 or "<Code>RequestExpired</Code>" in found.text


def test_a_presigned_url_is_a_plain_get(guarded):
    client = elbv2(guarded.url)
    (found,) = client.describe_target_groups()["TargetGroups"]
    arn = found["TargetGroupArn"]

    def presigned(method):
        return client.generate_presigned_url(
            "describe_target_health", Params={"TargetGroupArn": arn}, ExpiresIn=60, HttpMethod=method
        )

    # What is asked for stands in the URL; the method is signed too.
    posted = guarded.http.request("POST", presigned("POST").removeprefix(guarded.url))
    assert posted.status == 200, posted.text
    url = presigned("GET")
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert "<DescribeTargetHealthResponse" in answer.read().decode()
    path = url.removeprefix(guarded.url)
    for broken in [path.replace("DescribeTargetHealth", "DescribeTags"), path.replace("X-Amz-Expires=60", "X-Amz-Expires=61")]:  # fmt: skip
        answer = guarded.http.get(broken)
        assert answer.status == 403 and "<Code>SignatureDoesNotMatch</Code>" in answer.text, answer.text


def test_without_credentials_other_machines_are_told_what_to_set(serve):
    server = serve(config(group("web", []), listen="0.0.0.0:0"))
    client = elbv2(server.url)
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        client.describe_target_groups()
    error = caught.value.response["Error"]
    assert error["Code"] == "AccessDenied" and "credentials_file" in error["Message"]
    open_server = serve(config(group("web", []), listen="0.0.0.0:0", insecure=True))
    assert len(elbv2(open_server.url).describe_target_groups()["TargetGroups"]) == 1


def test_a_foreign_page_or_host_is_refused_in_xml(serve):
    server = serve(config(group("web", [])))
    for headers in [{"Origin": "http://evil.example"}, {"Host": "evil.example"}]:
        answer = server.http.request("POST", "/", headers, body="Action=DescribeTargetGroups&Version=2015-12-01")
        assert answer.status == 403 and "<Code>AccessDenied</Code>" in answer.text, answer.text
