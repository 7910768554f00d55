//! The conversation with the editor over standard input and output: reads messages, has the service answer them, writes.
//!
//! Whatever comes is survived: what can't be understood is answered with an error, and a handler that panics fails only
//! its own request. The code of a handler before its first await runs in the order of arrival.

mod framing;

use std::io::{ErrorKind, Read, Write};
use std::panic::AssertUnwindSafe;
use std::sync::mpsc;
use std::time::Duration;

use futures::{FutureExt, Sink, SinkExt, StreamExt};
use serde::Serialize;
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tower::Service;
use tower_lsp::jsonrpc::{Error, Id, Request, Response};
use tower_lsp::{ClientSocket, LspService};

use super::backend::Backend;
use framing::{Frame, Frames};

/// How long what is still to be written may take in the end.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Messages to the editor, without their headers.
type Outbox = mpsc::Sender<Vec<u8>>;

/// How a conversation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// As the protocol wants it: `shutdown`, then `exit`.
    Orderly,
    Unannounced,
}

/// Serves until the editor says `exit`, or is gone: its end of the pipe is closed, or `gone` says so.
///
/// Both pipes block, so each has a thread of its own.
pub async fn serve(service: LspService<Backend>, socket: ClientSocket, gone: &Notify) -> End {
    let (mut requests, answers) = socket.split();
    let (outbox, inbox) = mpsc::channel();
    let (ended, end) = oneshot::channel();
    let (wrote, written) = oneshot::channel();
    std::thread::spawn(move || {
        write(&inbox);
        // Nobody may wait for it any more.
        let _ = wrote.send(());
    });
    let (own, runtime) = (outbox.clone(), Handle::current());
    std::thread::spawn(move || {
        let _entered = runtime.enter();
        let _ = ended.send(read(service, answers, &own, &runtime));
    });
    let own = outbox.clone();
    let forwarding = tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            send(&own, request);
        }
    });
    let end = tokio::select! {
        end = end => end.unwrap_or(End::Unannounced),
        () = gone.notified() => return End::Unannounced,
    };
    forwarding.abort();
    drop(outbox);
    // What is being answered still is written, but an editor that does not read any more is not waited for.
    let _ = tokio::time::timeout(LAST_WORDS, written).await;
    end
}

/// Writes what comes, until nothing can come any more.
fn write(inbox: &mpsc::Receiver<Vec<u8>>) {
    let mut output = std::io::stdout().lock();
    while let Ok(body) = inbox.recv() {
        let mut message = format!("Content-Length: {}\r\n\r\n", body.len()).into_bytes();
        message.extend(body);
        if output.write_all(&message).and_then(|()| output.flush()).is_err() {
            return;
        }
    }
}

