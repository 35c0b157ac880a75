//! The listener: how many connections there may be, and how slow a client may be.

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use configuration::ApiConfig;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use rustix::net::sockopt;
use std::collections::HashMap;
use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceExt};

/// The most that is kept of a request's line and headers, and of what is sent ahead.
const MAX_HEAD: usize = 64 << 10;
/// The part of an address of IPv6 that names its network.
const IPV6_NETWORK: u128 = !0 << 64;
/// The pause before a connection is accepted again where the kernel has no room for one.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long a client may take to receive what it was sent, in milliseconds.
const UNREAD_TIMEOUT_MS: u32 = 30_000;
/// What a connection is told for which there is no room.
const NO_ROOM: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n\
    Content-Length: 0\r\n\r\n";

/// The address that a request comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub IpAddr);

/// Serves connections until the process stops, and then those requests that have begun.
pub(crate) async fn serve<S>(
    listener: TcpListener,
    service: S,
    config: &ApiConfig,
    stopping: &CancellationToken,
) where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static,
{
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(config.header_timeout());
    http.max_buf_size(MAX_HEAD);
    let connections = Arc::new(Connections::new(config));
    let graceful = GracefulShutdown::new();
    while let Some(accepted) = stopping.run_until_cancelled(listener.accept()).await {
        let Some((mut stream, peer)) = usable(accepted).await else { continue };
        let Some(place) = connections.enter(peer.ip()) else {
            // nothing has been sent yet: there is room for this, and nobody waits
            drop(stream.write_all(NO_ROOM).await);
            continue;
        };
        let service = TowerToHyperService::new(service.clone().map_request(
            move |request: hyper::Request<Incoming>| {
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(Peer(peer.ip()));
                request
            },
        ));
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            let _place = place;
            if let Err(error) = connection.await {
                tracing::debug!(%peer, %error, "a connection ended early");
            }
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

/// An accepted connection, unless it is gone already or there is no room for it.
async fn usable(
    accepted: std::io::Result<(TcpStream, SocketAddr)>,
) -> Option<(TcpStream, SocketAddr)> {
    match accepted {
        Ok((stream, peer)) => {
            // answers are sent as a whole
            stream.set_nodelay(true).ok()?;
            // a client that reads nothing is dropped
            sockopt::set_tcp_user_timeout(&stream, UNREAD_TIMEOUT_MS).ok()?;
            // an IPv4 address is one, also where both families are listened for
            Some((stream, SocketAddr::new(peer.ip().to_canonical(), peer.port())))
        }
        Err(error) => {
            if !matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) {
                tracing::warn!(%error, "no connection can be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
            None
        }
    }
}

/// The connections that there are.
struct Connections {
    counts: Mutex<Counts>,
    most: usize,
    most_of_one: usize,
    /// Many clients come from these addresses.
    proxies: Vec<IpAddr>,
}

#[derive(Default)]
struct Counts {
    all: usize,
    /// By the address of the client.
    by_address: HashMap<IpAddr, usize>,
}

impl Connections {
    fn new(config: &ApiConfig) -> Self {
        Self {
            counts: Mutex::default(),
            most: config.max_connections,
            most_of_one: config.max_connections_per_client,
            proxies: config.trusted_proxies.clone(),
        }
    }

    /// A place for a connection, unless there are too many.
    fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let address = address.to_canonical();
        let is_proxy = self.proxies.contains(&address);
        let address = network(address);
        let of_one = counts.by_address.get(&address).copied().unwrap_or(0);
        let too_many_of_one = of_one >= self.most_of_one && !is_proxy;
        if counts.all >= self.most || too_many_of_one {
            return None;
        }
        counts.all += 1;
        counts.by_address.insert(address, of_one + 1);
        Some(Place { connections: self.clone(), address })
    }
}

/// What one client has: an address, or of IPv6 a whole network, among whose addresses it may choose.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & IPV6_NETWORK).into(),
        IpAddr::V4(_) => address,
    }
}

/// One connection's place; it is free again when this is dropped.
struct Place {
    connections: Arc<Connections>,
    address: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.connections.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all -= 1;
        if let Some(of_one) = counts.by_address.get_mut(&self.address) {
            *of_one -= 1;
            if *of_one == 0 {
                counts.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_its_connection_ends() {
        let limits =
            ApiConfig { max_connections: 3, max_connections_per_client: 2, ..ApiConfig::default() };
        let connections = Arc::new(Connections::new(&limits));
        let [one, other, third] = [1, 2, 3].map(|last| IpAddr::from([10, 0, 0, last]));
        let first = connections.enter(one);
        let second = connections.enter(one);
        assert!(first.is_some() && second.is_some());
        assert!(connections.enter(one).is_none(), "too many of one client");
        let of_other = connections.enter(other);
        assert!(of_other.is_some());
        assert!(connections.enter(third).is_none(), "too many in all");
        drop(first);
        assert!(connections.enter(third).is_some());
        drop((second, of_other));
        assert!(connections.counts.lock().unwrap().by_address.is_empty());
    }

    #[test]
    fn a_client_has_one_network_of_ipv6_or_one_address() {
        let limits = ApiConfig { max_connections_per_client: 1, ..ApiConfig::default() };
        let connections = Arc::new(Connections::new(&limits));
        let mut places = Vec::new();
        for (address, expected) in [
            ("2001:db8::1", true),
            ("2001:db8::2:0:0:1", false),
            ("2001:db8:0:1::1", true),
            ("10.0.0.1", true),
            ("::ffff:10.0.0.1", false),
            ("::ffff:10.0.0.2", true),
        ] {
            let place = connections.enter(address.parse().unwrap());
            assert_eq!(place.is_some(), expected, "{address}");
            places.push(place);
        }
        drop(places);
        assert!(connections.counts.lock().unwrap().by_address.is_empty());
    }

    #[test]
    fn a_proxy_has_the_connections_of_many_clients() {
        let proxy = IpAddr::from([10, 0, 0, 1]);
        let limits = ApiConfig {
            max_connections: 3,
            max_connections_per_client: 1,
            trusted_proxies: vec![proxy],
            ..ApiConfig::default()
        };
        let connections = Arc::new(Connections::new(&limits));
        let all: Vec<_> = (0..4).map(|_| connections.enter(proxy)).collect();
        assert_eq!(all.iter().flatten().count(), 3);
    }
}
