//! Glance, the image service, version 2 of its API.

use crate::http_client;
use configuration::{GlanceConfig, Secret};
use futures_util::TryStreamExt as _;
use model::Metadata;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Body, Client, Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256, Sha512};
use std::time::Duration;
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;
use tokio_util::io::ReaderStream;
use uuid::Uuid;

/// How much of an image is sent at once, in bytes.
const CHUNK: usize = 1 << 20;
/// The form of a change of an image.
const PATCH: &str = "application/openstack-images-v2.1-json-patch";
/// How many bytes a second Glance takes at least, when it takes long.
const LEAST_RATE: u64 = 1 << 20;
/// The type by which the catalogue knows Glance.
const SERVICE_TYPE: &str = "image";
/// The properties that every image has, by Glance's schema of an image; others are whoever made the image's.
const BASE: [&str; 27] = [
    "checksum",
    "container_format",
    "created_at",
    "direct_url",
    "disk_format",
    "file",
    "id",
    "locations",
    "min_disk",
    "min_ram",
    "name",
    "os_hash_algo",
    "os_hash_value",
    "os_hidden",
    "owner",
    "protected",
    "schema",
    "self",
    "size",
    "status",
    "stores",
    "tags",
    "updated_at",
    "virtual_size",
    "visibility",
    "os_glance_failed_import",
    "os_glance_importing_to_stores",
];

/// Whether every image has a property of this name: whoever makes one cannot give it one of his own.
#[must_use]
pub fn is_base_property(name: &str) -> bool {
    BASE.contains(&name)
}

/// Why Glance did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum GlanceError {
    /// There is no such image, or whoever asks may not see it.
    #[error("there is no such image")]
    NotFound,
    /// It refuses.
    #[error("Glance answers {status}: {text}")]
    Refused {
        /// The status of its answer.
        status: u16,
        /// What it says.
        text: String,
    },
    /// It does not take the token of who asks, or of this service.
    #[error("Glance does not take the token")]
    Unauthorized,
    /// What has arrived cannot be kept, or what is to be sent cannot be read.
    #[error("the image's data: {0}")]
    Local(std::io::Error),
    /// What has arrived is not what Glance says that the image is.
    #[error("the image's data do not have the checksum that Glance says")]
    Damaged,
    /// It does not answer, or not in a way that is understood.
    #[error("{0}")]
    Unavailable(String),
}

impl From<reqwest::Error> for GlanceError {
    fn from(error: reqwest::Error) -> Self {
        // the address is the administrator's
        Self::Unavailable(format!("{:#}", anyhow::Error::from(error.without_url())))
    }
}

/// On whose behalf Glance is asked. Without Keystone, there are no tokens.
#[derive(Clone, Default)]
pub struct Access {
    /// The token of who asks.
    pub token: Option<Secret>,
    /// The token of this service, with which the other one may have expired.
    pub service: Option<Secret>,
    /// Glance's address in the catalogue.
    pub address: Option<String>,
}

impl Access {
    /// That of this service, on its own account.
    #[must_use]
    pub fn own(own: &crate::own_token::OwnAccess) -> Self {
        let address = own.address(SERVICE_TYPE).map(str::to_owned);
        Self { token: Some(own.token.clone()), service: None, address }
    }

    /// That of a user for whom this service asks.
    #[must_use]
    pub fn of_user(token: Secret, own: &crate::own_token::OwnAccess) -> Self {
        Self { service: Some(own.token.clone()), token: Some(token), ..Self::own(own) }
    }
}

/// An image, as Glance describes it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Image {
    /// Its id.
    pub id: Uuid,
    /// What it is called.
    pub name: Option<String>,
    /// `active`, when it can be used.
    pub status: String,
    /// Of its data, in bytes.
    pub size: Option<u64>,
    /// Of the disk in it, in bytes.
    pub virtual_size: Option<u64>,
    /// The least size of a volume, in GiB.
    pub min_disk: i64,
    /// The least memory of a server, in MiB.
    pub min_ram: i64,
    /// The format of its data.
    pub disk_format: Option<String>,
    /// The format of what its data are in.
    pub container_format: Option<String>,
    /// The MD5 of its data.
    pub checksum: Option<String>,
    /// The algorithm of `os_hash_value`.
    pub os_hash_algo: Option<String>,
    /// The hash of its data.
    pub os_hash_value: Option<String>,
    /// Where its data are, as the store says; Glance tells that to whom it is configured to.
    direct_url: Option<String>,
    locations: Vec<Location>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// One of the places where an image's data are.
