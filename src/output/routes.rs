//! The one table of routes: path, method, and the function of the view that answers.

use std::pin::Pin;
use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path, Query, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};

use crate::model::credential::Access;
use crate::model::past::History;
use crate::model::target;
use crate::output::ecs;
use crate::output::elbv2::error::ApiError;
use crate::output::elbv2::{self, Api, Call};
use crate::output::guard::{self, Guard, is_aws_call};
use crate::output::json::{self, refused};
use crate::output::metrics::Metrics;
use crate::output::{body, containers, events, list, page, registration, services, transitions, watch};
use crate::runtime::view::{EventId, View};
use crate::runtime::writer::Writer;

/// Takes the configuration anew; answers when it is live, or with every error.
pub type Reload = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<String, String>> + Send>> + Send + Sync>;

/// What the handlers share.
pub struct App {
    /// What is shown.
    pub view: Arc<View>,
    /// How it is exported.
    pub metrics: Metrics,
    /// What `/-/reload` does.
    pub reload: Reload,
    /// Who may ask.
    pub guard: Guard,
    /// The ELBv2 API.
    pub elbv2: Api,
    /// The ECS API.
    pub ecs: ecs::Api,
    /// Where wishes go.
    pub writer: Writer,
    /// Targets that may be registered in a group through the APIs.
    pub targets_per_group: u32,
    /// Where transitions of long ago are kept; `None` where only the latest are, in memory.
    pub history: Option<Arc<dyn History>>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("guard", &self.guard).finish_non_exhaustive()
    }
}

type Shared = State<Arc<App>>;

/// Mounts every route.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(root).post(aws))
        .route("/metrics", get(metrics))
        .route("/-/healthy", get(async || "tgprobe is healthy.\n"))
        .route("/-/ready", get(ready))
        .route("/-/reload", post(reload).put(reload))
        .route("/api/v1/target-groups", get(groups))
        .route("/api/v1/target-groups/{name}", get(group))
        .route("/api/v1/target-groups/{name}/targets", get(targets))
        .route(
            "/api/v1/target-groups/{name}/targets/{target}",
            get(target_by_name).put(register).delete(deregister),
        )
        .route("/api/v1/target-groups/{name}/transitions", get(past))
        .route("/api/v1/events", get(follow_events))
        .merge(services::routes())
        .route("/api/v1/containers", get(watched))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(from_fn_with_state(Arc::clone(&app), admit))
        .with_state(app)
}

/// What a path names, or the refusal of one that cannot be read, in our form.
pub(super) struct Named<T>(pub(super) T);

impl<S: Send + Sync, T> FromRequestParts<S> for Named<T>
where
    Path<T>: FromRequestParts<S, Rejection = PathRejection>,
{
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let read = Path::from_request_parts(parts, state).await;
        read.map(|Path(named)| Self(named)).map_err(|error| bad(format!("{}.", error.body_text())))
    }
}

async fn watched(State(app): Shared) -> Response {
    Json(containers::all(&app.view)).into_response()
}

async fn admit(State(app): Shared, request: Request, next: Next) -> Response {
    let (method, uri, headers) = (request.method(), request.uri(), request.headers());
    let admitted = app.guard.admit(headers).and_then(|()| {
        // An AWS call is admitted where its body has been read, and refused in its own words.
        if is_aws_call(method, uri) {
            Ok(())
        } else {
            app.guard.admit_read(method, uri, headers, app.view.clock.wall())
        }
    });
    match admitted {
        Ok(()) => next.run(request).await,
        // Clients of AWS understand only its own forms.
        Err((_, _, message)) if is_aws_call(method, uri) && ecs::is_call(headers) => {
            ecs::refuse(&app.ecs, &ecs::error::ApiError::access_denied(message))
        }
        Err((status, _, message)) if is_aws_call(method, uri) => {
            elbv2::refuse(&app.elbv2, &ApiError::with_status(status, "AccessDenied", message))
        }
        Err(refusal) => refused(refusal),
    }
}

async fn root(state: Shared, request: Request) -> Response {
    if is_aws_call(request.method(), request.uri()) {
        aws(state, request).await
    } else {
        landing(state, request)
    }
}

