//! A small HTTP client for our own server: one connection per question, every wait and every body bounded.

mod server;
mod tls;

use std::fmt;
use std::future::Future;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::cli::args::ServerArgs;
pub use crate::cli::client::server::Server;
use crate::cli::client::tls::Tls;
use crate::cli::exit::{Exit, Trouble};
use crate::cli::sse::{Decoder, LIMIT, Message};
use crate::cli::wire::{ErrorBody, TargetGroups};
use crate::model::credential::{Credential, Secret};
use crate::runtime::clock::Clock;

/// Time to reach the server.
const CONNECT: Duration = Duration::from_secs(5);
/// Time to the response head, and between two pieces of a body.
const ANSWER: Duration = Duration::from_secs(10);
/// Silence after which an event stream counts as lost: three of the server's keep-alives, which come every 15 s.
const SILENCE: Duration = Duration::from_secs(45);
/// Bytes read of the body of an error.
const ERROR_LIMIT: usize = 64 * 1024;
/// Groups named when the one asked for does not exist.
const NAMED_GROUPS: usize = 20;

/// Why the server gave no usable answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ClientError {
    /// No connection, or no HTTP answer over it.
    Unreachable(String),
    /// An answer that is not 200. `code` is there where our own server speaks.
    Refused {
        /// The status code.
        status: StatusCode,
        /// Our server's word for the error.
        code: Option<String>,
        /// For people.
        message: String,
    },
    /// A 200 that cannot be understood.
    Garbled(String),
}

impl ClientError {
    /// Whether the server says that the target group does not exist.
    #[must_use]
    pub fn is_unknown_group(&self) -> bool {
        self.says("target_group_not_found")
    }

    /// Whether the server says that the target group, or the service, does not exist.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.is_unknown_group() || self.says("service_not_found")
    }

    fn says(&self, word: &str) -> bool {
        matches!(self, Self::Refused { code: Some(code), .. } if code == word)
    }
}

impl From<ClientError> for Trouble {
    fn from(error: ClientError) -> Self {
        match error {
            // Our server refuses with a code: the question was wrong. Without one somebody else answered.
            ClientError::Refused { status, code: Some(_), message } if status.is_client_error() => {
                Self::usage(message)
            }
            ClientError::Refused { status, message, .. } => {
                Self::new(Exit::Unreachable, format!("the server answered {status}: {message}"))
            }
            ClientError::Unreachable(message) | ClientError::Garbled(message) => {
                Self::new(Exit::Unreachable, message)
            }
        }
    }
}

/// Runs `work` to its end on a runtime of this thread.
///
/// # Errors
/// What `work` returns, or that this machine gives us no runtime.
pub fn block_on<T>(work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Trouble::usage(format!("cannot start: {error}")))?;
    let result = runtime.block_on(work);
    // A resolver that hangs must not keep the process.
    runtime.shutdown_background();
    result
}

/// A connection, and the answer that comes over it.
type Conversation = (SendRequest<Full<Bytes>>, Response<Incoming>);

/// Asks one server.
#[derive(Clone, Debug)]
pub struct Client {
    server: Server,
    clock: Clock,
    tls: Option<Tls>,
    /// The whole of the header, marked as secret.
    authorization: Option<HeaderValue>,
}

impl Client {
    /// A client of the server in `args` that measures its waits with `clock`.
    ///
    /// # Errors
    /// A file that cannot be used, or a token that does not go into a header.
    pub fn new(args: &ServerArgs, clock: Clock) -> Result<Self, Trouble> {
        let server = args.server.clone();
        let tls = if server.tls { Some(Tls::new(args, &server.host)?) } else { None };
        let authorization = match args.token.as_ref().map(Secret::reveal).filter(|token| !token.is_empty()) {
            None => None,
            Some(token) => {
                let mut header = HeaderValue::try_from(format!("Bearer {token}"))
                    .ok()
                    .filter(|_| Credential::is_bearer_token(token))
                    .ok_or_else(|| Trouble::usage("the token has characters that no bearer token has"))?;
                header.set_sensitive(true);
                Some(header)
            }
        };
        Ok(Self { server, clock, tls, authorization })
    }

    /// The status of the answer to `GET path`.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`].
    pub async fn status(&self, path: &str) -> Result<StatusCode, ClientError> {
        Ok(self.request(Method::GET, path, "*/*", String::new()).await?.1.status())
    }

    /// The body of a 200 to `GET path`.
    ///
    /// # Errors
    /// Anything but a 200 with a body in bounds.
    pub async fn text(&self, path: &str) -> Result<String, ClientError> {
        let request = self.request(Method::GET, path, "application/json", String::new()).await?;
        self.read(request).await
    }

    async fn read(&self, answer: Conversation) -> Result<String, ClientError> {
        let (_sender, response) = self.accepted(answer).await?;
        let body = self.body(response.into_body(), LIMIT).await?;
        String::from_utf8(body.into()).map_err(|_| self.garbled("it is not UTF-8"))
    }

    /// The body of a 200 to a request that changes something.
    ///
    /// # Errors
    /// Anything but a 200 with a body in bounds.
    pub async fn change(&self, method: Method, path: &str, body: String) -> Result<String, ClientError> {
        let request = self.request(method, path, "application/json", body).await?;
        self.read(request).await
    }

