//! A real server: nginx that answers with its host's name, and its deaths.

use std::cell::RefCell;
use std::fs;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::ops::Deref;
use std::process::{Child, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::lab::{Lab, secs, wait_until};
use crate::net::Namespace;

pub struct Web<'lab> {
    lab: &'lab Lab,
    host: Namespace,
    pub address: IpAddr,
    nginx: RefCell<Option<Child>>,
}

/// A web server is a host: what a `Namespace` can do, it can.
impl Deref for Web<'_> {
    type Target = Namespace;

    fn deref(&self) -> &Namespace {
        &self.host
    }
}

impl<'lab> Web<'lab> {
    pub fn new(lab: &'lab Lab, host: Namespace, address: IpAddr) -> Self {
        Self {
            lab,
            host,
            address,
            nginx: RefCell::new(None),
        }
    }

    pub fn at(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.address, port)
    }

    /// nginx on port 80: `/` answers 200 with the host's name and a newline,
    /// `/status/404` and the like with that status.
    pub fn start_nginx(&self) {
        self.start_nginx_with(&[80], "");
    }

    /// nginx on these ports, with more words for its `server` block.
    pub fn start_nginx_with(&self, ports: &[u16], more: &str) {
        assert!(
            self.nginx.borrow().is_none(),
            "{} runs nginx already",
            self.name()
        );
        let name = self.name();
        let dir = self.lab.scratch(name);
        let log = self.lab.log_file(&format!("{name}-nginx.log"));
        let listen: String = ports
            .iter()
            .map(|port| format!("listen {port}; listen [::]:{port} ipv6only=on;\n"))
            .collect();
        let statuses: String = [204, 301, 302, 400, 404, 500, 503]
            .iter()
            .map(|status| format!("location = /status/{status} {{ return {status}; }}\n"))
            .collect();
        // One process, so that to kill it is to kill the service.
        let conf = format!(
            "daemon off;\nmaster_process off;\npid {dir}/nginx.pid;\nerror_log {log};\n\
             events {{ worker_connections 256; }}\n\
             http {{\naccess_log off;\ndefault_type text/plain;\nkeepalive_timeout 0;\n\
             client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy;\n\
             fastcgi_temp_path {dir}/fastcgi; uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;\n\
             server {{\n{listen}location / {{ return 200 \"{name}\\n\"; }}\n{statuses}{more}\n}}\n}}\n",
            dir = dir.display(),
            log = log.display(),
        );
        let conf_path = dir.join("nginx.conf");
        fs::write(&conf_path, conf).unwrap();
        let child = self
            .command("nginx")
            .args(["-e".as_ref(), log.as_os_str()])
            .args(["-p".as_ref(), dir.as_os_str()])
            .args(["-c".as_ref(), conf_path.as_os_str()])
            .stdin(Stdio::null())
            .spawn()
            .expect("nginx");
        *self.nginx.borrow_mut() = Some(child);
        for port in ports {
            let here = self.at(*port);
            wait_until(
                &format!("nginx of {name} listens on {here}"),
                secs(20),
                || self.enter(|| TcpStream::connect_timeout(&here, Duration::from_secs(1)).is_ok()),
            );
        }
    }

    /// The service dies; the host answers on: connections are refused.
    pub fn kill(&self) {
        let mut nginx = self.nginx.borrow_mut().take().expect("a running nginx");
        nginx.kill().unwrap();
        nginx.wait().unwrap();
        self.lab.note(format!("{}: nginx killed", self.name()));
    }

    /// The service hangs: the kernel accepts connections, nobody answers.
    pub fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
        self.lab.note(format!("{}: nginx frozen", self.name()));
    }

    pub fn thaw(&self) {
        self.signal(Signal::SIGCONT);
        self.lab.note(format!("{}: nginx thawed", self.name()));
    }

    fn signal(&self, signal: Signal) {
        let nginx = self.nginx.borrow();
        let pid = nginx.as_ref().expect("a running nginx").id();
        kill(Pid::from_raw(pid as i32), signal).unwrap();
    }
}
