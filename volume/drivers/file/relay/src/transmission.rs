//! The transmission: requests to the target, simple replies back, and what is in progress between them.

use crate::connections::MirrorConnection;
use std::collections::HashMap;
use std::io::{Error, ErrorKind, Result};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader,
    BufWriter,
};

const REQUEST_MAGIC: u32 = 0x2560_9513;
const SIMPLE_REPLY_MAGIC: u32 = 0x6744_6698;
const REQUEST_LENGTH: usize = 28;
const REPLY_LENGTH: usize = 16;

const CMD_READ: u16 = 0;
const CMD_WRITE: u16 = 1;
const CMD_DISC: u16 = 2;
const CMD_TRIM: u16 = 4;
const CMD_WRITE_ZEROES: u16 = 6;

const BUFFER: usize = 256 * 1024;
/// QEMU writes 32 MiB at once at the most.
const LONGEST: usize = 64 << 20;

/// How a transmission ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The mirror has disconnected without NBD_CMD_DISC.
    MirrorGone,
    /// The mirror has sent NBD_CMD_DISC and may continue without its replica.
    MirrorDisconnected,
    /// The target has gone.
    TargetGone,
    /// The target has refused to write something. The mirror has been told.
    TargetRefused,
    /// The target has not answered in time.
    TargetHangs,
    /// What the replica has there could not be kept, and so must not be overwritten.
    NotPreserved,
}

/// Carries requests and replies until one side has gone, or the target has not answered for `timeout`.
pub async fn carry(
    mut mirror: (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
    mut target: (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
    connection: &MirrorConnection<'_>,
    timeout: Duration,
) -> End {
    let in_flight = InFlight::default();
    let end = tokio::select! {
        // of several things that are true, what is worse for the link
        biased;
        end = pass_replies(&mut target.0, &mut mirror.1, &in_flight, connection) => end,
        () = in_flight.overdue(timeout) => End::TargetHangs,
        end = pass_requests(&mut mirror.0, &mut target.1, &in_flight, connection, timeout) => end,
    };
    // before the connections close, which is when the mirror hears of it
    match end {
        End::MirrorGone => connection.close(),
        End::MirrorDisconnected
        | End::TargetGone
        | End::TargetHangs
        | End::TargetRefused
        | End::NotPreserved => connection.mark_broken(),
    }
    end
}

/// Requests that were not answered yet, by their cookies.
#[derive(Debug, Default)]
struct InFlight(Mutex<HashMap<u64, Request>>);

#[derive(Clone, Copy, Debug)]
struct Request {
    command: u16,
    offset: u64,
    length: u32,
    since: Instant,
}

impl Request {
    /// How many bytes come with it.
    fn payload(&self) -> usize {
        if self.command == CMD_WRITE { usize::try_from(self.length).unwrap_or(0) } else { 0 }
    }

    const fn overwrites(&self) -> bool {
        matches!(self.command, CMD_WRITE | CMD_TRIM | CMD_WRITE_ZEROES)
    }
}

impl InFlight {
    fn requests(&self) -> MutexGuard<'_, HashMap<u64, Request>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when a request has been in progress for `timeout`.
    async fn overdue(&self, timeout: Duration) {
        loop {
            let oldest = self.requests().values().map(|request| request.since.elapsed()).max();
            let left = timeout.saturating_sub(oldest.unwrap_or_default());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left).await;
        }
    }
}

async fn pass_requests(
    mirror: impl AsyncRead + Unpin,
    target: impl AsyncWrite + Unpin,
    in_flight: &InFlight,
    connection: &MirrorConnection<'_>,
    timeout: Duration,
) -> End {
    let mut mirror = BufReader::with_capacity(BUFFER, mirror);
    let mut target = BufWriter::with_capacity(BUFFER, target);
    let mut payload = Vec::new();
    loop {
        let mut header = [0; REQUEST_LENGTH];
        if mirror.read_exact(&mut header).await.is_err() {
            return End::MirrorGone;
        }
        let Some((cookie, request)) = read_request(&header) else { return End::MirrorDisconnected };
        if request.command == CMD_DISC {
            return End::MirrorDisconnected;
        }
        payload.resize(request.payload(), 0);
        if mirror.read_exact(&mut payload).await.is_err() {
            return End::MirrorGone;
        }
        if request.overwrites() {
            let preserved = connection.before_write(request.offset, request.length.into());
            match tokio::time::timeout(timeout, preserved).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::warn!(%error, "what a replica was cannot be kept");
                    return End::NotPreserved;
                }
                Err(_) => return End::TargetHangs,
            }
        }
        // from now on it is the target's turn
        in_flight.requests().insert(cookie, Request { since: Instant::now(), ..request });
        let passing = async {
            target.write_all(&header).await?;
            target.write_all(&payload).await?;
            if mirror.buffer().is_empty() { target.flush().await } else { Ok(()) }
        };
        match tokio::time::timeout(timeout, passing).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return End::TargetGone,
            Err(_) => return End::TargetHangs,
        }
    }
}

