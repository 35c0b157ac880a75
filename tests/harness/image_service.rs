//! A stand-in for Glance: as much of its API as cinderblock uses, with its images in memory. The real one takes seconds to start.

use crate::ports;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::task::JoinHandle;
use uuid::Uuid;

/// An image that is there from the beginning: a disk of one MiB, byte by byte.
pub const IMAGE: &str = "11111111-2222-4333-8444-555555555555";

/// A running stand-in; it ends with this value.
pub struct ImageService {
    url: String,
    images: Images,
    server: JoinHandle<()>,
}

impl Drop for ImageService {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// How much of an image's data is kept, in bytes: those of whole disks would take much memory.
const KEPT: usize = 64 << 20;

/// An image, as it is described, and the beginning of its data.
#[derive(Clone, Debug, Default)]
struct Image {
    described: serde_json::Map<String, Value>,
    data: Vec<u8>,
}

#[derive(Clone, Default)]
struct Images(Arc<Mutex<BTreeMap<Uuid, Image>>>);

impl Images {
    fn all(&self) -> MutexGuard<'_, BTreeMap<Uuid, Image>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, id: Uuid, described: &Value) -> Value {
        let mut image = Image::default();
        image.described.insert("id".to_owned(), json!(id));
        image.described.insert("status".to_owned(), json!("queued"));
        image.described.extend(described.as_object().cloned().unwrap_or_default());
        for absent in ["min_disk", "min_ram"] {
            image.described.entry(absent).or_insert(json!(0));
        }
        self.all().insert(id, image.clone());
        Value::Object(image.described)
    }

    fn fill(&self, id: Uuid, data: Vec<u8>, size: usize) -> bool {
        let mut images = self.all();
        let Some(image) = images.get_mut(&id) else { return false };
        image.described.insert("status".to_owned(), json!("active"));
        image.described.insert("size".to_owned(), json!(size));
        image.data = data;
        true
    }
}

impl ImageService {
    /// Starts one on a free port of the loopback interface.
    ///
    /// # Errors
    /// When there is none.
    pub async fn start() -> anyhow::Result<Self> {
        let images = Images::default();
        let id = IMAGE.parse()?;
        images
            .add(id, &json!({ "name": "small", "disk_format": "raw", "container_format": "bare" }));
        images.fill(id, vec![0x5a; 1 << 20], 1 << 20);
        let port = ports::free()?;
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
        let router = Router::new()
            .route("/v2/images", get(list).post(create))
            .route("/v2/images/{id}", get(show).delete(remove))
            .route("/v2/images/{id}/file", put(upload).get(download))
            .with_state(images.clone());
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { url: format!("http://127.0.0.1:{port}"), images, server })
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Makes an image that is described so, with these data; returns its id, which is a new one unless it is described, too.
    #[must_use]
    pub fn add(&self, described: &Value, data: Vec<u8>) -> String {
        let id = described["id"].as_str().and_then(|id| id.parse().ok());
        let id = id.unwrap_or_else(Uuid::new_v4);
        self.images.add(id, described);
        let size = data.len();
        self.images.fill(id, data, size);
        id.to_string()
    }

    /// What an image is, and what its data begin with.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<(Value, Vec<u8>)> {
        let image = self.images.all().get(&id.parse().ok()?).cloned()?;
        Some((Value::Object(image.described), image.data))
    }

    /// The ids of the images.
    #[must_use]
    pub fn ids(&self) -> Vec<String> {
        self.images.all().keys().map(Uuid::to_string).collect()
    }
}

async fn create(State(images): State<Images>, Json(described): Json<Value>) -> Response {
    (StatusCode::CREATED, Json(images.add(Uuid::new_v4(), &described))).into_response()
}

async fn list(
    State(images): State<Images>,
    Query(asked): Query<HashMap<String, String>>,
) -> Json<Value> {
    let images = images.all();
    let named = images.values().filter(|image| {
        asked.get("name").is_none_or(|name| image.described.get("name") == Some(&json!(name)))
    });
    Json(json!({ "images": named.map(|image| &image.described).collect::<Vec<_>>() }))
}

async fn show(State(images): State<Images>, Path(id): Path<Uuid>) -> Response {
    match images.all().get(&id) {
        Some(image) => Json(&image.described).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn remove(State(images): State<Images>, Path(id): Path<Uuid>) -> StatusCode {
    match images.all().remove(&id) {
        Some(_) => StatusCode::NO_CONTENT,
        None => StatusCode::NOT_FOUND,
    }
}

async fn upload(State(images): State<Images>, Path(id): Path<Uuid>, data: Body) -> StatusCode {
    let mut data = data.into_data_stream();
    let (mut beginning, mut size) = (Vec::new(), 0);
    while let Some(chunk) = data.next().await {
        let Ok(chunk) = chunk else { return StatusCode::BAD_REQUEST };
        size += chunk.len();
        beginning.extend(&chunk[..chunk.len().min(KEPT - beginning.len())]);
    }
    match images.fill(id, beginning, size) {
        true => StatusCode::NO_CONTENT,
        false => StatusCode::NOT_FOUND,
    }
}

async fn download(State(images): State<Images>, Path(id): Path<Uuid>) -> Response {
    match images.all().get(&id) {
        Some(image) => {
            let kind = [(header::CONTENT_TYPE, "application/octet-stream")];
            (kind, Body::from(image.data.clone())).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
