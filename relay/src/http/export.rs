//! `/labs/{id}/trace.json` and `/labs/{id}/trace.pcapng`: a lab's trace as a file. The open lab's trace requires the
//! rights of this machine or the admin token. Other labs' ids cannot be guessed, so knowing one is enough. The files are
//! written in `lab::export`.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, Version, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use shared::saved::Form;

use super::AppState;
use crate::{
    admission::{ClientOrigin, Denial, Peer},
    lab::{
        OPEN,
        export::{Export, Format},
    },
    session::Command,
};

/// `?form=completed` requests completed checksums.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ExportParams {
    #[serde(default)]
    form: Form,
}

pub(super) async fn file(
    State(state): State<Arc<AppState>>,
    Extension(peer): Extension<Peer>,
    Path((lab, file)): Path<(String, String)>,
    Query(params): Query<ExportParams>,
    version: Version,
    headers: HeaderMap,
) -> Response {
    let (format, kind) = match file.as_str() {
        "trace.json" => (Format::Json, "application/json"),
        "trace.pcapng" => (Format::Pcapng(params.form), "application/x-pcapng"),
        _ => return not_found(),
    };
    if lab == OPEN {
        let from = state.trust.origin(&peer, version, &headers);
        if let Some(denial) = from.denial
            && !has_admin_token(&state, from, &headers).await
        {
            return refused(denial);
        }
    }
    let address = state.trust.origin_without_rights(&peer, &headers).address;
    let permit = match state.downloads.permit(address).await {
        Ok(permit) => permit,
        Err(busy) => return busy,
    };
    let export = state.request(|sender| Command::ExportTrace(lab, format, sender));
    match export.await {
        Some(Export::File(chunks)) => {
            let body = permit.chunked_body(chunks);
            let name = format!("attachment; filename=\"{file}\"");
            let name =
                HeaderValue::from_str(&name).unwrap_or(HeaderValue::from_static("attachment"));
            let headers = [
                (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
                (header::CONTENT_DISPOSITION, name),
                (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            ];
            (headers, body).into_response()
        }
        Some(Export::NothingCaptured(level)) => nothing_captured(level),
        None => not_found(),
    }
}

fn refused(denial: Denial) -> Response {
    let message = format!(
        "Only the user who started the relay may read the open lab's trace, on the relay's own machine: {}.\n\
         From elsewhere, start the relay with --admin-token TOKEN and send the header Authorization: Bearer TOKEN\n",
        denial.advice()
    );
    (StatusCode::FORBIDDEN, message).into_response()
}

fn nothing_captured(level: shared::lab::Level) -> Response {
    let message = format!(
        "This relay records calls and kernel state (level {level:?}) but captures no packets, so there is no capture file. \
         The trace itself is at trace.json.\n\
         To capture packets, the relay needs Linux and CAP_NET_RAW: run sudo setcap cap_net_raw+ep on the program, or \
         run it as root.\n\
         \n\
         本中继看到的是系统调用和内核提供的信息（{level:?} 级），没有捕获分组。为没有捕获的分组写捕获文件就是编造；\
         完整的记录在 trace.json。\n\
         若要捕获，需要 Linux 和 CAP_NET_RAW：对程序执行 sudo setcap cap_net_raw+ep，或以 root 运行。\n"
    );
    (StatusCode::CONFLICT, message).into_response()
}

fn not_found() -> Response {
    (
        StatusCode::NOT_FOUND,
        "No such lab or file. The open lab's files are /labs/open/trace.json and /labs/open/trace.pcapng\n",
    )
        .into_response()
}

/// Whether a request's bearer token is the admin token (RFC 6750 §2.1).
async fn has_admin_token(state: &AppState, from: ClientOrigin, headers: &HeaderMap) -> bool {
    let sent = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    let Some(sent) = sent else { return false };
    let check = |sender| Command::CheckAdminToken(sent.to_owned(), from, sender);
    state.request(check).await.unwrap_or_default()
}
