//! See the library's documentation.

fn main() -> std::process::ExitCode {
    ipvsd::cli::main()
}
