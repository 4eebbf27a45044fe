//! An HTTP/2 client, with prior knowledge or over TLS.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use h2::RecvStream;
use h2::client::{ResponseFuture, SendRequest};
use http::{Method, Request, Uri, Version};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::http1::Response;
use super::within;

/// One connection; it ends when this is dropped.
pub struct Conn {
    send: SendRequest<Bytes>,
    driver: JoinHandle<()>,
}

impl Drop for Conn {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// A request for `target` at the gateway.
pub fn request(method: &str, target: &str, headers: &[(&str, &str)]) -> Request<()> {
    request_at("http://gw.test", method, target, headers)
}

/// The same for another scheme and authority.
pub fn request_at(origin: &str, method: &str, target: &str, headers: &[(&str, &str)]) -> Request<()> {
    let uri: Uri = format!("{origin}{target}").parse().expect("a URI");
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    let mut request = Request::builder().method(method).uri(uri).version(Version::HTTP_2);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).expect("a request")
}

impl Conn {
    pub async fn open(to: SocketAddr) -> Self {
        Self::over(TcpStream::connect(to).await.expect("the gateway accepts")).await
    }

    /// From another address of this machine than usual.
    pub async fn open_from(from: IpAddr, to: SocketAddr) -> Self {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::new(from, 0)).expect("an address of this machine");
        Self::over(socket.connect(to).await.expect("the gateway accepts")).await
    }

    /// On a connection that is there.
    pub async fn over(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        let (send, connection) = within("a handshake", h2::client::handshake(stream)).await.expect("HTTP/2");
        let driver = tokio::spawn(async move {
            let _ = connection.await;
        });
        Self { send, driver }
    }

    /// Sends a request; gives its head and what brings its body.
    pub async fn start(&mut self, request: Request<()>, body: Option<Bytes>) -> Result<(Response, RecvStream), h2::Error> {
        self.begin(request, body).await?.head().await
    }

    /// Sends a request without waiting for its response.
    pub async fn begin(&mut self, request: Request<()>, body: Option<Bytes>) -> Result<Begun, h2::Error> {
        let mut send = within("room for a stream", self.send.clone().ready()).await?;
        let (response, mut stream) = send.send_request(request, body.is_none())?;
        if let Some(body) = body {
            // Who refuses by the head alone may have reset the stream by now: the response says so.
            let _ = stream.send_data(body, true);
        }
        Ok(Begun(response))
    }

    /// Sends a head alone; gives where the body goes.
    pub async fn open_stream(&mut self, request: Request<()>) -> Result<(h2::SendStream<Bytes>, Begun), h2::Error> {
        let mut send = within("room for a stream", self.send.clone().ready()).await?;
        let (response, stream) = send.send_request(request, false)?;
        Ok((stream, Begun(response)))
    }

    /// Sends a request and reads its response whole.
    pub async fn ask(&mut self, request: Request<()>, body: Option<Bytes>) -> Result<Response, h2::Error> {
        self.begin(request, body).await?.response().await
    }
}

/// A request that was sent.
pub struct Begun(ResponseFuture);

impl Begun {
    /// The response's head and what brings its body.
    pub async fn head(self) -> Result<(Response, RecvStream), h2::Error> {
        let (parts, body) = within("a response", self.0).await?.into_parts();
        let text = |v: &http::HeaderValue| String::from_utf8_lossy(v.as_bytes()).into_owned();
        let headers = parts.headers.iter().map(|(n, v)| (n.to_string(), text(v))).collect();
        Ok((Response { status: parts.status.as_u16(), headers, body: Vec::new() }, body))
    }

    /// The whole response.
    pub async fn response(self) -> Result<Response, h2::Error> {
        let (mut response, mut stream) = self.head().await?;
        while let Some(data) = data(&mut stream).await {
            response.body.extend_from_slice(&data?);
        }
        Ok(response)
    }
}

/// The next piece of a body.
pub async fn data(stream: &mut RecvStream) -> Option<Result<Bytes, h2::Error>> {
    let data = within("a piece of a body", stream.data()).await;
    if let Some(Ok(data)) = &data {
        let _ = stream.flow_control().release_capacity(data.len());
    }
    data
}
