//! Backups in a bucket of S3. Requests are signed in their addresses, so no address may be in an error or a log; nor is what a server says,
//! which may repeat the access key.

use crate::content::Content;
use crate::error::{StoreError, blocking};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::{Buf as _, Bytes};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use md5::{Digest as _, Md5};
use reqwest::header::{CONTENT_LENGTH, ETAG, HeaderValue, IF_MATCH, RANGE};
use reqwest::redirect::Policy;
use reqwest::{Body, Certificate, Client, ClientBuilder, RequestBuilder, Response, StatusCode};
use rusty_s3::actions::ListObjectsV2;
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};
use std::fmt;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

/// How long a signature is good.
const SIGNED_FOR: Duration = Duration::from_secs(3600);
/// How many bytes a second a server takes at least, when it takes long.
const LEAST_RATE: u64 = 1 << 20;
/// The most that is read of an answer that is no object, in bytes.
const MOST_SAID: usize = 16 << 20;
/// How many objects are removed at the same time.
const AT_ONCE: usize = 8;
/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// The largest object that is sent at once, in bytes.
pub(crate) const MOST_STORED: u64 = 5 << 30;

/// How a bucket is reached, and as whom.
#[derive(Clone)]
pub struct S3Settings {
    /// The address of the server.
    pub endpoint_url: String,
    /// By which the server knows whose the secret is.
    pub access_key: String,
    /// The secret with which requests are signed.
    pub secret_key: String,
    /// The bucket of backups for which none was asked for; Cinder's is `volumebackups`.
    pub bucket: String,
    /// The zone that stands in the names of objects: Cinder's `storage_availability_zone`, which is `nova` unless set.
    pub zone: String,
    /// The region that stands in signatures: `us-east-1` where there are none.
    pub region: String,
    /// How long the server may be silent.
    pub timeout: Duration,
    /// How often a request is repeated that the server could not answer.
    pub retries: u32,
    /// Whether the server must prove who it is.
    pub verify_tls: bool,
    /// The certificates of the authorities that are believed; those of the system when there is none.
    pub ca_file: Option<PathBuf>,
    /// Whether the server compares each object with its MD5.
    pub md5_validation: bool,
}

impl S3Settings {
    /// Cinder's defaults, for this server and these credentials.
    #[must_use]
    pub fn new(endpoint_url: String, access_key: String, secret_key: String) -> Self {
        Self {
            endpoint_url,
            access_key,
            secret_key,
            bucket: "volumebackups".to_owned(),
            zone: "nova".to_owned(),
            region: "us-east-1".to_owned(),
            timeout: Duration::from_secs(60),
            retries: 4,
            verify_tls: true,
            ca_file: None,
            md5_validation: false,
        }
    }
}

impl fmt::Debug for S3Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("S3Settings");
        shown.field("endpoint_url", &self.endpoint_url).field("bucket", &self.bucket);
        shown.finish_non_exhaustive()
    }
}

/// A server with buckets. The names that it gets have been [checked](crate::layout::Layout::check).
#[derive(Clone)]
pub(crate) struct S3 {
    settings: Arc<S3Settings>,
    credentials: Credentials,
    endpoint: reqwest::Url,
    client: Client,
    /// For data that are sent: when all of them are there, a server may be at them for long before it answers.
    sender: Client,
}

impl fmt::Debug for S3 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.fmt(formatter)
    }
}

impl S3 {
    pub fn new(settings: S3Settings) -> Result<Self, StoreError> {
        // the address is not repeated: there may be a password in it
        let endpoint = reqwest::Url::parse(&settings.endpoint_url)
            .map_err(|error| StoreError::Invalid(format!("the address of S3: {error}")))?;
        let timeout = settings.timeout;
        Ok(Self {
            credentials: Credentials::new(&settings.access_key, &settings.secret_key),
            client: built(client(&settings)?.connect_timeout(timeout).read_timeout(timeout))?,
            sender: built(client(&settings)?.connect_timeout(timeout))?,
            endpoint,
            settings: Arc::new(settings),
        })
    }

    pub fn settings(&self) -> &S3Settings {
        &self.settings
    }

    fn bucket(&self, name: &str) -> Result<Bucket, StoreError> {
        let (endpoint, region) = (self.endpoint.clone(), self.settings.region.clone());
        Bucket::new(endpoint, UrlStyle::Path, name.to_owned(), region)
            .map_err(|error| StoreError::Invalid(format!("the bucket {name:?}: {error}")))
    }

    /// Makes the bucket, if there is none.
    pub async fn prepare(&self, container: &str) -> Result<(), StoreError> {
        let bucket = self.bucket(container)?;
        let looked = self.send(container, || {
            self.client.head(bucket.head_bucket(Some(&self.credentials)).sign(SIGNED_FOR))
        });
        match looked.await {
            Ok(_) => return Ok(()),
            Err(StoreError::Missing(_)) => {}
            Err(error) => return Err(error),
        }
        let made = self.send(container, || {
            let url = bucket.create_bucket(&self.credentials).sign(SIGNED_FOR);
            self.client.put(url).header(CONTENT_LENGTH, 0)
        });
        made.await.map(drop)
    }

