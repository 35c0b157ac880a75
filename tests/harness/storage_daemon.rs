//! The storage daemon of an array, spoken to as the worker does.

use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// What the daemon of an array answers to a QMP command.
///
/// # Errors
/// When there is none, or it refuses.
pub fn tell_daemon(array: &Path, command: &str, arguments: &Value) -> anyhow::Result<Value> {
    let mut stream = BufReader::new(UnixStream::connect(array.join("run/qmp.sock"))?);
    let mut answer = Value::Null;
    for request in [
        json!({ "execute": "qmp_capabilities" }),
        json!({ "execute": command, "arguments": arguments }),
    ] {
        writeln!(stream.get_mut(), "{request}")?;
        answer = loop {
            let mut line = String::new();
            anyhow::ensure!(stream.read_line(&mut line)? > 0, "the daemon hangs up");
            let mut said: Value = serde_json::from_str(&line)?;
            anyhow::ensure!(said.get("error").is_none(), "{said}");
            if let Some(returned) = said.get_mut("return") {
                break returned.take();
            }
        };
    }
    Ok(answer)
}

/// From now on the daemon of an array fails the writes to one place of a volume, with this error number.
///
/// # Errors
/// When it does not have the volume open, or refuses.
pub fn refuse_writes(array: &Path, volume: &str, offset: u64, errno: i32) -> anyhow::Result<()> {
    let file = array.join(format!("volumes/volume-{volume}"));
    let node = format!("v{}", &volume.replace('-', "")[..30]);
    let refusing = json!({
        "driver": "blkdebug", "node-name": "refusing",
        "image": { "driver": "file", "filename": file, "discard": "unmap", "locking": "off" },
        "inject-error": [{ "event": "none", "iotype": "write", "errno": errno, "sector": offset / 512 }],
    });
    tell_daemon(array, "blockdev-add", &refusing)?;
    let options =
        json!({ "driver": "raw", "node-name": node, "discard": "unmap", "file": "refusing" });
    tell_daemon(array, "blockdev-reopen", &json!({ "options": [options] })).map(drop)
}
