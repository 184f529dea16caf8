pub enum Target {
    Console,
    Journal,
}
pub fn init(_t: Target, detail: bool, _process: &str) {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(if detail {
            tracing::Level::DEBUG
        } else {
            tracing::Level::INFO
        })
        .init();
}
pub fn child_arguments() -> Vec<String> {
    vec!["--console".into(), "--detail".into()]
}
pub fn timestamp(at: f64) -> String {
    format!("{at}")
}
