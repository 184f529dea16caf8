use crate::check::misc::ScriptEnd;
use crate::config::model::{Model, ScriptId};
pub struct Runner {
    scripts: Vec<Vec<String>>,
}
impl Runner {
    pub fn new(m: &Model) -> Self {
        Runner {
            scripts: m.scripts.iter().map(|s| s.argv.clone()).collect(),
        }
    }
    pub async fn run(
        &self,
        id: ScriptId,
        _x: &[String],
        timeout: std::time::Duration,
    ) -> ScriptEnd {
        let argv = &self.scripts[id.0 as usize];
        let mut c = tokio::process::Command::new(&argv[0]);
        c.args(&argv[1..]).kill_on_drop(true);
        match tokio::time::timeout(timeout, c.status()).await {
            Ok(Ok(s)) => ScriptEnd::Exited(s.code().unwrap_or(1) as u8),
            Ok(Err(e)) => ScriptEnd::NotRun(e.to_string()),
            Err(_) => ScriptEnd::TimedOut(timeout),
        }
    }
}
pub fn inspect(_: &Model) -> Vec<String> {
    Vec::new()
}
