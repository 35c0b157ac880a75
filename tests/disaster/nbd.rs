//! A client of an NBD export: fixed newstyle, one request at a time. qemu-io takes no content but repeated bytes.
//!
//! The protocol: <https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md>.

use anyhow::{Context as _, ensure};
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// How long an answer is waited for: longer than a replica may hold a write up.
const TIMEOUT: Duration = Duration::from_secs(30);

const SERVER_MAGIC: &[u8; 16] = b"NBDMAGICIHAVEOPT";
const OPTION_MAGIC: &[u8; 8] = b"IHAVEOPT";
const OPTION_EXPORT_NAME: u32 = 1;
const FIXED_NEWSTYLE_WITHOUT_ZEROES: u32 = 3;
const REQUEST_MAGIC: u32 = 0x2560_9513;
const REPLY_MAGIC: u32 = 0x6744_6698;
const COMMAND_WRITE: u16 = 1;
const COMMAND_FLUSH: u16 = 3;

/// A connection to an export.
pub struct Nbd(UnixStream);

impl Nbd {
    /// Connects to an export at a URI such as a data path has.
    pub fn connect(uri: &str) -> anyhow::Result<Self> {
        let rest = uri.strip_prefix("nbd+unix:///").context("a URI of a socket")?;
        let (export, socket) = rest.split_once("?socket=").context("an export, and a socket")?;
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        let mut greeting = [0; 18];
        stream.read_exact(&mut greeting)?;
        ensure!(greeting.starts_with(SERVER_MAGIC), "no NBD server");
        let mut hello = FIXED_NEWSTYLE_WITHOUT_ZEROES.to_be_bytes().to_vec();
        hello.extend(OPTION_MAGIC);
        hello.extend(OPTION_EXPORT_NAME.to_be_bytes());
        hello.extend(u32::try_from(export.len())?.to_be_bytes());
        hello.extend(export.as_bytes());
        stream.write_all(&hello)?;
        // the size, and what the export can do
        stream.read_exact(&mut [0; 10])?;
        Ok(Self(stream))
    }

    /// Writes; the server has acknowledged it when this returns.
    pub fn write(&mut self, offset: u64, content: &[u8]) -> anyhow::Result<()> {
        self.request(COMMAND_WRITE, offset, content)
    }

    /// Flushes what was written.
    pub fn flush(&mut self) -> anyhow::Result<()> {
        self.request(COMMAND_FLUSH, 0, &[])
    }

    fn request(&mut self, command: u16, offset: u64, content: &[u8]) -> anyhow::Result<()> {
        let mut request = REQUEST_MAGIC.to_be_bytes().to_vec();
        request.extend(0_u16.to_be_bytes());
        request.extend(command.to_be_bytes());
        request.extend(0_u64.to_be_bytes());
        request.extend(offset.to_be_bytes());
        request.extend(u32::try_from(content.len())?.to_be_bytes());
        request.extend(content);
        self.0.write_all(&request)?;
        let mut reply = [0; 16];
        self.0.read_exact(&mut reply)?;
        ensure!(reply.starts_with(&REPLY_MAGIC.to_be_bytes()), "no reply");
        ensure!(reply[4..8] == [0; 4], "refused: {:?}", &reply[4..8]);
        Ok(())
    }
}