/// Reads until the editor ends the conversation.
fn read(
    mut service: LspService<Backend>,
    mut answers: impl Sink<Response> + Unpin,
    outbox: &Outbox,
    runtime: &Handle,
) -> End {
    let mut input = std::io::stdin().lock();
    let mut block = vec![0; 64 * 1024];
    let mut frames = Frames::default();
    let mut end = End::Unannounced;
    loop {
        match input.read(&mut block) {
            Ok(0) => return end,
            Ok(count) => frames.push(&block[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => return end,
        }
        while let Some(frame) = frames.next() {
            let message = match frame {
                Frame::Malformed(problem) => Err((Id::Null, parse_error(&problem))),
                Frame::Body(body) => match serde_json::from_slice::<Value>(&body) {
                    Ok(value) => understood(value),
                    Err(error) => {
                        frames.look_into(&body);
                        Err((Id::Null, parse_error(&error.to_string())))
                    }
                },
            };
            match message {
                Ok(Message::Request(request)) => {
                    match request.method() {
                        "shutdown" => end = End::Orderly,
                        "exit" => return end,
                        _ => {}
                    }
                    handle(&mut service, request, outbox);
                }
                Ok(Message::Response(response)) => {
                    // One that nobody waits for is nobody's business.
                    let _ = runtime.block_on(answers.send(response));
                }
                Ok(Message::Nothing) => {}
                Err((id, error)) => send(outbox, Response::from_error(id, error)),
            }
        }
    }
}

enum Message {
    Request(Request),
    Response(Response),
    /// An answer that is none: to answer it would be the beginning of an endless conversation.
    Nothing,
}

/// What a message is; else the id of what is to be told that it is none.
fn understood(mut value: Value) -> Result<Message, (Id, Error)> {
    let id = value.get("id").and_then(|id| serde_json::from_value(id.clone()).ok()).unwrap_or(Id::Null);
    let Some(object) = value.as_object_mut() else {
        return Err((Id::Null, invalid("a message is an object")));
    };
    if !object.contains_key("method") {
        if !object.contains_key("result") && !object.contains_key("error") {
            return Err((id, invalid("a message has a method, or a result, or an error")));
        }
        // `result: null` beside an error is common.
        if object.get("error").is_some_and(|error| !error.is_null()) {
            object.remove("result");
        }
        return Ok(serde_json::from_value(value).map_or(Message::Nothing, Message::Response));
    }
    let takes_none = matches!(object.get("method").and_then(Value::as_str), Some("shutdown" | "exit"));
    if takes_none || object.get("params").is_some_and(Value::is_null) {
        object.remove("params");
    }
    if object.get("params").is_some_and(|params| !params.is_object() && !params.is_array()) {
        return Err((id, invalid("params are an object or a list")));
    }
    serde_json::from_value(value).map(Message::Request).map_err(|error| (id, invalid(&error.to_string())))
}

/// Has a request answered. What of it needs no waiting is done when this returns.
fn handle(service: &mut LspService<Backend>, request: Request, outbox: &Outbox) {
    let id = request.id().cloned();
    // Notifications of this kind may be ignored; a request is answered.
    if let Some(id) = id.clone().filter(|_| request.method().starts_with("$/")) {
        return send(outbox, Response::from_error(id, Error::method_not_found()));
    }
    let failed = move || id.clone().map(|id| Response::from_error(id, Error::internal_error()));
    let Ok(future) = std::panic::catch_unwind(AssertUnwindSafe(|| service.call(request))) else {
        return failed().into_iter().for_each(|response| send(outbox, response));
    };
    let mut future = Box::pin(AssertUnwindSafe(future).catch_unwind());
    let respond = move |outcome: std::thread::Result<Result<Option<Response>, _>>, outbox: &Outbox| {
        let outcome: Result<Option<Response>, tower_lsp::ExitedError> = outcome.unwrap_or_else(|_| Ok(failed()));
        if let Ok(Some(response)) = outcome {
            send(outbox, response);
        }
    };
    match (&mut future).now_or_never() {
        Some(outcome) => respond(outcome, outbox),
        None => {
            let outbox = outbox.clone();
            tokio::spawn(async move { respond(future.await, &outbox) });
        }
    }
}

fn send(outbox: &Outbox, message: impl Serialize) {
    if let Ok(body) = serde_json::to_vec(&message) {
        // The writer is gone when the editor is.
        let _ = outbox.send(body);
    }
}

fn parse_error(problem: &str) -> Error {
    Error { message: format!("the message can't be read: {problem}").into(), ..Error::parse_error() }
}

fn invalid(problem: &str) -> Error {
    Error { message: format!("this is no message of JSON-RPC 2.0: {problem}").into(), ..Error::invalid_request() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_no_request_is_told_to_whom_it_may_concern() {
        let told = |value: Value| match understood(value) {
            Err((id, error)) => Some((id, error.code.code())),
            Ok(_) => None,
        };
        assert_eq!(told(json!([])), Some((Id::Null, -32600)));
        assert_eq!(told(json!("initialize")), Some((Id::Null, -32600)));
        assert_eq!(told(json!({ "id": 3, "method": "hover" })), Some((Id::Number(3), -32600)));
        assert_eq!(
            told(json!({ "jsonrpc": "1.0", "id": "a", "method": "hover" })),
            Some((Id::String("a".into()), -32600))
        );
        assert_eq!(told(json!({ "jsonrpc": "2.0", "id": 3, "method": 7 })), Some((Id::Number(3), -32600)));
        assert_eq!(
            told(json!({ "jsonrpc": "2.0", "id": 3, "method": "hover", "params": 7 })),
            Some((Id::Number(3), -32600))
        );
        assert_eq!(told(json!({ "jsonrpc": "2.0", "id": {}, "method": "hover" })), Some((Id::Null, -32600)));
        assert_eq!(told(json!({ "jsonrpc": "2.0", "id": 3 })), Some((Id::Number(3), -32600)));
        for fine in [
            json!({ "jsonrpc": "2.0", "id": 3, "method": "shutdown", "params": {} }),
            json!({ "jsonrpc": "2.0", "method": "exit", "params": null }),
            json!({ "jsonrpc": "2.0", "id": 3, "result": null }),
            json!({ "jsonrpc": "2.0", "id": 3, "result": null, "error": { "code": 1, "message": "no" } }),
            json!({ "jsonrpc": "2.0", "id": [], "result": 1 }),
        ] {
            assert_eq!(told(fine.clone()), None, "{fine}");
        }
    }
}
