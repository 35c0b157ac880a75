//! `cinderblock-api`.

fn main() -> std::process::ExitCode {
    process::main(cinderblock_api::ABOUT, cinderblock_api::run)
}
