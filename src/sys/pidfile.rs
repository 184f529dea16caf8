#[derive(Debug, thiserror::Error)]
pub enum PidFileError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
}
pub struct PidFile(std::path::PathBuf);
impl PidFile {
    pub fn create(p: &std::path::Path) -> Result<Self, PidFileError> {
        std::fs::write(p, format!("{}\n", std::process::id()))?;
        Ok(PidFile(p.to_owned()))
    }
    pub fn remove(self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
