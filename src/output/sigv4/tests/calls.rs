//! Calls signed by stock clients, which the tests change.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use ring::{digest, hmac};

use crate::model::credential::{Access, Credential, Secret};
use crate::output::sigv4::claim::{self, Claim};
use crate::output::sigv4::{Error, Request, Signed, canonical, hex, signing_key, stamp, verify};

/// The moment all the signatures below were made.
pub(super) const NOW: &str = "20261121T075955Z";

/// A signed request that can be changed.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) body: Vec<u8>,
}

impl Call {
    pub(super) fn new(method: &'static str, target: &str, headers: &[(&str, &str)], body: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            method,
            path: path.to_owned(),
            query: query.to_owned(),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect(),
            body: body.into(),
        }
    }

    fn map(&self) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            map.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        map
    }

    pub(super) fn with<T>(&self, ask: impl Fn(&Request<'_>) -> T) -> T {
        let headers = self.map();
        let request = Request {
            method: self.method,
            path: &self.path,
            query: &self.query,
            headers: &headers,
            body: &self.body,
        };
        ask(&request)
    }

    pub(super) fn at(&self, moment: &str) -> Result<Signed, Error> {
        let now = stamp::read(moment).unwrap();
        self.with(|request| verify(request, &known(), now))
    }

    #[track_caller]
    pub(super) fn refused(&self, code: &str) {
        let error = self.at(NOW).unwrap_err();
        assert_eq!(error.code(), code, "{error}: {self:?}");
        assert!(!error.to_string().contains("secretexample"), "{error}");
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.into()));
    }

    pub(super) fn change(&mut self, name: &str, from: &str, to: &str) {
        let value = self.headers.iter_mut().find(|(known, _)| known == name).unwrap();
        let text = String::from_utf8(value.1.clone()).unwrap();
        assert!(text.contains(from), "{text}");
        value.1 = text.replace(from, to).into_bytes();
    }

    /// Signs the call with the key of `AKID` for the scope and headers given, without asking whether that is allowed.
    pub(super) fn sign(&mut self, scope: &str, headers: &str) {
        let authorization = |signature: &str| {
            format!(
                "{} Credential=AKID/{scope}, SignedHeaders={headers}, Signature={signature}",
                claim::ALGORITHM
            )
        };
        self.set("authorization", &authorization(&"0".repeat(64)));
        let signature = self.with(|request| {
            let claim = Claim::read(request).unwrap();
            let hash = hex(digest::digest(&digest::SHA256, request.body).as_ref());
            let canonical = canonical::request(request, &claim, &hash).unwrap();
            let canonical = hex(digest::digest(&digest::SHA256, &canonical).as_ref());
            let text = format!("{}\n{}\n{scope}\n{canonical}", claim::ALGORITHM, claim.stamp);
            hex(hmac::sign(&signing_key("secretexample", &claim), text.as_bytes()).as_ref())
        });
        self.set("authorization", &authorization(&signature));
    }
}

fn known() -> Vec<Credential> {
    let credential = |id: &str, token: Option<&str>, access| Credential {
        access_key_id: id.into(),
        secret_access_key: Secret::new("secretexample"),
        session_token: token.map(Secret::new),
        bearer_token: None,
        access,
    };
    vec![
        credential("AKID", None, Access::ReadWrite),
        credential("AKIDREADER", None, Access::ReadOnly),
        credential("AKIDEXAMPLE", Some("to/ken+x=="), Access::ReadWrite),
    ]
}

/// A real call of the AWS CLI; only the access key id does not enter the signature.
pub(super) fn cli() -> Call {
    let body = "Action=CreateTargetGroup&Version=2015-12-01&Name=my-targets&Protocol=HTTP&Port=80&\
                VpcId=vpc-cb4412a4efd2002a9&HealthCheckPath=%2Fhealth%3Fx%3D1%26y%3D2&\
                Matcher.HttpCode=200-299&TargetType=ip&Tags.member.1.Key=env&Tags.member.1.Value=dev&\
                Tags.member.2.Key=team&Tags.member.2.Value=";
    assert_eq!(body.len(), 280);
    let authorization = "AWS4-HMAC-SHA256 Credential=AKID/20261121/us-east-1/elasticloadbalancing/aws4_request, \
                         SignedHeaders=content-type;host;x-amz-date, \
                         Signature=077820c747712cb5e4feec44659ad46d60e981e6c13fa1a6310480552375ed2a";
    let headers = [
        ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
        ("host", "127.0.0.1:5991"),
        ("x-amz-date", NOW),
        ("authorization", authorization),
        ("user-agent", "aws-cli/2"),
    ];
    Call::new("POST", "/", &headers, body)
}

/// What botocore's `SigV4QueryAuth` makes of a call with a session token.
pub(super) fn presigned() -> Call {
    let target = "/?Action=DescribeTargetHealth&Version=2015-12-01&TargetGroupArn=arn%3Aaws%3Ax%2Fy%20z\
                  &X-Amz-Algorithm=AWS4-HMAC-SHA256\
                  &X-Amz-Credential=AKIDEXAMPLE%2F20261121%2Feu-west-1%2Felasticloadbalancing%2Faws4_request\
                  &X-Amz-Date=20261121T075955Z&X-Amz-Expires=600&X-Amz-SignedHeaders=host\
                  &X-Amz-Security-Token=to%2Fken%2Bx%3D%3D\
                  &X-Amz-Signature=438b7b8e16b4687295ebc00cce1731f96b873c742d599413c494d9521913130f";
    Call::new("GET", target, &[("host", "127.0.0.1:5991")], "")
}

/// What botocore's `SigV4Auth` makes of a call with a query, a session token and a header full of blanks.
pub(super) fn reading() -> Call {
    let authorization = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261121/eu-west-1/ecs/aws4_request, \
                         SignedHeaders=host;x-amz-date;x-amz-extra;x-amz-security-token, \
                         Signature=d0e9022a5eba16e9540fd23a1131629bc0569e96a370bce5ee7242a7b05e8da5";
    let headers = [
        ("host", "127.0.0.1:5991"),
        ("x-amz-extra", "  a   b "),
        ("x-amz-date", NOW),
        ("x-amz-security-token", "to/ken+x=="),
        ("authorization", authorization),
    ];
    Call::new("GET", "/api/v1/target-groups?b=2&a=%2F1", &headers, "")
}
