//! Who does not know the token gets nowhere.

use std::io::Write;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use hotsplice_channel::PROTOCOL;
use hotsplice_tests::program::{Program, Workspace};
use serde_json::json;

use super::{Elsewhere, Stranger, TOKEN, ask, code, start};

#[test]
fn without_the_token_nothing_is_answered() {
    let workspace = Workspace::new();
    let (mut program, address) = start(&workspace);
    for (method, params) in [
        ("hello", json!({ "protocol": PROTOCOL, "client": "test" })),
        ("files", json!({})),
        ("authenticate", json!({})),
        ("authenticate", json!({ "token": null })),
        ("authenticate", json!({ "token": [TOKEN] })),
    ] {
        let mut stranger = Stranger::come(&address);
        assert_eq!(code(stranger.request(method, &params)), "HS0003", "{method} {params}");
        assert_eq!(stranger.hear(), None, "the connection is closed");
    }
    // Much like it is not it.
    for wrong in ["", &TOKEN[..TOKEN.len() - 1], &format!("{TOKEN}{TOKEN}"), &TOKEN.to_uppercase()] {
        let mut stranger = Stranger::come(&address);
        let answer = stranger.guess(wrong);
        assert!(!format!("{answer:?}").contains("nobody guesses"), "{answer:?}");
        assert_eq!(code(answer), "HS0670", "{wrong}");
        assert_eq!(stranger.hear(), None, "the connection is closed");
    }
    // What comes behind it in the same breath is not looked at.
    let mut stranger = Stranger::come(&address);
    let two = ["wrong", TOKEN].map(|token| {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": "authenticate", "params": { "token": token } });
        format!("{request}\n")
    });
    stranger.say(two.concat().as_bytes());
    assert_eq!(code(stranger.hear()), "HS0670");
    assert_eq!(stranger.hear(), None, "the connection is closed");
    assert_eq!(ask(&mut program, ""), "old");
}

/// A page that a browser shows can make it send requests to ports of its own machine.
#[test]
fn a_browser_gets_nowhere() {
    let workspace = Workspace::new();
    let (mut program, address) = start(&workspace);
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "authenticate", "params": { "token": TOKEN } });
    for head in ["POST / HTTP/1.1", "GET / HTTP/1.1", "PRI * HTTP/2.0"] {
        let mut stranger = Stranger::come(&address);
        stranger.say(format!("{head}\r\nHost: localhost\r\nContent-Type: text/plain\r\n\r\n{body}\n").as_bytes());
        assert_eq!(code(stranger.hear()), "HS0003", "{head}");
        assert_eq!(stranger.hear(), None, "the connection is closed");
    }
    assert_eq!(ask(&mut program, ""), "old");
}

/// However many connections guess: after each wrong token nobody is listened to for a while. Who is in already does not notice.
#[test]
fn guessing_is_slow() {
    let workspace = Workspace::new();
    let (mut program, address) = start(&workspace);
    let mut friend = Stranger::come(&address);
    assert_eq!(code(friend.guess(TOKEN)), "none");
    assert!(friend.hello().is_some_and(|answer| answer["result"].is_object()));
    let began = Instant::now();
    let guessers: Vec<_> = (0..6)
        .map(|number| {
            let address = address.clone();
            std::thread::spawn(move || code(Stranger::come(&address).guess(&format!("a guess: {number:016}"))))
        })
        .collect();
    for _ in 0..20 {
        assert!(friend.hello().is_some_and(|answer| answer["result"].is_object()));
    }
    for guesser in guessers {
        assert_eq!(guesser.join().expect("an answer"), "HS0670");
    }
    // The door was shut five times, for 50 ms, 100 ms and so on, before the last was listened to.
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(1550), "six guesses took {took:?} only");
    let mut another = Stranger::come(&address);
    assert_eq!(code(another.guess(TOKEN)), "none");
    assert_eq!(ask(&mut program, ""), "old");
}

