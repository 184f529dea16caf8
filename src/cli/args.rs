//! What may be written on the command line.

use std::path::PathBuf;

use clap::{ArgAction, Parser, Subcommand, ValueEnum};

/// An LVS director: reads a keepalived.conf, checks the real servers, keeps the
/// kernel's IPVS table true, and moves addresses between directors with VRRP.
#[derive(Clone, Debug, Parser)]
#[command(name = "ipvsd", disable_version_flag = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Use this configuration; default: /etc/ipvsd/ipvsd.conf, and where that is
    /// absent /etc/keepalived/keepalived.conf
    #[arg(short = 'f', long, value_name = "FILE", global = true)]
    pub use_file: Option<PathBuf>,

    /// Skip lines that begin with @ and another id, and those that begin with @^ and
    /// this one; default: the host's name up to its first dot
    #[arg(short = 'i', long, value_name = "ID", global = true)]
    pub config_id: Option<String>,

    /// Refuse the configuration if a file that it includes is missing or cannot be read
    #[arg(short = 'e', long, global = true)]
    pub all_config: bool,

    /// Run in this network namespace (ip-netns(8)), whatever `net_namespace` says; other
    /// commands look at, or ask, the director that is there
    #[arg(short = 's', long, value_name = "NAME", global = true)]
    pub namespace: Option<String>,

    /// Stay in the foreground
    #[arg(short = 'n', long)]
    pub dont_fork: bool,

    /// Log to standard error
    #[arg(short = 'l', long)]
    pub log_console: bool,

    /// Log in more detail
    #[arg(short = 'D', long)]
    pub log_detail: bool,

    /// Write the configuration, as it was understood, to the log
    #[arg(short = 'd', long)]
    pub dump_conf: bool,

    /// Run VRRP only: instances and sync groups, no checker and no virtual servers
    #[arg(short = 'P', long)]
    pub vrrp: bool,

    /// Run the checker only: virtual servers and real servers, no VRRP
    #[arg(short = 'C', long)]
    pub check: bool,

    /// Check the configuration, print what is wrong, and exit: 0 if it can be run,
    /// 5 if not
    #[arg(short = 't', long, value_name = "LOG", num_args = 0..=1, require_equals = true)]
    pub config_test: Option<Option<PathBuf>>,

    /// The file for the pid; default: ipvsd.pid in /run/ipvsd
    #[arg(short = 'p', long, value_name = "FILE")]
    pub pid: Option<PathBuf>,

    /// The file for the checker's pid; default: ipvsd_checkers.pid in /run/ipvsd
    #[arg(short = 'c', long, value_name = "FILE")]
    pub checkers_pid: Option<PathBuf>,

    /// The file for the pid of VRRP; default: ipvsd_vrrp.pid in /run/ipvsd
    #[arg(short = 'r', long = "vrrp_pid", value_name = "FILE")]
    pub vrrp_pid: Option<PathBuf>,

    /// Leave the virtual servers in the kernel at the end
    #[arg(short = 'I', long)]
    pub dont_release_ipvs: bool,

    /// Print the version
    #[arg(short = 'v', long = "version")]
    pub show_version: bool,

    #[command(flatten)]
    pub not_served: NotServed,

    /// Set in a process that was started to go into the background.
    #[arg(long, hide = true)]
    pub in_background: bool,
}

/// Options of keepalived's that unit files in the wild have, and that do nothing
/// here yet. Each is told when it is used.
#[derive(Clone, Debug, clap::Args)]
pub struct NotServed {
    #[arg(short = 'B', long = "no_bfd", hide = true)]
    no_bfd: bool,
    #[arg(long, hide = true)]
    all: bool,
    #[arg(short = 'S', long, hide = true, value_name = "FACILITY")]
    log_facility: Option<String>,
    #[arg(short = 'g', long, hide = true, value_name = "FILE")]
    log_file: Option<PathBuf>,
    #[arg(long, hide = true)]
    flush_log_file: bool,
    #[arg(short = 'G', long, hide = true)]
    no_syslog: bool,
    #[arg(short = 'X', long, hide = true)]
    release_vips: bool,
    #[arg(short = 'V', long, hide = true)]
    dont_release_vrrp: bool,
    #[arg(short = 'R', long, hide = true)]
    dont_respawn: bool,
    #[arg(short = 'b', long = "bfd_pid", hide = true, value_name = "FILE")]
    bfd_pid: Option<PathBuf>,
    #[arg(short = 'a', long, hide = true)]
    address_monitoring: bool,
    #[arg(short = 'x', long, hide = true)]
    snmp: bool,
    #[arg(short = 'A', long, hide = true, value_name = "FILE")]
    snmp_agent_socket: Option<PathBuf>,
    #[arg(short = 'u', long, hide = true, value_name = "NUMBER")]
    umask: Option<String>,
    #[arg(short = 'm', long, hide = true, action = ArgAction::Count)]
    core_dump: u8,
}

