//! tgtd's management socket, for the one request that must not be an argument of `tgtadm`, where every user of the machine
//! could read it: an account with its password.
//!
//! A request is a C structure in the machine's own byte order (`struct tgtadm_req` of tgt's `usr/tgtadm.h`), and after it the
//! parameters as text; the answer is a number, 0 for success, and a length.

use crate::chap::Chap;
use crate::io_error::unusable;
use driver::DriverError;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

/// The structure's length, and where its fields are.
const HEADER_BYTES: usize = 120;
const MODE_AT: usize = 0;
const DRIVER_AT: usize = 8;
const LENGTH_AT: usize = 72;
const ACCOUNT_MODE: u32 = 7;
const DRIVER: &[u8] = b"iscsi";

/// How long the daemon may take for one answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Makes an account, with which servers can log in to the targets that it is bound to. It must not be there.
pub(crate) async fn make_account(socket: &Path, account: &Chap) -> Result<(), DriverError> {
    let asked = tokio::time::timeout(TIMEOUT, ask(socket, &request(account))).await;
    match asked {
        Err(_) => Err(DriverError::failed("tgtd does not answer")),
        Ok(Err(error)) => Err(unusable(socket, &error)),
        Ok(Ok(0)) => Ok(()),
        Ok(Ok(number)) => {
            Err(DriverError::failed(format!("tgtd makes no account: error {number}")))
        }
    }
}

async fn ask(socket: &Path, request: &[u8]) -> std::io::Result<u32> {
    let mut stream = UnixStream::connect(socket).await?;
    stream.write_all(request).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let number = answer.first_chunk().ok_or(ErrorKind::UnexpectedEof)?;
    Ok(u32::from_ne_bytes(*number))
}

/// The operation is 0, to make something anew.
fn request(account: &Chap) -> Vec<u8> {
    let parameters = format!("user={},password={}\0", account.name, account.secret);
    let length = u32::try_from(HEADER_BYTES + parameters.len()).unwrap_or(u32::MAX);
    let mut request = vec![0; HEADER_BYTES];
    request[MODE_AT..][..4].copy_from_slice(&ACCOUNT_MODE.to_ne_bytes());
    request[DRIVER_AT..][..DRIVER.len()].copy_from_slice(DRIVER);
    request[LENGTH_AT..][..4].copy_from_slice(&length.to_ne_bytes());
    request.extend(parameters.as_bytes());
    request
}
