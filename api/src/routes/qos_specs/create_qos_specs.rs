//! `POST /qos-specs`: submits `create_qos_specs`.

use super::{consumer, find};
use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::fields::Fields;
use crate::request::RequestContext;
use crate::submit::submit;
use crate::views;
use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use model::{QosConsumer, QosSpecsId};
use operation::CreateQosSpecs;

pub(crate) async fn create(
    State(app): State<App>,
    context: RequestContext,
    Body(body): Body,
) -> Answer {
    let mut asked = Fields::inside(body, "qos_specs")?;
    let qos_specs_id = QosSpecsId::random();
    let operation = CreateQosSpecs {
        qos_specs_id,
        name: asked.required_text("name")?,
        consumer: consumer(&mut asked)?.unwrap_or(QosConsumer::BackEnd),
        // whatever else there is
        specs: asked.rest_as_metadata("qos_specs")?,
    };
    submit(&app, &context, operation).await?;
    let made = find(&app, &qos_specs_id.to_string()).await?;
    Ok(Json(views::qos_specs::detail(&made, &context)).into_response())
}
