//! Traces on their way to those who asked for them as files: how many at a time, in all and for one address. A file is
//! in memory until its reader has read it, so readers who do not read could otherwise fill the memory.

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

/// At a time, in all.
const MAX_DOWNLOADS: usize = 16;
/// At a time, for one address.
const MAX_DOWNLOADS_PER_ADDRESS: usize = 4;
/// How long somebody waits for others to have read theirs.
const WAIT_TIMEOUT: Duration = Duration::from_secs(10);

/// The files on their way.
#[derive(Debug)]
pub struct Downloads {
    all: Arc<Semaphore>,
    addresses: Mutex<HashMap<IpAddr, Weak<Semaphore>>>,
}

/// Leave to have one file on its way, until it is dropped.
#[derive(Debug)]
pub(super) struct DownloadPermit {
    _of_address: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

/// A file that is permitted with its permit.
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
    /// Waits until this address may have a file.
    ///
    /// # Errors
    /// The answer, where others did not read theirs in time.
    pub(super) async fn permit(&self, address: IpAddr) -> Result<DownloadPermit, Response> {
        let address_permit = self.of(address);
        let total_permit = Arc::clone(&self.all);
        let waiting = async {
            Some(DownloadPermit {
                _of_address: address_permit.acquire_owned().await.ok()?,
                _of_all: total_permit.acquire_owned().await.ok()?,
            })
        };
        let waited = tokio::time::timeout(WAIT_TIMEOUT, waiting).await;
        waited.ok().flatten().ok_or_else(|| {
            let message = "Too many traces are on their way to others. Try again in a moment.\n";
            (StatusCode::SERVICE_UNAVAILABLE, message).into_response()
        })
    }

    fn of(&self, address: IpAddr) -> Arc<Semaphore> {
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
    /// A body that keeps the permit as long as any of its bytes are in memory.
    pub(super) fn body(self, bytes: Bytes) -> Body {
        let permitted = PermittedBytes {
            bytes,
            _permit: self,
        };
        Body::from(Bytes::from_owner(permitted))
    }

    /// The same of a body in pieces: until the last one was taken.
    pub(super) fn body_of(self, pieces: Vec<Bytes>) -> Body {
        let pieces = pieces.into_iter().map(move |piece| {
            let _held = &self;
            Ok::<_, std::convert::Infallible>(piece)
        });
        Body::from_stream(stream::iter(pieces))
    }
}
