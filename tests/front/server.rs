//! A mail server on loopback that keeps what it is sent, and misbehaves as it is told.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What it is asked, and when.
pub struct Asked<'a> {
    /// From 1.
    pub connection: usize,
    /// Empty is the greeting, "." the end of a mail.
    pub command: &'a str,
}

/// What it does instead of what a good server does.
pub enum Reply {
    Say(String),
    /// Nothing, for ever.
    Hang,
    Close,
    /// Bytes without end and without a line's.
    Flood,
}

pub fn say(text: &str) -> Option<Reply> {
    Some(Reply::Say(text.to_owned()))
}

pub struct Server {
    pub address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    serving: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    connections: usize,
    commands: Vec<String>,
    mails: Vec<Received>,
}

/// A mail that was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    pub from: String,
    pub to: Vec<String>,
    /// Headers and body, without the dot.
    pub text: String,
}

impl Received {
    /// The value of a header.
    pub fn header(&self, name: &str) -> &str {
        let prefix = format!("{name}: ");
        let mut lines = self.text.lines().take_while(|line| !line.is_empty());
        lines
            .find_map(|line| line.strip_prefix(&prefix))
            .unwrap_or_else(|| panic!("no {name} in {}", self.text))
    }

    pub fn subject(&self) -> &str {
        self.header("Subject")
    }
}

impl Server {
    /// One that does what it should but where `manner` says otherwise.
    pub async fn start(
        manner: impl Fn(&Asked<'_>) -> Option<Reply> + Send + Sync + 'static,
    ) -> Server {
        Self::start_at("127.0.0.1:0".parse().unwrap(), manner).await
    }

    pub async fn start_at(
        address: SocketAddr,
        manner: impl Fn(&Asked<'_>) -> Option<Reply> + Send + Sync + 'static,
    ) -> Server {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let manner = Arc::new(manner);
        let serving = tokio::spawn({
            let seen = seen.clone();
            async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    let connection = {
                        let mut seen = seen.lock().unwrap();
                        seen.connections += 1;
                        seen.connections
                    };
                    let (seen, manner) = (seen.clone(), manner.clone());
                    tokio::spawn(async move {
                        // That a client goes away is its right.
                        let _ = serve(stream, connection, &seen, &*manner).await;
                    });
                }
            }
        });
        Server {
            address,
            seen,
            serving,
        }
    }

    pub fn connections(&self) -> usize {
        self.seen.lock().unwrap().connections
    }

    pub fn mails(&self) -> Vec<Received> {
        self.seen.lock().unwrap().mails.clone()
    }

    pub fn subjects(&self) -> Vec<String> {
        let mails = self.mails();
        mails.iter().map(|mail| mail.subject().to_owned()).collect()
    }

    pub fn commands(&self) -> Vec<String> {
        self.seen.lock().unwrap().commands.clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(
    stream: TcpStream,
    connection: usize,
    seen: &Mutex<Seen>,
    manner: &(dyn Fn(&Asked<'_>) -> Option<Reply> + Send + Sync),
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut command = String::new();
    let mut mail = Received::default();
    loop {
        if !command.is_empty() {
            seen.lock().unwrap().commands.push(command.clone());
        }
        let asked = Asked {
            connection,
            command: &command,
        };
        let text = match manner(&asked) {
            None => usual(&command).to_owned(),
            Some(Reply::Say(text)) => text,
            Some(Reply::Close) => return Ok(()),
            Some(Reply::Hang) => std::future::pending().await,
            Some(Reply::Flood) => loop {
                stream.write_all(&[b'x'; 1024]).await?;
            },
        };
        let agreed = text.starts_with(['2', '3']);
        stream.write_all(format!("{text}\r\n").as_bytes()).await?;
        let word = command.split(':').next().unwrap_or_default().to_owned();
        match word.as_str() {
            "MAIL FROM" if agreed => {
                mail = Received {
                    from: address(&command),
                    ..Received::default()
                };
            }
            "RCPT TO" if agreed => mail.to.push(address(&command)),
            "DATA" if agreed => {
                let Some(text) = data(&mut stream).await? else {
                    return Ok(());
                };
                mail.text = text;
                command = ".".to_owned();
                continue;
            }
            "." if agreed => seen.lock().unwrap().mails.push(std::mem::take(&mut mail)),
            "QUIT" => return Ok(()),
            _ => {}
        }
        command.clear();
        if stream.read_line(&mut command).await? == 0 {
            return Ok(());
        }
        command.truncate(command.trim_end().len());
    }
}

fn usual(command: &str) -> &'static str {
    match command.split([' ', ':']).next().unwrap_or_default() {
        "" => "220 mail.example.org ESMTP",
        "EHLO" => "250-mail.example.org\r\n250-SIZE 1000000\r\n250 8BITMIME",
        "DATA" => "354 go on",
        "QUIT" => "221 bye",
        "MAIL" | "RCPT" | "RSET" | "." => "250 2.0.0 ok",
        _ => "500 5.5.1 what?",
    }
}

/// `MAIL FROM:<a@b> BODY=8BITMIME` has a@b.
fn address(command: &str) -> String {
    let (_, rest) = command.split_once('<').unwrap();
    rest.split_once('>').unwrap().0.to_owned()
}

async fn data(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<String>> {
    let mut text = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        if line == ".\r\n" {
            return Ok(Some(text));
        }
        text.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}
