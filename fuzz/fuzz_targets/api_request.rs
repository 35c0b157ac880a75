//! Any HTTP request at the API: URL, query, headers and body. The API runs in this process, with the database, the scheduler and the
//! worker of a real cluster; so what is valid happens.
//!
//! An input is a request as text: `METHOD /path?query`, headers, an empty line, a body. Ids of things that are there stand in it as
//! `{volume}`, `{snapshot}`, `{attachment}` and `{type}`.
//!
//! Whatever is asked, the answer is no 5xx, comes in time, and is JSON where it says so.

#![no_main]

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::Response;
use configuration::Config;
use libfuzzer_sys::{Corpus, fuzz_target};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use tower::util::BoxCloneService;

/// How long an answer may take.
const IN_TIME: Duration = Duration::from_secs(5);
/// After so many requests there are new things to ask about: requests remove them.
const RENEWED_AFTER: u32 = 500;
/// Longer than any answer.
const MAX_ANSWER: usize = 64 << 20;

/// The API, and what can be asked about.
struct Target {
    runtime: Runtime,
    api: BoxCloneService<Request, Response, Infallible>,
    things: BTreeMap<&'static str, String>,
    left: u32,
}

thread_local! {
    static TARGET: RefCell<Target> = RefCell::new(Target::start());
}

fuzz_target!(|input: &[u8]| -> Corpus {
    TARGET.with_borrow_mut(|target| target.try_request(input))
});

impl Target {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let file = std::env::var("CINDERBLOCK_CONFIG").expect("run it with `make fuzz`");
        let config = Config::load(Some(Path::new(&file))).unwrap();
        let stopping = CancellationToken::new();
        let api = runtime.block_on(cinderblock_api::service(&config, stopping)).unwrap();
        Self { runtime, api: BoxCloneService::new(api), things: BTreeMap::new(), left: 0 }
    }

    fn try_request(&mut self, input: &[u8]) -> Corpus {
        if self.left == 0 {
            self.renew();
        }
        let Some(request) = self.parse(input) else { return Corpus::Reject };
        self.left -= 1;
        let asked = Instant::now();
        let (status, type_of_body, body) = self.ask(request);
        let shown = String::from_utf8_lossy(&body);
        assert!(!status.is_server_error(), "{status}: {shown}");
        assert!(asked.elapsed() < IN_TIME, "{:?}: {shown}", asked.elapsed());
        if type_of_body.is_some_and(|value| value.as_bytes().starts_with(b"application/json")) {
            serde_json::from_slice::<Value>(&body).expect("JSON");
        }
        Corpus::Keep
    }

    /// The request that an input is; `None` when it is none of HTTP's. The body may be anything.
    fn parse(&self, input: &[u8]) -> Option<Request> {
        let end = input.windows(2).position(|pair| pair == b"\n\n");
        let (head, body) = end.map_or((input, &[][..]), |at| (&input[..at], &input[at + 2..]));
        let head = self.with_ids(std::str::from_utf8(head).ok()?.to_owned());
        let body = match String::from_utf8(body.to_vec()) {
            Ok(text) => self.with_ids(text).into_bytes(),
            Err(other) => other.into_bytes(),
        };
        let mut lines = head.lines();
        let (method, uri) = lines.next()?.split_once(' ')?;
        let mut request = Request::new(Body::from(body));
        *request.method_mut() = Method::from_bytes(method.as_bytes()).ok()?;
        *request.uri_mut() = uri.parse::<Uri>().ok().filter(|uri| uri.path().starts_with('/'))?;
        for line in lines {
            let (name, value) = line.split_once(':')?;
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            request.headers_mut().append(name, HeaderValue::from_str(value.trim()).ok()?);
        }
        Some(request)
    }

    fn with_ids(&self, mut text: String) -> String {
        for (name, id) in &self.things {
            text = text.replace(&format!("{{{name}}}"), id);
        }
        text
    }

    fn ask(&mut self, request: Request) -> (StatusCode, Option<HeaderValue>, Vec<u8>) {
        let api = self.api.clone();
        self.runtime.block_on(async {
            let Ok(answer) = api.oneshot(request).await;
            let (parts, body) = answer.into_parts();
            let body = to_bytes(body, MAX_ANSWER).await.expect("a whole body");
            (parts.status, parts.headers.get(header::CONTENT_TYPE).cloned(), body.to_vec())
        })
    }

    /// Makes a volume, a snapshot, an attachment and a type that requests can be about.
    fn renew(&mut self) {
        self.left = RENEWED_AFTER;
        let name = format!("type-{}", self.things.get("volume").map_or("", String::as_str));
        let made = self.make("/v3/p/types", &json!({ "volume_type": { "name": name } }));
        self.note("type", &made["volume_type"]);
        let made = self.make("/v3/p/volumes", &json!({ "volume": { "size": 1 } }));
        self.note("volume", &made["volume"]);
        let volume = self.things["volume"].clone();
        for _ in 0..100 {
            let request = format!("GET /v3/p/volumes/{volume}\n\n");
            let (_, _, shown) = self.ask(self.parse(request.as_bytes()).expect("a request"));
            if serde_json::from_slice::<Value>(&shown)
                .is_ok_and(|shown| shown["volume"]["status"] == "available")
            {
                break;
            }
            self.runtime.block_on(async { tokio::time::sleep(Duration::from_millis(20)).await });
        }
        let made = self.make("/v3/p/snapshots", &json!({ "snapshot": { "volume_id": volume } }));
        self.note("snapshot", &made["snapshot"]);
        let made =
            self.make("/v3/p/attachments", &json!({ "attachment": { "volume_uuid": volume } }));
        self.note("attachment", &made["attachment"]);
    }

    /// Posts a body; what requests did before may stand against it.
    fn make(&mut self, path: &str, body: &Value) -> Value {
        let request = format!(
            "POST {path}\nContent-Type: application/json\nOpenStack-API-Version: volume 3.71\n\n{body}"
        );
        let (_, _, body) = self.ask(self.parse(request.as_bytes()).expect("a request"));
        serde_json::from_slice(&body).unwrap_or_default()
    }

    fn note(&mut self, name: &'static str, made: &Value) {
        let id = made["id"].as_str().unwrap_or("00000000-0000-4000-8000-000000000000");
        self.things.insert(name, id.to_owned());
    }
}
