//! What gives out a volume's content while it is put together beside the threads of the runtime.

use crate::error::StoreError;
use bytes::Bytes;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::mpsc::Receiver;

/// The content of a volume, from its beginning to its end. Its errors are [`StoreError`]s, which [`StoreError::from`] takes out of them; after
/// one, and when it is dropped before its end, nothing more is read.
#[derive(Debug)]
pub struct ContentReader {
    pub(crate) pieces: Receiver<Result<Bytes, StoreError>>,
    pub(crate) piece: Bytes,
    /// How much is still to come, in bytes.
    pub(crate) left: u64,
}

impl AsyncRead for ContentReader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.piece.is_empty() && buffer.remaining() > 0 {
            match ready!(self.pieces.poll_recv(context)) {
                Some(piece) => self.piece = piece?,
                None if self.left == 0 => return Poll::Ready(Ok(())),
                // whoever reads has died: that must not look like an end
                None => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            }
        }
        let length = self.piece.len().min(buffer.remaining());
        buffer.put_slice(&self.piece.split_to(length));
        self.left = self.left.saturating_sub(length as u64);
        Poll::Ready(Ok(()))
    }
}
