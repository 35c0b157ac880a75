//! Load shedding: where too many requests are answered already, one more is refused at once.

use crate::app::App;
use crate::fault::Fault;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use model::Error;

/// Lets a request pass while there is room for it; 503 with `Retry-After` otherwise.
pub(crate) async fn shed(State(app): State<App>, request: Request, next: Next) -> Response {
    let Ok(_room) = app.room.try_acquire() else {
        return Fault(Error::unavailable("Too many requests are answered at the moment."))
            .into_response();
    };
    next.run(request).await
}
