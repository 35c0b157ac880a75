//! The handshake: what the two sides agree on before the first request, with the forms of replies taken out that
//! the relay does not read. Names and numbers are those of the NBD protocol ("newstyle" negotiation).

use std::io::{Error, ErrorKind, Result};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

const MAGIC: u64 = 0x4e42_444d_4147_4943;
const OPTION_MAGIC: u64 = 0x4948_4156_454f_5054;
const REPLY_MAGIC: u64 = 0x0003_e889_0455_65a9;

const OPT_EXPORT_NAME: u32 = 1;
const OPT_ABORT: u32 = 2;
const OPT_LIST: u32 = 3;
const OPT_STARTTLS: u32 = 5;
const OPT_GO: u32 = 7;
const OPT_STRUCTURED_REPLY: u32 = 8;
const OPT_EXTENDED_HEADERS: u32 = 11;

const REP_ACK: u32 = 1;
const REP_FLAG_ERROR: u32 = 1 << 31;
const REP_ERR_UNSUP: u32 = REP_FLAG_ERROR | 1;

/// More than any option or reply needs.
const LONGEST: u32 = 64 * 1024;

/// Forwards the negotiation. Returns the export once requests may follow; `None` if the mirror has
/// aborted it.
pub async fn negotiate<M, T>(mirror: &mut M, target: &mut T) -> Result<Option<String>>
where
    M: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    expect(target.read_u64().await?, MAGIC)?;
    expect(target.read_u64().await?, OPTION_MAGIC)?;
    let server_flags = target.read_u16().await?;
    mirror.write_u64(MAGIC).await?;
    mirror.write_u64(OPTION_MAGIC).await?;
    mirror.write_u16(server_flags).await?;
    target.write_u32(mirror.read_u32().await?).await?;
    loop {
        expect(mirror.read_u64().await?, OPTION_MAGIC)?;
        let option = mirror.read_u32().await?;
        let data = read_data(mirror).await?;
        match option {
            // a list of exports is for nobody who was told of one
            OPT_LIST | OPT_STRUCTURED_REPLY | OPT_EXTENDED_HEADERS => {
                write_reply(mirror, option, REP_ERR_UNSUP, &[]).await?;
            }
            OPT_EXPORT_NAME | OPT_STARTTLS => {
                return Err(malformed(format!("option {option} is not for relays")));
            }
            OPT_ABORT => return Ok(None),
            OPT_GO => {
                write_option(target, option, &data).await?;
                if pass_replies(target, mirror).await? {
                    return export_of(&data).map(Some);
                }
            }
            _ => {
                write_option(target, option, &data).await?;
                pass_replies(target, mirror).await?;
            }
        }
    }
}

/// Passes the replies to one option on; `true` when the last one agrees.
async fn pass_replies<T, M>(target: &mut T, mirror: &mut M) -> Result<bool>
where
    T: AsyncRead + Unpin,
    M: AsyncWrite + Unpin,
{
    loop {
        expect(target.read_u64().await?, REPLY_MAGIC)?;
        let (option, reply) = (target.read_u32().await?, target.read_u32().await?);
        let data = read_data(target).await?;
        write_reply(mirror, option, reply, &data).await?;
        if reply == REP_ACK {
            return Ok(true);
        }
        if reply & REP_FLAG_ERROR != 0 {
            return Ok(false);
        }
    }
}

async fn read_data(from: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>> {
    let length = from.read_u32().await?;
    if length > LONGEST {
        return Err(malformed(format!("{length} bytes are too many")));
    }
    let mut data = vec![0; usize::try_from(length).map_err(malformed)?];
    from.read_exact(&mut data).await?;
    Ok(data)
}

async fn write_option(to: &mut (impl AsyncWrite + Unpin), option: u32, data: &[u8]) -> Result<()> {
    to.write_u64(OPTION_MAGIC).await?;
    to.write_u32(option).await?;
    write_data(to, data).await
}

async fn write_reply(
    to: &mut (impl AsyncWrite + Unpin),
    option: u32,
    reply: u32,
    data: &[u8],
) -> Result<()> {
    to.write_u64(REPLY_MAGIC).await?;
    to.write_u32(option).await?;
    to.write_u32(reply).await?;
    write_data(to, data).await
}

async fn write_data(to: &mut (impl AsyncWrite + Unpin), data: &[u8]) -> Result<()> {
    to.write_u32(u32::try_from(data.len()).map_err(malformed)?).await?;
    to.write_all(data).await?;
    to.flush().await
}

/// The export that `NBD_OPT_GO` names.
fn export_of(data: &[u8]) -> Result<String> {
    let name = data.split_first_chunk::<4>().and_then(|(length, rest)| {
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        String::from_utf8(rest.get(..length)?.to_vec()).ok()
    });
    let fit = |name: &String| !name.contains(char::is_whitespace) && !name.is_empty();
    name.filter(fit).ok_or_else(|| malformed("no name of an export"))
}

fn expect(found: u64, wanted: u64) -> Result<()> {
    if found == wanted {
        return Ok(());
    }
    Err(malformed(format!("{found:#x} where {wanted:#x} belongs")))
}

fn malformed(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_export_is_named_by_the_option() {
        assert_eq!(export_of(b"\0\0\0\x03abc\0\0").unwrap(), "abc");
        for bad in
            [&b"\0\0\0\x09abc"[..], b"\0\0", b"\0\0\0\x03a c", b"\0\0\0\0", b"\0\0\0\x01\xff"]
        {
            assert!(export_of(bad).is_err(), "{bad:?}");
        }
    }
}