#[test]
fn strangers_cost_little_and_keep_nobody_out() {
    let workspace = Workspace::new();
    let (mut program, address) = start(&workspace);
    let memory = |program: &Program| {
        let status = std::fs::read_to_string(format!("/proc/{}/status", program.pid())).expect("it runs");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a line").to_owned();
        line.split_whitespace().nth(1).and_then(|size| size.parse::<u64>().ok()).expect("a number")
    };
    let before = memory(&program);
    let silent: Vec<Stranger> = (0..60).map(|_| Stranger::come(&address)).collect();
    let mut friend = Stranger::come(&address);
    assert_eq!(code(friend.guess(TOKEN)), "none");
    // All but a few are cut off; these later.
    for mut cut_off in silent.into_iter().take(50) {
        assert_eq!(cut_off.hear(), None);
    }
    let mut endless = Stranger::come(&address);
    let block = vec![b'x'; 1 << 20];
    let mut taken = 0;
    while taken < 256 << 20 {
        match endless.stream.write(&block) {
            Ok(count) => taken += count,
            Err(_) => break,
        }
    }
    assert!(taken < 64 << 20, "it took {taken} bytes of a stranger");
    let after = memory(&program);
    assert!(after < before + 20_000, "{before} kB before, {after} kB after");
    assert!(friend.hello().is_some_and(|answer| answer["result"].is_object()));
    assert_eq!(ask(&mut program, ""), "old");
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) as usize) % sides.max(1)
    }
}

#[test]
fn random_bytes_open_no_door() {
    let workspace = Workspace::new();
    let (mut program, address) = start(&workspace);
    let mut dice = Dice(7);
    let sample = json!({ "jsonrpc": "2.0", "id": 7, "method": "authenticate", "params": { "token": [TOKEN] } });
    for round in 0..600 {
        let mut bytes = match round % 3 {
            0 => (0..dice.roll(6000)).map(|_| dice.roll(256) as u8).collect(),
            _ => sample.to_string().into_bytes(),
        };
        for _ in 0..dice.roll(6) {
            let at = dice.roll(bytes.len());
            match dice.roll(3) {
                0 if !bytes.is_empty() => bytes[at] = dice.roll(256) as u8,
                1 => bytes.truncate(at),
                _ => bytes.insert(at.min(bytes.len()), dice.roll(256) as u8),
            }
        }
        // Some go in the middle of a line.
        if round % 5 != 0 {
            bytes.push(b'\n');
        }
        let mut stranger = Stranger::come(&address);
        stranger.say(&bytes);
        let _ = stranger.stream.shutdown(Shutdown::Write);
        while let Some(answer) = stranger.hear() {
            assert!(answer["error"].is_object(), "{answer}");
        }
    }
    let mut friend = Stranger::come(&address);
    assert_eq!(code(friend.guess(TOKEN)), "none");
    assert_eq!(ask(&mut program, ""), "old");
}

/// Neither where it listens nor where it is connected from.
#[test]
fn the_token_is_written_nowhere() {
    let (workspace, elsewhere) = (Workspace::new(), Elsewhere::new());
    let (program, address) = start(&workspace);
    let file = workspace.write("token", &format!("{TOKEN}\n"));
    let mut command = elsewhere.command(&workspace, &["connect", &address, "--token-file"]);
    let mut connected = Program::start({
        command.arg(&file);
        command
    });
    let said = connected.line();
    let mut texts = vec![said];
    for folder in [workspace.registry().to_owned(), elsewhere.0.path().join("r")] {
        for file in std::fs::read_dir(folder).expect("a registry").flatten() {
            use std::os::unix::fs::PermissionsExt;
            let mode = file.metadata().expect("it is there").permissions().mode() & 0o077;
            let name = file.file_name().to_string_lossy().into_owned();
            assert!(mode == 0 || name.ends_with(".json"), "{name} can be opened by others");
            texts.push(std::fs::read_to_string(file.path()).unwrap_or_default());
        }
    }
    for pid in [program.pid(), connected.pid()] {
        texts.push(std::fs::read_to_string(format!("/proc/{pid}/cmdline")).expect("it runs"));
    }
    texts.push(elsewhere.call(&workspace, &["sessions", "--json"]).1);
    for text in texts {
        assert!(!text.contains("nobody guesses"), "{text}");
    }
}
