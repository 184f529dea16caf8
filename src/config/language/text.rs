//! Text that knows where it stands.

use std::ops::Range;

use super::super::source::{FrameId, Span, Stretch};

/// Part of a line, and where each byte of it is written.
#[derive(Clone, Debug, Default)]
pub(super) struct Text {
    text: String,
    stretches: Vec<Stretch>,
}

impl Text {
    /// Text that is written at `place` byte by byte.
    pub fn written(text: &str, place: Span, frame: FrameId) -> Self {
        let mut written = Text::default();
        written.push(text, place, frame, true);
        written
    }

    /// Text that stands for what is written at `place`.
    pub fn standing_for(text: &str, place: Span, frame: FrameId) -> Self {
        let mut standing = Text::default();
        standing.push(text, place, frame, false);
        standing
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn len(&self) -> usize {
        self.text.len()
    }

    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    pub fn push(&mut self, text: &str, place: Span, frame: FrameId, exact: bool) {
        if text.is_empty() {
            return;
        }
        self.stretches.push(Stretch {
            start: self.text.len() as u32,
            place,
            frame,
            exact,
        });
        self.text.push_str(text);
    }

    /// Adds part of another text, as what `frame` has brought where there is one.
    pub fn push_part(&mut self, other: &Text, range: Range<usize>, frame: Option<FrameId>) {
        let mut at = range.start;
        while at < range.end {
            let stretch = other.stretch(at);
            let end = other.stretch_end(at).min(range.end).max(at + 1);
            let mut place = stretch.place;
            if stretch.exact {
                place.start += at as u32 - stretch.start;
                place.end = place.start + (end - at) as u32;
            }
            let frame = frame.unwrap_or(stretch.frame);
            self.join(&other.text[at..end], place, frame, stretch.exact);
            at = end;
        }
    }

    /// Adds what may go on with what is there.
    fn join(&mut self, text: &str, place: Span, frame: FrameId, exact: bool) {
        if let Some(last) = self.stretches.last_mut()
            && exact
            && last.exact
            && last.frame == frame
            && last.place.source == place.source
            && last.place.end == place.start
        {
            last.place.end = place.end;
            self.text.push_str(text);
        } else {
            self.push(text, place, frame, exact);
        }
    }

    pub fn part(&self, range: Range<usize>) -> Text {
        let mut part = Text::default();
        part.push_part(self, range, None);
        part
    }

    /// Without the blanks around it.
    pub fn trimmed(self) -> Text {
        let start = self.text.len() - self.text.trim_start_matches(is_blank).len();
        let end = self.text.trim_end_matches(is_blank).len();
        match start {
            0 if end == self.text.len() => self,
            _ => self.part(start..end.max(start)),
        }
    }

    /// The use of a definition that the byte at `at` comes from.
    pub fn frame(&self, at: usize) -> FrameId {
        self.stretch(at).frame
    }

    /// Where a range is written, in the text that its frame is about.
    pub fn place(&self, range: Range<usize>) -> Span {
        let mut whole: Option<Span> = None;
        for index in self.index(range.start).. {
            let Some(stretch) = self.stretches.get(index) else {
                break;
            };
            let start = (stretch.start as usize).max(range.start);
            let next = self.stretches.get(index + 1);
            let end = next.map_or(self.text.len(), |next| next.start as usize);
            let end = end.min(range.end);
            if start >= end {
                break;
            }
            let mut place = stretch.place;
            if stretch.exact {
                place.start += start as u32 - stretch.start;
                place.end = place.start + (end - start) as u32;
            }
            whole = Some(whole.map_or(place, |whole| whole.to(place)));
        }
        whole.unwrap_or_default()
    }

    /// Gives back the room that it does not need.
    pub fn shrink(mut self) -> Text {
        self.text.shrink_to_fit();
        self.stretches.shrink_to_fit();
        self
    }

    fn stretch(&self, at: usize) -> Stretch {
        self.stretches[self.index(at)]
    }

    fn stretch_end(&self, at: usize) -> usize {
        let next = self.stretches.get(self.index(at) + 1);
        next.map_or(self.text.len(), |next| next.start as usize)
    }

    fn index(&self, at: usize) -> usize {
        let after = self
            .stretches
            .partition_point(|stretch| stretch.start as usize <= at);
        after.saturating_sub(1)
    }
}

/// What separates words, as the grammar has it.
pub(super) fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\x0b' | '\x0c')
}

/// The length of a name that stands at the beginning: letters, digits and `_`, and no
/// digit first.
pub(super) fn name_length(text: &str) -> usize {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    match text.as_bytes().first() {
        Some(first) if first.is_ascii_digit() => 0,
        _ => text.bytes().take_while(|byte| is_name(byte)).count(),
    }
}

/// Where the comment of a line begins; its end where it has none.
pub(super) fn comment(line: &str) -> usize {
    let mut quoted = false;
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'#' | b'!' if !quoted => return at,
            _ => {}
        }
    }
    line.len()
}

#[cfg(test)]
mod tests {
    use super::super::super::source::SourceId;
    use super::*;

    #[test]
    fn parts_keep_their_places() {
        let place = |start, end| Span {
            source: SourceId(0),
            start,
            end,
        };
        let mut text = Text::written("  abc", place(10, 15), FrameId::NONE);
        text.push("7", place(20, 24), FrameId::NONE, false);
        let text = text.trimmed();
        assert_eq!(text.as_str(), "abc7");
        assert_eq!(text.place(1..3), place(13, 15));
        assert_eq!(text.place(3..4), place(20, 24));
        assert_eq!(text.part(2..4).as_str(), "c7");
    }

    #[test]
    fn comments_begin_outside_quotes() {
        assert_eq!(comment("a \"#\" # b"), 6);
        assert_eq!(comment("a ! b"), 2);
        assert_eq!(comment("a"), 1);
    }
}