impl NotServed {
    /// Those that were used, as they are written.
    pub fn used(&self) -> Vec<&'static str> {
        let used = [
            (self.no_bfd, "-B/--no_bfd"),
            (self.all, "--all"),
            (self.log_facility.is_some(), "-S/--log-facility"),
            (self.log_file.is_some(), "-g/--log-file"),
            (self.flush_log_file, "--flush-log-file"),
            (self.no_syslog, "-G/--no-syslog"),
            (self.release_vips, "-X/--release-vips"),
            (self.dont_release_vrrp, "-V/--dont-release-vrrp"),
            (self.dont_respawn, "-R/--dont-respawn"),
            (self.bfd_pid.is_some(), "-b/--bfd_pid"),
            (self.address_monitoring, "-a/--address-monitoring"),
            (self.snmp, "-x/--snmp"),
            (self.snmp_agent_socket.is_some(), "-A/--snmp-agent-socket"),
            (self.umask.is_some(), "-u/--umask"),
            (self.core_dump > 0, "-m/--core-dump"),
        ];
        used.into_iter()
            .filter(|(is_used, _)| *is_used)
            .map(|(_, name)| name)
            .collect()
    }
}

#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Run the director; this is also what happens without a command
    Run,
    /// Check a configuration and print what is wrong with it: errors, with which it is not
    /// run, warnings of what does not work as it says, and hints at what could be better
    Check {
        /// Default: the file that would be run
        file: Option<PathBuf>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
        /// Print the configuration as it was understood, with all defaults, and what is
        /// wrong to standard error
        #[arg(long)]
        dump: bool,
    },
    /// Show what a configuration would change, in the kernel and in the running director,
    /// and change nothing. Exit status: 0 nothing would change, 3 something would, 1 it is
    /// refused or could not be found out
    Plan {
        /// Default: the file that the running director reads at a reload, or that would be
        /// run
        file: Option<PathBuf>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Show the pools, weights, verdicts and processes of the running director
    Status {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
        /// The latest events instead, from the oldest
        #[arg(long)]
        events: bool,
    },
    /// Give a real server no new connections, with weight 0, until `undrain`: also over
    /// reloads and restarts. Without names: list those that are drained
    #[command(override_usage = "ipvsd drain [OPTIONS] [VIRTUAL_SERVER REAL_SERVER]")]
    Drain {
        /// The virtual server and the real server, as the file or `ipvsadm -Ln` has them:
        /// `10.0.0.80:80 10.0.0.11:80`, `UDP 10.0.0.80:53 10.0.0.11`,
        /// `fwmark 3 10.0.0.11:80`, `group web 10.0.0.11:80`
        #[arg(value_name = "VIRTUAL_SERVER REAL_SERVER")]
        names: Vec<String>,
        /// Return when its connections are gone; with SECONDS, at the latest then, with
        /// exit status 1 if some are left
        #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true)]
        wait: Option<Option<u64>>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Give a drained real server new connections again
    #[command(override_usage = "ipvsd undrain [OPTIONS] VIRTUAL_SERVER REAL_SERVER")]
    Undrain {
        /// As for `drain`
        #[arg(value_name = "VIRTUAL_SERVER REAL_SERVER", required = true)]
        names: Vec<String>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Print a completion script for a shell
    Completions { shell: clap_complete::Shell },
    /// A process of the running director; core starts these
    #[command(hide = true)]
    Child {
        process: ChildProcess,
        #[arg(long)]
        console: bool,
        #[arg(long)]
        detail: bool,
        /// Standard output is a socket to IPVS, in the network namespace of the table.
        #[arg(long)]
        handed_ipvs: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ChildProcess {
    Checker,
    Vrrp,
    Front,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_served_alone_and_where_pids_go() {
        let parse = |words: &[&str]| {
            let words = ["ipvsd"].iter().chain(words);
            Arguments::try_parse_from(words).expect("options that there are")
        };
        let arguments = parse(&["-P", "-r", "/run/v.pid"]);
        assert!(arguments.vrrp && !arguments.check);
        assert_eq!(arguments.vrrp_pid, Some(PathBuf::from("/run/v.pid")));
        assert!(arguments.not_served.used().is_empty());
        let arguments = parse(&["--vrrp", "--check", "--vrrp_pid=/run/v.pid"]);
        assert!(arguments.vrrp && arguments.check && arguments.vrrp_pid.is_some());
    }
}