#[derive(Clone, Debug, Deserialize)]
struct Location {
    url: String,
}

impl Image {
    /// Where its data are, as the stores say, as far as Glance tells that.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        let several = self.locations.iter().map(|location| location.url.clone());
        self.direct_url.clone().into_iter().chain(several).collect()
    }

    /// A property that whoever made the image has given it.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&str> {
        self.others.get(name).filter(|_| !is_base_property(name)).and_then(Value::as_str)
    }

    /// What a volume keeps of it, in Cinder's words.
    #[must_use]
    pub fn metadata(&self) -> Metadata {
        let custom = self.others.iter().filter(|(name, _)| !is_base_property(name));
        let mut kept: Metadata =
            custom.filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect();
        let described = [
            ("image_id", Some(self.id.to_string())),
            ("image_name", self.name.clone()),
            ("checksum", self.checksum.clone()),
            ("container_format", self.container_format.clone()),
            ("disk_format", self.disk_format.clone()),
            ("min_disk", Some(self.min_disk.to_string())),
            ("min_ram", Some(self.min_ram.to_string())),
            ("size", self.size.map(|size| size.to_string())),
        ];
        kept.extend(
            described.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))),
        );
        kept
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Glance's API.
pub struct Glance {
    client: Client,
    /// For data that are sent: when all of them are there, Glance may be at them for long before it answers.
    sender: Client,
    timeout: Duration,
    /// Its address; where there is none, that of the catalogue.
    endpoint: Option<String>,
}

impl Glance {
    /// As the configuration says; `None` when there is none.
    ///
    /// # Errors
    /// When a certificate cannot be read.
    pub fn new(config: &GlanceConfig) -> anyhow::Result<Option<Self>> {
        if !config.is_set() {
            return Ok(None);
        }
        let (ca_file, timeout) = (config.ca_file.as_deref(), config.timeout());
        Ok(Some(Self {
            client: http_client::streaming("glance", ca_file, timeout)?,
            sender: http_client::patient("glance", ca_file, timeout)?,
            timeout,
            endpoint: config.endpoint.clone(),
        }))
    }

    /// An image.
    ///
    /// # Errors
    /// When there is none that may be seen, or Glance does not answer.
    pub async fn image(&self, id: Uuid, access: &Access) -> Result<Image, GlanceError> {
        let asked = self.request(Method::GET, &format!("images/{id}"), access)?;
        understood(answer(asked).await?).await
    }

    /// The images of this name.
    ///
    /// # Errors
    /// When Glance does not answer.
    pub async fn images_named(
        &self,
        name: &str,
        access: &Access,
    ) -> Result<Vec<Image>, GlanceError> {
        #[derive(Deserialize)]
        struct Found {
            images: Vec<Image>,
        }
        let asked = self.request(Method::GET, "images", access)?.query(&[("name", name)]);
        Ok(understood::<Found>(answer(asked).await?).await?.images)
    }

    /// Writes an image's data to a file, and compares them with the hash that Glance knows. `progress` is told how many bytes have come.
    ///
    /// # Errors
    /// When they do not come, are not what Glance says, or cannot be written.
    pub async fn download(
        &self,
        image: &Image,
        access: &Access,
        file: &mut File,
        mut progress: impl FnMut(u64) + Send,
    ) -> Result<(), GlanceError> {
        let path = format!("images/{}/file", image.id);
        let answered = answer(self.request(Method::GET, &path, access)?).await?;
        if answered.status() == StatusCode::NO_CONTENT {
            return Err(GlanceError::Unavailable("the image has no data".to_owned()));
        }
        let size = image.size.ok_or_else(|| {
            GlanceError::Unavailable("Glance does not say how large the image is".to_owned())
        })?;
        let mut hash = Hash::of(image);
        let mut data = answered.bytes_stream();
        let mut come = 0;
        while let Some(chunk) = data.try_next().await? {
            come += chunk.len() as u64;
            if come > size {
                return Err(GlanceError::Damaged);
            }
            hash.update(&chunk);
            file.write_all(&chunk).await.map_err(GlanceError::Local)?;
            progress(come);
        }
        file.flush().await.map_err(GlanceError::Local)?;
        let is_whole = come == size;
        if is_whole && hash.matches(image) { Ok(()) } else { Err(GlanceError::Damaged) }
    }

