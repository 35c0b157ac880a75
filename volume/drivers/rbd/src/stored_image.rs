//! Images of Glance's that are in the same cluster: its addresses say where.

use crate::names;
use uuid::Uuid;

/// A snapshot of an image in another pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredImage {
    pub pool: String,
    pub image: String,
    pub snapshot: String,
}

impl StoredImage {
    /// The one at `rbd://<fsid>/<pool>/<image>/<snapshot>`, if that is this cluster, and one of these pools. Glance's store calls an image by
    /// its id: at another name is somebody else's.
    pub fn at(address: &str, id: Uuid, fsid: &str, pools: &[String]) -> Option<Self> {
        let mut parts = address.strip_prefix("rbd://")?.split('/').map(unquoted);
        let (cluster, pool) = (parts.next()??, parts.next()??);
        let (image, snapshot) = (parts.next()??, parts.next()??);
        let is_it = image.parse() == Ok(id) && names::is_plain(&snapshot);
        let is_here = cluster == fsid && pools.contains(&pool);
        (is_it && is_here && parts.next().is_none()).then_some(Self { pool, image, snapshot })
    }
}

/// A part of an address, where `%41` is `A`.
fn unquoted(part: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = part.as_bytes();
    while let [first, others @ ..] = rest {
        rest = others;
        if *first == b'%' {
            let digits = std::str::from_utf8(others.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &others[2..];
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "8c14c5d1-0a5c-4e3c-93a5-9a1e4d6b1d11";

    #[test]
    fn an_image_is_cloned_from_the_pools_of_images_of_this_cluster_alone() {
        let pools = ["our images".to_owned()];
        let at = |rest: &str| {
            let address = rest.replace("ID", ID);
            StoredImage::at(&address, ID.parse().unwrap(), "f", &pools)
        };
        let stored = StoredImage {
            pool: "our images".to_owned(),
            image: ID.to_owned(),
            snapshot: "snap".to_owned(),
        };
        assert_eq!(at("rbd://f/our%20images/ID/snap"), Some(stored));
        for other in [
            "",
            "file:///our%20images/ID",
            "rbd://our%20images/ID/snap",
            "rbd://g/our%20images/ID/snap",
            "rbd://f/volumes/ID/snap",
            "rbd://f/our%20images/ID/snap/x",
            "rbd://f/our%20images//snap",
            "rbd://f/our%20images/ID/b%40c",
            "rbd://f/our%20images/ID/--all",
            "rbd://f/our%20images/8c14c5d1-0a5c-4e3c-93a5-9a1e4d6b1d12/snap",
            "rbd://f/our%2/ID/snap",
            "rbd://f/our%zz/ID/snap",
            "rbd://f/%ff/ID/snap",
        ] {
            assert_eq!(at(other), None, "{other}");
        }
    }
}