async fn pass_replies(
    target: impl AsyncRead + Unpin,
    mirror: impl AsyncWrite + Unpin,
    in_flight: &InFlight,
    connection: &MirrorConnection<'_>,
) -> End {
    let mut target = BufReader::with_capacity(BUFFER, target);
    let mut mirror = BufWriter::with_capacity(BUFFER, mirror);
    loop {
        let mut header = [0; REPLY_LENGTH];
        let Ok((request, error)) = next_reply(&mut target, &mut header, in_flight).await else {
            return End::TargetGone;
        };
        let is_missed = error != 0 && request.command != CMD_READ;
        if is_missed {
            connection.mark_broken();
        }
        let carries_data = error == 0 && request.command == CMD_READ;
        let payload = if carries_data { u64::from(request.length) } else { 0 };
        if mirror.write_all(&header).await.is_err() {
            return End::MirrorGone;
        }
        match pass(&mut target, &mut mirror, payload).await {
            Ok(()) => {}
            Err(Lost::From) => return End::TargetGone,
            Err(Lost::To) => return End::MirrorGone,
        }
        if (is_missed || target.buffer().is_empty()) && mirror.flush().await.is_err() {
            return End::MirrorGone;
        }
        if is_missed {
            return End::TargetRefused;
        }
    }
}

/// Which side was lost.
enum Lost {
    From,
    To,
}

