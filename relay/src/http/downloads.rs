//! The quota of concurrent downloads of traces, in total and per address. A file stays in memory until the client has
//! read it, so clients that do not read could otherwise fill the memory.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use axum::{
    body::Body,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Maximum number of concurrent downloads.
const MAX_DOWNLOADS: usize = 16;
/// Maximum number of concurrent downloads per address.
const MAX_DOWNLOADS_PER_ADDRESS: usize = 4;
/// How long a request waits for a permit.
const WAIT_TIMEOUT: Duration = Duration::from_secs(10);

/// The permits of the downloads in progress.
#[derive(Debug)]
pub struct Downloads {
    all: Arc<Semaphore>,
    addresses: Mutex<HashMap<IpAddr, Weak<Semaphore>>>,
}

/// Permits one download until it is dropped.
#[derive(Debug)]
pub(super) struct DownloadPermit {
    _of_address: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

/// A file's bytes, which keep its permit.
struct PermittedBytes {
    bytes: Bytes,
    _permit: DownloadPermit,
}

impl AsRef<[u8]> for PermittedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Default for Downloads {
    fn default() -> Self {
        Self {
            all: Arc::new(Semaphore::new(MAX_DOWNLOADS)),
            addresses: Mutex::default(),
        }
    }
}

impl Downloads {
    /// Waits for a permit for this address.
    ///
    /// # Errors
    /// The response, if no permit becomes free within [`WAIT_TIMEOUT`].
    pub(super) async fn permit(&self, address: IpAddr) -> Result<DownloadPermit, Response> {
        let address_permit = self.semaphore(address);
        let total_permit = Arc::clone(&self.all);
        let waiting = async {
            Some(DownloadPermit {
                _of_address: address_permit.acquire_owned().await.ok()?,
                _of_all: total_permit.acquire_owned().await.ok()?,
            })
        };
        let waited = tokio::time::timeout(WAIT_TIMEOUT, waiting).await;
        waited.ok().flatten().ok_or_else(|| {
            let message =
                "Too many traces are being downloaded at the moment. Try again in a moment.\n";
            (StatusCode::SERVICE_UNAVAILABLE, message).into_response()
        })
    }

    fn semaphore(&self, address: IpAddr) -> Arc<Semaphore> {
        let addresses = self.addresses.lock();
        let mut addresses = addresses.unwrap_or_else(PoisonError::into_inner);
        addresses.retain(|_, known| known.strong_count() > 0);
        if let Some(known) = addresses.get(&address).and_then(Weak::upgrade) {
            return known;
        }
        let new = Arc::new(Semaphore::new(MAX_DOWNLOADS_PER_ADDRESS));
        addresses.insert(address, Arc::downgrade(&new));
        new
    }
}

impl DownloadPermit {
    /// Returns a body that keeps the permit while any of its bytes are in memory.
    pub(super) fn body(self, bytes: Bytes) -> Body {
        let permitted = PermittedBytes {
            bytes,
            _permit: self,
        };
        Body::from(Bytes::from_owner(permitted))
    }

    /// Returns a body of chunks that keeps the permit until the last chunk is taken.
    pub(super) fn chunked_body(self, chunks: Vec<Bytes>) -> Body {
        let chunks = chunks.into_iter().map(move |chunk| {
            let _held = &self;
            Ok::<_, std::convert::Infallible>(chunk)
        });
        Body::from_stream(stream::iter(chunks))
    }
}
