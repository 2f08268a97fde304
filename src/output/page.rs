//! `GET /`: a plain landing page with links.

use crate::model::health::State;
use crate::runtime::view::Snapshot;

/// Renders the page.
#[must_use]
pub fn render(snapshot: &Snapshot) -> String {
    let mut rows = String::new();
    for (name, listing) in snapshot.groups.iter() {
        let counts = snapshot.counts(listing);
        // A name holds letters, digits and hyphens only, so nothing needs escaping.
        let cells = State::ALL.map(|state| format!("<td>{}</td>", counts.of(state))).concat();
        rows.push_str(&format!(
            "<tr><td><a href=\"/api/v1/target-groups/{name}/targets\">{name}</a></td>{cells}</tr>\n"
        ));
    }
    let heads = State::ALL.map(|state| format!("<th>{state}</th>")).concat();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>tgprobe</title></head>\n<body>\n\
         <h1>tgprobe {version}</h1>\n\
         <table>\n<tr><th>target group</th>{heads}</tr>\n{rows}</table>\n\
         <ul>\n\
         <li><a href=\"/metrics\">/metrics</a>: Prometheus metrics</li>\n\
         <li><a href=\"/api/v1/target-groups\">/api/v1/target-groups</a>: target groups as JSON</li>\n\
         <li><a href=\"/api/v1/services\">/api/v1/services</a>, <a href=\"/api/v1/tasks\">/api/v1/tasks</a>: services and tasks as JSON</li>\n\
         <li><a href=\"/api/v1/containers\">/api/v1/containers</a>: watched containers as JSON</li>\n\
         <li><a href=\"/api/v1/events\">/api/v1/events</a>: transitions as server-sent events</li>\n\
         <li><a href=\"/-/healthy\">/-/healthy</a>, <a href=\"/-/ready\">/-/ready</a>: this server's own health</li>\n\
         </ul>\n</body>\n</html>\n",
        version = env!("CARGO_PKG_VERSION"),
    )
}
