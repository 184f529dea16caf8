//! Every word of a configuration: where it stands, what it takes, what it means, and
//! whether it is served.
//!
//! One source for many readers: `lower` validates by it the words that
//! the model has no field for yet, `docs/configuration.md` and the manual page are made
//! from it, and tests make right and wrong values from it. Words that are served are
//! here as well, for the last two; what they mean is in `lower`.

mod checks;
mod global;
mod routes;
mod servers;
mod top;
mod tracking;
mod vrrp;

use std::collections::HashMap;
use std::sync::LazyLock;

/// The block that everything else stands in.
pub const TOP_LEVEL: &str = "(top)";

/// All blocks, in the order of the reference.
pub const BLOCKS: &[Block] = &[
    top::TOP,
    global::GLOBAL_DEFS,
    vrrp::VRRP_INSTANCE,
    vrrp::AUTHENTICATION,
    vrrp::AUTH_HMAC,
    vrrp::VRRP_SYNC_GROUP,
    top::GARP_GROUP,
    tracking::VRRP_SCRIPT,
    tracking::VRRP_TRACK_PROCESS,
    tracking::TRACK_FILE,
    tracking::VRRP_TRACK_FILE,
    tracking::BFD_INSTANCE,
    tracking::TRACK_GROUP,
    servers::VIRTUAL_SERVER,
    servers::REAL_SERVER,
    checks::TCP_CHECK,
    checks::HTTP_GET,
    checks::HTTP_URL,
    checks::SSL_GET,
    checks::SSL_URL,
    top::SSL,
    checks::SMTP_CHECK,
    checks::SMTP_HOST,
    checks::DNS_CHECK,
    checks::UDP_CHECK,
    checks::PING_CHECK,
    checks::MISC_CHECK,
    checks::FILE_CHECK,
    checks::BFD_CHECK,
];

/// What may stand in every block, and in none: not a word of it reaches the grammar,
/// because other files are read before there are words.
pub const EVERYWHERE: Block = top::EVERYWHERE;

/// A block and the words that may stand in it.
#[derive(Debug)]
pub struct Block {
    /// The words of the blocks around it and its own, with `/` between them;
    /// [`TOP_LEVEL`] for what stands in no block.
    pub path: &'static str,
    /// What it is for, as a sentence of the reference.
    pub about: &'static str,
    /// Words, in groups so that blocks can have some in common.
    pub words: &'static [&'static [Word]],
}

/// A word and what follows it.
#[derive(Clone, Copy, Debug)]
pub struct Word {
    pub name: &'static str,
    pub takes: Takes,
    /// What holds where it is not said, as text of the reference; empty for nothing.
    pub default: &'static str,
    /// As text of the reference.
    pub meaning: &'static str,
    pub fate: Fate,
    /// What it means that it is said twice in a block.
    pub again: Again,
    /// Its block is of no use without it.
    pub needed: bool,
}

/// What holds where a word is said several times in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    LastCounts,
    FirstCounts,
    /// All of them count.
    AddsUp,
}

