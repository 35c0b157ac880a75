//! Glance, as the API asks it: on behalf of the caller.

use crate::identity::Identification;
use crate::identity::keystone::UserToken;
use configuration::GlanceConfig;
use model::{Error, ErrorKind, Result};
use openstack::glance::{Access, Glance, GlanceError, Image};
use serde_json::Value;
use uuid::Uuid;

/// In bytes.
const GIB: u64 = 1 << 30;

/// The image service; there may be none.
pub(crate) struct ImageService(Option<Glance>);

impl ImageService {
    /// As the configuration says.
    ///
    /// # Errors
    /// When a certificate cannot be read.
    pub fn new(config: &GlanceConfig) -> anyhow::Result<Self> {
        Glance::new(config).map(Self)
    }

    /// Glance, on behalf of the caller.
    pub async fn on_behalf_of<'a>(
        &'a self,
        identification: &Identification,
        token: Option<&UserToken>,
    ) -> Result<CallersImages<'a>> {
        let glance = self.0.as_ref();
        let glance = glance.ok_or_else(|| Error::bad_request("There is no image service."))?;
        let access = match (identification, token) {
            (Identification::Keystone(keystone), Some(token)) => {
                let own = keystone.own_access().await.map_err(|error| {
                    Error::unavailable("Keystone gives no token to ask Glance with.")
                        .caused_by(error)
                })?;
                Access::of_user(token.0.clone(), &own)
            }
            (Identification::Keystone(_) | Identification::Noauth, _) => Access::default(),
        };
        Ok(CallersImages { glance, access })
    }
}

/// The images that a caller may see.
pub(crate) struct CallersImages<'a> {
    glance: &'a Glance,
    access: Access,
}

impl CallersImages<'_> {
    /// The image of this id or name. Of a name that is no id, there must be one.
    pub async fn find(&self, name: &str) -> Result<Image> {
        // clients may send its address
        let name = name.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        if let Ok(id) = name.parse::<Uuid>() {
            match self.glance.image(id, &self.access).await {
                Err(GlanceError::NotFound) => {}
                found => return found.map_err(told),
            }
        }
        let mut named = self.glance.images_named(name, &self.access).await.map_err(told)?;
        match named.len() {
            0 => Err(told(GlanceError::NotFound)),
            1 => Ok(named.remove(0)),
            _ => {
                let text = "Multiple matches found for the image; use its id.";
                Err(Error::new(ErrorKind::Conflict, text))
            }
        }
    }

    /// Makes an image that has no data yet.
    pub async fn create(&self, described: &Value) -> Result<Image> {
        self.glance.create(described, &self.access).await.map_err(told)
    }

    /// Removes an image that gets no data.
    pub async fn delete(&self, id: Uuid) {
        if let Err(error) = self.glance.delete(id, &self.access).await {
            tracing::warn!(image.id = %id, %error, "an image without data is left");
        }
    }
}

/// Refuses what a volume of this size cannot be filled from.
pub(crate) fn require_usable(image: &Image, size_gb: i32) -> Result<()> {
    let id = image.id;
    if image.status != "active" {
        return Err(Error::bad_request(format!("Image {id} is not active.")));
    }
    let refuse = |what: &str, gib: u64| {
        Error::bad_request(format!(
            "Invalid input received: {what} is {gib}GB and doesn't fit in a volume of size {size_gb}GB."
        ))
    };
    let size = u64::try_from(size_gb).unwrap_or_default();
    for (what, bytes) in
        [("Size of specified image", image.size), ("Image virtual size", image.virtual_size)]
    {
        let gib = bytes.unwrap_or_default().div_ceil(GIB);
        if gib > size {
            return Err(refuse(what, gib));
        }
    }
    let least = u64::try_from(image.min_disk).unwrap_or_default();
    if least > size {
        return Err(Error::bad_request(format!(
            "Invalid input received: Volume size {size_gb}GB cannot be smaller than the image minDisk size {least}GB."
        )));
    }
    Ok(())
}

fn told(error: GlanceError) -> Error {
    match error {
        GlanceError::NotFound => {
            Error::bad_request("Invalid image identifier or unable to access requested image.")
        }
        GlanceError::Refused { status: 403, .. } => {
            Error::new(ErrorKind::Forbidden, "Glance does not let you do this.")
        }
        GlanceError::Refused { text, .. } => Error::bad_request(format!("Glance refuses: {text}")),
        GlanceError::Unauthorized
        | GlanceError::Unavailable(_)
        | GlanceError::Local(_)
        | GlanceError::Damaged => {
            Error::unavailable("The image service does not answer. Nothing was changed; try again.")
                .caused_by(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_image_must_fit_into_its_volume() {
        let is_usable = |what: Value, size_gb: i32| {
            let mut described = json!({ "id": Uuid::nil(), "status": "active", "size": 1 });
            described.as_object_mut().unwrap().extend(what.as_object().unwrap().clone());
            require_usable(&serde_json::from_value(described).unwrap(), size_gb).is_ok()
        };
        assert!(is_usable(json!({}), 1));
        for unusable in [
            json!({ "status": "queued" }),
            json!({ "size": GIB + 1 }),
            json!({ "virtual_size": GIB + 1 }),
            json!({ "min_disk": 2 }),
        ] {
            assert!(!is_usable(unusable.clone(), 1), "{unusable}");
        }
        assert!(is_usable(json!({ "virtual_size": GIB + 1, "min_disk": 2 }), 2));
    }
}
