//! The table of words, `ipvsd::config::reference`, against the pages that are made from
//! it and against what the reader does.
//!
//! `UPDATE=1 cargo test --test config_reference` makes the pages anew.

mod dumped;
mod form;
mod manual;
mod pages;
mod samples;
mod sentences;
mod tables;
mod words;