/// Whether ipvsd does what the word says.
///
/// What is in the block of a word that comes later comes later, too, whatever its own fate
/// is: blocks have words in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It does, and the model has a field for it.
    Served,
    /// Not yet: the value is validated and is in the model as a
    /// [`Setting`](super::model::Setting). What this means meanwhile; empty where that is
    /// plain.
    Later(&'static str),
    /// Not now and not later, for this reason.
    Never(&'static str),
    /// What older versions of keepalived called this one.
    Older(&'static str),
    /// A word of older versions that means nothing any more.
    Gone,
}

/// What follows a word.
#[derive(Clone, Copy, Debug)]
pub enum Takes {
    /// Nothing: it is on where it stands.
    Nothing,
    /// Values on its line.
    Values(&'static [Value]),
    /// Values, and then a block of words, which [`BLOCKS`] has by its path.
    Block(&'static [Value]),
    /// Values, and then a block in which each line consists of values.
    Lines(&'static [Value], &'static [Value]),
    /// A block in which blanks and line ends alike stand between values.
    List(Value),
    /// `COMMAND [USER [GROUP]]`.
    Command,
    /// `[COMMAND [USER [GROUP]]]`.
    OptionalCommand,
    /// `COMMAND`, who runs it is said elsewhere.
    CommandLine,
    /// `USER [GROUP]`.
    User,
    /// What the other kinds cannot describe.
    Own(&'static Grammar),
}

/// What follows a word that is read by code of its own.
#[derive(Debug)]
pub struct Grammar {
    pub place: Place,
    /// What may be written, as the reference shows it: a line for each form.
    pub syntax: &'static [&'static str],
    /// Something that is right.
    pub example: &'static str,
}

/// Where the grammar of a word applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Behind the word, on its line.
    Line,
    /// In each line of its block.
    Block,
}

/// One value, or several of a kind.
#[derive(Clone, Copy, Debug)]
pub struct Value {
    /// What the reference calls it: `SECONDS`, `ADDRESS`.
    pub name: &'static str,
    pub kind: Kind,
    pub count: Count,
    /// A word that announces it: `port` in `gue port 6080`.
    pub behind: Option<&'static str>,
}

/// How often a value may be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    One,
    Optional,
    /// At least one; of values that are announced, at least one of those that have this.
    Many,
    /// Any number, none included.
    Any,
}

/// What a value may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A whole number, with the lowest and the highest that are possible.
    Integer(i64, i64),
    /// As [`Integer`](Self::Integer); what is beyond is told, and set to the limit.
    Clamped(i64, i64),
    /// A time in seconds with up to six decimal places; the lowest and the highest in
    /// microseconds.
    Seconds(u64, u64),
    /// `on`, `true`, `yes`, `off`, `false`, `no`.
    Switch,
    /// An IPv4 or IPv6 address.
    Address,
    Ipv4,
    Ipv6,
    /// An address with a prefix length or without.
    Network,
    /// 1 to 65535.
    Port,
    /// 0, which is every port, to 65535.
    PortOrAny,
    /// A time in whole seconds; the lowest and the highest.
    WholeSeconds(u32, u32),
    /// A time in milliseconds with up to three decimal places; the lowest and the highest
    /// in microseconds.
    Milliseconds(u64, u64),
    /// A number below 2^32, decimal or with `0x`.
    Mark,
    /// A mask of file modes, at most 0777: decimal, octal behind `0`, hexadecimal behind
    /// `0x`, or names of bits with `|` between them.
    Umask,
    /// A multicast address.
    Multicast,
    /// An IPv4 multicast address.
    Multicast4,
    /// An IPv6 multicast address.
    Multicast6,
    /// A whole number, with the lowest and the highest that are possible, or one of these
    /// words.
    IntegerOr(i64, i64, &'static [&'static str]),
    /// Nothing: the word that announces it is all.
    Nothing,
    /// A name that can be part of a file's: no `/`, not `.` or `..`.
    FileName,
    /// The name of a process, of which the kernel keeps 15 bytes.
    ProcessName,
    /// The name of a network interface, at most 15 bytes.
    Interface,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// What a name or a text may be is not known any closer; it is not empty.
    Text,
    /// As [`Text`](Self::Text), and nothing shows it.
    Secret,
    /// The path of a file, absolute.
    Path,
    /// A name of which nothing is known but that it has neither blanks nor control
    /// characters.
    Name,
    /// An address, or several: `FIRST-LAST`, where LAST may be the last part of an address
    /// only, or `ADDRESS/PREFIX`.
    AddressRange,
    /// How many leading bits of two addresses are compared: an IPv4 netmask, or the length
    /// of an IPv6 prefix, 1 to 128.
    Granularity,
    /// What a request asks for: begins with `/`, without blanks.
    UrlPath,
    /// 100 to 599, or `FIRST-LAST` of these.
    StatusCode,
    /// 32 hexadecimal digits.
    Md5,
    /// Hexadecimal digits, two a byte; a single one before a blank is a byte, too.
    Hex,
    /// As [`Hex`](Kind::Hex), with `x` for any digit.
    HexPattern,
    /// A name of the domain name system: labels of 1 to 63 bytes, together at most 253, or
    /// `.` for the root.
    DomainName,
}

impl Word {
    /// A word that stands for itself.
    pub const fn flag(name: &'static str) -> Self {
        Self::new(name, Takes::Nothing)
    }

    /// A word with values on its line.
    pub const fn values(name: &'static str, values: &'static [Value]) -> Self {
        Self::new(name, Takes::Values(values))
    }