/// Passes so many bytes on.
async fn pass(
    from: &mut (impl AsyncBufRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    mut length: u64,
) -> std::result::Result<(), Lost> {
    while length > 0 {
        let here = from.fill_buf().await.map_err(|_| Lost::From)?;
        let wanted = usize::try_from(length).unwrap_or(usize::MAX);
        let some = &here[..here.len().min(wanted)];
        if some.is_empty() {
            return Err(Lost::From);
        }
        to.write_all(some).await.map_err(|_| Lost::To)?;
        let passed = some.len();
        from.consume(passed);
        length -= passed as u64;
    }
    Ok(())
}

/// The request that the next reply answers, and its error.
async fn next_reply(
    target: &mut (impl AsyncRead + Unpin),
    header: &mut [u8; REPLY_LENGTH],
    in_flight: &InFlight,
) -> Result<(Request, u32)> {
    target.read_exact(header).await?;
    let unknown = || Error::new(ErrorKind::InvalidData, "no reply to any request");
    let mut fields = &header[..];
    if fields.read_u32().await? != SIMPLE_REPLY_MAGIC {
        return Err(unknown());
    }
    let (error, cookie) = (fields.read_u32().await?, fields.read_u64().await?);
    let request = in_flight.requests().remove(&cookie).ok_or_else(unknown)?;
    Ok((request, error))
}

/// A request's cookie and what matters of the rest; `None` when it is none.
fn read_request(header: &[u8; REQUEST_LENGTH]) -> Option<(u64, Request)> {
    let (magic, rest) = header.split_first_chunk::<4>()?;
    let (_flags, rest) = rest.split_first_chunk::<2>()?;
    let (command, rest) = rest.split_first_chunk::<2>()?;
    let (cookie, rest) = rest.split_first_chunk::<8>()?;
    let (offset, rest) = rest.split_first_chunk::<8>()?;
    let (length, _) = rest.split_first_chunk::<4>()?;
    let request = Request {
        command: u16::from_be_bytes(*command),
        offset: u64::from_be_bytes(*offset),
        length: u32::from_be_bytes(*length),
        since: Instant::now(),
    };
    let is_one = u32::from_be_bytes(*magic) == REQUEST_MAGIC && request.payload() <= LONGEST;
    is_one.then_some((u64::from_be_bytes(*cookie), request))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connections::MirrorConnections;
    use tokio::io::{DuplexStream, duplex, split};
    use uuid::Uuid;

    const BOUND: Duration = Duration::from_millis(200);

    fn admitted(connections: &MirrorConnections) -> MirrorConnection<'_> {
        connections.admit_without_file("v").unwrap();
        connections.open("v").unwrap()
    }

    /// What each is known by, and whether its mirror is still connected.
    fn links(connections: &MirrorConnections) -> Vec<(Uuid, bool)> {
        connections.links().iter().map(|link| (link.id, link.is_open)).collect()
    }

    fn request(command: u16, cookie: u64, length: u32) -> Vec<u8> {
        let mut bytes = REQUEST_MAGIC.to_be_bytes().to_vec();
        bytes.extend([0, 0]);
        bytes.extend(command.to_be_bytes());
        bytes.extend(cookie.to_be_bytes());
        bytes.extend([0; 8]);
        bytes.extend(length.to_be_bytes());
        bytes
    }

    fn write(cookie: u64, payload: &[u8]) -> Vec<u8> {
        let mut bytes = request(CMD_WRITE, cookie, u32::try_from(payload.len()).unwrap());
        bytes.extend(payload);
        bytes
    }

    fn reply(error: u32, cookie: u64) -> Vec<u8> {
        let mut bytes = SIMPLE_REPLY_MAGIC.to_be_bytes().to_vec();
        bytes.extend(error.to_be_bytes());
        bytes.extend(cookie.to_be_bytes());
        bytes
    }

    async fn expect(from: &mut DuplexStream, wanted: &[u8]) {
        let mut bytes = vec![0; wanted.len()];
        from.read_exact(&mut bytes).await.unwrap();
        assert_eq!(bytes, wanted);
    }

    async fn ask(mirror: &mut DuplexStream, target: &mut DuplexStream, request: &[u8]) {
        mirror.write_all(request).await.unwrap();
        expect(target, request).await;
    }

    /// Carries between the two ends that `act` gets, and returns how that ended.
    async fn carry_while<F: Future<Output = ()>>(
        connection: &MirrorConnection<'_>,
        act: impl FnOnce(DuplexStream, DuplexStream) -> F,
    ) -> End {
        let ((mirror, near), (target, far)) = (duplex(1 << 20), duplex(1 << 20));
        let carried = carry(split(near), split(far), connection, BOUND);
        tokio::join!(carried, act(mirror, target)).0
    }

    #[tokio::test]
    async fn requests_and_replies_pass_and_a_mirror_that_is_killed_has_missed_nothing() {
        let connections = MirrorConnections::default();
        let connection = admitted(&connections);
        let end = carry_while(&connection, async |mut mirror, mut target| {
            for request in [write(1, b"abcd"), request(CMD_READ, 2, 3)] {
                ask(&mut mirror, &mut target, &request).await;
            }
            for answer in [[reply(0, 2), b"xyz".to_vec()].concat(), reply(0, 1)] {
                target.write_all(&answer).await.unwrap();
                expect(&mut mirror, &answer).await;
            }
            // in the middle of a request
            mirror.write_all(&write(3, b"abcd")[..30]).await.unwrap();
            drop(mirror);
            assert_eq!(target.read_to_end(&mut Vec::new()).await.unwrap(), 0);
        })
        .await;
        assert_eq!(end, End::MirrorGone);
        assert_eq!(links(&connections), [(connection.id(), false)]);
    }

    #[tokio::test]
    async fn what_the_target_refuses_is_known_before_the_mirror_hears_of_it() {
        let connections = MirrorConnections::default();
        let connection = admitted(&connections);
        let before = links(&connections);
        let end = carry_while(&connection, async |mut mirror, mut target| {
            ask(&mut mirror, &mut target, &request(CMD_READ, 1, 1)).await;
            target.write_all(&reply(5, 1)).await.unwrap();
            expect(&mut mirror, &reply(5, 1)).await;
            assert_eq!(links(&connections), before, "what is read is not missed");
            ask(&mut mirror, &mut target, &write(2, b"abcd")).await;
            target.write_all(&reply(28, 2)).await.unwrap();
            expect(&mut mirror, &reply(28, 2)).await;
            assert_eq!(links(&connections), []);
            assert_eq!(mirror.read_to_end(&mut Vec::new()).await.unwrap(), 0);
        })
        .await;
        assert_eq!(end, End::TargetRefused);
    }

    #[tokio::test]
    async fn a_target_that_is_lost_is_known_before_the_mirror_hears_of_it() {
        let connections = MirrorConnections::default();
        let connection = admitted(&connections);
        let end = carry_while(&connection, async |mut mirror, target| {
            drop(target);
            assert_eq!(mirror.read_to_end(&mut Vec::new()).await.unwrap(), 0);
            assert_eq!(links(&connections), []);
        })
        .await;
        assert_eq!(end, End::TargetGone);
    }

    #[tokio::test]
    async fn a_target_that_talks_nonsense_is_lost() {
        let connections = MirrorConnections::default();
        let connection = admitted(&connections);
        let end = carry_while(&connection, async |_mirror, mut target| {
            target.write_all(&reply(0, 99)).await.unwrap();
        })
        .await;
        assert_eq!((end, links(&connections)), (End::TargetGone, Vec::new()));
    }

    #[tokio::test]
    async fn a_mirror_that_says_goodbye_may_go_on_alone() {
        let connections = MirrorConnections::default();
        let connection = admitted(&connections);
        let end = carry_while(&connection, async |mut mirror, mut target| {
            mirror.write_all(&request(CMD_DISC, 1, 0)).await.unwrap();
            target.read_to_end(&mut Vec::new()).await.unwrap();
        })
        .await;
        assert_eq!((end, links(&connections)), (End::MirrorDisconnected, Vec::new()));
    }

    /// The mirror's daemon sleeps in the middle of a request.
    #[tokio::test]
    async fn a_mirror_that_hangs_is_not_charged_to_the_target() {
        let connections = MirrorConnections::default();
        let connection = admitted(&connections);
        let end = carry_while(&connection, async |mut mirror, mut target| {
            mirror.write_all(&write(1, b"abcd")[..30]).await.unwrap();
            tokio::time::sleep(BOUND * 3).await;
            assert_eq!(links(&connections), [(connection.id(), true)]);
            drop(mirror);
            assert_eq!(target.read_to_end(&mut Vec::new()).await.unwrap(), 0);
        })
        .await;
        assert_eq!(end, End::MirrorGone);
    }

    #[tokio::test]
    async fn one_request_without_an_answer_ends_the_link() {
        let connections = MirrorConnections::default();
        let connection = admitted(&connections);
        let end = carry_while(&connection, async |mut mirror, mut target| {
            ask(&mut mirror, &mut target, &write(1, b"abcd")).await;
            // another one is answered meanwhile
            tokio::time::sleep(BOUND / 2).await;
            ask(&mut mirror, &mut target, &write(2, b"abcd")).await;
            target.write_all(&reply(0, 2)).await.unwrap();
            expect(&mut mirror, &reply(0, 2)).await;
            assert_eq!(mirror.read_to_end(&mut Vec::new()).await.unwrap(), 0);
            assert_eq!(links(&connections), []);
        })
        .await;
        assert_eq!(end, End::TargetHangs);
    }
}