    /// Makes an image that has no data yet.
    ///
    /// # Errors
    /// When Glance refuses, or does not answer.
    pub async fn create(&self, described: &Value, access: &Access) -> Result<Image, GlanceError> {
        let asked = self.request(Method::POST, "images", access)?.json(described);
        understood(answer(asked).await?).await
    }

    /// Gives an image its data; returns when Glance has all of them.
    ///
    /// # Errors
    /// When Glance refuses, or does not answer.
    pub async fn upload(&self, id: Uuid, data: File, access: &Access) -> Result<(), GlanceError> {
        let size = data.metadata().await.map_err(GlanceError::Local)?.len();
        let at_most = self.timeout + Duration::from_secs(size / LEAST_RATE);
        let data = Body::wrap_stream(ReaderStream::with_capacity(data, CHUNK));
        let path = format!("images/{id}/file");
        let asked = self.request_by(&self.sender, Method::PUT, &path, access)?.timeout(at_most);
        let asked = asked.header(CONTENT_TYPE, "application/octet-stream");
        answer(asked.header(CONTENT_LENGTH, size).body(data)).await?;
        let has = self.image(id, access).await?.size;
        if has == Some(size) { Ok(()) } else { Err(GlanceError::Damaged) }
    }

    /// Removes an image, though it be protected; that there is none is no error.
    ///
    /// # Errors
    /// When Glance refuses, or does not answer.
    pub async fn delete(&self, id: Uuid, access: &Access) -> Result<(), GlanceError> {
        let path = format!("images/{id}");
        let delete = async || answer(self.request(Method::DELETE, &path, access)?).await;
        let deleted = match delete().await {
            Err(GlanceError::Refused { status: 403, .. }) => {
                let free = json!([{ "op": "replace", "path": "/protected", "value": false }]);
                let patch = self.request(Method::PATCH, &path, access)?.body(free.to_string());
                answer(patch.header(CONTENT_TYPE, PATCH)).await?;
                delete().await
            }
            deleted => deleted,
        };
        match deleted {
            Ok(_) | Err(GlanceError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        access: &Access,
    ) -> Result<RequestBuilder, GlanceError> {
        self.request_by(&self.client, method, path, access)
    }

    fn request_by(
        &self,
        client: &Client,
        method: Method,
        path: &str,
        access: &Access,
    ) -> Result<RequestBuilder, GlanceError> {
        let address =
            self.endpoint.as_deref().or(access.address.as_deref()).ok_or_else(|| {
                GlanceError::Unavailable("Glance is not in the catalogue".to_owned())
            })?;
        let address = address.trim_end_matches('/').trim_end_matches("/v2");
        let mut request = client.request(method, format!("{address}/v2/{path}"));
        for (header, token) in
            [("X-Auth-Token", &access.token), ("X-Service-Token", &access.service)]
        {
            if let Some(token) = token {
                request = request.header(header, token.expose());
            }
        }
        Ok(request)
    }
}

async fn answer(asked: RequestBuilder) -> Result<Response, GlanceError> {
    let answered = asked.send().await?;
    let status = answered.status();
    match status {
        _ if status.is_success() => Ok(answered),
        StatusCode::NOT_FOUND => Err(GlanceError::NotFound),
        StatusCode::UNAUTHORIZED => Err(GlanceError::Unauthorized),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
            Err(GlanceError::Unavailable(format!("Glance answers {status}")))
        }
        _ if status.is_client_error() => {
            let text = answered.text().await.unwrap_or_default();
            Err(GlanceError::Refused { status: status.as_u16(), text: without_markup(&text) })
        }
        _ => Err(GlanceError::Unavailable(format!("Glance answers {status}"))),
    }
}

/// What a page says: Glance's refusals are written in HTML.
fn without_markup(page: &str) -> String {
    let mut plain = String::new();
    let mut is_markup = false;
    for character in page.chars() {
        match character {
            '<' => is_markup = true,
            '>' => {
                is_markup = false;
                plain.push(' ');
            }
            _ if !is_markup => plain.push(character),
            _ => {}
        }
    }
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

async fn understood<T: for<'a> Deserialize<'a>>(answered: Response) -> Result<T, GlanceError> {
    let read = answered.json().await;
    read.map_err(|error| {
        GlanceError::Unavailable(format!(
            "Glance's answer is not understood: {}",
            error.without_url()
        ))
    })
}

/// The hash of what has come.
enum Hash {
    Sha256(Sha256),
    Sha512(Sha512),
    /// Glance knows none, or one that is not reckoned here: only the size is compared.
    Unknown,
}

impl Hash {
    fn of(image: &Image) -> Self {
        match image.os_hash_algo.as_deref() {
            Some("sha256") => Self::Sha256(Sha256::new()),
            Some("sha512") => Self::Sha512(Sha512::new()),
            _ => Self::Unknown,
        }
    }

    fn update(&mut self, data: &[u8]) {
        match self {
            Self::Sha256(hash) => hash.update(data),
            Self::Sha512(hash) => hash.update(data),
            Self::Unknown => {}
        }
    }

    fn matches(self, image: &Image) -> bool {
        let hash = match self {
            Self::Sha256(hash) => hex(&hash.finalize()),
            Self::Sha512(hash) => hex(&hash.finalize()),
            Self::Unknown => return true,
        };
        image.os_hash_value.as_deref().is_some_and(|told| told.eq_ignore_ascii_case(&hash))
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;

    #[test]
    fn a_volume_keeps_what_an_image_is_and_what_it_was_given() {
        let described = json!({
            "id": "8c14c5d1-0a5c-4e3c-93a5-9a1e4d6b1d11", "name": "debian", "status": "active", "size": 5, "min_disk": 1,
            "disk_format": "qcow2", "container_format": "bare", "checksum": "c", "owner": "o", "hw_disk_bus": "scsi",
            "locations": [{ "url": "rbd://f/images/i/snap", "metadata": {} }], "os_type": null, "stores": "file", "tags": [],
        });
        let image: Image = serde_json::from_value(described).unwrap();
        let kept = image.metadata();
        for (name, value) in [
            ("image_id", "8c14c5d1-0a5c-4e3c-93a5-9a1e4d6b1d11"),
            ("image_name", "debian"),
            ("hw_disk_bus", "scsi"),
            ("min_disk", "1"),
            ("min_ram", "0"),
            ("size", "5"),
        ] {
            assert_eq!(kept.get(name).map(String::as_str), Some(value), "{name}");
        }
        for absent in ["owner", "os_type", "stores", "tags", "status"] {
            assert!(!kept.contains_key(absent), "{absent}");
        }
        assert_eq!(image.property("hw_disk_bus"), Some("scsi"));
        assert_eq!(image.addresses(), ["rbd://f/images/i/snap"]);
        assert_eq!(image.property("owner"), None);
    }

    #[test]
    fn what_has_come_is_compared_with_what_glance_says() {
        let image = |algorithm: &str, value: &str| Image {
            os_hash_algo: Some(algorithm.to_owned()),
            os_hash_value: Some(value.to_owned()),
            ..Image::default()
        };
        let of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let is_that_of = |image: &Image| {
            let mut hash = Hash::of(image);
            hash.update(b"abc");
            hash.matches(image)
        };
        assert!(is_that_of(&image("sha256", of_abc)));
        assert!(!is_that_of(&image("sha256", "00")));
        assert!(!is_that_of(&image("sha512", of_abc)));
        assert!(is_that_of(&Image::default()), "there is nothing to compare with");
    }

    #[test]
    fn a_refusal_is_read_without_its_markup() {
        let page = "<html>\n <head>\n  <title>413 Too Large</title></head><body>quota is full</body></html>";
        assert_eq!(without_markup(page), "413 Too Large quota is full");
    }

    /// Two MiB.
    const SIZE: usize = 2 << 20;

    /// A Glance that takes a second for data when all of them are there, and describes the image at once.
    async fn slow_glance() -> Glance {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = Some(format!("http://{}", listener.local_addr().unwrap()));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut read = vec![0; SIZE];
                let begun = stream.read(&mut read).await.unwrap();
                let answer = if read.starts_with(b"PUT") {
                    let head = read.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
                    stream.read_exact(&mut vec![0; SIZE - (begun - head)]).await.unwrap();
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n".to_owned()
                } else {
                    let body = format!("{{\"size\": {SIZE}}}");
                    let length = body.len();
                    format!(
                        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
                    )
                };
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        let config = GlanceConfig { endpoint, timeout_seconds: 0.3, ..GlanceConfig::default() };
        Glance::new(&config).unwrap().unwrap()
    }

    #[tokio::test]
    async fn glance_may_be_at_what_it_was_sent_for_longer_than_it_may_take_to_answer() {
        let data = tempfile::tempfile().unwrap();
        data.set_len(SIZE as u64).unwrap();
        let glance = slow_glance().await;
        glance.upload(Uuid::nil(), File::from_std(data), &Access::default()).await.unwrap();
    }
}
