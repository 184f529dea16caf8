//! How bad it is, and what kind of thing is wrong.

/// Whether the configuration can be used in spite of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Severity {
    /// The configuration is refused.
    Error,
    /// It is used; something in it does not do what it says, or is a risk.
    Warning,
    /// It is used, and does what it says. That is hardly what is meant, or can be said
    /// better.
    Hint,
}

impl Severity {
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Hint => "hint",
        }
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident $name:literal $severity:ident)*) => {
        /// What kind of thing is wrong. The names are stable: scripts and editors go
        /// by them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$doc])* $variant,)*
        }

        impl Code {
            pub const ALL: &'static [Code] = &[$(Code::$variant),*];

            pub fn name(self) -> &'static str {
                match self {
                    $(Code::$variant => $name,)*
                }
            }

            pub fn severity(self) -> Severity {
                match self {
                    $(Code::$variant => Severity::$severity,)*
                }
            }
        }
    };
}

codes! {
    /// The file cannot be read.
    Unreadable "unreadable" Error
    /// Nothing but blanks and comments.
    Empty "empty" Error
    /// Too many bytes or statements.
    TooLarge "too-large" Error
    /// Bytes that are not UTF-8, outside comments.
    NotUtf8 "not-utf8" Error
    NulByte "nul-byte" Error
    UnclosedQuote "unclosed-quote" Error
    /// A block that nothing closes.
    UnclosedBlock "unclosed-block" Error
    /// A word that takes a block has none.
    MissingBlock "missing-block" Error
    /// A block where none belongs.
    UnexpectedBlock "unexpected-block" Error
    UnknownWord "unknown-word" Error
    /// A word that is right in another block.
    WrongBlock "wrong-block" Error
    MissingValue "missing-value" Error
    /// Not a number, not an address, not one of the names that are possible.
    InvalidValue "invalid-value" Error
    /// A number too small or too large.
    OutOfRange "out-of-range" Error
    /// The same thing a second time.
    Duplicate "duplicate" Error
    /// A virtual server with neither real servers nor a sorry server.
    NoRealServers "no-real-servers" Error
    /// IPv4 and IPv6 where only one can be.
    FamilyMismatch "family-mismatch" Error
    /// A file that includes itself.
    IncludeCycle "include-cycle" Error
    /// A definition that refers to itself.
    DefinitionCycle "definition-cycle" Error
    /// A value that is known but not served yet, and cannot be left out.
    ValueNotServed "value-not-served" Error
    /// A file that is to be included and is not there; the rest is used without it.
    NotIncluded "not-included" Warning
    /// A known word that is not served yet; it is skipped.
    NotServed "not-served" Warning
    /// A known word that ipvsd will not serve; its reason is told.
    NeverServed "never-served" Warning
    /// What older versions of keepalived called it.
    OlderSpelling "older-spelling" Warning
    /// Upper and lower case other than the usual.
    UnusualCase "unusual-case" Warning
    /// A `}` that closes nothing; it is skipped.
    ExtraBrace "extra-brace" Warning
    /// Words that change nothing; they are skipped.
    NoEffect "no-effect" Warning
    /// A value is missing, and keepalived goes on with a default.
    DefaultAssumed "default-assumed" Warning
    /// It can be run as it stands, and is hardly meant: something fails, is left out, or
    /// is a risk.
    Doubtful "doubtful" Warning
    /// Said twice; one of the two counts.
    Repeated "repeated" Warning
    /// Another port than the one that is written is used.
    PortOverridden "port-overridden" Warning
    /// Another value than the one that is written is used.
    ValueAdjusted "value-adjusted" Warning
    /// It does what it says, but that is probably not what is meant, or there is a
    /// better way.
    Advice "advice" Hint
    /// It is so without it: the same was said before, or is so in any case.
    Redundant "redundant" Hint
}
