//! A bucket instead of a directory.

use super::{CHUNK, VOLUME, content, environment};
use crate::{BackupStore, Compression, NewBackup, S3Settings, Settings, StoreError, Stored};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const SETTINGS: Settings = Settings { chunk_bytes: CHUNK, compression: Compression::Zlib };

fn server() -> S3Settings {
    let [endpoint, access, secret] =
        ["S3_ENDPOINT", "S3_ACCESS_KEY", "S3_SECRET_KEY"].map(environment);
    let is_secure = endpoint.starts_with("https:");
    let ca_file = is_secure.then(|| environment("S3_CA_FILE").into());
    S3Settings { md5_validation: true, ca_file, ..S3Settings::new(endpoint, access, secret) }
}

async fn read(store: &BackupStore, chain: &[Stored]) -> Result<Vec<u8>, StoreError> {
    let (mut reader, mut content) = (store.open(chain, VOLUME as u64).await?, Vec::new());
    reader.read_to_end(&mut content).await?;
    Ok(content)
}

#[tokio::test]
#[ignore = "needs a server, which S3_ENDPOINT, S3_ACCESS_KEY and S3_SECRET_KEY name"]
async fn backups_go_into_a_bucket_and_come_back() {
    let store = BackupStore::s3(server(), SETTINGS).unwrap();
    let mut volume = content(1);
    let full = NewBackup::of_tests(VOLUME as u64);
    let at = store.place(&full).unwrap();
    assert_eq!(at.container, "volumebackups");
    store.delete(&at).await.unwrap();
    assert!(matches!(store.describe(&at).await, Err(StoreError::Missing(_))));
    // what an attempt has left
    store.write(&full, &mut &volume[..VOLUME / 2], &|_| ()).await.unwrap_err();
    store.write(&full, &mut &volume[..], &|_| ()).await.unwrap();
    assert!(read(&store, std::slice::from_ref(&at)).await.unwrap() == volume);

    let first = volume.clone();
    volume[100_000..200_000].fill(7);
    let mut increment = NewBackup::of_tests(VOLUME as u64);
    (increment.parent, increment.parent_id) = (Some(at.clone()), Some(full.id));
    increment.container = Some("others".to_owned());
    let on_it = store.place(&increment).unwrap();
    store.write(&increment, &mut &volume[..], &|_| ()).await.unwrap();
    let chain = [on_it.clone(), at.clone()];
    assert!(read(&store, &chain).await.unwrap() == volume);
    assert!(store.verify(&chain, VOLUME as u64, &|_| ()).await.unwrap().has_hashes);
    assert!(read(&store, &chain[1..]).await.unwrap() == first);
    for _ in 0..2 {
        store.delete(&at).await.unwrap();
    }
    let missing = read(&store, &chain).await;
    assert!(matches!(missing, Err(StoreError::Missing(_))), "{:?}", missing.err());
    store.delete(&on_it).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a server, which S3_ENDPOINT, S3_ACCESS_KEY and S3_SECRET_KEY name"]
async fn there_may_be_more_objects_than_are_listed_at_once() {
    let settings = Settings { chunk_bytes: 32768, compression: Compression::Zstd };
    let store = BackupStore::s3(server(), settings).unwrap();
    let volume: Vec<u8> = (0_usize..1100 * 32768).map(|at| (at >> 15) as u8).collect();
    let full = NewBackup::of_tests(volume.len() as u64);
    let at = store.place(&full).unwrap();
    let written = store.write(&full, &mut &volume[..], &|_| ()).await.unwrap();
    assert_eq!(written.object_count, 1100);
    let verified =
        store.verify(std::slice::from_ref(&at), volume.len() as u64, &|_| ()).await.unwrap();
    assert_eq!(verified.objects, 1100);
    store.delete(&at).await.unwrap();
    assert!(matches!(store.describe(&at).await, Err(StoreError::Missing(_))));
}

#[tokio::test]
#[ignore = "needs a server, which S3_ENDPOINT, S3_ACCESS_KEY and S3_SECRET_KEY name"]
async fn a_wrong_secret_is_refused_at_once() {
    let wrong = S3Settings { secret_key: "wrong".to_owned(), ..server() };
    let store = BackupStore::s3(wrong, SETTINGS).unwrap();
    let full = NewBackup::of_tests(VOLUME as u64);
    let refused = store.delete(&store.place(&full).unwrap()).await;
    assert!(matches!(refused, Err(StoreError::Io(_))), "{refused:?}");
}

/// A server that answers each request as it is told, by the request's head and the number of requests before it.
async fn fake(answer: impl Fn(&str, usize) -> Vec<u8> + Send + Sync + 'static) -> S3Settings {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (answer, count) = (Arc::new(answer), Arc::new(AtomicUsize::new(0)));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (answer, count) = (Arc::clone(&answer), Arc::clone(&count));
            tokio::spawn(async move { serve(stream, &*answer, &count).await });
        }
    });
    let endpoint = format!("http://{address}");
    let mut settings = S3Settings::new(endpoint, "AKIDEXAMPLE".to_owned(), "s3cr3t".to_owned());
    settings.timeout = Duration::from_secs(2);
    settings
}