    /// The body of a 200 to `GET path`, read as JSON.
    ///
    /// # Errors
    /// Anything but a 200 with the JSON expected.
    pub async fn json<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        serde_json::from_str(&self.text(path).await?).map_err(|error| self.garbled(error))
    }

    /// The event stream of `GET path`.
    ///
    /// # Errors
    /// Anything but a 200 of the type `text/event-stream`.
    pub async fn stream(&self, path: &str) -> Result<Stream, ClientError> {
        let request = self.request(Method::GET, path, "text/event-stream", String::new()).await?;
        let (sender, response) = self.accepted(request).await?;
        let kind =
            response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !kind.starts_with("text/event-stream") {
            return Err(self.garbled(format!("it is `{kind}`, not an event stream")));
        }
        let body = response.into_body();
        Ok(Stream { _sender: sender, body, decoder: Decoder::default(), clock: self.clock })
    }

    /// The answer to a question that names a group, where the server does not know that group.
    pub async fn unknown_group(&self, group: &str) -> Trouble {
        let known = match self.json::<TargetGroups>("/api/v1/target-groups").await {
            Ok(list) if list.target_groups.is_empty() => "the server has no target group".to_owned(),
            Ok(list) => {
                let mut names: Vec<_> = list.target_groups.iter().map(|group| group.name.as_str()).collect();
                names.sort_unstable();
                let more = names.len().saturating_sub(NAMED_GROUPS);
                names.truncate(NAMED_GROUPS);
                let tail = if more > 0 { format!(" and {more} more") } else { String::new() };
                format!("known: {}{tail}", names.join(", "))
            }
            Err(_) => "and the known ones could not be asked for".to_owned(),
        };
        Trouble::usage(format!("unknown target group `{group}` ({known})"))
    }

    /// What could not be understood about an answer of the server.
    pub fn garbled(&self, what: impl fmt::Display) -> ClientError {
        ClientError::Garbled(format!("cannot understand the answer of {}: {what}", self.server))
    }

    async fn accepted(&self, (sender, response): Conversation) -> Result<Conversation, ClientError> {
        let status = response.status();
        if status == StatusCode::OK {
            return Ok((sender, response));
        }
        // The status is the answer; the body only explains it, if it comes.
        let body = self.body(response.into_body(), ERROR_LIMIT).await.unwrap_or_default();
        let (code, message) = match serde_json::from_slice::<ErrorBody>(&body) {
            Ok(body) => (Some(body.error.code), body.error.message),
            Err(_) => (None, format!("is {} a tgprobe server?", self.server)),
        };
        Err(ClientError::Refused { status, code, message })
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        accept: &'static str,
        body: String,
    ) -> Result<Conversation, ClientError> {
        let unreachable = |what: &dyn fmt::Display| {
            ClientError::Unreachable(format!("cannot reach the server {}: {what}", self.server))
        };
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.server.base));
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request
            .header(HOST, &self.server.authority)
            .header(USER_AGENT, concat!("tgprobe/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, accept)
            .body(Full::from(body))
            .map_err(|error| unreachable(&error))?;
        let address = (self.server.host.as_str(), self.server.port);
        let stream = within(&self.clock, CONNECT, TcpStream::connect(address))
            .await
            .ok_or_else(|| unreachable(&"no connection within 5 s"))?
            .map_err(|error| unreachable(&error))?;
        let mut sender = match &self.tls {
            None => converse(stream).await.map_err(|error| unreachable(&error))?,
            Some(tls) => {
                let stream = within(&self.clock, CONNECT, tls.connect(stream))
                    .await
                    .ok_or_else(|| unreachable(&"no TLS handshake within 5 s"))?
                    .map_err(|error| unreachable(&error))?;
                converse(stream).await.map_err(|error| unreachable(&error))?
            }
        };
        let response = within(&self.clock, ANSWER, sender.send_request(request))
            .await
            .ok_or_else(|| unreachable(&"no answer within 10 s"))?
            .map_err(|error| unreachable(&error))?;
        Ok((sender, response))
    }

    async fn body(&self, mut body: Incoming, limit: usize) -> Result<Bytes, ClientError> {
        let mut bytes = BytesMut::new();
        loop {
            let frame = within(&self.clock, ANSWER, body.frame()).await;
            let frame = frame.ok_or_else(|| self.garbled("it stops half-way"))?;
            let Some(frame) = frame else { return Ok(bytes.freeze()) };
            let frame = frame.map_err(|error| self.garbled(error))?;
            if let Ok(data) = frame.into_data() {
                if bytes.len().saturating_add(data.len()) > limit {
                    return Err(self.garbled(format!("it has more than {limit} bytes")));
                }
                bytes.extend_from_slice(&data);
            }
        }
    }
}

/// Speaks HTTP over a connection that is there.
async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> hyper::Result<SendRequest<Full<Bytes>>> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends with the connection, which ends when sender and body are dropped.
    tokio::spawn(connection);
    Ok(sender)
}

/// An open event stream.
#[derive(Debug)]
pub struct Stream {
    _sender: SendRequest<Full<Bytes>>,
    body: Incoming,
    decoder: Decoder,
    clock: Clock,
}

impl Stream {
    /// The events that come next, at least one byte of the stream later; perhaps none, as for a comment.
    ///
    /// # Errors
    /// Why the stream is lost.
    pub async fn next(&mut self) -> Result<Vec<Message>, String> {
        let frame = within(&self.clock, SILENCE, self.body.frame()).await;
        let frame = frame.ok_or("the server has been silent for 45 s")?;
        let frame = frame.ok_or("the server ended the stream")?;
        let frame = frame.map_err(|error| format!("the connection broke: {error}"))?;
        let Ok(data) = frame.into_data() else { return Ok(Vec::new()) };
        self.decoder.feed(&data).map_err(|_| format!("the server sent an event of more than {LIMIT} bytes"))
    }
}

/// What `work` gives, or `None` if it takes longer than `limit`.
pub async fn within<T>(clock: &Clock, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        result = work => Some(result),
        () = clock.sleep(limit) => None,
    }
}
