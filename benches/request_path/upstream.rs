//! The upstream: 1 KiB of JSON over keep-alive connections, or a small JSON-RPC answer to a POST.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub(crate) async fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            tokio::spawn(serve(stream));
        }
    });
    address
}

async fn serve(mut stream: TcpStream) {
    let body = "x".repeat(1024 - 11);
    let answer =
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1024\r\n\r\n{{\"data\":\"{body}\"}}");
    assert!(answer.ends_with("\"}"));
    let rpc = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"echo"}]}}"#;
    let rpc = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{rpc}", rpc.len());
    let mut read = Vec::with_capacity(8192);
    loop {
        let Some(end) = read.windows(4).position(|w| w == b"\r\n\r\n") else {
            if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
                return;
            }
            continue;
        };
        let head = String::from_utf8_lossy(&read[..end]).to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|l| l.split("\r\n").next()?.parse().ok()).unwrap_or(0);
        while read.len() < end + 4 + length {
            if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
                return;
            }
        }
        read.drain(..end + 4 + length);
        let written = if length > 0 { stream.write_all(rpc.as_bytes()).await } else { stream.write_all(answer.as_bytes()).await };
        if written.is_err() {
            return;
        }
    }
}