    /// The keys that begin with a prefix.
    pub async fn list(&self, container: &str, prefix: &str) -> Result<Vec<String>, StoreError> {
        let bucket = self.bucket(container)?;
        let (mut keys, mut token) = (Vec::new(), None::<String>);
        loop {
            let listed = self.send(container, || {
                let mut action = bucket.list_objects_v2(Some(&self.credentials));
                action.with_prefix(prefix);
                if let Some(token) = &token {
                    action.with_continuation_token(token.clone());
                }
                self.client.get(action.sign(SIGNED_FOR))
            });
            let listed = match listed.await {
                Err(StoreError::Missing(_)) => return Ok(keys),
                listed => String::from_utf8(text(listed?).await?).map_err(|_| not_understood())?,
            };
            let listed = ListObjectsV2::parse_response(&listed).map_err(|_| not_understood())?;
            let own = listed.contents.into_iter().map(|object| object.key);
            keys.extend(own.filter(|key| key.starts_with(prefix)));
            match listed.next_continuation_token {
                None => return Ok(keys),
                next if next == token => return Err(not_understood()),
                next => token = next,
            }
        }
    }

    /// Opens an object, which blocks.
    pub fn open(&self, container: &str, name: &str) -> Result<Box<dyn Read + Send>, StoreError> {
        let (bucket, handle) = (self.bucket(container)?, Handle::current());
        let response = handle.block_on(self.get(&bucket, name, None))?;
        let etag = response.headers().get(ETAG).cloned();
        let (s3, name, piece) = (self.clone(), name.to_owned(), Bytes::new());
        let retries = self.settings.retries;
        Ok(Box::new(Object {
            s3,
            bucket,
            name,
            handle,
            response,
            piece,
            etag,
            position: 0,
            retries,
        }))
    }

    /// Asks for an object, or for what follows a position, when it still is the same object.
    async fn get(
        &self,
        bucket: &Bucket,
        name: &str,
        from: Option<(u64, &HeaderValue)>,
    ) -> Result<Response, StoreError> {
        self.send(name, || {
            let url = bucket.get_object(Some(&self.credentials), name).sign(SIGNED_FOR);
            let request = self.client.get(url);
            match from {
                None => request,
                Some((position, etag)) => {
                    request.header(RANGE, format!("bytes={position}-")).header(IF_MATCH, etag)
                }
            }
        })
        .await
    }

    /// Writes an object.
    pub async fn put(
        &self,
        container: &str,
        name: &str,
        content: &Content,
    ) -> Result<(), StoreError> {
        let (bucket, length) = (self.bucket(container)?, content.len());
        let at_most = self.settings.timeout + Duration::from_secs(length / LEAST_RATE);
        let md5 = if self.settings.md5_validation { Some(md5(content).await?) } else { None };
        let sent = self.send(name, || {
            let url = bucket.put_object(Some(&self.credentials), name).sign(SIGNED_FOR);
            let mut request = self.sender.put(url).timeout(at_most).header(CONTENT_LENGTH, length);
            if let Some(md5) = &md5 {
                request = request.header("Content-MD5", md5);
            }
            request.body(body(content))
        });
        sent.await.map(drop)
    }

    /// Removes what begins with a prefix.
    pub async fn remove_all(&self, container: &str, prefix: &str) -> Result<(), StoreError> {
        let bucket = &self.bucket(container)?;
        let keys = stream::iter(self.list(container, prefix).await?);
        let removing = keys.map(|key| async move { self.remove(bucket, &key).await });
        removing.buffer_unordered(AT_ONCE).try_collect::<()>().await
    }

