//! The lines that definitions and sequences have made, and where each byte of them
//! really stands.

use std::ops::Range;

use super::{Source, SourceId, Span};

/// How many stretches one place is looked up in.
const STRETCHES: usize = 64;
/// How many notes say where a place comes from.
const NOTES: usize = 6;

/// Index of a [`Frame`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::config) struct FrameId(u32);

impl FrameId {
    /// What stands in a line itself.
    pub const NONE: FrameId = FrameId(u32::MAX);
}

/// One use of a definition.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct Frame {
    /// Where it is used: in a line, or in the text of the definition around it.
    pub used: Span,
    /// The use that the text around it comes from.
    pub outer: FrameId,
    /// Which name stands there.
    pub name: u32,
    /// Which of the labels says what it stood for.
    pub label: u32,
}

/// Bytes that come from one place.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct Stretch {
    /// Where it begins; it ends where the next begins.
    pub start: u32,
    /// Where it is written.
    pub place: Span,
    pub frame: FrameId,
    /// It is written there byte by byte.
    pub exact: bool,
}

/// Where something really stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) struct Real {
    /// In a file: the word itself, or the use of what it comes from.
    pub span: Span,
    /// Where it comes from, the outermost first, with what is to be said of it.
    pub notes: Vec<(Span, String)>,
    /// It is written at [`span`](Self::span) byte by byte.
    pub exact: bool,
}

impl Real {
    pub fn plain(span: Span) -> Self {
        Real {
            span,
            notes: Vec::new(),
            exact: true,
        }
    }
}

/// All lines that were made.
#[derive(Clone, Debug)]
pub(in crate::config) struct Made {
    source: Source,
    stretches: Vec<Stretch>,
    frames: Vec<Frame>,
    labels: Vec<String>,
}

impl Default for Made {
    fn default() -> Self {
        Made {
            source: Source::new("", Vec::new()),
            stretches: Vec::new(),
            frames: Vec::new(),
            labels: Vec::new(),
        }
    }
}

impl Made {
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// All lines, once they are complete, and where they come from.
    pub fn set(&mut self, text: String, stretches: Vec<Stretch>) {
        self.source = Source::new("", text.into_bytes());
        self.stretches = stretches;
    }

    pub fn push_frame(&mut self, frame: Frame) -> FrameId {
        self.frames.push(frame);
        FrameId((self.frames.len() - 1) as u32)
    }

    /// What is said of the places that a definition is about.
    pub fn push_label(&mut self, label: String) -> u32 {
        self.labels.push(label);
        (self.labels.len() - 1) as u32
    }

    /// The uses that a text comes from, the innermost first.
    pub fn chain(&self, mut frame: FrameId) -> impl Iterator<Item = &Frame> {
        std::iter::from_fn(move || {
            let found = self.frames.get(frame.0 as usize)?;
            frame = found.outer;
            Some(found)
        })
    }

    /// Where part of the text really stands.
    pub fn resolve(&self, range: Range<u32>) -> Real {
        let end = self.source.text().len() as u32;
        self.resolve_in(&self.stretches, end, range)
    }

    /// The same in a text that is not complete yet and ends at `end`.
    pub fn resolve_in(&self, stretches: &[Stretch], end: u32, range: Range<u32>) -> Real {
        let mut real: Option<Real> = None;
        for (stretch, place) in touched(stretches, end, range) {
            let mut notes = Vec::new();
            let mut span = place;
            for frame in self.chain(stretch.frame) {
                let label = self.labels.get(frame.label as usize);
                notes.push((span, label.cloned().unwrap_or_default()));
                span = frame.used;
            }
            notes.reverse();
            let exact = stretch.exact && notes.is_empty();
            match &mut real {
                None => real = Some(Real { span, notes, exact }),
                Some(real) => {
                    if real.span.source == span.source {
                        real.span.start = real.span.start.min(span.start);
                        real.span.end = real.span.end.max(span.end);
                    }
                    for note in notes {
                        if !real.notes.iter().any(|(known, _)| *known == note.0) {
                            real.notes.push(note);
                        }
                    }
                    real.exact &= exact;
                }
            }
        }
        let mut real = real.unwrap_or_else(|| Real::plain(Span::default()));
        if real.notes.len() > NOTES {
            // The outermost and the innermost say most.
            real.notes.drain(NOTES / 2..real.notes.len() - NOTES / 2);
        }
        real
    }

    /// The file that the line with this byte is made from, and a place in it.
    pub fn line(&self, at: u32) -> (SourceId, u32) {
        let after = self
            .stretches
            .partition_point(|stretch| stretch.start <= at);
        let Some(stretch) = self.stretches.get(after.saturating_sub(1)) else {
            return (SourceId::default(), 0);
        };
        let outermost = self.chain(stretch.frame).last();
        let place = outermost.map_or(stretch.place, |frame| frame.used);
        (place.source, place.start)
    }

    /// Where the bytes are written that part of the text consists of.
    pub fn written(&self, range: Range<u32>) -> Vec<Span> {
        let end = self.source.text().len() as u32;
        let touched = touched(&self.stretches, end, range);
        let written = touched.filter(|(stretch, _)| stretch.exact);
        written.map(|(_, place)| place).collect()
    }
}

/// The stretches that a range touches, each with the place that it has of it.
fn touched(
    stretches: &[Stretch],
    end: u32,
    range: Range<u32>,
) -> impl Iterator<Item = (&Stretch, Span)> {
    let first = stretches.partition_point(|stretch| stretch.start <= range.start);
    let first = first.saturating_sub(1);
    let range_end = range.end.max(range.start + 1);
    (first..stretches.len())
        .take(STRETCHES)
        .map_while(move |index| {
            let stretch = stretches.get(index)?;
            let next = stretches.get(index + 1).map_or(end, |next| next.start);
            if index > first && stretch.start >= range_end {
                return None;
            }
            let mut place = stretch.place;
            if stretch.exact {
                let from = range.start.saturating_sub(stretch.start);
                let to = range.end.min(next).saturating_sub(stretch.start);
                place.end = (place.start + to).min(stretch.place.end);
                place.start = (place.start + from).min(place.end);
            }
            Some((stretch, place))
        })
}
