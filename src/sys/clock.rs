use crate::moment::Moment;
pub fn now() -> Moment {
    let t = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC).unwrap();
    Moment::since_boot(std::time::Duration::new(
        t.tv_sec() as u64,
        t.tv_nsec() as u32,
    ))
}
pub async fn sleep_until(at: Moment) {
    tokio::time::sleep(at - now()).await
}