/// A call of the ELBv2 API, or, with the header of AWS's JSON protocol, of the ECS API.
async fn aws(State(app): Shared, request: Request) -> Response {
    if request.method() == Method::POST && ecs::is_call(request.headers()) {
        return ecs_call(&app, request).await;
    }
    let call = match Call::read(request, &app.view).await {
        Ok(call) => call,
        Err(error) => return elbv2::refuse(&app.elbv2, &error),
    };
    match app.guard.admit_aws(&call.parts, &call.body, app.view.clock.wall()) {
        Ok(guard::Caller { access, region }) => {
            let caller = elbv2::Caller { region, writes: access == Access::ReadWrite };
            elbv2::answer(&app.elbv2, &call, &caller).await
        }
        Err(error) => {
            let error = ApiError::with_status(error.status(), error.code(), error.message());
            elbv2::refuse(&app.elbv2, &error)
        }
    }
}

async fn ecs_call(app: &App, request: Request) -> Response {
    let call = match ecs::Call::read(request, &app.view).await {
        Ok(call) => call,
        Err(error) => return ecs::refuse(&app.ecs, &error),
    };
    match app.guard.admit_aws(&call.parts, &call.body, app.view.clock.wall()) {
        Ok(guard::Caller { access, .. }) => ecs::answer(&app.ecs, &call, access == Access::ReadWrite).await,
        Err(error) => ecs::refuse(&app.ecs, &error.into()),
    }
}

fn landing(State(app): Shared, request: Request) -> Response {
    // Here whatever speaks AWS's protocol and was answered by nothing else is a reader like any other.
    let now = app.view.clock.wall();
    if let Err(refusal) = app.guard.admit_read(request.method(), request.uri(), request.headers(), now) {
        return refused(refusal);
    }
    Html(page::render(&app.view.snapshot())).into_response()
}