    /// A word with a block of words.
    pub const fn block(name: &'static str, head: &'static [Value]) -> Self {
        Self::new(name, Takes::Block(head))
    }

    /// A word that is read by code of its own.
    pub const fn own(name: &'static str, grammar: &'static Grammar) -> Self {
        Self::new(name, Takes::Own(grammar))
    }

    pub const fn new(name: &'static str, takes: Takes) -> Self {
        Word {
            name,
            takes,
            default: "",
            meaning: "",
            fate: Fate::Served,
            // Of blocks there are mostly several.
            again: match takes {
                Takes::Block(_) | Takes::Lines(..) | Takes::List(_) => Again::AddsUp,
                _ => Again::LastCounts,
            },
            needed: false,
        }
    }

    /// Where it is said several times, the first one counts.
    pub const fn first_counts(mut self) -> Self {
        self.again = Again::FirstCounts;
        self
    }

    /// Where it is said several times, all count.
    pub const fn adds_up(mut self) -> Self {
        self.again = Again::AddsUp;
        self
    }

    /// Where it is said several times, the last one counts.
    pub const fn last_counts(mut self) -> Self {
        self.again = Again::LastCounts;
        self
    }

    /// Its block is of no use without it.
    pub const fn needed(mut self) -> Self {
        self.needed = true;
        self.default = "has to be there";
        self
    }

    /// What holds where it is not said.
    pub const fn default(mut self, default: &'static str) -> Self {
        self.default = default;
        self
    }

    pub const fn means(mut self, meaning: &'static str) -> Self {
        self.meaning = meaning;
        self
    }

    /// It is not served yet, and this is what that means.
    pub const fn later(mut self, consequence: &'static str) -> Self {
        self.fate = Fate::Later(consequence);
        self
    }

    /// It will not be served, for this reason.
    pub const fn never(mut self, reason: &'static str) -> Self {
        self.fate = Fate::Never(reason);
        self
    }

    /// It is an older spelling of another word of its block.
    pub const fn older(mut self, today: &'static str) -> Self {
        self.fate = Fate::Older(today);
        self
    }

    /// It means nothing any more.
    pub const fn gone(mut self) -> Self {
        self.fate = Fate::Gone;
        self
    }
}

/// The words of a block that comes later as a whole, which is told of the block.
const fn all_later<const N: usize>(mut words: [Word; N]) -> [Word; N] {
    let mut at = 0;
    while at < N {
        words[at].fate = Fate::Later("");
        at += 1;
    }
    words
}

/// A value that has to be there.
pub const fn one(name: &'static str, kind: Kind) -> Value {
    Value {
        name,
        kind,
        count: Count::One,
        behind: None,
    }
}

/// A value that may be left out.
pub const fn optional(name: &'static str, kind: Kind) -> Value {
    Value {
        count: Count::Optional,
        ..one(name, kind)
    }
}

/// Values of which there is at least one.
pub const fn many(name: &'static str, kind: Kind) -> Value {
    Value {
        count: Count::Many,
        ..one(name, kind)
    }
}

/// A word beside the values, which may stand anywhere among them.
pub const fn flag(word: &'static str) -> Value {
    optional(word, Kind::Nothing).behind(word)
}

impl Value {
    /// The word that announces it.
    pub const fn behind(mut self, word: &'static str) -> Self {
        self.behind = Some(word);
        self
    }
}

/// Words by block and name.
static INDEX: LazyLock<HashMap<(&'static str, &'static str), &'static Word>> =
    LazyLock::new(|| {
        let blocks = BLOCKS.iter();
        let words = blocks.flat_map(|block| {
            let words = block.words.iter().copied().flatten();
            words.map(|word| ((block.path, word.name), word))
        });
        words.collect()
    });

/// The word that may stand in a block by this name.
pub fn word(block: &str, name: &str) -> Option<&'static Word> {
    INDEX.get(&(block, name)).copied()
}

/// The block by its path.
pub fn block(path: &str) -> Option<&'static Block> {
    BLOCKS.iter().find(|block| block.path == path)
}

impl Block {
    /// All its words, in the order of the reference.
    pub fn all(&self) -> impl Iterator<Item = &'static Word> + Clone + use<> {
        self.words.iter().copied().flatten()
    }
}