    async fn remove(&self, bucket: &Bucket, key: &str) -> Result<(), StoreError> {
        let removed = self.send(key, || {
            self.client.delete(bucket.delete_object(Some(&self.credentials), key).sign(SIGNED_FOR))
        });
        match removed.await {
            Ok(_) | Err(StoreError::Missing(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Sends a request, again when the server could not answer.
    async fn send(
        &self,
        what: &str,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<Response, StoreError> {
        let mut attempt = 0;
        loop {
            let error = match request().send().await {
                Ok(response) if response.status().is_success() => return Ok(response),
                Ok(response) => refusal(what, response).await,
                Err(error) => unreachable(error),
            };
            if !matches!(error, StoreError::Unavailable(_)) || attempt == self.settings.retries {
                return Err(error);
            }
            tracing::warn!(object = what, attempt, %error, "a request to S3 is repeated");
            tokio::time::sleep(pause(attempt)).await;
            attempt += 1;
        }
    }
}

fn client(settings: &S3Settings) -> Result<ClientBuilder, StoreError> {
    // another part of the process may have named it
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut builder = Client::builder().redirect(Policy::none());
    if !settings.verify_tls {
        builder = builder.tls_danger_accept_invalid_certs(true);
    }
    if let Some(file) = &settings.ca_file {
        let refused = |error: &dyn fmt::Display| {
            StoreError::Invalid(format!("the certificates in {}: {error}", file.display()))
        };
        let text = std::fs::read(file).map_err(|error| refused(&error))?;
        let certificates = Certificate::from_pem_bundle(&text).map_err(|error| refused(&error))?;
        builder = builder.tls_certs_only(certificates);
    }
    Ok(builder)
}

fn built(builder: ClientBuilder) -> Result<Client, StoreError> {
    builder.build().map_err(|error| StoreError::Invalid(format!("the client of S3: {error}")))
}

fn pause(attempt: u32) -> Duration {
    (Duration::from_millis(250) * 2_u32.saturating_pow(attempt)).min(LONGEST_PAUSE)
}

fn body(content: &Content) -> Body {
    match content {
        Content::Whole(bytes) => Body::from(bytes.clone()),
        Content::Hashes(list) => {
            Body::wrap_stream(stream::iter(list.pieces().map(Ok::<_, io::Error>)))
        }
    }
}

async fn md5(content: &Content) -> Result<String, StoreError> {
    let content = content.clone();
    blocking(move || {
        let mut md5 = Md5::new();
        content.pieces().for_each(|piece| md5.update(&piece));
        Ok(BASE64_STANDARD.encode(md5.finalize()))
    })
    .await
}

/// The body of an answer, if that is not too long.
async fn text(mut response: Response) -> Result<Vec<u8>, StoreError> {
    let mut text = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(unreachable)? {
        if text.len() + piece.len() > MOST_SAID {
            return Err(not_understood());
        }
        text.extend_from_slice(&piece);
    }
    Ok(text)
}

fn not_understood() -> StoreError {
    StoreError::Io(io::Error::other("what S3 answers is not understood"))
}

/// What a request fails with, without its address: the signature is there.
fn unreachable(error: reqwest::Error) -> StoreError {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    StoreError::Unavailable(text)
}

/// What it means that a server refuses.
async fn refusal(what: &str, response: Response) -> StoreError {
    let status = response.status();
    let said = text(response).await.unwrap_or_default();
    let code = code(&String::from_utf8_lossy(&said));
    if status == StatusCode::INSUFFICIENT_STORAGE || code.contains("QuotaExceeded") {
        return StoreError::Full;
    }
    if status == StatusCode::NOT_FOUND {
        return StoreError::Missing(what.to_owned());
    }
    let may_pass = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
    let text = format!("S3 answers {status} {code}").trim_end().to_owned();
    if status.is_server_error() || may_pass.contains(&status) || code == "RequestTimeout" {
        return StoreError::Unavailable(text);
    }
    StoreError::Io(io::Error::other(text))
}

/// The word in an answer that says why.
fn code(said: &str) -> String {
    let code = said.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    let code = code.map_or("", |(code, _)| code);
    code.chars().filter(char::is_ascii_alphanumeric).take(60).collect()
}

/// An object that is being read; where its connection ends early, it goes on from there.
struct Object {
    s3: S3,
    bucket: Bucket,
    name: String,
    handle: Handle,
    response: Response,
    piece: Bytes,
    etag: Option<HeaderValue>,
    /// How much has come, in bytes.
    position: u64,
    /// How often it is read on before anything more comes.
    retries: u32,
}

impl Object {
    fn next(&mut self) -> Result<Bytes, StoreError> {
        loop {
            let error = match self.handle.block_on(self.response.chunk()) {
                Ok(piece) => {
                    let piece = piece.unwrap_or_default();
                    self.position += piece.len() as u64;
                    self.retries = self.s3.settings.retries;
                    return Ok(piece);
                }
                Err(error) => unreachable(error),
            };
            let (Some(etag), Some(retries)) = (&self.etag, self.retries.checked_sub(1)) else {
                return Err(error);
            };
            self.retries = retries;
            tracing::warn!(object = self.name, position = self.position, %error, "an object of S3 is read on");
            let from = Some((self.position, etag));
            let rest = self.handle.block_on(self.s3.get(&self.bucket, &self.name, from))?;
            if rest.status() != StatusCode::PARTIAL_CONTENT {
                return Err(error);
            }
            self.response = rest;
        }
    }
}

impl Read for Object {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.piece.is_empty() {
            self.piece = self.next()?;
        }
        let length = (&self.piece[..]).read(buffer)?;
        self.piece.advance(length);
        Ok(length)
    }
}