async fn metrics(State(app): Shared) -> Response {
    // A scrape of many targets takes its time; it must not hold up the other requests of this thread.
    let rendered = tokio::task::spawn_blocking(move || app.metrics.render()).await;
    match rendered {
        Ok(Ok(text)) => ([(CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        _ => refused((
            StatusCode::INTERNAL_SERVER_ERROR,
            "metrics_failed",
            "The metrics could not be rendered.".into(),
        )),
    }
}

async fn ready(State(app): Shared) -> Response {
    if app.view.is_ready() {
        return "tgprobe is ready.\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, "tgprobe is not ready: not every target has been checked yet.\n")
        .into_response()
}

async fn reload(State(app): Shared, headers: HeaderMap) -> Response {
    if let Err(refusal) = app.guard.admit_write(&headers) {
        return refused(refusal);
    }
    match (app.reload)().await {
        Ok(summary) => summary.into_response(),
        Err(errors) => (StatusCode::BAD_REQUEST, errors).into_response(),
    }
}

async fn groups(State(app): Shared) -> Json<json::Groups> {
    Json(json::groups(&app.view.snapshot()))
}

async fn group(State(app): Shared, Named(name): Named<String>) -> Response {
    let snapshot = app.view.snapshot();
    match json::find(&snapshot, &name) {
        Ok(listing) => Json(json::group(&snapshot, listing)).into_response(),
        Err(error) => (StatusCode::NOT_FOUND, Json(error)).into_response(),
    }
}

/// Targets asked for by name at once; a longer list is better read whole.
const NAMED_TARGETS: usize = 1_000;

async fn targets(
    State(app): Shared,
    Named(name): Named<String>,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    let (mut follow, mut names) = (false, Vec::new());
    for (key, value) in query {
        match (key.as_str(), value.as_str()) {
            ("watch", "true") => follow = true,
            ("watch", "false") => follow = false,
            ("target", _) if names.len() < NAMED_TARGETS => names.push(value),
            ("target", _) => {
                return bad(format!("At most {NAMED_TARGETS} targets can be asked for by name."));
            }
            _ => {
                return bad(format!(
                    "Parameter `{key}={value}` is unknown; allowed are `watch=true`, `watch=false` and `target=id:port`."
                ));
            }
        }
    }
    let snapshot = app.view.snapshot();
    let listing = match json::find(&snapshot, &name) {
        Ok(listing) => listing,
        Err(error) => return (StatusCode::NOT_FOUND, Json(error)).into_response(),
    };
    let read = |text: &String| {
        target::parse_for(&listing.group, text)
            .map_err(|error| format!("Parameter `target` is `{text}`: {error}."))
    };
    let names = match names.iter().map(read).collect::<Result<Vec<_>, _>>() {
        Ok(names) => names,
        Err(message) => return bad(message),
    };
    if follow {
        return watch::follow(Arc::clone(&app.view), name);
    }
    if names.is_empty() {
        let listing = Arc::clone(listing);
        return list::respond(snapshot, listing);
    }
    Json(json::named(&snapshot, listing, &names)).into_response()
}

async fn target_by_name(State(app): Shared, Named((name, target)): Named<(String, String)>) -> Response {
    let snapshot = app.view.snapshot();
    let listing = match json::find(&snapshot, &name) {
        Ok(listing) => listing,
        Err(error) => return (StatusCode::NOT_FOUND, Json(error)).into_response(),
    };
    match target::parse_for(&listing.group, &target) {
        Ok(target) => Json(json::one(&snapshot, listing, &target)).into_response(),
        Err(reason) => bad(format!("The target is `{target}`: {reason}.")),
    }
}

/// Bytes of the body of a registration.
const REGISTRATION: usize = 16 * 1_024;

async fn register(
    State(app): Shared,
    Named((name, target)): Named<(String, String)>,
    request: Request,
) -> Response {
    if let Err(refusal) = app.guard.admit_write(request.headers()) {
        return refused(refusal);
    }
    let bytes = body::read(&app.view, request.into_body(), REGISTRATION, body::TIMEOUT).await;
    match bytes.and_then(|bytes| registration::Body::read(&bytes)) {
        Ok(body) => {
            registration::put(&app.view, &app.writer, app.targets_per_group, &name, &target, body).await
        }
        Err(refusal) => refused(refusal),
    }
}

async fn deregister(
    State(app): Shared,
    Named((name, target)): Named<(String, String)>,
    headers: HeaderMap,
) -> Response {
    if let Err(refusal) = app.guard.admit_write(&headers) {
        return refused(refusal);
    }
    registration::delete(&app.view, &app.writer, &name, &target).await
}

async fn past(
    State(app): Shared,
    Named(name): Named<String>,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    match transitions::read(&app.view, &name, &query) {
        Ok(ask) => transitions::respond(Arc::clone(&app.view), app.history.clone(), ask).await,
        Err(refusal) => refused(refusal),
    }
}

async fn follow_events(
    State(app): Shared,
    headers: HeaderMap,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    let (mut last, mut filter) = (None, events::Filter::default());
    for (key, value) in query {
        if key == "last_event_id" {
            last = Some(value);
        } else if let Err(message) = filter.set(&key, value) {
            return bad(message);
        }
    }
    // A browser that reconnects sends the header; it is newer than what the page asked for at first.
    if let Some(header) = headers.get("last-event-id") {
        last = Some(String::from_utf8_lossy(header.as_bytes()).into_owned());
    }
    // An id nobody gave out cannot be resumed from; the stream says so, since a browser could not recover from a 400.
    let last = last.filter(|text| !text.is_empty()).map(|text| text.parse().unwrap_or(EventId::UNKNOWN));
    events::follow(Arc::clone(&app.view), app.writer.account().clone(), last, filter)
}

fn bad(message: String) -> Response {
    refused((StatusCode::BAD_REQUEST, "bad_request", message))
}

async fn no_such_path(request: Request) -> Response {
    let message = format!("There is nothing at `{}`; `/` lists what there is.", request.uri().path());
    refused((StatusCode::NOT_FOUND, "not_found", message))
}

async fn no_such_method(request: Request) -> Response {
    let message = format!("`{}` does not take {}.", request.uri().path(), request.method());
    refused((StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message))
}
