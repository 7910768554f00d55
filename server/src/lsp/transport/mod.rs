//! The conversation with the editor over standard input and output: reads messages, has the service answer them, writes.
//!
//! Whatever comes is survived: what can't be understood is answered with an error, and a handler that panics fails only
//! its own request. The code of a handler before its first await runs in the order of arrival.

mod framing;

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::{FutureExt, SinkExt, StreamExt};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tower::Service;
use tower_lsp::jsonrpc::{Error, Id, Request, Response};
use tower_lsp::{ClientSocket, LspService};

use super::backend::Backend;
use framing::{Frame, Frames};

/// How long what is still to be written may take in the end.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How a conversation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// As the protocol wants it: `shutdown`, then `exit`.
    Orderly,
    Unannounced,
}

/// Serves until the editor says `exit`, or is gone: its end of the pipe is closed, or `gone` says so.
pub async fn serve(mut service: LspService<Backend>, socket: ClientSocket, gone: &Notify) -> End {
    let (requests, mut answers) = socket.split();
    let (sender, mut outbox) = unbounded_channel::<Value>();
    let mut requests = requests.map(|request| serde_json::to_value(request).unwrap_or_default()).fuse();
    let writer = tokio::spawn(async move {
        let mut output = tokio::io::BufWriter::new(tokio::io::stdout());
        loop {
            let message = tokio::select! {
                message = outbox.recv() => match message {
                    Some(message) => message,
                    None => break,
                },
                Some(request) = requests.next() => request,
            };
            let body = message.to_string();
            let written = async {
                output.write_all(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes()).await?;
                output.write_all(body.as_bytes()).await?;
                output.flush().await
            };
            if written.await.is_err() {
                break;
            }
        }
    });
    let mut input = tokio::io::stdin();
    let mut block = vec![0; 64 * 1024];
    let mut frames = Frames::default();
    let mut end = End::Unannounced;
    'conversation: loop {
        let read = tokio::select! {
            read = input.read(&mut block) => read,
            () = gone.notified() => break,
        };
        match read {
            Ok(0) | Err(_) => break,
            Ok(count) => frames.push(&block[..count]),
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
                        "exit" => break 'conversation,
                        _ => {}
                    }
                    handle(&mut service, request, &sender);
                }
                Ok(Message::Response(response)) => {
                    // One that nobody waits for is nobody's business.
                    let _ = answers.send(response).await;
                }
                Ok(Message::Nothing) => {}
                Err((id, error)) => answer(&sender, Response::from_error(id, error)),
            }
        }
    }
    drop(sender);
    // An editor that does not read any more is not waited for.
    let _ = tokio::time::timeout(LAST_WORDS, writer).await;
    end
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
fn handle(service: &mut LspService<Backend>, request: Request, sender: &UnboundedSender<Value>) {
    let id = request.id().cloned();
    let failed = move || id.clone().map(|id| Response::from_error(id, Error::internal_error()));
    let Ok(future) = std::panic::catch_unwind(AssertUnwindSafe(|| service.call(request))) else {
        return failed().into_iter().for_each(|response| answer(sender, response));
    };
    let mut future = Box::pin(AssertUnwindSafe(future).catch_unwind());
    let respond = move |outcome: std::thread::Result<Result<Option<Response>, _>>, sender: &UnboundedSender<Value>| {
        let outcome: Result<Option<Response>, tower_lsp::ExitedError> = outcome.unwrap_or_else(|_| Ok(failed()));
        if let Ok(Some(response)) = outcome {
            answer(sender, response);
        }
    };
    match (&mut future).now_or_never() {
        Some(outcome) => respond(outcome, sender),
        None => {
            let sender = sender.clone();
            tokio::spawn(async move { respond(future.await, &sender) });
        }
    }
}

fn answer(sender: &UnboundedSender<Value>, response: Response) {
    // The writer is gone when the editor is.
    let _ = sender.send(serde_json::to_value(response).unwrap_or_default());
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