async fn serve(
    mut stream: TcpStream,
    answer: &(dyn Fn(&str, usize) -> Vec<u8> + Send + Sync),
    count: &AtomicUsize,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let answer = answer(&String::from_utf8(head).unwrap(), count.fetch_add(1, Ordering::SeqCst));
    stream.write_all(&answer).await.unwrap();
    // what has come and was not read would make this end a reset
    let _ = tokio::time::timeout(Duration::from_millis(50), stream.read(&mut [0; 1024])).await;
}

fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
    );
    [head.as_bytes(), body].concat()
}

#[tokio::test]
async fn a_server_that_is_busy_is_asked_again_and_one_that_refuses_is_not() {
    for (status, code, attempts, is_passing) in [
        ("503 Slow Down", "SlowDown", 3, true),
        ("403 Forbidden", "AccessDenied", 1, false),
        ("302 Found", "", 1, false),
    ] {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let mut settings = fake(move |_, _| {
            counted.fetch_add(1, Ordering::SeqCst);
            let said = format!(
                "<Error><Code>{code}</Code><AWSAccessKeyId>AKIDEXAMPLE</AWSAccessKeyId></Error>"
            );
            answer(status, "Location: http://127.0.0.1:1/\r\n", said.as_bytes())
        })
        .await;
        settings.retries = 2;
        let store = BackupStore::s3(settings, SETTINGS).unwrap();
        let new = NewBackup::of_tests(VOLUME as u64);
        let error = store.describe(&store.place(&new).unwrap()).await.unwrap_err();
        assert_eq!(matches!(error, StoreError::Unavailable(_)), is_passing, "{error:?}");
        assert_eq!(count.load(Ordering::SeqCst), attempts, "{status}");
        let said = format!("{error:?} {error} {store:?}");
        assert!(
            said.contains(code) && !said.contains("AKID") && !said.contains("s3cr3t"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_may_come_back_and_nothing_secret_is_said() {
    let mut settings =
        S3Settings::new("http://127.0.0.1:1".to_owned(), "AKID".to_owned(), "s3cr3t".to_owned());
    settings.retries = 1;
    let said = format!("{settings:?}");
    let store = BackupStore::s3(settings, SETTINGS).unwrap();
    let new = NewBackup::of_tests(VOLUME as u64);
    let error = store.delete(&store.place(&new).unwrap()).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    let said = format!("{said} {error:?} {error}");
    assert!(
        !said.contains("AKID") && !said.contains("s3cr3t") && !said.contains("X-Amz"),
        "{said}"
    );
}

#[tokio::test]
async fn an_object_whose_connection_ends_is_read_on() {
    let new = NewBackup::of_tests(VOLUME as u64);
    let text = crate::metadata::write(&new, &[]).unwrap();
    let length = text.len();
    let settings = fake(move |head, number| {
        let etag = "ETag: \"e\"\r\n";
        if number == 0 {
            let mut whole = answer("200 OK", etag, &text);
            whole.truncate(whole.len() - 100);
            return whole;
        }
        let head = head.to_ascii_lowercase();
        assert!(head.contains("if-match: \"e\"\r\n"), "{head}");
        let from = head.split_once("range: bytes=").unwrap().1.split_once('-').unwrap().0;
        let from: usize = from.parse().unwrap();
        assert!(from <= length - 100);
        answer("206 Partial Content", etag, &text[from..])
    })
    .await;
    let store = BackupStore::s3(settings, SETTINGS).unwrap();
    let described = store.describe(&store.place(&new).unwrap()).await.unwrap();
    assert_eq!(described.id, new.id);
}
