//! The commands of the chapter "The cutover".

use crate::lab::Lab;

/// The configuration as the chapter names it.
pub const FILE: &str = "/etc/keepalived/keepalived.conf";

pub struct Chapter(String);

impl Chapter {
    pub fn read(lab: &Lab) -> Self {
        let page = std::fs::read_to_string(lab.source("docs/migrating.md")).unwrap();
        let (_, chapter) = page.split_once("\n## The cutover\n").expect("the chapter");
        let chapter = chapter.split("\n## ").next().unwrap_or_default();
        Self(chapter.to_owned())
    }

    /// Those that come before the choice of a way.
    pub fn before(&self) -> Vec<String> {
        commands(self.0.split("\n### ").next().unwrap_or_default())
    }

    /// Those of a section, by its heading.
    #[track_caller]
    pub fn section(&self, heading: &str) -> Vec<String> {
        let (_, section) = self
            .0
            .split_once(&format!("\n### {heading}\n"))
            .unwrap_or_else(|| panic!("no section {heading:?}"));
        commands(section.split("\n### ").next().unwrap_or_default())
    }
}

/// Every line of the blocks marked `sh`, without what is said about it.
#[track_caller]
fn commands(text: &str) -> Vec<String> {
    let blocks = text.split("\n```sh\n").skip(1);
    let lines = blocks.flat_map(|block| block.split("\n```").next().unwrap_or_default().lines());
    let commands: Vec<_> = lines
        .map(|line| {
            line.split("    #")
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned()
        })
        .collect();
    assert!(!commands.is_empty());
    commands
}
