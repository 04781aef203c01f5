//! The body on its way to the upstream: bounded by Rocket's limit `proxy`, a short one as a
//! whole, and a long one piece by piece.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rocket::data::{ByteUnit, DataStream, ToByteUnit};
use rocket::futures::future::BoxFuture;
use rocket::futures::stream;
use rocket::http::Method;
use rocket::tokio::io::AsyncReadExt;
use rocket::tokio::sync::mpsc;
use rocket::tokio::time::Instant;
use rocket::{Data, Request};

use super::failure::{Failure, Kind, Refusal};

/// In bytes, where Rocket's `limits.proxy` is not set.
const MAX_BODY: u64 = 10 * 1024 * 1024;
/// In bytes. What is no longer is read before it is sent, and may be sent twice.
const SHORT: u64 = 64 * 1024;
/// In bytes, of one piece.
const PIECE: usize = 16 * 1024;
/// How many pieces may wait for the upstream.
const PIECES: usize = 2;

pub(super) enum Upload<'r> {
    /// The request has no body.
    Nothing,
    Short(Vec<u8>),
    Long {
        body: reqwest::Body,
        length: Option<u64>,
        flow: Flow<'r>,
    },
}

/// Brings the pieces of a long body, for as long as it is polled.
pub(super) struct Flow<'r> {
    pub pump: BoxFuture<'r, ()>,
    pub state: FlowState,
}

/// What has become of a body.
#[derive(Clone)]
pub(super) struct FlowState(Arc<Mutex<Flowing>>);

struct Flowing {
    /// When the upstream last took a piece.
    at: Instant,
    fault: Option<Kind>,
}

impl FlowState {
    fn new() -> FlowState {
        let at = Instant::now();
        FlowState(Arc::new(Mutex::new(Flowing { at, fault: None })))
    }

    fn lock(&self) -> MutexGuard<'_, Flowing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn moved_at(&self) -> Instant {
        self.lock().at
    }

    pub(super) fn fault(&self) -> Option<Kind> {
        self.lock().fault.clone()
    }
}

impl<'r> Upload<'r> {
    pub(super) async fn of(
        request: &'r Request<'_>,
        mut data: Data<'r>,
    ) -> Result<Upload<'r>, Refusal> {
        let limit = request.limits().get("proxy").unwrap_or(MAX_BODY.bytes());
        let length = request.headers().get_one("Content-Length");
        let length: Option<u64> = length.and_then(|length| length.parse().ok());
        if length.is_some_and(|length| length > limit) {
            return Err(too_large(limit).into());
        }
        match length {
            Some(0) => Ok(Upload::Nothing),
            Some(length) if length <= SHORT => {
                let read = data.open(length.bytes()).into_bytes().await;
                let read = read.map(|body| body.into_inner()).unwrap_or_default();
                match read.len() as u64 == length {
                    true => Ok(Upload::Short(read)),
                    false => Err(Failure::of_client(Kind::Interrupted, "breaks off").into()),
                }
            }
            None if data.peek(1).await.is_empty() => Ok(Upload::Nothing),
            length => Ok(Upload::long(data, limit, length)),
        }
    }

    fn long(data: Data<'r>, limit: ByteUnit, length: Option<u64>) -> Upload<'r> {
        let (sender, mut receiver) = mpsc::channel(PIECES);
        let state = FlowState::new();
        // One more, to see that it is too much.
        let body = data.open(limit + 1.bytes());
        let pump = Box::pin(pump(body, limit, length, sender, state.clone()));
        let pieces = stream::poll_fn(move |context| receiver.poll_recv(context));
        Upload::Long {
            body: reqwest::Body::wrap_stream(pieces),
            length,
            flow: Flow { pump, state },
        }
    }

    /// The same for a second time, if that does no harm and it is at hand (RFC 9110 section
    /// 9.2.2).
    pub(super) fn again(&self, method: Method) -> Option<Upload<'static>> {
        let is_idempotent = !matches!(method, Method::Post | Method::Patch);
        match self {
            Upload::Nothing if is_idempotent => Some(Upload::Nothing),
            Upload::Short(body) if is_idempotent => Some(Upload::Short(body.clone())),
            _ => None,
        }
    }
}

/// Takes the body from the browser as the upstream takes it. An error in the place of a piece
/// makes the client break the request off, so that the upstream does not take a part for all.
async fn pump(
    mut body: DataStream<'_>,
    limit: ByteUnit,
    length: Option<u64>,
    pieces: mpsc::Sender<io::Result<Vec<u8>>>,
    state: FlowState,
) {
    let mut left = limit.as_u64();
    let mut sent = 0;
    let fault = loop {
        let mut piece = Vec::with_capacity(PIECE);
        let fault = match body.read_buf(&mut piece).await {
            Ok(0) if length.is_none_or(|length| length == sent) => return,
            Ok(0) | Err(_) => Kind::Interrupted,
            Ok(read) => match left.checked_sub(read as u64) {
                None => Kind::TooLarge,
                Some(rest) => {
                    (left, sent) = (rest, sent + read as u64);
                    if pieces.send(Ok(piece)).await.is_err() {
                        // The upstream wants no more.
                        return;
                    }
                    state.lock().at = Instant::now();
                    continue;
                }
            },
        };
        break fault;
    };
    state.lock().fault = Some(fault);
    // Where nobody takes it, nothing is sent any more.
    let broken: io::Result<Vec<u8>> = Err(io::ErrorKind::InvalidData.into());
    pieces.send(broken).await.ok();
}

pub(super) fn too_large(limit: ByteUnit) -> Failure {
    let why = format!("has a body of more than {limit}, Rocket's limits.proxy");
    Failure::of_client(Kind::TooLarge, why)
}

/// A pinned pump as the answer goes on with it.
pub(super) type Pump<'r> = Pin<Box<dyn Future<Output = ()> + Send + 'r>>;
